//! What happened in the runs: how often each fault struck, and how often each rare branch was taken. A row that stays
//! empty over many runs says that the workload has a hole.

use std::fmt;

macro_rules! rows {
    ($($(#[doc = $doc:literal])+ $name:ident: $words:literal,)+) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Row {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Row {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// In words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

rows! {
    /// Cut: both ends lose what is on its way.
    CutReset: "cut: both ends lose what is on its way",
    /// Cut: what is on its way arrives first.
    CutClean: "cut: what is on its way arrives first",
    /// Cut: the client hears of it first (half-open).
    CutClientFirst: "cut: the client hears of it first (half-open)",
    /// Cut: the broker hears of it first (half-open).
    CutBrokerFirst: "cut: the broker hears of it first (half-open)",
    /// Cut: behind byte n of a stream.
    CutAtByte: "cut: behind byte n of a stream",
    /// Cut: in the middle of a packet.
    CutMidPacket: "cut: in the middle of a packet",
    /// One direction is closed, the other goes on.
    HalfClosed: "one direction is closed, the other goes on",
    /// One direction stands still.
    Stalled: "one direction stands still",
    /// A packet arrives byte by byte.
    Chopped: "a packet arrives byte by byte",
    /// Several packets arrive at once.
    Merged: "several packets arrive at once",
    /// Two connections of one client are alive at once.
    TwoConnections: "two connections of one client are alive at once",
    /// A client restarts without its session.
    ClientRestarted: "a client restarts without its session",
    /// The broker restarts without its sessions.
    BrokerRestarted: "the broker restarts without its sessions",
    /// A peer sends garbage first.
    GarbageFirst: "a peer sends garbage first",
    /// A peer sends a broken CONNECT.
    GarbageConnect: "a peer sends a broken CONNECT",
    /// A peer sends garbage after CONNACK.
    GarbageLater: "a peer sends garbage after CONNACK",
    /// Timers are late.
    TimersLate: "timers are late",
    /// Timers are early.
    TimersEarly: "timers are early",
    /// The clock runs backwards.
    ClockBackwards: "the clock runs backwards",
    /// Ten steps at one instant.
    StandStill: "ten steps at one instant",
    /// A client takes its session over from its older connection.
    Takeover: "a client takes its session over from its older connection",
    /// Takeover while a QoS 2 message is in flight.
    TakeoverQoS2: "takeover while a QoS 2 message is in flight",
    /// A session is resumed.
    SessionResumed: "a session is resumed",
    /// A session expires.
    SessionExpired: "a session expires",
    /// A client learns that its session is lost.
    SessionLost: "a client learns that its session is lost",
    /// The CONNACK that tells of a lost session is lost.
    SessionHole: "the CONNACK that tells of a lost session is lost",
    /// A session is resumed with a smaller Receive Maximum.
    SmallerReceiveMaximum: "a session is resumed with a smaller Receive Maximum",
    /// As many messages are in flight as the receiver takes.
    QuotaExhausted: "as many messages are in flight as the receiver takes",
    /// A PUBLISH is sent again (DUP).
    PublishResent: "a PUBLISH is sent again (DUP)",
    /// A PUBREL is sent again on a resumed session.
    PubRelResent: "a PUBREL is sent again on a resumed session",
    /// A repeated QoS 2 PUBLISH is not passed on again.
    DuplicateQoS2Suppressed: "a repeated QoS 2 PUBLISH is not passed on again",
    /// A repeated QoS 1 PUBLISH is passed on again.
    DuplicateQoS1PassedOn: "a repeated QoS 1 PUBLISH is passed on again",
    /// A PUBLISH with a topic alias alone.
    AliasReused: "a PUBLISH with a topic alias alone",
    /// A message is too large for the server.
    OversizeRefused: "a message is too large for the server",
    /// A message is too large for a subscriber.
    OversizeDropped: "a message is too large for a subscriber",
    /// A client discards a packet above its limit.
    OversizeDiscarded: "a client discards a packet above its limit",
    /// A client's queue is full.
    WriteRefused: "a client's queue is full",
    /// A client's queue has room again.
    WritableAgain: "a client's queue has room again",
    /// A slow subscriber loses a message.
    QueueFull: "a slow subscriber loses a message",
    /// A message expires in its client's queue.
    MessageExpired: "a message expires in its client's queue",
    /// The fate of a message is unknown, since its session was lost.
    OutcomeUnknown: "the fate of a message is unknown, since its session was lost",
    /// The program forbids a publish.
    PublishForbidden: "the program forbids a publish",
    /// A subscription is refused.
    SubscribeRefused: "a subscription is refused",
    /// A connection ends while a question about it is open.
    QuestionOrphaned: "a connection ends while a question about it is open",
    /// A will is published at once.
    WillAtOnce: "a will is published at once",
    /// A will is published after its delay.
    WillDelayed: "a will is published after its delay",
    /// A will is published at its session's end.
    WillAtSessionEnd: "a will is published at its session's end",
    /// A will that waits is cancelled.
    WillCancelled: "a will that waits is cancelled",
    /// A retained message is replaced.
    RetainedReplaced: "a retained message is replaced",
    /// A retained message is cleared.
    RetainedCleared: "a retained message is cleared",
    /// A retained message expires.
    RetainedExpired: "a retained message expires",
    /// The retained store is full.
    RetainedFull: "the retained store is full",
    /// A retained message reaches a new subscriber.
    RetainedReplayed: "a retained message reaches a new subscriber",
    /// A client does not get its own message (No Local).
    NoLocal: "a client does not get its own message (No Local)",
    /// One copy for several subscriptions.
    Overlapping: "one copy for several subscriptions",
    /// A shared message is handed on to another member.
    SharedRedistributed: "a shared message is handed on to another member",
    /// A subscriber refuses a message.
    Acknowledged0x80: "a subscriber refuses a message",
    /// The broker ends a connection that is silent.
    KeepAliveEnds: "the broker ends a connection that is silent",
    /// A client ends a connection that is silent.
    PingTimeout: "a client ends a connection that is silent",
    /// A connection ends before it was accepted.
    ConnectTimeout: "a connection ends before it was accepted",
    /// The broker has no room for a connection.
    NoCapacity: "the broker has no room for a connection",
    /// A client stops reading, since its program is slow.
    InputPaused: "a client stops reading, since its program is slow",
    /// The embedding program publishes.
    OwnMessage: "the embedding program publishes",
    /// The embedding program ends a connection.
    Dismissed: "the embedding program ends a connection",
    // From here on: what only whole hosts show.
    /// Network: a link is partitioned.
    Partition: "network: a link is partitioned",
    /// Network: a link is partitioned in one direction.
    OneWay: "network: a link is partitioned in one direction",
    /// Network: a link stands still and delivers later.
    Hold: "network: a link stands still and delivers later",
    /// Network: a link loses segments.
    Loss: "network: a link loses segments",
    /// Network: a link gets slow.
    Slow: "network: a link gets slow",
    /// A client crashes (FIN or RST).
    ClientCrash: "a client crashes (FIN or RST)",
    /// A client loses its power (silence).
    ClientPowerLoss: "a client loses its power (silence)",
    /// The broker crashes (FIN or RST).
    BrokerCrash: "the broker crashes (FIN or RST)",
    /// The broker loses its power (silence).
    BrokerPowerLoss: "the broker loses its power (silence)",
    /// The broker is told to stop, and starts again.
    BrokerTold: "the broker is told to stop, and starts again",
    /// The relay crashes (FIN or RST).
    RelayCrash: "the relay crashes (FIN or RST)",
    /// The relay loses its power (silence).
    RelayPowerLoss: "the relay loses its power (silence)",
    /// An attempt to connect fails.
    ConnectFailed: "an attempt to connect fails",
    /// A client loses its connection.
    ConnectionLost: "a client loses its connection",
    /// A program begins a session.
    SessionBegun: "a program begins a session",
    /// A program that starts again goes on with its session.
    SessionKept: "a program that starts again goes on with its session",
    /// A client subscribes again by itself.
    Resubscribed: "a client subscribes again by itself",
    /// A client says good-bye.
    Left: "a client says good-bye",
    /// A program does not look for events for a while.
    Dozed: "a program does not look for events for a while",
    /// A question is answered later.
    AnsweredLater: "a question is answered later",
    /// A shared message is delivered.
    SharedDelivered: "a shared message is delivered",
    /// The last round of messages needs another one.
    ProbedAgain: "the last round of messages needs another one",
}

impl Row {
    /// Those of the rings of state machines; the others are about whole hosts.
    pub const MACHINES: &[Self] = Self::ALL.split_at(Self::Partition as usize).0;
}

/// How often each happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    counts: [u64; Row::ALL.len()],
}

impl Default for Coverage {
    fn default() -> Self {
        Self { counts: [0; Row::ALL.len()] }
    }
}

impl Coverage {
    /// It happened once more.
    pub const fn count(&mut self, row: Row) {
        self.counts[row as usize] += 1;
    }

    /// It happened once more, if so.
    pub const fn count_if(&mut self, condition: bool, row: Row) {
        self.counts[row as usize] += condition as u64;
    }

    /// How often it happened.
    #[must_use]
    pub const fn of(&self, row: Row) -> u64 {
        self.counts[row as usize]
    }

    /// Adds those of other runs.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
    }

    /// Which of these never happened.
    pub fn missing<'a>(&'a self, rows: &'a [Row]) -> impl Iterator<Item = Row> + 'a {
        rows.iter().copied().filter(|row| self.of(*row) == 0)
    }

    /// A table, one row a line.
    #[must_use]
    pub const fn table<'a>(&'a self, rows: &'a [Row]) -> Table<'a> {
        Table { coverage: self, rows }
    }
}

/// Rows with their counts.
#[derive(Debug)]
pub struct Table<'a> {
    coverage: &'a Coverage,
    rows: &'a [Row],
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|row| {
            let count = self.coverage.of(*row);
            writeln!(f, "{count:>12}  {}{}", row.words(), if count == 0 { "  <- never" } else { "" })
        })
    }
}
