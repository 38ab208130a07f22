//! The blocking adapters: the client in the thread of the test, the server in its own.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use mqtt_engine::{
    BrokerConfig, ClientConfig, ClientEvent, DeliveryToken, Disconnect, Message, Subscribe, Unsubscribe,
    packet::ReasonCode,
};
use mqtt_engine_blocking as blocking;
use mqtt_engine_driver::Signal;

use crate::{
    beside_broker, beside_client,
    watcher::{Told, Watcher},
};

pub struct BlockingClient(blocking::Client);

impl beside_client::Driver for BlockingClient {
    const NAME: &'static str = "the blocking client";

    fn new(server: SocketAddr, config: ClientConfig) -> Self {
        Self(blocking::Client::new(server.to_string(), config))
    }

    fn publish(&mut self, message: Message) {
        let _ = self.0.publish(message);
    }

    fn subscribe(&mut self, request: Subscribe) {
        let _ = self.0.subscribe(request);
    }

    fn unsubscribe(&mut self, request: Unsubscribe) {
        let _ = self.0.unsubscribe(request);
    }

    fn acknowledge(&mut self, delivery: DeliveryToken, reason: ReasonCode) {
        self.0.acknowledge(delivery, reason);
    }

    fn disconnect(&mut self, request: Disconnect) {
        // It waits for what is unfinished, which the script would finish only afterwards.
        self.0.disconnect(request, Duration::from_millis(20));
    }

    fn turn(&mut self, patience: Duration) -> Option<ClientEvent> {
        self.0.next_event(patience).unwrap_or_else(|blocking::Ended| {
            thread::sleep(patience);
            None
        })
    }
}

pub struct BlockingServer {
    server: blocking::Server,
    address: SocketAddr,
    told: Receiver<Told>,
    serving: Option<JoinHandle<()>>,
}

impl beside_broker::Driver for BlockingServer {
    const NAME: &'static str = "the blocking server";

    fn new(config: BrokerConfig) -> Self {
        let (sender, told) = channel();
        let watcher = Watcher::new(sender, Arc::new(Signal::default()));
        let server = blocking::Server::new(config, watcher, blocking::ServerConfig::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = server.clone();
        let serving = thread::spawn(move || {
            serving.serve(vec![listener.into()]).unwrap();
        });
        Self { server, address, told, serving: Some(serving) }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn connections(&self) -> usize {
        self.server.statistics().connections
    }

    fn received(&self) -> u64 {
        self.server.traffic().received
    }

    fn turn(&mut self, patience: Duration) -> Option<Told> {
        self.told.recv_timeout(patience).ok()
    }
}

impl Drop for BlockingServer {
    fn drop(&mut self) {
        self.server.stop();
        if let Some(serving) = self.serving.take() {
            assert!(serving.join().is_ok() || thread::panicking(), "the server has panicked");
        }
    }
}
