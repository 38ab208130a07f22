//! When which message is to be sent. All times are nanoseconds of the run's clock.

use core::time::Duration;

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    Messages(u64),
    Time(Duration),
}

impl Amount {
    /// A tenth, at least one message.
    pub(super) fn tenth(self) -> Self {
        match self {
            Self::Messages(count) => Self::Messages((count / 10).max(1)),
            Self::Time(span) => Self::Time(span / 10),
        }
    }
}

/// The plan of a phase, for all publishers together: message n is publisher n's, modulo their number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    begin: u64,
    /// `None` without a rate: each message is due at once.
    interval: Option<f64>,
    /// How many messages at most.
    messages: u64,
    /// Until when.
    end: u64,
}

impl Schedule {
    pub(super) fn new(amount: Amount, rate: Option<f64>, begin: u64) -> Self {
        let (messages, end) = match (amount, rate) {
            (Amount::Messages(count), _) => (count, u64::MAX),
            // With a rate the time says how many: those that were due in it are all sent, however late.
            (Amount::Time(span), Some(rate)) => (rounded(span.as_secs_f64() * rate).max(1), u64::MAX),
            (Amount::Time(span), None) => (u64::MAX, begin.saturating_add(nanoseconds(span))),
        };
        Self { begin, interval: rate.map(|rate| 1e9 / rate), messages, end }
    }

    /// Whether latencies count from a message's own time.
    pub(super) const fn is_paced(&self) -> bool {
        self.interval.is_some()
    }

    /// How many messages the phase has; until its time is over, endlessly many.
    pub(super) const fn total(&self, now: u64) -> u64 {
        if now < self.end { self.messages } else { 0 }
    }

    /// How many messages are due.
    pub(super) fn released(&self, now: u64) -> u64 {
        let total = self.total(now);
        match self.interval {
            Some(interval) if now >= self.begin => {
                // A message whose moment is this one may be rounded to the next, and comes with it.
                total.min(rounded((now - self.begin) as f64 / interval).saturating_add(1))
            }
            Some(_) => 0,
            None => total,
        }
    }

    /// When a message is due.
    pub(super) fn due(&self, message: u64, now: u64) -> u64 {
        self.interval.map_or(now, |interval| self.begin.saturating_add(rounded(message as f64 * interval)))
    }
}

/// How many of the first messages are those of one publisher.
pub(super) const fn share(messages: u64, publisher: u64, publishers: u64) -> u64 {
    if messages == u64::MAX { messages } else { (messages + publishers - 1 - publisher) / publishers }
}

/// A span in nanoseconds.
pub(super) fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn rounded(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn with_a_rate_messages_are_due_one_after_another() {
        let schedule = Schedule::new(Amount::Messages(5), Some(1000.0), SECOND);
        assert!(schedule.is_paced());
        assert_eq!((schedule.released(0), schedule.released(SECOND)), (0, 1));
        assert_eq!(schedule.released(SECOND + 999_999), 1);
        assert_eq!(schedule.released(SECOND + 1_000_001), 2);
        assert_eq!(schedule.released(100 * SECOND), 5);
        // However late it is sent.
        assert_eq!(schedule.due(3, 100 * SECOND), SECOND + 3_000_000);
        let span = Schedule::new(Amount::Time(Duration::from_millis(2500)), Some(1000.0), 0);
        assert_eq!((span.total(u64::MAX - 1), span.released(100 * SECOND)), (2500, 2500));
        // A message is released in the moment in which it is due, or one nanosecond later.
        let odd = Schedule::new(Amount::Messages(u64::MAX), Some(7777.7), 13);
        for message in 0..100_000 {
            assert!(odd.released(odd.due(message, 0) + 1) > message, "{message}");
            assert!(odd.released(odd.due(message, 0).saturating_sub(1)) <= message, "{message}");
        }
    }

    #[test]
    fn without_a_rate_all_is_due_at_once() {
        let counted = Schedule::new(Amount::Messages(5), None, SECOND);
        assert_eq!((counted.released(SECOND), counted.due(3, 7 * SECOND)), (5, 7 * SECOND));
        let timed = Schedule::new(Amount::Time(Duration::from_secs(2)), None, SECOND);
        assert_eq!((timed.released(3 * SECOND - 1), timed.released(3 * SECOND)), (u64::MAX, 0));
        assert!(!timed.is_paced());
    }

    #[test]
    fn publishers_take_turns() {
        for messages in 0..50 {
            let shares: Vec<u64> = (0..7).map(|publisher| share(messages, publisher, 7)).collect();
            assert_eq!(shares.iter().sum::<u64>(), messages);
            for (publisher, count) in (0..7).zip(shares) {
                assert_eq!(count, (0..messages).filter(|message| message % 7 == publisher).count() as u64);
            }
        }
        assert_eq!(share(u64::MAX, 3, 7), u64::MAX);
    }

    #[test]
    fn a_tenth_goes_before() {
        assert!(matches!(Amount::Messages(5).tenth(), Amount::Messages(1)));
        assert!(matches!(Amount::Messages(70).tenth(), Amount::Messages(7)));
        let Amount::Time(span) = Amount::Time(Duration::from_secs(10)).tenth() else { panic!("messages") };
        assert_eq!(span, Duration::from_secs(1));
    }
}
