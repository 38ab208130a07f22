//! What a link runs over, for programs that never wait.

use core::task::Poll;

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use mqtt_engine::Timestamp;

/// The errors of a line.
pub type LineError<L> = <<L as Line>::Io as ErrorType>::Error;

/// A line that is read and written without waiting: a UART, alone or with a module behind it that makes TCP of it, or a socket.
///
/// Anything that implements the four traits of `embedded-io` is a line that needs no opening and can't be closed. Whoever has a pin, an
/// escape sequence or a socket for that implements this trait.
pub trait Line {
    /// What is read and written.
    ///
    /// It is read only when it is [`ReadReady`] and written only when it is [`WriteReady`], so that no turn waits. It must send by itself what it
    /// has taken: [`Write::flush`] waits, and is never called.
    type Io: Read + ReadReady + Write + WriteReady;

    /// What is read and written.
    fn io(&mut self) -> &mut Self::Io;

    /// Opens a **new** connection to the server, and drops bytes that wait to be read or written from before. It must not wait: as
    /// long as it is `Pending`, it is called again in each turn, at most for the
    /// [`connect_timeout`](mqtt_engine::ClientConfig::connect_timeout). An error ends the attempt; another follows after the back-off.
    ///
    /// # Errors
    ///
    /// Says why there is no connection.
    fn poll_open(&mut self, now: Timestamp) -> Poll<Result<(), LineError<Self>>> {
        let _ = now;
        Poll::Ready(Ok(()))
    }

    /// Ends the connection, so that the server gets to know: the last bytes that the line has taken go out, then the module hangs up.
    /// There may be none any more, or one that never opened. As long as it is `Pending`, it is called again in each turn, at most for five
    /// seconds.
    fn poll_close(&mut self, now: Timestamp) -> Poll<()> {
        let _ = now;
        Poll::Ready(())
    }
}

impl<S: Read + ReadReady + Write + WriteReady> Line for S {
    type Io = S;

    fn io(&mut self) -> &mut S {
        self
    }
}
