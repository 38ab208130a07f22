//! What a subscriber to everything hears.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{
    process::Process,
    programs::{Broker, Version},
};

/// No board takes longer for all of it; one that starts again and again would talk for ever.
const LONGEST: Duration = Duration::from_secs(300);

/// The subscriber, and what it has heard so far.
pub(crate) struct Heard {
    subscriber: Process,
    since: Instant,
    /// The counter's undamaged numbers.
    numbers: BTreeSet<u32>,
    /// How often the board said that it was connected, as it counts.
    connections: Vec<u32>,
    memory: BTreeMap<String, u32>,
}

impl Heard {
    /// Subscribes, and waits until that holds.
    pub(crate) fn listen(broker: &Broker) -> Self {
        broker.publish(Version::V5, &["-t", "ready", "-m", "ready", "-r"]);
        let mut subscriber =
            Process::start(&mut broker.mqtt("sub", Version::V5, &["-t", "#", "-v", "-q", "1"]));
        subscriber.wait_for("ready ready");
        Self {
            subscriber,
            since: Instant::now(),
            numbers: BTreeSet::new(),
            connections: Vec::new(),
            memory: BTreeMap::new(),
        }
    }

    /// The next message: its topic and its payload.
    pub(crate) fn next(&mut self) -> String {
        let line = self.subscriber.next_line();
        assert!(self.since.elapsed() < LONGEST, "it takes too long; last: {line:?}");
        if let Some((topic, payload)) = line.split_once(' ') {
            self.note(topic, payload);
        }
        line
    }

    fn note(&mut self, topic: &str, payload: &str) {
        match topic {
            "counter" => self.numbers.extend(number(payload)),
            "board" => {
                let count = payload.strip_prefix("online ").and_then(|count| count.parse::<u32>().ok());
                self.connections.extend(count);
            }
            "memory" => {
                let words: Vec<&str> = payload.split(' ').collect();
                let pairs =
                    words.chunks(2).filter_map(|pair| Some((pair[0].to_owned(), pair.get(1)?.parse().ok()?)));
                self.memory = pairs.collect();
            }
            _ => {}
        }
    }

    /// Waits for this message.
    pub(crate) fn until(&mut self, message: &str) {
        while self.next() != message {}
    }

    /// Waits for so many numbers that are higher than all before.
    pub(crate) fn numbers(&mut self, count: u32) {
        let goal = self.numbers.last().map_or(0, |last| *last) + count;
        while self.numbers.last().is_none_or(|last| *last < goal) {
            self.next();
        }
    }

    /// How many numbers were heard.
    pub(crate) fn count(&self) -> usize {
        self.numbers.len()
    }

    /// How many connections the board made.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.last().map_or(0, |last| *last)
    }

    /// Panics if a number is missing, or if the board started again, after which it counts anew.
    pub(crate) fn assert_complete(&self) {
        let last = self.numbers.last().map_or(0, |last| *last);
        let missing: Vec<u32> = (1..=last).filter(|number| !self.numbers.contains(number)).collect();
        assert!(missing.is_empty(), "{missing:?} of {last} are missing");
        assert!(self.connections.is_sorted(), "it started again: {:?}", self.connections);
    }

    /// What the board says of its memory, next.
    pub(crate) fn memory(&mut self) -> BTreeMap<String, u32> {
        while !self.next().starts_with("memory ") {}
        self.memory.clone()
    }
}

/// A number, if its check digits fit.
fn number(payload: &str) -> Option<u32> {
    let (number, check) = payload.split_once(' ')?;
    (check.parse() == Ok(crc_16(number.as_bytes()))).then(|| number.parse().ok())?
}

/// CRC-16/CCITT-FALSE.
fn crc_16(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFF_u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            let carry = crc & 0x8000 != 0;
            crc = crc << 1 ^ if carry { 0x1021 } else { 0 };
        }
    }
    crc
}
