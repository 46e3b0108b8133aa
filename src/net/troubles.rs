//! What the store could not do, told once: a failing disk fails every message,
//! and a PC asks for the one that is damaged every minute. The reply to each
//! peer is its session's; this is about the log alone.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::current::lock;
use crate::journal;
use crate::mail::QueueId;
use crate::store::StoreError;

/// When what was told is told again, if it is still so.
const TOLD_FOR: Duration = Duration::from_secs(60 * 60);
/// When what was told to be over is told again if it comes back: a damaged
/// mailbox fails between others that open, and neither is news each time.
const OVER_FOR: Duration = Duration::from_secs(10 * 60);
/// Different failures that are remembered: one for each damaged message.
const TOLD_MAX: usize = 100;

/// What sessions find out and the housekeeping, which also sees its end.
pub const MEASURING: &str = "measuring the disk";

/// The failures that the log knows of.
#[derive(Debug, Default)]
pub struct Troubles {
    told: Mutex<VecDeque<Told>>,
    cut_off: Mutex<VecDeque<(QueueId, Instant)>>,
}

#[derive(Debug)]
struct Told {
    doing: &'static str,
    why: StoreError,
    at: Instant,
    /// Told as well.
    is_over: bool,
}

impl Told {
    fn is_known(&self, now: Instant) -> bool {
        let lasts = if self.is_over { OVER_FOR } else { TOLD_FOR };
        now.saturating_duration_since(self.at) < lasts
    }
}

impl Troubles {
    /// The store failed while it did this.
    pub fn failed(&self, doing: &'static str, why: &StoreError) {
        match self.is_news(doing, why, Instant::now()) {
            true => journal::store_failed(doing, why),
            false => journal::store_failed_again(doing, why),
        }
    }

    /// It did this: what was in the way is over.
    pub fn succeeded(&self, doing: &'static str) {
        if self.is_over(doing) {
            journal::store_recovered(doing);
        }
    }

    /// What has failed of late, and not worked since, in sentences.
    pub fn lasting(&self) -> Vec<String> {
        let (all, now) = (lock(&self.told), Instant::now());
        let lasting = all
            .iter()
            .filter(|told| !told.is_over && told.is_known(now));
        lasting
            .map(|told| format!("store failed while {}: {}", told.doing, told.why))
            .collect()
    }

    /// Reading this message broke off in its midst, so that its session had to
    /// end without a word: a PC would end up there at every try, and never come
    /// to the next message.
    pub fn cut_off(&self, message: QueueId) {
        let mut all = lock(&self.cut_off);
        if all.len() == TOLD_MAX {
            all.pop_front();
        }
        all.push_back((message, Instant::now()));
    }

    /// Whether it did of late: then it is to be refused.
    pub fn was_cut_off(&self, message: QueueId) -> bool {
        let mut all = lock(&self.cut_off);
        all.retain(|(_, at)| at.elapsed() < TOLD_FOR);
        all.iter().any(|(found, _)| *found == message)
    }

    fn is_news(&self, doing: &'static str, why: &StoreError, now: Instant) -> bool {
        let mut all = lock(&self.told);
        all.retain(|told| told.is_known(now));
        if all
            .iter()
            .any(|told| told.doing == doing && told.why == *why)
        {
            return false;
        }
        if all.len() == TOLD_MAX {
            all.pop_front();
        }
        all.push_back(Told {
            doing,
            why: why.clone(),
            at: now,
            is_over: false,
        });
        true
    }

    fn is_over(&self, doing: &'static str) -> bool {
        let mut all = lock(&self.told);
        let mut found = false;
        for told in all.iter_mut().filter(|told| told.doing == doing) {
            found |= !told.is_over;
            told.is_over = true;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOING: &str = "keeping a message";
    const BROKEN: StoreError = StoreError::Closed;

    #[test]
    fn the_same_failure_is_news_once_an_hour() {
        let (troubles, now) = (Troubles::default(), Instant::now());
        assert!(troubles.is_news(DOING, &BROKEN, now));
        assert!(!troubles.is_news(DOING, &BROKEN, now + TOLD_FOR / 2));
        assert!(troubles.is_news(DOING, &StoreError::Full, now));
        assert!(troubles.is_news("opening a maildrop", &BROKEN, now));
        assert!(troubles.is_news(DOING, &BROKEN, now + TOLD_FOR));
    }

    #[test]
    fn the_end_of_a_failure_is_news_once_and_so_is_its_return() {
        let (troubles, now) = (Troubles::default(), Instant::now());
        assert!(!troubles.is_over(DOING));
        troubles.is_news(DOING, &BROKEN, now);
        troubles.is_news(DOING, &StoreError::Full, now);
        assert!(troubles.is_over(DOING));
        assert!(!troubles.is_over(DOING));
        assert!(troubles.is_news(DOING, &BROKEN, now + OVER_FOR));
        assert!(troubles.is_over(DOING));
    }

    #[test]
    fn a_failure_among_successes_is_no_flood_of_the_log() {
        let (troubles, start) = (Troubles::default(), Instant::now());
        let (mut told, mut ended) = (0, 0);
        for second in 0..20 * 60 {
            let now = start + Duration::from_secs(second);
            told += usize::from(troubles.is_news(DOING, &BROKEN, now));
            ended += usize::from(troubles.is_over(DOING));
        }
        assert_eq!((told, ended), (2, 2));
    }

    #[test]
    fn many_failures_fill_no_memory() {
        let (troubles, now) = (Troubles::default(), Instant::now());
        for number in 0..10_000 {
            let why = StoreError::Database(number.to_string());
            assert!(troubles.is_news(DOING, &why, now));
        }
        assert_eq!(lock(&troubles.told).len(), TOLD_MAX);
    }
}
