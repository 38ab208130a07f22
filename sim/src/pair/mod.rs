//! Clients and a broker over byte pipes that break in every way, in virtual time that jumps to the next deadline.

mod broker_side;
mod checkers;
mod clients;
mod direct;
mod faults;
mod liveness;
mod observe;
mod pipe;
pub mod schedule;
mod setup;
mod time;
mod transport;
mod workload;

use std::{collections::VecDeque, time::Duration};

use mqtt_engine::{Broker, BrokerConfig, ConnectionId, Message, Timestamp, TopicFilter};

use self::{broker_side::Asked, checkers::Checkers, clients::Person, direct::Direct, pipe::Link};
pub use self::{
    schedule::Step,
    setup::{BrokerSetup, ClientSetup, Setup, WillSetup},
};
use crate::{
    coverage::Row,
    random::Random,
    reference::{Forwarded, Model, Rules},
    ring::{Report, Ring, guarded},
    trace::Trace,
    violation::{Checked, ensure},
};

/// The ring of byte pipes.
#[derive(Clone, Copy, Debug)]
pub struct Pair;

impl Ring for Pair {
    type Setup = Setup;
    type Step = Step;

    const NAME: &'static str = "pair";
    const ROWS: &'static [Row] = Row::MACHINES;

    fn draw(seed: u64) -> (Setup, Vec<Step>) {
        let setup = Setup::draw(&mut Random::new(seed));
        // A source of its own, so that a new setting does not change every schedule.
        let steps = schedule::draw(&setup, &mut Random::new(seed ^ 0x5EED));
        (setup, steps)
    }

    fn run(setup: &Setup, steps: &[Step], trace: Trace) -> Report {
        let mut world = World::new(setup, trace);
        let violation = guarded(|| world.run(steps));
        Report { coverage: world.model.coverage, violation, trace: world.trace }
    }
}

impl Pair {
    /// The setup and the schedule that bytes choose: what a fuzzer changes in them changes little of a run.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> (Setup, Vec<Step>) {
        let mut choices = Random::of_bytes(bytes);
        let setup = Setup::draw(&mut choices);
        let steps = schedule::draw(&setup, &mut choices);
        (setup, steps)
    }
}

struct World<'a> {
    setup: &'a Setup,
    now: Timestamp,
    /// For so many calls the clock is this much behind.
    lag: (Duration, u8),
    config: BrokerConfig,
    broker: Broker,
    people: Vec<Person>,
    checkers: Vec<Checkers>,
    links: Vec<Link>,
    watcher: Direct,
    /// What the watcher has got and the model was not told yet.
    accepted: VecDeque<Message>,
    questions: VecDeque<Asked>,
    /// The messages that the broker has decided to send, and that were not judged yet.
    forwarded: Vec<Forwarded>,
    /// Connections of peers that send garbage.
    strangers: Vec<ConnectionId>,
    had_strangers: bool,
    model: Model,
    trace: Trace,
    /// Grows with every byte and event.
    activity: u64,
    /// How many connections the broker has seen end.
    ended_connections: u32,
    /// How many steps were made at this instant.
    steps_at_once: u32,
}

impl<'a> World<'a> {
    fn new(setup: &'a Setup, trace: Trace) -> Self {
        let now = Timestamp::from_secs(1000);
        let config = setup.broker.config(setup.clients.len());
        let configs: Vec<_> =
            setup.clients.iter().enumerate().map(|(index, one)| one.config(index)).collect();
        let rules = Rules {
            subscriptions: config.subscriptions_per_session,
            retained_count: config.retained_count,
            retained_bytes: config.retained_bytes,
            packet_size: config.connection.maximum_packet_size,
            forbids_publish: config.ask_publish,
            forbids_subscribe: config.ask_subscribe,
        };
        let asks = config.ask_authentication || config.ask_publish || config.ask_subscribe;
        Self {
            setup,
            now,
            lag: (Duration::ZERO, 0),
            broker: Broker::new(config.clone(), now),
            config,
            checkers: configs.iter().map(|config| Checkers::new(config.profile, asks)).collect(),
            people: configs.into_iter().map(|config| Person::new(config, now)).collect(),
            links: Vec::new(),
            watcher: Direct::watcher(now),
            accepted: VecDeque::new(),
            questions: VecDeque::new(),
            forwarded: Vec::new(),
            strangers: Vec::new(),
            had_strangers: false,
            model: Model::new(setup.clients.len(), rules),
            trace,
            activity: 0,
            ended_connections: 0,
            steps_at_once: 0,
        }
    }

    fn run(&mut self, steps: &[Step]) -> Checked {
        self.watch_from_here()?;
        for step in steps {
            let before = self.now;
            self.trace.note(self.now, || format!("-- {step:?}"));
            self.step(*step)?;
            (0..self.people.len()).for_each(|index| self.tell_client(index));
            self.check_bounds()?;
            self.steps_at_once = if self.now == before { self.steps_at_once + 1 } else { 0 };
            self.count_if(self.steps_at_once == 10, Row::StandStill);
        }
        self.finish()
    }

    fn step(&mut self, step: Step) -> Checked {
        match step {
            Step::Publish { client, topic, qos, retain, size, expiry } => {
                self.publish(self.person(client), topic, qos, retain, size, expiry)
            }
            Step::OwnPublish { topic, qos, retain } => self.own_publish(topic, qos, retain),
            Step::Subscribe { client, filter, count, qos, options, identifier } => {
                self.subscribe(self.person(client), (filter, count), qos, options, identifier)
            }
            Step::Unsubscribe { client, filter } => self.unsubscribe(self.person(client), filter),
            Step::Poll { client, count } => self.poll(self.person(client), count.into()),
            Step::Acknowledge { client, place, refuses } => {
                self.acknowledge(self.person(client), place.into(), refuses)
            }
            Step::Connect { client } => self.connect(self.person(client)),
            Step::Upload { client, older, write, arrive, piece } => {
                self.upload_some(self.person(client), older, write.into(), arrive.into(), piece.into())
            }
            Step::Download { client, older, whole, arrive, piece } => {
                self.download_some(self.person(client), older, whole, arrive.into(), piece.into())
            }
            Step::Answer => self.answer(),
            Step::Round => self.round(),
            Step::Pass { millis, timers } => self.pass(Duration::from_millis(millis.into()), timers),
            Step::Backwards { millis, calls } => {
                self.lag = (Duration::from_millis(millis.into()), calls);
                self.count(Row::ClockBackwards);
                Ok(())
            }
            Step::Leave { client, with_will } => self.leave(self.person(client), with_will),
            Step::Dismiss { client } => self.dismiss(self.person(client)),
            Step::Cut { client, cut } => self.cut(self.person(client), cut),
            Step::CutAt { client, way, bytes } => self.cut_at(self.person(client), way, bytes.into()),
            Step::HalfClose { client, way } => self.half_close(self.person(client), way),
            Step::Stall { client, way, stands } => self.stall(self.person(client), way, stands),
            Step::RestartClient { client, clean, receive_maximum } => {
                self.restart_client(self.person(client), clean, receive_maximum)
            }
            Step::RestartBroker => self.restart_broker(),
            Step::Garbage { what, seed, stays } => self.garbage(what, seed, stays),
        }
    }

    fn person(&self, client: u8) -> usize {
        usize::from(client) % self.people.len()
    }

    /// What a call gets for the time.
    const fn clock(&mut self) -> Timestamp {
        let (lag, calls) = self.lag;
        if calls == 0 {
            return self.now;
        }
        self.lag.1 -= 1;
        Timestamp::from_micros(self.now.as_micros().saturating_sub(lag.as_micros() as u64))
    }

    const fn count(&mut self, row: Row) {
        self.model.coverage.count(row);
    }

    const fn count_if(&mut self, condition: bool, row: Row) {
        self.model.coverage.count_if(condition, row);
    }

    /// What must hold at any moment: memory is bounded, the broker counts what the model counts, and nobody who had to be
    /// told of a change was forgotten.
    fn check_bounds(&mut self) -> Checked {
        let is = self.broker.statistics();
        let config = &self.config;
        ensure!(is.connections <= config.connection_count, "bound of connections", "{is:?}");
        ensure!(is.retained <= config.retained_count, "bound of retained messages", "{is:?}");
        ensure!(is.retained_bytes <= config.retained_bytes, "bound of retained bytes", "{is:?}");
        ensure!(is.lost_events == 0, "lost events", "{is:?}");
        let model = &self.model;
        let should = (model.retained.count(), model.retained.bytes());
        ensure!((is.retained, is.retained_bytes) == should, "retained store", "{is:?}, not {should:?}");
        if !self.had_strangers {
            let existing = model.sessions.iter().filter(|session| session.exists);
            let subscriptions = direct::EVERYTHING.len();
            // The watcher has a session, too.
            let should = (
                1 + existing.clone().count(),
                subscriptions + existing.map(|one| one.subscriptions.len()).sum::<usize>(),
            );
            ensure!(
                (is.sessions, is.subscriptions) == should,
                "sessions and subscriptions",
                "{is:?}, not {should:?}"
            );
        }
        for forwarded in self.forwarded.drain(..) {
            self.model.forwarded(forwarded)?;
        }
        // Unless the program is asked, a will is published at the moment when it is due.
        if self.questions.is_empty() {
            self.model.check_wills()?;
        }
        for (index, person) in self.people.iter().enumerate() {
            let pending = person.client.pending_publishes();
            ensure!(pending <= person.client.config().queue_count, "bound of a queue", "p{index}: {pending}");
        }
        self.check_packets()?;
        self.check_wakes()
    }
}

fn filter(filter: &str) -> TopicFilter {
    TopicFilter::try_from(filter).expect("a filter of the list")
}
