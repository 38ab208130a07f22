//! The one broker that all connections share.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use mqtt_engine::{
    Answer, AtCapacity, Broker, BrokerEvent, ConnectionId, QuestionId, Timestamp, packet::ReasonCode,
};
use tokio::sync::Notify;

use super::{Decision, Hooks, Peer, traffic::Meter};
use crate::clock::Clock;

pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) clock: Clock,
    pub(super) traffic: Meter,
    /// Tells whoever minds the clock that the broker's deadline has moved closer.
    pub(super) earlier: Notify,
    pub(super) hooks: Box<dyn Hooks>,
    /// Taken out of the broker, not yet shown to the hooks.
    events: Mutex<VecDeque<(Option<Arc<Peer>>, BrokerEvent)>>,
    /// Held by the one who shows events, so that they are seen in order.
    showing: Mutex<()>,
    runtime: tokio::runtime::Handle,
}

struct State {
    broker: Broker,
    tasks: HashMap<ConnectionId, Task>,
    /// What the timer waits for.
    armed: Option<Timestamp>,
}

/// What is known outside the broker of a connection that is served.
struct Task {
    wake: Arc<Notify>,
    peer: Arc<Peer>,
}

impl Shared {
    pub(super) fn new(make: impl FnOnce(Timestamp) -> Broker, hooks: Box<dyn Hooks>) -> Arc<Self> {
        let clock = Clock::new();
        Arc::new(Self {
            state: Mutex::new(State { broker: make(clock.now()), tasks: HashMap::new(), armed: None }),
            clock,
            traffic: Meter::default(),
            earlier: Notify::new(),
            hooks,
            events: Mutex::default(),
            showing: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// Does something with the broker, then wakes whom it concerns and shows what happened. Nothing is awaited.
    pub(super) fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut Broker, Timestamp) -> R) -> R {
        self.act(None, act)
    }

    /// The same by a connection's own task, which has looked at the broker before it is through and need not be woken.
    pub(super) fn with_own<R>(
        self: &Arc<Self>,
        own: ConnectionId,
        act: impl FnOnce(&mut Broker, Timestamp) -> R,
    ) -> R {
        self.act(Some(own), act)
    }

    fn act<R>(
        self: &Arc<Self>,
        own: Option<ConnectionId>,
        act: impl FnOnce(&mut Broker, Timestamp) -> R,
    ) -> R {
        let mut state = lock(&self.state);
        let result = act(&mut state.broker, self.clock.now());
        let happened = self.wake(&mut state, own);
        drop(state);
        if happened {
            self.show();
        }
        result
    }

    /// A slot for a new connection of this peer, and what wakes its task.
    pub(super) fn accept(self: &Arc<Self>, peer: Peer) -> Result<Slot, AtCapacity> {
        let mut state = lock(&self.state);
        let id = state.broker.accept(self.clock.now())?;
        let wake = Arc::new(Notify::new());
        state.tasks.insert(id, Task { wake: Arc::clone(&wake), peer: Arc::new(peer) });
        self.wake(&mut state, None);
        drop(state);
        Ok(Slot { shared: Arc::clone(self), id, wake })
    }

    /// The peer has told who it is.
    pub(super) fn know(&self, id: ConnectionId, peer: Peer) {
        if let Some(task) = lock(&self.state).tasks.get_mut(&id) {
            task.peer = Arc::new(peer);
        }
    }

    /// The broker's deadline, which is waited for from now on.
    pub(super) fn arm(&self) -> Option<Timestamp> {
        let mut state = lock(&self.state);
        state.armed = state.broker.deadline();
        state.armed
    }

    /// Whether events are waiting for the hooks.
    fn wake(&self, state: &mut State, own: Option<ConnectionId>) -> bool {
        while let Some(id) = state.broker.poll_ready() {
            if own != Some(id)
                && let Some(task) = state.tasks.get(&id)
            {
                task.wake.notify_one();
            }
        }
        let deadline = state.broker.deadline();
        if deadline.is_some_and(|deadline| state.armed.is_none_or(|armed| deadline < armed)) {
            state.armed = deadline;
            self.earlier.notify_one();
        }
        let mut happened = false;
        let mut events = lock(&self.events);
        while let Some(event) = state.broker.poll_event() {
            let peer = subject(&event).and_then(|id| state.tasks.get(&id)).map(|task| Arc::clone(&task.peer));
            events.push_back((peer, event));
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
                self.runtime.spawn(async move { asked.end(answer.await) });
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
pub(super) struct Slot {
    pub(super) shared: Arc<Shared>,
    pub(super) id: ConnectionId,
    /// Tells the task to look at the broker again.
    pub(super) wake: Arc<Notify>,
}

impl Drop for Slot {
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

/// A panic elsewhere leaves a broker that is as good as after any other call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
