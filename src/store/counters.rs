//! What happened since the store was opened, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::StoreError;
use super::types::Figures;

/// Counters that the writer keeps and anybody may read.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub commits: AtomicU64,
    pub changes: AtomicU64,
    pub failed_commits: AtomicU64,
    pub checkpoints: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Counters {
    pub fn figures(&self) -> Figures {
        let last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Figures {
            commits: self.commits.load(Ordering::Relaxed),
            changes: self.changes.load(Ordering::Relaxed),
            failed_commits: self.failed_commits.load(Ordering::Relaxed),
            checkpoints: self.checkpoints.load(Ordering::Relaxed),
            last_error: last_error.clone(),
        }
    }

    pub fn note_error(&self, error: &StoreError) {
        let mut last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last_error = Some(error.to_string());
    }
}
