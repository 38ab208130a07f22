//! What happens in a run, step by step. Each step is data that makes sense on its own, so that any part of a schedule is
//! a schedule: that is what lets it shrink. A step that does not apply does nothing.

use super::setup::Setup;
use crate::{
    names::{FILTERS, PUBLISHABLE},
    random::Random,
};

/// One of the two directions of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the broker.
    Up,
    /// From the broker to the client.
    Down,
}

/// How a connection ends, and who hears of it when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both at once; so many bytes of those on their way arrive before.
    Reset(u16),
    /// Both, behind all that is on its way.
    Clean,
    /// The client at once; the broker behind so many bytes, when these arrive.
    ClientFirst(u16),
    /// The broker at once; the client behind so many bytes, when these arrive.
    BrokerFirst(u16),
}

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timers {
    /// Each timer is handled at its moment.
    OnTime,
    /// All that was due is handled at the end.
    Late,
    /// Before its moment as well.
    Early,
}

/// What a broken peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// Nothing but noise.
    Noise,
    /// A CONNECT with some bytes changed.
    BrokenConnect,
    /// A good CONNECT, then packets with some bytes changed.
    BrokenPackets,
    /// A good CONNECT, then noise.
    LateNoise,
}

/// Something that happens. `client` is taken modulo the number of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are named for what they say")]
pub enum Step {
    /// A program publishes; `size` bytes are added to the payload's number, or none of both if it is `u16::MAX`.
    Publish { client: u8, topic: u8, qos: u8, retain: bool, size: u16, expiry: u8 },
    /// The program that embeds the broker publishes.
    OwnPublish { topic: u8, qos: u8, retain: bool },
    /// A program subscribes to some filters that follow each other in the list of them.
    Subscribe { client: u8, filter: u8, count: u8, qos: u8, options: u8, identifier: u8 },
    /// A program unsubscribes.
    Unsubscribe { client: u8, filter: u8 },
    /// A program takes events.
    Poll { client: u8, count: u8 },
    /// A program acknowledges one of the messages that wait for it, or refuses it.
    Acknowledge { client: u8, place: u8, refuses: bool },
    /// A driver opens a transport, if one is wanted.
    Connect { client: u8 },
    /// Bytes to the broker: out of the client's outbox, and into the broker in pieces.
    Upload { client: u8, older: bool, write: u16, arrive: u16, piece: u8 },
    /// Bytes to the client: out of the broker's outbox, all of it or what the window takes, and into the client in pieces.
    Download { client: u8, older: bool, whole: bool, arrive: u16, piece: u8 },
    /// The broker's program answers its oldest question.
    Answer,
    /// Everybody does what can be done at once: all bytes arrive, all events are taken, all questions answered.
    Round,
    /// Time passes.
    Pass { millis: u16, timers: Timers },
    /// For some calls the clock shows an earlier time.
    Backwards { millis: u16, calls: u8 },
    /// A program says good-bye, or ends the connection such that its will is published.
    Leave { client: u8, with_will: bool },
    /// The broker's program ends a connection.
    Dismiss { client: u8 },
    /// A connection ends.
    Cut { client: u8, cut: Cut },
    /// A connection will end behind so many bytes more in one direction.
    CutAt { client: u8, way: Way, bytes: u16 },
    /// The sender of one direction closes it.
    HalfClose { client: u8, way: Way },
    /// One direction stands still, or goes on.
    Stall { client: u8, way: Way, stands: bool },
    /// A program starts again and knows nothing.
    RestartClient { client: u8, clean: bool, receive_maximum: u8 },
    /// The broker starts again and knows nothing.
    RestartBroker,
    /// Somebody connects who speaks nonsense.
    Garbage { what: Garbage, seed: u32, stays: bool },
}

type Draw = fn(&mut Random) -> Step;

/// The kinds of steps: how to draw one, how often it comes, and whether it is a fault, which a run may be without.
pub const KINDS: &[(Draw, u8, bool)] = &[
    (publish, 60, false),
    (own_publish, 3, false),
    (subscribe, 12, false),
    (unsubscribe, 4, false),
    (poll, 40, false),
    (acknowledge, 24, false),
    (|random| Step::Connect { client: client(random) }, 30, false),
    (upload, 60, false),
    (download, 50, false),
    (|_| Step::Answer, 20, false),
    (|_| Step::Round, 14, false),
    (pass, 12, false),
    (late, 3, true),
    (early, 3, true),
    (backwards, 3, true),
    (leave, 2, true),
    (|random| Step::Dismiss { client: client(random) }, 2, true),
    (cut, 5, true),
    (cut_at, 4, true),
    (half_close, 2, true),
    (stall, 5, true),
    (restart_client, 1, true),
    (|_| Step::RestartBroker, 1, true),
    (garbage, 2, true),
];

/// The steps of a run; fewer if there is nothing left to choose from.
#[must_use]
pub fn draw(setup: &Setup, random: &mut Random) -> Vec<Step> {
    let total: usize = setup.weights.iter().map(|weight| usize::from(*weight)).sum();
    // Nearly everybody begins connected, with some subscriptions.
    let mut steps: Vec<Step> =
        (0..setup.clients.len() as u8).map(|client| Step::Connect { client }).collect();
    steps.extend((0..2 * setup.clients.len()).map(|_| subscribe(random)));
    steps.extend([Step::Round; 3]);
    while steps.len() < setup.steps && !random.is_used_up() {
        let mut place = random.below(total);
        let kind = setup.weights.iter().position(|weight| {
            let is_here = place < usize::from(*weight);
            place = place.saturating_sub(usize::from(*weight));
            is_here
        });
        steps.extend(kind.and_then(|kind| KINDS.get(kind)).map(|(draw, ..)| draw(random)));
    }
    steps
}

fn client(random: &mut Random) -> u8 {
    random.below(60) as u8
}

fn way(random: &mut Random) -> Way {
    random.pick(&[Way::Up, Way::Down])
}

fn publish(random: &mut Random) -> Step {
    Step::Publish {
        client: client(random),
        topic: random.below(PUBLISHABLE) as u8,
        qos: random.pick(&[0, 1, 2, 2]),
        retain: random.one_in(5),
        size: match random.below(12) {
            0 => u16::MAX,
            1 => random.pick(&[80, 100, 350, 390, 1500]),
            _ => random.below(9) as u16,
        },
        // 250 s are longer than nearly every run.
        expiry: if random.one_in(5) { random.pick(&[1, 2, 3, 5, 8, 250]) } else { 0 },
    }
}

fn own_publish(random: &mut Random) -> Step {
    Step::OwnPublish {
        topic: random.below(PUBLISHABLE) as u8,
        qos: random.below(3) as u8,
        retain: random.one_in(3),
    }
}

fn subscribe(random: &mut Random) -> Step {
    Step::Subscribe {
        client: client(random),
        filter: random.below(FILTERS.len()) as u8,
        count: random.pick(&[1, 1, 2, 4]),
        qos: random.pick(&[0, 1, 2, 2]),
        options: random.below(12) as u8,
        identifier: random.pick(&[0, 0, 1, 2, 3]),
    }
}

fn unsubscribe(random: &mut Random) -> Step {
    Step::Unsubscribe { client: client(random), filter: random.below(FILTERS.len()) as u8 }
}

fn poll(random: &mut Random) -> Step {
    Step::Poll { client: client(random), count: random.pick(&[1, 2, 3, u8::MAX]) }
}

fn acknowledge(random: &mut Random) -> Step {
    Step::Acknowledge { client: client(random), place: random.below(20) as u8, refuses: random.one_in(6) }
}

fn upload(random: &mut Random) -> Step {
    Step::Upload {
        client: client(random),
        older: random.one_in(6),
        write: if random.one_in(4) { random.below(60) as u16 } else { u16::MAX },
        arrive: random.pick(&[0, 3, 40, 300, 2500, 2500]),
        piece: random.pick(&[1, 2, 7, 60, 90, 90]),
    }
}

fn download(random: &mut Random) -> Step {
    Step::Download {
        client: client(random),
        older: random.one_in(12),
        whole: !random.one_in(3),
        arrive: random.pick(&[0, 3, 40, 300, 2500, 2500]),
        piece: random.pick(&[1, 2, 7, 100, 255, 255]),
    }
}

fn pass(random: &mut Random) -> Step {
    let millis = if random.one_in(10) { random.below(8000) } else { random.below(900) };
    Step::Pass { millis: millis as u16, timers: Timers::OnTime }
}

fn late(random: &mut Random) -> Step {
    Step::Pass { millis: random.below(12_000) as u16, timers: Timers::Late }
}

fn early(random: &mut Random) -> Step {
    Step::Pass { millis: random.below(900) as u16, timers: Timers::Early }
}

fn backwards(random: &mut Random) -> Step {
    Step::Backwards { millis: random.below(5000) as u16, calls: 1 + random.below(20) as u8 }
}

fn leave(random: &mut Random) -> Step {
    Step::Leave { client: client(random), with_will: random.one_in(2) }
}

fn cut(random: &mut Random) -> Step {
    let bytes = random.pick(&[0, 1, 2, 10, 100, u16::MAX]);
    let cut = random.pick(&[Cut::Reset(bytes), Cut::Clean, Cut::ClientFirst(bytes), Cut::BrokerFirst(bytes)]);
    Step::Cut { client: client(random), cut }
}

fn cut_at(random: &mut Random) -> Step {
    Step::CutAt { client: client(random), way: way(random), bytes: random.below(300) as u16 }
}

fn half_close(random: &mut Random) -> Step {
    Step::HalfClose { client: client(random), way: way(random) }
}

fn stall(random: &mut Random) -> Step {
    Step::Stall { client: client(random), way: way(random), stands: random.one_in(2) }
}

fn restart_client(random: &mut Random) -> Step {
    Step::RestartClient {
        client: client(random),
        clean: !random.one_in(4),
        receive_maximum: random.pick(&[1, 3, 64]),
    }
}

fn garbage(random: &mut Random) -> Step {
    Step::Garbage {
        what: random.pick(&[
            Garbage::Noise,
            Garbage::BrokenConnect,
            Garbage::BrokenPackets,
            Garbage::LateNoise,
        ]),
        seed: random.below(1 << 32) as u32,
        stays: random.one_in(3),
    }
}
