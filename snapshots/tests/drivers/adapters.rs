//! The adapters under test. All run on the thread of the test, a turn at a time.

use std::{net::SocketAddr, thread, time::Duration};

use mqtt_engine::{
    BrokerConfig, BrokerEvent, ClientConfig, ClientEvent, DeliveryToken, Disconnect, Message, Subscribe,
    Unsubscribe, packet::ReasonCode,
};
use mqtt_engine_blocking as blocking;
use mqtt_engine_tokio::{self as on_tokio, Hooks, Peer, Server, ServerConfig};
use tokio::{net::TcpListener, runtime, sync::mpsc, time::timeout};

use crate::{beside_broker, beside_client};

fn runtime() -> runtime::Runtime {
    runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub struct TokioClient {
    runtime: runtime::Runtime,
    client: on_tokio::Client,
}

impl beside_client::Driver for TokioClient {
    const NAME: &'static str = "the tokio client";

    fn new(server: SocketAddr, config: ClientConfig) -> Self {
        Self { runtime: runtime(), client: on_tokio::Client::new(server.to_string(), config) }
    }

    fn publish(&mut self, message: Message) {
        // A message that is not taken leaves no packet and no event, which is what is compared.
        let _ = self.client.publish(message);
    }

    fn subscribe(&mut self, request: Subscribe) {
        let _ = self.client.subscribe(request);
    }

    fn unsubscribe(&mut self, request: Unsubscribe) {
        let _ = self.client.unsubscribe(request);
    }

    fn acknowledge(&mut self, delivery: DeliveryToken, reason: ReasonCode) {
        self.client.acknowledge(delivery, reason);
    }

    fn disconnect(&mut self, request: Disconnect) {
        self.client.disconnect(request);
    }

    fn turn(&mut self, patience: Duration) -> Option<ClientEvent> {
        let next = async { timeout(patience, self.client.next_event()).await };
        let Ok(event) = self.runtime.block_on(next) else { return None };
        if event.is_none() {
            thread::sleep(patience);
        }
        event
    }
}

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

type Told = (Option<SocketAddr>, BrokerEvent);

pub struct TokioServer {
    runtime: runtime::Runtime,
    server: Server,
    address: SocketAddr,
    events: mpsc::UnboundedReceiver<Told>,
}

impl beside_broker::Driver for TokioServer {
    const NAME: &'static str = "the tokio server";

    fn new(config: BrokerConfig) -> Self {
        let runtime = runtime();
        let (watcher, events) = mpsc::unbounded_channel();
        let (server, address) = runtime.block_on(async {
            let server = Server::new(config, Watcher(watcher), ServerConfig::default());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let serving = server.clone();
            tokio::spawn(async move { serving.serve(vec![listener.into()], std::future::pending()).await });
            (server, address)
        });
        Self { runtime, server, address, events }
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
        self.runtime.block_on(async { timeout(patience, self.events.recv()).await }).ok().flatten()
    }
}

struct Watcher(mpsc::UnboundedSender<Told>);

impl Hooks for Watcher {
    fn event(&self, peer: Option<&Peer>, event: &BrokerEvent) {
        // At the end of the test nobody listens any more.
        let _ = self.0.send((peer.and_then(|peer| peer.address), event.clone()));
    }
}
