//! Smol's clock, streams and tasks, for the driver.

use core::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::{
    io::{self, IoSlice},
    sync::Arc,
    time::Instant,
};

use async_executor::{Executor, Task};
use async_io::Timer;
use async_net::TcpStream;
use bytes::{BufMut, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};
use mqtt_engine::Timestamp;
#[cfg(unix)]
use mqtt_engine_driver::UnixSockets;
use mqtt_engine_driver::{Host, Peer, Running, Runtime, ServerConfig, Slot, Streams, serve};

use crate::listener::{Incoming, Listener, Raw};

/// How much is read at once.
const READ_SIZE: usize = 64 << 10;

thread_local! {
    /// The traits of smol's streams read into bytes that have a value, and giving them one costs as much as copying.
    static READ: Cell<Box<[u8]>> = Cell::default();
}

/// The system's clock, and the streams of `futures-io`.
#[derive(Clone, Debug)]
pub struct Smol {
    epoch: Instant,
}

/// Ends at a moment.
#[derive(Debug)]
pub struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Default for Smol {
    fn default() -> Self {
        Self { epoch: Instant::now() }
    }
}

impl Runtime for Smol {
    type Sleep = Sleep;
    type TcpStream = TcpStream;

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.epoch.elapsed()
    }

    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        Sleep(Timer::at(self.epoch + moment.saturating_since(Timestamp::ZERO)))
    }

    async fn connect_tcp(address: String) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Streams<S> for Smol {
    fn poll_read(stream: &mut S, buffer: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut read = READ.take();
        if read.is_empty() {
            read = vec![0; READ_SIZE].into_boxed_slice();
        }
        let room = read.len().min(buffer.capacity() - buffer.len());
        let count = Pin::new(stream).poll_read(cx, read.get_mut(..room).unwrap_or_default());
        if let Poll::Ready(Ok(count)) = count {
            buffer.put_slice(read.get(..count).unwrap_or_default());
        }
        READ.set(read);
        count
    }

    fn poll_write(stream: &mut S, parts: &[IoSlice<'_>], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_write_vectored(cx, parts)
    }

    fn poll_flush(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_close(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_close(cx)
    }
}

#[cfg(unix)]
impl UnixSockets for Smol {
    type UnixStream = async_net::unix::UnixStream;
    type UnixListener = async_io::Async<std::os::unix::net::UnixListener>;
    type UnixBound = std::os::fd::OwnedFd;

    async fn connect_unix(path: PathBuf) -> io::Result<Self::UnixStream> {
        Self::UnixStream::connect(path).await
    }

    fn bind_unix(path: &Path) -> io::Result<Self::UnixBound> {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, socket};
        let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        bind(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(socket)
    }

    fn listen_unix(bound: Self::UnixBound, backlog: u16) -> io::Result<Self::UnixListener> {
        rustix::net::listen(&bound, backlog.into())?;
        async_io::Async::new(bound.into())
    }
}

/// The executor in which a server's tasks run.
#[derive(Clone, Debug)]
pub struct SmolHost {
    clock: Smol,
    executor: Arc<Executor<'static>>,
}

impl From<Arc<Executor<'static>>> for SmolHost {
    fn from(executor: Arc<Executor<'static>>) -> Self {
        Self { clock: Smol::default(), executor }
    }
}

impl Host for SmolHost {
    type Runtime = Smol;
    type Task = Task<()>;
    type Listener = Listener;
    type Incoming = Incoming;

    fn runtime(&self) -> &Smol {
        &self.clock
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Task<()> {
        self.executor.spawn(future)
    }

    fn detach(task: Task<()>) {
        task.detach();
    }

    fn poll_accept(listener: &Listener, cx: &mut Context<'_>) -> Poll<io::Result<(Incoming, Peer)>> {
        listener.poll_accept(cx)
    }

    fn serve(slot: Slot, incoming: Incoming, _peer: Peer, config: ServerConfig) -> Running {
        match incoming.0 {
            Raw::Tcp(stream) => Box::pin(serve::<Self::Runtime, _>(slot, stream, config.patience)),
            #[cfg(unix)]
            Raw::Unix(stream) => Box::pin(serve::<Self::Runtime, _>(slot, stream, config.patience)),
        }
    }
}
