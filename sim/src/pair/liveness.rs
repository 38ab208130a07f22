//! After the faults: everything is healed, must come to rest, and what is left is what the model says.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mqtt_engine::{
    Answer, BrokerEvent, Message,
    packet::{Connect, Packet, Properties, ProtocolVersion},
};

use super::{World, schedule::Timers};
use crate::{
    names::{TOPICS, number},
    violation::{Checked, ensure},
};

/// How many rounds of 100 ms it may take until nothing moves any more.
const ROUNDS: usize = 4000;

impl World<'_> {
    pub(super) fn finish(&mut self) -> Checked {
        self.trace.note(self.now, || "-- healed".to_owned());
        self.lag.1 = 0;
        while let Some(id) = self.strangers.pop() {
            self.broker.transport_closed(id, self.now);
            self.after_broker_alone()?;
        }
        self.settle()?;
        self.stay_well()?;
        self.settle()?;
        let incarnations: Vec<u32> = self.people.iter().map(|person| person.incarnation).collect();
        self.model.check(self.now, &incarnations)?;
        self.check_retained()?;
        self.check_everything_goes()
    }

    /// On a network that works nobody loses a connection; meanwhile all expires that does.
    fn stay_well(&mut self) -> Checked {
        // What is due already is done before any more time passes: a ping that waited for a late CONNACK.
        self.pass(Duration::ZERO, Timers::OnTime)?;
        self.round()?;
        let before = self.ended_connections;
        for _ in 0..12 {
            self.pass(Duration::from_secs(1), Timers::OnTime)?;
            self.round()?;
            self.round()?;
        }
        let lost = self.ended_connections - before;
        ensure!(lost == 0, "connections stay", "{lost} have ended on a network that works");
        Ok(())
    }

    /// No more faults, until nothing moves any more.
    fn settle(&mut self) -> Checked {
        let mut still = 0;
        for _ in 0..ROUNDS {
            let before = self.activity;
            for link in 0..self.links.len() {
                self.heal(link)?;
            }
            for index in 0..self.people.len() {
                self.help(index)?;
            }
            self.check_bounds()?;
            let is_done = self.people.iter().all(|person| {
                let client = &person.client;
                client.is_connected() && client.pending_publishes() == 0 && person.requests == 0
            });
            still = if is_done && self.activity == before { still + 1 } else { 0 };
            if still > 2 {
                return self.check_rest();
            }
            if !is_done {
                self.pass(Duration::from_millis(100), Timers::OnTime)?;
            }
        }
        let of_person = |index: usize| {
            let person = &self.people[index];
            let client = &person.client;
            let (pending, requests) = (client.pending_publishes(), person.requests);
            format!("p{index}: {:?}, {pending} pending, {requests} requests", client.transport())
        };
        let all: Vec<String> = (0..self.people.len()).map(of_person).collect();
        ensure!(false, "wedged", "{} questions, {}", self.questions.len(), all.join("; "));
        Ok(())
    }

    /// Everybody does what can be done at once.
    pub(super) fn round(&mut self) -> Checked {
        for index in 0..self.people.len() {
            self.flush(index, usize::MAX)?;
        }
        for link in 0..self.links.len() {
            self.move_all(link)?;
        }
        while !self.questions.is_empty() {
            self.answer()?;
        }
        (0..self.people.len()).try_for_each(|index| self.poll(index, usize::MAX))
    }

    fn heal(&mut self, link: usize) -> Checked {
        let one = &mut self.links[link];
        for pipe in [&mut one.up, &mut one.down] {
            pipe.stands = false;
            pipe.cut_at = None;
        }
        self.move_all(link)
    }

    /// All bytes arrive that can.
    fn move_all(&mut self, link: usize) -> Checked {
        if self.links[link].broker_open {
            self.upload(link, usize::MAX, 90)?;
            if !self.links[link].client_open {
                self.serve(link, true)?;
            }
        }
        if self.links[link].client_open {
            self.download(link, true, usize::MAX, 255)?;
        }
        if self.links[link].broker_open || self.links[link].client_open {
            self.tend(link)?;
        }
        Ok(())
    }

    /// One client and its program do all that they can.
    fn help(&mut self, index: usize) -> Checked {
        self.connect(index)?;
        self.flush(index, usize::MAX)?;
        self.poll(index, usize::MAX)?;
        while !self.people[index].unacknowledged.is_empty() {
            self.acknowledge(index, 0, false)?;
        }
        self.flush(index, usize::MAX)?;
        while !self.questions.is_empty() {
            self.answer()?;
        }
        Ok(())
    }

    fn check_rest(&mut self) -> Checked {
        for (index, person) in self.people.iter().enumerate() {
            ensure!(!person.is_blocked, "writable once", "p{index} has room, and nobody said so");
            ensure!(person.tokens.is_empty(), "no fate", "p{index}: {:?}", person.tokens);
            let has: BTreeSet<&str> = person.client.subscriptions().map(|filter| filter.as_str()).collect();
            let granted: BTreeSet<&str> =
                self.model.sessions[index].subscriptions.iter().map(|one| one.filter).collect();
            let is_agreed = self.model.is_astray(index) || has == granted;
            ensure!(is_agreed, "subscriptions", "p{index} believes in {has:?}, not {granted:?}");
        }
        self.check_debts()
    }

    fn check_retained(&mut self) -> Checked {
        let mut found = BTreeMap::new();
        for Message { topic, payload, retain, .. } in self.audit()? {
            ensure!(retain, "retained messages", "{topic} without RETAIN");
            let twice = found.insert(topic.as_str().to_owned(), number(&payload));
            ensure!(twice.is_none(), "retained messages", "{topic} twice");
        }
        let expected = self.model.retained.all();
        ensure!(found == expected, "retained messages", "{found:?}, not {expected:?}");
        Ok(())
    }

    /// Everybody leaves for good, and nothing is left.
    fn check_everything_goes(&mut self) -> Checked {
        for link in 0..self.links.len() {
            self.cut_here(link)?;
        }
        if self.had_strangers {
            // Who knows what they have left behind.
            return Ok(());
        }
        if let Some(id) = self.watcher.id.take() {
            self.broker.transport_closed(id, self.now);
        }
        for index in 0..self.people.len() {
            self.take_leave(index)?;
        }
        for topic in TOPICS {
            self.broker.publish(Message::new(topic, "").expect("a topic").retained(), self.now);
        }
        let is = self.broker.statistics();
        let all = [is.connections, is.sessions, is.subscriptions, is.retained, is.retained_bytes];
        ensure!(all == [0; 5], "nothing is left", "{is:?}");
        let deadline = self.broker.deadline();
        ensure!(deadline.is_none(), "nothing is left", "a deadline: {deadline:?}");
        Ok(())
    }

    /// Ends a session by beginning a clean one and leaving.
    fn take_leave(&mut self, index: usize) -> Checked {
        let Ok(id) = self.broker.accept(self.now) else {
            ensure!(false, "nothing is left", "no place for a connection");
            return Ok(());
        };
        let client_id = format!("p{index}");
        let connect = Packet::Connect(Connect {
            version: ProtocolVersion::V3_1_1,
            clean_start: true,
            keep_alive: 0,
            client_id: &client_id,
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        });
        let mut bytes = Vec::new();
        connect.encode(ProtocolVersion::V3_1_1, &mut bytes).expect("a valid packet");
        self.broker.receive(id, &mut &bytes[..], self.now);
        while let Some(event) = self.broker.poll_event() {
            if let BrokerEvent::Question { question, .. } = event {
                self.broker.answer(question, Answer::Allow, self.now);
            }
        }
        self.broker.transport_closed(id, self.now);
        while self.broker.poll_event().is_some() {}
        Ok(())
    }
}
