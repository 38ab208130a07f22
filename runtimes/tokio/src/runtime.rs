//! Tokio's clock, streams and tasks, for the driver.

use core::{
    pin::{Pin, pin},
    task::{Context, Poll},
};
use std::io::{self, IoSlice};
#[cfg(unix)]
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use mqtt_engine::Timestamp;
#[cfg(unix)]
use mqtt_engine_driver::UnixSockets;
use mqtt_engine_driver::{Ambient, Host, Peer, Running, Runtime, ServerConfig, Slot, Streams};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, Sleep, sleep_until},
};

use crate::{
    layers,
    listener::{Accepted, Listener},
};

/// Tokio's clock, which tests may pause, and its streams.
#[derive(Clone, Debug)]
pub struct Tokio {
    epoch: Instant,
}

impl Default for Tokio {
    fn default() -> Self {
        Self { epoch: Instant::now() }
    }
}

impl Runtime for Tokio {
    type Sleep = Sleep;
    type TcpStream = TcpStream;

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.epoch.elapsed()
    }

    /// A timer of tokio has the resolution of a millisecond and never fires early.
    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        sleep_until(self.epoch + moment.saturating_since(Timestamp::ZERO))
    }

    async fn connect_tcp(address: String) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(unix)]
impl UnixSockets for Tokio {
    type UnixStream = UnixStream;
    type UnixListener = UnixListener;
    type UnixBound = UnixSocket;

    async fn connect_unix(path: PathBuf) -> io::Result<UnixStream> {
        UnixStream::connect(path).await
    }

    fn bind_unix(path: &Path) -> io::Result<UnixSocket> {
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        Ok(socket)
    }

    fn listen_unix(bound: UnixSocket, backlog: u16) -> io::Result<UnixListener> {
        bound.listen(backlog.into())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Streams<S> for Tokio {
    fn poll_read(stream: &mut S, buffer: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // The future has no state of its own: it only asks the stream, so it may be dropped after one poll.
        pin!(stream.read_buf(buffer)).poll(cx)
    }

    fn poll_write(stream: &mut S, parts: &[IoSlice<'_>], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_write_vectored(cx, parts)
    }

    fn poll_flush(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_close(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_shutdown(cx)
    }
}

/// The tokio runtime in which a server's tasks run.
#[derive(Clone, Debug)]
pub struct TokioHost {
    clock: Tokio,
    runtime: tokio::runtime::Handle,
}

impl Ambient for TokioHost {
    fn current() -> Self {
        Self { clock: Tokio::default(), runtime: tokio::runtime::Handle::current() }
    }
}

impl Host for TokioHost {
    type Runtime = Tokio;
    type Task = Task;
    type Listener = Listener;
    type Incoming = Accepted;

    fn runtime(&self) -> &Tokio {
        &self.clock
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(Some(self.runtime.spawn(future)))
    }

    fn detach(mut task: Task) {
        task.0 = None;
    }

    fn poll_accept(listener: &Listener, cx: &mut Context<'_>) -> Poll<io::Result<(Accepted, Peer)>> {
        listener.poll_accept(cx)
    }

    fn serve(slot: Slot, incoming: Accepted, peer: Peer, config: ServerConfig) -> Running {
        layers::serve(slot, incoming, peer, config)
    }
}

/// A task of tokio, aborted when this is dropped.
#[derive(Debug)]
pub struct Task(Option<JoinHandle<()>>);

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
