//! The loop of a program with an executor.

use core::{
    future::{pending, poll_fn},
    pin::pin,
    task::Poll,
};

use bytes::Buf;
use embedded_io_async::{Error, ErrorKind, Read, Write};
use mqtt_engine::{Client, Timestamp};

use crate::{
    Link,
    link::{LEFTOVERS, Step},
};

/// A line whose halves are read and written at the same time.
///
/// Any pair of a reader and a writer is a line that needs no opening and can't be closed. The futures of both halves must be cancel-safe
/// (a read that is dropped has taken no byte, a write that is dropped has sent none), as those of buffered UARTs and sockets are.
pub trait AsyncLine {
    /// What goes wrong with it.
    type Error: Error;

    /// Its halves.
    fn split(&mut self) -> (impl Read<Error = Self::Error>, impl Write<Error = Self::Error>);

    /// Opens a **new** connection to the server, and drops bytes that wait to be read or written from before. It is dropped after the
    /// [`connect_timeout`](mqtt_engine::ClientConfig::connect_timeout), or with the future of the turn, and then called again.
    ///
    /// # Errors
    ///
    /// Says why there is no connection. Another attempt follows after the back-off.
    fn open(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        async { Ok(()) }
    }

    /// Ends the connection, so that the server gets to know. There may be none any more, or one that never opened. It is dropped
    /// after five seconds; if it is dropped with the future of the turn, it is called again.
    fn close(&mut self) -> impl Future<Output = ()> {
        async {}
    }
}

impl<R: Read, W: Write<Error = R::Error>> AsyncLine for (R, W) {
    type Error = R::Error;

    fn split(&mut self) -> (impl Read<Error = R::Error>, impl Write<Error = R::Error>) {
        (&mut self.0, &mut self.1)
    }
}

/// The caller's clock.
pub trait Clock {
    /// The time since an epoch of the caller's choice.
    fn now(&self) -> Timestamp;

    /// Waits for a moment. The future may be dropped before.
    fn wait_until(&mut self, moment: Timestamp) -> impl Future<Output = ()>;
}

/// What was there first.
enum First<E> {
    Written(Result<usize, E>),
    Flushed(Result<(), E>),
    Read(Result<usize, E>),
    Due,
}

impl<const N: usize> Link<N> {
    /// Waits until something can be done, and does it: a step of what [`turn`](Self::turn) does. The program takes the client's events
    /// after each. `false`: nothing will happen until the program calls [`connect`](Client::connect), because it has disconnected or
    /// wants no reconnection.
    ///
    /// # Errors
    ///
    /// What the line said when it failed, to be logged: the connection counts as lost, the client has been told, and the next turn goes
    /// on from there.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel-safe if the line is: the program may drop the future whenever it has something for the client to do, and
    /// call again.
    pub async fn turn_async<L: AsyncLine>(
        &mut self,
        client: &mut Client,
        line: &mut L,
        clock: &mut impl Clock,
    ) -> Result<bool, L::Error> {
        match self.step(client, clock.now()) {
            Step::Rest => return Ok(false),
            Step::Wait(until) => self.wait(line, clock, until).await,
            Step::Open(until) => match within(until, clock, line.open()).await {
                Some(Ok(())) => {
                    self.drop_leftovers(line).await;
                    self.opened(client, clock.now());
                }
                Some(Err(error)) => {
                    self.lost(client, clock.now());
                    return Err(error);
                }
                None => {}
            },
            Step::Close(until) => {
                if within(until, clock, line.close()).await.is_some() {
                    self.hung_up(client, clock.now());
                }
            }
            Step::Exchange { reads, until } => {
                let first = self.first(reads, until, client, line, clock).await;
                self.follow(first, client, clock.now())?;
            }
        }
        Ok(true)
    }

    /// Writes, reads and waits at the same time.
    async fn first<L: AsyncLine>(
        &mut self,
        reads: bool,
        until: Option<Timestamp>,
        client: &mut Client,
        line: &mut L,
        clock: &mut impl Clock,
    ) -> First<L::Error> {
        let (mut reader, mut writer) = line.split();
        let outbox = client.outbox();
        let chunk = outbox.chunk();
        let is_unflushed = self.unflushed;
        let mut writing = pin!(async {
            if !chunk.is_empty() {
                First::Written(writer.write(chunk).await)
            } else if is_unflushed {
                First::Flushed(writer.flush().await)
            } else {
                pending().await
            }
        });
        let mut reading =
            pin!(async { if reads { reader.read(&mut self.buffer).await } else { pending().await } });
        let mut due = pin!(async {
            match until {
                Some(moment) => clock.wait_until(moment).await,
                None => pending().await,
            }
        });
        poll_fn(|cx| {
            if let Poll::Ready(written) = writing.as_mut().poll(cx) {
                let is_error = matches!(written, First::Written(Err(_)) | First::Flushed(Err(_)));
                // A server that refused us may have closed before we wrote: what it said comes first.
                if is_error && let Poll::Ready(Ok(count @ 1..)) = reading.as_mut().poll(cx) {
                    return Poll::Ready(First::Read(Ok(count)));
                }
                return Poll::Ready(written);
            }
            if let Poll::Ready(read) = reading.as_mut().poll(cx) {
                return Poll::Ready(First::Read(read));
            }
            due.as_mut().poll(cx).map(|()| First::Due)
        })
        .await
    }

    fn follow<E: Error>(&mut self, first: First<E>, client: &mut Client, now: Timestamp) -> Result<(), E> {
        let end = match first {
            First::Written(Ok(count @ 1..)) => {
                client.outbox().advance(count);
                self.unflushed = true;
                return Ok(());
            }
            First::Flushed(Ok(())) => {
                self.unflushed = false;
                return Ok(());
            }
            First::Read(Ok(count @ 1..)) => {
                self.was_read(count, client, now);
                return Ok(());
            }
            First::Due => return Ok(()),
            First::Written(Ok(0)) | First::Read(Ok(0)) => Ok(()),
            First::Written(Err(error)) | First::Flushed(Err(error)) | First::Read(Err(error)) => {
                if error.kind() == ErrorKind::Interrupted {
                    return Ok(());
                }
                Err(error)
            }
        };
        self.lost(client, now);
        end
    }

    /// Waits, and throws away what comes meanwhile.
    async fn wait<L: AsyncLine>(&mut self, line: &mut L, clock: &mut impl Clock, until: Timestamp) {
        let (mut reader, _writer) = line.split();
        let dropping = async {
            while matches!(reader.read(&mut self.buffer).await, Ok(1..)) {}
            pending().await
        };
        within::<()>(until, clock, dropping).await;
    }

    /// Throws away what has come already.
    async fn drop_leftovers<L: AsyncLine>(&mut self, line: &mut L) {
        let (mut reader, _writer) = line.split();
        for _ in 0..LEFTOVERS {
            let mut reading = pin!(reader.read(&mut self.buffer));
            let read = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
            if !matches!(read, Poll::Ready(Ok(1..))) {
                return;
            }
        }
    }
}

/// The future's output, unless the moment comes first.
async fn within<T>(moment: Timestamp, clock: &mut impl Clock, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut late = pin!(clock.wait_until(moment));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => late.as_mut().poll(cx).map(|()| None),
    })
    .await
}
