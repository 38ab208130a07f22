//! The load: publishers send what their windows and the schedule allow, until all has arrived.

use core::time::Duration;

use hdrhistogram::Histogram;
use mqtt_engine::QoS;

use super::{
    handshake::Terms,
    network::Network,
    plan::Plan,
    progress::Progress,
    publisher::Publisher,
    schedule::{Schedule, share},
    subscriber::Subscriber,
};
use crate::failure::Failure;

/// How long nothing may move before what is under way counts as lost, in nanoseconds.
const STALL: u64 = 5_000_000_000;
/// How often that may be.
const STALLS: u32 = 3;
/// Nothing waits longer, so that the end and a stall are seen.
const TICK: Duration = Duration::from_millis(50);
const PINGREQ: [u8; 2] = [0xC0, 0];

/// What a phase brought.
#[derive(Debug)]
pub(super) struct Phase {
    /// From the first message to the last arrival, in nanoseconds; if nothing arrived, to the end.
    pub(super) span: u64,
    pub(super) published: u64,
    pub(super) delivered: u64,
    /// Of each delivery, in nanoseconds since its message was due.
    pub(super) latency: Histogram<u64>,
    /// Of each message with a rate: how much later than due it was written.
    pub(super) lateness: Histogram<u64>,
}

/// What went wrong in the whole run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Deliveries that never came.
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) out_of_order: u64,
    /// How often nothing moved.
    pub(super) stalls: u32,
    /// That was once too often.
    pub(super) is_stuck: bool,
}

#[derive(Debug)]
pub(super) struct Load<'a> {
    pub(super) plan: &'a Plan,
    pub(super) publishers: Vec<Publisher>,
    pub(super) subscribers: Vec<Subscriber>,
    /// Publishers that may have something to send.
    ready: Vec<u32>,
    /// How much room in a window makes its publisher ready: a part of it, so that many messages go in one write.
    pub(super) refill: u64,
    /// Messages under way, of all publishers.
    pub(super) under_way: u64,
    /// How many that may be.
    capacity: u64,
    schedule: Schedule,
    /// How many messages of the schedule are due.
    released: u64,
    pub(super) phase: Phase,
    pub(super) faults: Faults,
    /// When something last arrived in this phase.
    latest: Option<u64>,
    /// Since when nothing has moved. Giving up starts it anew, which is no arrival.
    quiet_since: u64,
    /// PINGREQs without an answer.
    pub(super) pings: usize,
    /// How often the server wants to hear of each connection, and when it does next.
    keep_alive: Option<(u64, u64)>,
}

impl<'a> Load<'a> {
    pub(super) fn new(plan: &'a Plan, terms: Terms, now: u64) -> Result<Self, Failure> {
        let window = match plan.qos {
            QoS::AtMostOnce => plan.window,
            QoS::AtLeastOnce | QoS::ExactlyOnce => plan.window.min(terms.receive_maximum),
        };
        let publishers: Vec<_> = (0..plan.publishers)
            .map(|number| Publisher::new(plan, number, window))
            .collect::<Result<_, _>>()?;
        // Half of what the server allows, so that a slow moment does not matter.
        let interval = u64::from(terms.keep_alive) * 500_000_000;
        Ok(Self {
            plan,
            publishers,
            subscribers: (0..plan.subscribers)
                .map(|number| Subscriber::new(plan.publishers_of(number)))
                .collect(),
            ready: Vec::new(),
            refill: if plan.rate.is_some() { 1 } else { u64::from(window / 4).max(1) },
            under_way: 0,
            capacity: u64::from(window) * u64::from(plan.publishers),
            schedule: Schedule::new(plan.amount, plan.rate, now),
            released: 0,
            phase: Phase::new(),
            faults: Faults::default(),
            latest: None,
            quiet_since: now,
            pings: 0,
            keep_alive: (interval > 0).then_some((interval, now + interval)),
        })
    }

    /// Messages of one publisher that may be under way.
    pub(super) fn window(&self) -> u64 {
        self.capacity / u64::from(self.plan.publishers.max(1))
    }

    pub(super) const fn faults(&self) -> Faults {
        self.faults
    }

    /// One phase, from the first message to the last arrival.
    pub(super) fn run(
        &mut self,
        network: &mut Network,
        schedule: Schedule,
        progress: &mut Progress,
    ) -> Result<Phase, Failure> {
        let begin = network.now();
        self.begin(schedule, begin);
        let mut asked = false;
        loop {
            let now = network.now();
            self.release(now);
            self.fill(network, now);
            if self.phase.published >= self.schedule.total(now) && self.under_way == 0 {
                if self.plan.is_unheard() && !asked {
                    // The answers tell that all before them has arrived.
                    asked = true;
                    let publishers = 0..self.plan.publishers;
                    self.ping(network, publishers.map(|publisher| self.plan.publisher(publisher)));
                } else if self.pings == 0 || !self.plan.is_unheard() {
                    break;
                }
            }
            if self.is_stalled(now) && self.give_up(now)? {
                break;
            }
            self.keep_alive(network, now);
            progress.show(now, self.phase.published, self.phase.delivered);
            network.turn(self.patience(now), self)?;
        }
        self.settle();
        self.phase.span = self.latest.unwrap_or_else(|| network.now()) - begin;
        Ok(core::mem::replace(&mut self.phase, Phase::new()))
    }

    fn begin(&mut self, schedule: Schedule, now: u64) {
        self.schedule = schedule;
        self.released = 0;
        self.latest = None;
        self.quiet_since = now;
        for publisher in 0..self.plan.publishers {
            self.publishers[publisher as usize].sent = 0;
            self.wake(publisher);
        }
    }

    /// Finds what is due by now.
    fn release(&mut self, now: u64) {
        let before = core::mem::replace(&mut self.released, self.schedule.released(now));
        if self.schedule.is_paced() {
            let publishers = u64::from(self.plan.publishers);
            for message in before..self.released.min(before.saturating_add(publishers)) {
                self.wake(u32::try_from(message % publishers).unwrap_or_default());
            }
        }
    }

    /// Has the publishers that are ready put their messages where they are written from.
    fn fill(&mut self, network: &mut Network, now: u64) {
        let publishers = u64::from(self.plan.publishers);
        let mut at = 0;
        while let Some(&number) = self.ready.get(at) {
            let publisher = &mut self.publishers[number as usize];
            let allowed = share(self.released, number.into(), publishers);
            let output = network.output(self.plan.publisher(number));
            let is_blocked = output.is_none();
            let sent = output.map_or(0, |output| {
                publisher.fill(output, allowed, |count| {
                    let due = self.schedule.due(count * publishers + u64::from(number), now);
                    if self.schedule.is_paced() {
                        self.phase.lateness.saturating_record(now.saturating_sub(due));
                    }
                    due
                })
            });
            self.phase.published += sent;
            if sent > 0 && self.under_way == 0 {
                self.quiet_since = now;
            }
            if self.plan.is_unheard() {
                publisher.window.slide();
            } else {
                self.under_way += sent;
            }
            // One that is blocked is woken when it is not any more.
            if !is_blocked && publisher.may_send(allowed) {
                at += 1;
            } else {
                publisher.is_ready = false;
                self.ready.swap_remove(at);
            }
        }
    }

    /// Has a publisher looked at in this turn.
    pub(super) fn wake(&mut self, number: u32) {
        let publisher = &mut self.publishers[number as usize];
        if !publisher.is_ready {
            publisher.is_ready = true;
            self.ready.push(number);
        }
    }

    /// Something came that the run waits for.
    pub(super) const fn arrived(&mut self, now: u64) {
        self.latest = Some(now);
        self.quiet_since = now;
    }

    fn patience(&self, now: u64) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        // While all windows are full, something must arrive first.
        let is_full = self.under_way >= self.capacity;
        if self.schedule.is_paced() && self.released < self.schedule.total(now) && !is_full {
            // One nanosecond more, because 0 would be no waiting at all.
            let due = self.schedule.due(self.released, now);
            return Duration::from_nanos(due.saturating_sub(now) + 1).min(TICK);
        }
        TICK
    }

    fn is_stalled(&self, now: u64) -> bool {
        let is_waiting = self.under_way > 0
            || self.phase.published < self.released
            || (self.plan.is_unheard() && self.pings > 0);
        is_waiting && now > self.quiet_since + STALL
    }

    /// Counts what is under way as lost. Tells whether that is the end: of QoS 1 and 2 nothing may be lost.
    fn give_up(&mut self, now: u64) -> Result<bool, Failure> {
        if self.plan.is_unheard() {
            return Err(Failure::new("the server takes nothing any more"));
        }
        self.faults.stalls += 1;
        self.faults.is_stuck = self.plan.qos > QoS::AtMostOnce || self.faults.stalls == STALLS;
        for publisher in 0..self.plan.publishers {
            let missing = self.publishers[publisher as usize].window.abandon();
            if self.plan.share.is_some() {
                // Only the windows know what is missing of a shared subscription.
                self.faults.lost += missing;
            }
            self.wake(publisher);
        }
        self.under_way = 0;
        self.quiet_since = now;
        Ok(self.faults.is_stuck)
    }

    /// What has not arrived by now is lost.
    fn settle(&mut self) {
        if self.plan.share.is_some() {
            return;
        }
        for (number, subscriber) in (0..).zip(&mut self.subscribers) {
            for publisher in self.plan.publishers_of(number) {
                let next = self.publishers[publisher as usize].window.next();
                self.faults.lost += subscriber.settle(publisher, next);
            }
        }
    }

    fn keep_alive(&mut self, network: &mut Network, now: u64) {
        if let Some((interval, next)) = self.keep_alive
            && now >= next
        {
            self.keep_alive = Some((interval, now + interval));
            self.ping(network, 0..network.len());
        }
    }

    fn ping(&mut self, network: &mut Network, connections: impl Iterator<Item = usize>) {
        for connection in connections {
            network.enqueue(connection).extend_from_slice(&PINGREQ);
            self.pings += 1;
        }
    }
}

impl Phase {
    /// One in which nothing has happened yet.
    pub(super) fn new() -> Self {
        Self { span: 0, published: 0, delivered: 0, latency: histogram(), lateness: histogram() }
    }
}

/// Up to a minute, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}
