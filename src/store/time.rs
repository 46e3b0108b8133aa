//! Times as the database keeps them, and the two clocks that the store needs.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One instant on both clocks: the wall's, which may jump, and the running
/// one, which only ever goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub wall: SystemTime,
    pub running: Instant,
}

impl Moment {
    /// Reads both clocks.
    pub fn now() -> Moment {
        Moment {
            wall: SystemTime::now(),
            running: Instant::now(),
        }
    }

    /// This moment and `elapsed` later, with both clocks in step.
    #[cfg(test)]
    pub fn plus(self, elapsed: Duration) -> Moment {
        Moment {
            wall: self.wall + elapsed,
            running: self.running + elapsed,
        }
    }
}

/// Milliseconds since 1970, negative before.
pub(super) fn to_millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => duration_to_millis(after),
        Err(before) => -duration_to_millis(before.duration()),
    }
}

/// The time of a number from the database; beyond what the system can
/// represent, 1970.
pub(super) fn from_millis(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// A time on the running clock, as the database keeps it.
pub(super) fn from_age(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Milliseconds, at most what the database can hold.
pub(super) fn duration_to_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_database_on_both_sides_of_1970() {
        for millis in [0, 1, -1, 1_800_000_000_123, -86_400_000] {
            assert_eq!(to_millis(from_millis(millis)), millis);
        }
    }

    #[test]
    fn a_time_out_of_range_is_1970_and_no_panic() {
        assert_eq!(
            to_millis(from_millis(i64::MIN)),
            to_millis(from_millis(i64::MIN))
        );
    }
}
