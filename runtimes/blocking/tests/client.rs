//! The blocking client against the broker machine, over TCP and over transports with faults.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::std_instead_of_alloc,
    reason = "a test"
)]

mod support;

use core::time::Duration;
use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Instant,
};

use mqtt_engine::{
    ClientConfig, ClientEvent, Disconnect, DisconnectReason, Message, PublishError, PublishOutcome, QoS,
    Reconnect, Subscribe, Text, TopicFilter,
};
use mqtt_engine_blocking::{Client, Connector, Ended, Stream, Tcp};
use support::TestBroker;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn messages_of_every_qos_come_back() {
    let broker = TestBroker::start();
    let mut client = Client::new(broker.address(), config("client"));
    subscribed(&mut client, "echo", QoS::ExactlyOnce);
    for level in 0..3 {
        client.publish(message("echo", level.to_string(), QoS::from_u8(level).unwrap())).unwrap();
    }
    assert_eq!(received(&mut client, 3), ["0", "1", "2"]);
    assert!(client.disconnect(Disconnect::default(), PATIENCE).is_nothing());
}

/// The handler of received messages publishes an answer to each, with room for a single message.
#[test]
fn s80_a_handler_that_publishes_never_hangs() {
    const BURST: usize = 128;
    let broker = TestBroker::start();
    let mut witness = Client::new(broker.address(), config("witness"));
    subscribed(&mut witness, "answer", QoS::AtLeastOnce);
    let mut small = config("handler");
    small.queue_count = 1;
    let mut handler = Client::new(broker.address(), small);
    subscribed(&mut handler, "question", QoS::AtLeastOnce);
    for number in 0..BURST {
        witness.publish(message("question", number.to_string(), QoS::AtLeastOnce)).unwrap();
    }
    assert!(witness.disconnect(Disconnect::default(), PATIENCE).is_nothing());

    let (mut answered, mut blocked) = (0, 0);
    let mut waiting: VecDeque<Message> = VecDeque::new();
    let began = Instant::now();
    while answered < BURST {
        assert!(began.elapsed() < PATIENCE, "progress");
        match handler.next_event(PATIENCE).unwrap() {
            Some(ClientEvent::Received { message: question, .. }) => {
                waiting.push_back(message("answer", question.payload, QoS::AtLeastOnce));
            }
            Some(ClientEvent::Published { outcome, .. }) => {
                assert!(matches!(outcome, PublishOutcome::Acknowledged { .. }), "{outcome:?}");
                answered += 1;
            }
            _ => {}
        }
        while let Some(message) = waiting.pop_front() {
            match handler.publish(message) {
                Ok(_) => {}
                Err(PublishError::Blocked(message)) => {
                    blocked += 1;
                    waiting.push_front(message);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(blocked > 0, "with room for one message a burst must have met a full queue");
}

/// Reads and writes a byte at a time, and every other time runs out of time instead.
struct Chopped {
    stream: TcpStream,
    odd_read: bool,
    odd_write: bool,
}

fn hesitates(odd: &mut bool) -> io::Result<()> {
    *odd = !*odd;
    if *odd { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

impl Read for Chopped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        hesitates(&mut self.odd_read)?;
        self.stream.read(&mut buffer[..1])
    }
}

impl Write for Chopped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        hesitates(&mut self.odd_write)?;
        self.stream.write(&bytes[..1])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Chopped {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Stream::set_read_timeout(&mut self.stream, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Stream::set_write_timeout(&mut self.stream, timeout)
    }
}

/// [MQTT-7.1.2-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
#[test]
fn s82_a_byte_at_a_time_in_both_directions() {
    let broker = TestBroker::start();
    let mut tcp = Tcp::new(broker.address());
    let connector =
        move |within| Ok(Chopped { stream: tcp.connect(within)?, odd_read: false, odd_write: false });
    let mut client = Client::connect_with(connector, config("client"));
    subscribed(&mut client, "echo", QoS::ExactlyOnce);
    for number in 0..20 {
        client.publish(message("echo", number.to_string(), QoS::ExactlyOnce)).unwrap();
    }
    assert_eq!(received(&mut client, 20), (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// Breaks once, after a number of bytes.
struct Breaking {
    stream: TcpStream,
    left: Option<usize>,
}

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Breaking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left {
            None => self.stream.write(bytes),
            Some(0) => {
                self.stream.shutdown(std::net::Shutdown::Both)?;
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Some(left) => {
                let count = self.stream.write(&bytes[..left.min(bytes.len())])?;
                self.left = Some(left - count);
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Breaking {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Stream::set_read_timeout(&mut self.stream, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Stream::set_write_timeout(&mut self.stream, timeout)
    }
}

#[test]
fn s82_failing_mid_packet_means_a_clean_reconnect() {
    let broker = TestBroker::start();
    let mut subscriber = Client::new(broker.address(), config("subscriber"));
    subscribed(&mut subscriber, "news", QoS::ExactlyOnce);
    for bytes in (0..120).step_by(3) {
        let mut tcp = Tcp::new(broker.address());
        let mut first = true;
        let connector = move |within| {
            let left = core::mem::take(&mut first).then_some(bytes);
            Ok(Breaking { stream: tcp.connect(within)?, left })
        };
        let mut publisher = Client::connect_with(connector, config(&format!("publisher-{bytes}")));
        publisher.publish(message("news", bytes.to_string(), QoS::ExactlyOnce)).unwrap();
        let events = until(&mut publisher, |event| matches!(event, ClientEvent::Published { .. }));
        let Some(ClientEvent::Published { outcome, .. }) = events.last() else { unreachable!() };
        assert!(matches!(outcome, PublishOutcome::Acknowledged { .. }), "{outcome:?} after {bytes} bytes");
        assert_eq!(received(&mut subscriber, 1), [bytes.to_string()], "once, and whole");
    }
}

#[test]
fn s83_disconnect_drains_what_is_queued() {
    let broker = TestBroker::start();
    let mut client = Client::new(broker.address(), config("client"));
    for number in 0..99 {
        client.publish(message("a", "b", QoS::from_u8(number % 3).unwrap())).unwrap();
    }
    // Not even connected yet.
    let remains = client.disconnect(Disconnect::default(), PATIENCE);
    assert!(remains.is_nothing(), "{remains:?}");
    let mut fates = 0;
    loop {
        match client.next_event(PATIENCE) {
            Ok(Some(ClientEvent::Published { .. })) => fates += 1,
            Ok(_) => {}
            Err(Ended) => break,
        }
    }
    assert_eq!(fates, 66);
    assert_eq!(broker.stop().received, 99);
}

/// A server that accepts the connection and then neither reads nor answers.
#[test]
fn s83_disconnect_ends_in_time_and_reports_what_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 64]).unwrap();
        stream.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).unwrap();
        stream
    });
    let mut large = config("client");
    large.queue_bytes = 64 << 20;
    let mut client = Client::new(address, large);
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_)));
    for _ in 0..40 {
        // More than the buffers of the system hold.
        client.publish(message("a", vec![0; 1 << 20], QoS::AtLeastOnce)).unwrap();
    }
    let began = Instant::now();
    let remains = client.disconnect(Disconnect::default(), Duration::from_millis(300));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(remains.publishes, 40);
    assert!(remains.bytes > 0);
    assert_eq!(client.next_event(Duration::ZERO).map(|_| ()), Ok(()), "the event of the end");
    drop(server.join().unwrap());
}

/// A server that never acknowledges: the good-bye is said when the time is over, so no will is published.
#[test]
fn s83_disconnect_says_good_bye_even_if_the_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        heard
    });
    let mut client = Client::new(address, config("client"));
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_)));
    client.publish(message("a", "b", QoS::AtLeastOnce)).unwrap();
    let remains = client.disconnect(Disconnect::default(), Duration::from_millis(50));
    assert_eq!(remains.publishes, 1);
    let heard = server.join().unwrap();
    assert!(heard.ends_with(&[0xE0, 0x00]), "{heard:x?}");
}

#[test]
fn s83_events_end_after_disconnect_and_begin_again_after_connect() {
    let broker = TestBroker::start();
    let mut client = Client::new(broker.address(), config("client"));
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_)));
    client.disconnect(Disconnect::default(), PATIENCE);
    let event = client.next_event(PATIENCE);
    assert_eq!(event, Ok(Some(ClientEvent::Disconnected { reason: DisconnectReason::Requested })));
    assert_eq!(client.next_event(PATIENCE), Err(Ended));
    client.connect();
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_)));
}

#[test]
fn a_refused_connection_is_an_event_with_its_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut once = config("client");
    once.reconnect = Reconnect::Never;
    let mut client = Client::new(address, once);
    let event = client.next_event(PATIENCE);
    assert_eq!(event, Ok(Some(ClientEvent::Disconnected { reason: DisconnectReason::TransportClosed })));
    assert_eq!(client.take_error().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(client.next_event(PATIENCE), Err(Ended));
}

/// While nothing happens, `next_event` returns after its timeout, and with a timeout of zero at once.
#[test]
fn next_event_waits_as_long_as_it_is_told() {
    let broker = TestBroker::start();
    let mut client = Client::new(broker.address(), config("client"));
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_)));
    for millis in [0, 1, 50, 200] {
        let began = Instant::now();
        assert_eq!(client.next_event(Duration::from_millis(millis)), Ok(None));
        let waited = began.elapsed();
        assert!(
            waited >= Duration::from_millis(millis) && waited < Duration::from_millis(millis + 1000),
            "{waited:?}"
        );
    }
}

/// S41 on the adapter's deadline: a short keep alive holds over an idle time that the server would not tolerate.
#[test]
fn s40_an_idle_client_stays_connected() {
    let broker = TestBroker::start();
    let mut idle = config("client");
    idle.keep_alive = 1;
    let mut client = Client::new(broker.address(), idle);
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_)));
    assert_eq!(client.next_event(Duration::from_secs(4)), Ok(None));
    assert!(client.is_connected());
}

fn config(id: &str) -> ClientConfig {
    let mut config = ClientConfig::new(Text::try_from(id).unwrap());
    config.session_expiry = 3600;
    config.reconnect =
        Reconnect::Backoff { initial: Duration::from_millis(1), maximum: Duration::from_millis(4) };
    config
}

fn message(topic: &str, payload: impl Into<bytes::Bytes>, qos: QoS) -> Message {
    Message::new(topic, payload).unwrap().with_qos(qos)
}

fn until<C: Connector>(client: &mut Client<C>, wanted: impl Fn(&ClientEvent) -> bool) -> Vec<ClientEvent> {
    let began = Instant::now();
    let mut events = Vec::new();
    while began.elapsed() < PATIENCE {
        let Some(event) = client.next_event(PATIENCE).expect("the client goes on") else { continue };
        let found = wanted(&event);
        events.push(event);
        if found {
            return events;
        }
    }
    panic!("waited in vain; so far: {events:?}")
}

fn subscribed<C: Connector>(client: &mut Client<C>, filter: &str, qos: QoS) {
    client.subscribe(Subscribe::new(TopicFilter::try_from(filter).unwrap(), qos)).unwrap();
    until(client, |event| matches!(event, ClientEvent::Subscribed { .. }));
}

fn received<C: Connector>(client: &mut Client<C>, count: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    while payloads.len() < count {
        let events = until(client, |event| matches!(event, ClientEvent::Received { .. }));
        let Some(ClientEvent::Received { message, .. }) = events.last() else { unreachable!() };
        payloads.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    payloads
}
