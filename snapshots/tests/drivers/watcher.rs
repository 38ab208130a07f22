//! What a server's hooks see.

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc::Sender},
};

use mqtt_engine::BrokerEvent;
use mqtt_engine_driver::{Hooks, Peer, Signal};

/// An event, and the address of the client that it is about.
pub type Told = (Option<SocketAddr>, BrokerEvent);

/// Passes everything on.
pub struct Watcher {
    told: Sender<Told>,
    news: Arc<Signal>,
}

impl Watcher {
    pub const fn new(told: Sender<Told>, news: Arc<Signal>) -> Self {
        Self { told, news }
    }
}

impl Hooks for Watcher {
    fn event(&self, peer: Option<&Peer>, event: &BrokerEvent) {
        // At the end of the test nobody listens any more.
        let _ = self.told.send((peer.and_then(|peer| peer.address), event.clone()));
        self.news.notify();
    }
}
