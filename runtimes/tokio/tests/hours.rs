//! What takes hours, with a clock that tokio stops and moves.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::std_instead_of_alloc,
    reason = "a test"
)]

mod support;

use core::time::Duration;
use std::sync::{Arc, Mutex};

use mqtt_engine::{
    Answer, BrokerConfig, ClientEvent, ConnectionId, DisconnectReason, QoS, Question, Reconnect,
    packet::ReasonCode,
};
use mqtt_engine_tokio::{Client, Decision, Hooks, Peer, Server};
use support::{PATIENCE, World, config, message, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::{Instant, sleep, timeout},
};

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
