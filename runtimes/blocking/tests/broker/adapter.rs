//! How the blocking broker is used, with clients on smol.

use core::{
    pin::Pin,
    task::{Context, Poll},
};
use std::{
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
};

use mqtt_engine::BrokerConfig;
pub(crate) use mqtt_engine_blocking::{Decision, Hooks, Listener, Peer, Server, ServerConfig, Stopped};
use mqtt_engine_driver::Signal;
pub(crate) use mqtt_engine_smol::{Client, Smol as Clock};

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    async_io::block_on(future)
}

/// A server that serves until it is stopped.
pub(crate) struct Joined<T> {
    thread: Option<JoinHandle<T>>,
    ended: Arc<Signal>,
}

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.ended.poll_notified(cx).map(|()| self.thread.take().unwrap().join().unwrap())
    }
}

pub(crate) fn server(broker: BrokerConfig, hooks: impl Hooks, config: ServerConfig) -> Server {
    Server::new(broker, hooks, config)
}

/// Serves until `stopped` ends.
pub(crate) fn serve(
    server: Server,
    listener: Listener,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Joined<Stopped> {
    let stopping = server.clone();
    thread::spawn(move || {
        async_io::block_on(stopped);
        stopping.stop();
    });
    let ended = Arc::new(Signal::default());
    let ending = Arc::clone(&ended);
    let thread = thread::spawn(move || {
        let stopped = server.serve(vec![listener]);
        ending.notify();
        stopped.unwrap()
    });
    Joined { thread: Some(thread), ended }
}

pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}
