//! What the broker tells and asks, and the program that answers.

use mqtt_engine::{
    Answer, BrokerEvent, ConnectionId, DisconnectCause, DropReason, Message, Question, QuestionId, Text,
    packet::ReasonCode,
};

use super::{World, direct::WATCHER};
use crate::{
    coverage::Row,
    reference::Source,
    violation::{Checked, ensure},
};

/// A question that the program has not answered.
pub(super) struct Asked {
    question: QuestionId,
    pub(super) connection: ConnectionId,
    /// Whether the answer is no.
    refuses: bool,
    /// It is about a filter of the SUBSCRIBE that is under way.
    is_subscribe: bool,
    source: Source,
}

fn person(client_id: &Text) -> Option<usize> {
    client_id.as_str().strip_prefix('p')?.parse().ok()
}

impl World<'_> {
    /// The broker was called: hears what it tells, and lets the model know what it has accepted from `source`.
    pub(super) fn after_broker(&mut self, source: Source) -> Checked {
        self.model.let_pass(self.now);
        self.watch();
        self.hear()?;
        // Hearing may have answered a question of the watcher.
        self.watch();
        while let Some(message) = self.accepted.pop_front() {
            self.accept(&message, source)?;
        }
        Ok(())
    }

    /// The same after a call that makes the broker accept nothing but wills.
    pub(super) fn after_broker_alone(&mut self) -> Checked {
        self.after_broker(Source::default())
    }

    pub(super) fn accept(&mut self, message: &Message, mut source: Source) -> Checked {
        if let Some(will) = self.will_of(message.topic.as_str()) {
            source.qos = will.qos;
            let is_as_given = message.payload == will.payload && message.retain == will.retain;
            ensure!(is_as_given, "will as it was given", "{message:?}, not {will:?}");
        }
        self.trace.note(self.now, || {
            let payload =
                String::from_utf8_lossy(&message.payload[..message.payload.len().min(12)]).into_owned();
            format!("accepted {} {payload} from {source:?}", message.topic)
        });
        self.model.accepted(message, source, self.now)
    }

    /// The will that is published there, if it is one.
    fn will_of(&self, topic: &str) -> Option<&Message> {
        let person = topic.strip_prefix("will/")?.parse::<usize>().ok()?;
        self.people.get(person)?.config.will.as_ref().map(|will| &will.message)
    }

    pub(super) fn hear(&mut self) -> Checked {
        self.look_at_ready();
        while let Some(event) = self.broker.poll_event() {
            self.activity += 1;
            self.trace.note(self.now, || format!("broker {event:?}"));
            match event {
                BrokerEvent::Connected { connection, client_id, session_present, keep_alive, .. } => {
                    if let (Some(link), Some(person)) = (self.link_of(connection), person(&client_id)) {
                        self.admitted(link, person, session_present, keep_alive)?;
                    }
                }
                BrokerEvent::Disconnected { connection, client_id, reason } => {
                    self.ended(connection, client_id.as_ref().and_then(person), &reason)?;
                }
                BrokerEvent::Question { question, connection, about } => {
                    self.asked(question, connection, &about)
                }
                BrokerEvent::Dropped { client_id, topic, why } => {
                    ensure!(client_id.as_str() != WATCHER, "the watcher misses something", "{why}");
                    match why {
                        DropReason::RetainedFull => continue,
                        DropReason::TooLarge => self.count(Row::OversizeDropped),
                        DropReason::QueueFull => self.count(Row::QueueFull),
                        _ => {}
                    }
                    if let Some(person) = person(&client_id) {
                        self.model.dropped(person, topic.as_str());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks at the connections that may have changed. A look can change others: who has read relieves who waits.
    fn look_at_ready(&mut self) {
        loop {
            let ready = std::iter::from_fn(|| self.broker.poll_ready());
            let mut links: Vec<usize> =
                ready.collect::<Vec<_>>().into_iter().filter_map(|id| self.link_of(id)).collect();
            if links.is_empty() {
                return;
            }
            // Older connections first: a takeover says good-bye before it says hello.
            links.sort_unstable();
            for link in links {
                self.links[link].has_output = true;
                self.look(link);
            }
        }
    }

    fn admitted(&mut self, link: usize, person: usize, present: bool, keep_alive: u16) -> Checked {
        let incarnation = self.links[link].incarnation;
        let Some(seen) = self.links[link].seen else {
            ensure!(false, "connected", "p{person} without a CONNECT");
            return Ok(());
        };
        self.model.connected(person, incarnation, seen, present)?;
        let generation = self.model.sessions[person].generation;
        let link = &mut self.links[link];
        link.generation = generation;
        link.is_accepted = true;
        link.patience =
            (keep_alive > 0).then(|| std::time::Duration::from_millis(u64::from(keep_alive) * 1500));
        link.last_packet = self.now;
        Ok(())
    }

    fn ended(&mut self, id: ConnectionId, client: Option<usize>, cause: &DisconnectCause) -> Checked {
        let is_open = self.questions.iter().any(|asked| asked.connection == id);
        let Some(link) = self.link_of(id) else { return Ok(()) };
        self.ended_connections += 1;
        self.count_if(is_open, Row::QuestionOrphaned);
        let person = self.links[link].person;
        let is_astray = self.model.is_astray(person);
        let silence = self.now - self.links[link].last_packet;
        match cause {
            DisconnectCause::Malformed(_)
            | DisconnectCause::Misbehaved(_)
            | DisconnectCause::AnswerTooLarge
            | DisconnectCause::Refused(_) => {
                ensure!(is_astray, "the broker blames the client", "p{person}: {cause}");
            }
            DisconnectCause::KeepAliveTimeout => {
                self.count(Row::KeepAliveEnds);
                let is_due = self.links[link].patience.is_some_and(|patience| silence >= patience);
                ensure!(is_due, "keep alive at the broker", "p{person} was silent for {silence:?} only");
            }
            DisconnectCause::ConnectTimeout => self.count(Row::ConnectTimeout),
            DisconnectCause::Closed(ReasonCode::SessionTakenOver) => {
                self.count(Row::Takeover);
                self.count_if(self.links[link].qos2 > 0, Row::TakeoverQoS2);
            }
            _ => {}
        }
        let goodbye = self.links[link].goodbye;
        let is_by_client = matches!(cause, DisconnectCause::Client { .. });
        ensure!(is_by_client == goodbye.is_some(), "good-bye", "p{person}: {cause}, {goodbye:?}");
        self.links[link].subscribing = None;
        if client.is_some() {
            let (has_taken_leave, expiry) = goodbye.unwrap_or((false, None));
            self.model.disconnected(person, has_taken_leave, expiry, self.now);
        }
        Ok(())
    }

    fn asked(&mut self, question: QuestionId, connection: ConnectionId, about: &Question) {
        if self.watcher.id == Some(connection) {
            return self.broker.answer(question, Answer::Allow, self.now);
        }
        let link = self.link_of(connection);
        let qos = match about {
            Question::Publish { qos, .. } => *qos,
            _ => mqtt_engine::QoS::AtMostOnce,
        };
        let refuses = match about {
            Question::Publish { topic, client_id, .. } => {
                topic.as_str().starts_with("no/")
                    || person(client_id).is_none() && !Self::is_ours(topic.as_str())
            }
            Question::Subscribe { filter, .. } => filter.as_str().starts_with("no/"),
            _ => false,
        };
        self.questions.push_back(Asked {
            question,
            connection,
            refuses,
            is_subscribe: matches!(about, Question::Subscribe { .. }),
            source: Source {
                publisher: link.map(|link| (self.links[link].person, self.links[link].generation)),
                qos,
            },
        });
    }

    /// The program answers its oldest question.
    pub(super) fn answer(&mut self) -> Checked {
        let Some(asked) = self.questions.pop_front() else { return Ok(()) };
        self.activity += 1;
        let answer = if asked.refuses { Answer::Refuse(ReasonCode::NotAuthorized) } else { Answer::Allow };
        let now = self.clock();
        self.broker.answer(asked.question, answer, now);
        if let Some(link) = self.link_of(asked.connection) {
            // Its packets were not read meanwhile.
            self.links[link].last_packet = self.now;
        }
        if asked.is_subscribe
            && let Some(link) = self.link_of(asked.connection)
        {
            self.filter_decided(link);
        }
        self.after_broker(asked.source)
    }

    /// The broker's program ends a connection.
    pub(super) fn dismiss(&mut self, index: usize) -> Checked {
        let Some(link) = self.people[index].link.filter(|link| self.links[*link].broker_open) else {
            return Ok(());
        };
        self.count(Row::Dismissed);
        let now = self.clock();
        self.broker.close(self.links[link].id, ReasonCode::AdministrativeAction, now);
        self.after_broker_alone()
    }
}
