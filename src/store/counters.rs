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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_is_counted_once_at_the_first_bound_that_it_keeps() {
        let counters = Counters::default();
        let millis = Duration::from_millis;
        let times = [
            Duration::ZERO,
            millis(2),
            millis(3),
            millis(20),
            millis(60_000),
        ];
        for time in times {
            counters.note_commit(2, time);
        }
        let figures = counters.figures(3);
        assert_eq!(
            (figures.commits, figures.changes, figures.waiting),
            (5, 10, 3)
        );
        let counts = figures.commit_times.counts;
        assert_eq!(counts, [1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(figures.commit_times.total, millis(60_025));
        let mut bounds = CommitTimes::BOUNDS.to_vec();
        bounds.sort();
        assert_eq!(bounds, CommitTimes::BOUNDS);
    }
}
