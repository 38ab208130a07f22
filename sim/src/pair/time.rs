//! Time that jumps to the next deadline.

use std::time::Duration;

use super::{World, schedule::Timers};
use crate::{
    coverage::Row,
    violation::{Checked, ensure},
};

/// More deadlines than that within one span are a loop.
const DEADLINES: u32 = 20_000;
/// Time moves no further at once: the watcher must be heard within the keep alive that the broker may impose.
const LONGEST: Duration = Duration::from_secs(8);

impl World<'_> {
    pub(super) fn pass(&mut self, span: Duration, timers: Timers) -> Checked {
        match timers {
            Timers::OnTime => self.pass_on_time(span),
            Timers::Early => {
                self.count(Row::TimersEarly);
                for _ in 0..3 {
                    self.pass_on_time(span / 3)?;
                    self.handle_timeouts()?;
                }
                Ok(())
            }
            Timers::Late => {
                self.count(Row::TimersLate);
                self.keep_watching();
                self.forgive_lateness();
                self.now = self.now + span;
                self.handle_timeouts()?;
                // Who wrote when is nobody's fault now.
                self.people.iter_mut().for_each(|person| person.last_written = None);
                Ok(())
            }
        }
    }

    fn pass_on_time(&mut self, span: Duration) -> Checked {
        let end = self.now + span;
        for round in 0.. {
            ensure!(round < DEADLINES, "timers without end", "{:?}", self.broker.deadline());
            let clients = self.people.iter().filter_map(|person| person.client.deadline());
            let next = clients.chain(self.broker.deadline()).min();
            if end > self.now {
                self.keep_watching();
            }
            self.now = next.unwrap_or(end).clamp(self.now, end.min(self.now + LONGEST));
            self.handle_timeouts()?;
            self.check_keep_alive()?;
            if self.now == end && next.is_none_or(|next| next > end) {
                break;
            }
        }
        Ok(())
    }

    /// Everybody looks at the clock, and clients write what follows from it.
    fn handle_timeouts(&mut self) -> Checked {
        self.broker.handle_timeout(self.now);
        self.after_broker_alone()?;
        for index in 0..self.people.len() {
            self.people[index].client.handle_timeout(self.now);
            self.flush(index, usize::MAX)?;
        }
        Ok(())
    }

    /// No client is silent for longer than it promised, and the broker bears no silence for longer than it must.
    fn check_keep_alive(&self) -> Checked {
        for (index, person) in self.people.iter().enumerate() {
            let Some(last) = person.last_written.filter(|_| person.client.is_connected()) else { continue };
            let silence = self.now - last;
            let is_kept = person.keep_alive == 0 || silence <= Duration::from_secs(person.keep_alive.into());
            ensure!(is_kept, "keep alive", "p{index} is silent for {silence:?}");
        }
        for link in self.links.iter().filter(|link| link.broker_open && link.is_accepted) {
            let is_asked = self.questions.iter().any(|asked| asked.connection == link.id);
            let is_over = link.patience.is_some_and(|patience| self.now - link.last_packet >= patience);
            let is_open = self.broker.transport(link.id) == mqtt_engine::Transport::Keep;
            ensure!(
                !is_over || is_asked || !is_open,
                "keep alive at the broker",
                "p{} is silent since {}",
                link.person,
                link.last_packet
            );
        }
        Ok(())
    }
}
