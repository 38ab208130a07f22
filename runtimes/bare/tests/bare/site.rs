//! What is at the far end of a UART: a module, a TCP connection, a broker.

use std::collections::VecDeque;

use bytes::Buf;
use mqtt_engine::{Broker, BrokerConfig, ConnectionId, Timestamp, Transport};

/// What the module does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// It dials and hangs up when told, and tells when there is no connection any more.
    Modem,
    /// It keeps a connection by itself and tells nothing.
    Transparent,
}

/// Which way a byte goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// How opening goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It takes so many steps of the module.
    After(u32),
    Refused,
    Never,
}

pub struct Site {
    pub module: Module,
    pub now: Timestamp,
    pub broker: Broker,
    connection: Option<ConnectionId>,
    /// Whether the modem was told to dial and not to hang up.
    is_dialled: bool,
    /// In the UART's memory, on the way to the server and to the client.
    pub up: VecDeque<u8>,
    pub down: VecDeque<u8>,
    /// How many bytes the UART has room for on the way up.
    pub room: usize,
    /// How many bytes one read, one write and one step of the module move at most.
    pub piece: usize,
    /// Whether the module takes nothing.
    pub is_stalled: bool,
    /// How many bytes from now on one is lost.
    pub loss: Option<(Way, usize)>,
    pub read_fails: bool,
    pub write_fails: bool,
    pub opening: Opening,
    pub is_dialling: bool,
    /// What is in the UART's memory when the module has dialled.
    pub leftover: Vec<u8>,
    /// How many bytes were on the way up when the module was told to hang up.
    pub unsent: usize,
    /// What the hooks were called for.
    pub opened: u32,
    pub closed: u32,
    /// What the server got, connection by connection.
    pub heard: Vec<Vec<u8>>,
}

impl Site {
    pub fn new(module: Module) -> Self {
        Self {
            module,
            now: Timestamp::from_secs(1),
            broker: Broker::new(BrokerConfig::new(), Timestamp::from_secs(1)),
            connection: None,
            is_dialled: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            room: 16,
            piece: 7,
            is_stalled: false,
            loss: None,
            read_fails: false,
            write_fails: false,
            opening: Opening::After(0),
            is_dialling: false,
            leftover: Vec::new(),
            unsent: 0,
            opened: 0,
            closed: 0,
            heard: Vec::new(),
        }
    }

    pub fn has_lost_carrier(&self) -> bool {
        self.module == Module::Modem && self.is_dialled && self.connection.is_none()
    }

    pub fn dial(&mut self) {
        assert!(!self.is_dialled, "it is to hang up before it dials");
        self.is_dialled = true;
        self.opened += 1;
        self.up.clear();
        self.down.extend(self.leftover.drain(..));
        self.connect();
    }

    fn connect(&mut self) {
        self.connection = Some(self.broker.accept(self.now).unwrap());
        self.heard.push(Vec::new());
    }

    /// The last bytes go out; then there is no connection.
    pub fn hang_up(&mut self) {
        self.closed += 1;
        self.unsent = self.up.len();
        while !self.is_stalled && !self.up.is_empty() {
            self.pump();
        }
        self.is_dialled = false;
        self.cut();
    }

    /// The connection ends without a word, for the server at least.
    pub fn cut(&mut self) {
        if let Some(id) = self.connection.take() {
            self.broker.transport_closed(id, self.now);
        }
        self.up.clear();
    }

    /// The server says something that is not MQTT.
    pub fn say(&mut self, bytes: &[u8]) {
        self.down.extend(bytes);
    }

    /// A step of the module and the broker: whether anything moved.
    pub fn pump(&mut self) -> bool {
        self.broker.handle_timeout(self.now);
        let upwards = !self.is_stalled && self.lift();
        let downwards = self.lower();
        while self.broker.poll_event().is_some() {}
        upwards || downwards || self.go_on_dialling()
    }

    fn go_on_dialling(&mut self) -> bool {
        if let Opening::After(steps @ 1..) = &mut self.opening
            && self.is_dialling
        {
            *steps -= 1;
            return true;
        }
        false
    }

    fn lift(&mut self) -> bool {
        if self.connection.is_none() && self.module == Module::Transparent && !self.up.is_empty() {
            self.connect();
        }
        let count = self.up.len().min(self.piece);
        let mut piece: Vec<u8> = self.up.drain(..count).collect();
        self.lose(Way::Up, &mut piece);
        if let Some(id) = self.connection
            && let Some(heard) = self.heard.last_mut()
        {
            heard.extend(&piece);
            self.broker.receive(id, &mut &*piece, self.now);
        }
        count > 0
    }

    fn lower(&mut self) -> bool {
        let Some(id) = self.connection else { return false };
        let mut outbox = self.broker.take_outbox(id);
        let mut piece = vec![0; outbox.remaining()];
        outbox.copy_to_slice(&mut piece);
        self.lose(Way::Down, &mut piece);
        self.down.extend(&piece);
        if self.broker.transport(id) != Transport::Keep {
            self.cut();
            return true;
        }
        !piece.is_empty()
    }

    fn lose(&mut self, way: Way, piece: &mut Vec<u8>) {
        let Some((lossy, index)) = &mut self.loss else { return };
        if *lossy != way {
            return;
        }
        if *index < piece.len() {
            piece.remove(*index);
            self.loss = None;
        } else {
            *index -= piece.len();
        }
    }
}
