//! What a runtime gives.

use core::{
    fmt,
    task::{Context, Poll},
};
use std::io::{self, IoSlice};
#[cfg(unix)]
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use mqtt_engine::Timestamp;

use crate::{Peer, Running, ServerConfig, Slot};

/// A runtime's clock, and how it opens TCP. A value of it counts from its creation.
pub trait Runtime: fmt::Debug + Default + Clone + Send + Sync + 'static {
    /// Ends at a moment, not before.
    type Sleep: Future<Output = ()> + Send;
    /// A TCP connection.
    type TcpStream: 'static;

    /// The time since the epoch of this value.
    fn now(&self) -> Timestamp;

    /// Waits for a moment of the same epoch.
    fn sleep_until(&self, moment: Timestamp) -> Self::Sleep;

    /// Connects to an address of the form `host:port`. A name is looked up, and its addresses are tried in order. What is
    /// written goes out at once (no Nagle): packets are gathered before they are written.
    fn connect_tcp(address: String) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static;
}

/// Moving bytes over the runtime's streams of one kind. All methods are as those of the runtime's own traits: what they do
/// before they say `Pending` is nothing.
pub trait Streams<S>: Runtime {
    /// Reads once, behind what the buffer holds, at most as much as it has room for; tells how many bytes: 0 at the end.
    fn poll_read(stream: &mut S, buffer: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Writes once, from the first of these parts on; tells how many bytes.
    fn poll_write(stream: &mut S, parts: &[IoSlice<'_>], cx: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Sends what the stream itself holds back.
    fn poll_flush(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Says that nothing more will be written.
    fn poll_close(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Where a server's tasks run, and where its connections come from.
pub trait Host: Send + Sync + 'static {
    /// The clock, and the streams.
    type Runtime: Runtime;
    /// A task that runs by itself; it ends, wherever it is, when this is dropped.
    type Task: Send;
    /// Accepts connections.
    type Listener: Send + Sync;
    /// A connection before any handshake.
    type Incoming: Send;

    /// The clock, always the same.
    fn runtime(&self) -> &Self::Runtime;

    /// Begins to run a future.
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Task;

    /// Lets a task run on, to its end.
    fn detach(task: Self::Task);

    /// The next connection.
    fn poll_accept(
        listener: &Self::Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Incoming, Peer)>>;

    /// Serves a connection until it ends: what comes before MQTT, then [`serve`](crate::serve). Boxed, so that each connection
    /// costs what it needs itself, and not what the largest kind does.
    fn serve(slot: Slot, incoming: Self::Incoming, peer: Peer, config: ServerConfig) -> Running;
}

/// A host that the program is in already when it makes a server.
pub trait Ambient: Host {
    /// The one that this is called in.
    ///
    /// # Panics
    ///
    /// There is none.
    fn current() -> Self;
}

/// The Unix sockets of a runtime.
#[cfg(unix)]
pub trait UnixSockets: Runtime {
    /// A connection.
    type UnixStream: 'static;
    /// Accepts connections.
    type UnixListener;
    /// A socket that has its file, and does not listen yet.
    type UnixBound;

    /// Connects to the socket at this path.
    fn connect_unix(path: PathBuf) -> impl Future<Output = io::Result<Self::UnixStream>> + Send + 'static;

    /// Makes a socket and its file.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn bind_unix(path: &Path) -> io::Result<Self::UnixBound>;

    /// Lets clients connect, with room for so many that wait to be accepted.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn listen_unix(bound: Self::UnixBound, backlog: u16) -> io::Result<Self::UnixListener>;
}
