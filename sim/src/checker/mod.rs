//! The packet checker: is told what one party of a conversation wrote and read, and names the statements that it violated.
//!
//! It is a state machine of its own. Of the engine it uses the packet codec, the framing and their vocabulary, none of the
//! state machines that it is to judge. MQTT 3.1, 3.1.1 and 5.0 are judged; [`Rule`] lists what is judged, with the statements.
//!
//! One checker watches one party (client or server) of one session (one client identifier), over all network connections of
//! that session. Only that party is judged: for what it wrote, given all that it wrote and read before. What it reads may be
//! anything: the checker notes that the party must close then, and reads no further.
//!
//! # How to tell it
//!
//! - [`wrote`](Checker::wrote): what the party *decides* to write, at that moment, whether or not it ever arrives. With a
//!   machine that has an outbox: what is new in the outbox after each call, before the next call, older connections first.
//!   What stands in the outbox when the transport ends was written, too, in the party's eyes. A packet that is not complete
//!   when its connection ends was not sent.
//! - [`read`](Checker::read): what the party took from its transport and looks at, before what it writes because of it. Bytes that
//!   it discards, since it has given the connection up, are not read. Several packets may be told at once, so what the party
//!   writes at the same moment as it reads what makes it close is not held against it.
//! - [`gave_up`](Checker::gave_up): when the party wants its transport closed.
//! - [`time`](Checker::time): now and then, at the moments at which the party is called anyway.
//! - [`settled`](Checker::settled): once nothing more is under way. Whatever is owed then is a violation.
//!
//! If the party can only be seen from outside ([`View::Wire`]), the checker takes as right what it can't know.
//!
//! # What it leaves to others
//!
//! Whatever takes more than one session to judge: which messages are routed to whom, with which QoS, RETAIN flag and
//! properties, retained messages, wills, No Local, expiry of messages, uniqueness of identifiers. And what the specification
//! only recommends, but for what [`Settings::strict`] names.
//!
//! # How it is built
//!
//! | file | |
//! |---|---|
//! | `rules` | the table: rules and statements |
//! | `report` | violations |
//! | `session` | what outlives a connection |
//! | `link`, `limits` | what is known of one connection, and of what each side announced on it |
//! | `scene` | takes each packet to its rules |
//! | `handshake`, `authentication`, `ending` | CONNECT and CONNACK; AUTH; DISCONNECT and what follows it |
//! | `sending`, `acknowledged` | messages of the party: identifiers, DUP, resends, their order, quota; PUBREL |
//! | `answers` | what the party owes for what it has read, and its answers |
//! | `requests` | SUBSCRIBE and UNSUBSCRIBE |
//! | `content` | sizes, topic aliases and what else the peer has announced |
//! | `clock` | keep alive |
//! | `debts` | what is still owed |

#![expect(clippy::std_instead_of_alloc, reason = "std is needed anyway")]

mod acknowledged;
mod answers;
mod authentication;
mod clock;
mod content;
mod debts;
mod ending;
mod handshake;
mod limits;
mod link;
mod report;
mod requests;
mod rules;
mod scene;
mod sending;
mod session;

use core::{mem, time::Duration};
use std::collections::BTreeMap;

use bytes::Buf;
use mqtt_engine::{
    Timestamp,
    framing::{Framing, Span},
    packet::DecodeError,
};

use self::{link::Link, report::Report, scene::Scene, session::Session};
pub use self::{report::Violation, rules::Rule};

/// Which side of the conversation is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two")]
pub enum Role {
    /// The one that sends CONNECT.
    Client,
    /// The one that answers it.
    Server,
}

/// How much the checker is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "told by the party, or not")]
pub enum View {
    /// Everything, from the beginning of the session on, at the moment at which the party does it: a simulation.
    #[default]
    Whole,
    /// What passes on a wire. The session may be older, packets that the party wrote may have been lost before they could be
    /// seen, and the party may have written a packet before it read one that was seen earlier.
    Wire,
}

/// What is asked of the party beside the specification, and how exactly its time is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How much the checker is told.
    pub view: View,
    /// Whether a server, too, must answer messages in the order in which they came (section 4.6 demands it of clients only).
    /// Default: `true`.
    pub strict: bool,
    /// Whether a client may go on after a CONNACK with session present where there can be no session, as real servers send it.
    /// Default: `false`.
    pub tolerates_session_present: bool,
    /// Whether a server has promised to keep each session until it expires, so that session not present is a violation.
    /// Default: `false`; a server may drop sessions for want of room, for instance.
    pub keeps_sessions: bool,
    /// By how much the party may miss a deadline, since its driver comes late. Default: 1 second.
    pub lateness: Duration,
    /// How long a connection may stay open that the party must close; `None`: not judged, which is the default, since the last
    /// bytes may be held up by a peer that does not read.
    pub closes_within: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            view: View::Whole,
            strict: true,
            tolerates_session_present: false,
            keeps_sessions: false,
            lateness: Duration::from_secs(1),
            closes_within: None,
        }
    }
}

/// Judges one party of one session; see the [module](self) for how to tell it what happens.
#[derive(Debug)]
pub struct Checker {
    role: Role,
    settings: Settings,
    now: Timestamp,
    links: BTreeMap<u64, Wire>,
    session: Session,
    violations: Vec<Violation>,
}

/// A connection with its two streams.
#[derive(Debug)]
struct Wire {
    written: Stream,
    read: Stream,
    link: Link,
}

/// One direction of a connection.
#[derive(Debug)]
struct Stream {
    framing: Framing,
    /// Whether it can't be taken apart any more.
    is_broken: bool,
}

impl Checker {
    /// A checker of a party that has no session yet, with the default settings.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self::with_settings(role, Settings::default())
    }

    /// The same with other settings.
    #[must_use]
    pub fn with_settings(role: Role, settings: Settings) -> Self {
        Self {
            role,
            session: Session::new(settings.view),
            settings,
            now: Timestamp::ZERO,
            links: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    /// The settings; a change is in force from the next call on.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// A network connection begins. Several may be alive at once; `link` is the caller's name for it, never used again.
    pub fn opened(&mut self, link: u64, now: Timestamp) {
        self.time(now);
        self.open(link);
    }

    /// The party wrote bytes, in pieces of any size. An unknown connection begins with them.
    pub fn wrote(&mut self, link: u64, bytes: &[u8], now: Timestamp) {
        self.time(now);
        self.take(link, bytes, |wire| &mut wire.written, |scene, packet| scene.wrote(packet));
    }

    /// The party took bytes from its transport and looked at them, in pieces of any size.
    pub fn read(&mut self, link: u64, bytes: &[u8], now: Timestamp) {
        self.time(now);
        self.take(link, bytes, |wire| &mut wire.read, |scene, packet| scene.read(packet));
    }

    /// The party has given a connection up and waits for its end, though it may not have said so on the connection: from now on
    /// it need not look at what it gets, nor owe anything. To be told as soon as it is known, if at all.
    pub fn gave_up(&mut self, link: u64, now: Timestamp) {
        self.time(now);
        self.with(link, |scene| scene.gave_up());
    }

    /// A network connection is over, whoever ended it. What is told of it later is ignored.
    pub fn closed(&mut self, link: u64, now: Timestamp) {
        self.time(now);
        self.with(link, |scene| scene.closed());
        self.links.remove(&link);
    }

    /// The party has lost its state: it was started again without its session. Its connections are to be closed as well.
    pub fn forgot(&mut self, now: Timestamp) {
        self.time(now);
        self.session = self.session.next(View::Whole);
        for wire in self.links.values_mut() {
            wire.link.is_over_since.get_or_insert(self.now);
        }
    }

    /// Time passes. All other calls do this, too.
    pub fn time(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let Self { role, settings, links, session, violations, now } = self;
        for Wire { link, .. } in links.values_mut() {
            scene(*role, settings, *now, link, session, violations).check_time();
        }
    }

    /// Nothing more is under way: the party has had every chance to do what it owes on its live connections. Reports the rest as
    /// violations.
    pub fn settled(&mut self, now: Timestamp) {
        self.time(now);
        let Self { role, settings, links, session, violations, now } = self;
        for Wire { link, .. } in links.values_mut() {
            scene(*role, settings, *now, link, session, violations).report_debts();
        }
    }

    /// What the party owes on its live connections: the rule that it breaks if it never does it, and the packet identifier, or 0
    /// where there is none.
    #[must_use]
    pub fn owed(&self) -> Vec<(Rule, u16)> {
        self.links.values().flat_map(|wire| debts::owed(self.role, &wire.link, &self.session)).collect()
    }

    /// How many QoS 1 and 2 messages of the party are not acknowledged to the end.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.session.unfinished()
    }

    /// What was violated since the last call, oldest first.
    pub fn violations(&mut self) -> Vec<Violation> {
        mem::take(&mut self.violations)
    }

    fn open(&mut self, link: u64) {
        self.links.entry(link).or_insert_with(|| Wire {
            written: Stream::new(),
            read: Stream::new(),
            link: Link::new(link),
        });
    }

    /// Finds the packets in bytes of one stream and shows each to its rules.
    fn take(
        &mut self,
        link: u64,
        mut bytes: &[u8],
        side: fn(&mut Wire) -> &mut Stream,
        then: fn(&mut Scene<'_>, Result<&[u8], DecodeError>),
    ) {
        self.open(link);
        while let Some(wire) = self.links.get_mut(&link)
            && !side(wire).is_broken
        {
            let next = side(wire).framing.next(&mut bytes);
            side(wire).is_broken = next.is_err();
            let packet = match next {
                Ok(None) => return,
                Ok(Some(Span::InPlace(size))) => {
                    let (packet, rest) = bytes.split_at(size);
                    bytes = rest;
                    Ok(packet)
                }
                Ok(Some(Span::Assembled(packet) | Span::Skipped { prefix: packet, .. })) => {
                    self.with(link, |scene| then(scene, Ok(packet.chunk())));
                    continue;
                }
                Err(error) => Err(error),
            };
            self.with(link, |scene| then(scene, packet));
        }
    }

    fn with(&mut self, link: u64, then: impl FnOnce(&mut Scene<'_>)) {
        let Self { role, settings, links, session, violations, now } = self;
        let Some(wire) = links.get_mut(&link) else { return };
        then(&mut scene(*role, settings, *now, &mut wire.link, session, violations));
        if let Some(older) = session.taken_over.take()
            && let Some(wire) = links.get_mut(&older)
        {
            scene(*role, settings, *now, &mut wire.link, session, violations).taken_over();
        }
    }
}

fn scene<'a>(
    role: Role,
    settings: &'a Settings,
    now: Timestamp,
    link: &'a mut Link,
    session: &'a mut Session,
    violations: &'a mut Vec<Violation>,
) -> Scene<'a> {
    let report = Report::new(role, link.version, link.id, now, violations);
    Scene { role, settings, now, link, session, report }
}

impl Stream {
    const fn new() -> Self {
        Self { framing: Framing::new(usize::MAX), is_broken: false }
    }
}
