//! The program on the board.

use std::{
    cell::{RefCell, RefMut},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use mqtt_engine::{
    Client, ClientConfig, ClientEvent, Message, PublishOutcome, QoS, Subscribe, Text, Timestamp, TopicFilter,
    packet::ProtocolVersion,
};
use mqtt_engine_bare::{AsyncLine, Link, Next};

use crate::{
    serial::{Dialled, Fault, Half, Shared, SiteClock, Uart},
    site::{Module, Site},
};

/// No scenario takes more turns.
const TURNS: usize = 200_000;

/// How the program drives its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Superloop,
    /// It drops the future whenever it waits.
    Cancelled,
    /// It awaits the future to its end.
    Awaited,
}

pub struct Board {
    pub client: Client,
    link: Link<32>,
    site: Shared,
    pub surface: Surface,
    pub events: Vec<ClientEvent>,
    /// What the line said.
    pub faults: Vec<Fault>,
    pub takes_events: bool,
}

/// A client that wants its session back.
pub fn lasting(version: ProtocolVersion) -> ClientConfig {
    let mut config = ClientConfig::new(Text::try_from("board").unwrap());
    config.version = version;
    config.clean_start = false;
    config.session_expiry = u32::MAX;
    config
}

/// Plays a scenario in every way, in both versions.
pub fn in_every_way(module: Module, scenario: impl Fn(&mut Board)) {
    for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        with(module, &lasting(version), &scenario);
    }
}

/// Plays a scenario in every way.
pub fn with(module: Module, config: &ClientConfig, scenario: impl Fn(&mut Board)) {
    for surface in [Surface::Superloop, Surface::Cancelled, Surface::Awaited] {
        scenario(&mut Board::new(module, surface, config.clone()));
    }
}

impl Board {
    pub fn new(module: Module, surface: Surface, config: ClientConfig) -> Self {
        let site = Site::new(module);
        Self {
            client: Client::new(config, site.now),
            link: Link::new(),
            site: Rc::new(RefCell::new(site)),
            surface,
            events: Vec::new(),
            faults: Vec::new(),
            takes_events: true,
        }
    }

    pub fn site(&self) -> RefMut<'_, Site> {
        self.site.borrow_mut()
    }

    /// How often the module was told to dial and to hang up.
    pub fn calls(&self) -> (u32, u32) {
        let site = self.site.borrow();
        (site.opened, site.closed)
    }

    /// How many bytes the line moves at a time and has room for.
    pub fn move_at_most(&self, piece: usize, room: usize) {
        let mut site = self.site.borrow_mut();
        (site.piece, site.room) = (piece, room);
    }

    pub fn now(&self) -> Timestamp {
        self.site.borrow().now
    }

    pub fn publish(&mut self, topic: &str, payload: &[u8], qos: QoS) {
        let message = Message::new(topic, payload.to_vec()).unwrap().with_qos(qos);
        let now = self.now();
        self.client.publish(message, now).unwrap();
    }

    pub fn subscribe(&mut self, filter: &str, qos: QoS) {
        let now = self.now();
        let request = Subscribe::new(TopicFilter::try_from(filter).unwrap(), qos);
        self.client.subscribe(request, now).unwrap();
    }

    /// A pin says that the connection is gone.
    pub fn lost(&mut self) {
        let now = self.now();
        self.link.lost(&mut self.client, now);
    }

    /// One turn of the loop.
    pub fn turn(&mut self) -> Next {
        let uart = Uart(Rc::clone(&self.site));
        let module = self.site().module;
        let now = self.now();
        let next = match (self.surface, module) {
            (Surface::Superloop, Module::Modem) => self.link.turn(&mut self.client, &mut Dialled(uart), now),
            (Surface::Superloop, Module::Transparent) => {
                self.link.turn(&mut self.client, &mut uart.clone(), now)
            }
            (_, Module::Modem) => self.turn_async(&mut Dialled(uart)),
            (_, Module::Transparent) => self.turn_async(&mut (Half(uart.clone()), Half(uart))),
        };
        if self.takes_events {
            while let Some(event) = self.client.poll_event() {
                self.events.push(event);
            }
        }
        next.unwrap_or_else(|fault| {
            self.faults.push(fault);
            Next::AtOnce
        })
    }

    fn turn_async(&mut self, line: &mut impl AsyncLine<Error = Fault>) -> Result<Next, Fault> {
        let mut clock = SiteClock { site: Rc::clone(&self.site), until: None };
        let turn = {
            let mut turn = pin!(self.link.turn_async(&mut self.client, line, &mut clock));
            let mut cx = Context::from_waker(Waker::noop());
            loop {
                match turn.as_mut().poll(&mut cx) {
                    Poll::Ready(more) => break Some(more?),
                    Poll::Pending if self.surface == Surface::Awaited && self.site.borrow_mut().pump() => {}
                    Poll::Pending => break None,
                }
            }
        };
        Ok(match turn {
            Some(true) => Next::AtOnce,
            Some(false) => Next::Rest,
            None => Next::Wait { until: clock.until },
        })
    }

    /// Runs everything until something holds. Time passes when nothing else happens.
    pub fn run_until(&mut self, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..TURNS {
            let next = self.turn();
            if holds(self) {
                return;
            }
            let moved = self.site().pump();
            if !moved && next != Next::AtOnce {
                let until = if let Next::Wait { until } = next { until } else { None };
                self.pass_time(until);
            }
        }
        panic!("{:?}: that takes too long: {:?}", self.surface, self.events);
    }

    fn pass_time(&self, until: Option<Timestamp>) {
        let mut site = self.site();
        let due = [until, site.broker.deadline()].into_iter().flatten().min();
        let Some(due) = due else { panic!("{:?}: nothing will happen: {:?}", self.surface, self.events) };
        site.now = site.now.max(due);
    }

    /// Runs everything for a while.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now() + span;
        for _ in 0..TURNS {
            let next = self.turn();
            let moved = self.site().pump();
            if moved || next == Next::AtOnce {
                continue;
            }
            let until = if let Next::Wait { until } = next { until } else { None };
            let mut site = self.site();
            let due = [until, site.broker.deadline(), Some(end)].into_iter().flatten().min();
            if site.now >= end {
                return;
            }
            site.now = site.now.max(due.unwrap_or(end)).min(end);
        }
        panic!("{:?}: that takes too long: {:?}", self.surface, self.events);
    }

    pub fn connect(&mut self) {
        let before = self.connections();
        self.run_until(|board| board.connections() > before);
    }

    pub fn connections(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, ClientEvent::Connected(_))).count()
    }

    pub fn endings(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, ClientEvent::Disconnected { .. })).count()
    }

    /// How many publishes were acknowledged. No other fate is expected.
    pub fn acknowledged(&self) -> usize {
        let fates = self.events.iter().filter_map(|event| {
            if let ClientEvent::Published { outcome, .. } = event { Some(*outcome) } else { None }
        });
        fates
            .inspect(|outcome| assert!(matches!(outcome, PublishOutcome::Acknowledged { .. }), "{outcome:?}"))
            .count()
    }

    pub fn payloads(&self) -> Vec<Vec<u8>> {
        let messages = self.events.iter().filter_map(|event| {
            if let ClientEvent::Received { message, .. } = event {
                Some(message.payload.to_vec())
            } else {
                None
            }
        });
        messages.collect()
    }

    pub fn has_subscribed(&self) -> bool {
        self.events.iter().any(|event| matches!(event, ClientEvent::Subscribed { .. }))
    }
}
