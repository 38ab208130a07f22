//! The client against our broker, over pipes.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::std_instead_of_alloc,
    reason = "a test"
)]

mod support;

use core::{sync::atomic::Ordering, time::Duration};
use std::collections::VecDeque;

use mqtt_engine::{
    ClientEvent, Disconnect, DisconnectReason, Message, PublishError, PublishOutcome, QoS, Reconnect,
};
use mqtt_engine_tokio::{Client, Peer};
use support::{Faults, Fuse, PATIENCE, World, config, message, poll_once, subscribe, subscribed, until};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, timeout},
};

/// The handler of received messages publishes an answer to each, with room for a single message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s80_a_handler_that_publishes_never_hangs() {
    const BURST: usize = 128;
    let world = World::new();
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
    let answers = received(&mut witness, BURST).await;
    assert_eq!(answers, (0..BURST).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// The same from another task, through a handle, while the driver is away in `next_event`.
#[tokio::test]
async fn s80_a_handle_publishes_while_next_event_waits() {
    let world = World::new();
    let mut client = world.client(config("client"));
    subscribed(&mut client, "echo", QoS::AtLeastOnce).await;
    let handle = client.handle();
    let publisher = tokio::spawn(async move {
        // By now the driver waits for the server.
        tokio::time::sleep(Duration::from_millis(20)).await;
        handle.publish(message("echo", "hello", QoS::AtLeastOnce)).unwrap();
    });
    assert_eq!(received(&mut client, 1).await, ["hello"]);
    publisher.await.unwrap();
}

/// A program that never rests, and tries again and again while the queue is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s80_a_handle_that_never_rests_does_not_stop_the_driver() {
    const COUNT: usize = 500;
    let world = World::new();
    let mut small = config("client");
    small.queue_count = 1;
    let mut client = world.client(small);
    let handle = client.handle();
    let publishing = tokio::task::spawn_blocking(move || {
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
    publishing.await.unwrap();
    assert_eq!(world.server.statistics().received, COUNT as u64);
}

/// Every future is dropped after each single poll, on transports that move a byte at a time.
#[tokio::test]
async fn s81_dropping_next_event_at_every_await_point_loses_nothing() {
    const COUNT: usize = 40;
    let world = World::new();
    let chopped = Faults { chopped: true, ..Faults::default() };
    let mut publisher = Client::connect_with(world.connector(chopped.clone()), config("publisher"));
    let mut subscriber = Client::connect_with(world.connector(chopped), config("subscriber"));
    subscriber.subscribe(subscribe("news", QoS::ExactlyOnce)).unwrap();
    while !matches!(dropping(&mut subscriber).await, ClientEvent::Subscribed { .. }) {}
    for number in 0..COUNT {
        publisher.publish(message("news", number.to_string(), QoS::ExactlyOnce)).unwrap();
    }
    let both = async {
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
        tokio::join!(publishing, subscribing).1
    };
    let payloads = timeout(PATIENCE, both).await.expect("progress");
    assert_eq!(payloads, (0..COUNT).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(world.server.statistics().delivered, COUNT as u64);
}

/// The same for the attempt to connect and for the good-bye.
#[tokio::test]
async fn s81_dropping_the_attempt_to_connect_and_shut_down_loses_nothing() {
    let world = World::new();
    let server = world.server.clone();
    let mut attempts = 0;
    let slow = move || {
        attempts += 1;
        assert_eq!(attempts, 1, "a dropped future must not begin another attempt");
        let (ours, theirs) = duplex(support::PIPE);
        let server = server.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            tokio::spawn(async move { server.serve_stream(theirs, Peer::default()).await });
            Ok(ours)
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
            tokio::task::yield_now().await;
        }
    });
    assert!(remains.await.expect("it ends").is_nothing());
    assert_eq!(world.server.statistics().received, 1);
}

#[tokio::test]
async fn s82_a_byte_at_a_time_in_both_directions() {
    let world = World::new();
    let chopped = Faults { chopped: true, ..Faults::default() };
    let mut client = Client::connect_with(world.connector(chopped), config("client"));
    subscribed(&mut client, "large", QoS::AtLeastOnce).await;
    let payload = vec![7; 20_000];
    client.publish(message("large", payload.clone(), QoS::AtLeastOnce)).unwrap();
    let events = until(&mut client, |event| matches!(event, ClientEvent::Received { .. })).await;
    let Some(ClientEvent::Received { message, .. }) = events.last() else { unreachable!() };
    assert_eq!(message.payload, payload);
}

/// The transport breaks after each number of bytes in turn: in the middle of every packet of an exchange.
#[tokio::test]
async fn s82_failing_mid_packet_means_a_clean_reconnect() {
    let mut breaks = 0;
    for bytes in 0..400 {
        let world = World::new();
        let mut subscriber = world.client(config("subscriber"));
        subscribed(&mut subscriber, "news", QoS::ExactlyOnce).await;
        let fuse = Fuse::of(bytes);
        let faults = Faults { fails_after: Some(fuse.clone()), ..Faults::default() };
        let mut publisher = Client::connect_with(world.connector(faults), config("publisher"));
        for number in 0..3 {
            publisher.publish(message("news", format!("message {number}"), QoS::ExactlyOnce)).unwrap();
        }
        let mut fates = 0;
        while fates < 3 {
            let events = until(&mut publisher, |event| matches!(event, ClientEvent::Published { .. })).await;
            let Some(ClientEvent::Published { outcome, .. }) = events.last() else { unreachable!() };
            assert!(
                matches!(outcome, PublishOutcome::Acknowledged { .. }),
                "{outcome:?} after {bytes} bytes"
            );
            fates += 1;
        }
        assert_eq!(received(&mut subscriber, 3).await, ["message 0", "message 1", "message 2"], "{bytes}");
        assert_eq!(world.server.statistics().delivered, 3, "after {bytes} bytes");
        if !fuse.blown.load(Ordering::Relaxed) {
            break;
        }
        breaks += 1;
    }
    assert!((60..400).contains(&breaks), "the exchange takes more bytes than {breaks}");
}

/// A client that pauses after every message keeps what it has read but not taken.
#[tokio::test]
async fn s51_what_is_read_while_the_machine_pauses_is_not_lost() {
    let world = World::new();
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
}

#[tokio::test]
async fn s83_shut_down_drains_what_is_queued() {
    let world = World::new();
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
}

/// A server that never acknowledges.
#[tokio::test]
async fn s83_shut_down_ends_in_time_and_reports_what_is_left() {
    let (ours, mut theirs) = duplex(1 << 16);
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        let _ = theirs.read(&mut buffer).await.unwrap();
        theirs.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).await.unwrap();
        while theirs.read(&mut buffer).await.unwrap() > 0 {}
    });
    let mut client = only_once(ours, "client");
    for _ in 0..3 {
        client.publish(message("a", "b", QoS::AtLeastOnce)).unwrap();
    }
    let began = Instant::now();
    let remains = client.shut_down(Disconnect::default(), Duration::from_millis(200)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!((remains.publishes, remains.bytes), (3, 0));
    while client.next_event().await.is_some() {}
}

/// A server that takes no bytes at all.
#[tokio::test]
async fn s83_shut_down_reports_bytes_that_were_not_taken() {
    let (ours, mut theirs) = duplex(64);
    let (hold, held) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let mut buffer = [0; 64];
        let _ = theirs.read(&mut buffer).await.unwrap();
        theirs.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).await.unwrap();
        let _ = held.await;
    });
    let mut client = only_once(ours, "client");
    client.publish(message("a", vec![0; 5000], QoS::AtMostOnce)).unwrap();
    let remains = client.shut_down(Disconnect::default(), Duration::from_millis(100)).await;
    assert!(remains.bytes > 4000, "{remains:?}");
    drop(hold);
}

/// Refused, and the transport not yet closed: the good-bye does not wait for the next attempt.
#[tokio::test(start_paused = true)]
async fn s83_shut_down_of_a_refused_client_ends_at_once() {
    let (ours, mut theirs) = duplex(1 << 16);
    tokio::spawn(async move {
        let _ = theirs.read(&mut [0; 1024]).await.unwrap();
        theirs.write_all(&[0x20, 0x03, 0x00, 0x87, 0x00]).await.unwrap();
        let _ = theirs.read(&mut [0; 1024]).await;
    });
    let mut stream = Some(ours);
    let mut client = Client::connect_with(
        move || {
            let stream = stream.take();
            async move { stream.ok_or_else(|| std::io::ErrorKind::NotConnected.into()) }
        },
        config("client"),
    );
    until(&mut client, |event| matches!(event, ClientEvent::Disconnected { .. })).await;
    let began = Instant::now();
    assert!(client.shut_down(Disconnect::default(), PATIENCE).await.is_nothing());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(client.next_event().await, None);
}

#[tokio::test]
async fn s83_dropping_clients_and_handles_never_hangs() {
    let world = World::new();
    let mut client = world.client(config("client"));
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
    let handle = client.handle();
    drop(client);
    // Nobody drives it any more; the calls are of no effect, but do not hang.
    handle.publish(message("a", "b", QoS::AtLeastOnce)).unwrap();
    handle.disconnect(Disconnect::default());
    drop(handle);
    assert_eq!(world.stop().await.dropped, 0);
}

/// After the good-bye the events end, and `connect` begins anew.
#[tokio::test]
async fn s83_events_end_after_disconnect_and_begin_again_after_connect() {
    let world = World::new();
    let mut client = world.client(config("client"));
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
    client.disconnect(Disconnect::default());
    let event = client.next_event().await;
    assert_eq!(event, Some(ClientEvent::Disconnected { reason: DisconnectReason::Requested }));
    assert_eq!(client.next_event().await, None);
    assert_eq!(client.next_event().await, None);
    client.connect();
    until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
}

#[tokio::test]
async fn a_transport_that_cannot_be_opened_is_an_event_with_its_error() {
    let refuse = || async { Err::<DuplexStream, _>(std::io::ErrorKind::ConnectionRefused.into()) };
    let mut once = config("client");
    once.reconnect = Reconnect::Never;
    let mut client = Client::connect_with(refuse, once);
    let event = client.next_event().await;
    assert_eq!(event, Some(ClientEvent::Disconnected { reason: DisconnectReason::TransportClosed }));
    assert_eq!(client.take_error().unwrap().kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(client.next_event().await, None);
}

/// The attempt itself takes no longer than the connect timeout.
#[tokio::test(start_paused = true)]
async fn s47_an_attempt_that_never_ends_is_given_up() {
    let never = || async { core::future::pending::<std::io::Result<DuplexStream>>().await };
    let mut once = config("client");
    once.reconnect = Reconnect::Never;
    once.connect_timeout = Duration::from_secs(7);
    let mut client = Client::connect_with(never, once);
    let began = Instant::now();
    let event = client.next_event().await;
    assert_eq!(event, Some(ClientEvent::Disconnected { reason: DisconnectReason::TransportClosed }));
    assert_eq!(began.elapsed().as_secs(), 7);
}

/// Polls `next_event`, dropping the future after each poll.
async fn dropping<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) -> ClientEvent {
    let began = Instant::now();
    loop {
        if let Some(event) = poll_once(client.next_event()) {
            return event.expect("the client goes on");
        }
        assert!(began.elapsed() < PATIENCE, "progress");
        tokio::task::yield_now().await;
    }
}

async fn received<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, count: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    while payloads.len() < count {
        let events = until(client, |event| matches!(event, ClientEvent::Received { .. })).await;
        let Some(ClientEvent::Received { message, .. }) = events.last() else { unreachable!() };
        payloads.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    payloads
}

/// A client with this transport and no other.
fn only_once(stream: DuplexStream, id: &str) -> Client<DuplexStream> {
    let mut stream = Some(stream);
    let mut once = config(id);
    once.reconnect = Reconnect::Never;
    Client::connect_with(
        move || {
            let stream = stream.take();
            async move { stream.ok_or_else(|| std::io::ErrorKind::NotConnected.into()) }
        },
        once,
    )
}
