//! What happened in the runs: how often each fault struck, and how often each rare branch was taken. A row that stays
//! empty over many runs says that the workload has a hole.

use std::fmt;

macro_rules! rows {
    ($($name:ident: $words:literal,)+) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Row {
            $(#[doc = $words] $name,)+
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
    CutReset: "cut: both ends lose what is on its way",
    CutClean: "cut: what is on its way arrives first",
    CutClientFirst: "cut: the client hears of it first (half-open)",
    CutBrokerFirst: "cut: the broker hears of it first (half-open)",
    CutAtByte: "cut: behind byte n of a stream",
    CutMidPacket: "cut: in the middle of a packet",
    HalfClosed: "one direction is closed, the other goes on",
    Stalled: "one direction stands still",
    Chopped: "a packet arrives byte by byte",
    Merged: "several packets arrive at once",
    TwoConnections: "two connections of one client are alive at once",
    ClientRestarted: "a client restarts without its session",
    BrokerRestarted: "the broker restarts without its sessions",
    GarbageFirst: "a peer sends garbage first",
    GarbageConnect: "a peer sends a broken CONNECT",
    GarbageLater: "a peer sends garbage after CONNACK",
    TimersLate: "timers are late",
    TimersEarly: "timers are early",
    ClockBackwards: "the clock runs backwards",
    StandStill: "ten steps at one instant",
    Takeover: "a client takes its session over from its older connection",
    TakeoverQoS2: "takeover while a QoS 2 message is in flight",
    SessionResumed: "a session is resumed",
    SessionExpired: "a session expires",
    SessionLost: "a client learns that its session is lost",
    SessionHole: "the CONNACK that tells of a lost session is lost",
    SmallerReceiveMaximum: "a session is resumed with a smaller Receive Maximum",
    QuotaExhausted: "as many messages are in flight as the receiver takes",
    PublishResent: "a PUBLISH is sent again (DUP)",
    PubRelResent: "a PUBREL is sent again on a resumed session",
    DuplicateQoS2Suppressed: "a repeated QoS 2 PUBLISH is not passed on again",
    DuplicateQoS1PassedOn: "a repeated QoS 1 PUBLISH is passed on again",
    AliasReused: "a PUBLISH with a topic alias alone",
    OversizeRefused: "a message is too large for the server",
    OversizeDropped: "a message is too large for a subscriber",
    OversizeDiscarded: "a client discards a packet above its limit",
    WriteRefused: "a client's queue is full",
    WritableAgain: "a client's queue has room again",
    QueueFull: "a slow subscriber loses a message",
    MessageExpired: "a message expires in its client's queue",
    OutcomeUnknown: "the fate of a message is unknown, since its session was lost",
    PublishForbidden: "the program forbids a publish",
    SubscribeRefused: "a subscription is refused",
    QuestionOrphaned: "a connection ends while a question about it is open",
    WillAtOnce: "a will is published at once",
    WillDelayed: "a will is published after its delay",
    WillAtSessionEnd: "a will is published at its session's end",
    WillCancelled: "a will that waits is cancelled",
    RetainedReplaced: "a retained message is replaced",
    RetainedCleared: "a retained message is cleared",
    RetainedExpired: "a retained message expires",
    RetainedFull: "the retained store is full",
    RetainedReplayed: "a retained message reaches a new subscriber",
    NoLocal: "a client does not get its own message (No Local)",
    Overlapping: "one copy for several subscriptions",
    SharedRedistributed: "a shared message is handed on to another member",
    Acknowledged0x80: "a subscriber refuses a message",
    KeepAliveEnds: "the broker ends a connection that is silent",
    PingTimeout: "a client ends a connection that is silent",
    ConnectTimeout: "a connection ends before it was accepted",
    NoCapacity: "the broker has no room for a connection",
    InputPaused: "a client stops reading, since its program is slow",
    OwnMessage: "the embedding program publishes",
    Dismissed: "the embedding program ends a connection",
    // From here on: what only whole hosts show.
    Partition: "network: a link is partitioned",
    OneWay: "network: a link is partitioned in one direction",
    Hold: "network: a link stands still and delivers later",
    Loss: "network: a link loses segments",
    Slow: "network: a link gets slow",
    ClientCrash: "a client crashes (FIN or RST)",
    ClientPowerLoss: "a client loses its power (silence)",
    BrokerCrash: "the broker crashes (FIN or RST)",
    BrokerPowerLoss: "the broker loses its power (silence)",
    BrokerTold: "the broker is told to stop, and starts again",
    RelayCrash: "the relay crashes (FIN or RST)",
    RelayPowerLoss: "the relay loses its power (silence)",
    ConnectFailed: "an attempt to connect fails",
    ConnectionLost: "a client loses its connection",
    SessionBegun: "a program begins a session",
    SessionKept: "a program that starts again goes on with its session",
    Resubscribed: "a client subscribes again by itself",
    Left: "a client says good-bye",
    Dozed: "a program does not look for events for a while",
    AnsweredLater: "a question is answered later",
    SharedDelivered: "a shared message is delivered",
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
