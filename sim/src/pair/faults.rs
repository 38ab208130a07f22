//! What breaks.

use mqtt_engine::{
    Broker, Transport,
    packet::{Connect, Packet, Properties, ProtocolVersion},
};

use super::{
    World,
    schedule::{Cut, Garbage, Way},
};
use crate::{
    coverage::Row,
    random::Random,
    violation::{Checked, ensure},
};

impl World<'_> {
    pub(super) fn cut(&mut self, index: usize, cut: Cut) -> Checked {
        match self.people[index].link {
            Some(link) => self.cut_link(link, cut),
            None => Ok(()),
        }
    }

    pub(super) fn cut_link(&mut self, link: usize, cut: Cut) -> Checked {
        match cut {
            Cut::Reset(bytes) => {
                self.count(Row::CutReset);
                self.arrive(link, Way::Up, bytes.into())?;
                self.arrive(link, Way::Down, bytes.into())?;
                self.cut_here(link)
            }
            Cut::Clean => {
                self.count(Row::CutClean);
                self.arrive(link, Way::Up, usize::MAX)?;
                self.arrive(link, Way::Down, usize::MAX)?;
                self.cut_here(link)
            }
            Cut::ClientFirst(bytes) => {
                self.count(Row::CutClientFirst);
                if self.links[link].client_open {
                    self.client_closes(link);
                }
                self.links[link].up.bytes.truncate(bytes.into());
                Ok(())
            }
            Cut::BrokerFirst(bytes) => {
                self.count(Row::CutBrokerFirst);
                if self.links[link].broker_open {
                    self.broker_closes(link)?;
                }
                self.links[link].down.bytes.truncate(bytes.into());
                Ok(())
            }
        }
    }

    fn arrive(&mut self, link: usize, way: Way, count: usize) -> Checked {
        match way {
            Way::Up if self.links[link].broker_open => self.upload(link, count, 90),
            Way::Down if self.links[link].client_open => self.download(link, false, count, 255),
            Way::Up | Way::Down => Ok(()),
        }
    }

    /// Both ends hear of the connection's end now.
    pub(super) fn cut_here(&mut self, link: usize) -> Checked {
        if self.links[link].client_open {
            self.client_closes(link);
        }
        if self.links[link].broker_open {
            self.broker_closes(link)?;
        }
        Ok(())
    }

    pub(super) fn cut_at(&mut self, index: usize, way: Way, bytes: usize) -> Checked {
        if let Some(link) = self.people[index].link {
            self.count(Row::CutAtByte);
            self.links[link].pipe(way).cut_at = Some(bytes.max(1));
        }
        Ok(())
    }

    /// The sender of one direction closes it; the other direction goes on for as long as the receiver lets it.
    pub(super) fn half_close(&mut self, index: usize, way: Way) -> Checked {
        if let Some(link) = self.people[index].link {
            self.count(Row::HalfClosed);
            self.links[link].pipe(way).has_end = true;
        }
        Ok(())
    }

    pub(super) fn stall(&mut self, index: usize, way: Way, stands: bool) -> Checked {
        if let Some(link) = self.people[index].link {
            self.count_if(stands, Row::Stalled);
            self.links[link].pipe(way).stands = stands;
            if way == Way::Up {
                // Who can't write is not to blame.
                self.people[index].last_written = None;
            }
        }
        Ok(())
    }

    /// The program starts again, without anything that it knew.
    pub(super) fn restart_client(&mut self, index: usize, clean: bool, receive_maximum: u8) -> Checked {
        self.count(Row::ClientRestarted);
        if let Some(link) = self.people[index].link {
            self.cut_link(link, Cut::ClientFirst(u16::MAX))?;
        }
        let mut config = self.setup.clients[index].config(index);
        config.clean_start |= clean;
        config.receive_maximum = receive_maximum.into();
        self.people[index] = self.people[index].restarted(config, self.now);
        self.client_forgot(index);
        Ok(())
    }

    /// The broker starts again, without sessions.
    pub(super) fn restart_broker(&mut self) -> Checked {
        self.count(Row::BrokerRestarted);
        for link in 0..self.links.len() {
            if self.links[link].broker_open {
                self.pipe_ends(link, Way::Up);
                self.links[link].broker_open = false;
                self.links[link].down.has_end = true;
                self.server_closed(link);
            }
        }
        self.questions.clear();
        self.strangers.clear();
        self.broker = Broker::new(self.config.clone(), self.now);
        self.model.broker_restarted();
        self.servers_forgot();
        self.watch_from_here()
    }

    /// Somebody connects who speaks nonsense.
    pub(super) fn garbage(&mut self, what: Garbage, seed: u32, stays: bool) -> Checked {
        let Ok(id) = self.broker.accept(self.now) else { return Ok(()) };
        self.had_strangers = true;
        self.count(match what {
            Garbage::Noise => Row::GarbageFirst,
            Garbage::BrokenConnect => Row::GarbageConnect,
            Garbage::BrokenPackets | Garbage::LateNoise => Row::GarbageLater,
        });
        let mut bytes = nonsense(what, &mut Random::new(seed.into()));
        // No watcher sees all topics that begin with `$`.
        bytes.iter_mut().filter(|byte| **byte == b'$').for_each(|byte| *byte = b'%');
        let mut rest = &bytes[..];
        while !rest.is_empty() && self.broker.wants_input(id) {
            // In small pieces, so that the watcher's queue is never full.
            let (mut piece, after) = rest.split_at(rest.len().min(60));
            rest = after;
            self.broker.receive(id, &mut piece, self.now);
            self.after_broker_alone()?;
            let waits = self.broker.outbox(id).map_or(0, |outbox| bytes::Buf::remaining(outbox));
            let most = 2 * self.config.connection.outbox_bytes + 4000;
            ensure!(waits <= most, "bound of an outbox", "{waits} bytes for a stranger");
        }
        let is_over = self.broker.transport(id) != Transport::Keep;
        if stays && !is_over {
            self.strangers.push(id);
            return Ok(());
        }
        self.broker.transport_closed(id, self.now);
        self.after_broker_alone()
    }

    /// One direction has nobody who reads it any more.
    pub(super) fn pipe_ends(&mut self, link: usize, way: Way) {
        let pipe = self.links[link].pipe(way);
        let is_torn = pipe.ends_mid_packet();
        pipe.bytes.clear();
        self.count_if(is_torn, Row::CutMidPacket);
        self.lost_on_the_way(link, way);
    }
}

fn nonsense(what: Garbage, random: &mut Random) -> Vec<u8> {
    let length = 1 + random.below(200);
    match what {
        Garbage::Noise => random.bytes(length),
        Garbage::BrokenConnect => {
            let mut bytes = connect();
            spoil(&mut bytes, 0, random);
            bytes
        }
        Garbage::BrokenPackets => {
            let mut bytes = connect();
            let good = bytes.len();
            for _ in 0..1 + random.below(5) {
                bytes.extend_from_slice(random.pick(GOOD));
            }
            spoil(&mut bytes, good, random);
            bytes
        }
        Garbage::LateNoise => {
            let mut bytes = connect();
            bytes.extend(random.bytes(length));
            bytes
        }
    }
}

/// Changes, adds or removes some bytes.
fn spoil(bytes: &mut Vec<u8>, from: usize, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let place = from + random.below(bytes.len() - from);
        match random.below(4) {
            0 => bytes[place] = random.next_u64() as u8,
            1 => bytes[place] ^= 1 << random.below(8),
            2 => bytes.insert(place, random.next_u64() as u8),
            _ if bytes.len() > from + 2 => drop(bytes.remove(place)),
            _ => {}
        }
    }
}

fn connect() -> Vec<u8> {
    let packet = Packet::Connect(Connect {
        version: ProtocolVersion::V5,
        clean_start: true,
        keep_alive: 0,
        client_id: "a stranger with a long name",
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    });
    let mut bytes = Vec::new();
    packet.encode(ProtocolVersion::V5, &mut bytes).expect("a valid packet");
    bytes
}

/// Packets of 5.0 whose names are so long that no change makes one of the workload's of them.
const GOOD: &[&[u8]] = &[
    b"\x30\x1E\x00\x19garbage/that/nobody/wants\x00hi",
    b"\x32\x20\x00\x19garbage/that/nobody/wants\x00\x07\x00hi",
    b"\x35\x20\x00\x19garbage/that/nobody/wants\x00\x08\x00hi",
    b"\x62\x02\x00\x08",
    b"\x82\x1F\x00\x09\x00\x00\x19garbage/that/nobody/wants\x02",
    b"\xC0\x00",
    b"\x40\x02\x00\x01",
    b"\xE0\x00",
];
