//! A broker in this process, clients on pipes, and pipes with faults.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]

use core::{
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::{io, sync::Arc};

use mqtt_engine::{
    BrokerConfig, ClientConfig, ClientEvent, Message, QoS, Reconnect, Subscribe, Text, TopicFilter,
};
use mqtt_engine_tokio::{Client, Connector, Hooks, Peer, Server, ServerConfig, Stopped};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// What a pipe holds.
pub const PIPE: usize = 4096;

/// A running broker without listeners.
pub struct World {
    pub server: Server,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Stopped>,
}

impl World {
    pub fn new() -> Self {
        Self::with(BrokerConfig::new(), ())
    }

    pub fn with(config: BrokerConfig, hooks: impl Hooks) -> Self {
        let server = Server::new(config, hooks, ServerConfig::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn({
            let server = server.clone();
            async move {
                server
                    .serve(Vec::new(), async {
                        let _ = stopped.await;
                    })
                    .await
            }
        });
        Self { server, stop: Some(stop), serving }
    }

    pub async fn stop(mut self) -> Stopped {
        drop(self.stop.take());
        timeout(PATIENCE, self.serving).await.expect("the server stops").unwrap()
    }

    /// The client's end of a new connection.
    pub fn pipe(&self) -> DuplexStream {
        let (ours, theirs) = duplex(PIPE);
        let server = self.server.clone();
        tokio::spawn(async move { server.serve_stream(theirs, Peer::default()).await });
        ours
    }

    /// A connector whose transports have these faults at the client's end.
    pub fn connector(&self, faults: Faults) -> impl Connector<Stream = Faulty<DuplexStream>> + Send + use<> {
        let server = self.server.clone();
        move || {
            let (ours, theirs) = duplex(PIPE);
            let server = server.clone();
            tokio::spawn(async move { server.serve_stream(theirs, Peer::default()).await });
            let stream = Faulty::new(ours, faults.clone());
            async move { Ok(stream) }
        }
    }

    pub fn client(&self, config: ClientConfig) -> Client<Faulty<DuplexStream>> {
        Client::connect_with(self.connector(Faults::default()), config)
    }
}

/// What is wrong with a transport.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// One byte at a time, and every other time none.
    pub chopped: bool,
    /// Fails once, when so many bytes have been written (in all transports of the client together).
    pub fails_after: Option<Arc<Fuse>>,
}

/// Burns down with the bytes written, and blows once.
#[derive(Debug)]
pub struct Fuse {
    left: core::sync::atomic::AtomicUsize,
    pub blown: AtomicBool,
}

impl Fuse {
    pub fn of(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: bytes.into(), blown: AtomicBool::new(false) })
    }

    /// How many of these bytes may be written; `None`: it blows now.
    fn burn(&self, wanted: usize) -> Option<usize> {
        if self.blown.load(Ordering::Relaxed) {
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
        if !self.blown.load(Ordering::Relaxed) {
            self.left.fetch_sub(count, Ordering::Relaxed);
        }
    }
}

/// A stream with faults.
#[derive(Debug)]
pub struct Faulty<S> {
    stream: S,
    faults: Faults,
    odd_read: bool,
    odd_write: bool,
    dead: bool,
}

impl<S> Faulty<S> {
    pub fn new(stream: S, faults: Faults) -> Self {
        Self { stream, faults, odd_read: false, odd_write: false, dead: false }
    }

    /// Every other time: not now, but soon.
    fn hesitates(odd: &mut bool, cx: &Context<'_>) -> bool {
        *odd = !*odd;
        if *odd {
            cx.waker().wake_by_ref();
        }
        *odd
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Faulty<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.dead {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if !this.faults.chopped {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        if Self::hesitates(&mut this.odd_read, cx) {
            return Poll::Pending;
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut this.stream).poll_read(cx, &mut one);
        buf.put_slice(one.filled());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Faulty<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut count = buf.len();
        if this.faults.chopped {
            if Self::hesitates(&mut this.odd_write, cx) {
                return Poll::Pending;
            }
            count = count.min(1);
        }
        if let Some(fuse) = &this.faults.fails_after {
            match fuse.burn(count) {
                Some(allowed) => count = allowed,
                None => this.dead = true,
            }
        }
        if this.dead {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, &buf[..count]);
        if let (Some(fuse), Poll::Ready(Ok(count))) = (&this.faults.fails_after, &written) {
            fuse.written(*count);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

pub fn config(id: &str) -> ClientConfig {
    let mut config = ClientConfig::new(Text::try_from(id).unwrap());
    config.session_expiry = 3600;
    config.reconnect =
        Reconnect::Backoff { initial: Duration::from_millis(1), maximum: Duration::from_millis(4) };
    config
}

pub fn subscribe(filter: &str, qos: QoS) -> Subscribe {
    Subscribe::new(TopicFilter::try_from(filter).unwrap(), qos)
}

pub fn message(topic: &str, payload: impl Into<bytes::Bytes>, qos: QoS) -> Message {
    Message::new(topic, payload).unwrap().with_qos(qos)
}

/// Events until one of this kind, that one included.
pub async fn until<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    wanted: impl Fn(&ClientEvent) -> bool,
) -> Vec<ClientEvent> {
    let collect = async {
        let mut events = Vec::new();
        loop {
            let event = client.next_event().await.expect("the client goes on");
            let found = wanted(&event);
            events.push(event);
            if found {
                return events;
            }
        }
    };
    timeout(PATIENCE, collect).await.expect("the event comes")
}

/// Connected and subscribed.
pub async fn subscribed<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, filter: &str, qos: QoS) {
    client.subscribe(subscribe(filter, qos)).unwrap();
    until(client, |event| matches!(event, ClientEvent::Subscribed { .. })).await;
}

/// Polls once; a future that is not ready is dropped.
pub fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
