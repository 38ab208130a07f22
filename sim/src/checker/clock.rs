//! Keep alive, and the time that closing may take (sections 3.1.2.10 and 4.13).

use core::time::Duration;

use super::{
    Role, Rule,
    link::{End, Phase},
    scene::Scene,
};

impl Scene<'_> {
    /// Judges what the party has not done up to now.
    pub(super) fn check_time(&mut self) {
        if self.link.is_late {
            return;
        }
        if let Some(end) = self.link.end {
            return self.check_closing(end);
        }
        if self.link.phase != Phase::Open || self.link.keep_alive == 0 || self.link.is_over_since.is_some() {
            return;
        }
        let (rule, silence, allowed) = match self.role {
            Role::Client => (Rule::KeepAlive, self.silence(), self.keep_alive()),
            Role::Server => (Rule::KeepAliveEnforced, self.peer_silence(), self.patience()),
        };
        if silence > allowed + self.settings.lateness {
            self.link.is_late = true;
            let keep_alive = self.link.keep_alive;
            let words = format_args!("silence of {silence:?} with a keep alive of {keep_alive} s");
            self.report.broken(rule, None, words);
        }
    }

    /// A packet of the party was seen.
    pub(super) fn note_written(&mut self) {
        self.link.last_written = self.now;
        self.link.is_late &= self.role == Role::Server || self.link.end.is_some();
    }

    /// A packet of its peer was.
    pub(super) fn note_read(&mut self) {
        self.link.last_read = self.now;
        self.link.is_late &= self.role == Role::Client || self.link.end.is_some();
    }

    /// How long the peer has been silent.
    pub(super) fn peer_silence(&self) -> Duration {
        self.now - self.link.last_read.max(self.link.accepted)
    }

    /// How long a server waits for the next packet.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(u64::from(self.link.keep_alive) * 1500)
    }

    fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.link.keep_alive.into())
    }

    fn silence(&self) -> Duration {
        self.now - self.link.last_written.max(self.link.accepted)
    }

    fn check_closing(&mut self, end: End) {
        let Some(since) = self.link.is_over_since else { return };
        let open = self.now - since;
        if self.settings.closes_within.is_some_and(|limit| open > limit) {
            self.link.is_late = true;
            self.report.broken(Rule::Closes, None, format_args!("open for {open:?} after {end}"));
        }
    }
}
