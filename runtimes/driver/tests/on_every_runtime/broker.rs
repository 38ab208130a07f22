//! The broker over TCP.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use mqtt_engine::{BrokerConfig, ClientEvent, PublishOutcome, QoS};

use super::support::{
    CONNECT_5, CONNECT_311, PATIENCE, World, both, config, message, received, subscribed, timeout, until,
};
use crate::adapter::{ServerConfig, run};

/// [MQTT-7.1.1-1] (3.1.1)
#[test]
fn a_thousand_idle_connections_and_a_busy_publisher_without_loss() {
    const IDLE: usize = 1000;
    const MESSAGES: usize = 20_000;
    // Room for all, because nothing slows the publisher down to the subscriber's pace.
    let mut limits = BrokerConfig::new();
    limits.connection.queue_count = MESSAGES;
    limits.connection.queue_bytes = MESSAGES * 1024;
    run(async {
        let world = World::with(limits, (), ServerConfig::default()).await;
        let mut idle: Vec<_> = (0..IDLE).map(|_| world.raw(CONNECT_5)).collect();
        assert_eq!(world.server.statistics().connections, IDLE);

        let mut subscriber = world.client(config("subscriber"));
        subscribed(&mut subscriber, "busy", QoS::AtLeastOnce).await;
        let mut publisher = world.client(config("publisher"));
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
        timeout(4 * PATIENCE, both(publishing, subscribing)).await.expect("progress");
        let statistics = world.server.statistics();
        assert_eq!((statistics.received, statistics.dropped), (MESSAGES as u64, 0));
        assert_eq!(statistics.connections, IDLE + 2);
        idle.iter_mut().for_each(ping);
    });
}

/// S68 at the sockets: who does not read is no burden to the others.
#[test]
fn s68_a_subscriber_that_never_reads_does_not_hold_up_the_others() {
    run(async {
        let world = World::new().await;
        let mut stuck = world.raw(CONNECT_311);
        stuck.write_all(b"\x82\x09\x00\x01\x00\x04bulk\x00").unwrap();
        let mut client = world.client(config("reader"));
        subscribed(&mut client, "bulk", QoS::AtLeastOnce).await;
        let payload = vec![0; 64 << 10];
        let exchange = async {
            for _ in 0..300 {
                client.publish(message("bulk", payload.clone(), QoS::AtLeastOnce)).unwrap();
                until(&mut client, |event| matches!(event, ClientEvent::Received { .. })).await;
            }
        };
        timeout(PATIENCE, exchange).await.expect("progress");
        let statistics = world.server.statistics();
        assert!(statistics.dropped > 50, "{statistics:?}");
        assert_eq!(statistics.connections, 2);
    });
}

/// Clients that never stop sending, more than there are threads, do not keep the others waiting.
#[test]
fn clients_that_never_rest_do_not_hold_up_the_others() {
    run(async {
        let world = World::new().await;
        let sending: Vec<_> = (0..4)
            .map(|_| {
                let mut restless = world.raw(CONNECT_5);
                thread::spawn(move || {
                    // PUBLISH of QoS 0, large, so that little time goes into the packets themselves.
                    let mut packet = b"\x30\xFF\x7F\x00\x01a\x00".to_vec();
                    packet.resize(3 + 16_383, 0);
                    while restless.write_all(&packet).is_ok() {}
                })
            })
            .collect();
        let mut client = world.client(config("client"));
        let exchange = async {
            subscribed(&mut client, "b", QoS::ExactlyOnce).await;
            for number in 0..50 {
                client.publish(message("b", number.to_string(), QoS::ExactlyOnce)).unwrap();
                assert_eq!(received(&mut client, 1).await, [number.to_string()]);
            }
        };
        timeout(PATIENCE, exchange).await.expect("progress");
        assert_eq!(world.stop().await.dropped, 0);
        let began = Instant::now();
        for sender in sending {
            sender.join().unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "who goes on sending is told at once that nobody listens");
    });
}

/// Flow 3: the tutorials' PUBREL with the wrong flags gets the connection closed, and nobody else's.
#[test]
fn a_bad_packet_closes_its_connection_only() {
    run(async {
        let world = World::new().await;
        let mut good = world.raw(CONNECT_5);
        let mut bad = world.raw(CONNECT_311);
        bad.write_all(&[0x60, 0x02, 0x00, 0x01]).unwrap();
        assert_eq!(rest(&mut bad), []);
        drop(bad);
        ping(&mut good);
        world.until_connections(1).await;
    });
}

/// Also while a client still sends: closing with unread input would reset the connection, and the reset could destroy what
/// the client is told.
#[test]
fn a_client_that_is_still_sending_reads_the_last_words_and_an_end() {
    run(async {
        let world = World::new().await;
        for _ in 0..20 {
            let mut stream = world.raw(CONNECT_5);
            let mut sender = stream.try_clone().unwrap();
            let sending = thread::spawn(move || {
                let mut wire = vec![0x60, 0x02, 0x00, 0x01];
                wire.resize(400_000, 0xAA);
                sender.write_all(&wire)?;
                sender.shutdown(Shutdown::Write)
            });
            assert_eq!(rest(&mut stream), [0xE0, 0x01, 0x81], "DISCONNECT, malformed packet");
            sending.join().unwrap().unwrap();
        }
    });
}

#[test]
fn s83_shutting_down_tells_5_0_clients_and_ends_every_connection() {
    run(async {
        let world = World::new().await;
        let mut v5 = world.raw(CONNECT_5);
        let mut v311 = world.raw(CONNECT_311);
        let began = Instant::now();
        let address = world.address.clone();
        let hearing = thread::spawn(move || (rest(&mut v5), rest(&mut v311)));
        assert_eq!(world.stop().await.dropped, 0);
        assert_eq!(hearing.join().unwrap(), (vec![0xE0, 0x01, 0x8B], vec![]));
        assert!(began.elapsed() < Duration::from_secs(3));
        let refused = TcpStream::connect(&address).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(io::ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_message_of_the_program_reaches_its_subscribers() {
    run(async {
        let world = World::new().await;
        let mut client = world.client(config("client"));
        subscribed(&mut client, "program", QoS::ExactlyOnce).await;
        world.server.publish(message("program", "hello", QoS::ExactlyOnce));
        assert_eq!(received(&mut client, 1).await, ["hello"]);
        let traffic = world.server.traffic();
        assert!(traffic.received > 0 && traffic.sent > 0, "{traffic:?}");
    });
}

fn ping(stream: &mut TcpStream) {
    stream.write_all(&[0xC0, 0x00]).unwrap();
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).unwrap();
    assert_eq!(pong, [0xD0, 0x00]);
}

fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}
