//! What happened since the store was opened, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::error::StoreError;
use super::types::{CommitTimes, Figures};

/// Counters that the writer keeps and anybody may read.
#[derive(Debug, Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    changes: AtomicU64,
    pub failed_commits: AtomicU64,
    pub checkpoints: AtomicU64,
    /// Commits by the time they took: one number for each bound, and those beyond.
    times: [AtomicU64; CommitTimes::BOUNDS.len() + 1],
    total_micros: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Counters {
    /// A transaction of so many changes is on disk; COMMIT took so long.
    pub fn note_commit(&self, changes: usize, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.changes.fetch_add(changes as u64, Ordering::Relaxed);
        let bounds = CommitTimes::BOUNDS.iter();
        let place = bounds.take_while(|bound| took > **bound).count();
        if let Some(times) = self.times.get(place) {
            times.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.total_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The numbers by now, where so many changes wait.
    pub fn figures(&self, waiting: usize) -> Figures {
        let last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let times = self.times.iter();
        Figures {
            commits: self.commits.load(Ordering::Relaxed),
            changes: self.changes.load(Ordering::Relaxed),
            failed_commits: self.failed_commits.load(Ordering::Relaxed),
            checkpoints: self.checkpoints.load(Ordering::Relaxed),
            waiting: waiting as u64,
            commit_times: CommitTimes {
                counts: times.map(|count| count.load(Ordering::Relaxed)).collect(),
                total: Duration::from_micros(self.total_micros.load(Ordering::Relaxed)),
            },
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
