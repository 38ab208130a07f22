//! The broker over TCP and over pipes.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::std_instead_of_alloc,
    reason = "a test"
)]

mod support;

use core::time::Duration;
use std::{
    io,
    sync::{Arc, Mutex},
};

use mqtt_engine::{
    Answer, BrokerConfig, BrokerEvent, ClientEvent, ConnectionId, Disconnect, DisconnectReason,
    PublishOutcome, QoS, Question, Reconnect, Text, packet::ReasonCode,
};
use mqtt_engine_tokio::{Client, Decision, Hooks, Peer, Server, ServerConfig};
use support::{Faults, PATIENCE, World, config, message, subscribed, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

const CONNECT_5: &[u8] = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00";
const CONNECT_311: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a";

/// A broker on a free port of this machine; ends when the sender is dropped.
async fn on_tcp(config: BrokerConfig, hooks: impl Hooks) -> (Server, String, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Server::new(config, hooks, ServerConfig::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = server.clone();
    tokio::spawn(async move {
        serving
            .serve(vec![listener.into()], async {
                let _ = stopped.await;
            })
            .await
    });
    (server, address, stop)
}

/// The CONNECT frames above, checked against what the broker makes of them.
async fn raw(address: &str, connect: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(connect).await.unwrap();
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.unwrap();
    let mut rest = vec![0; head[1].into()];
    stream.read_exact(&mut rest).await.unwrap();
    assert_eq!((head[0], rest[1]), (0x20, 0), "CONNACK with success");
    stream
}

/// [MQTT-7.1.1-1] (3.1.1)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_connections_and_a_busy_publisher_without_loss() {
    const IDLE: usize = 1000;
    const MESSAGES: usize = 20_000;
    // Room for all, because nothing slows the publisher down to the subscriber's pace.
    let mut limits = BrokerConfig::new();
    limits.connection.queue_count = MESSAGES;
    limits.connection.queue_bytes = MESSAGES * 1024;
    let (server, address, _stop) = on_tcp(limits, ()).await;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(raw(&address, CONNECT_5).await);
    }
    assert_eq!(server.statistics().connections, IDLE);

    let mut subscriber = Client::new(&*address, config("subscriber"));
    subscribed(&mut subscriber, "busy", QoS::AtLeastOnce).await;
    let mut publisher = Client::new(&*address, config("publisher"));
    let publishing = async {
        let (mut sent, mut acknowledged, mut waiting) = (0, 0, None);
        while acknowledged < MESSAGES {
            while waiting.is_some() || sent < MESSAGES {
                let next = waiting.take().unwrap_or_else(|| {
                    sent += 1;
                    message("busy", (sent - 1).to_string(), QoS::AtLeastOnce)
                });
                if let Err(error) = publisher.publish(next) {
                    waiting = Some(error.into_message());
                    break;
                }
            }
            match publisher.next_event().await.unwrap() {
                ClientEvent::Published { outcome, .. } => {
                    assert!(matches!(outcome, PublishOutcome::Acknowledged { .. }), "{outcome:?}");
                    acknowledged += 1;
                }
                ClientEvent::Connected(_) | ClientEvent::Writable => {}
                event => panic!("{event:?}"),
            }
        }
    };
    let subscribing = async {
        for number in 0..MESSAGES {
            match subscriber.next_event().await.unwrap() {
                ClientEvent::Received { message, .. } => assert_eq!(message.payload, number.to_string()),
                event => panic!("{event:?}"),
            }
        }
    };
    timeout(4 * PATIENCE, async { tokio::join!(publishing, subscribing) }).await.expect("progress");
    let statistics = server.statistics();
    assert_eq!((statistics.received, statistics.dropped), (MESSAGES as u64, 0));
    assert_eq!(statistics.connections, IDLE + 2);
    for stream in &mut idle {
        stream.write_all(&[0xC0, 0x00]).await.unwrap();
        let mut pong = [0; 2];
        stream.read_exact(&mut pong).await.unwrap();
        assert_eq!(pong, [0xD0, 0x00]);
    }
}

/// S68 at the sockets: who does not read is no burden to the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s68_a_subscriber_that_never_reads_does_not_hold_up_the_others() {
    let (server, address, _stop) = on_tcp(BrokerConfig::new(), ()).await;
    let mut stuck = raw(&address, CONNECT_311).await;
    stuck.write_all(b"\x82\x09\x00\x01\x00\x04bulk\x00").await.unwrap();
    let mut client = Client::new(&*address, config("reader"));
    subscribed(&mut client, "bulk", QoS::AtLeastOnce).await;
    let payload = vec![0; 64 << 10];
    let exchange = async {
        for _ in 0..300 {
            client.publish(message("bulk", payload.clone(), QoS::AtLeastOnce)).unwrap();
            until(&mut client, |event| matches!(event, ClientEvent::Received { .. })).await;
        }
    };
    timeout(PATIENCE, exchange).await.expect("progress");
    assert!(server.statistics().dropped > 100, "{:?}", server.statistics());
    assert_eq!(server.statistics().connections, 2);
}

/// Flow 3: the tutorials' PUBREL with the wrong flags gets the connection closed, and nobody else's.
#[tokio::test]
async fn a_bad_packet_closes_its_connection_only() {
    let (server, address, _stop) = on_tcp(BrokerConfig::new(), ()).await;
    let mut good = raw(&address, CONNECT_5).await;
    let mut bad = raw(&address, CONNECT_311).await;
    bad.write_all(&[0x60, 0x02, 0x00, 0x01]).await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, bad.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
    assert_eq!(rest, []);
    drop(bad);
    good.write_all(&[0xC0, 0x00]).await.unwrap();
    let mut pong = [0; 2];
    good.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong, [0xD0, 0x00]);
    until_connections(&server, 1).await;
}

/// Also while a client still sends: closing with unread input would reset the connection, and the reset could destroy what
/// the client is told.
#[tokio::test]
async fn a_client_that_is_still_sending_reads_the_last_words_and_an_end() {
    let (_server, address, _stop) = on_tcp(BrokerConfig::new(), ()).await;
    for _ in 0..20 {
        let mut stream = raw(&address, CONNECT_5).await;
        let mut wire = vec![0x60, 0x02, 0x00, 0x01];
        wire.resize(400_000, 0xAA);
        let (mut from, mut to) = stream.split();
        let mut answer = Vec::new();
        let sending = async {
            to.write_all(&wire).await?;
            to.shutdown().await
        };
        let (sent, read) = tokio::join!(sending, from.read_to_end(&mut answer));
        sent.unwrap();
        read.unwrap();
        assert_eq!(answer, [0xE0, 0x01, 0x81], "DISCONNECT, malformed packet");
    }
}

/// A program whose answer panics refuses: nobody waits for it for ever.
#[tokio::test]
async fn an_answer_that_panics_is_a_refusal() {
    struct Broken;
    impl Hooks for Broken {
        fn decide(&self, _: ConnectionId, _: &Peer, _: Question) -> Decision {
            Decision::later(async { panic!("as this test wants it") })
        }
    }
    let mut asks = BrokerConfig::new();
    asks.ask_authentication = true;
    let world = World::with(asks, Broken);
    let mut client = world.client(config("client"));
    let event = timeout(PATIENCE, client.next_event()).await.expect("an answer");
    let Some(ClientEvent::Disconnected { reason: DisconnectReason::Refused(words), .. }) = event else {
        panic!("{event:?}")
    };
    assert_eq!(words.reason, ReasonCode::UnspecifiedError);
}

/// While a question is open the connection's further packets wait, wherever they were cut; none is lost.
#[tokio::test]
async fn packets_behind_a_question_wait_and_are_not_lost() {
    struct Slow;
    impl Hooks for Slow {
        fn decide(&self, _: ConnectionId, _: &Peer, _: Question) -> Decision {
            Decision::later(async {
                sleep(Duration::from_millis(1)).await;
                Answer::Allow
            })
        }
    }
    let mut asks = BrokerConfig::new();
    asks.ask_publish = true;
    let world = World::with(asks, Slow);
    let mut client = world.client(config("client"));
    for number in 0..200 {
        // Some reads are copied, some are shared.
        client.publish(message("a", vec![7; number * 20], QoS::AtLeastOnce)).unwrap();
    }
    assert!(client.shut_down(Disconnect::default(), PATIENCE).await.is_nothing());
    assert_eq!(world.server.statistics().received, 200);
}

#[tokio::test]
async fn s82_chopped_transports_on_the_brokers_side() {
    let world = World::new();
    let server = world.server.clone();
    let connector = move || {
        let (ours, theirs) = tokio::io::duplex(support::PIPE);
        let chopped = support::Faulty::new(theirs, Faults { chopped: true, ..Faults::default() });
        let server = server.clone();
        tokio::spawn(async move { server.serve_stream(chopped, Peer::default()).await });
        async move { Ok(ours) }
    };
    let mut client = Client::connect_with(connector, config("client"));
    subscribed(&mut client, "a", QoS::ExactlyOnce).await;
    for number in 0..20 {
        client.publish(message("a", number.to_string(), QoS::ExactlyOnce)).unwrap();
    }
    for number in 0..20 {
        let events = until(&mut client, |event| matches!(event, ClientEvent::Received { .. })).await;
        let Some(ClientEvent::Received { message, .. }) = events.last() else { unreachable!() };
        assert_eq!(message.payload, number.to_string());
    }
}

#[tokio::test]
async fn s83_shutting_down_tells_5_0_clients_and_ends_every_connection() {
    let (_server, address, stop) = on_tcp(BrokerConfig::new(), ()).await;
    let mut v5 = raw(&address, CONNECT_5).await;
    let mut v311 = raw(&address, CONNECT_311).await;
    let began = Instant::now();
    drop(stop);
    let mut rest = Vec::new();
    timeout(PATIENCE, v5.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
    assert_eq!(rest, [0xE0, 0x01, 0x8B]);
    rest.clear();
    timeout(PATIENCE, v311.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
    assert_eq!(rest, []);
    assert!(began.elapsed() < Duration::from_secs(3));
    let refused = TcpStream::connect(&address).await.map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(io::ErrorKind::ConnectionRefused));
}

/// A connection that takes no byte holds the end up for the patience, and not longer.
#[tokio::test(start_paused = true)]
async fn s83_a_stuck_connection_is_dropped_after_the_patience() {
    let world = World::new();
    let mut stuck = world.pipe();
    stuck.write_all(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00").await.unwrap();
    stuck.write_all(b"\x82\x07\x00\x01\x00\x00\x01a\x00").await.unwrap();
    sleep(Duration::from_millis(10)).await;
    // More than the pipe holds.
    for _ in 0..20 {
        world.server.publish(message("a", vec![0; support::PIPE], QoS::AtMostOnce));
    }
    sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    let server = world.server.clone();
    let stopped = world.stop().await;
    assert_eq!(stopped.dropped, 0, "`serve` accepted none");
    until_connections(&server, 0).await;
    assert!((5..7).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let mut all = Vec::new();
    stuck.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), support::PIPE, "what it could have read before");
}

#[tokio::test]
async fn connections_above_the_limit_are_closed_and_reported() {
    #[derive(Clone, Default)]
    struct Watch(Arc<Mutex<Vec<io::ErrorKind>>>);
    impl Hooks for Watch {
        fn accept_failed(&self, error: &io::Error) {
            self.0.lock().unwrap().push(error.kind());
        }
    }
    let mut limits = BrokerConfig::new();
    limits.connection_count = 2;
    let watch = Watch::default();
    let (server, address, _stop) = on_tcp(limits, watch.clone()).await;
    let first = raw(&address, CONNECT_5).await;
    let _second = raw(&address, CONNECT_5).await;
    let mut third = TcpStream::connect(&address).await.unwrap();
    let end = timeout(PATIENCE, third.read(&mut [0; 1])).await.expect("it is closed");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    assert_eq!(*watch.0.lock().unwrap(), [io::ErrorKind::QuotaExceeded]);
    drop(first);
    until_connections(&server, 1).await;
    let _fourth = raw(&address, CONNECT_5).await;
}

/// Answers later, and publishes from inside a hook.
#[derive(Clone, Default)]
struct Gate {
    server: Arc<Mutex<Option<Server>>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Hooks for Gate {
    fn decide(&self, _: ConnectionId, _: &Peer, question: Question) -> Decision {
        match question {
            Question::Authenticate { user_name, password, .. } => Decision::later(async move {
                sleep(Duration::from_millis(20)).await;
                if user_name == Some(Text::try_from("ann").unwrap()) && password.as_deref() == Some(b"secret")
                {
                    Answer::Allow
                } else {
                    Answer::Refuse(ReasonCode::BadUserNameOrPassword)
                }
            }),
            Question::Publish { topic, .. } if topic == "forbidden" => {
                Decision::Now(Answer::Refuse(ReasonCode::NotAuthorized))
            }
            _ => Decision::Now(Answer::Allow),
        }
    }

    fn event(&self, _: Option<&Peer>, event: &BrokerEvent) {
        let word = match event {
            BrokerEvent::Connected { client_id, .. } => {
                if let Some(server) = &*self.server.lock().unwrap() {
                    server.publish(message("welcome", client_id.as_str().to_owned(), QoS::AtMostOnce));
                }
                format!("+{client_id}")
            }
            BrokerEvent::Disconnected { client_id: Some(client_id), .. } => format!("-{client_id}"),
            _ => return,
        };
        self.log.lock().unwrap().push(word);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_may_answer_later_and_use_the_server() {
    let gate = Gate::default();
    let mut asks = BrokerConfig::new();
    asks.ask_authentication = true;
    asks.ask_publish = true;
    let world = World::with(asks, gate.clone());
    *gate.server.lock().unwrap() = Some(world.server.clone());

    let mut ann = config("ann");
    ann.user_name = Some(Text::try_from("ann").unwrap());
    ann.password = Some("secret".into());
    let mut client = world.client(ann.clone());
    subscribed(&mut client, "welcome", QoS::AtMostOnce).await;
    client.publish(message("forbidden", "x", QoS::AtLeastOnce)).unwrap();
    let events = until(&mut client, |event| matches!(event, ClientEvent::Published { .. })).await;
    let Some(ClientEvent::Published { outcome, .. }) = events.last() else { unreachable!() };
    assert_eq!(*outcome, PublishOutcome::Refused { reason: ReasonCode::NotAuthorized });

    let mut bob = ann.clone();
    bob.client_id = Text::try_from("bob").unwrap();
    bob.password = Some("guessed".into());
    bob.reconnect = Reconnect::Never;
    let mut refused = world.client(bob.clone());
    let events = until(&mut refused, |event| matches!(event, ClientEvent::Disconnected { .. })).await;
    let Some(ClientEvent::Disconnected { reason: DisconnectReason::Refused(words) }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(words.reason, ReasonCode::BadUserNameOrPassword);

    bob.password = Some("secret".into());
    let mut bob = world.client(bob);
    until(&mut bob, |event| matches!(event, ClientEvent::Connected(_))).await;
    let events = until(&mut client, |event| matches!(event, ClientEvent::Received { .. })).await;
    let Some(ClientEvent::Received { message, .. }) = events.last() else { unreachable!() };
    assert_eq!(message.payload, "bob");
    bob.shut_down(Disconnect::default(), PATIENCE).await;
    client.shut_down(Disconnect::default(), PATIENCE).await;
    until_connections(&world.server, 0).await;
    assert_eq!(*gate.log.lock().unwrap(), ["+ann", "+bob", "-bob", "-ann"]);
}

/// Asks for authentication and never gets a friendly answer, for an hour.
#[tokio::test(start_paused = true)]
async fn s84_a_refused_client_does_not_storm_the_server() {
    #[derive(Clone, Default)]
    struct Never(Arc<Mutex<usize>>);
    impl Hooks for Never {
        fn decide(&self, _: ConnectionId, _: &Peer, _: Question) -> Decision {
            *self.0.lock().unwrap() += 1;
            Decision::Now(Answer::Refuse(ReasonCode::NotAuthorized))
        }
    }
    let never = Never::default();
    let mut asks = BrokerConfig::new();
    asks.ask_authentication = true;
    let world = World::with(asks, never.clone());
    let mut patient = config("client");
    patient.reconnect = Reconnect::default();
    let mut client = world.client(patient);
    let _ = timeout(Duration::from_secs(3600), async { while client.next_event().await.is_some() {} }).await;
    let attempts = *never.0.lock().unwrap();
    assert!((10..=130).contains(&attempts), "{attempts} attempts in an hour");
}

/// Two clients with one name take the session from each other, for an hour.
#[tokio::test(start_paused = true)]
async fn s84_two_clients_of_one_name_do_not_storm_the_server() {
    let world = World::new();
    let mut clients = Vec::new();
    for seed in 0..2 {
        let mut patient = config("twin");
        patient.reconnect = Reconnect::default();
        patient.seed = seed;
        let mut client = world.client(patient);
        clients.push(tokio::spawn(async move {
            let mut connections = 0;
            let count = async {
                while let Some(event) = client.next_event().await {
                    connections += usize::from(matches!(event, ClientEvent::Connected(_)));
                }
            };
            let _ = timeout(Duration::from_secs(3600), count).await;
            connections
        }));
    }
    for client in clients {
        let connections = client.await.unwrap();
        assert!((5..=130).contains(&connections), "{connections} connections in an hour");
    }
}

/// S43, S44 on the adapter's timer: silence for one and a half times the keep alive ends a connection.
#[tokio::test(start_paused = true)]
async fn s43_a_silent_client_is_closed_in_time() {
    let world = World::new();
    let mut silent = world.pipe();
    silent.write_all(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00").await.unwrap();
    let began = Instant::now();
    let mut all = Vec::new();
    silent.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(&[0xE0, 0x01, 0x8D]), "{all:02x?}");
    assert!((15..17).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

/// An idle client keeps its connection for days.
#[tokio::test(start_paused = true)]
async fn s40_an_idle_client_stays_connected() {
    let world = World::new();
    let mut idle = config("idle");
    idle.keep_alive = 600;
    let mut client = world.client(idle);
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
    let event = timeout(Duration::from_secs(3 * 24 * 3600), client.next_event()).await;
    assert!(event.is_err(), "{event:?}");
    assert!(client.is_connected());
}

async fn until_connections(server: &Server, count: usize) {
    let began = Instant::now();
    while server.statistics().connections != count {
        assert!(began.elapsed() < PATIENCE, "{:?}", server.statistics());
        sleep(Duration::from_millis(5)).await;
    }
}
