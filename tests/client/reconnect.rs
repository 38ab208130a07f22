//! When the client wants a transport again; S84, and calls in any order.

use std::time::Duration;

use mqtt_engine::{
    Client, ClientEvent, Disconnect, DisconnectReason, QoS, Reconnect, Subscribe, Timestamp, TopicFilter,
    Transport, Unsubscribe,
    packet::{self, ConnAck, Packet, Properties, ReasonCode},
};

use crate::harness::{BOTH, Desk, V5, config, encode, message};

fn wait(desk: &Desk) -> Duration {
    match desk.client.transport() {
        Transport::Open { not_before } => not_before - desk.now,
        other => panic!("wants {other:?}"),
    }
}

#[test]
fn s84_a_server_that_is_down_is_tried_ever_more_rarely() {
    let mut desk = Desk::new(config(V5));
    assert_eq!(wait(&desk), Duration::ZERO);
    let mut total = Duration::ZERO;
    for attempt in 0..20 {
        desk.cut();
        let reason = DisconnectReason::TransportClosed;
        assert_eq!(desk.events(), [ClientEvent::Disconnected { reason }]);
        let delay = wait(&desk);
        let full = Duration::from_secs(60.min(1 << attempt));
        assert!(delay >= full / 2 && delay <= full);
        desk.now = desk.now + delay;
        total += delay;
    }
    assert!(total > Duration::from_secs(400));
}

#[test]
fn s84_a_wrong_password_and_a_takeover_wait_the_longest() {
    let refuse = |desk: &mut Desk| {
        desk.open();
        let reason = ReasonCode::BadUserNameOrPassword;
        desk.receive(&Packet::ConnAck(ConnAck {
            session_present: false,
            reason,
            properties: Properties::NONE,
        }));
    };
    let take_over = |desk: &mut Desk| {
        desk.connect(false);
        let reason = ReasonCode::SessionTakenOver;
        desk.receive(&Packet::Disconnect(packet::Disconnect { reason, properties: Properties::NONE }));
    };
    for end in [&refuse as &dyn Fn(&mut Desk), &take_over] {
        let mut desk = Desk::new(config(V5));
        for _ in 0..5 {
            end(&mut desk);
            assert_eq!(desk.client.transport(), Transport::FlushThenClose);
            desk.cut();
            assert!(wait(&desk) >= Duration::from_secs(30));
            desk.now = desk.now + wait(&desk);
        }
    }
}

/// A connection that is made and lost at once does not reset the delays.
#[test]
fn s84_a_short_lived_connection_is_no_success() {
    let mut desk = Desk::new(config(V5));
    for _ in 0..8 {
        desk.connect(true);
        desk.cut();
    }
    assert!(wait(&desk) >= Duration::from_secs(30));
    desk.connect(true);
    desk.now = desk.now + Duration::from_secs(61);
    desk.receive_bytes(&[0xD0, 0x00]);
    desk.cut();
    assert!(wait(&desk) <= Duration::from_secs(1));
}

#[test]
fn a_client_that_never_reconnects_waits_for_the_program() {
    let mut config = config(V5);
    config.reconnect = Reconnect::Never;
    let mut desk = Desk::connected(config);
    desk.cut();
    assert_eq!(desk.client.transport(), Transport::None);
    desk.client.connect(desk.now);
    assert_eq!(wait(&desk), Duration::ZERO);
}

#[test]
fn disconnect_and_connect_while_waiting() {
    let mut desk = Desk::new(config(V5));
    desk.cut();
    desk.events();
    desk.client.disconnect(Disconnect::default(), desk.now);
    assert_eq!(desk.events(), [ClientEvent::Disconnected { reason: DisconnectReason::Requested }]);
    assert_eq!(desk.client.transport(), Transport::None);
    desk.client.transport_opened(desk.now);
    assert!(desk.sent().is_empty(), "a transport that nobody wants any more");
    desk.client.connect(desk.now);
    assert_eq!(wait(&desk), Duration::ZERO);
}

/// The contract: any call at any moment, in any order; and afterwards a connection still works.
#[test]
fn calls_in_any_order_never_panic_and_never_wedge() {
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for version in BOTH {
        let accepted =
            ConnAck { session_present: false, reason: ReasonCode::Success, properties: Properties::NONE };
        let connack = encode(&Packet::ConnAck(accepted), version);
        let resumed = encode(&Packet::ConnAck(ConnAck { session_present: true, ..accepted }), version);
        for _ in 0..500 {
            let mut client = Client::new(config(version), Timestamp::ZERO);
            let mut now = Timestamp::ZERO;
            for _ in 0..60 {
                now = now + Duration::from_millis(random(20_000));
                call(&mut client, now, &mut random, &[&connack, &resumed]);
            }
            // Whatever happened: the client can be brought back.
            client.disconnect(Disconnect::default(), now);
            client.transport_closed(now);
            client.connect(now);
            client.transport_opened(now);
            client.receive(&mut &connack[..], now);
            assert!(client.is_connected());
        }
    }
}

fn call(client: &mut Client, now: Timestamp, random: &mut impl FnMut(u64) -> u64, packets: &[&[u8]; 2]) {
    let filter = TopicFilter::try_from("a").unwrap();
    match random(14) {
        0 => client.transport_opened(now),
        1 => client.transport_closed(now),
        2 | 3 => {
            let mut bytes = packets[random(2) as usize];
            client.receive(&mut bytes, now);
        }
        4 => {
            let garbage: Vec<u8> = (0..random(20)).map(|_| random(256) as u8).collect();
            client.receive(&mut &garbage[..], now);
        }
        5 => client.receive(&mut &[0x40, 0x02, 0x00, random(4) as u8][..], now),
        6 => client.receive(&mut &[0x50, 0x02, 0x00, random(4) as u8][..], now),
        7 => client.receive(&mut &[0x62, 0x02, 0x00, random(4) as u8][..], now),
        8 => {
            let qos = QoS::from_u8(random(3) as u8).unwrap();
            let _ = client.publish(message("a", "x", qos), now);
        }
        9 => drop(client.subscribe(Subscribe::new(filter, QoS::AtMostOnce), now)),
        10 => drop(client.unsubscribe(Unsubscribe::new([filter]), now)),
        11 => client.handle_timeout(now),
        12 => while client.poll_event().is_some() {},
        _ if random(8) == 0 => client.disconnect(Disconnect::default(), now),
        _ => client.connect(now),
    }
    let wants_input = client.wants_input();
    assert!(!wants_input || client.transport() == Transport::Keep);
    assert!(client.deadline().is_none_or(|deadline| deadline >= Timestamp::ZERO));
}

/// The wish is not forgotten while the last bytes go out.
#[test]
fn connect_while_the_connection_closes() {
    let mut config = config(V5);
    config.reconnect = Reconnect::Never;
    let mut desk = Desk::connected(config);
    desk.client.disconnect(Disconnect::default(), desk.now);
    desk.client.connect(desk.now);
    assert_eq!(desk.client.transport(), Transport::FlushThenClose);
    desk.cut();
    assert_eq!(wait(&desk), Duration::ZERO);
}

/// The time that a refused request let pass shows in the events too.
#[test]
fn a_refused_request_lets_time_pass() {
    let mut desk = Desk::new(config(V5));
    let mut message = message("a", "x", QoS::AtLeastOnce);
    message.properties.message_expiry = Some(Duration::from_secs(1));
    desk.client.publish(message, desk.now).unwrap();
    desk.now = desk.now + Duration::from_secs(2);
    assert!(desk.client.subscribe(Subscribe::all([]), desk.now).is_err());
    assert!(matches!(desk.client.poll_event(), Some(ClientEvent::Published { .. })));
}

/// Whatever the server sends and the program leaves lying, the input pauses before memory is used up.
#[test]
fn s28_events_that_nobody_polls_make_the_input_pause() {
    for version in BOTH {
        let mut config = config(version);
        config.event_bytes = 10_000;
        for packet in [&[0xD0, 0x00][..], &[0x40, 0x02, 0x00, 0x09]] {
            let mut desk = Desk::connected(config.clone());
            let flood = packet.repeat(1000);
            let mut input = &flood[..];
            desk.client.receive(&mut input, desk.now);
            assert!(!desk.client.wants_input());
            assert!(input.len() > 900 * packet.len());
            desk.events();
            assert!(desk.client.wants_input());
        }
    }
}

/// A server that sends but does not read gets no more than a bounded number of answers, and is found dead in time.
#[test]
fn s28_answers_that_nobody_reads_make_the_input_pause() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        let flood = [0x62, 0x02, 0x00, 0x09].repeat(100_000);
        let mut input = &flood[..];
        desk.client.receive(&mut input, desk.now);
        assert!(!desk.client.wants_input() && !input.is_empty());
        desk.advance(Duration::from_secs(60));
        desk.advance(Duration::from_secs(10));
        assert!(!desk.client.is_connected());

        let mut desk = Desk::connected(config(version));
        let mut input = &flood[..];
        while !input.is_empty() {
            desk.client.receive(&mut input, desk.now);
            assert!(desk.sent_bytes().len() < 70_000);
            assert!(desk.client.wants_input());
        }
    }
}
