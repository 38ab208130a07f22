//! After the faults: everything comes to rest, and what is left is what the model says.

use super::*;

impl World {
    /// No more faults, until nothing moves any more.
    pub(crate) fn settle(&mut self) {
        let mut still = 0;
        for _ in 0..4000 {
            let before = self.activity;
            for index in 0..=PERSONS {
                self.connect(index);
                self.write(index);
                self.poll(index, usize::MAX);
                while !self.people[index].unacknowledged.is_empty() {
                    self.acknowledge(index);
                }
                self.write(index);
                let ids: Vec<_> = self.wires.keys().copied().collect();
                ids.into_iter().for_each(|id| self.upload(id, usize::MAX));
                while !self.questions.is_empty() {
                    self.answer();
                }
                self.download(index, usize::MAX);
                self.poll(index, usize::MAX);
            }
            let is_done = self.people.iter().all(|person| {
                let client = &person.client;
                client.is_connected() && client.pending_publishes() == 0 && person.requests == 0
            });
            still = if is_done && self.activity == before { still + 1 } else { 0 };
            if still > 2 {
                return;
            }
            if !is_done {
                self.pass(Duration::from_millis(100));
            }
        }
        for (index, person) in self.people.iter().enumerate() {
            let client = &person.client;
            let pending = client.pending_publishes();
            println!("{index}: {:?}, {pending} pending, {} requests", client.transport(), person.requests);
            println!("   {:?}", person.tokens);
        }
        panic!("it never comes to an end: {} questions", self.questions.len());
    }

    pub(crate) fn finish(&mut self) {
        self.settle();
        // All that expires does, all that waits is over.
        self.pass(Duration::from_secs(15));
        self.settle();
        let versions: Vec<_> = self.people.iter().map(|person| person.config.version).collect();
        self.model.check(self.now, &versions, &self.subscribers);
        self.check_retained();
        self.check_everything_goes();
    }

    pub(crate) fn check_retained(&mut self) {
        let mut all = ClientConfig::new(text("auditor"));
        all.keep_alive = 0;
        self.people[0].client.disconnect(Disconnect::default(), self.now);
        self.write_all(0);
        self.hang_up(0, true);
        self.settle_wires();
        let mut auditor = Client::new(all.clone(), self.now);
        let both = ["#", "$a/#"].map(|name| Subscription::new(filter(name), QoS::ExactlyOnce));
        auditor.subscribe(Subscribe::all(both), self.now).unwrap();
        self.people[0].client = auditor;
        self.people[0].config = all;
        self.people[0].requests = 1;
        let mut found = BTreeMap::new();
        for _ in 0..200 {
            self.connect(0);
            self.write(0);
            let ids: Vec<_> = self.wires.keys().copied().collect();
            ids.into_iter().for_each(|id| self.upload(id, usize::MAX));
            while !self.questions.is_empty() {
                self.answer();
            }
            self.download(0, usize::MAX);
            while let Some(event) = self.people[0].client.poll_event() {
                if let ClientEvent::Received { message, .. } = event {
                    assert!(message.retain);
                    let number = model::number(&message.payload);
                    assert_eq!(found.insert(message.topic.as_str().to_owned(), number), None);
                }
            }
        }
        assert_eq!(found, self.model.kept(), "retained messages");
        assert_eq!(self.broker.statistics().retained, found.len());
    }

    pub(crate) fn write_all(&mut self, index: usize) {
        let person = &mut self.people[index];
        let Some(wire) = person.wire.and_then(|id| self.wires.get_mut(&id)) else { return };
        let outbox = person.client.outbox();
        wire.up.extend(&outbox.copy_to_bytes(outbox.remaining()));
    }

    pub(crate) fn settle_wires(&mut self) {
        let ids: Vec<_> = self.wires.keys().copied().collect();
        ids.into_iter().for_each(|id| self.upload(id, usize::MAX));
    }

    /// Everybody leaves for good, and nothing is left.
    pub(crate) fn check_everything_goes(&mut self) {
        let ids: Vec<_> = self.wires.keys().copied().collect();
        for id in ids {
            self.wires.get_mut(&id).unwrap().owner = None;
            self.close(id);
        }
        for index in 0..PERSONS {
            let id = self.broker.accept(self.now).unwrap();
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
            connect.encode(ProtocolVersion::V3_1_1, &mut bytes).unwrap();
            self.broker.receive(id, &mut &bytes[..], self.now);
            while let Some(event) = self.broker.poll_event() {
                if let BrokerEvent::Question { question, .. } = event {
                    self.broker.answer(question, Answer::Allow, self.now);
                }
            }
            self.broker.transport_closed(id, self.now);
        }
        for topic in TOPICS {
            self.broker.publish(Message::new(topic, "").unwrap().retained(), self.now);
        }
        let Statistics { connections, sessions, subscriptions, retained, retained_bytes, .. } =
            self.broker.statistics();
        assert_eq!((connections, sessions, subscriptions, retained, retained_bytes), (0, 0, 0, 0, 0));
        assert_eq!(self.broker.deadline(), None);
    }
}
