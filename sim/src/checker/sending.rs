//! The messages that the party sends: identifiers, DUP, resends and their order, PUBREL, quota (sections 2.2.1, 4.3, 4.4,
//! 4.6 and 4.9).

use core::{
    hash::{Hash, Hasher},
    mem,
    time::Duration,
};
use std::{
    collections::{BTreeMap, VecDeque},
    hash::DefaultHasher,
};

use mqtt_engine::{
    QoS, Timestamp,
    packet::{Ack, Packet, PacketId, Properties, Property, ProtocolVersion, Publish},
};

use super::{Rule, View, limits::Limits, link::Link, scene::Scene};

/// What outlives a connection.
#[derive(Debug)]
pub(super) struct Session {
    /// The connection that the session is on.
    pub(super) current: Option<u64>,
    /// A connection that lost the session to a newer one just now.
    pub(super) taken_over: Option<u64>,
    /// What a server keeps.
    pub(super) kept: Kept,
    /// Whether a client has read a CONNACK that accepted it.
    pub(super) has_state: bool,
    /// The subscription identifiers that the client gave, with the connection on which it last did.
    pub(super) identifiers: BTreeMap<u32, u64>,
    messages: BTreeMap<PacketId, Message>,
    next_order: u64,
    /// What was acknowledged at the latest moment at which anything was: a message that is finished with that, or `None`.
    acknowledged: Vec<(PacketId, Option<Message>)>,
    acknowledged_at: Timestamp,
}

/// Until when a server keeps the session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// It may have one.
    Unknown,
    /// It has none.
    Nothing,
    /// It is on a connection, after which it is kept for so many seconds.
    Live { expiry: u32 },
    /// Its connection is over; when exactly is known to the server alone.
    Until { earliest: Timestamp, latest: Timestamp },
}

/// A QoS 1 or 2 message that the peer has not finished.
#[derive(Debug)]
struct Message {
    qos: QoS,
    retain: bool,
    /// Tells it from other messages.
    digest: u64,
    /// Its place among all first transmissions, and later among all PUBRECs.
    order: u64,
    step: Step,
    /// The connections on which it was sent first and last (from PUBREC on: on which PUBREL was sent).
    begun_on: u64,
    sent_on: u64,
    /// The connection on which it counts against the quota.
    counted_on: u64,
    /// How large its packet is with its topic.
    size: usize,
    /// Whether the party may as well take it for finished: its peer finished it when the party had no need to look any more,
    /// or it can't be sent to the present peer.
    is_optional: bool,
    /// How many PUBRECs came once more: each may be answered once more.
    repeated: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// PUBLISH was sent.
    Published,
    /// PUBREC was read.
    Received,
    /// PUBREL was sent.
    Released,
}

/// What is to be sent on a connection because of former ones, or of PUBRECs: in order.
#[derive(Debug, Default)]
pub(super) struct Replay {
    publishes: VecDeque<PacketId>,
    releases: VecDeque<PacketId>,
    /// Whether the session goes on from former connections.
    is_resumed: bool,
}

impl Kept {
    /// The same once its connection is taken over by another one.
    pub(super) fn after_takeover(self, now: Timestamp) -> Self {
        match self {
            Self::Live { expiry: 0 } => Self::Nothing,
            Self::Live { expiry: u32::MAX } => {
                Self::Until { earliest: Timestamp::MAX, latest: Timestamp::MAX }
            }
            Self::Live { .. } => Self::Until { earliest: now, latest: Timestamp::MAX },
            Self::Unknown | Self::Nothing | Self::Until { .. } => self,
        }
    }
}

impl Session {
    pub(super) fn new(view: View) -> Self {
        Self {
            current: None,
            taken_over: None,
            kept: if view == View::Whole { Kept::Nothing } else { Kept::Unknown },
            has_state: false,
            identifiers: BTreeMap::new(),
            messages: BTreeMap::new(),
            next_order: 0,
            acknowledged: Vec::new(),
            acknowledged_at: Timestamp::ZERO,
        }
    }

    pub(super) fn unfinished(&self) -> usize {
        self.messages.len()
    }

    /// The connection of the session is gone.
    pub(super) fn leave(&mut self, link: &Link, now: Timestamp) {
        let Kept::Live { expiry } = self.kept else { return };
        let until = |since: Timestamp| match expiry {
            u32::MAX => Timestamp::MAX,
            seconds => since + Duration::from_secs(seconds.into()),
        };
        let since = link.is_over_since.unwrap_or(now);
        self.kept = match expiry {
            0 => Kept::Nothing,
            _ => Kept::Until { earliest: until(since), latest: until(now) },
        };
    }

    /// What a connection owes of former ones' PUBLISHes, of these.
    pub(super) fn owed_publishes(&self, link: &Link) -> impl Iterator<Item = PacketId> {
        link.replay.publishes.iter().copied().filter(|id| self.owes_publish(*id, link.id))
    }

    /// What it owes of PUBRELs.
    pub(super) fn owed_releases(&self, link: &Link) -> impl Iterator<Item = PacketId> {
        link.replay.releases.iter().copied().filter(|id| self.owes_release(*id, link.id))
    }

    fn owes_publish(&self, id: PacketId, link: u64) -> bool {
        self.messages.get(&id).is_some_and(|message| {
            message.step == Step::Published && message.sent_on != link && !message.is_optional
        })
    }

    fn owes_release(&self, id: PacketId, link: u64) -> bool {
        self.messages.get(&id).is_some_and(|message| {
            let is_due = match message.step {
                Step::Published => false,
                Step::Received => true,
                Step::Released => message.sent_on != link,
            };
            is_due && !message.is_optional
        })
    }

    fn note_acknowledged(&mut self, id: PacketId, finished: Option<Message>, now: Timestamp) {
        if self.acknowledged_at != now {
            self.acknowledged_at = now;
            self.acknowledged.clear();
        }
        self.acknowledged.push((id, finished));
    }

    fn order(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order
    }
}

impl Scene<'_> {
    /// The connection was accepted: the session goes on, or is a new one, to which only what was sent on this connection
    /// belongs.
    pub(super) fn enter_session(&mut self, session_present: bool) {
        let id = self.link.id;
        if !session_present {
            self.session.messages.retain(|_, message| message.begun_on == id);
            self.session.identifiers.retain(|_, link| *link == id);
            return;
        }
        let peer = self.link.peer;
        let mut publishes = Vec::new();
        let mut releases = Vec::new();
        for (packet_id, message) in &mut self.session.messages {
            if message.sent_on == id && message.step != Step::Received {
                continue;
            }
            if message.step == Step::Published {
                message.is_optional |= message.is_unsendable(&peer);
                publishes.push((message.order, *packet_id));
            } else {
                releases.push((message.order, *packet_id));
            }
        }
        publishes.sort_unstable();
        releases.sort_unstable();
        let in_order = |list: Vec<(u64, PacketId)>| list.into_iter().map(|(_, id)| id).collect();
        self.link.replay =
            Replay { publishes: in_order(publishes), releases: in_order(releases), is_resumed: true };
    }

    /// A QoS 1 or 2 message goes out. `topic` is in full.
    pub(super) fn wrote_message(
        &mut self,
        id: PacketId,
        publish: &Publish<'_>,
        topic: &str,
        packet: &Packet<'_>,
        size: usize,
    ) {
        let mut hasher = DefaultHasher::new();
        (topic, publish.payload, publish.qos as u8, publish.retain).hash(&mut hasher);
        let digest = hasher.finish();
        let known = self.session.messages.get(&id);
        let is_request = self.link.requests.contains(&id);
        match known.map(|message| (message.step, message.digest == digest, message.is_optional)) {
            _ if is_request => {
                let words = format_args!("{id} is in use for a request");
                self.report.broken(Rule::PacketIdInUse, Some(packet), words);
            }
            Some((.., true)) if !publish.duplicate => {}
            None if !publish.duplicate => {}
            Some((Step::Published, true, _)) if self.is_resend(id, publish) => {
                return self.resent(id, publish, packet);
            }
            Some((Step::Published, false, _)) if publish.duplicate => {
                let words = format_args!("another message was sent under {id}");
                self.report.broken(Rule::ResendSame, Some(packet), words);
                return self.resent(id, publish, packet);
            }
            // Before PUBREL was written PUBLISH may have crossed with PUBREC.
            Some((Step::Received, true, _)) if publish.duplicate && self.settings.view == View::Wire => {}
            Some((Step::Received | Step::Released, ..)) if publish.duplicate => {
                let words = format_args!("PUBREC was received for {id}");
                return self.report.broken(Rule::PublishAfterPubRec, Some(packet), words);
            }
            Some(_) => {
                let words = format_args!("{id} is in use for another message");
                self.report.broken(Rule::PacketIdInUse, Some(packet), words);
            }
            None => self.check_unknown_resend(id, packet),
        }
        if !publish.duplicate {
            self.check_resent_first(packet);
        }
        let message = Message {
            qos: publish.qos,
            retain: publish.retain,
            digest,
            order: self.session.order(),
            step: Step::Published,
            begun_on: self.link.id,
            sent_on: self.link.id,
            counted_on: self.link.id,
            size: full_size(publish, topic, size, self.report.version),
            is_optional: false,
            repeated: 0,
        };
        self.finish(id);
        self.session.messages.insert(id, message);
        self.count(packet);
    }

    /// Whether a PUBLISH repeats the message under its identifier: DUP says so, or it is plain that it was forgotten. On a live
    /// connection of 5.0, where nothing is repeated, it is another message that looks the same.
    fn is_resend(&self, id: PacketId, publish: &Publish<'_>) -> bool {
        let sent_here = self.session.messages.get(&id).is_some_and(|message| message.sent_on == self.link.id);
        publish.duplicate || !(sent_here && self.link.is_v5())
    }

    fn resent(&mut self, id: PacketId, publish: &Publish<'_>, packet: &Packet<'_>) {
        if !publish.duplicate {
            self.report.broken(Rule::ResendDup, Some(packet), format_args!("DUP is 0, {id} was sent before"));
        }
        let link = self.link.id;
        let Some(message) = self.session.messages.get_mut(&id) else { return };
        if message.sent_on == link {
            // In 3.1.1 it may be repeated at any time.
            if self.link.is_v5() {
                let words = format_args!("{id} was sent on this connection");
                self.report.broken(Rule::ResendOnReconnect, Some(packet), words);
            }
            return;
        }
        message.sent_on = link;
        message.is_optional = false;
        let counts = message.counted_on != link;
        message.counted_on = link;
        if let Some(place) = self.link.replay.publishes.iter().position(|waiting| *waiting == id) {
            let mut before = self.link.replay.publishes.range(..place);
            if let Some(earlier) = before.find(|earlier| self.session.owes_publish(**earlier, link)) {
                let words = format_args!("{earlier} was sent earlier and is not sent again yet");
                self.report.broken(Rule::ResendOrder, Some(packet), words);
            }
            self.link.replay.publishes.remove(place);
        }
        if counts {
            self.count(packet);
        }
    }

    fn check_unknown_resend(&mut self, id: PacketId, packet: &Packet<'_>) {
        if self.settings.view == View::Wire && self.link.replay.is_resumed {
            return;
        }
        let words = format_args!("nothing was sent under {id} that is not finished");
        self.report.broken(Rule::FirstSendDup, Some(packet), words);
    }

    /// A new message goes out: what is unacknowledged came first.
    fn check_resent_first(&mut self, packet: &Packet<'_>) {
        let waiting = self.session.owed_publishes(self.link).next();
        if let Some(waiting) = waiting.or_else(|| self.first_former_release()) {
            let words = format_args!("{waiting} is not sent again yet");
            self.report.broken(Rule::ResendFirst, Some(packet), words);
            // Once is enough.
            self.link.replay.releases.clear();
        }
        self.link.replay.publishes.clear();
    }

    /// A PUBREL of a former connection that was not sent again. Those of this connection have no order with new messages.
    fn first_former_release(&self) -> Option<PacketId> {
        let link = self.link.id;
        self.session
            .owed_releases(self.link)
            .find(|id| self.session.messages.get(id).is_some_and(|message| message.counted_on != link))
    }

    fn count(&mut self, packet: &Packet<'_>) {
        self.link.unfinished = self.link.unfinished.saturating_add(1);
        let (count, maximum) = (self.link.unfinished, self.link.peer.receive_maximum);
        if count > maximum {
            let words = format_args!("{count} unfinished messages, the peer takes {maximum}");
            self.report.broken(Rule::ReceiveMaximum, Some(packet), words);
        }
    }

    fn finish(&mut self, id: PacketId) -> Option<Message> {
        let message = self.session.messages.remove(&id)?;
        if message.counted_on == self.link.id {
            self.link.unfinished = self.link.unfinished.saturating_sub(1);
        }
        Some(message)
    }

    /// The peer has acknowledged a message to the end.
    fn acknowledge(&mut self, id: PacketId) {
        let finished = self.finish(id);
        self.session.note_acknowledged(id, finished, self.now);
    }

    /// Several packets may be told at once: if the connection is over at the same moment, the party may have stopped before it
    /// came to an acknowledgement among them.
    pub(super) fn doubt_if_over(&mut self) {
        if self.link.is_over_since != Some(self.now) || self.session.acknowledged_at != self.now {
            return;
        }
        for (id, finished) in mem::take(&mut self.session.acknowledged) {
            let messages = &mut self.session.messages;
            if let Some(message) = finished {
                messages.entry(id).or_insert(Message { is_optional: true, ..message });
            } else if let Some(message) = messages.get_mut(&id)
                && message.step == Step::Received
            {
                (message.step, message.is_optional) = (Step::Published, true);
            }
        }
    }

    pub(super) fn wrote_pubrel(&mut self, id: PacketId, packet: &Packet<'_>) {
        let link = self.link.id;
        let is_stray = self.link.answers.take_stray(id);
        let is_wire = self.settings.view == View::Wire && self.link.replay.is_resumed;
        let Some(message) = self.session.messages.get_mut(&id) else {
            if !is_stray && !is_wire {
                let words = format_args!("no PUBREC was received for {id}");
                self.report.broken(Rule::PubRelUnasked, Some(packet), words);
            }
            return;
        };
        if message.step == Step::Published && !message.is_optional {
            if !is_stray {
                let words = format_args!("PUBLISH {id} is not answered");
                self.report.broken(Rule::PubRelUnasked, Some(packet), words);
            }
            return;
        }
        if message.step == Step::Released && message.sent_on == link {
            if message.repeated > 0 {
                message.repeated -= 1;
            } else if self.link.is_v5() {
                let words = format_args!("PUBREL {id} was sent on this connection");
                self.report.broken(Rule::ResendOnReconnect, Some(packet), words);
            }
            return;
        }
        message.step = Step::Released;
        message.sent_on = link;
        message.is_optional = false;
        let Some(place) = self.link.replay.releases.iter().position(|waiting| *waiting == id) else { return };
        let mut before = self.link.replay.releases.range(..place);
        if let Some(earlier) = before.find(|earlier| self.session.owes_release(**earlier, link)) {
            let words = format_args!("PUBREC {earlier} came earlier");
            self.report.broken(Rule::PubRelOrder, Some(packet), words);
        }
        self.link.replay.releases.remove(place);
    }

    pub(super) fn read_puback(&mut self, ack: &Ack<'_>) {
        if self.waits_for(ack.packet_id, QoS::AtLeastOnce, Step::Published) {
            self.acknowledge(ack.packet_id);
        }
    }

    pub(super) fn read_pubrec(&mut self, ack: &Ack<'_>) {
        let id = ack.packet_id;
        if self.waits_for(id, QoS::ExactlyOnce, Step::Published) {
            if ack.reason.is_error() {
                return self.acknowledge(id);
            }
            self.session.note_acknowledged(id, None, self.now);
            let order = self.session.order();
            if let Some(message) = self.session.messages.get_mut(&id) {
                message.step = Step::Received;
                message.order = order;
                message.is_optional = false;
            }
            self.link.replay.releases.push_back(id);
        } else if let Some(message) = self.session.messages.get_mut(&id)
            && message.step != Step::Published
        {
            message.repeated = message.repeated.saturating_add(1);
        } else {
            // The peer waits for a PUBREL, and may get one.
            self.link.answers.strays.push(id);
        }
    }

    pub(super) fn read_pubcomp(&mut self, id: PacketId) {
        if self.waits_for(id, QoS::ExactlyOnce, Step::Released) {
            let repeated = self.session.messages.get(&id).map_or(0, |message| message.repeated);
            self.link.answers.strays.extend((0..repeated).map(|_| id));
            self.acknowledge(id);
        }
    }

    /// An acknowledgement that the party need not have looked at.
    pub(super) fn note_late(&mut self, packet: &Packet<'_>) {
        if let Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) = packet
            && let Some(message) = self.session.messages.get_mut(&ack.packet_id)
        {
            message.is_optional = true;
        }
    }

    fn waits_for(&self, id: PacketId, qos: QoS, step: Step) -> bool {
        let message = self.session.messages.get(&id);
        message.is_some_and(|message| message.qos == qos && message.step == step)
    }

    /// Whether an identifier stands for a message that is not finished.
    pub(super) fn is_message(&self, id: PacketId) -> bool {
        self.session.messages.get(&id).is_some_and(|message| !message.is_optional)
    }
}

impl Message {
    /// Whether a peer announced not to take it.
    fn is_unsendable(&self, peer: &Limits) -> bool {
        self.qos > peer.qos
            || self.retain && !peer.retain
            || u32::try_from(self.size).is_ok_and(|size| size > peer.packet_size)
    }
}

/// The size of a PUBLISH with its topic in full and without an alias.
fn full_size(publish: &Publish<'_>, topic: &str, size: usize, version: ProtocolVersion) -> usize {
    if publish.properties.topic_alias().is_none() {
        return size;
    }
    let others = publish.properties.iter().filter(|one| !matches!(one, Property::TopicAlias(_)));
    let list: Vec<_> = others.collect();
    let properties = Properties::new(&list);
    Packet::Publish(Publish { topic, properties, ..*publish }).size(version).unwrap_or(size)
}
