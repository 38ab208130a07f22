//! The adapters of asynchronous runtimes: the same for all, but for how a runtime runs.

use std::{
    future::{Future, pending},
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use async_executor::Executor;
use mqtt_engine::{
    BrokerConfig, BrokerEvent, ClientConfig, ClientEvent, DeliveryToken, Disconnect, Message, Subscribe,
    Unsubscribe, packet::ReasonCode,
};
use mqtt_engine_driver::{Client, Host, Runtime, Server, ServerConfig, Signal, Streams, timeout_at};
use mqtt_engine_smol::{Smol, SmolHost};
use mqtt_engine_tokio::{Tokio, TokioHost};
use tokio::runtime;

use crate::{
    beside_broker, beside_client,
    watcher::{Told, Watcher},
};

/// A runtime on the thread of the test, which runs a turn at a time.
pub trait Asynchronous {
    const NAME: &'static str;
    type Clock: Runtime + Streams<<Self::Clock as Runtime>::TcpStream>;
    type Host: Host<Runtime = Self::Clock>;

    fn new() -> Self;
    /// A server that serves a free port.
    fn serve(&self, config: BrokerConfig, watcher: Watcher) -> (Server<Self::Host>, SocketAddr);
    /// Runs everything until the future ends.
    fn run<T>(&self, future: impl Future<Output = T>) -> T;
}

pub struct OnTokio(runtime::Runtime);

impl Asynchronous for OnTokio {
    const NAME: &'static str = "tokio";
    type Clock = Tokio;
    type Host = TokioHost;

    fn new() -> Self {
        Self(runtime::Builder::new_current_thread().enable_all().build().unwrap())
    }

    fn serve(&self, config: BrokerConfig, watcher: Watcher) -> (Server<TokioHost>, SocketAddr) {
        self.0.block_on(async {
            let server = Server::new(config, watcher, ServerConfig::default());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let serving = server.clone();
            tokio::spawn(async move { serving.serve(vec![listener.into()], pending()).await });
            (server, address)
        })
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }
}

pub struct OnSmol(Arc<Executor<'static>>);

impl Asynchronous for OnSmol {
    const NAME: &'static str = "smol";
    type Clock = Smol;
    type Host = SmolHost;

    fn new() -> Self {
        Self(Arc::default())
    }

    fn serve(&self, config: BrokerConfig, watcher: Watcher) -> (Server<SmolHost>, SocketAddr) {
        let server = Server::on(Arc::clone(&self.0), config, watcher, ServerConfig::default());
        let listener = self.run(async_net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = server.clone();
        self.0.spawn(async move { serving.serve(vec![listener.into()], pending()).await }).detach();
        (server, address)
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        async_io::block_on(self.0.run(future))
    }
}

/// Lets the runtime run until the future ends, for so long at most.
fn turn<A: Asynchronous, T>(runtime: &A, patience: Duration, future: impl Future<Output = T>) -> Option<T> {
    let clock = A::Clock::default();
    runtime.run(timeout_at(&clock, clock.now() + patience, future))
}

pub struct AsynchronousClient<A: Asynchronous> {
    runtime: A,
    client: Client<A::Clock, <A::Clock as Runtime>::TcpStream>,
}

impl<A: Asynchronous> beside_client::Driver for AsynchronousClient<A> {
    const NAME: &'static str = A::NAME;

    fn new(server: SocketAddr, config: ClientConfig) -> Self {
        Self { runtime: A::new(), client: Client::new(server.to_string(), config) }
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
        let event = turn(&self.runtime, patience, self.client.next_event())?;
        if event.is_none() {
            thread::sleep(patience);
        }
        event
    }
}

pub struct AsynchronousServer<A: Asynchronous> {
    runtime: A,
    server: Server<A::Host>,
    address: SocketAddr,
    told: Receiver<Told>,
    /// There is something in `told`.
    news: Arc<Signal>,
}

impl<A: Asynchronous> beside_broker::Driver for AsynchronousServer<A> {
    const NAME: &'static str = A::NAME;

    fn new(config: BrokerConfig) -> Self {
        let runtime = A::new();
        let (sender, told) = channel();
        let news = Arc::new(Signal::default());
        let (server, address) = runtime.serve(config, Watcher::new(sender, Arc::clone(&news)));
        Self { runtime, server, address, told, news }
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

    fn turn(&mut self, patience: Duration) -> Option<(Option<SocketAddr>, BrokerEvent)> {
        self.told.try_recv().ok().or_else(|| {
            turn(&self.runtime, patience, self.news.notified());
            self.told.try_recv().ok()
        })
    }
}
