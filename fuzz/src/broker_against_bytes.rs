//! A broker and clients that send anything.

use core::time::Duration;

use allocation_counter::measure;
use arbitrary::{Result, Unstructured};
use bytes::{Buf, Bytes};
use mqtt_engine::{
    Answer, Broker, BrokerEvent, ConnectionId, QoS, QuestionId, Timestamp, Transport,
    framing::Framing,
    packet::{Packet, PacketType, ProtocolVersion, ReasonCode},
};

use crate::{
    VERSIONS,
    packets::{KINDS, with_packet},
    setting::{QUEUE_BYTES, broker_config, connect, message},
    stream::packets_of,
};

/// More than four connections and sessions with full queues and outboxes, retained messages, events and bookkeeping may cost.
const MOST_MEMORY: usize = 512 << 10;

/// Whatever clients send, and whenever connections end: each client hears packets that a client takes, nobody whose output or
/// wish has changed is forgotten, no limit is exceeded, and no timer is due again at once.
pub fn broker_against_bytes(bytes: &[u8]) {
    let memory = measure(|| {
        // The bytes end with a step that is not whole.
        let _ = run(&mut Unstructured::new(bytes));
    });
    let most = MOST_MEMORY + 64 * bytes.len();
    assert!(memory.bytes_max <= most as u64, "{} bytes held, {most} allowed", memory.bytes_max);
}

fn run(choices: &mut Unstructured<'_>) -> Result<()> {
    let mut config = broker_config();
    [config.ask_authentication, config.ask_publish, config.ask_subscribe, config.queue_qos0] =
        choices.arbitrary()?;
    let now = Timestamp::from_secs(1);
    let mut play = Play { broker: Broker::new(config, now), now, clients: Vec::new(), questions: Vec::new() };
    while !choices.is_empty() {
        play.step(choices)?;
        play.check();
    }
    Ok(())
}

struct Play {
    broker: Broker,
    now: Timestamp,
    clients: Vec<Client>,
    questions: Vec<QuestionId>,
}

/// A client's side of a connection.
struct Client {
    id: ConnectionId,
    /// What it is meant to speak.
    intended: ProtocolVersion,
    /// What the broker has taken it to speak.
    spoken: Option<ProtocolVersion>,
    /// Reads what the broker writes.
    framing: Framing,
    has_heard_connack: bool,
    /// Whether the broker has named it since its output was all taken.
    is_ready: bool,
    /// What the broker wanted when it was looked at last.
    wish: (Transport, bool),
}

impl Play {
    fn step(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=15)? {
            0 | 1 => self.accept(choices)?,
            2..=6 => {
                let Some(index) = self.choose(choices)? else { return Ok(()) };
                let version = self.clients[index].spoken.unwrap_or(self.clients[index].intended);
                let packet = with_packet(&KINDS, version, choices, |packet| {
                    let mut bytes = Vec::new();
                    // An AUTH of 3.1.1 is no packet.
                    packet.encode(version, &mut bytes).map(|()| bytes).unwrap_or_default()
                })?;
                self.receive(index, &packet);
            }
            7 => {
                let Some(index) = self.choose(choices)? else { return Ok(()) };
                let length = usize::from(choices.arbitrary::<u8>()?).min(choices.len());
                self.receive(index, choices.bytes(length)?);
            }
            8 => {
                self.now = self.now + Duration::from_millis(choices.arbitrary::<u16>()?.into());
                self.broker.handle_timeout(self.now);
            }
            9 => {
                self.now = self.broker.deadline().unwrap_or(self.now).max(self.now);
                self.broker.handle_timeout(self.now);
            }
            10 => {
                let Some(index) = self.choose(choices)? else { return Ok(()) };
                let client = self.clients.swap_remove(index);
                self.broker.transport_closed(client.id, self.now);
            }
            11 => self.answer(choices)?,
            12 => self.publish(choices)?,
            13 | 14 => {
                let Some(index) = self.choose(choices)? else { return Ok(()) };
                self.take_output(index, choices.arbitrary::<u8>()?.into());
            }
            _ => self.intervene(choices)?,
        }
        Ok(())
    }

    fn choose(&self, choices: &mut Unstructured<'_>) -> Result<Option<usize>> {
        self.clients.len().checked_sub(1).map(|last| choices.int_in_range(0..=last)).transpose()
    }

    /// A connection, which mostly says CONNECT at once.
    fn accept(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let intended = *choices.choose(&VERSIONS)?;
        let name = *choices.choose(&["a", "b", "c", ""])?;
        let Ok(id) = self.broker.accept(self.now) else { return Ok(()) };
        self.clients.push(Client {
            id,
            intended,
            spoken: None,
            framing: Framing::new(usize::MAX),
            has_heard_connack: false,
            is_ready: false,
            wish: (self.broker.transport(id), self.broker.wants_input(id)),
        });
        if !name.is_empty() {
            self.receive(self.clients.len() - 1, &connect(intended, name));
        }
        Ok(())
    }

    /// As an adapter does: everything while the broker wants it, the rest is dropped.
    fn receive(&mut self, index: usize, bytes: &[u8]) {
        let client = &mut self.clients[index];
        let mut input = Bytes::copy_from_slice(bytes);
        self.broker.receive(client.id, &mut input, self.now);
        client.wish = (self.broker.transport(client.id), self.broker.wants_input(client.id));
        assert!(input.is_empty() || !client.wish.1, "it wants input, and has left {} bytes", input.len());
    }

    fn answer(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        self.take_events();
        let Some(question) = self.questions.pop() else { return Ok(()) };
        let answer = match choices.int_in_range(0..=3)? {
            0 | 1 => Answer::Allow,
            2 => Answer::Continue { data: Some(Bytes::from_static(b"data")) },
            _ => {
                Answer::Refuse(ReasonCode::from_u8(choices.arbitrary()?).unwrap_or(ReasonCode::NotAuthorized))
            }
        };
        self.broker.answer(question, answer, self.now);
        Ok(())
    }

    fn publish(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let qos = QoS::from_u8(choices.int_in_range(0..=2)?).unwrap_or_default();
        let mut message = message(choices.choose(&["a", "a/b", "$SYS/a"])?, qos);
        message.retain = choices.arbitrary()?;
        message.payload = Bytes::from(vec![b'x'; usize::from(choices.arbitrary::<u16>()?) % 2048]);
        if choices.arbitrary()? {
            message.properties.message_expiry = Some(Duration::from_secs(choices.arbitrary::<u8>()?.into()));
        }
        self.broker.publish(message, self.now);
        Ok(())
    }

    /// What only the embedding program does.
    fn intervene(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=7)? {
            0 => self.broker.shut_down(self.now),
            1 => {
                self.broker.revoke_retained(|message| message.topic == "a", self.now);
            }
            2 => {
                self.broker.retain_subscriptions(|_, _, filter| *filter != "a", self.now);
            }
            _ => {
                let Some(index) = self.choose(choices)? else { return Ok(()) };
                let reason = ReasonCode::from_u8(choices.arbitrary()?).unwrap_or(ReasonCode::ServerBusy);
                self.broker.close(self.clients[index].id, reason, self.now);
            }
        }
        Ok(())
    }

    fn take_events(&mut self) {
        while let Some(event) = self.broker.poll_event() {
            match event {
                BrokerEvent::Question { question, .. } => self.questions.push(question),
                BrokerEvent::Connected { connection, version, .. } => {
                    if let Some(client) = self.clients.iter_mut().find(|client| client.id == connection) {
                        client.spoken = Some(version);
                    }
                }
                _ => {}
            }
        }
    }

    /// Reads some of what the broker writes, as the client.
    fn take_output(&mut self, index: usize, most: usize) {
        self.take_events();
        let client = &mut self.clients[index];
        let outbox = self.broker.outbox(client.id).expect("the connection is known");
        let mut output = outbox.copy_to_bytes(most.min(outbox.remaining()));
        let is_empty = self.broker.outbox(client.id).is_none_or(|outbox| outbox.is_empty());
        client.is_ready &= !is_empty;
        client.wish = (self.broker.transport(client.id), self.broker.wants_input(client.id));
        let (packets, error) = packets_of(&mut client.framing, &mut output);
        assert_eq!(error, None, "what the broker writes is no stream of packets");
        for bytes in packets {
            client.hear(&bytes);
        }
    }

    fn check(&mut self) {
        self.broker.handle_timeout(self.now);
        assert!(
            self.broker.deadline().is_none_or(|when| when > self.now),
            "{:?}",
            self.broker.why_deadline()
        );
        while let Some(id) = self.broker.poll_ready() {
            if let Some(client) = self.clients.iter_mut().find(|client| client.id == id) {
                client.is_ready = true;
            }
        }
        for client in self.clients.iter_mut().filter(|client| !client.is_ready) {
            let outbox = self.broker.outbox(client.id).expect("the connection is known");
            assert!(outbox.is_empty(), "{} has output and was not named", client.id);
            let wish = (self.broker.transport(client.id), self.broker.wants_input(client.id));
            assert_eq!(wish, client.wish, "{} was not named", client.id);
        }
        let held = self.broker.statistics();
        assert_eq!(held.connections, self.clients.len());
        assert!(held.sessions <= 4 && held.subscriptions <= 4 * 8, "{held:?}");
        assert!(held.retained <= 8 && held.retained_bytes <= QUEUE_BYTES, "{held:?}");
    }
}

impl Client {
    fn hear(&mut self, bytes: &[u8]) {
        let versions = self.spoken.map_or_else(|| Vec::from(VERSIONS), |version| vec![version]);
        let packet = versions.into_iter().find_map(|version| Packet::decode(bytes, version).ok());
        let packet = packet.expect("a packet that can be read");
        let kind = packet.packet_type();
        assert!(kind.is_sent_by_server(), "{packet} is for clients");
        let is_connack = kind == PacketType::ConnAck;
        assert!(is_connack != self.has_heard_connack || kind == PacketType::Auth, "{packet}");
        self.has_heard_connack |= is_connack;
    }
}
