//! What is awaited of the peer, and how long.

use std::time::Duration;

use super::limits::Limits;
use crate::wire::Allowance;

/// What is awaited of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Command,
    FirstContent,
    Content,
}

impl Awaited {
    pub(super) fn allowance(self, limits: &Limits) -> Allowance {
        let (wait, progress) = match self {
            Awaited::Command => (limits.command_wait, Duration::MAX),
            Awaited::FirstContent => (limits.data_initiation_wait, limits.progress_wait),
            Awaited::Content => (limits.data_block_wait, limits.progress_wait),
        };
        Allowance {
            wait,
            progress,
            session: limits.session_wait,
        }
    }
}
