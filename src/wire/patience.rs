//! How long a peer is waited for. Time that the driver spends (a slow disk, a
//! slow write) is not the peer's and does not count.

use std::time::{Duration, Instant};

/// What a peer is allowed at one point of a dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Until something comes.
    pub wait: Duration,
    /// Until enough of the content has come; [`Duration::MAX`] where none does.
    pub progress: Duration,
    /// For the whole session.
    pub session: Duration,
}

/// The peer's time, counted. The clock is read elsewhere: time is an argument.
#[derive(Debug)]
pub struct Patience {
    session_began: Instant,
    now: Instant,
    /// Since when input is awaited.
    waiting_since: Option<Instant>,
    /// Waited since the last whole line or piece of content.
    waited: Duration,
    /// Waited since so many octets of content came.
    waited_for_progress: Duration,
    octets: u64,
}

impl Patience {
    /// The session begins.
    pub fn new(now: Instant) -> Patience {
        Patience {
            session_began: now,
            now,
            waiting_since: None,
            waited: Duration::ZERO,
            waited_for_progress: Duration::ZERO,
            octets: 0,
        }
    }

    /// It is `now`; what was awaited since [`wait`](Patience::wait) counts.
    pub fn tick(&mut self, now: Instant) {
        self.now = now;
        if let Some(since) = self.waiting_since.take() {
            let waited = now.saturating_duration_since(since);
            self.waited = self.waited.saturating_add(waited);
            self.waited_for_progress = self.waited_for_progress.saturating_add(waited);
        }
    }

    /// A whole command or reply came.
    pub fn line_came(&mut self) {
        self.waited = Duration::ZERO;
        self.waited_for_progress = Duration::ZERO;
        self.octets = 0;
    }

    /// Octets of content came; every `enough` of them count as progress.
    pub fn content_came(&mut self, octets: usize, enough: u64) {
        self.waited = Duration::ZERO;
        self.octets = self.octets.saturating_add(octets as u64);
        if self.octets >= enough {
            self.octets = 0;
            self.waited_for_progress = Duration::ZERO;
        }
    }

    /// Until when more input is awaited; `None` if the time is over.
    pub fn wait(&mut self, allowed: Allowance) -> Option<Instant> {
        let session = self.now.saturating_duration_since(self.session_began);
        let left = allowed
            .wait
            .saturating_sub(self.waited)
            .min(allowed.progress.saturating_sub(self.waited_for_progress))
            .min(allowed.session.saturating_sub(session));
        if left.is_zero() {
            return None;
        }
        self.waiting_since = Some(self.now);
        // `left` is at most a wait of the limits, which are hours; should it
        // not fit all the same, the driver asks again at once.
        Some(self.now.checked_add(left).unwrap_or(self.now))
    }
}
