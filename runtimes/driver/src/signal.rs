//! Waking one task from others.

use core::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Wake,
};

/// Tells the one task that waits for it to look again. Told while nobody waits, it ends the next wait; told twice, it counts once.
#[derive(Debug, Default)]
pub struct Signal {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    told: bool,
    waiting: Option<Waker>,
}

impl Signal {
    /// Ends the wait, or the next one.
    pub fn notify(&self) {
        let waiting = {
            let mut state = self.state();
            state.told = true;
            state.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Whether it was told since the last time; if not, the task is woken when it is.
    pub fn poll_notified(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if core::mem::take(&mut state.told) {
            return Poll::Ready(());
        }
        if !state.waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waiting = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Waits until it is told. Dropping the future loses nothing.
    pub async fn notified(&self) {
        poll_fn(|cx| self.poll_notified(cx)).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}
