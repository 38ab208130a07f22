//! What is special about threads: how they end, and what else they can serve.

use core::time::Duration;
use std::{
    io::{self, IoSlice, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    thread,
    time::Instant,
};

use mqtt_engine::{
    Answer, BrokerConfig, BrokerEvent, ClientEvent, ConnectionId, Disconnect, QoS, Question, Subscribe,
    TopicFilter, packet::ReasonCode,
};
use mqtt_engine_blocking::{Client, Decision, Hooks, Peer, Server, ServerConfig, Socket, Stopped};

use crate::on_every_runtime::support::{CONNECT_5, PATIENCE, config, message};

fn start(server: &Server, listener: TcpListener) -> thread::JoinHandle<io::Result<Stopped>> {
    let server = server.clone();
    thread::spawn(move || server.serve(vec![listener.into()]))
}

fn new(hooks: impl Hooks, broker: BrokerConfig) -> Server {
    Server::new(broker, hooks, ServerConfig::default())
}

/// Subscribes, publishes, and hears it.
fn round_trip(client: &mut Client) {
    client.subscribe(Subscribe::new(TopicFilter::try_from("a").unwrap(), QoS::ExactlyOnce)).unwrap();
    client.publish(message("a", "b", QoS::ExactlyOnce)).unwrap();
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE);
        if let Some(ClientEvent::Received { message, .. }) = client.next_event(PATIENCE).unwrap() {
            assert_eq!(message.payload, "b");
            return;
        }
    }
}

/// Also on all addresses of the machine, where it has to find out how to call itself.
#[test]
fn a_server_without_connections_stops_at_once() {
    for (here, there) in
        [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("[::1]", "[::1]"), ("[::]", "[::1]")]
    {
        let Ok(listener) = TcpListener::bind(format!("{here}:0")) else {
            // A machine without IPv6.
            assert!(here.starts_with('['), "{here}");
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        let server = new((), BrokerConfig::new());
        let serving = start(&server, listener);
        let mut client = Client::new(format!("{there}:{port}"), config("client"));
        round_trip(&mut client);
        assert!(client.disconnect(Disconnect::default(), PATIENCE).is_nothing());
        let began = Instant::now();
        server.stop();
        assert_eq!(serving.join().unwrap().unwrap().dropped, 0);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        TcpListener::bind(format!("{here}:{port}")).expect("the port is free again");
    }
}

#[test]
fn a_server_that_was_stopped_before_does_not_serve() {
    let server = new((), BrokerConfig::new());
    server.stop();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(server.serve(vec![listener.into()]).unwrap().dropped, 0);
}

/// A hook that panics ends its connection, whose place is given back; the server goes on.
#[test]
fn a_hook_that_panics_ends_its_connection_only() {
    #[derive(Clone, Default)]
    struct Once(Arc<AtomicBool>);
    impl Hooks for Once {
        fn event(&self, _: Option<&Peer>, event: &BrokerEvent) {
            let is_first =
                matches!(event, BrokerEvent::Connected { .. }) && !self.0.swap(true, Ordering::Relaxed);
            assert!(!is_first, "as this test wants it");
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = new(Once::default(), BrokerConfig::new());
    let serving = start(&server, listener);
    let mut client = Client::new(address, config("client"));
    round_trip(&mut client);
    server.stop();
    assert_eq!(serving.join().unwrap().unwrap().dropped, 0);
    assert_eq!(server.statistics().connections, 0);
}

/// An answer that comes later may block; so may, in its own thread, everything that a hook does.
#[test]
fn hooks_may_block() {
    struct Slow;
    impl Hooks for Slow {
        fn decide(&self, _: ConnectionId, _: &Peer, _: Question) -> Decision {
            // A channel of the standard library parks the thread.
            let (send, receive) = channel();
            thread::spawn(move || send.send(Answer::Allow).unwrap());
            let answer = receive.recv().unwrap();
            Decision::later(async move {
                thread::sleep(Duration::from_millis(1));
                answer
            })
        }
    }
    let mut asks = BrokerConfig::new();
    asks.ask_publish = true;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = new(Slow, asks);
    let serving = start(&server, listener);
    let mut client = Client::new(address, config("client"));
    for number in 0..200 {
        client.publish(message("a", vec![7; number * 20], QoS::AtLeastOnce)).unwrap();
    }
    assert!(client.disconnect(Disconnect::default(), PATIENCE).is_nothing());
    assert_eq!(server.statistics().received, 200);
    server.stop();
    assert_eq!(serving.join().unwrap().unwrap().dropped, 0);
}

/// Closed by the program: told why, and gone.
#[test]
fn the_program_closes_a_connection() {
    struct Tell(std::sync::Mutex<std::sync::mpsc::Sender<ConnectionId>>);
    impl Hooks for Tell {
        fn event(&self, _: Option<&Peer>, event: &BrokerEvent) {
            if let BrokerEvent::Connected { connection, .. } = event {
                self.0.lock().unwrap().send(*connection).unwrap();
            }
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, connected) = channel();
    let server = new(Tell(std::sync::Mutex::new(send)), BrokerConfig::new());
    let serving = start(&server, listener);
    let mut raw = TcpStream::connect(address).unwrap();
    raw.set_read_timeout(Some(PATIENCE)).unwrap();
    raw.write_all(CONNECT_5).unwrap();
    server.close(connected.recv_timeout(PATIENCE).unwrap(), ReasonCode::AdministrativeAction);
    let mut all = Vec::new();
    raw.read_to_end(&mut all).unwrap();
    assert!(all.ends_with(&[0xE0, 0x01, 0x98]), "{all:02x?}");
    server.stop();
    assert_eq!(serving.join().unwrap().unwrap().dropped, 0);
}

/// A byte at a time, and every other time the write runs out of time.
struct Chopped {
    stream: TcpStream,
    odd: AtomicBool,
}

impl Socket for Chopped {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Socket::read(&self.stream, &mut buffer[..1])
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.odd.fetch_xor(true, Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let part = parts.iter().find(|part| !part.is_empty()).unwrap();
        Socket::write(&self.stream, &[IoSlice::new(&part[..1])])
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        Socket::set_write_timeout(&self.stream, timeout)
    }

    fn shut_down(&self, how: Shutdown) {
        self.stream.shut_down(how);
    }
}

/// [MQTT-7.1.1-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
#[test]
fn s82_a_byte_at_a_time_in_both_directions() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = new((), BrokerConfig::new());
    let serving = thread::spawn({
        let server = server.clone();
        move || {
            let (stream, _) = listener.accept().unwrap();
            server.serve_socket(Chopped { stream, odd: AtomicBool::new(false) }, Peer::default()).unwrap();
        }
    });
    let mut client = Client::new(address, config("client"));
    for _ in 0..20 {
        round_trip(&mut client);
    }
    drop(client);
    serving.join().unwrap();
    assert_eq!(server.statistics().connections, 0);
}

#[cfg(unix)]
#[test]
fn unix_sockets_are_served() {
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let server = new((), BrokerConfig::new());
    let serving = thread::spawn({
        let server = server.clone();
        move || server.serve_socket(theirs, Peer::of(3))
    });
    ours.write_all(CONNECT_5).unwrap();
    ours.write_all(&[0xE0, 0x00]).unwrap();
    let mut all = Vec::new();
    ours.read_to_end(&mut all).unwrap();
    assert_eq!(all[0], 0x20);
    serving.join().unwrap().unwrap();
    assert_eq!(server.statistics().connections, 0);
}
