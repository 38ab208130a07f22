//! A broker on stage; the script plays its clients, by name, and the program around it.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Buf;
use mqtt_engine::{
    Answer, Broker, BrokerConfig, BrokerEvent, ConnectionId, Message, QuestionId, Statistics, Timestamp,
    Transport,
    packet::{ProtocolVersion, ReasonCode},
};

use super::{
    Said,
    scribe::{Scribe, Timed, Wire},
};
use crate::{Diary, Packets, Passage, words};

/// What a script does with a broker, whatever drives it. A step that goes wrong panics and shows the diary so far.
pub trait BrokerStage {
    /// A client opens a connection and will speak this version.
    fn opens(&mut self, name: &'static str, version: ProtocolVersion);
    /// A client says this.
    fn send(&mut self, name: &str, said: Said);
    /// The first bytes of what a client says arrive: a cut must follow.
    fn send_part(&mut self, name: &str, said: Said, count: usize);
    /// The next packet of the broker to this client is this one.
    fn recv(&mut self, name: &str, expected: Said);
    /// The next packet of the broker to this client is this one, and is lost: a cut must follow.
    fn lose(&mut self, name: &str, expected: Said);
    /// The network to a client ends.
    fn cut(&mut self, name: &str);
    /// The broker ends the connection of a client, after its last packet.
    fn ends(&mut self, name: &str);
    /// So much time passes, in which the broker says nothing to anybody.
    fn silence(&mut self, span: Duration);
}

const BROKER: &str = "broker";

/// A [`Broker`] that the script drives by hand, in virtual time.
#[derive(Debug)]
pub struct BrokerDesk {
    broker: Broker,
    peers: BTreeMap<&'static str, Peer>,
    names: BTreeMap<ConnectionId, &'static str>,
    questions: VecDeque<QuestionId>,
    /// How many bytes the broker reads at once.
    piece: usize,
    scribe: Scribe,
}

#[derive(Debug)]
struct Peer {
    id: ConnectionId,
    wire: Wire,
}

impl BrokerDesk {
    /// A broker that nobody has connected to; the time is 0.
    #[must_use]
    pub fn new(config: BrokerConfig) -> Self {
        let broker = Broker::new(config, Timestamp::ZERO);
        let (peers, names) = (BTreeMap::new(), BTreeMap::new());
        let questions = VecDeque::new();
        Self { broker, peers, names, questions, piece: usize::MAX, scribe: Scribe::default() }
    }

    /// The same, but the broker gets what clients send in pieces of so many bytes, and no more at once.
    ///
    /// # Panics
    ///
    /// If that is none.
    #[must_use]
    pub fn reading(mut self, piece: usize) -> Self {
        assert!(piece > 0, "a broker that reads nothing");
        self.piece = piece;
        self
    }

    /// The machine, for what the stage has no step for.
    pub fn machine(&mut self) -> (&mut Broker, Timestamp) {
        (&mut self.broker, self.scribe.now)
    }

    /// What the machine calls the connection of a client.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn connection(&self, name: &str) -> ConnectionId {
        self.peers.get(name).unwrap_or_else(|| self.unknown(name)).id
    }

    /// How much the broker holds.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.broker.statistics()
    }

    /// What has happened so far.
    #[must_use]
    pub const fn diary(&self) -> &Diary {
        &self.scribe.diary
    }

    /// What the broker has said to a client and the script has not looked at.
    #[must_use]
    pub fn unseen(&self, name: &str) -> Packets {
        let none = Packets::new(ProtocolVersion::V5);
        self.peers.get(name).map_or(none, |peer| peer.wire.written.clone())
    }

    /// Whether the broker reads what a client sends now.
    #[must_use]
    pub fn is_listening(&self, name: &str) -> bool {
        self.peers.get(name).is_some_and(|peer| {
            self.broker.wants_input(peer.id) && self.broker.transport(peer.id) == Transport::Keep
        })
    }

    /// The script ends: the broker must have nothing left to say.
    #[must_use]
    pub fn finish(mut self) -> Diary {
        self.settle();
        self.expect_nothing();
        self.scribe.diary
    }

    /// A remark in the diary.
    pub fn note(&mut self, words: &str) {
        self.scribe.note(words);
    }

    /// The program publishes.
    pub fn publish(&mut self, message: Message) {
        self.scribe.call(BROKER, format!("publish {}", words::message(&message)));
        self.broker.publish(message, self.scribe.now);
        self.settle();
    }

    /// The program answers the oldest question.
    pub fn answer(&mut self, answer: Answer) {
        let Some(question) = self.questions.pop_front() else { self.scribe.fail("no question is open") };
        self.scribe.call(BROKER, format!("answer: {}", words::answer(&answer)));
        self.broker.answer(question, answer, self.scribe.now);
        self.settle();
    }

    /// The program ends a connection.
    pub fn close(&mut self, name: &str, reason: ReasonCode) {
        self.scribe.call(BROKER, format!("close {name}: {}", reason.words()));
        let id = self.connection(name);
        self.broker.close(id, reason, self.scribe.now);
        self.settle();
    }

    /// The program ends all connections.
    pub fn shut_down(&mut self) {
        self.scribe.call(BROKER, "shut down");
        self.broker.shut_down(self.scribe.now);
        self.settle();
    }

    /// So much time passes; timers fire when they are due.
    pub fn advance(&mut self, span: Duration) {
        self.let_pass(span);
    }

    /// So much time passes, in which nobody looks at the broker's deadline.
    pub fn late(&mut self, span: Duration) {
        let until = self.scribe.now + span;
        self.scribe.note(format!("nobody looks at the clock for {} s", span.as_secs_f64()));
        self.pass(until);
        self.settle();
    }

    /// After exactly this time, and not before, the broker says this to a client.
    pub fn recv_after(&mut self, name: &str, span: Duration, expected: Said) {
        let almost = span.saturating_sub(Duration::from_micros(1));
        self.advance(almost);
        self.expect_nothing();
        self.advance(span.saturating_sub(almost));
        self.recv(name, expected);
    }

    fn unknown(&self, name: &str) -> ! {
        self.scribe.fail(format_args!("{name} is not connected"))
    }

    fn expect_nothing(&mut self) {
        for (name, peer) in &mut self.peers {
            peer.wire.expect_nothing([BROKER, name], &self.scribe);
        }
    }

    fn move_bytes(&mut self) -> bool {
        let mut has_moved = false;
        for peer in self.peers.values_mut() {
            let count = peer.wire.unread.len().min(self.piece);
            let mut piece = &peer.wire.unread.make_contiguous()[..count];
            if count > 0 && self.broker.wants_input(peer.id) {
                self.broker.receive(peer.id, &mut piece, self.scribe.now);
            }
            let taken = count - piece.len();
            peer.wire.unread.drain(..taken);
            has_moved |= taken > 0;
            if let Some(outbox) = self.broker.outbox(peer.id).filter(|outbox| outbox.has_remaining()) {
                let bytes = outbox.copy_to_bytes(outbox.remaining());
                peer.wire.written.push(&bytes);
                has_moved = true;
            }
        }
        has_moved
    }

    fn take_events(&mut self) -> bool {
        let mut has_told = false;
        while let Some(event) = self.broker.poll_event() {
            let id = match &event {
                BrokerEvent::Connected { connection, .. } | BrokerEvent::Disconnected { connection, .. } => {
                    Some(connection)
                }
                BrokerEvent::Question { connection, question, .. } => {
                    self.questions.push_back(*question);
                    Some(connection)
                }
                _ => None,
            };
            let name = id.and_then(|id| self.names.get(id)).copied().unwrap_or("nobody");
            self.scribe.event(BROKER, words::broker_event(&event, name));
            has_told = true;
        }
        has_told
    }

    fn receive(&mut self, name: &str, said: &Said, count: usize) {
        let Some(peer) = self.peers.get_mut(name) else { self.unknown(name) };
        peer.wire.send(said, count, [name, BROKER], &mut self.scribe);
        self.settle();
    }

    fn take(&mut self, name: &str, expected: &Said, passage: Passage) {
        self.settle();
        let Some(peer) = self.peers.get_mut(name) else { self.unknown(name) };
        peer.wire.take(expected, passage, [BROKER, name], &mut self.scribe);
    }

    /// The connection is over; what the broker wrote and nobody took is lost.
    fn leave(&mut self, name: &str, note: String) {
        self.settle();
        let Some(mut peer) = self.peers.remove(name) else {
            self.scribe.fail(format_args!("{name} is not connected"))
        };
        peer.wire.lose_the_rest([BROKER, name], &mut self.scribe);
        self.scribe.note(note);
        self.broker.transport_closed(peer.id, self.scribe.now);
        self.settle();
    }
}

impl Timed for BrokerDesk {
    fn scribe(&self) -> &Scribe {
        &self.scribe
    }

    fn due(&self) -> Option<Timestamp> {
        self.broker.deadline()
    }

    fn pass(&mut self, now: Timestamp) {
        self.scribe.now = now;
        self.broker.handle_timeout(now);
    }

    fn settle(&mut self) {
        while self.move_bytes() | self.take_events() {}
        let deadline = self.broker.deadline().zip(self.broker.why_deadline().map(|why| why.to_string()));
        self.scribe.deadline(BROKER, deadline);
    }
}

impl BrokerStage for BrokerDesk {
    fn opens(&mut self, name: &'static str, version: ProtocolVersion) {
        match self.broker.accept(self.scribe.now) {
            Ok(id) => {
                self.names.insert(id, name);
                self.peers.insert(name, Peer { id, wire: Wire::new(version) });
            }
            Err(error) => self.scribe.fail(format_args!("{name}: {error}")),
        }
        self.settle();
    }

    fn send(&mut self, name: &str, said: Said) {
        self.receive(name, &said, usize::MAX);
    }

    fn send_part(&mut self, name: &str, said: Said, count: usize) {
        self.receive(name, &said, count);
    }

    fn recv(&mut self, name: &str, expected: Said) {
        self.take(name, &expected, Passage::Whole);
    }

    fn lose(&mut self, name: &str, expected: Said) {
        self.take(name, &expected, Passage::Lost);
    }

    fn cut(&mut self, name: &str) {
        self.leave(name, format!("the connection of {name} is cut"));
    }

    fn ends(&mut self, name: &str) {
        self.settle();
        let id = self.connection(name);
        if !matches!(self.broker.transport(id), Transport::FlushThenClose | Transport::None) {
            self.scribe.fail(format_args!("the broker keeps the connection of {name}"));
        }
        if let Some(peer) = self.peers.get_mut(name) {
            peer.wire.expect_nothing([BROKER, name], &self.scribe);
        }
        self.leave(name, format!("the broker ends the connection of {name}"));
    }

    fn silence(&mut self, span: Duration) {
        self.advance(span);
        self.expect_nothing();
        self.scribe.note("silence until now");
    }
}
