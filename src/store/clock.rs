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
//! Pure: the sweep feeds it, the database keeps [`Kept`].

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
