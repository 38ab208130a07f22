//! The tasks of a server.

use core::{
    future::poll_fn,
    mem,
    task::{Context, Poll},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Running;
use crate::{Host, Signal};

/// Tasks that run, until each ends or all are dropped.
pub(super) struct Tasks<H: Host> {
    /// In the order in which they began, so that a simulation is the same each time. `None`: is to end, but what it holds may not be dropped yet.
    running: BTreeMap<u64, Option<H::Task>>,
    next: u64,
    ended: Arc<Ended>,
}

/// The numbers of the tasks that have ended.
#[derive(Default)]
struct Ended {
    numbers: Mutex<Vec<u64>>,
    signal: Signal,
}

impl<H: Host> Tasks<H> {
    pub(super) fn new() -> Self {
        Self { running: BTreeMap::new(), next: 0, ended: Arc::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Runs the future of `start`, which is to hold its argument as long as anything.
    pub(super) fn spawn(&mut self, host: &H, start: impl FnOnce(End) -> Running) {
        let end = End { number: self.next, ended: Arc::clone(&self.ended) };
        self.running.insert(self.next, Some(host.spawn(start(end))));
        self.next += 1;
    }

    /// Forgets the tasks that have ended; waits for some.
    pub(super) fn poll_ended(&mut self, cx: &Context<'_>) -> Poll<()> {
        let notified = self.ended.signal.poll_notified(cx);
        for number in mem::take(&mut *self.ended.numbers()) {
            self.running.remove(&number);
        }
        notified
    }

    /// Ends all tasks, wherever they are, and waits until nothing is left of them.
    pub(super) async fn abort(&mut self) {
        for task in self.running.values_mut() {
            *task = None;
        }
        self.all_ended().await;
    }

    /// Waits until each has ended.
    pub(super) async fn all_ended(&mut self) {
        while !self.running.is_empty() {
            poll_fn(|cx| self.poll_ended(cx)).await;
        }
    }
}

impl Ended {
    fn numbers(&self) -> MutexGuard<'_, Vec<u64>> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by a task's future until nothing else is left of it, however its end comes.
pub(super) struct End {
    number: u64,
    ended: Arc<Ended>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.ended.numbers().push(self.number);
        self.ended.signal.notify();
    }
}
