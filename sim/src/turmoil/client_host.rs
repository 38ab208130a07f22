//! A client's host: a program that publishes, subscribes, comes and goes by chance.

use std::time::Duration;

use ::turmoil::net::TcpStream;
use mqtt_engine::{
    ClientEvent, DeliveryToken, Disconnect, DisconnectReason, Message, PublishError, QoS, Subscribe,
    Subscription, TopicFilter, Unsubscribe,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_tokio::Client;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    PORT,
    chopped::Chopped,
    faults::{BROKER, RELAY},
    oracle::{Phase, Published, Status, Witness},
    setup::{ClientSetup, Setup},
    tap::Tap,
};
use crate::{
    coverage::Row,
    names::{PUBLISHABLE, SHARED_S, TOPICS, payload},
    random::Random,
    violation::ensure,
};

/// How often a program looks whether there is something to do once it is no longer busy.
const CALM_PACE: Duration = Duration::from_millis(50);

/// Runs the program of client `index` until its host ends it.
pub(super) async fn live(setup: Setup, index: usize, witness: Witness) -> ::turmoil::Result {
    let life = witness.oracle().client_started(index);
    let mut random = Random::new(setup.seed ^ (u64::from(life) << 32) ^ (index as u64 + 1) << 48);
    let forbids = setup.broker.ask_publish;
    let setup = setup.clients[index].clone();
    let client =
        Client::connect_with(connector(index, &setup, &witness, &mut random), setup.config(index, life));
    let mut program = Program {
        index,
        setup,
        forbids,
        witness,
        random,
        client,
        requests: 0,
        unacknowledged: Vec::new(),
        probed: 0,
        is_away: false,
    };
    program.subscribe_for_good();
    program.run().await
}

/// What opens the streams of a client.
fn connector(
    index: usize,
    setup: &ClientSetup,
    witness: &Witness,
    random: &mut Random,
) -> impl FnMut() -> Opening + use<> {
    let target = if setup.is_relayed { RELAY } else { BROKER };
    let mut random = setup.is_chopped.then(|| Random::new(random.next_u64()));
    let witness = witness.clone();
    move || {
        let random = random.as_mut().map(|random| Random::new(random.next_u64()));
        let witness = witness.clone();
        Box::pin(async move {
            let stream = TcpStream::connect((target, PORT)).await;
            witness.oracle().coverage.count_if(stream.is_err(), Row::ConnectFailed);
            let stream = match random {
                None => Chopped::whole(stream?),
                Some(random) => {
                    witness.oracle().count(Row::Chopped);
                    Chopped::new(stream?, random)
                }
            };
            Ok(Tap::of_client(stream, witness, index))
        })
    }
}

type Opening = mqtt_engine_tokio::Connecting<Tap<Chopped<TcpStream>>>;

struct Program {
    index: usize,
    setup: ClientSetup,
    /// Whether the broker forbids some topics.
    forbids: bool,
    witness: Witness,
    random: Random,
    client: Client<Tap<Chopped<TcpStream>>>,
    /// Not answered yet.
    requests: usize,
    unacknowledged: Vec<DeliveryToken>,
    /// The last round of probes that it took part in.
    probed: u32,
    /// It has said good-bye, and wants no connection for now.
    is_away: bool,
}

impl Program {
    async fn run(mut self) -> ::turmoil::Result {
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                // Nothing happens until a program that has said good-bye wants a connection again.
                Some(event) = self.client.next_event() => self.heard(event),
                () = sleep_until(next) => {
                    self.act().await;
                    next = Instant::now() + self.pause();
                }
            }
            self.report();
        }
    }

    fn pause(&mut self) -> Duration {
        match self.phase() {
            Phase::Busy => self.setup.pace * self.random.below(100) as u32 / 100,
            _ => CALM_PACE,
        }
    }

    fn phase(&self) -> Phase {
        self.witness.oracle().phase
    }

    fn count(&self, row: Row) {
        self.witness.oracle().count(row);
    }

    fn report(&self) {
        let status = Status {
            is_connected: self.client.is_connected(),
            pending: self.client.pending_publishes(),
            requests: self.requests,
            unacknowledged: self.unacknowledged.len(),
        };
        self.witness.oracle().report(self.index, status);
    }

    fn heard(&mut self, event: ClientEvent) {
        let index = self.index;
        match event {
            ClientEvent::Received { token, message, duplicate } => {
                if self.setup.is_manual && message.qos > QoS::AtMostOnce {
                    self.unacknowledged.push(token);
                }
                self.witness.judge(|oracle| oracle.received(index, &message, duplicate));
            }
            ClientEvent::Published { token, outcome } => {
                self.witness.judge(|oracle| oracle.fate(index, token, outcome));
            }
            ClientEvent::Subscribed { reasons, .. } | ClientEvent::Unsubscribed { reasons, .. } => {
                let is_refused = reasons.iter().any(|reason| reason.is_error());
                self.requests -= 1;
                self.witness.judge(|_| {
                    ensure!(!is_refused, "requests are granted", "c{index}: {reasons:?}");
                    Ok(())
                });
            }
            ClientEvent::Connected(connected) => {
                self.witness.oracle().heard_connack(index, connected.session_present);
            }
            ClientEvent::Resubscribed { .. } => self.count(Row::Resubscribed),
            ClientEvent::Writable => self.count(Row::WritableAgain),
            ClientEvent::Disconnected { reason } => self.disconnected(&reason),
            other => self.witness.oracle().note(|| format!("c{index}: {other:?}")),
        }
    }

    fn disconnected(&self, reason: &DisconnectReason) {
        let index = self.index;
        self.witness.judge(|oracle| {
            oracle.note(|| format!("c{index}: {reason:?}"));
            oracle.count(Row::ConnectionLost);
            oracle.coverage.count_if(*reason == DisconnectReason::PingTimeout, Row::PingTimeout);
            let is_broken = matches!(
                reason,
                DisconnectReason::Malformed(_)
                    | DisconnectReason::Misbehaved(_)
                    | DisconnectReason::Unencodable(_)
            );
            ensure!(!is_broken, "the broker keeps to the protocol", "c{index}: {reason:?}");
            Ok(())
        });
    }

    async fn act(&mut self) {
        match self.phase() {
            Phase::Busy => self.act_by_chance().await,
            phase => {
                self.come_back();
                self.acknowledge(usize::MAX);
                if let Phase::Probe(round) = phase
                    && self.probed < round
                {
                    self.probe(round);
                }
            }
        }
    }

    async fn act_by_chance(&mut self) {
        match self.random.below(24) {
            0..=13 => {
                for _ in 0..=self.random.below(3) {
                    self.publish_something();
                }
            }
            14 => self.resubscribe(),
            15 if self.random.one_in(6) => {
                self.client.disconnect(Disconnect::default());
                self.is_away = true;
                self.count(Row::Left);
            }
            16 if self.random.one_in(3) => {
                self.count(Row::Dozed);
                sleep(Duration::from_millis(self.random.below(700) as u64)).await;
            }
            17..=20 => {
                let count = 1 + self.random.below(4);
                self.acknowledge(count);
            }
            _ => self.come_back(),
        }
    }

    fn come_back(&mut self) {
        if std::mem::take(&mut self.is_away) {
            self.client.connect();
        }
    }

    fn subscribe_for_good(&mut self) {
        let mut filters: Vec<_> =
            self.setup.filters.iter().map(|(name, qos)| Subscription::new(filter(name), *qos)).collect();
        if self.setup.shares {
            filters.push(Subscription::new(filter(SHARED_S), QoS::ExactlyOnce));
        }
        self.requests += usize::from(self.client.subscribe(Subscribe::all(filters)).is_ok());
    }

    /// A subscription that comes and goes.
    fn resubscribe(&mut self) {
        let is_ok = if self.random.one_in(2) {
            let qos = self.random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
            self.client.subscribe(Subscribe::new(filter("x/#"), qos)).is_ok()
        } else {
            self.client.unsubscribe(Unsubscribe::new([filter("x/#")])).is_ok()
        };
        self.requests += usize::from(is_ok);
    }

    /// Acknowledges some messages, in any order.
    fn acknowledge(&mut self, count: usize) {
        for _ in 0..count.min(self.unacknowledged.len()) {
            let place = self.random.below(self.unacknowledged.len());
            let token = self.unacknowledged.swap_remove(place);
            self.client.acknowledge(token, ReasonCode::Success);
        }
    }

    fn publish_something(&mut self) {
        let topic = TOPICS[self.random.below(PUBLISHABLE)];
        if topic.starts_with("no/") && !self.forbids {
            return;
        }
        let qos = self.random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]);
        let mut published = Published::new(self.index, topic, qos.min(self.setup.highest));
        published.retain = self.random.one_in(5);
        published.is_empty = published.retain && self.random.one_in(5);
        let size = if self.random.one_in(8) { 1500 } else { self.random.below(9) as u16 };
        let expires = self.setup.version == ProtocolVersion::V5 && self.random.one_in(6);
        let expiry = expires.then(|| Duration::from_secs(1 + self.random.below(3) as u64));
        self.publish(published, size, expiry);
    }

    fn probe(&mut self, round: u32) {
        let topic = format!("probe/{}", self.index);
        let mut published = Published::new(self.index, &topic, QoS::AtLeastOnce);
        published.probe = round;
        if self.publish(published, 0, None) {
            self.probed = round;
        }
    }

    fn publish(&self, mut published: Published, size: u16, expiry: Option<Duration>) -> bool {
        published.expires = expiry.is_some();
        let number = self.witness.oracle().next_number();
        let payload = payload(number, (!published.is_empty).then_some(size));
        let message =
            Message::new(published.topic.clone(), payload).expect("a topic").with_qos(published.qos);
        let mut message = if published.retain { message.retained() } else { message };
        message.properties.message_expiry = expiry;
        match self.client.publish(message) {
            Ok(token) => self.witness.oracle().published(token, published),
            Err(PublishError::Blocked(_)) => {
                self.count(Row::WriteRefused);
                return false;
            }
            Err(error) => {
                let index = self.index;
                self.witness.judge(|_| {
                    ensure!(false, "a message is taken over", "c{index}: {error}");
                    Ok(())
                });
                return false;
            }
        }
        true
    }
}

fn filter(filter: &str) -> TopicFilter {
    TopicFilter::try_from(filter).expect("a filter of the list")
}
