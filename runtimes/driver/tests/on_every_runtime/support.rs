//! A broker in this process, clients of it, and peers made of bytes.

use core::{
    fmt::Debug,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::Instant,
};

use mqtt_engine::{
    BrokerConfig, ClientConfig, ClientEvent, Message, QoS, Reconnect, Subscribe, Text, TopicFilter,
};
use mqtt_engine_driver::{Runtime, Streams, timeout_at};

use crate::adapter::{self, Client, Clock, Hooks, Listener, Server, ServerConfig, Stopped};

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const CONNECT_5: &[u8] = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00";
pub(crate) const CONNECT_311: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a";

/// A running broker, on a free port of this machine.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) address: String,
    /// Ends the server when it is dropped.
    stop: Option<async_stop::Stop>,
    serving: adapter::Joined<Stopped>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(BrokerConfig::new(), (), ServerConfig::default()).await
    }

    pub(crate) async fn with(broker: BrokerConfig, hooks: impl Hooks, config: ServerConfig) -> Self {
        let (listener, address) = adapter::listen().await;
        Self::on(listener, address, adapter::server(broker, hooks, config))
    }

    pub(crate) fn on(listener: impl Into<Listener>, address: String, server: Server) -> Self {
        let (stop, stopped) = async_stop::new();
        let serving = adapter::serve(server.clone(), listener.into(), stopped);
        Self { server, address, stop: Some(stop), serving }
    }

    pub(crate) async fn stop(mut self) -> Stopped {
        drop(self.stop.take());
        timeout(PATIENCE, self.serving).await.expect("the server stops")
    }

    pub(crate) fn client(&self, config: ClientConfig) -> Client {
        Client::new(&*self.address, config)
    }

    /// A peer that has said this CONNECT, and was welcomed.
    pub(crate) fn raw(&self, connect: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&*self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(connect).unwrap();
        let mut head = [0; 2];
        stream.read_exact(&mut head).unwrap();
        let mut rest = vec![0; head[1].into()];
        stream.read_exact(&mut rest).unwrap();
        assert_eq!((head[0], rest[1]), (0x20, 0), "CONNACK with success");
        stream
    }

    pub(crate) async fn until_connections(&self, count: usize) {
        until_connections(&self.server, count).await;
    }
}

pub(crate) async fn until_connections(server: &Server, count: usize) {
    until_equal(|| server.statistics().connections, count).await;
}

/// Waits until something is as it should be: what one thread of a broker does, others see a little later.
pub(crate) async fn until_equal<T: PartialEq + Debug>(look: impl Fn() -> T, expected: T) {
    let began = Instant::now();
    loop {
        let found = look();
        if found == expected {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{found:?}, not {expected:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Ends a server.
mod async_stop {
    use std::sync::Arc;

    use mqtt_engine_driver::Signal;

    pub(crate) struct Stop(Arc<Signal>);

    pub(crate) fn new() -> (Stop, impl Future<Output = ()> + Send + 'static) {
        let signal = Arc::new(Signal::default());
        (Stop(Arc::clone(&signal)), async move { signal.notified().await })
    }

    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.notify();
        }
    }
}

/// A server that answers the first packet with these bytes and then does this with the connection.
pub(crate) fn fake_server<T: Send + 'static>(
    answer: &'static [u8],
    then: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let count = stream.read(&mut [0; 1024]).unwrap();
        assert!(count > 0, "CONNECT");
        stream.write_all(answer).unwrap();
        then(stream)
    });
    (address, serving)
}

pub(crate) fn config(id: &str) -> ClientConfig {
    let mut config = ClientConfig::new(Text::try_from(id).unwrap());
    config.session_expiry = 3600;
    config.reconnect =
        Reconnect::Backoff { initial: Duration::from_millis(1), maximum: Duration::from_millis(4) };
    config
}

pub(crate) fn once(id: &str) -> ClientConfig {
    let mut once = config(id);
    once.reconnect = Reconnect::Never;
    once
}

pub(crate) fn subscribe(filter: &str, qos: QoS) -> Subscribe {
    Subscribe::new(TopicFilter::try_from(filter).unwrap(), qos)
}

pub(crate) fn message(topic: &str, payload: impl Into<bytes::Bytes>, qos: QoS) -> Message {
    Message::new(topic, payload).unwrap().with_qos(qos)
}

/// Events until one of this kind, that one included.
pub(crate) async fn until<S>(
    client: &mut Client<S>,
    wanted: impl Fn(&ClientEvent) -> bool,
) -> Vec<ClientEvent>
where
    Clock: Streams<S>,
{
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
pub(crate) async fn subscribed<S>(client: &mut Client<S>, filter: &str, qos: QoS)
where
    Clock: Streams<S>,
{
    client.subscribe(subscribe(filter, qos)).unwrap();
    until(client, |event| matches!(event, ClientEvent::Subscribed { .. })).await;
}

/// The payloads of so many messages.
pub(crate) async fn received<S>(client: &mut Client<S>, count: usize) -> Vec<String>
where
    Clock: Streams<S>,
{
    let mut payloads = Vec::new();
    while payloads.len() < count {
        let events = until(client, |event| matches!(event, ClientEvent::Received { .. })).await;
        let Some(ClientEvent::Received { message, .. }) = events.last() else { unreachable!() };
        payloads.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    payloads
}

pub(crate) fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Polls once; a future that is not ready is dropped.
pub(crate) fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Lets other tasks run.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    core::future::poll_fn(|cx| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Both, at the same time.
pub(crate) async fn both<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut other) = (None, None);
    core::future::poll_fn(|cx| {
        if one.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(cx)
        {
            one = Some(output);
        }
        if other.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(cx)
        {
            other = Some(output);
        }
        if one.is_some() && other.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (one.unwrap(), other.unwrap())
}

pub(crate) async fn sleep(span: Duration) {
    let clock = Clock::default();
    clock.sleep_until(clock.now() + span).await;
}

pub(crate) async fn timeout<F: Future>(span: Duration, future: F) -> Option<F::Output> {
    let clock = Clock::default();
    timeout_at(&clock, clock.now() + span, future).await
}
