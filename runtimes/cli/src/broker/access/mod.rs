//! Who may come in, and who may do what.

mod passwords;
mod rules;

use core::pin::Pin;
use std::{
    sync::{Arc, PoisonError, RwLock},
    thread,
};

use bytes::Bytes;
use mqtt_engine::{Answer, Text, packet::ReasonCode};
use tokio::{sync::Semaphore, task::spawn_blocking};

pub(crate) use passwords::{PasswordFile, Passwords, hash, is_exposed, name_fault};
use rules::Subject;
pub(crate) use rules::{Action, Pattern, Permissions, Rules};

/// How many clients may wait for the check of their passwords. More are told that the server is busy, so that a flood of
/// CONNECTs can't fill the memory with passwords.
const MOST_WAITING: usize = 1000;

/// Everything that decides about clients; replaced whole by a reload.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// Without, nobody's user name is believed.
    pub(crate) passwords: Option<Passwords>,
    /// Without, everybody may do everything.
    pub(crate) permissions: Option<Permissions>,
    /// Of each listener, whether a client may come in without a user name.
    pub(crate) allow_anonymous: Vec<bool>,
}

impl Access {
    /// Whether a client may do this. Its user name was verified at the door, or means nothing.
    pub(crate) fn allows(&self, client_id: &Text, user_name: Option<&Text>, action: Action<'_>) -> bool {
        let user_name = match (&self.passwords, user_name.map(Text::as_str)) {
            // It was there when the client came in.
            (Some(passwords), Some(name)) if !passwords.knows(name) => return false,
            (Some(_), name) => name,
            (None, _) => None,
        };
        let subject = Subject { client_id: client_id.as_str(), user_name };
        self.permissions.as_ref().is_none_or(|permissions| permissions.allow(subject, action))
    }

    /// Whether a client that came in by this listener may still be there, who was let in by `former` rules.
    pub(crate) fn still_admits(&self, former: &Self, listener: usize, user_name: Option<&Text>) -> bool {
        match (user_name, &self.passwords, &former.passwords) {
            (Some(name), Some(passwords), Some(former)) => passwords.agrees(former, name.as_str()),
            // The name was not verified then.
            (Some(_), Some(_), None) => false,
            (None, ..) | (Some(_), None, _) => self.allows_anonymous(listener),
        }
    }

    fn allows_anonymous(&self, listener: usize) -> bool {
        self.allow_anonymous.get(listener).copied().unwrap_or(false)
    }
}

/// The rules in force, and the checks of passwords that are under way.
#[derive(Debug)]
pub(crate) struct Guard {
    access: RwLock<Arc<Access>>,
    /// A check takes a processor and some 19 MiB: as many at a time as there are processors.
    checks: Semaphore,
    waiting: Arc<Semaphore>,
}

impl Guard {
    pub(crate) fn new(access: Access) -> Arc<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Self {
            access: RwLock::new(Arc::new(access)),
            checks: Semaphore::new(processors),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
        })
    }

    /// The rules in force now.
    pub(crate) fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts new rules into force.
    pub(crate) fn replace(&self, access: Arc<Access>) {
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = access;
    }

    /// May this client come in by this listener?
    pub(crate) fn authenticate(
        self: &Arc<Self>,
        listener: usize,
        user_name: Option<Text>,
        password: Option<Bytes>,
    ) -> Admission {
        let access = self.access();
        let now = |answer| Admission::Now(Verdict { answer, access: Arc::clone(&access) });
        let (Some(user_name), true) = (user_name, access.passwords.is_some()) else {
            // A name that nobody can verify is none.
            return now(if access.allows_anonymous(listener) {
                Answer::Allow
            } else {
                Answer::Refuse(ReasonCode::NotAuthorized)
            });
        };
        let Some(password) = password else {
            return now(Answer::Refuse(ReasonCode::BadUserNameOrPassword));
        };
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return now(Answer::Refuse(ReasonCode::ServerBusy));
        };
        let guard = Arc::clone(self);
        Admission::Later(Box::pin(async move {
            let verdict = guard.check(user_name, password).await;
            drop(place);
            verdict
        }))
    }

    async fn check(&self, user_name: Text, password: Bytes) -> Verdict {
        loop {
            let access = self.access();
            let Ok(_turn) = self.checks.acquire().await else {
                return Verdict { answer: Answer::Refuse(ReasonCode::ServerUnavailable), access };
            };
            let (rules, name, given) = (Arc::clone(&access), user_name.clone(), password.clone());
            let verified = spawn_blocking(move || {
                let passwords = rules.passwords.as_ref();
                passwords.is_some_and(|passwords| passwords.verify(name.as_str(), &given))
            });
            let is_right = verified.await.unwrap_or(false);
            // What was right by rules that are no longer in force is asked again.
            if Arc::ptr_eq(&access, &self.access()) {
                let refusal = Answer::Refuse(ReasonCode::BadUserNameOrPassword);
                return Verdict { answer: if is_right { Answer::Allow } else { refusal }, access };
            }
        }
    }
}

/// Whether a client may come in, and by which rules.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) answer: Answer,
    pub(crate) access: Arc<Access>,
}

/// A verdict, now or later.
pub(crate) enum Admission {
    Now(Verdict),
    Later(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}
