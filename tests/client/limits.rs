//! S50 to S56 and S71: sizes, and what a server rules out.

use bytes::{Buf, Bytes, BytesMut};
use mqtt_engine::{
    ClientEvent, DisconnectReason, Oversize, PublishError, QoS, RequestError, Subscribe, Subscription,
    TopicFilter, Transport,
    packet::{ConnAck, Packet, PacketId, Properties, Property, Publish, ReasonCode},
};

use crate::harness::{BOTH, Desk, V3, V5, config, encode, hex, message};

fn publish_bytes(desk: &Desk, topic: &str, qos: QoS, payload: usize) -> Vec<u8> {
    let payload = vec![b'x'; payload];
    let publish = Publish {
        duplicate: false,
        qos,
        retain: false,
        topic,
        packet_id: (qos > QoS::AtMostOnce).then(|| PacketId::new(7).unwrap()),
        properties: Properties::NONE,
        payload: &payload,
    };
    encode(&Packet::Publish(publish), desk.version)
}

#[test]
fn s51_any_cut_of_the_input_gives_the_same_events_and_the_same_output() {
    for version in BOTH {
        let connack =
            ConnAck { session_present: false, reason: ReasonCode::Success, properties: Properties::NONE };
        let mut stream = encode(&Packet::ConnAck(connack), version);
        let desk = Desk::new(config(version));
        for (topic, qos, size) in [
            ("a", QoS::AtMostOnce, 0),
            ("b", QoS::AtLeastOnce, 200),
            ("c", QoS::ExactlyOnce, 3),
            ("d", QoS::AtMostOnce, 5000),
        ] {
            stream.extend(publish_bytes(&desk, topic, qos, size));
        }
        let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut desk = Desk::new(config(version));
            desk.open();
            let mut events = Vec::new();
            let mut output = Vec::new();
            for piece in pieces {
                desk.receive_bytes(piece);
                events.extend(desk.events());
                output.extend(desk.sent_bytes());
            }
            (events, output)
        };
        let whole = run(&mut [&stream[..]].into_iter());
        assert_eq!(whole.0.len(), 5);
        for size in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(run(&mut stream.chunks(size)), whole, "{size} bytes at a time");
        }
        for cut in 1..300 {
            let (left, right) = stream.split_at(cut);
            assert_eq!(run(&mut [left, right].into_iter()), whole, "cut at {cut}");
        }
    }
}

/// A large message is shared with the input, not copied.
#[test]
fn a_large_payload_is_not_copied() {
    let mut desk = Desk::connected(config(V5));
    let mut input = BytesMut::from(&publish_bytes(&desk, "a", QoS::AtMostOnce, 100_000)[..]);
    let place = input.as_ptr_range();
    desk.client.receive(&mut input, desk.now);
    assert!(!input.has_remaining());
    let [ClientEvent::Received { ref message, .. }] = desk.events()[..] else { panic!() };
    assert!(place.contains(&message.payload.as_ptr()));
}

/// The limit counts the whole packet, fixed header included.
/// [MQTT-4.8.0-1] (3.1.1), [MQTT-4.13.1-1] (5.0)
#[test]
fn s52_a_packet_of_exactly_the_limit_is_taken_one_byte_more_is_not() {
    for version in BOTH {
        for (excess, oversize) in [(0, Oversize::Disconnect), (1, Oversize::Disconnect)] {
            let mut config = config(version);
            config.oversize = oversize;
            let mut desk = Desk::new(config.clone());
            let bytes = publish_bytes(&desk, "a", QoS::AtMostOnce, 500);
            config.maximum_packet_size = u32::try_from(bytes.len() - excess).unwrap();
            desk = Desk::connected(config);
            desk.receive_bytes(&bytes);
            assert_eq!(desk.client.is_connected(), excess == 0);
        }
    }
}

/// Discarded and acknowledged, so that no server can send it for ever.
/// [MQTT-4.5.0-2] (both versions)
#[test]
fn s55_an_oversized_message_is_discarded_and_acknowledged() {
    for version in BOTH {
        let is_v5 = version == V5;
        for (qos, answer) in [
            (QoS::AtMostOnce, vec![]),
            (QoS::AtLeastOnce, vec![if is_v5 { "PUBACK 7 0x83" } else { "PUBACK 7" }]),
            (QoS::ExactlyOnce, vec![if is_v5 { "PUBREC 7 0x83" } else { "PUBREC 7" }]),
        ] {
            for chunk in [1, 10, 100_000] {
                let mut config = config(version);
                config.maximum_packet_size = 100;
                let mut desk = Desk::connected(config);
                let bytes = publish_bytes(&desk, "too/large", qos, 5000);
                for piece in bytes.chunks(chunk) {
                    desk.receive_bytes(piece);
                }
                let events = desk.events();
                let [ClientEvent::Discarded { topic: Some(topic), size }] = &events[..] else {
                    panic!("{events:?}")
                };
                assert_eq!((topic.as_str(), *size), ("too/large", bytes.len()));
                assert_eq!(desk.sent(), answer);
                desk.publish_from_server("next", 0, QoS::AtMostOnce, false);
                assert_eq!(desk.delivered(), ["next"]);
            }
        }
    }
}

#[test]
fn s55_a_server_that_sends_an_oversized_message_again_and_again_is_given_up() {
    for version in BOTH {
        let mut config = config(version);
        config.maximum_packet_size = 100;
        config.oversize = Oversize::Disconnect;
        let mut desk = Desk::new(config);
        for attempt in 1..=3 {
            desk.connect(attempt > 1);
            let bytes = publish_bytes(&desk, "a", QoS::AtLeastOnce, 5000);
            desk.receive_bytes(&bytes);
            let events = desk.events();
            let [ClientEvent::Disconnected { reason: DisconnectReason::Malformed(error) }] = events[..]
            else {
                panic!("{events:?}")
            };
            assert_eq!(error.reason(), ReasonCode::PacketTooLarge);
            assert_eq!(desk.sent(), if version == V5 { vec!["DISCONNECT 0x95"] } else { vec![] });
            desk.cut();
        }
        assert_eq!(desk.client.transport(), Transport::None);
        desk.client.connect(desk.now);
        assert!(matches!(desk.client.transport(), Transport::Open { .. }));
    }
}

/// [MQTT-3.2.2-15] (5.0): the limit is exact, and a topic alias does not break it.
#[test]
fn s56_nothing_larger_than_the_server_takes_leaves() {
    for limit in 20..60 {
        let mut desk = Desk::new(config(V5));
        desk.connect_with(false, &[Property::MaximumPacketSize(limit), Property::TopicAliasMaximum(8)]);
        for size in 0..60 {
            let _ = desk.client.publish(message("some/topic", &"x".repeat(size), QoS::AtLeastOnce), desk.now);
            let sent = desk.sent_bytes();
            assert!(sent.len() <= limit as usize, "{} bytes", sent.len());
        }
        assert!(desk.client.pending_publishes() > 0 || limit < 30);
    }
}

#[test]
fn a_message_larger_than_the_queue_is_not_blocked_for_ever() {
    let mut config = config(V5);
    config.queue_bytes = 1000;
    let mut desk = Desk::new(config);
    let large = message("a", &"x".repeat(2000), QoS::AtLeastOnce);
    assert_eq!(desk.client.publish(large.clone(), desk.now), Err(PublishError::TooLarge(large)));
}

/// [MQTT-3.2.2-11], [MQTT-3.2.2-14] (5.0)
#[test]
fn s71_what_connack_forbids_is_refused_here() {
    let mut desk = Desk::new(config(V5));
    desk.connect_with(
        false,
        &[
            Property::MaximumQoS(QoS::AtMostOnce),
            Property::RetainAvailable(false),
            Property::WildcardSubscriptionAvailable(false),
            Property::SubscriptionIdentifierAvailable(false),
            Property::SharedSubscriptionAvailable(false),
        ],
    );
    let publish = desk.client.publish(message("a", "x", QoS::AtLeastOnce), desk.now);
    assert!(matches!(publish, Err(PublishError::QoSNotSupported(_))));
    let publish = desk.client.publish(message("a", "x", QoS::AtMostOnce).retained(), desk.now);
    assert!(matches!(publish, Err(PublishError::RetainNotSupported(_))));
    let request = |filter: &str| Subscribe::new(TopicFilter::try_from(filter).unwrap(), QoS::AtMostOnce);
    assert_eq!(desk.client.subscribe(request("a/#"), desk.now), Err(RequestError::WildcardsNotSupported));
    assert_eq!(desk.client.subscribe(request("$share/g/a"), desk.now), Err(RequestError::SharedNotSupported));
    let mut identified = request("a");
    identified.identifier = Some(1);
    assert_eq!(desk.client.subscribe(identified, desk.now), Err(RequestError::IdentifiersNotSupported));
    assert!(desk.sent().is_empty());
}

/// [MQTT-3.8.3-3] (3.1.1), [MQTT-3.8.3-2] [MQTT-3.8.3-4] (5.0)
#[test]
fn s54_requests_that_no_server_may_take_are_refused_here() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        assert_eq!(desk.client.subscribe(Subscribe::all([]), desk.now), Err(RequestError::NoFilter));
        let mut shared = Subscription::new(TopicFilter::try_from("$share/g/a").unwrap(), QoS::AtMostOnce);
        shared.no_local = true;
        assert_eq!(
            desk.client.subscribe(Subscribe::all([shared]), desk.now),
            Err(RequestError::NoLocalOnShared)
        );
        for identifier in [0, 268_435_456] {
            let mut request = Subscribe::new(TopicFilter::try_from("a").unwrap(), QoS::AtMostOnce);
            request.identifier = Some(identifier);
            assert_eq!(desk.client.subscribe(request, desk.now), Err(RequestError::IdentifierOutOfRange));
        }
        assert!(desk.sent().is_empty());
    }
}

/// Every packet that only clients send, before and after the handshake: an error and the end, never a panic.
/// [MQTT-4.8.0-1] (3.1.1), [MQTT-4.13.1-1] (5.0)
#[test]
fn s54_packets_in_the_wrong_direction_end_the_connection() {
    for version in BOTH {
        let connect = if version == V3 {
            "10 0D 00 04 4D 51 54 54 04 02 00 00 00 01 61"
        } else {
            "10 0E 00 04 4D 51 54 54 05 02 00 00 00 00 01 61"
        };
        let subscribe = if version == V3 { "82 06 00 01 00 01 61 00" } else { "82 07 00 01 00 00 01 61 00" };
        let unsubscribe = if version == V3 { "A2 05 00 01 00 01 61" } else { "A2 06 00 01 00 00 01 61" };
        for bytes in [connect, subscribe, unsubscribe, "C0 00"] {
            for is_connected in [false, true] {
                let mut desk = Desk::new(config(version));
                desk.open();
                if is_connected {
                    desk.accept(false, &[]);
                    desk.events();
                }
                desk.sent();
                desk.receive_bytes(&hex(bytes));
                let events = desk.events();
                let misbehaved = matches!(
                    events[..],
                    [ClientEvent::Disconnected { reason: DisconnectReason::Misbehaved(_) }]
                );
                assert!(misbehaved, "{bytes}: {events:?}");
                let told = is_connected && version == V5;
                assert_eq!(desk.sent(), if told { vec!["DISCONNECT 0x82"] } else { vec![] });
                assert_eq!(desk.client.transport(), Transport::FlushThenClose);
                assert!(!desk.client.wants_input());
            }
        }
    }
}

/// The server has read all answers: taking an event shows that input is wanted again.
#[test]
fn input_is_wanted_again_once_the_answers_are_written() {
    let mut desk = Desk::connected(config(V5));
    desk.sent();
    let mut number = 0;
    while desk.client.wants_input() {
        number += 1;
        desk.publish_from_server("t", number, QoS::AtLeastOnce, false);
        // A message of QoS 0 behind it.
        desk.receive_bytes(b"\x30\x05\x00\x01t\x00x");
        while desk.client.wants_input() && desk.client.poll_event().is_some() {}
    }
    let outbox = desk.client.outbox();
    outbox.advance(outbox.remaining());
    assert!(desk.client.poll_event().is_some());
    assert!(desk.client.wants_input());
}

/// Three in a row: a connection that ended otherwise starts the count afresh.
#[test]
fn s55_oversized_messages_now_and_then_are_no_reason_to_give_up() {
    let mut config = config(V5);
    config.maximum_packet_size = 100;
    config.oversize = Oversize::Disconnect;
    let mut desk = Desk::new(config);
    for _ in 0..5 {
        desk.connect(true);
        let bytes = publish_bytes(&desk, "a", QoS::AtLeastOnce, 5000);
        desk.receive_bytes(&bytes);
        desk.cut();
        desk.connect(true);
        desk.cut();
        assert!(matches!(desk.client.transport(), Transport::Open { .. }));
    }
}

/// Correlation data is the one part of a message whose length nothing else bounds: it can't be announced in two bytes.
#[test]
fn correlation_data_too_long_for_a_packet_is_refused_when_it_is_published() {
    let mut desk = Desk::connected(config(V5));
    for (length, fits) in [(usize::from(u16::MAX), true), (usize::from(u16::MAX) + 1, false)] {
        let mut message = message("a", "x", QoS::AtLeastOnce);
        message.properties.correlation_data = Some(Bytes::from(vec![7; length]));
        let published = desk.client.publish(message, desk.now);
        assert_eq!(published.is_ok(), fits);
        assert!(fits || matches!(published, Err(PublishError::TooLarge(_))));
        assert_eq!(desk.sent().len(), usize::from(fits));
    }
}
