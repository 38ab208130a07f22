//! The client against our broker, and against servers that break off or stand still.

use core::time::Duration;
use std::{collections::VecDeque, io::Read, net::TcpListener, thread, time::Instant};

use mqtt_engine::{
    ClientEvent, Disconnect, DisconnectReason, Message, PublishError, PublishOutcome, QoS, Reconnect,
};
use mqtt_engine_driver::Streams;

use super::{
    faults::{Faults, Fuse, faulty_client},
    support::{
        PATIENCE, World, both, config, fake_server, message, numbers, once, poll_once, received, sleep,
        subscribe, subscribed, timeout, until, yield_now,
    },
};
use crate::adapter::{Client, Clock, Stream, connect, run, spawn};

/// CONNACK of 5.0 with success, and with *bad authentication method*.
const WELCOME: &[u8] = &[0x20, 0x03, 0x00, 0x00, 0x00];
const REFUSED: &[u8] = &[0x20, 0x03, 0x00, 0x87, 0x00];

/// The handler of received messages publishes an answer to each, with room for a single message.
#[test]
fn s80_a_handler_that_publishes_never_hangs() {
    const BURST: usize = 128;
    run(async {
        let world = World::new().await;
        let mut witness = world.client(config("witness"));
        subscribed(&mut witness, "answer", QoS::AtLeastOnce).await;
        let mut small = config("handler");
        small.queue_count = 1;
        let mut handler = world.client(small);
        subscribed(&mut handler, "question", QoS::AtLeastOnce).await;
        for number in 0..BURST {
            world.server.publish(message("question", number.to_string(), QoS::AtLeastOnce));
        }

        let work = async {
            let mut blocked = 0;
            let mut waiting: VecDeque<Message> = VecDeque::new();
            let mut answered = 0;
            while answered < BURST {
                match handler.next_event().await.unwrap() {
                    ClientEvent::Received { message: question, .. } => {
                        waiting.push_back(message("answer", question.payload, QoS::AtLeastOnce));
                    }
                    ClientEvent::Published { outcome, .. } => {
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
            blocked
        };
        let blocked = timeout(PATIENCE, work).await.expect("progress");
        assert!(blocked > 0, "with room for one message a burst must have met a full queue");
        assert_eq!(received(&mut witness, BURST).await, numbers(BURST));
    });
}

/// The same from another task, through a handle, while the driver is away in `next_event`.
#[test]
fn s80_a_handle_publishes_while_next_event_waits() {
    run(async {
        let world = World::new().await;
        let mut client = world.client(config("client"));
        subscribed(&mut client, "echo", QoS::AtLeastOnce).await;
        let handle = client.handle();
        let publisher = spawn(async move {
            // By now the driver waits for the server.
            sleep(Duration::from_millis(20)).await;
            handle.publish(message("echo", "hello", QoS::AtLeastOnce)).unwrap();
        });
        assert_eq!(received(&mut client, 1).await, ["hello"]);
        publisher.await;
    });
}

/// A program that never rests, and tries again and again while the queue is full.
#[test]
fn s80_a_handle_that_never_rests_does_not_stop_the_driver() {
    const COUNT: usize = 500;
    run(async {
        let world = World::new().await;
        let mut small = config("client");
        small.queue_count = 1;
        let mut client = world.client(small);
        let handle = client.handle();
        let publishing = thread::spawn(move || {
            for _ in 0..COUNT {
                let mut next = message("a", "b", QoS::AtLeastOnce);
                while let Err(error) = handle.publish(next) {
                    next = error.into_message();
                }
            }
        });
        let mut fates = 0;
        while fates < COUNT {
            until(&mut client, |event| matches!(event, ClientEvent::Published { .. })).await;
            fates += 1;
        }
        publishing.join().unwrap();
        assert_eq!(world.server.statistics().received, COUNT as u64);
    });
}

/// Every future is dropped after each single poll, on transports that move a byte at a time.
#[test]
fn s81_dropping_next_event_at_every_await_point_loses_nothing() {
    const COUNT: usize = 40;
    run(async {
        let world = World::new().await;
        let chopped = Faults { chopped: true, ..Faults::default() };
        let mut publisher = faulty_client(&world, chopped.clone(), config("publisher"));
        let mut subscriber = faulty_client(&world, chopped, config("subscriber"));
        subscriber.subscribe(subscribe("news", QoS::ExactlyOnce)).unwrap();
        while !matches!(dropping(&mut subscriber).await, ClientEvent::Subscribed { .. }) {}
        for number in 0..COUNT {
            publisher.publish(message("news", number.to_string(), QoS::ExactlyOnce)).unwrap();
        }
        let publishing = async {
            let mut fates = 0;
            while fates < COUNT {
                match dropping(&mut publisher).await {
                    ClientEvent::Published { outcome, .. } => {
                        assert!(matches!(outcome, PublishOutcome::Acknowledged { .. }), "{outcome:?}");
                        fates += 1;
                    }
                    ClientEvent::Connected(_) => {}
                    event => panic!("{event:?}"),
                }
            }
        };
        let subscribing = async {
            let mut payloads = Vec::new();
            while payloads.len() < COUNT {
                match dropping(&mut subscriber).await {
                    ClientEvent::Received { message, duplicate, .. } => {
                        assert!(!duplicate);
                        payloads.push(String::from_utf8(message.payload.to_vec()).unwrap());
                    }
                    event => panic!("{event:?}"),
                }
            }
            payloads
        };
        let ((), payloads) = timeout(PATIENCE, both(publishing, subscribing)).await.expect("progress");
        assert_eq!(payloads, numbers(COUNT));
        assert_eq!(world.server.statistics().delivered, COUNT as u64);
    });
}

/// The same for the attempt to connect and for the good-bye.
#[test]
fn s81_dropping_the_attempt_to_connect_and_shut_down_loses_nothing() {
    run(async {
        let world = World::new().await;
        let address = world.address.clone();
        let mut attempts = 0;
        let slow = move || {
            attempts += 1;
            assert_eq!(attempts, 1, "a dropped future must not begin another attempt");
            let address = address.clone();
            async move {
                sleep(Duration::from_millis(20)).await;
                connect(&address).await
            }
        };
        let mut client = Client::connect_with(slow, config("client"));
        client.publish(message("a", "b", QoS::ExactlyOnce)).unwrap();
        assert!(matches!(dropping(&mut client).await, ClientEvent::Connected(_)));
        let remains = timeout(PATIENCE, async {
            loop {
                if let Some(remains) = poll_once(client.shut_down(Disconnect::default(), PATIENCE)) {
                    return remains;
                }
                yield_now().await;
            }
        });
        assert!(remains.await.expect("it ends").is_nothing());
        assert_eq!(world.server.statistics().received, 1);
    });
}

#[test]
fn s82_a_byte_at_a_time_in_both_directions() {
    run(async {
        let world = World::new().await;
        let chopped = Faults { chopped: true, ..Faults::default() };
        let mut client = faulty_client(&world, chopped, config("client"));
        subscribed(&mut client, "large", QoS::AtLeastOnce).await;
        let payload = vec![7; 20_000];
        client.publish(message("large", payload.clone(), QoS::AtLeastOnce)).unwrap();
        let events = until(&mut client, |event| matches!(event, ClientEvent::Received { .. })).await;
        let Some(ClientEvent::Received { message, .. }) = events.last() else { unreachable!() };
        assert_eq!(message.payload, payload);
    });
}

/// The transport breaks after each number of bytes in turn: in the middle of every packet of an exchange.
#[test]
fn s82_failing_mid_packet_means_a_clean_reconnect() {
    run(async {
        let mut breaks = 0;
        for bytes in 0..400 {
            let world = World::new().await;
            let mut subscriber = world.client(config("subscriber"));
            subscribed(&mut subscriber, "news", QoS::ExactlyOnce).await;
            let fuse = Fuse::of(bytes);
            let faults = Faults { fails_after: Some(fuse.clone()), ..Faults::default() };
            let mut publisher = faulty_client(&world, faults, config("publisher"));
            for number in 0..3 {
                publisher.publish(message("news", number.to_string(), QoS::ExactlyOnce)).unwrap();
            }
            for _ in 0..3 {
                let is_fate = |event: &ClientEvent| matches!(event, ClientEvent::Published { .. });
                let events = until(&mut publisher, is_fate).await;
                let Some(ClientEvent::Published { outcome, .. }) = events.last() else { unreachable!() };
                assert!(
                    matches!(outcome, PublishOutcome::Acknowledged { .. }),
                    "{outcome:?} after {bytes} bytes"
                );
            }
            assert_eq!(received(&mut subscriber, 3).await, numbers(3), "{bytes}");
            assert_eq!(world.server.statistics().delivered, 3, "after {bytes} bytes");
            drop((publisher, subscriber));
            world.stop().await;
            if !fuse.is_blown() {
                break;
            }
            breaks += 1;
        }
        assert!((60..400).contains(&breaks), "the exchange takes more bytes than {breaks}");
    });
}

/// More than the machine puts into its outbox at once: nothing but having written makes it put in the rest.
#[test]
fn a_queue_larger_than_the_outbox_is_sent_without_a_pause() {
    const COUNT: usize = 40;
    run(async {
        let world = World::new().await;
        let mut client = world.client(config("client"));
        until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
        for _ in 0..COUNT {
            client.publish(message("a", vec![0; 100_000], QoS::AtMostOnce)).unwrap();
        }
        drop(spawn(async move { client.next_event().await }));
        // Long before the next PINGREQ.
        let began = Instant::now();
        while world.server.statistics().received < COUNT as u64 {
            assert!(began.elapsed() < PATIENCE, "{:?}", world.server.statistics());
            sleep(Duration::from_millis(5)).await;
        }
    });
}

/// A client that pauses after every message keeps what it has read but not taken.
#[test]
fn s51_what_is_read_while_the_machine_pauses_is_not_lost() {
    run(async {
        let world = World::new().await;
        let mut pausing = config("client");
        pausing.event_bytes = 1;
        let mut client = world.client(pausing);
        subscribed(&mut client, "a", QoS::AtMostOnce).await;
        // Reads of a few small messages are copied, others are shared.
        for step in [0, 20] {
            for number in 0..100 {
                let payload = format!("{number:0>width$}", width = number * step);
                world.server.publish(message("a", payload, QoS::AtMostOnce));
            }
            for (number, payload) in received(&mut client, 100).await.iter().enumerate() {
                assert_eq!(*payload, format!("{number:0>width$}", width = number * step));
            }
        }
    });
}

#[test]
fn s83_shut_down_drains_what_is_queued() {
    run(async {
        let world = World::new().await;
        let mut client = world.client(config("client"));
        for number in 0..100 {
            let qos = QoS::from_u8(number % 3).unwrap();
            client.publish(message("a", "b", qos)).unwrap();
        }
        // Not even connected yet.
        let remains = client.shut_down(Disconnect::default(), PATIENCE).await;
        assert!(remains.is_nothing(), "{remains:?}");
        assert_eq!(world.server.statistics().received, 100);
        let mut fates = 0;
        while let Some(event) = client.next_event().await {
            fates += usize::from(matches!(event, ClientEvent::Published { .. }));
        }
        assert_eq!(fates, 66);
    });
}

/// A server that never acknowledges.
#[test]
fn s83_shut_down_ends_in_time_and_reports_what_is_left() {
    let (address, server) =
        fake_server(WELCOME, |mut stream| while stream.read(&mut [0; 1024]).unwrap() > 0 {});
    run(async {
        let mut client = Client::new(address, once("client"));
        for _ in 0..3 {
            client.publish(message("a", "b", QoS::AtLeastOnce)).unwrap();
        }
        let began = Instant::now();
        let remains = client.shut_down(Disconnect::default(), Duration::from_millis(200)).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!((remains.publishes, remains.bytes), (3, 0));
        while client.next_event().await.is_some() {}
    });
    server.join().unwrap();
}

/// A server that takes no bytes at all.
#[test]
fn s83_shut_down_reports_bytes_that_were_not_taken() {
    let (address, server) = fake_server(WELCOME, |stream| stream);
    run(async {
        let mut large = once("client");
        large.queue_bytes = 64 << 20;
        let mut client = Client::new(address, large);
        until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
        for _ in 0..40 {
            // More than the buffers of the system hold.
            client.publish(message("a", vec![0; 1 << 20], QoS::AtMostOnce)).unwrap();
        }
        let began = Instant::now();
        let remains = client.shut_down(Disconnect::default(), Duration::from_millis(300)).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(remains.bytes > 0, "{remains:?}");
    });
    drop(server.join().unwrap());
}

/// Refused, and the transport not yet closed: the good-bye does not wait for the next attempt.
#[test]
fn s83_shut_down_of_a_refused_client_ends_at_once() {
    let (address, server) = fake_server(REFUSED, |mut stream| stream.read(&mut [0; 1024]));
    run(async {
        let mut patient = config("client");
        patient.reconnect = Reconnect::Backoff { initial: PATIENCE, maximum: PATIENCE };
        let mut client = Client::new(address, patient);
        until(&mut client, |event| matches!(event, ClientEvent::Disconnected { .. })).await;
        let began = Instant::now();
        assert!(client.shut_down(Disconnect::default(), PATIENCE).await.is_nothing());
        assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
        assert_eq!(client.next_event().await, None);
    });
    let _ = server.join().unwrap();
}

#[test]
fn s83_dropping_clients_and_handles_never_hangs() {
    run(async {
        let world = World::new().await;
        let mut client = world.client(config("client"));
        until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
        let handle = client.handle();
        drop(client);
        // Nobody drives it any more; the calls are of no effect, but do not hang.
        handle.publish(message("a", "b", QoS::AtLeastOnce)).unwrap();
        handle.disconnect(Disconnect::default());
        drop(handle);
        assert_eq!(world.stop().await.dropped, 0);
    });
}

/// After the good-bye the events end, and `connect` begins anew.
#[test]
fn s83_events_end_after_disconnect_and_begin_again_after_connect() {
    run(async {
        let world = World::new().await;
        let mut client = world.client(config("client"));
        until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
        client.disconnect(Disconnect::default());
        let event = client.next_event().await;
        assert_eq!(event, Some(ClientEvent::Disconnected { reason: DisconnectReason::Requested }));
        assert_eq!(client.next_event().await, None);
        assert_eq!(client.next_event().await, None);
        client.connect();
        until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
    });
}

#[test]
fn a_transport_that_cannot_be_opened_is_an_event_with_its_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    run(async {
        let mut client = Client::new(address, once("client"));
        let event = client.next_event().await;
        assert_eq!(event, Some(ClientEvent::Disconnected { reason: DisconnectReason::TransportClosed }));
        assert_eq!(client.take_error().unwrap().kind(), std::io::ErrorKind::ConnectionRefused);
        assert_eq!(client.next_event().await, None);
    });
}

/// The attempt itself takes no longer than the connect timeout.
#[test]
fn s47_an_attempt_that_never_ends_is_given_up() {
    run(async {
        let never = || core::future::pending::<std::io::Result<Stream>>();
        let mut hurried = once("client");
        hurried.connect_timeout = Duration::from_millis(200);
        let mut client = Client::connect_with(never, hurried);
        let began = Instant::now();
        let event = timeout(PATIENCE, client.next_event()).await.expect("an end");
        assert_eq!(event, Some(ClientEvent::Disconnected { reason: DisconnectReason::TransportClosed }));
        assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    });
}

/// Polls `next_event`, dropping the future after each poll.
async fn dropping<S>(client: &mut Client<S>) -> ClientEvent
where
    Clock: Streams<S>,
{
    let began = Instant::now();
    loop {
        if let Some(event) = poll_once(client.next_event()) {
            return event.expect("the client goes on");
        }
        assert!(began.elapsed() < PATIENCE, "progress");
        yield_now().await;
    }
}
