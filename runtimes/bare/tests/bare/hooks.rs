//! Opening and ending the connection.

use std::time::Duration;

use mqtt_engine::{ClientEvent, DisconnectReason, QoS};

use crate::{
    board::in_every_way,
    serial::Fault,
    site::{Module, Opening},
};

#[test]
fn dialling_may_take_several_turns() {
    in_every_way(Module::Modem, |board| {
        board.site().opening = Opening::After(5);
        board.connect();
        assert_eq!(board.site().opening, Opening::After(0));
        assert_eq!(board.endings(), 0);
    });
}

/// A refusal is told to the program with its reason, and to the client, which tries again later.
#[test]
fn a_refused_call_is_followed_by_another() {
    in_every_way(Module::Modem, |board| {
        board.site().opening = Opening::Refused;
        let start = board.now();
        board.run_until(|board| board.endings() == 3);
        assert_eq!(board.faults, [Fault::NoAnswer; 3]);
        assert!(board.now() > start + Duration::from_secs(1), "it hurries");
        board.site().opening = Opening::After(0);
        board.connect();
    });
}

#[test]
fn a_call_that_nobody_answers_is_given_up() {
    in_every_way(Module::Modem, |board| {
        board.site().opening = Opening::Never;
        let start = board.now();
        board.turn();
        // The superloop would ask in each turn; here time passes between two.
        board.site().now = start + Duration::from_millis(9_999);
        board.turn();
        assert_eq!(board.endings(), 0);
        board.site().now = start + Duration::from_secs(10);
        board.run_until(|board| board.endings() == 1);
        assert!(matches!(
            board.events[..],
            [ClientEvent::Disconnected { reason: DisconnectReason::TransportClosed, .. }]
        ));
        board.site().opening = Opening::After(0);
        board.connect();
    });
}

/// What is left of an old connection is not taken for the first words on a new one.
#[test]
fn stale_bytes_are_thrown_away() {
    in_every_way(Module::Modem, |board| {
        board.connect();
        board.site().cut();
        board.run_until(|board| board.endings() == 1);
        // The rest of a PUBLISH.
        board.site().leftover = b"lo, world".to_vec();
        board.connect();
        assert_eq!(board.endings(), 1);
    });
}

/// While there is no connection, what comes does not fill the UART's memory.
#[test]
fn noise_between_two_connections_is_thrown_away() {
    in_every_way(Module::Modem, |board| {
        board.connect();
        board.site().cut();
        board.run_until(|board| board.endings() == 1);
        for _ in 0..10 {
            board.site().say(b"noise");
            board.site().read_fails = true;
            board.run_for(Duration::from_millis(10));
            assert!(board.site().down.is_empty() && !board.site().read_fails);
        }
        board.connect();
        assert_eq!(board.faults, [Fault::NoCarrier]);
    });
}

/// A pin of the module says that the connection is gone.
#[test]
fn the_program_may_tell_that_the_connection_is_gone() {
    in_every_way(Module::Modem, |board| {
        board.lost();
        board.connect();
        board.publish("t", b"1", QoS::AtLeastOnce);
        board.lost();
        board.lost();
        board.run_until(|board| board.acknowledged() == 1);
        assert_eq!((board.connections(), board.endings()), (2, 1));
        assert_eq!(board.calls(), (2, 1));
    });
}
