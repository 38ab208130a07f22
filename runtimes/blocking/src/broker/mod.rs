//! The broker.

mod bell;
mod connection;
mod socket;

use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Waker},
    time::Duration,
};
use std::{
    collections::HashMap,
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Wake,
    thread::{self, JoinHandle},
    time::Instant,
};

use mqtt_engine::{
    AtCapacity, BrokerConfig, ConnectionId, Message, Statistics, Text, Timestamp, TopicFilter,
    packet::ReasonCode,
};
use mqtt_engine_driver::{
    ACCEPT_PAUSE, Hooks, Outside, Peer, Running, ServerConfig, Shared, Slot, Stopped, Traffic,
    concerns_one_connection, full,
};

use bell::Bell;
use connection::Threads;
pub use socket::Socket;

/// Names of threads, for who looks at them with a debugger.
const READER: &str = "mqtt-reader";
const WRITER: &str = "mqtt-writer";
const ACCEPTOR: &str = "mqtt-acceptor";
const ANSWER: &str = "mqtt-answer";
/// How long an accepting thread may take to notice that it was called, before it is called again.
const CALL: Duration = Duration::from_millis(20);

/// A socket that accepts connections, and a tag that tells the hooks which one it is.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tag: usize,
}

impl Listener {
    /// Connections of this socket are told as [`Peer`]s of this tag.
    #[must_use]
    pub const fn with_tag(socket: TcpListener, tag: usize) -> Self {
        Self { socket, tag }
    }
}

/// With tag 0.
impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::with_tag(socket, 0)
    }
}

/// One broker, and the threads that serve its connections: two for each, of which one reads and one writes.
///
/// All connections share the broker behind a lock that is held for one call at a time; reading, writing and waiting happen
/// outside it, so a peer that stands still holds up nobody. The number of threads is bounded by
/// [`connection_count`](BrokerConfig::connection_count). Cheap to clone: each clone is the same server.
///
/// Two threads, because the standard library can wait for one stream to be readable, or for it to be writable, but not for
/// either, nor for a word from another thread: this way everything waits without a time-out, and an idle server does nothing.
/// A connection costs about as much memory as its two stacks; for many thousands of them take an asynchronous adapter.
///
/// A [later](mqtt_engine_driver::Decision::Later) answer of a hook is waited for in a thread of its own, so its future may
/// block.
/// [MQTT-7.1.1-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
    control: Arc<Control>,
    config: ServerConfig,
}

/// What the server knows of its threads.
#[derive(Default)]
struct Control {
    stopping: AtomicBool,
    /// Wakes the thread that minds the clock: the one that is in `serve`.
    minder: Bell,
    /// The connections that `serve` has accepted.
    live: Mutex<HashMap<ConnectionId, Arc<TcpStream>>>,
    /// Fewer than before.
    ended: Condvar,
}

impl Server {
    /// A broker of this configuration, with the program's hooks (`()` for none).
    #[must_use]
    pub fn new(broker: BrokerConfig, hooks: impl Hooks, config: ServerConfig) -> Self {
        let control = Arc::new(Control::default());
        let epoch = Instant::now();
        let outside = Outside {
            now: Box::new(move || Timestamp::ZERO + epoch.elapsed()),
            earlier: Waker::from(Arc::clone(&control)),
            // Without a thread the future is dropped, which is a refusal.
            spawn: Box::new(|future| drop(spawn(ANSWER, move || block_on(future)))),
        };
        Self { shared: Shared::new(broker, hooks, outside), control, config }
    }

    /// Serves connections from these listeners until [`stop`](Self::stop) is called. Then it closes the listeners, has the
    /// broker close every connection with *server shutting down*, and waits for them to end, at most for the grace.
    ///
    /// It also minds the broker's clock, so it must run while the server is in use, in one thread, with no listeners if need
    /// be.
    ///
    /// # Errors
    ///
    /// A listener has no address, or the system no thread for it.
    pub fn serve(&self, listeners: Vec<Listener>) -> io::Result<Stopped> {
        let mut acceptors = Vec::new();
        let started = listeners.into_iter().try_for_each(|listener| {
            let address = reachable(listener.socket.local_addr()?);
            let server = self.clone();
            acceptors.push((address, spawn(ACCEPTOR, move || server.accept(&listener))?));
            Ok(())
        });
        if started.is_err() {
            self.stop();
        }
        while !self.control.is_stopping() {
            self.mind();
        }
        for (address, acceptor) in acceptors {
            call_back(address, acceptor);
        }
        let stopped = self.end();
        started.map(|()| stopped)
    }

    /// Has [`serve`](Self::serve) end, from any thread; also one that is only called later.
    pub fn stop(&self) {
        self.control.stopping.store(true, Ordering::SeqCst);
        self.control.minder.ring();
    }

    /// Serves one connection of this peer, over any socket, until it ends, in this thread and one more. The clock is minded by
    /// [`serve`](Self::serve).
    ///
    /// # Errors
    ///
    /// The broker has as many connections as it may have, or the system has no thread for this one.
    pub fn serve_socket<S: Socket>(&self, socket: S, peer: Peer) -> io::Result<()> {
        let slot = self.shared.accept(peer, Arc::default()).map_err(|AtCapacity { .. }| full())?;
        connection::serve(&slot, &Arc::new(socket), self.config.patience)
    }

    /// Publishes a message from the program itself.
    pub fn publish(&self, message: Message) {
        self.shared.with(|broker, now| broker.publish(message, now));
    }

    /// Closes a connection, with this reason if the client speaks 5.0.
    pub fn close(&self, connection: ConnectionId, reason: ReasonCode) {
        self.shared.with(|broker, now| broker.close(connection, reason, now));
    }

    /// Ends subscriptions that the program's rules, which have changed, no longer allow:
    /// [`retain_subscriptions`](mqtt_engine::Broker::retain_subscriptions). `keep` is called with the broker locked: it must not
    /// use the server.
    pub fn retain_subscriptions(&self, keep: impl FnMut(&Text, Option<&Text>, &TopicFilter) -> bool) {
        self.shared.with(|broker, now| broker.retain_subscriptions(keep, now));
    }

    /// How many bytes were moved.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.meter().count()
    }

    /// How much of everything the broker holds.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.with(|broker, _| broker.statistics())
    }

    /// Waits for the broker's deadline, and lets time pass.
    fn mind(&self) {
        let Some(deadline) = self.shared.arm() else { return self.control.minder.wait() };
        match deadline.saturating_since(self.shared.now()) {
            Duration::ZERO => self.shared.with(|broker, now| broker.handle_timeout(now)),
            span => self.control.minder.wait_for(span),
        }
    }

    fn accept(&self, listener: &Listener) {
        loop {
            let accepted = listener.socket.accept();
            if self.control.is_stopping() {
                return;
            }
            let admitted = accepted.and_then(|(stream, address)| {
                self.admit(stream, Peer::of(listener.tag).with_address(address))
            });
            if let Err(error) = admitted {
                self.shared.hooks().accept_failed(&error);
                if !concerns_one_connection(&error) && error.kind() != io::ErrorKind::QuotaExceeded {
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: Peer) -> io::Result<()> {
        // Without it packets are only sent later, which hurts nobody but the clock.
        let _ = stream.set_nodelay(true);
        let slot = self.shared.accept(peer, Arc::default()).map_err(|AtCapacity { .. }| full())?;
        let live = Live::new(Arc::clone(&self.control), slot, stream);
        let patience = self.config.patience;
        spawn(WRITER, move || live.serve(patience)).map(drop)
    }

    /// Ends all connections.
    fn end(&self) -> Stopped {
        self.shared.with(|broker, now| broker.shut_down(now));
        let until = Instant::now() + self.config.grace;
        let mut live = lock(&self.control.live);
        while !live.is_empty() && Instant::now() < until {
            let span = until.saturating_duration_since(Instant::now());
            live = self.control.ended.wait_timeout(live, span).unwrap_or_else(PoisonError::into_inner).0;
        }
        let dropped = live.len();
        live.values().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        while !live.is_empty() {
            live = self.control.ended.wait(live).unwrap_or_else(PoisonError::into_inner);
        }
        Stopped::new(dropped)
    }
}

impl Control {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl Wake for Control {
    fn wake(self: Arc<Self>) {
        self.minder.ring();
    }
}

/// A connection that `serve` has accepted, until this is dropped.
struct Live {
    slot: Slot<Threads>,
    stream: Arc<TcpStream>,
    _gone: Gone,
}

/// Dropped after the connection's slot: then nothing is left of it.
struct Gone {
    control: Arc<Control>,
    id: ConnectionId,
}

impl Live {
    fn new(control: Arc<Control>, slot: Slot<Threads>, stream: TcpStream) -> Self {
        let (id, stream) = (slot.id, Arc::new(stream));
        lock(&control.live).insert(id, Arc::clone(&stream));
        Self { slot, stream, _gone: Gone { control, id } }
    }

    fn serve(self, patience: Duration) {
        if let Err(error) = connection::serve(&self.slot, &self.stream, patience) {
            self.slot.shared.hooks().accept_failed(&error);
        }
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        lock(&self.control.live).remove(&self.id);
        self.control.ended.notify_all();
    }
}

/// An address at which this machine reaches a listener of its own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = address.ip();
    let ip = match address {
        _ if !ip.is_unspecified() => ip,
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// Waits for a thread that accepts connections and is to end: a connection is what it waits for.
fn call_back(address: SocketAddr, acceptor: JoinHandle<()>) {
    while !acceptor.is_finished() {
        let _ = TcpStream::connect_timeout(&address, CALL);
        thread::sleep(Duration::from_millis(1));
    }
    // Should it have panicked, in a hook say, it has ended as well.
    let _ = acceptor.join();
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

/// Runs a future to its end in this thread.
fn block_on(mut future: Running) {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        bell.wait();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}
