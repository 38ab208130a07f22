//! The packet checkers: one for each client, and one for the broker's side of each client identifier. They are told what a
//! party decides to write when it does, that is what is new in an outbox after each call.

use std::{io::IoSlice, time::Duration};

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Outbox, Profile, Transport,
    framing::Span,
    packet::{Packet, ProtocolVersion},
};

use super::{World, observe::Point, schedule::Way};
use crate::{
    checker::{Checker, Role},
    names::number,
    reference::Forwarded,
    violation::{Checked, Violation},
};

const A_DAY: Duration = Duration::from_secs(86_400);

/// The checkers of one client identifier, and how much of the client's outbox they were told.
pub(super) struct Checkers {
    client: Checker,
    server: Checker,
    pub(super) told: usize,
}

impl Checkers {
    pub(super) fn new(profile: Profile, asks: bool) -> Self {
        let (mut client, mut server) = (Checker::new(Role::Client), Checker::new(Role::Server));
        client.settings_mut().tolerates_session_present = profile == Profile::Interop;
        if asks {
            // Who is not read can't be blamed for silence; how long answers take is not the broker's doing.
            server.settings_mut().lateness = A_DAY;
        }
        Self { client, server, told: 0 }
    }

    fn both(&mut self) -> [&mut Checker; 2] {
        [&mut self.client, &mut self.server]
    }
}

/// Tells what is new in an outbox.
fn tell(outbox: &Outbox, told: &mut usize, mut then: impl FnMut(&[u8])) {
    if outbox.remaining() == *told {
        return;
    }
    let mut slices = [IoSlice::new(&[]); 256];
    let count = outbox.chunks_vectored(&mut slices);
    let mut skip = *told;
    for slice in &slices[..count] {
        let fresh = slice.get(skip..).unwrap_or_default();
        skip -= skip.min(slice.len());
        if !fresh.is_empty() {
            then(fresh);
        }
    }
    *told = outbox.remaining();
}

impl World<'_> {
    /// A client was called: tells what it has decided to write.
    pub(super) fn tell_client(&mut self, index: usize) {
        let person = &mut self.people[index];
        let Some(link) = person.link else { return };
        let (now, checkers) = (self.now, &mut self.checkers[index]);
        let Checkers { client, told, .. } = checkers;
        tell(person.client.outbox(), told, |bytes| client.wrote(link as u64, bytes, now));
        if person.client.transport() != Transport::Keep {
            client.gave_up(link as u64, now);
        }
    }

    /// The broker was called: tells what it has decided to write to one client.
    pub(super) fn tell_server(&mut self, link: usize) {
        let (now, one) = (self.now, &mut self.links[link]);
        let server = &mut self.checkers[one.person].server;
        let mut fresh = Vec::new();
        if let Some(outbox) = self.broker.outbox(one.id) {
            tell(outbox, &mut one.told, |bytes| {
                server.wrote(link as u64, bytes, now);
                fresh.extend_from_slice(bytes);
            });
        }
        if one.wish.0 != Transport::Keep {
            server.gave_up(link as u64, now);
        }
        self.decided(link, &fresh);
    }

    /// The broker has decided to send these bytes, now: notes the messages in them.
    fn decided(&mut self, link: usize, mut bytes: &[u8]) {
        let one = &mut self.links[link];
        while let Ok(Some(span)) = one.decided.next(&mut bytes) {
            let frame = match span {
                Span::InPlace(size) => {
                    let (frame, rest) = bytes.split_at(size);
                    bytes = rest;
                    Bytes::copy_from_slice(frame)
                }
                Span::Assembled(frame) => Bytes::copy_from_slice(&frame),
                Span::Skipped { .. } => continue,
            };
            if let Ok(Packet::Publish(publish)) = Packet::decode(&frame, one.version) {
                self.forwarded.push(Forwarded {
                    number: number(publish.payload).unwrap_or(0),
                    is_first: !publish.duplicate,
                    expiry: publish.properties.message_expiry_interval(),
                    is_v5: one.version >= ProtocolVersion::V5,
                    at: self.now,
                });
            }
        }
    }

    /// The broker's adapter has taken bytes out, of which a part may be new.
    pub(super) fn taken_from_server(&mut self, link: usize, bytes: &[u8]) {
        let one = &mut self.links[link];
        if let Some(fresh) = bytes.get(one.told..).filter(|fresh| !fresh.is_empty()) {
            self.checkers[one.person].server.wrote(link as u64, fresh, self.now);
        }
        let told = one.told;
        one.told = told.saturating_sub(bytes.len());
        self.decided(link, bytes.get(told..).unwrap_or_default());
    }

    pub(super) fn link_opened(&mut self, link: usize) {
        let checkers = &mut self.checkers[self.links[link].person];
        checkers.told = 0;
        let now = self.now;
        checkers.both().into_iter().for_each(|checker| checker.opened(link as u64, now));
    }

    pub(super) fn client_closed(&mut self, link: usize) {
        let checkers = &mut self.checkers[self.links[link].person];
        checkers.told = 0;
        checkers.client.closed(link as u64, self.now);
    }

    pub(super) fn server_closed(&mut self, link: usize) {
        self.checkers[self.links[link].person].server.closed(link as u64, self.now);
    }

    pub(super) fn client_forgot(&mut self, index: usize) {
        self.checkers[index].client.forgot(self.now);
    }

    /// The broker has lost everything.
    pub(super) fn servers_forgot(&mut self) {
        let now = self.now;
        self.checkers.iter_mut().for_each(|checkers| checkers.server.forgot(now));
    }

    /// A party has read bytes.
    pub(super) fn tell_read(&mut self, link: usize, point: Point, bytes: &[u8]) {
        let checkers = &mut self.checkers[self.links[link].person];
        match point {
            Point::ClientReads => checkers.client.read(link as u64, bytes, self.now),
            Point::BrokerReads => checkers.server.read(link as u64, bytes, self.now),
            Point::ClientWrites | Point::BrokerWrites => {}
        }
    }

    /// Drivers are late: who is silent for too long is not to blame.
    pub(super) fn forgive_lateness(&mut self) {
        for checker in self.checkers.iter_mut().flat_map(Checkers::both) {
            checker.settings_mut().lateness = A_DAY;
        }
    }

    pub(super) fn check_packets(&mut self) -> Checked {
        for (index, checkers) in self.checkers.iter_mut().enumerate() {
            let sides = [(&mut checkers.client, "client"), (&mut checkers.server, "broker")];
            for (checker, side) in sides {
                if let Some(first) = checker.violations().into_iter().next() {
                    let details = format!("p{index}, {side}: {first}");
                    return Err(Violation { rule: "packets", details });
                }
            }
        }
        Ok(())
    }

    /// Nothing more is under way: nobody may owe anything.
    pub(super) fn check_debts(&mut self) -> Checked {
        let now = self.now;
        self.checkers.iter_mut().flat_map(Checkers::both).for_each(|checker| checker.settled(now));
        self.check_packets()
    }

    /// A packet for those who read the trace.
    pub(super) fn note_packet(&mut self, link: usize, point: Point, packet: &Packet<'_>) {
        if !self.trace.is_on() {
            return;
        }
        let words = format!("p{}.{link} {packet}", self.links[link].person);
        self.trace.note(self.now, || format!("{point:?} {words}"));
        let (way, is_written) = match point {
            Point::ClientWrites => (Way::Up, true),
            Point::BrokerReads => (Way::Up, false),
            Point::BrokerWrites => (Way::Down, true),
            Point::ClientReads => (Way::Down, false),
        };
        let pipe = self.links[link].pipe(way);
        if is_written {
            pipe.words.push_back(words);
        } else if let Some(words) = pipe.words.pop_front() {
            self.trace.packet(way == Way::Up, &words, true);
        }
    }

    /// What was written there and not read is lost.
    pub(super) fn lost_on_the_way(&mut self, link: usize, way: Way) {
        while let Some(words) = self.links[link].pipe(way).words.pop_front() {
            self.trace.packet(way == Way::Up, &words, false);
        }
    }
}
