//! What goes wrong on a line, and what comes of it.

use std::{cell::Cell, time::Duration};

use mqtt_engine::{
    ClientEvent, Disconnect, DisconnectReason, QoS, Reconnect, Transport, packet::ProtocolVersion,
};

use crate::{
    board::{Board, in_every_way, lasting, with},
    serial::Fault,
    site::{Module, Way},
};

/// The counter of a device.
fn count(board: &mut Board, numbers: std::ops::Range<u8>) {
    for number in numbers {
        board.publish("counter", &[number], QoS::AtLeastOnce);
    }
}

/// Each connection begins with CONNECT, as far as it has come.
fn each_connection_is_new(board: &Board) {
    for heard in &board.site().heard {
        let start: Vec<u8> = heard.iter().copied().take(8).collect();
        assert!(start.first().is_none_or(|first| *first == 0x10), "{heard:02x?}");
        assert!(b"\0\x04MQTT".starts_with(start.get(2..).unwrap_or_default()), "{heard:02x?}");
    }
}

/// A UART that has lost a byte says so: the stream is worth nothing any more.
#[test]
fn an_overrun_ends_the_connection_and_nothing_is_lost() {
    in_every_way(Module::Modem, |board| {
        board.connect();
        board.subscribe("counter", QoS::AtLeastOnce);
        board.run_until(|board| board.has_subscribed());
        count(board, 0..10);
        board.turn();
        board.site().read_fails = true;
        board.run_until(|board| board.acknowledged() == 10 && board.payloads().len() >= 10);
        assert_eq!(board.faults, [Fault::Overrun]);
        assert_eq!((board.connections(), board.endings()), (2, 1));
        each_connection_is_new(board);
    });
}

/// The carrier goes after any number of bytes on the way up: in the middle of a packet, nothing of it follows on the next connection.
#[test]
fn a_cut_behind_any_byte_is_survived() {
    for cut in 1..90 {
        in_every_way(Module::Modem, |board| {
            board.site().piece = 1;
            board.subscribe("counter", QoS::AtLeastOnce);
            count(board, 0..3);
            board.run_until(|board| {
                let heard: usize = board.site().heard.iter().map(Vec::len).sum();
                heard >= cut || board.payloads().len() == 3
            });
            board.site().cut();
            board.run_until(|board| {
                board.acknowledged() == 3 && {
                    let mut payloads = board.payloads();
                    payloads.sort();
                    payloads.dedup();
                    payloads == [[0], [1], [2]]
                }
            });
            each_connection_is_new(board);
        });
    }
}

/// A byte is lost without a word, anywhere in either direction. Whatever the rest of the stream means then, the client comes back and
/// every message meets its fate.
#[test]
fn a_lost_byte_is_survived() {
    let reconnected = Cell::new(0);
    for index in 0..90 {
        for way in [Way::Up, Way::Down] {
            in_every_way(Module::Modem, |board| {
                board.site().loss = Some((way, index));
                board.subscribe("counter", QoS::AtLeastOnce);
                count(board, 0..3);
                board.run_until(|board| board.acknowledged() == 3 && board.client.is_connected());
                // Whoever waits for a byte that never comes is found out by the keep alive.
                board.run_for(Duration::from_secs(200));
                assert!(board.client.is_connected());
                if way == Way::Down {
                    each_connection_is_new(board);
                }
                reconnected.set(reconnected.get() + board.endings());
            });
        }
    }
    assert!(reconnected.get() > 300, "the bytes are not lost: {}", reconnected.get());
}

/// 3.1.1 with [`ClientConfig::retransmit_after`](mqtt_engine::ClientConfig::retransmit_after): a whole PUBLISH that the line swallowed
/// is sent again without a new connection.
#[test]
fn a_swallowed_packet_is_sent_again() {
    let mut config = lasting(ProtocolVersion::V3_1_1);
    config.retransmit_after = Some(Duration::from_secs(2));
    with(Module::Modem, &config, |board| {
        board.move_at_most(100, 100);
        board.connect();
        count(board, 0..1);
        board.turn();
        let swallowed: Vec<u8> = board.site().up.drain(..).collect();
        assert_eq!(swallowed[0], 0x32);
        board.run_until(|board| board.acknowledged() == 1);
        assert_eq!(board.connections(), 1);
    });
}

/// Garbage makes the client say why and hang up.
#[test]
fn garbage_is_answered_by_hanging_up() {
    in_every_way(Module::Modem, |board| {
        board.connect();
        board.site().say(&[0xFF; 40]);
        board.run_until(|board| board.endings() == 1);
        board.run_for(Duration::from_millis(1));
        assert_eq!(board.calls(), (1, 1));
        let is_v5 = board.client.config().version == ProtocolVersion::V5;
        assert_eq!(board.site().heard[0].ends_with(&[0xE0, 1, 0x81]), is_v5);
        board.connect();
    });
}

/// A line that takes nothing any more does not hold the client: the ping goes unanswered, the last bytes get five seconds, then the
/// module hangs up.
#[test]
fn a_stalled_line_is_given_up() {
    in_every_way(Module::Modem, |board| {
        board.connect();
        board.site().is_stalled = true;
        let start = board.now();
        count(board, 0..20);
        board.run_until(|board| board.site().closed == 1);
        assert!(board.now() <= start + Duration::from_secs(60 + 10 + 5));
        board.site().is_stalled = false;
        board.run_until(|board| board.acknowledged() == 20);
        each_connection_is_new(board);
    });
}

/// While the last bytes can't go out, what the server still says is let pass: it may be waiting for its own bytes to be taken.
#[test]
fn a_good_bye_that_can_not_be_said_does_not_stop_the_server() {
    in_every_way(Module::Modem, |board| {
        board.connect();
        board.site().is_stalled = true;
        count(board, 0..20);
        let now = board.now();
        board.client.disconnect(Disconnect::default(), now);
        board.run_for(Duration::from_secs(1));
        board.site().say(&[0xFF; 100]);
        board.run_for(Duration::from_secs(1));
        assert!(board.site().down.is_empty());
        assert_eq!(board.calls(), (1, 0), "the last bytes have five seconds");
        board.run_until(|board| board.client.transport() == Transport::None);
        assert_eq!((board.calls(), board.endings()), ((1, 1), 1));
    });
}

/// The server has refused the client and closed: its reason is read, although nothing can be written any more.
#[test]
fn the_last_word_of_the_server_is_read() {
    in_every_way(Module::Modem, |board| {
        board.turn();
        board.turn();
        assert_eq!(board.calls(), (1, 0));
        board.site().write_fails = true;
        board.site().down.extend([0x20, 2, 0, 5]);
        if board.client.config().version == ProtocolVersion::V5 {
            board.site().down.clear();
            board.site().down.extend([0x20, 3, 0, 0x87, 0]);
        }
        board.run_until(|board| board.endings() == 1);
        assert!(
            matches!(
                board.events[..],
                [ClientEvent::Disconnected { reason: DisconnectReason::Refused(_), .. }]
            ),
            "{:?}",
            board.events
        );
    });
}

/// A module that dials by itself and tells nothing: the server is gone and back, and the client finds out by its keep alive.
#[test]
fn a_silent_module_is_found_out_by_the_keep_alive() {
    in_every_way(Module::Transparent, |board| {
        board.connect();
        board.site().cut();
        count(board, 0..3);
        board.run_until(|board| board.acknowledged() == 3);
        assert_eq!((board.connections(), board.endings()), (2, 1));
    });
}

/// Nothing can make a plain UART hang up. Whoever is silent for one and a half times the keep alive makes the server do it, so that the
/// next CONNECT comes first on a new connection, whatever the old one had of a packet.
#[test]
fn silence_hangs_up_where_nothing_else_can() {
    for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let mut config = lasting(version);
        config.keep_alive = 10;
        // A random half of it is taken off.
        let quiet = Duration::from_secs(2 * 15 + 1);
        config.reconnect = Reconnect::Backoff { initial: quiet, maximum: quiet };
        with(Module::Transparent, &config, |board| {
            board.connect();
            // The server waits for the rest of a PUBLISH for ever.
            board.site().loss = Some((Way::Up, 5));
            count(board, 0..1);
            board.run_until(|board| board.acknowledged() == 1);
            assert_eq!(board.connections(), 2);
            assert_eq!(board.site().heard.len(), 2);
            each_connection_is_new(board);
        });
    }
}
