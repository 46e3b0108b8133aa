//! When an account is polled next. Pure: both clocks and the chance are
//! arguments, and [`local_time`] is what a caller gives for the one on the wall.
//!
//! Times between polls are counted by the running clock, which no one can set;
//! only office hours are read from the wall. After a failure the account waits
//! once, twice, four times… `every`: a provider in trouble needs no more calls,
//! and one that counts wrong passwords locks the account sooner or later.

use std::time::{Duration, Instant};

use jiff::civil::{Date, Time};
use jiff::{Span, Zoned};

use super::{OfficeHours, Poll, PollError, Schedule};
use crate::fetch::Remedy;

/// The longest wait after failures, where `every` is not longer itself: mail
/// that waits at a provider who is back should not wait much longer.
const BACK_OFF_MAX: Duration = Duration::from_secs(60 * 60);
/// Between the end of a poll and the beginning of the next one, also where the
/// first took longer than `every`.
const REST: Duration = Duration::from_secs(10);
/// The first poll comes within this time of the start: soon, but the accounts
/// not all in one moment.
const FIRST_WITHIN: Duration = Duration::from_secs(3);
/// The same for the first poll of an office day.
const OPENING_WITHIN: Duration = Duration::from_secs(30);
/// A server that wants more time between two log-ins means something else.
const LOGIN_DELAY_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How far `every` is stretched or shortened: offices that began at the same
/// full hour part within a few polls.
const JITTER: f64 = 0.1;
/// Keeps all sums in range, whatever is set.
const PAUSE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// So many doublings are more than [`BACK_OFF_MAX`], whatever `every` is.
const DOUBLINGS_MAX: u32 = 16;

/// A number drawn at random.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chance(f64);

impl Chance {
    /// From 32 random bits.
    pub fn of_bits(bits: u32) -> Chance {
        Chance(f64::from(bits) / (f64::from(u32::MAX) + 1.0))
    }

    /// This part of `whole`.
    fn part_of(self, whole: Duration) -> Duration {
        whole.mul_f64(self.0)
    }

    /// `every`, a little more or a little less.
    fn around(self, every: Duration) -> Duration {
        every.mul_f64(1.0 - JITTER + 2.0 * JITTER * self.0)
    }
}

/// When an account is due. Office hours are not counted in until it is asked.
#[derive(Debug)]
pub struct Timetable {
    due: Instant,
    chance: Chance,
    failures: u32,
    login_delay: Duration,
    /// The last poll ended because commands may not be sent together.
    found_lock_step: bool,
}

impl Timetable {
    /// The account begins: it is polled soon.
    pub fn begin(now: Instant, chance: Chance) -> Timetable {
        Timetable {
            due: now + chance.part_of(FIRST_WITHIN),
            chance,
            failures: 0,
            login_delay: Duration::ZERO,
            found_lock_step: false,
        }
    }

    /// A poll is over.
    pub fn polled(
        &mut self,
        schedule: &Schedule,
        (began, ended): (Instant, Instant),
        poll: &Poll,
        chance: Chance,
    ) {
        let remedy = poll.outcome.as_ref().err().map(PollError::remedy);
        let told = match &remedy {
            Some(Remedy::WaitAtLeast(delay)) => Some(*delay),
            _ => poll.report.login_delay,
        };
        if let Some(delay) = told {
            self.login_delay = delay.min(LOGIN_DELAY_MAX);
        }
        let found_lock_step = remedy == Some(Remedy::LockStep);
        let pause = match &poll.outcome {
            Ok(()) => {
                self.failures = 0;
                schedule.every
            }
            // It says nothing of the provider.
            Err(PollError::Interrupted) => schedule.every,
            // At once, but not for ever at once.
            Err(_) if found_lock_step && !self.found_lock_step => Duration::ZERO,
            Err(_) => {
                self.failures = self.failures.saturating_add(1);
                back_off(schedule.every, self.failures)
            }
        };
        self.found_lock_step = found_lock_step;
        self.chance = chance;
        let by_schedule = began + chance.around(pause.min(PAUSE_MAX));
        // Since the end: when in the poll the log-in was counted, only the
        // server knows.
        self.due = by_schedule.max(ended + REST.max(self.login_delay));
    }

    /// How long to wait from now on; zero: the account is due.
    pub fn wait(&self, schedule: &Schedule, now: Instant, local: &Zoned) -> Duration {
        let pause = self.due.saturating_duration_since(now);
        let Some(hours) = schedule.hours else {
            return pause;
        };
        let then = local.saturating_add(pause);
        match hours.until_open(&then) {
            Duration::ZERO => pause,
            closed => pause + closed + self.chance.part_of(OPENING_WITHIN),
        }
    }
}

/// The time on the office's wall: the box's clock in the box's time zone.
pub fn local_time() -> Zoned {
    Zoned::now()
}

/// The pause after so many failures in a row.
fn back_off(every: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
    let longest = BACK_OFF_MAX.max(every);
    every
        .checked_mul(1 << doublings)
        .map_or(longest, |pause| pause.min(longest))
}

impl OfficeHours {
    /// Whether this moment is within them.
    pub fn contains(&self, local: &Zoned) -> bool {
        self.until_open(local).is_zero()
    }

    /// How long until they begin; zero within them. The hours are those of the
    /// clock on the wall: on the day that has only 23 they begin as written.
    fn until_open(&self, local: &Zoned) -> Duration {
        let days = (0..=7).filter_map(|day| {
            let date = local.date().checked_add(Span::new().days(day)).ok()?;
            self.includes(date).then_some(date)
        });
        let mut openings = days.filter_map(|date| {
            let from = moment(local, date, self.from_minute)?;
            let to = moment(local, date, self.to_minute)?;
            // Negative, and so no Duration: they have begun.
            let until = Duration::try_from(from.duration_since(local)).unwrap_or_default();
            (*local < to).then_some(until)
        });
        // No day at all is refused where settings are read.
        openings.next().unwrap_or(BACK_OFF_MAX)
    }

    fn includes(&self, date: Date) -> bool {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
        self.days.get(day).copied().unwrap_or_default()
    }
}

/// The moment when the clock on the wall shows so many minutes of this day.
fn moment(local: &Zoned, date: Date, minute: u16) -> Option<Zoned> {
    let shown = date.to_datetime(Time::midnight());
    let shown = shown.checked_add(Span::new().minutes(minute)).ok()?;
    shown.to_zoned(local.time_zone().clone()).ok()
}

#[cfg(test)]
mod tests;
