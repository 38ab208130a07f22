//! Connections in the eyes of the network: two pipes of bytes, each of which may stand still, end or be cut.

use std::{collections::VecDeque, time::Duration};

use bytes::{Buf, BytesMut};
use mqtt_engine::{
    ConnectionId, Timestamp, Transport,
    framing::Framing,
    packet::{PacketId, ProtocolVersion},
};

use super::schedule::Way;
use crate::reference::{ConnectSeen, Subscription};

/// One direction.
#[derive(Debug)]
pub(super) struct Pipe {
    /// Written and not read.
    pub(super) bytes: BytesMut,
    /// Nothing moves, not even the end.
    pub(super) stands: bool,
    /// Its sender has closed it: the end arrives behind the last byte.
    pub(super) has_end: bool,
    /// After so many bytes more the connection is cut.
    pub(super) cut_at: Option<usize>,
    /// Find the packets that are written and those that are read.
    pub(super) written: Option<Framing>,
    pub(super) read: Option<Framing>,
    /// The packets on their way, for a ladder.
    pub(super) words: VecDeque<String>,
}

impl Pipe {
    fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            stands: false,
            has_end: false,
            cut_at: None,
            written: Some(Framing::new(usize::MAX)),
            read: Some(Framing::new(usize::MAX)),
            words: VecDeque::new(),
        }
    }

    /// How many bytes may be read now.
    pub(super) fn readable(&self) -> usize {
        if self.stands { 0 } else { self.bytes.len().min(self.cut_at.unwrap_or(usize::MAX)) }
    }

    /// So many of them were read.
    pub(super) fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(left) = &mut self.cut_at {
            *left -= count.min(*left);
        }
    }

    /// The reader has come to the end.
    pub(super) fn is_over(&self) -> bool {
        self.has_end && !self.stands && self.bytes.is_empty()
    }

    /// Whether its last packet has arrived in part only.
    pub(super) fn ends_mid_packet(&self) -> bool {
        self.read.as_ref().is_some_and(Framing::is_mid_packet)
    }
}

/// A SUBSCRIBE whose filters the broker's program decides, one after the other.
#[derive(Debug)]
pub(super) struct Subscribing {
    pub(super) packet_id: PacketId,
    pub(super) wanted: Vec<Subscription>,
    pub(super) undecided: usize,
}

/// A SUBACK or UNSUBACK that the broker owes.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) packet_id: PacketId,
    pub(super) codes: Vec<u8>,
    /// What is subscribed to from then on.
    pub(super) filters: Vec<&'static str>,
}

/// A connection, and what was seen on it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) person: usize,
    /// The start of the client's program that it belongs to.
    pub(super) incarnation: u32,
    pub(super) version: ProtocolVersion,
    pub(super) id: ConnectionId,
    pub(super) up: Pipe,
    pub(super) down: Pipe,
    pub(super) client_open: bool,
    pub(super) broker_open: bool,
    /// What the broker's adapter knows: it looks when it is told to, and after its own calls.
    pub(super) wish: (Transport, bool),
    pub(super) has_output: bool,
    /// How much of the broker's outbox its checker was told.
    pub(super) told: usize,
    /// Finds the packets in that.
    pub(super) decided: Framing,
    pub(super) seen: Option<ConnectSeen>,
    /// The session that the broker has taken it for.
    pub(super) generation: u32,
    pub(super) is_accepted: bool,
    /// A DISCONNECT was read: whether it takes the will back, and the new session expiry.
    pub(super) goodbye: Option<(bool, Option<u32>)>,
    pub(super) subscribing: Option<Subscribing>,
    /// The answers to SUBSCRIBE and UNSUBSCRIBE that are due, in order.
    pub(super) answers: VecDeque<Due>,
    /// How long the client may be silent, and since when it is, for the broker.
    pub(super) patience: Option<Duration>,
    pub(super) last_packet: Timestamp,
    /// QoS 2 messages of the client that are not finished.
    pub(super) qos2: u32,
    /// Messages of each direction that count against its quota, and the quota: what the reader announced.
    pub(super) unfinished: [u32; 2],
    pub(super) quota: [u16; 2],
}

impl Link {
    pub(super) fn new(
        person: usize,
        incarnation: u32,
        version: ProtocolVersion,
        id: ConnectionId,
        wish: (Transport, bool),
        now: Timestamp,
    ) -> Self {
        Self {
            person,
            incarnation,
            version,
            id,
            up: Pipe::new(),
            down: Pipe::new(),
            client_open: true,
            broker_open: true,
            wish,
            has_output: false,
            told: 0,
            decided: Framing::new(usize::MAX),
            seen: None,
            generation: 0,
            is_accepted: false,
            goodbye: None,
            subscribing: None,
            answers: VecDeque::new(),
            patience: None,
            last_packet: now,
            qos2: 0,
            unfinished: [0; 2],
            quota: [u16::MAX; 2],
        }
    }

    pub(super) const fn pipe(&mut self, way: Way) -> &mut Pipe {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}
