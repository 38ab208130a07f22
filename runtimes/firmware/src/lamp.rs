//! The program: a lamp that is switched from afar and tells what it does.

use core::time::Duration;

use bytes::Bytes;
use mqtt_engine::{Client, ClientEvent, Message, Timestamp};

use crate::{
    board,
    counter::Counter,
    memory::{Memory, Stage},
    settings, words,
};

const ON: Bytes = Bytes::from_static(b"on");
const OFF: Bytes = Bytes::from_static(b"off");
/// Memory is told once in so many numbers.
const MEMORY_PERIOD: usize = 16;

/// How long an answer may take, repetitions on 3.1.1 included.
const ACKNOWLEDGEMENT_PATIENCE: Duration = Duration::from_secs(5);

/// The lamp, and what there is to tell about it.
#[derive(Debug)]
pub(crate) struct Lamp {
    is_on: bool,
    counter: Counter,
    memory: Memory,
    connections: usize,
    /// When last no message waited for its answer.
    answered: Timestamp,
    /// Whether the lamp and the board are to tell how they are.
    state_due: bool,
    board_due: bool,
    /// With which number memory is told.
    memory_due: usize,
}

/// The line does not work, whatever it says itself.
#[derive(Debug)]
pub(crate) struct LineIsBroken;

impl Lamp {
    pub(crate) fn new() -> Self {
        board::switch_lamp(false);
        Self {
            is_on: false,
            counter: Counter::new(),
            memory: Memory::default(),
            connections: 0,
            answered: Timestamp::ZERO,
            state_due: false,
            board_due: false,
            memory_due: 2,
        }
    }

    /// The client tells what happened.
    pub(crate) fn hear(&mut self, event: ClientEvent, client: &mut Client, now: Timestamp) {
        match event {
            ClientEvent::Connected(connected) => {
                self.memory.note(Stage::Connect);
                self.connections += 1;
                // What a program before this one has subscribed to may be something else.
                if self.connections == 1 || !connected.session_present {
                    subscribe(client, now);
                }
                // Either may have been damaged on its way, and the will was published.
                self.state_due = true;
                self.board_due = true;
            }
            ClientEvent::Subscribed { .. } => self.memory.note(Stage::Subscribe),
            ClientEvent::Published { token, .. } => {
                self.memory.note(Stage::Publish);
                self.counter.acknowledged(token, now);
            }
            ClientEvent::Received { message, .. } => self.received(&message, now),
            _ => {}
        }
    }

    fn received(&mut self, message: &Message, now: Timestamp) {
        match (message.topic.as_str(), &*message.payload) {
            (settings::LED, b"on") => self.switch(true),
            (settings::LED, b"off") => self.switch(false),
            (settings::COUNTER, payload) => self.counter.heard(payload, now),
            // Not for us, or damaged.
            (_, _) => {}
        }
    }

    fn switch(&mut self, on: bool) {
        board::switch_lamp(on);
        self.is_on = on;
        self.state_due = true;
    }

    /// Tells what is due.
    pub(crate) fn act(&mut self, client: &mut Client, now: Timestamp) -> Result<(), LineIsBroken> {
        if self.is_stuck(client, now) {
            return Err(LineIsBroken);
        }
        // One message at a time: each takes a tenth of a small board's heap.
        let mut tell = |topic, payload| {
            client.pending_publishes() == 0 && client.publish(settings::retained(topic, payload), now).is_ok()
        };
        // What finds no room stays due.
        if self.board_due && tell(settings::BOARD, words::sentence(&[("online ", self.connections)])) {
            self.board_due = false;
        }
        if self.state_due && tell(settings::LED_STATE, if self.is_on { ON } else { OFF }) {
            self.state_due = false;
        }
        if self.counter.number() >= self.memory_due && tell(settings::MEMORY, self.memory.report()) {
            self.memory_due = self.counter.number() + MEMORY_PERIOD;
        }
        if self.counter.act(client, now).is_err() {
            subscribe(client, now);
        }
        Ok(())
    }

    /// A message that stays unanswered although there is a connection. On 5.0 nothing but a new one sends it again.
    fn is_stuck(&mut self, client: &Client, now: Timestamp) -> bool {
        if client.pending_publishes() == 0 || !client.is_connected() {
            self.answered = now;
        }
        now >= self.answered + ACKNOWLEDGEMENT_PATIENCE
    }
}

fn subscribe(client: &mut Client, now: Timestamp) {
    // It fails while too many requests wait for their answer: those will do.
    let _ = client.subscribe(settings::subscriptions(), now);
}
