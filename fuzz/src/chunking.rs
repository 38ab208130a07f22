//! The same bytes, cut in two ways.

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Acceptance, Answer, Broker, BrokerEvent, Client, Connection, ConnectionEvent, ConnectionId, QoS,
    Subscribe, Timestamp, TopicFilter, Transport,
    packet::{ProtocolVersion, ReasonCode},
};

use crate::setting::{
    accepted, broker_config, client_config, connect, connection_config, message, subscribe_to_all,
};

const NOW: Timestamp = Timestamp::from_secs(1);

/// Each machine tells the same events and the same output, however its input was cut and in whatever buffer it came.
///
/// The first byte chooses the version and whether the handshake is done already; the second says how many bytes follow that
/// tell the lengths of the pieces.
pub fn chunking(bytes: &[u8]) {
    let [settings, lengths, rest @ ..] = bytes else { return };
    let (lengths, stream) = rest.split_at(rest.len().min(usize::from(lengths % 8)));
    let version = if settings & 1 == 0 { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 };
    let is_greeted = settings & 2 == 0;
    let pieces = || pieces(stream, lengths);

    let from_server = if is_greeted { accepted(version) } else { Bytes::new() };
    assert_eq!(client(version, &from_server, [stream]), client(version, &from_server, pieces()));

    let from_client = if is_greeted { connect(version, "fuzzed") } else { Bytes::new() };
    assert_eq!(connection(&from_client, [stream]), connection(&from_client, pieces()));
    assert_eq!(broker(&from_client, [stream]), broker(&from_client, pieces()));
}

/// Pieces of these lengths, again and again; of one byte each if there are no lengths.
fn pieces(stream: &[u8], lengths: &[u8]) -> Vec<Bytes> {
    let mut lengths = lengths.iter().map(|length| 1 + usize::from(*length)).cycle();
    let mut rest = Bytes::copy_from_slice(stream);
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(1).min(rest.len());
        pieces.push(rest.split_to(length));
    }
    pieces
}

/// What a machine has done.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    events: Vec<String>,
    output: Vec<u8>,
    state: Option<(Transport, Option<Timestamp>)>,
}

impl Transcript {
    fn write(&mut self, outbox: &mut impl Buf) {
        while outbox.has_remaining() {
            self.output.extend_from_slice(outbox.chunk());
            outbox.advance(outbox.chunk().len());
        }
    }
}

/// What feeding needs of a machine.
trait Machine {
    fn receive(&mut self, input: &mut impl Buf);
    fn wants_input(&self) -> bool;
    /// Takes everything out, and handles what is due, as an adapter does before it waits.
    fn drain(&mut self, transcript: &mut Transcript);
}

/// Hands the pieces over as an adapter does; the machine is drained when it pauses, and at the end. What it does not want
/// is dropped.
fn feed(machine: &mut impl Machine, pieces: impl IntoIterator<Item = impl Buf>) -> Transcript {
    let mut transcript = Transcript::default();
    for mut piece in pieces {
        machine.receive(&mut piece);
        while piece.has_remaining() {
            machine.drain(&mut transcript);
            if !machine.wants_input() {
                break;
            }
            let before = piece.remaining();
            machine.receive(&mut piece);
            // A first byte that is no packet's is left where it is, and nothing is wanted any more.
            let has_taken = piece.remaining() < before;
            assert!(has_taken || !machine.wants_input(), "it wants input and takes none");
        }
    }
    machine.drain(&mut transcript);
    transcript
}

struct ClientDriver(Client);

fn client(
    version: ProtocolVersion,
    greeting: &Bytes,
    pieces: impl IntoIterator<Item = impl Buf>,
) -> Transcript {
    let mut client = Client::new(client_config(version), NOW);
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish(message("a", qos), NOW).expect("the queue is empty");
    }
    let filter = TopicFilter::try_from("a/#").expect("a filter");
    client.subscribe(Subscribe::new(filter, QoS::ExactlyOnce), NOW).expect("a request");
    client.transport_opened(NOW);
    client.receive(&mut greeting.clone(), NOW);
    feed(&mut ClientDriver(client), pieces)
}

impl Machine for ClientDriver {
    fn receive(&mut self, input: &mut impl Buf) {
        self.0.receive(input, NOW);
    }

    fn wants_input(&self) -> bool {
        self.0.wants_input()
    }

    fn drain(&mut self, transcript: &mut Transcript) {
        self.0.handle_timeout(NOW);
        while let Some(event) = self.0.poll_event() {
            transcript.events.push(format!("{event:?}"));
        }
        transcript.write(self.0.outbox());
        transcript.state = Some((self.0.transport(), self.0.deadline()));
    }
}

/// A connection whose owner grants everything.
struct ConnectionDriver(Connection);

fn connection(greeting: &Bytes, pieces: impl IntoIterator<Item = impl Buf>) -> Transcript {
    let mut driver = ConnectionDriver(Connection::new(connection_config(), NOW));
    feed(&mut driver, [greeting.clone()]);
    feed(&mut driver, pieces)
}

impl ConnectionDriver {
    fn answer(&mut self, event: ConnectionEvent) {
        match event {
            ConnectionEvent::Connect(_) => {
                self.0.accept(Acceptance::default(), NOW);
            }
            ConnectionEvent::Publish { token, message, .. } => {
                self.0.finish_publish(token, ReasonCode::Success, NOW);
                self.0.deliver(message, NOW);
            }
            ConnectionEvent::Subscribe { token, filters, .. } => {
                self.0.finish_subscribe(token, &vec![ReasonCode::GrantedQoS1; filters.len()], NOW);
            }
            ConnectionEvent::Unsubscribe { token, filters } => {
                self.0.finish_unsubscribe(token, &vec![ReasonCode::Success; filters.len()], NOW);
            }
            ConnectionEvent::Authentication { is_reauthentication: true, .. } => {
                self.0.finish_authentication(None, NOW);
            }
            ConnectionEvent::Authentication { .. } => {
                self.0.accept(Acceptance::default(), NOW);
            }
            _ => {}
        }
    }
}

impl Machine for ConnectionDriver {
    fn receive(&mut self, input: &mut impl Buf) {
        self.0.receive(input, NOW);
    }

    fn wants_input(&self) -> bool {
        self.0.wants_input()
    }

    fn drain(&mut self, transcript: &mut Transcript) {
        self.0.handle_timeout(NOW);
        while let Some(event) = self.0.poll_event() {
            transcript.events.push(format!("{event:?}"));
            self.answer(event);
        }
        transcript.write(self.0.outbox());
        transcript.state = Some((self.0.transport(), self.0.deadline()));
    }
}

/// A broker with the fuzzed connection, and one that has subscribed to everything.
struct BrokerDriver {
    broker: Broker,
    fuzzed: ConnectionId,
    witness: ConnectionId,
}

fn broker(greeting: &Bytes, pieces: impl IntoIterator<Item = impl Buf>) -> Transcript {
    let mut broker = Broker::new(broker_config(), NOW);
    let witness = broker.accept(NOW).expect("there is room");
    for packet in [connect(ProtocolVersion::V5, "witness"), subscribe_to_all()] {
        broker.receive(witness, &mut packet.clone(), NOW);
    }
    let fuzzed = broker.accept(NOW).expect("there is room");
    let mut driver = BrokerDriver { broker, fuzzed, witness };
    feed(&mut driver, [greeting.clone()]);
    feed(&mut driver, pieces)
}

impl Machine for BrokerDriver {
    fn receive(&mut self, input: &mut impl Buf) {
        self.broker.receive(self.fuzzed, input, NOW);
    }

    fn wants_input(&self) -> bool {
        self.broker.wants_input(self.fuzzed)
    }

    fn drain(&mut self, transcript: &mut Transcript) {
        self.broker.handle_timeout(NOW);
        while let Some(event) = self.broker.poll_event() {
            if let BrokerEvent::Question { question, .. } = event {
                self.broker.answer(question, Answer::Allow, NOW);
            }
            transcript.events.push(format!("{event:?}"));
        }
        for id in [self.fuzzed, self.witness] {
            transcript.write(&mut self.broker.take_outbox(id));
        }
        transcript.state = Some((self.broker.transport(self.fuzzed), self.broker.deadline()));
    }
}
