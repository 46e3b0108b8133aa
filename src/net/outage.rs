//! A listener that can accept nothing: what the log is told of it, and when.
//!
//! Where the system has no descriptors left, accept fails at once, and again
//! when it is called again; and one that comes free lets one connection in
//! between. A line for each would be a flood.

use std::time::{Duration, Instant};

/// An outage is told no more often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Whether a listener accepts. The clock is read elsewhere.
#[derive(Debug, Default)]
pub struct Outage {
    told: Option<Instant>,
    /// Told, and not yet told to be over.
    is_open: bool,
}

impl Outage {
    /// Accept failed; whether that is to be told.
    pub fn failed(&mut self, now: Instant) -> bool {
        let is_recent = |told: Instant| now.saturating_duration_since(told) < TELL_EVERY;
        if self.told.is_some_and(is_recent) {
            return false;
        }
        self.told = Some(now);
        self.is_open = true;
        true
    }

    /// Accept came through; for how long it had not, if that is to be told.
    pub fn over(&mut self, now: Instant) -> Option<Duration> {
        let told = self.told.filter(|_| self.is_open)?;
        self.is_open = false;
        Some(now.saturating_duration_since(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(100);

    #[test]
    fn an_outage_is_told_once_and_its_end_as_well() {
        let mut now = Instant::now();
        let mut outage = Outage::default();
        assert_eq!(outage.over(now), None);
        let mut told = 0;
        for _ in 0..500 {
            told += usize::from(outage.failed(now));
            now += MOMENT;
        }
        assert_eq!(told, 1);
        assert_eq!(outage.over(now), Some(50 * Duration::from_secs(1)));
        assert_eq!(outage.over(now), None);
    }

    #[test]
    fn an_outage_that_comes_and_goes_is_told_once_a_minute() {
        let start = Instant::now();
        let mut outage = Outage::default();
        let (mut told, mut ended) = (0, 0);
        for number in 0..1200 {
            let now = start + number * MOMENT;
            told += usize::from(outage.failed(now));
            ended += usize::from(outage.over(now + MOMENT / 2).is_some());
        }
        assert_eq!((told, ended), (2, 2));
    }
}
