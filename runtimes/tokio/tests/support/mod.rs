//! A broker in this process, and clients on pipes.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]

use core::time::Duration;

use mqtt_engine::{
    BrokerConfig, ClientConfig, ClientEvent, Message, QoS, Reconnect, Subscribe, Text, TopicFilter,
};
use mqtt_engine_tokio::{Client, Hooks, Peer, Server, ServerConfig, Stopped};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, duplex},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// What a pipe holds.
pub const PIPE: usize = 4096;

/// A running broker without listeners.
pub struct World {
    pub server: Server,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Stopped>,
}

impl World {
    pub fn new() -> Self {
        Self::with(BrokerConfig::new(), ())
    }

    pub fn with(config: BrokerConfig, hooks: impl Hooks) -> Self {
        let server = Server::new(config, hooks, ServerConfig::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn({
            let server = server.clone();
            async move {
                server
                    .serve(Vec::new(), async {
                        let _ = stopped.await;
                    })
                    .await
            }
        });
        Self { server, stop: Some(stop), serving }
    }

    pub async fn stop(mut self) -> Stopped {
        drop(self.stop.take());
        timeout(PATIENCE, self.serving).await.expect("the server stops").unwrap()
    }

    /// The client's end of a new connection.
    pub fn pipe(&self) -> DuplexStream {
        let (ours, theirs) = duplex(PIPE);
        let server = self.server.clone();
        tokio::spawn(async move { server.serve_stream(theirs, Peer::default()).await });
        ours
    }

    /// A client whose transports are pipes.
    pub fn client(&self, config: ClientConfig) -> Client<DuplexStream> {
        let server = self.server.clone();
        let connector = move || {
            let (ours, theirs) = duplex(PIPE);
            let server = server.clone();
            tokio::spawn(async move { server.serve_stream(theirs, Peer::default()).await });
            async move { Ok(ours) }
        };
        Client::connect_with(connector, config)
    }
}

pub fn config(id: &str) -> ClientConfig {
    let mut config = ClientConfig::new(Text::try_from(id).unwrap());
    config.session_expiry = 3600;
    config.reconnect =
        Reconnect::Backoff { initial: Duration::from_millis(1), maximum: Duration::from_millis(4) };
    config
}

pub fn subscribe(filter: &str, qos: QoS) -> Subscribe {
    Subscribe::new(TopicFilter::try_from(filter).unwrap(), qos)
}

pub fn message(topic: &str, payload: impl Into<bytes::Bytes>, qos: QoS) -> Message {
    Message::new(topic, payload).unwrap().with_qos(qos)
}

/// Events until one of this kind, that one included.
pub async fn until<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    wanted: impl Fn(&ClientEvent) -> bool,
) -> Vec<ClientEvent> {
    let collect = async {
        let mut events = Vec::new();
        loop {
            let event = client.next_event().await.expect("the client goes on");
            let found = wanted(&event);
            events.push(event);
            if found {
                return events;
            }
        }
    };
    timeout(PATIENCE, collect).await.expect("the event comes")
}

/// Connected and subscribed.
pub async fn subscribed<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, filter: &str, qos: QoS) {
    client.subscribe(subscribe(filter, qos)).unwrap();
    until(client, |event| matches!(event, ClientEvent::Subscribed { .. })).await;
}
