//! What is awaited of the server, and how long.

use std::time::Duration;

use super::limits::Limits;
use crate::wire::Allowance;

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

impl Wait {
    pub(super) fn allowance(self, limits: &Limits) -> Allowance {
        let (wait, progress) = match self {
            Wait::Greeting => (limits.greeting_wait, Duration::MAX),
            Wait::Reply => (limits.reply_wait, Duration::MAX),
            Wait::TestedReply => (limits.test_wait.min(limits.reply_wait), Duration::MAX),
            Wait::Quit => (limits.quit_wait, Duration::MAX),
            Wait::More => (limits.reply_wait, limits.progress_wait),
        };
        Allowance {
            wait,
            progress,
            session: limits.session_wait,
        }
    }
}
