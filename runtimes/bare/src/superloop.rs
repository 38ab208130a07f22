//! The loop of a program that does all things in turn and waits for none.

use core::task::Poll;

use bytes::Buf;
use embedded_io::{Error, ErrorKind, Read, ReadReady, Write, WriteReady};
use mqtt_engine::{Client, Timestamp};

use crate::{
    Line, LineError, Link,
    link::{LEFTOVERS, Step},
};

/// When the next turn is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every program must handle each")]
pub enum Next {
    /// At once: something was done, from which more may follow. Take the client's events first.
    AtOnce,
    /// When the line can be read, or can be written if the client's outbox is not empty, or at this moment, or once the program has
    /// asked the client for something.
    Wait {
        /// The moment, if there is one.
        until: Option<Timestamp>,
    },
    /// Once the program has called [`connect`](Client::connect): it has disconnected, or wants no reconnection.
    Rest,
}

impl<const N: usize> Link<N> {
    /// Does all that can be done now, without waiting: lets time pass, opens or ends the connection, writes as much as the line takes,
    /// and reads at most `N` bytes. The program takes the client's events after each turn.
    ///
    /// # Errors
    ///
    /// What the line said when it failed, to be logged: the connection counts as lost, the client has been told, and the next turn goes
    /// on from there.
    pub fn turn<L: Line>(
        &mut self,
        client: &mut Client,
        line: &mut L,
        now: Timestamp,
    ) -> Result<Next, LineError<L>> {
        match self.step(client, now) {
            Step::Rest => Ok(Next::Rest),
            Step::Wait(until) => {
                self.drop_input(line.io(), 1);
                Ok(Next::Wait { until: Some(until) })
            }
            Step::Open(_) => {
                match line.poll_open(now) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) => {
                        self.drop_input(line.io(), LEFTOVERS);
                        self.opened(client, now);
                    }
                    Poll::Ready(Err(error)) => {
                        self.lost(client, now);
                        return Err(error);
                    }
                }
                Ok(Next::AtOnce)
            }
            Step::Close(_) => {
                if line.poll_close(now).is_ready() {
                    self.hung_up(client, now);
                }
                Ok(Next::AtOnce)
            }
            Step::Exchange { reads, until } => self.exchange(reads, until, client, line.io(), now),
        }
    }

    fn exchange<S>(
        &mut self,
        reads: bool,
        until: Option<Timestamp>,
        client: &mut Client,
        io: &mut S,
        now: Timestamp,
    ) -> Result<Next, S::Error>
    where
        S: Read + ReadReady + Write + WriteReady,
    {
        let written = write(client, io);
        let read = if reads { read(&mut self.buffer, io) } else { Ok(None) };
        let end = match (read, written) {
            // A server that refused us may have closed before we wrote: what it said comes first.
            (Ok(Some(count)), _) if count > 0 => {
                self.was_read(count, client, now);
                return Ok(Next::AtOnce);
            }
            (Ok(None), Ok(true)) => return Ok(Next::Wait { until }),
            (_, Err(error)) | (Err(error), Ok(_)) => Err(error),
            (Ok(_), Ok(_)) => Ok(Next::AtOnce),
        };
        self.lost(client, now);
        end
    }

    /// Throws away what came outside of any connection, in so many reads at most. Errors say the same of it: it is worth nothing.
    fn drop_input(&mut self, io: &mut (impl Read + ReadReady), reads: usize) {
        for _ in 0..reads {
            if !matches!(read(&mut self.buffer, io), Ok(Some(1..))) {
                return;
            }
        }
    }
}

/// Writes as much as the line takes; `false` if it takes nothing for ever.
fn write<S: Write + WriteReady>(client: &mut Client, io: &mut S) -> Result<bool, S::Error> {
    while client.outbox().has_remaining() && io.write_ready()? {
        match io.write(client.outbox().chunk()) {
            Ok(0) => return Ok(false),
            Ok(count) => client.outbox().advance(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => break,
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Reads once: `None` if there is nothing, 0 at the end.
fn read<S: Read + ReadReady>(buffer: &mut [u8], io: &mut S) -> Result<Option<usize>, S::Error> {
    if !io.read_ready()? {
        return Ok(None);
    }
    match io.read(buffer) {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}
