//! How long the server has been waited for. Time that the driver spends (a slow
//! disk, a slow write) is not the server's and does not count.

use std::time::{Duration, Instant};

use super::limits::Limits;

/// What is awaited of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Greeting,
    Reply,
    /// The second of two commands in one write.
    TestedReply,
    /// The next line of a listing, or the next octets of a message.
    More,
    Quit,
}

#[derive(Debug)]
pub(super) struct Clock {
    session_began: Instant,
    now: Instant,
    /// Since when input is awaited.
    waiting_since: Option<Instant>,
    /// Waited since the last whole line, or the last octets of a message.
    waited: Duration,
    /// Waited since so many octets of a listing or a message came.
    waited_for_progress: Duration,
    octets: u64,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Clock {
        Clock {
            session_began: now,
            now,
            waiting_since: None,
            waited: Duration::ZERO,
            waited_for_progress: Duration::ZERO,
            octets: 0,
        }
    }

    /// It is `now`; what was awaited since [`wait`](Clock::wait) counts.
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = now;
        if let Some(since) = self.waiting_since.take() {
            let waited = now.saturating_duration_since(since);
            self.waited = self.waited.saturating_add(waited);
            self.waited_for_progress = self.waited_for_progress.saturating_add(waited);
        }
    }

    /// A whole reply of one line came, or the first line of a longer one.
    pub(super) fn reply_came(&mut self) {
        self.waited = Duration::ZERO;
        self.waited_for_progress = Duration::ZERO;
        self.octets = 0;
    }

    /// A line of a listing came, or octets of a message.
    pub(super) fn more_came(&mut self, octets: usize, limits: &Limits) {
        self.waited = Duration::ZERO;
        self.octets = self.octets.saturating_add(octets as u64);
        if self.octets >= limits.progress_octets_min {
            self.octets = 0;
            self.waited_for_progress = Duration::ZERO;
        }
    }

    /// Until when more input is awaited; `None` if the time is over.
    pub(super) fn wait(&mut self, wait: Wait, limits: &Limits) -> Option<Instant> {
        let (allowed, progress) = match wait {
            Wait::Greeting => (limits.greeting_wait, Duration::MAX),
            Wait::Reply => (limits.reply_wait, Duration::MAX),
            Wait::TestedReply => (limits.test_wait.min(limits.reply_wait), Duration::MAX),
            Wait::Quit => (limits.quit_wait, Duration::MAX),
            Wait::More => (limits.reply_wait, limits.progress_wait),
        };
        let session = self.now.saturating_duration_since(self.session_began);
        let left = allowed
            .saturating_sub(self.waited)
            .min(progress.saturating_sub(self.waited_for_progress))
            .min(limits.session_wait.saturating_sub(session));
        if left.is_zero() {
            return None;
        }
        self.waiting_since = Some(self.now);
        // `left` is at most a wait of the limits, which are hours; should it
        // not fit all the same, the driver asks again at once.
        Some(self.now.checked_add(left).unwrap_or(self.now))
    }
}
