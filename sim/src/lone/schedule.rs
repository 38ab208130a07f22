//! How a run is set up, and what happens in it.

use mqtt_engine::{Acknowledgement, ClientConfig, LostSession, Profile, QoS, Text, packet::ProtocolVersion};

use crate::random::Random;

/// The settings of the client.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is the setting of the engine with the same name")]
pub struct Setup {
    pub is_v5: bool,
    pub clean_start: bool,
    pub inflight_maximum: u16,
    pub receive_maximum: u16,
    pub queue_count: usize,
    pub outbox_bytes: usize,
    pub event_bytes: usize,
    pub is_manual: bool,
    pub republishes: bool,
    pub keep_alive: u16,
    /// Whether the server announces limits, other ones on each connection.
    pub has_limits: bool,
    pub seed: u64,
}

/// What a server announces in CONNACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the property with the same name")]
pub struct Limits {
    pub receive_maximum: u16,
    pub packet_size: u32,
    pub aliases: u16,
    pub qos: u8,
}

impl Limits {
    /// None at all.
    pub const NONE: Self = Self { receive_maximum: u16::MAX, packet_size: u32::MAX, aliases: 0, qos: 2 };

    pub(super) fn qos(&self) -> QoS {
        qos(self.qos)
    }
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are named for what they say")]
pub enum Step {
    /// The program publishes the next message.
    Publish { qos: u8 },
    /// The server has a message for the client.
    PublishByServer { qos: u8 },
    /// The program subscribes.
    Subscribe { filter: u8 },
    /// The program takes events.
    Poll { count: u16 },
    /// The program acknowledges one of the messages that wait for it.
    Acknowledge { place: u8 },
    /// So many bytes arrive, first at the server, then at the client.
    Pump { up: u16, down: u16 },
    /// Time passes, and all that is on its way arrives.
    Pass { millis: u16 },
    /// The network ends; so many bytes of those on their way still arrive at the server.
    Cut { arrives: u16 },
    /// A transport is opened if the client wants one, and finds nobody, or a server that may have lost the session.
    Connect { is_there: bool, loses_session: bool, limits: Limits },
    /// So many bytes of the client go on their way.
    Write { count: u16 },
}

impl Setup {
    pub(super) fn draw(random: &mut Random) -> Self {
        let is_v5 = random.one_in(2);
        Self {
            is_v5,
            clean_start: random.one_in(6),
            inflight_maximum: random.pick(&[1, 2, 5, 64]),
            receive_maximum: random.pick(&[1, 3, 64]),
            queue_count: random.pick(&[3, 20, 100]),
            outbox_bytes: random.pick(&[1, 50, 65_536]),
            event_bytes: random.pick(&[1, 2000, 1 << 20]),
            is_manual: random.one_in(2),
            republishes: random.one_in(2),
            keep_alive: random.pick(&[0, 5, 60]),
            has_limits: is_v5 && random.one_in(2),
            seed: random.next_u64(),
        }
    }

    pub(super) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new(Text::try_from("c").expect("a text without surprises"));
        config.version = if self.is_v5 { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 };
        config.session_expiry = if self.is_v5 { u32::MAX } else { 0 };
        config.profile = Profile::Strict;
        config.clean_start = self.clean_start;
        config.inflight_maximum = self.inflight_maximum;
        config.receive_maximum = self.receive_maximum;
        config.queue_count = self.queue_count;
        config.outbox_bytes = self.outbox_bytes;
        config.event_bytes = self.event_bytes;
        config.acknowledgement =
            if self.is_manual { Acknowledgement::Manual } else { Acknowledgement::Automatic };
        config.lost_session = if self.republishes { LostSession::Republish } else { LostSession::Report };
        config.keep_alive = self.keep_alive;
        config.seed = self.seed;
        config
    }
}

pub(super) fn qos(level: u8) -> QoS {
    QoS::from_u8(level).unwrap_or(QoS::ExactlyOnce)
}

pub(super) fn draw(setup: &Setup, random: &mut Random) -> Vec<Step> {
    // What the client writes goes on its way after each step, mostly all of it.
    (0..120).flat_map(|_| [step(setup, random), write(random)]).collect()
}

fn write(random: &mut Random) -> Step {
    Step::Write { count: if random.one_in(4) { random.below(80) as u16 } else { u16::MAX } }
}

fn step(setup: &Setup, random: &mut Random) -> Step {
    match random.below(24) {
        0..=4 => Step::Publish { qos: random.pick(&[0, 1, 2, 2]) },
        5..=8 => Step::Pump { up: random.below(400) as u16, down: random.below(100) as u16 },
        9..=12 => Step::Poll { count: 1 },
        13 => Step::Poll { count: u16::MAX },
        14 | 15 => Step::Acknowledge { place: random.below(64) as u8 },
        16 | 17 => Step::PublishByServer { qos: random.below(3) as u8 },
        18 => {
            let longest = random.pick(&[3000, 3000, 3000, 15_000]);
            Step::Pass { millis: random.below(longest) as u16 }
        }
        19 => Step::Subscribe { filter: random.below(3) as u8 },
        20 if random.one_in(3) => {
            Step::Cut { arrives: if random.one_in(3) { u16::MAX } else { random.below(200) as u16 } }
        }
        20..=22 => Step::Connect {
            is_there: !random.one_in(5),
            loses_session: random.one_in(6),
            limits: if setup.has_limits { limits(random) } else { Limits::NONE },
        },
        _ => Step::Pump { up: u16::MAX, down: u16::MAX },
    }
}

fn limits(random: &mut Random) -> Limits {
    Limits {
        receive_maximum: random.pick(&[1, 2, 10, u16::MAX]),
        packet_size: if random.one_in(3) { u32::MAX } else { 16 + random.below(20) as u32 },
        aliases: random.pick(&[0, 1, 4, 5]),
        qos: random.pick(&[1, 2, 2]),
    }
}
