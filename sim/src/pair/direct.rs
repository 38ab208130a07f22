//! A client that nothing comes between: for those who look on.

use bytes::{Buf, BufMut, BytesMut};
use mqtt_engine::{
    Broker, Client, ClientConfig, ClientEvent, ConnectionId, Message, QoS, Subscribe, Subscription, Timestamp,
};

use super::{World, filter, setup::text};
use crate::violation::{Checked, ensure};

pub(super) struct Direct {
    client: Client,
    pub(super) id: Option<ConnectionId>,
    /// What the broker has not taken yet.
    up: BytesMut,
    /// The subscribe request is answered.
    is_subscribed: bool,
}

/// Who sees every message that the broker accepts.
pub(super) const WATCHER: &str = "watcher";

/// Filters that match every topic of the workload, each once.
pub(super) const EVERYTHING: [&str; 4] = ["#", "$a/#", "$s/#", "$t/#"];

impl Direct {
    /// Sees each message when it is accepted.
    pub(super) fn watcher(now: Timestamp) -> Self {
        Self::new(WATCHER, QoS::AtMostOnce, now)
    }

    /// Sees the retained messages.
    pub(super) fn auditor(now: Timestamp) -> Self {
        Self::new("auditor", QoS::ExactlyOnce, now)
    }

    fn new(name: &str, qos: QoS, now: Timestamp) -> Self {
        let mut config = ClientConfig::new(text(name));
        config.keep_alive = 0;
        let mut client = Client::new(config, now);
        let subscriptions = EVERYTHING.map(|name| {
            let mut subscription = Subscription::new(filter(name), qos);
            subscription.retain_as_published = true;
            subscription
        });
        let _ = client.subscribe(Subscribe::all(subscriptions), now);
        Self { client, id: None, up: BytesMut::new(), is_subscribed: false }
    }

    /// Moves all bytes there are; what came.
    pub(super) fn pump(&mut self, broker: &mut Broker, now: Timestamp) -> Vec<Message> {
        let mut messages = Vec::new();
        let Some(id) = self.id else { return messages };
        loop {
            let outbox = self.client.outbox();
            let count = outbox.remaining();
            self.up.put(outbox.take(count));
            broker.receive(id, &mut self.up, now);
            let mut down = broker.take_outbox(id);
            let is_quiet = !down.has_remaining();
            self.client.receive(&mut down, now);
            while let Some(event) = self.client.poll_event() {
                match event {
                    ClientEvent::Received { message, .. } => messages.push(message),
                    ClientEvent::Subscribed { .. } => self.is_subscribed = true,
                    _ => {}
                }
            }
            if is_quiet && self.up.is_empty() && !self.client.outbox().has_remaining() {
                return messages;
            }
        }
    }
}

impl World<'_> {
    /// The watcher connects to a broker that is new.
    pub(super) fn watch_from_here(&mut self) -> Checked {
        self.watcher = Direct::watcher(self.now);
        self.watcher.id = self.broker.accept(self.now).ok();
        self.watcher.client.transport_opened(self.now);
        for _ in 0..20 {
            self.watch();
            self.hear()?;
        }
        let is_there = self.watcher.is_subscribed;
        ensure!(is_there && self.accepted.is_empty(), "the watcher subscribes", "{:?}", self.accepted);
        Ok(())
    }

    /// Takes what the watcher has got.
    pub(super) fn watch(&mut self) {
        let messages = self.watcher.pump(&mut self.broker, self.now);
        self.activity += messages.len() as u64;
        self.accepted.extend(messages);
    }

    /// The watcher is alive, whatever keep alive the broker imposes on it.
    pub(super) fn keep_watching(&mut self) {
        if let Some(id) = self.watcher.id {
            self.broker.receive(id, &mut &[0xC0, 0][..], self.now);
            self.watch();
        }
    }

    /// What a new subscriber gets.
    pub(super) fn audit(&mut self) -> Checked<Vec<Message>> {
        let mut auditor = Direct::auditor(self.now);
        auditor.id = self.broker.accept(self.now).ok();
        auditor.client.transport_opened(self.now);
        let mut found = Vec::new();
        for _ in 0..20 {
            found.extend(auditor.pump(&mut self.broker, self.now));
            self.hear()?;
            while !self.questions.is_empty() {
                self.answer()?;
            }
        }
        ensure!(auditor.is_subscribed, "the auditor subscribes", "it does not");
        if let Some(id) = auditor.id {
            self.broker.transport_closed(id, self.now);
        }
        self.hear()?;
        Ok(found)
    }
}
