//! A client on stage; the script plays its server.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Buf;
use mqtt_engine::{
    Acknowledgement, Client, ClientConfig, ClientEvent, DeliveryToken, Disconnect, Message, QoS, Subscribe,
    Timestamp, Transport, Unsubscribe,
    packet::{PacketType, ProtocolVersion, ReasonCode},
};

use super::{
    Said, connack,
    scribe::{Scribe, Timed, Wire},
};
use crate::{Diary, Packets, Passage, packets::type_of, words};

/// What a script does with a client, whatever drives it. A step that goes wrong panics and shows the diary so far.
pub trait ClientStage {
    /// The version of the flow.
    fn version(&self) -> ProtocolVersion;
    /// The program publishes.
    fn publish(&mut self, message: Message);
    /// The program subscribes.
    fn subscribe(&mut self, request: Subscribe);
    /// The program unsubscribes.
    fn unsubscribe(&mut self, request: Unsubscribe);
    /// The program acknowledges the oldest delivery that it has not acknowledged.
    fn acknowledge(&mut self, reason: ReasonCode);
    /// The program ends the connection.
    fn disconnect(&mut self, request: Disconnect);
    /// The client opens a connection, as soon as it wants to, and says CONNECT.
    fn opens(&mut self);
    /// The next packet of the client is this one.
    fn recv(&mut self, expected: Said);
    /// The next packet of the client is this one, and is lost: a cut must follow.
    fn lose(&mut self, expected: Said);
    /// The next packet of the client is this one, and only its first bytes arrive: a cut must follow.
    fn recv_part(&mut self, expected: Said, count: usize);
    /// The server says this.
    fn send(&mut self, said: Said);
    /// The first bytes of what the server says arrive: a cut must follow.
    fn send_part(&mut self, said: Said, count: usize);
    /// The network ends.
    fn cut(&mut self);
    /// The client ends the connection by itself, after its last packet.
    fn ends(&mut self);
    /// So much time passes, in which the client says nothing.
    fn silence(&mut self, span: Duration);

    /// The client connects, and is accepted without a session.
    fn connect(&mut self) {
        self.opens();
        self.send(connack(false));
    }

    /// The client connects, and is accepted with its session.
    fn resume(&mut self) {
        self.opens();
        self.send(connack(true));
    }
}

const CLIENT: &str = "client";
const SERVER: &str = "server";
const UP: [&str; 2] = [CLIENT, SERVER];
const DOWN: [&str; 2] = [SERVER, CLIENT];

/// A [`Client`] that the script drives by hand, in virtual time, with a program that takes every event at once.
#[derive(Debug)]
pub struct ClientDesk {
    client: Client,
    config: ClientConfig,
    wire: Wire,
    unacknowledged: VecDeque<DeliveryToken>,
    at_connected: Option<Subscribe>,
    scribe: Scribe,
}

impl ClientDesk {
    /// A client that has not connected yet; the time is 0.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let client = Client::new(config.clone(), Timestamp::ZERO);
        let wire = Wire::new(config.version);
        Self {
            client,
            config,
            wire,
            unacknowledged: VecDeque::new(),
            at_connected: None,
            scribe: Scribe::default(),
        }
    }

    /// The machine, for what the stage has no step for.
    pub fn machine(&mut self) -> (&mut Client, Timestamp) {
        (&mut self.client, self.scribe.now)
    }

    /// What has happened so far.
    #[must_use]
    pub const fn diary(&self) -> &Diary {
        &self.scribe.diary
    }

    /// What the client has said and the script has not looked at.
    #[must_use]
    pub fn unseen(&self) -> Packets {
        self.wire.written.clone()
    }

    /// The script ends: the client must have nothing left to say.
    #[must_use]
    pub fn finish(mut self) -> Diary {
        self.settle();
        self.wire.expect_nothing(UP, &self.scribe);
        self.scribe.diary
    }

    /// A remark in the diary.
    pub fn note(&mut self, words: &str) {
        self.scribe.note(words);
    }

    /// The program or its driver does something that the stage has no step for; the diary tells it in these words.
    pub fn call(&mut self, words: &str, play: impl FnOnce(&mut Client, Timestamp)) {
        self.scribe.call(CLIENT, words);
        play(&mut self.client, self.scribe.now);
        self.settle();
    }

    /// The program will subscribe as soon as it is told that it is connected.
    pub fn subscribe_when_connected(&mut self, request: Subscribe) {
        self.at_connected = Some(request);
    }

    /// The program acknowledges the newest delivery that it has not acknowledged.
    pub fn acknowledge_newest(&mut self, reason: ReasonCode) {
        let newest = self.unacknowledged.pop_back();
        self.acknowledge_this(newest, reason);
    }

    /// So much time passes; timers fire when they are due.
    pub fn advance(&mut self, span: Duration) {
        self.let_pass(span);
    }

    /// So much time passes, in which nobody looks at the client's deadline.
    pub fn late(&mut self, span: Duration) {
        let until = self.scribe.now + span;
        self.scribe.note(format!("nobody looks at the clock for {} s", span.as_secs_f64()));
        self.pass(until);
        self.settle();
    }

    /// So much time passes without a tick: only the next step tells the client how late it is.
    pub fn without_ticks(&mut self, span: Duration) {
        self.scribe.now = self.scribe.now + span;
        self.scribe.note(format!("{} s without a tick", span.as_secs_f64()));
    }

    /// After exactly this time, and not before, the client says this.
    pub fn recv_after(&mut self, span: Duration, expected: Said) {
        let almost = span.saturating_sub(Duration::from_micros(1));
        self.advance(almost);
        self.wire.expect_nothing(UP, &self.scribe);
        self.advance(span.saturating_sub(almost));
        self.recv(expected);
    }

    fn tell(&mut self, event: &ClientEvent) {
        self.scribe.event(CLIENT, words::client_event(event));
        if let ClientEvent::Received { token, message, .. } = event
            && message.qos > QoS::AtMostOnce
            && self.config.acknowledgement == Acknowledgement::Manual
        {
            self.unacknowledged.push_back(*token);
        }
        if let ClientEvent::Connected(_) = event
            && let Some(request) = self.at_connected.take()
        {
            self.subscribe(request);
        }
    }

    fn acknowledge_this(&mut self, delivery: Option<DeliveryToken>, reason: ReasonCode) {
        let Some(token) = delivery else { self.scribe.fail("nothing to acknowledge") };
        self.scribe.call(CLIENT, format!("acknowledge #{} {}", token.as_u64(), reason.words()));
        self.client.acknowledge(token, reason, self.scribe.now);
        self.settle();
    }

    fn called(&mut self, call: String, result: Result<u64, String>) {
        let words = match result {
            Ok(token) => format!("{call} → #{token}"),
            Err(error) => format!("{call} → {error}"),
        };
        self.scribe.call(CLIENT, words);
        self.settle();
    }

    fn receive(&mut self, said: &Said, count: usize) {
        self.wire.send(said, count, DOWN, &mut self.scribe);
        self.settle();
    }

    fn take(&mut self, expected: &Said, passage: Passage) {
        self.settle();
        self.wire.take(expected, passage, UP, &mut self.scribe);
    }

    fn is_gone(&mut self, note: &str) {
        self.wire.lose_the_rest(UP, &mut self.scribe);
        self.scribe.note(note);
        self.client.transport_closed(self.scribe.now);
        self.settle();
    }
}

impl Timed for ClientDesk {
    fn scribe(&self) -> &Scribe {
        &self.scribe
    }

    fn due(&self) -> Option<Timestamp> {
        self.client.deadline()
    }

    fn pass(&mut self, now: Timestamp) {
        self.scribe.now = now;
        self.client.handle_timeout(now);
    }

    fn settle(&mut self) {
        loop {
            let mut is_still = true;
            while !self.wire.unread.is_empty() && self.client.wants_input() {
                let mut input: Vec<u8> = self.wire.unread.drain(..).collect();
                let mut rest = &input[..];
                self.client.receive(&mut rest, self.scribe.now);
                let taken = input.len() - rest.len();
                is_still &= taken == 0;
                self.wire.unread.extend(input.drain(taken..));
                if taken == 0 {
                    break;
                }
            }
            while let Some(event) = self.client.poll_event() {
                self.tell(&event);
                is_still = false;
            }
            let outbox = self.client.outbox();
            if outbox.has_remaining() {
                let bytes = outbox.copy_to_bytes(outbox.remaining());
                self.wire.written.push(&bytes);
                is_still = false;
            }
            if is_still {
                break;
            }
        }
        let deadline = self.client.deadline().zip(self.client.why_deadline().map(String::from));
        self.scribe.deadline(CLIENT, deadline);
        self.scribe.transport(CLIENT, self.client.transport());
    }
}

impl ClientStage for ClientDesk {
    fn version(&self) -> ProtocolVersion {
        self.config.version
    }

    fn publish(&mut self, message: Message) {
        let call = format!("publish {}", words::message(&message));
        let result = self.client.publish(message, self.scribe.now);
        self.called(call, result.map(|token| token.as_u64()).map_err(|error| error.to_string()));
    }

    fn subscribe(&mut self, request: Subscribe) {
        let filters: Vec<_> = request
            .filters
            .iter()
            .map(|one| format!("{:?} qos={}", one.filter.as_str(), one.qos as u8))
            .collect();
        let call = format!("subscribe {}", filters.join(", "));
        let result = self.client.subscribe(request, self.scribe.now);
        self.called(call, result.map(|token| token.as_u64()).map_err(|error| error.to_string()));
    }

    fn unsubscribe(&mut self, request: Unsubscribe) {
        let filters: Vec<_> = request.filters.iter().map(|filter| format!("{:?}", filter.as_str())).collect();
        let call = format!("unsubscribe {}", filters.join(", "));
        let result = self.client.unsubscribe(request, self.scribe.now);
        self.called(call, result.map(|token| token.as_u64()).map_err(|error| error.to_string()));
    }

    fn acknowledge(&mut self, reason: ReasonCode) {
        let oldest = self.unacknowledged.pop_front();
        self.acknowledge_this(oldest, reason);
    }

    fn disconnect(&mut self, request: Disconnect) {
        self.scribe.call(CLIENT, format!("disconnect: {}", request.reason.words()));
        self.client.disconnect(request, self.scribe.now);
        self.settle();
    }

    fn opens(&mut self) {
        self.settle();
        let Transport::Open { not_before } = self.client.transport() else {
            self.scribe.fail(format_args!("the client wants {:?}", self.client.transport()))
        };
        self.advance(not_before.saturating_since(self.scribe.now));
        self.client.transport_opened(self.scribe.now);
        self.settle();
        match self.wire.written.next() {
            Some(seen) if type_of(&seen.bytes) == Some(PacketType::Connect) => {
                self.scribe.packet(CLIENT, SERVER, seen, Passage::Whole);
            }
            other => self.scribe.fail(format_args!("no CONNECT but {other:?}")),
        }
    }

    fn recv(&mut self, expected: Said) {
        self.take(&expected, Passage::Whole);
    }

    fn lose(&mut self, expected: Said) {
        self.take(&expected, Passage::Lost);
    }

    fn recv_part(&mut self, expected: Said, count: usize) {
        self.take(&expected, Passage::First(count));
    }

    fn send(&mut self, said: Said) {
        self.receive(&said, usize::MAX);
    }

    fn send_part(&mut self, said: Said, count: usize) {
        self.receive(&said, count);
    }

    fn cut(&mut self) {
        self.settle();
        self.is_gone("the connection is cut");
    }

    fn ends(&mut self) {
        self.settle();
        self.wire.expect_nothing(UP, &self.scribe);
        if !matches!(self.client.transport(), Transport::FlushThenClose | Transport::None) {
            self.scribe.fail(format_args!("the client wants {:?}", self.client.transport()));
        }
        self.is_gone("the client ends the connection");
    }

    fn silence(&mut self, span: Duration) {
        self.advance(span);
        self.wire.expect_nothing(UP, &self.scribe);
        self.scribe.note("silence until now");
    }
}
