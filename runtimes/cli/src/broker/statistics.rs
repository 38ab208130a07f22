//! `$SYS/broker/...`: what the broker holds and has done, as retained messages. Names as of mosquitto, where it has them.

use core::time::Duration;
use std::{collections::BTreeMap, sync::Arc, time::Instant};

use mqtt_engine::Message;
use mqtt_engine_tokio::Server;
use tokio::time::{MissedTickBehavior, interval};

use super::hooks::Clients;

/// Publishes until it is dropped: at once, then at each interval what has changed.
pub(super) async fn publish(server: Server, clients: Arc<Clients>, every: Duration) {
    let started = Instant::now();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut published: BTreeMap<&'static str, String> = BTreeMap::new();
    // Our own messages are not counted as the clients'.
    let mut own: u64 = 0;
    loop {
        ticks.tick().await;
        for (name, value) in measure(&server, &clients, started, own) {
            if published.get(name) == Some(&value) {
                continue;
            }
            if let Ok(message) = Message::new(format!("$SYS/broker/{name}"), value.clone().into_bytes()) {
                server.publish(message.retained());
                own += 1;
            }
            published.insert(name, value);
        }
    }
}

fn measure(server: &Server, clients: &Clients, started: Instant, own: u64) -> [(&'static str, String); 15] {
    let held = server.statistics();
    let traffic = server.traffic();
    let connected = clients.connected();
    [
        ("version", format!("mqtt-engine {}", env!("CARGO_PKG_VERSION"))),
        ("uptime", format!("{} seconds", started.elapsed().as_secs())),
        ("clients/connected", connected.to_string()),
        ("clients/disconnected", held.sessions.saturating_sub(connected).to_string()),
        ("clients/total", held.sessions.to_string()),
        ("connections/count", held.connections.to_string()),
        ("subscriptions/count", held.subscriptions.to_string()),
        ("retained messages/count", held.retained.to_string()),
        ("retained messages/bytes", held.retained_bytes.to_string()),
        ("publish/messages/received", held.received.saturating_sub(own).to_string()),
        ("publish/messages/sent", held.delivered.to_string()),
        ("publish/messages/dropped", held.dropped.to_string()),
        ("bytes/received", traffic.received.to_string()),
        ("bytes/sent", traffic.sent.to_string()),
        ("events/lost", held.lost_events.to_string()),
    ]
}
