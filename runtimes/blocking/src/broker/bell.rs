//! Waking one thread from others.

use core::time::Duration;
use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::Wake,
};

/// Tells the one thread that waits for it to look again. Rung while nobody waits, it ends the next wait.
///
/// Not `thread::park`, whose token a hook of the program may use up without knowing, by waiting for something of its own.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    ringing: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ringing.notify_one();
    }

    /// Waits until it is rung.
    pub(super) fn wait(&self) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let rung = self.ringing.wait_while(rung, |rung| !*rung);
        *rung.unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// The same, at most for so long.
    pub(super) fn wait_for(&self, span: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let rung = self.ringing.wait_timeout_while(rung, span, |rung| !*rung);
        *rung.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
