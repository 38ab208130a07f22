//! What happened in the runs of this ring, and how often. A row that stays empty says that the workload has a hole.

use std::{collections::BTreeMap, fmt};

macro_rules! rows {
    ($($name:ident: $words:literal,)+) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "`words` says it")]
        pub enum Row {
            $($name,)+
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
    Partition: "network: a link is partitioned",
    OneWay: "network: a link is partitioned in one direction",
    Hold: "network: a link stands still and delivers later",
    Loss: "network: a link loses segments",
    Slow: "network: a link gets slow",
    ClientCrash: "a client crashes (FIN or RST)",
    ClientPowerLoss: "a client loses its power (silence)",
    BrokerCrash: "the broker crashes (FIN or RST)",
    BrokerPowerLoss: "the broker loses its power (silence)",
    BrokerRestart: "the broker is told to stop, and starts again",
    RelayCrash: "the relay crashes",
    RelayPowerLoss: "the relay loses its power",
    CutInsidePacket: "relay: cut inside a packet",
    CutBetweenPackets: "relay: cut between packets",
    Stalled: "relay: one direction falls silent",
    HalfClosed: "relay: one direction is closed, the other stays open",
    ChoppedClient: "a client's stream is chopped",
    ChoppedBroker: "the broker's streams are chopped",
    ConnectFailed: "a client's attempt to connect fails",
    Disconnected: "a client loses its connection",
    PingTimeout: "a client ends a connection that is silent",
    KeepAliveTimeout: "the broker ends a connection that is silent",
    ConnectTimeout: "a connection ends before it was accepted",
    Takeover: "a client takes its session over from its older connection",
    SessionBegun: "a program begins a session",
    SessionResumed: "a client resumes its session",
    SessionLost: "a client learns that its session is lost",
    Resubscribed: "a client subscribes again by itself",
    SessionKept: "a program that starts again goes on with its session",
    Left: "a client says good-bye",
    Dozed: "a program does not look for events for a while",
    Blocked: "a client's queue is full",
    Writable: "a client's queue has room again",
    Resent: "a subscriber gets a message that is marked as sent again",
    AcceptedAgain: "a QoS 1 message is accepted twice",
    Unknown: "the fate of a message is unknown, since its session was lost",
    Expired: "a message expires in its client's queue",
    Forbidden: "the program forbids a publish",
    AnsweredLater: "a question is answered later",
    Dropped: "a slow subscriber loses a message",
    WillAtOnce: "a will is published at once",
    WillDelayed: "a will is published after its delay",
    WillCancelled: "a will that waits is cancelled",
    RetainedReplayed: "a retained message reaches a new subscriber",
    RetainedCleared: "a retained message is cleared",
    SharedDelivered: "a shared message is delivered",
    ProbedAgain: "the last round of messages needs another one",
}

/// How often each happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<Row, u64>);

impl Coverage {
    /// It happened once more.
    pub fn count(&mut self, row: Row) {
        *self.0.entry(row).or_default() += 1;
    }

    /// It happened once more, if so.
    pub fn count_if(&mut self, condition: bool, row: Row) {
        if condition {
            self.count(row);
        }
    }

    /// How often it happened.
    #[must_use]
    pub fn of(&self, row: Row) -> u64 {
        self.0.get(&row).copied().unwrap_or_default()
    }

    /// Adds those of other runs.
    pub fn add(&mut self, other: &Self) {
        for (row, count) in &other.0 {
            *self.0.entry(*row).or_default() += count;
        }
    }

    /// Which never happened.
    pub fn missing(&self) -> impl Iterator<Item = Row> {
        Row::ALL.iter().copied().filter(|row| self.of(*row) == 0)
    }
}

/// A table, one row a line.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Row::ALL.iter().try_for_each(|row| {
            let mark = if self.of(*row) == 0 { "  <- never" } else { "" };
            writeln!(f, "  {:>12}  {}{mark}", self.of(*row), row.words())
        })
    }
}
