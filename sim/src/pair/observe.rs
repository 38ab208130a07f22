//! Every packet in both directions, when it is written and when it is read.

use mqtt_engine::{
    QoS,
    framing::Span,
    packet::{ConnAck, Connect, Packet, PacketId, Properties, ProtocolVersion, Publish, ReasonCode},
};

use super::{
    World,
    pipe::{Due, Link, Subscribing},
};
use crate::{
    coverage::Row,
    names::number,
    reference::{ConnectSeen, Source, Subscription},
    violation::{Checked, Violation, ensure},
};

/// Where a packet is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    ClientWrites,
    BrokerReads,
    BrokerWrites,
    ClientReads,
}

impl World<'_> {
    /// Bytes pass a point.
    pub(super) fn observe(&mut self, link: usize, point: Point, bytes: &[u8]) -> Checked {
        self.tell_read(link, point, bytes);
        let Some(mut framing) = framing(&mut self.links[link], point).take() else { return Ok(()) };
        let version = self.links[link].version;
        let mut rest = bytes;
        let mut packets = 0;
        while let Some(span) = framing.next(&mut rest).map_err(|error| unreadable(point, &error))? {
            packets += 1;
            match span {
                Span::InPlace(size) => {
                    let (frame, after) = rest.split_at(size);
                    rest = after;
                    self.frame(link, point, frame, version)?;
                }
                Span::Assembled(frame) => self.frame(link, point, &frame, version)?,
                Span::Skipped { .. } => {}
            }
        }
        self.count_if(bytes.len() == 1 && framing.is_mid_packet(), Row::Chopped);
        self.count_if(packets > 1, Row::Merged);
        *self::framing(&mut self.links[link], point) = Some(framing);
        Ok(())
    }

    fn frame(&mut self, link: usize, point: Point, frame: &[u8], version: ProtocolVersion) -> Checked {
        let packet = Packet::decode(frame, version).map_err(|error| unreadable(point, &error))?;
        self.note_packet(link, point, &packet);
        match point {
            Point::ClientWrites => self.client_writes(link, &packet),
            Point::BrokerReads => self.broker_reads(link, &packet)?,
            Point::BrokerWrites => self.broker_writes(link, &packet)?,
            Point::ClientReads => self.client_reads(link, &packet),
        }
        Ok(())
    }

    fn client_writes(&mut self, link: usize, packet: &Packet<'_>) {
        match packet {
            Packet::Publish(publish) => self.publish_written(link, 0, publish),
            Packet::PubRel(_) => {
                let one = &self.links[link];
                // Sent before its PUBREC of this connection.
                let is_resent = one.unfinished[0] == 0;
                self.count_if(is_resent, Row::PubRelResent);
            }
            _ => {}
        }
    }

    fn publish_written(&mut self, link: usize, way: usize, publish: &Publish<'_>) {
        self.count_if(publish.duplicate, Row::PublishResent);
        self.count_if(publish.topic.is_empty(), Row::AliasReused);
        let one = &mut self.links[link];
        if publish.qos > QoS::AtMostOnce {
            one.unfinished[way] += 1;
            let is_exhausted = one.unfinished[way] == one.quota[way].into();
            self.count_if(is_exhausted, Row::QuotaExhausted);
        }
    }

    /// An exchange of one direction is over, as its sender sees it.
    fn finished(&mut self, link: usize, way: usize) {
        let unfinished = &mut self.links[link].unfinished[way];
        *unfinished = unfinished.saturating_sub(1);
    }

    fn broker_reads(&mut self, link: usize, packet: &Packet<'_>) -> Checked {
        self.links[link].last_packet = self.now;
        match packet {
            Packet::Connect(connect) => self.connect_read(link, connect),
            Packet::Publish(publish) => return self.publish_read(link, publish),
            Packet::PubAck(_) | Packet::PubComp(_) => self.finished(link, 1),
            Packet::PubRec(ack) if ack.reason.is_error() => self.finished(link, 1),
            Packet::Subscribe(subscribe) => {
                let id = subscribe.properties.subscription_identifiers().next();
                let wanted: Vec<_> =
                    subscribe.filters.iter().map(|one| Subscription::new(&one, id, 0)).collect();
                let (packet_id, undecided) = (subscribe.packet_id, wanted.len());
                let subscribing = Subscribing { packet_id, wanted, undecided };
                if self.config.ask_subscribe {
                    self.links[link].subscribing = Some(subscribing);
                } else {
                    self.subscribed(link, &subscribing);
                }
            }
            Packet::Unsubscribe(unsubscribe) => {
                let session = &mut self.model.sessions[self.links[link].person];
                let codes = unsubscribe.filters.iter().map(|filter| session.unsubscribe(filter)).collect();
                let due = Due { packet_id: unsubscribe.packet_id, codes, filters: Vec::new() };
                self.links[link].answers.push_back(due);
            }
            Packet::Disconnect(disconnect) => {
                let most = self.config.connection.session_expiry_maximum;
                let expiry = disconnect.properties.session_expiry_interval().map(|expiry| expiry.min(most));
                self.links[link].goodbye = Some((disconnect.reason == ReasonCode::Success, expiry));
            }
            _ => {}
        }
        Ok(())
    }

    fn connect_read(&mut self, link: usize, connect: &Connect<'_>) {
        let expiry = match (connect.version, connect.clean_start) {
            (ProtocolVersion::V5, _) => connect.properties.session_expiry_interval().unwrap_or(0),
            (_, true) => 0,
            (_, false) => u32::MAX,
        };
        let delay = |properties: &Properties<'_>| properties.will_delay_interval().unwrap_or(0);
        let receive_maximum = connect.properties.receive_maximum().unwrap_or(u16::MAX);
        let one = &mut self.links[link];
        one.quota[1] = receive_maximum.min(self.config.connection.inflight_maximum);
        one.seen = Some(ConnectSeen {
            clean_start: connect.clean_start,
            expiry: expiry.min(self.config.connection.session_expiry_maximum),
            will_delay: connect
                .will
                .map(|will| std::time::Duration::from_secs(delay(&will.properties).into())),
            receive_maximum,
        });
    }

    fn publish_read(&mut self, link: usize, publish: &Publish<'_>) -> Checked {
        let one = &mut self.links[link];
        let source = (one.person, one.generation);
        one.qos2 += u32::from(publish.qos == QoS::ExactlyOnce);
        let number = number(publish.payload).unwrap_or(0);
        let is_known = publish.duplicate && self.model.was_accepted_in(number, source.1);
        // If the watcher has seen it already, it was accepted before the packets that follow.
        let is_accepted = self.accepted.front().is_some_and(|message| message.payload == publish.payload);
        if is_accepted && let Some(message) = self.accepted.pop_front() {
            return self.accept(&message, Source { publisher: Some(source), qos: publish.qos });
        }
        self.count_if(is_known && publish.qos == QoS::ExactlyOnce, Row::DuplicateQoS2Suppressed);
        Ok(())
    }

    /// The filters of a SUBSCRIBE are decided: the subscriptions are made.
    fn subscribed(&mut self, link: usize, subscribing: &Subscribing) {
        let one = &mut self.links[link];
        let mut codes = self.model.subscribe(one.person, &subscribing.wanted);
        if one.version < ProtocolVersion::V5 {
            codes.iter_mut().filter(|code| **code >= 0x80).for_each(|code| *code = 0x80);
        }
        let filters = subscribing.wanted.iter().map(|one| one.filter).collect();
        one.answers.push_back(Due { packet_id: subscribing.packet_id, codes, filters });
    }

    /// The program has decided one filter.
    pub(super) fn filter_decided(&mut self, link: usize) {
        let Some(mut subscribing) = self.links[link].subscribing.take() else { return };
        subscribing.undecided -= 1;
        if subscribing.undecided == 0 {
            self.subscribed(link, &subscribing);
        } else {
            self.links[link].subscribing = Some(subscribing);
        }
    }

    fn broker_writes(&mut self, link: usize, packet: &Packet<'_>) -> Checked {
        match packet {
            Packet::Publish(publish) => {
                let Link { person, generation, .. } = self.links[link];
                self.model.sent(person, number(publish.payload).unwrap_or(0));
                self.model.sessions[person].ledgers[generation as usize].sent(publish.topic)?;
                self.publish_written(link, 1, publish);
            }
            Packet::PubComp(_) => {
                let one = &mut self.links[link];
                one.qos2 = one.qos2.saturating_sub(1);
            }
            Packet::PubRel(_) => self.count_if(self.links[link].unfinished[1] == 0, Row::PubRelResent),
            Packet::SubAck(ack) => self.answer_written(link, ack.packet_id, ack.reasons.iter())?,
            Packet::UnsubAck(ack) => self.answer_written(link, ack.packet_id, ack.reasons.iter())?,
            _ => {}
        }
        Ok(())
    }

    fn answer_written(
        &mut self,
        link: usize,
        id: PacketId,
        reasons: impl Iterator<Item = ReasonCode>,
    ) -> Checked {
        let one = &mut self.links[link];
        let mut codes: Vec<u8> = reasons.map(ReasonCode::as_u8).collect();
        let Some(Due { packet_id: expected_id, codes: expected, filters }) = one.answers.pop_front() else {
            ensure!(false, "an answer to nothing", "p{} gets {id}: {codes:?}", one.person);
            return Ok(());
        };
        if one.version < ProtocolVersion::V5 && codes.is_empty() {
            // An UNSUBACK of 3.1.1 has no codes.
            codes.clone_from(&expected);
        }
        ensure!(
            (expected_id, &expected) == (id, &codes),
            "answers of SUBSCRIBE and UNSUBSCRIBE",
            "p{} gets {id}: {codes:?}, not {expected_id}: {expected:?}",
            one.person
        );
        self.model.sessions[one.person].ledgers[one.generation as usize].announced.extend(filters);
        Ok(())
    }

    fn client_reads(&mut self, link: usize, packet: &Packet<'_>) {
        match packet {
            Packet::ConnAck(connack) => self.connack_read(link, connack),
            Packet::PubAck(_) | Packet::PubComp(_) => self.finished(link, 0),
            Packet::PubRec(ack) if ack.reason.is_error() => self.finished(link, 0),
            _ => {}
        }
    }

    fn connack_read(&mut self, link: usize, connack: &ConnAck<'_>) {
        if connack.reason.is_error() {
            return;
        }
        let Link { person: index, generation, incarnation, version, .. } = self.links[link];
        let person = &mut self.people[index];
        let setup = &self.setup.clients[index];
        let announced = connack.properties.receive_maximum().unwrap_or(u16::MAX);
        self.links[link].quota[0] = announced.min(setup.inflight_maximum);
        // [a client without state in its strict profile starts afresh]
        let is_strict = setup.is_strict && version == ProtocolVersion::V5;
        if connack.session_present && person.known.is_none() && is_strict {
            person.rejects = true;
            return;
        }
        person.connecting.push_back(generation);
        person.keep_alive = connack.properties.server_keep_alive().unwrap_or(person.config.keep_alive);
        let known = person.known.replace(generation);
        self.model.learned(index, connack.session_present, generation, incarnation, known);
    }
}

const fn framing(link: &mut Link, point: Point) -> &mut Option<mqtt_engine::framing::Framing> {
    match point {
        Point::ClientWrites => &mut link.up.written,
        Point::BrokerReads => &mut link.up.read,
        Point::BrokerWrites => &mut link.down.written,
        Point::ClientReads => &mut link.down.read,
    }
}

fn unreadable(point: Point, error: &mqtt_engine::packet::DecodeError) -> Violation {
    Violation { rule: "unreadable", details: format!("{point:?}: {error}") }
}
