//! What all stages share: virtual time, the diary, and how packets of a machine are compared with what a script expects.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use mqtt_engine::{Timestamp, Transport, packet::ProtocolVersion};

use super::Said;
use crate::{Diary, Packets, Passage, Seen, packets, words};

/// Writes the diary, at the time of the flow.
#[derive(Debug, Default)]
pub(super) struct Scribe {
    pub(super) diary: Diary,
    pub(super) now: Timestamp,
    /// What was last written of each party's deadline and of its wish about the transport.
    known: BTreeMap<(String, &'static str), String>,
}

/// A flow whose timers fire more often than this makes no progress.
pub(super) const MOST_TIMERS: usize = 1000;

/// Machines in virtual time.
pub(super) trait Timed {
    fn scribe(&self) -> &Scribe;
    /// When the next timer is due.
    fn due(&self) -> Option<Timestamp>;
    /// It is this late now.
    fn pass(&mut self, now: Timestamp);
    /// Takes what the machines have to tell, until they have nothing more.
    fn settle(&mut self);

    /// So much time passes; timers fire when they are due.
    fn let_pass(&mut self, span: Duration) {
        let until = self.scribe().now + span;
        for _ in 0..MOST_TIMERS {
            self.settle();
            match self.due() {
                Some(due) if due <= until => self.pass(due.max(self.scribe().now)),
                _ => {
                    self.pass(until);
                    return self.settle();
                }
            }
        }
        self.scribe().fail("a deadline that doesn't move");
    }
}

impl Scribe {
    pub(super) fn event(&mut self, who: &str, words: impl Into<String>) {
        self.diary.event(self.now, who, words);
    }

    pub(super) fn call(&mut self, who: &str, words: impl Into<String>) {
        self.diary.tell(self.now, who, "call", words);
    }

    pub(super) fn note(&mut self, words: impl Into<String>) {
        self.diary.note(self.now, words);
    }

    pub(super) fn packet(&mut self, from: &str, to: &str, seen: Seen, passage: Passage) {
        self.diary.packet(self.now, from, to, seen, passage);
    }

    /// The deadline of a machine, if it is another one than before.
    pub(super) fn deadline(&mut self, who: &str, deadline: Option<(Timestamp, String)>) {
        let has_waited = self.known.contains_key(&(who.into(), "deadline"));
        if (has_waited || deadline.is_some()) && self.is_news(who, "deadline", format!("{deadline:?}")) {
            let words = deadline.as_ref().map(|(when, why)| (*when, why.as_str()));
            self.diary.deadline(self.now, who, words);
        }
    }

    /// What a machine wants of its transport, if it is something else than before.
    pub(super) fn transport(&mut self, who: &str, transport: Transport) {
        let wish = words::transport(transport, self.now);
        if self.is_news(who, "transport", format!("{wish:?}"))
            && let Some(wish) = wish
        {
            self.diary.tell(self.now, who, "transport", wish);
        }
    }

    fn is_news(&mut self, who: &str, kind: &'static str, words: String) -> bool {
        self.known.insert((who.into(), kind), words.clone()) != Some(words)
    }

    /// Ends the script; what happened before says why.
    pub(super) fn fail(&self, what: impl core::fmt::Display) -> ! {
        panic!("{what}\n\n{}", self.diary)
    }
}

/// A machine's end of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    /// What the machine has written and the script has not looked at.
    pub(super) written: Packets,
    /// What the machine does not read yet.
    pub(super) unread: VecDeque<u8>,
}

impl Wire {
    pub(super) const fn new(version: ProtocolVersion) -> Self {
        Self { written: Packets::new(version), unread: VecDeque::new() }
    }

    /// The script sends a packet, or its first bytes.
    pub(super) fn send(&mut self, said: &Said, count: usize, ends: [&str; 2], scribe: &mut Scribe) {
        let seen = self.seen(said);
        let passage = match count {
            0 => Passage::Lost,
            count if count < seen.bytes.len() => Passage::First(count),
            _ => Passage::Whole,
        };
        self.unread.extend(seen.bytes.iter().take(count));
        scribe.packet(ends[0], ends[1], seen, passage);
    }

    /// The next packet of the machine, which must be the expected one.
    pub(super) fn take(&mut self, expected: &Said, passage: Passage, ends: [&str; 2], scribe: &mut Scribe) {
        let expected = self.seen(expected);
        match self.written.next() {
            Some(seen) if seen == expected => scribe.packet(ends[0], ends[1], seen, passage),
            Some(seen) => {
                scribe.fail(format_args!("{} says {seen:?} to {}, not {expected:?}", ends[0], ends[1]))
            }
            None => scribe.fail(format_args!("{} says nothing to {}, not {expected:?}", ends[0], ends[1])),
        }
    }

    /// What the machine has written and nobody took is lost with the connection.
    pub(super) fn lose_the_rest(&mut self, ends: [&str; 2], scribe: &mut Scribe) {
        for seen in self.written.by_ref() {
            scribe.packet(ends[0], ends[1], seen, Passage::Lost);
        }
        *self = Self::new(self.written.version());
    }

    fn seen(&self, said: &Said) -> Seen {
        let version = self.written.version();
        let bytes = said.wire(version);
        Seen { words: packets::words(&bytes, version), bytes }
    }

    /// The machine must have written nothing that the script has not looked at.
    pub(super) fn expect_nothing(&mut self, ends: [&str; 2], scribe: &Scribe) {
        if let Some(seen) = self.written.next() {
            scribe.fail(format_args!("{} says {seen:?} to {}, nothing was expected", ends[0], ends[1]));
        }
    }
}
