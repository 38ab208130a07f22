//! The one broker that all connections share.

use core::{fmt, pin::Pin, task::Waker};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    task::Wake,
};

use mqtt_engine::{
    Answer, AtCapacity, Broker, BrokerConfig, BrokerEvent, ConnectionId, QuestionId, Timestamp,
    packet::ReasonCode,
};

use super::{Decision, Hooks, Peer, tasks::End, traffic::Meter};
use crate::Signal;

/// A future that runs by itself.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the shared broker needs of its server.
#[expect(clippy::exhaustive_structs, reason = "a server gives all of it")]
pub struct Outside {
    /// The time, since whatever epoch.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Woken when the broker's deadline has moved closer, to [`arm`](Shared::arm) anew.
    pub earlier: Waker,
    /// Runs a future to its end.
    pub spawn: Box<dyn Fn(Running) + Send + Sync>,
}

/// The one broker that all connections share, the hooks, and what is known of each connection outside the broker.
pub struct Shared {
    state: Mutex<State>,
    outside: Outside,
    pub(super) traffic: Meter,
    pub(super) hooks: Box<dyn Hooks>,
    /// Taken out of the broker, not yet shown to the hooks.
    events: Mutex<VecDeque<(Option<Arc<Peer>>, BrokerEvent)>>,
    /// Held by the one who shows events, so that they are seen in order.
    showing: Mutex<()>,
}

struct State {
    broker: Broker,
    tasks: HashMap<ConnectionId, Task>,
    /// What the timer waits for.
    armed: Option<Timestamp>,
}

/// What is known outside the broker of a connection that is served.
struct Task {
    wake: Waker,
    peer: Arc<Peer>,
}

impl State {
    /// Wakes the tasks of the connections that are ready, but not this one: whether it is.
    fn wake(&mut self, own: Option<ConnectionId>) -> bool {
        let mut is_ready = false;
        while let Some(id) = self.broker.poll_ready() {
            if own == Some(id) {
                is_ready = true;
            } else if let Some(task) = self.tasks.get(&id) {
                task.wake.wake_by_ref();
            }
        }
        is_ready
    }
}

impl Shared {
    /// A broker without connections.
    #[must_use]
    pub fn new(config: BrokerConfig, hooks: impl Hooks, outside: Outside) -> Arc<Self> {
        let broker = Broker::new(config, (outside.now)());
        Arc::new(Self {
            state: Mutex::new(State { broker, tasks: HashMap::new(), armed: None }),
            outside,
            traffic: Meter::default(),
            hooks: Box::new(hooks),
            events: Mutex::default(),
            showing: Mutex::default(),
        })
    }

    /// Does something with the broker, then wakes whom it concerns and shows what happened. Nothing is awaited.
    pub fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut Broker, Timestamp) -> R) -> R {
        self.act(None, act).0
    }

    /// The same by a connection's own task, which need not be woken: it is told whether there may be more than what it has just
    /// looked at.
    pub fn with_own(self: &Arc<Self>, own: ConnectionId, act: impl FnOnce(&mut Broker, Timestamp)) -> bool {
        self.act(Some(own), act).1
    }

    /// What `act` gives, and whether the connection itself is ready.
    fn act<R>(
        self: &Arc<Self>,
        own: Option<ConnectionId>,
        act: impl FnOnce(&mut Broker, Timestamp) -> R,
    ) -> (R, bool) {
        let mut state = lock(&self.state);
        let result = act(&mut state.broker, self.now());
        let is_ready = state.wake(own);
        let happened = self.follow(&mut state);
        drop(state);
        if happened {
            self.show();
        }
        (result, is_ready)
    }

    /// A place for a new connection of this peer; `wake` is woken when the broker is to be looked at again.
    ///
    /// # Errors
    ///
    /// The broker has as many connections as it may have.
    pub fn accept<W>(self: &Arc<Self>, peer: Peer, wake: Arc<W>) -> Result<Slot<W>, AtCapacity>
    where
        W: Wake + Send + Sync + 'static,
    {
        let mut state = lock(&self.state);
        let id = state.broker.accept(self.now())?;
        let task = Task { wake: Waker::from(Arc::clone(&wake)), peer: Arc::new(peer) };
        state.tasks.insert(id, task);
        state.wake(None);
        self.follow(&mut state);
        drop(state);
        Ok(Slot { shared: Arc::clone(self), id, wake, end: None })
    }

    /// The time, as the broker is told it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.outside.now)()
    }

    /// The program's hooks, for what only the server sees.
    #[must_use]
    pub fn hooks(&self) -> &dyn Hooks {
        &*self.hooks
    }

    /// Counts what the connections move.
    #[must_use]
    pub const fn meter(&self) -> &Meter {
        &self.traffic
    }

    /// The peer has told who it is.
    pub fn know(&self, id: ConnectionId, peer: Peer) {
        if let Some(task) = lock(&self.state).tasks.get_mut(&id) {
            task.peer = Arc::new(peer);
        }
    }

    /// The broker's deadline, which is waited for from now on.
    pub fn arm(&self) -> Option<Timestamp> {
        let mut state = lock(&self.state);
        state.armed = state.broker.deadline();
        state.armed
    }

    /// Has the timer follow the broker's deadline, and takes its events out: whether there were some.
    fn follow(&self, state: &mut State) -> bool {
        let deadline = state.broker.deadline();
        if deadline.is_some_and(|deadline| state.armed.is_none_or(|armed| deadline < armed)) {
            state.armed = deadline;
            self.outside.earlier.wake_by_ref();
        }
        let mut happened = false;
        while let Some(event) = state.broker.poll_event() {
            let peer = subject(&event).and_then(|id| state.tasks.get(&id)).map(|task| Arc::clone(&task.peer));
            lock(&self.events).push_back((peer, event));
            happened = true;
        }
        happened
    }

    /// Shows the events that wait, unless somebody is at it, who will then see these too. A hook that uses the server comes
    /// by here again and leaves its events to the caller.
    fn show(self: &Arc<Self>) {
        while !lock(&self.events).is_empty() {
            let _showing = match self.showing.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(error)) => error.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            loop {
                // One at a time: a hook that panics takes no other event with it.
                let next = lock(&self.events).pop_front();
                let Some((peer, event)) = next else { break };
                self.show_one(peer.as_deref(), event);
            }
        }
    }

    fn show_one(self: &Arc<Self>, peer: Option<&Peer>, event: BrokerEvent) {
        let BrokerEvent::Question { question, connection, about, .. } = event else {
            self.hooks.event(peer, &event);
            return;
        };
        let nobody = Peer::default();
        match self.hooks.decide(connection, peer.unwrap_or(&nobody), about) {
            Decision::Now(answer) => self.with(|broker, now| broker.answer(question, answer, now)),
            Decision::Later(answer) => {
                let asked = Asked { shared: Arc::clone(self), question, answer: None };
                (self.outside.spawn)(Box::pin(async move { asked.end(answer.await) }));
            }
        }
    }
}

/// A question that is answered when this is dropped: with a refusal if the program's future did not come to its end, because it
/// panicked say. The connection waits no longer than that.
struct Asked {
    shared: Arc<Shared>,
    question: QuestionId,
    answer: Option<Answer>,
}

impl Asked {
    fn end(mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let answer = self.answer.take().unwrap_or(Answer::Refuse(ReasonCode::UnspecifiedError));
        self.shared.with(|broker, now| broker.answer(self.question, answer, now));
    }
}

/// A connection's place in the broker, given back when this is dropped: at the end of its task, however that comes.
#[non_exhaustive]
pub struct Slot<W = Signal> {
    /// The broker.
    pub shared: Arc<Shared>,
    /// What the broker calls the connection.
    pub id: ConnectionId,
    /// Tells whoever serves the connection to look at the broker again.
    pub wake: Arc<W>,
    /// Tells the server whose task this is that nothing is left of it: the last field.
    pub(super) end: Option<End>,
}

impl<W> Drop for Slot<W> {
    fn drop(&mut self) {
        // In this order: the last events are told with the peer.
        self.shared.with(|broker, now| broker.transport_closed(self.id, now));
        lock(&self.shared.state).tasks.remove(&self.id);
    }
}

/// The connection that an event is about.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other events are about clients")]
const fn subject(event: &BrokerEvent) -> Option<ConnectionId> {
    match event {
        BrokerEvent::Connected { connection, .. }
        | BrokerEvent::Disconnected { connection, .. }
        | BrokerEvent::Question { connection, .. } => Some(*connection),
        _ => None,
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<W> fmt::Debug for Slot<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A panic elsewhere leaves a broker that is as good as after any other call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
