//! Streams with faults. The adapter's test module implements its runtime's traits for them, with what is here.

use core::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    task::{Context, Poll},
};
use std::{io, sync::Arc};

use mqtt_engine::ClientConfig;

use super::support::World;
use crate::adapter::{Client, Stream, connect};

/// What is wrong with a transport.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// One byte at a time, and every other time none.
    pub(crate) chopped: bool,
    /// Fails once, when so many bytes have been written (in all transports of the client together).
    pub(crate) fails_after: Option<Arc<Fuse>>,
}

/// Burns down with the bytes written, and blows once.
#[derive(Debug)]
pub(crate) struct Fuse {
    left: AtomicUsize,
    blown: AtomicBool,
}

impl Fuse {
    pub(crate) fn of(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: bytes.into(), blown: AtomicBool::new(false) })
    }

    pub(crate) fn is_blown(&self) -> bool {
        self.blown.load(Ordering::Relaxed)
    }

    /// How many of these bytes may be written; `None`: it blows now.
    fn burn(&self, wanted: usize) -> Option<usize> {
        if self.is_blown() {
            return Some(wanted);
        }
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            self.blown.store(true, Ordering::Relaxed);
            return None;
        }
        Some(wanted.min(left))
    }

    fn written(&self, count: usize) {
        if !self.is_blown() {
            self.left.fetch_sub(count, Ordering::Relaxed);
        }
    }
}

/// A client whose transports have these faults.
pub(crate) fn faulty_client(world: &World, faults: Faults, config: ClientConfig) -> Client<Faulty<Stream>> {
    let address = world.address.clone();
    let connector = move || {
        let (address, faults) = (address.clone(), faults.clone());
        async move { Ok(Faulty::new(connect(&address).await?, faults)) }
    };
    Client::connect_with(connector, config)
}

/// A stream with faults.
#[derive(Debug)]
pub(crate) struct Faulty<S> {
    pub(crate) stream: S,
    faults: Faults,
    odd_read: bool,
    odd_write: bool,
    dead: bool,
}

impl<S> Faulty<S> {
    pub(crate) fn new(stream: S, faults: Faults) -> Self {
        Self { stream, faults, odd_read: false, odd_write: false, dead: false }
    }

    /// How many bytes may be read now, if the reader wants so many.
    pub(crate) fn poll_may_read(&mut self, wanted: usize, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        if self.dead {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.faults.chopped && hesitates(&mut self.odd_read, cx) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(if self.faults.chopped { wanted.min(1) } else { wanted }))
    }

    /// How many bytes may be written now.
    pub(crate) fn poll_may_write(&mut self, wanted: usize, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let mut count = wanted;
        if self.faults.chopped {
            if hesitates(&mut self.odd_write, cx) {
                return Poll::Pending;
            }
            count = count.min(1);
        }
        if let Some(fuse) = &self.faults.fails_after {
            match fuse.burn(count) {
                Some(allowed) => count = allowed,
                None => self.dead = true,
            }
        }
        if self.dead { Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) } else { Poll::Ready(Ok(count)) }
    }

    /// What came of a write.
    pub(crate) fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Some(fuse), Poll::Ready(Ok(count))) = (&self.faults.fails_after, &written) {
            fuse.written(*count);
        }
        written
    }
}

/// Every other time: not now, but soon.
fn hesitates(odd: &mut bool, cx: &Context<'_>) -> bool {
    *odd = !*odd;
    if *odd {
        cx.waker().wake_by_ref();
    }
    *odd
}
