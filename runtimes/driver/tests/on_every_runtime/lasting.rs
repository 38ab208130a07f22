//! What has to do with time, in short spans that pass for real.

use core::time::Duration;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Instant,
};

use mqtt_engine::{BrokerConfig, ClientEvent, QoS};

use super::support::{CONNECT_5, PATIENCE, World, config, message, timeout, until};
use crate::adapter::{ServerConfig, run};

/// S43, S44 on the adapter's timer: silence for one and a half times the keep alive ends a connection.
#[test]
fn s43_a_silent_client_is_closed_in_time() {
    run(async {
        let world = World::new().await;
        let mut silent = world.raw(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x01\x00\x00\x00");
        let began = Instant::now();
        let mut all = Vec::new();
        silent.read_to_end(&mut all).unwrap();
        assert_eq!(all, [0xE0, 0x01, 0x8D]);
        let waited = began.elapsed();
        assert!(waited >= Duration::from_millis(1400) && waited < PATIENCE / 2, "{waited:?}");
    });
}

/// S41 on the adapter's timer: a short keep alive holds over an idle time that the server would not tolerate.
#[test]
fn s40_an_idle_client_stays_connected() {
    run(async {
        let world = World::new().await;
        let mut idle = config("idle");
        idle.keep_alive = 1;
        let mut client = world.client(idle);
        until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
        let event = timeout(Duration::from_secs(4), client.next_event()).await;
        assert!(event.is_none(), "{event:?}");
        assert!(client.is_connected());
    });
}

/// A connection that takes no byte holds the end up for the patience, and not longer.
#[test]
fn s83_a_stuck_connection_is_closed_after_the_patience() {
    let mut hurried = ServerConfig::default();
    hurried.patience = Duration::from_millis(300);
    run(async {
        let (world, _stuck) = with_a_stuck_connection(hurried).await;
        let server = world.server.clone();
        let began = Instant::now();
        assert_eq!(world.stop().await.dropped, 0);
        assert!(began.elapsed() >= hurried.patience, "{:?}", began.elapsed());
        assert_eq!(server.statistics().connections, 0);
    });
}

/// All of them together hold it up for the grace, and not longer.
#[test]
fn s83_what_has_not_ended_within_the_grace_is_dropped() {
    let mut hurried = ServerConfig::default();
    hurried.patience = 2 * PATIENCE;
    hurried.grace = Duration::from_millis(300);
    run(async {
        let (world, _stuck) = with_a_stuck_connection(hurried).await;
        let server = world.server.clone();
        let began = Instant::now();
        assert_eq!(world.stop().await.dropped, 1);
        assert!(began.elapsed() >= hurried.grace, "{:?}", began.elapsed());
        assert_eq!(server.statistics().connections, 0);
    });
}

/// A server with a subscriber that reads nothing, and more for it than the system's buffers hold.
async fn with_a_stuck_connection(config: ServerConfig) -> (World, TcpStream) {
    let mut large = BrokerConfig::new();
    large.connection.queue_bytes = 64 << 20;
    let world = World::with(large, (), config).await;
    let mut stuck = world.raw(CONNECT_5);
    stuck.write_all(b"\x82\x07\x00\x01\x00\x00\x01a\x00").unwrap();
    let mut suback = [0; 6];
    stuck.read_exact(&mut suback).unwrap();
    assert_eq!(suback[0], 0x90);
    for _ in 0..40 {
        world.server.publish(message("a", vec![0; 1 << 20], QoS::AtMostOnce));
    }
    (world, stuck)
}
