//! How old collected mail is, by a clock that cannot be fooled.
//!
//! A Pi has no battery: its clock starts in the past and jumps when the network
//! comes. So ages are counted in time that the hub was running, which gives at
//! most one day of age per day of running, and survives restarts in the
//! database. The wall's clock is only watched for jumps: for an hour after one
//! of more than a day nothing is swept, since a box that has just woken from a
//! long sleep, or was set by hand, should be looked at before it forgets.
//!
//! Chosen instead of differences of wall times with a limit per step, because a
//! box that restarts often would be credited a step each time. A box that is
//! off at night keeps mail longer, which harms nobody: the size budget holds.
//!
//! Pure: the sweep feeds it, the database keeps [`Kept`]. What has passed since
//! the last sweep is lost at a crash, so keep the sweeps less than an hour apart.

use std::time::{Duration, Instant};

use super::time::{Moment, duration_to_millis, to_millis};

/// A difference between the two clocks beyond this is a jump.
pub(super) const JUMP: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a clock must hold after a jump.
pub(super) const HOLD: Duration = Duration::from_secs(60 * 60);

/// What the database keeps of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// Time that hubs on this store have been running, in milliseconds.
    pub age_millis: i64,
    /// The wall's clock at the last look, in milliseconds since 1970; none in
    /// a new store.
    pub wall_millis: Option<i64>,
}

/// Counts the running time and watches the wall's clock.
#[derive(Debug)]
pub(super) struct AgeClock {
    /// The age at `seen`.
    age_millis: i64,
    seen: Moment,
    /// Since when the wall's clock has gone in step; none before any jump.
    jumped_at: Option<Instant>,
}

impl AgeClock {
    /// Goes on where the last hub stopped.
    pub fn starting(kept: Kept, now: Moment) -> AgeClock {
        let off_millis = kept
            .wall_millis
            .map_or(0, |then| to_millis(now.wall).saturating_sub(then));
        // Time switched off looks like a jump forward, and cannot be told from one.
        let jumped = off_millis.unsigned_abs() > duration_to_millis(JUMP).unsigned_abs();
        AgeClock {
            age_millis: kept.age_millis,
            seen: now,
            jumped_at: jumped.then_some(now.running),
        }
    }

    /// Notes that time has passed.
    pub fn look(&mut self, now: Moment) {
        let running = duration_to_millis(now.running.saturating_duration_since(self.seen.running));
        let wall = to_millis(now.wall).saturating_sub(to_millis(self.seen.wall));
        let difference = wall.saturating_sub(running);
        if difference.unsigned_abs() > duration_to_millis(JUMP).unsigned_abs() {
            self.jumped_at = Some(now.running);
        }
        self.age_millis = self.age_millis.saturating_add(running);
        self.seen = Moment {
            wall: now.wall,
            running: self.seen.running.max(now.running),
        };
    }

    /// The running time up to `now`, in milliseconds.
    pub fn age_millis(&self, now: Moment) -> i64 {
        let running = now.running.saturating_duration_since(self.seen.running);
        self.age_millis.saturating_add(duration_to_millis(running))
    }

    /// Whether the wall's clock has held for an hour since its last jump.
    pub fn is_settled(&self, now: Moment) -> bool {
        self.jumped_at
            .is_none_or(|at| now.running.saturating_duration_since(at) >= HOLD)
    }

    /// What the next hub needs.
    pub fn kept(&self) -> Kept {
        Kept {
            age_millis: self.age_millis,
            wall_millis: Some(to_millis(self.seen.wall)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const DAY: Duration = JUMP;
    const NEW: Kept = Kept {
        age_millis: 0,
        wall_millis: None,
    };

    fn begin() -> Moment {
        Moment {
            wall: UNIX_EPOCH + 20_000 * DAY,
            running: Instant::now(),
        }
    }

    fn days(age_millis: i64) -> f64 {
        age_millis as f64 / duration_to_millis(DAY) as f64
    }

    #[test]
    fn a_day_of_running_is_a_day_of_age() {
        let now = begin();
        let mut clock = AgeClock::starting(NEW, now);
        for hour in 1..=24 {
            clock.look(now.plus(hour * HOLD));
        }
        assert_eq!(days(clock.age_millis(now.plus(DAY))), 1.0);
        assert_eq!(days(clock.age_millis(now.plus(3 * DAY / 2))), 1.5);
        assert!(clock.is_settled(now.plus(DAY)));
    }

    #[test]
    fn a_jump_of_the_wall_clock_makes_nothing_older_and_unsettles_for_an_hour() {
        for there in [UNIX_EPOCH, UNIX_EPOCH + 30_000 * DAY] {
            let start = begin();
            let mut clock = AgeClock::starting(NEW, start);
            let mut now = start.plus(HOLD);
            now.wall = there;
            clock.look(now);
            assert_eq!(days(clock.age_millis(now)), 1.0 / 24.0);
            assert!(!clock.is_settled(now));
            let almost = now.plus(HOLD - Duration::from_secs(1));
            clock.look(almost);
            assert!(!clock.is_settled(almost));
            clock.look(now.plus(HOLD));
            assert!(clock.is_settled(now.plus(HOLD)));
        }
    }

    #[test]
    fn a_second_jump_starts_the_hour_anew() {
        let now = begin();
        let mut clock = AgeClock::starting(NEW, now);
        let mut jumped = now.plus(HOLD);
        jumped.wall += 10 * DAY;
        clock.look(jumped);
        let mut again = jumped.plus(HOLD / 2);
        again.wall -= 10 * DAY;
        clock.look(again);
        assert!(!clock.is_settled(jumped.plus(HOLD)));
        assert!(clock.is_settled(again.plus(HOLD)));
    }

    #[test]
    fn corrections_within_a_day_are_no_jump() {
        let now = begin();
        let mut clock = AgeClock::starting(NEW, now);
        let mut corrected = now.plus(HOLD);
        corrected.wall += DAY - HOLD;
        clock.look(corrected);
        assert!(clock.is_settled(corrected));
    }

    #[test]
    fn age_goes_on_after_a_restart_and_time_switched_off_does_not_count() {
        let now = begin();
        let mut clock = AgeClock::starting(NEW, now);
        clock.look(now.plus(5 * DAY));
        let kept = clock.kept();
        let night = now.plus(5 * DAY + DAY / 2);
        let clock = AgeClock::starting(kept, night);
        assert_eq!(days(clock.age_millis(night)), 5.0);
        assert!(clock.is_settled(night));
        let month = now.plus(35 * DAY);
        let clock = AgeClock::starting(kept, month);
        assert_eq!(days(clock.age_millis(month)), 5.0);
        assert!(!clock.is_settled(month));
        assert!(clock.is_settled(month.plus(HOLD)));
    }

    #[test]
    fn a_new_store_is_settled_from_the_start() {
        let now = begin();
        assert!(AgeClock::starting(NEW, now).is_settled(now));
    }
}
