//! What goes well.

use std::time::Duration;

use mqtt_engine::{
    Acknowledgement, ClientEvent, Disconnect, Message, QoS, Transport,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_bare::Next;

use crate::{
    board::{Surface, in_every_way, lasting, with},
    site::Module,
};

const LEVELS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// S86: however little the line moves at a time.
#[test]
fn messages_pass_both_ways_however_the_line_chops() {
    for (piece, room) in [(1, 1), (2, 3), (7, 16), (1000, 1000)] {
        in_every_way(Module::Modem, |board| {
            board.move_at_most(piece, room);
            board.connect();
            board.subscribe("#", QoS::ExactlyOnce);
            board.run_until(|board| board.has_subscribed());
            for qos in LEVELS {
                board.publish("counter", &[qos as u8; 40], qos);
            }
            board.run_until(|board| board.acknowledged() == 2 && board.payloads().len() == 3);
            assert_eq!(board.payloads(), LEVELS.map(|qos| vec![qos as u8; 40]));
            assert!(board.faults.is_empty());
        });
    }
}

/// A message may be larger than the link's memory and the UART's.
#[test]
fn a_message_larger_than_every_buffer_passes() {
    in_every_way(Module::Modem, |board| {
        let payload: Vec<u8> = (0..5000_u32).map(|number| number.to_le_bytes()[0]).collect();
        board.connect();
        board.subscribe("large", QoS::AtLeastOnce);
        board.publish("large", &payload, QoS::AtLeastOnce);
        board.run_until(|board| board.acknowledged() == 1 && board.payloads() == [&*payload]);
    });
}

/// A program that takes no event gets no more; nothing of what the line has delivered is lost.
#[test]
fn a_pausing_client_keeps_what_was_read() {
    for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let mut config = lasting(version);
        config.event_bytes = 1;
        with(Module::Modem, &config, |board| {
            board.site().piece = 1000;
            board.connect();
            board.subscribe("t", QoS::AtMostOnce);
            board.run_until(|board| board.has_subscribed());
            board.takes_events = false;
            let now = board.now();
            for number in 0..20 {
                board.site().broker.publish(Message::new("t", vec![number]).unwrap(), now);
            }
            board.run_for(Duration::from_secs(1));
            assert!(!board.client.wants_input());
            assert!(!board.site().down.is_empty(), "it reads on");
            board.takes_events = true;
            board.run_until(|board| board.payloads().len() == 20);
            assert_eq!(board.payloads(), (0..20).map(|number| vec![number]).collect::<Vec<_>>());
        });
    }
}

/// The link names the moment to come back: neither too late for the keep alive nor without end before it.
#[test]
fn the_keep_alive_is_kept() {
    in_every_way(Module::Modem, |board| {
        board.connect();
        let before = board.site().heard[0].len();
        board.run_for(Duration::from_secs(190));
        assert_eq!(board.site().heard[0][before..], [0xC0, 0, 0xC0, 0, 0xC0, 0]);
        assert_eq!(board.endings(), 0);
    });
}

/// DISCONNECT goes out before the module hangs up; then there is nothing to do, until the program wants a connection again.
#[test]
fn a_good_bye_is_heard() {
    in_every_way(Module::Modem, |board| {
        board.move_at_most(1, 1);
        board.connect();
        let now = board.now();
        board.client.disconnect(Disconnect::default(), now);
        board.run_until(|board| board.client.transport() == Transport::None);
        assert_eq!(board.turn(), Next::Rest);
        assert_eq!(board.site().heard[0].last_chunk(), Some(&[0xE0, 0]));
        assert_eq!(board.calls(), (1, 1));
        assert!(board.now() < now + Duration::from_secs(1), "nothing was waited for");

        board.client.connect(now);
        board.connect();
        assert_eq!(board.site().opened, 2);
    });
}

/// What a UART has taken is not sent yet. Who can wait flushes it before hanging up; a superloop's line sees to it itself.
#[test]
fn an_awaited_line_is_flushed_before_it_hangs_up() {
    in_every_way(Module::Modem, |board| {
        if board.surface == Surface::Superloop {
            return;
        }
        board.connect();
        board.site().is_stalled = true;
        let now = board.now();
        board.client.disconnect(Disconnect::default(), now);
        board.run_for(Duration::from_secs(1));
        assert_eq!((board.calls(), board.client.remains().bytes), ((1, 0), 0));
        board.site().is_stalled = false;
        board.run_until(|board| board.client.transport() == Transport::None);
        assert_eq!((board.calls(), board.site().unsent), ((1, 1), 0));
        assert_eq!(board.site().heard[0].last_chunk(), Some(&[0xE0, 0]));
    });
}

/// Without modem hooks, any UART is a line.
#[test]
fn a_bare_uart_is_a_line() {
    in_every_way(Module::Transparent, |board| {
        board.subscribe("t", QoS::AtLeastOnce);
        board.publish("t", b"hello", QoS::AtLeastOnce);
        board.run_until(|board| board.acknowledged() == 1 && board.payloads() == [b"hello"]);
    });
}

/// The program acknowledges by itself, between two turns.
#[test]
fn an_acknowledgement_by_hand_goes_out() {
    let mut config = lasting(ProtocolVersion::V5);
    config.acknowledgement = Acknowledgement::Manual;
    with(Module::Modem, &config, |board| {
        board.connect();
        board.subscribe("t", QoS::AtLeastOnce);
        board.publish("t", b"1", QoS::AtLeastOnce);
        board.run_until(|board| board.payloads().len() == 1 && board.acknowledged() == 1);
        let Some(token) = board.events.iter().find_map(|event| {
            if let ClientEvent::Received { token, .. } = event { Some(*token) } else { None }
        }) else {
            panic!("there was a message")
        };
        let now = board.now();
        board.client.acknowledge(token, ReasonCode::Success, now);
        board.run_for(Duration::from_secs(1));
        assert_eq!(board.site().heard[0].last_chunk(), Some(&[0x40, 2, 0, 1]));
    });
}
