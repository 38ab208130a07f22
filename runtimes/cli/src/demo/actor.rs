//! One client of the demonstration, behind its own relay.

use core::{net::SocketAddr, time::Duration};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqtt_engine::{
    ClientConfig, ClientEvent, Disconnect, Message, PublishOutcome, PublishToken, QoS, Reconnect, Subscribe,
    Text, TopicFilter, Will,
    packet::{PacketType, ProtocolVersion},
};
use mqtt_engine_tokio::{Client, Handle};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::relay::Relay;
use crate::{decode::Direction, failure::Failure};

/// No step takes longer, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first wait before a client connects again: a demonstration is not to be waited for.
const RETRY: Duration = Duration::from_millis(20);

/// A client in a task of its own, and what it has seen.
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) relay: Relay,
    handle: Handle,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

/// How an actor's session behaves.
#[derive(Clone, Default)]
pub(super) struct Manner {
    /// The session outlives its connections.
    pub(super) keeps_session: bool,
    /// It does not come back after its connection is lost.
    pub(super) gives_up: bool,
    pub(super) will: Option<Message>,
}

#[derive(Default)]
struct Seen {
    log: Mutex<Log>,
    changed: Notify,
}

/// What an actor has seen.
#[derive(Default)]
pub(super) struct Log {
    pub(super) received: Vec<(Message, bool)>,
    pub(super) fates: Vec<(PublishToken, PublishOutcome)>,
    pub(super) subscribed: usize,
    pub(super) connected: usize,
}

impl Actor {
    /// Connects a client through a new relay.
    pub(super) async fn enter(
        name: &str,
        manner: &Manner,
        version: ProtocolVersion,
        broker: SocketAddr,
    ) -> Result<Self, Failure> {
        let (relay, address) =
            Relay::start(broker).await.map_err(|error| Failure::new(format!("the relay: {error}")))?;
        let id = Text::try_from(name).map_err(|error| Failure::new(format!("{name}: {error}")))?;
        let mut config = ClientConfig::new(id);
        config.version = version;
        config.clean_start = version == ProtocolVersion::V5 || !manner.keeps_session;
        config.session_expiry = if manner.keeps_session { 60 } else { 0 };
        // With aliases most packets would not name their topic.
        config.outbound_topic_aliases = 0;
        config.will = manner.will.clone().map(Will::new);
        config.reconnect = if manner.gives_up {
            Reconnect::Never
        } else {
            Reconnect::Backoff { initial: RETRY, maximum: RETRY * 4 }
        };
        let client = Client::new(address.to_string(), config);
        let handle = client.handle();
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(live(client, Arc::clone(&seen), stopped));
        let actor =
            Self { name: String::from(name), relay, handle, seen, stop: Some(stop), task: Some(task) };
        actor.until("is connected", |log| log.connected > 0).await?;
        Ok(actor)
    }

    /// Subscribes and waits for the answer.
    pub(super) async fn subscribe(&self, filter: &str, qos: QoS) -> Result<(), Failure> {
        let filter =
            TopicFilter::try_from(filter).map_err(|error| Failure::new(format!("{filter}: {error}")))?;
        let before = self.log().subscribed;
        self.handle
            .subscribe(Subscribe::new(filter, qos))
            .map_err(|error| Failure::new(format!("{}: {error}", self.name)))?;
        self.until("is subscribed", |log| log.subscribed > before).await
    }

    /// Publishes and, above QoS 0, waits until the broker has taken the message over.
    pub(super) async fn publish(&self, message: Message) -> Result<(), Failure> {
        let qos = message.qos;
        let published = self.relay.count(PacketType::Publish, Direction::ToServer);
        let token =
            self.handle.publish(message).map_err(|error| Failure::new(format!("{}: {error}", self.name)))?;
        if qos == QoS::AtMostOnce {
            return self.passed(PacketType::Publish, Direction::ToServer, published + 1).await;
        }
        self.until("has its message acknowledged", |log| log.fates.iter().any(|(fate, _)| *fate == token))
            .await?;
        let acknowledged =
            self.log().fates.iter().any(|(fate, outcome)| {
                *fate == token && matches!(outcome, PublishOutcome::Acknowledged { .. })
            });
        if acknowledged {
            Ok(())
        } else {
            Err(Failure::new(format!("{}: the message was not acknowledged", self.name)))
        }
    }

    /// Waits until so many packets of a kind have passed.
    pub(super) async fn passed(&self, kind: PacketType, way: Direction, count: usize) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        while self.relay.count(kind, way) < count {
            timeout_at(until, self.relay.passed())
                .await
                .map_err(|_| Failure::new(format!("{}: waited in vain for {kind}", self.name)))?;
        }
        Ok(())
    }

    /// Waits until what the actor has seen is enough.
    pub(super) async fn until(&self, what: &str, enough: impl Fn(&Log) -> bool) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        while !enough(&self.log()) {
            timeout_at(until, self.seen.changed.notified())
                .await
                .map_err(|_| Failure::new(format!("{}: waited in vain until it {what}", self.name)))?;
        }
        Ok(())
    }

    /// Waits for a number of messages.
    pub(super) async fn receives(&self, count: usize) -> Result<(), Failure> {
        self.until(&format!("has received {count} message(s)"), |log| log.received.len() >= count).await
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.seen.lock()
    }

    /// Says good-bye.
    pub(super) async fn leave(&mut self) -> Result<(), Failure> {
        if let Some(stop) = self.stop.take() {
            // The task may have ended by itself.
            let _ = stop.send(());
        }
        let Some(task) = self.task.take() else { return Ok(()) };
        let ended = timeout_at(Instant::now() + PATIENCE, task).await;
        ended.map_err(|_| Failure::new(format!("{} does not end", self.name))).map(drop)
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn live(mut client: Client, seen: Arc<Seen>, mut stop: oneshot::Receiver<()>) {
    loop {
        let event = tokio::select! {
            _ = &mut stop => break,
            event = client.next_event() => event,
        };
        let Some(event) = event else { return };
        {
            let mut log = seen.lock();
            match event {
                ClientEvent::Connected(_) => log.connected += 1,
                ClientEvent::Received { message, duplicate, .. } => log.received.push((message, duplicate)),
                ClientEvent::Published { token, outcome } => log.fates.push((token, outcome)),
                ClientEvent::Subscribed { .. } => log.subscribed += 1,
                _ => {}
            }
        }
        seen.changed.notify_one();
    }
    client.shut_down(Disconnect::default(), PATIENCE).await;
}
