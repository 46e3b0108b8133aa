//! Lines that a stranger can cause as many of as he likes: a flood of events
//! must not become a flood of the log, which would fill the disk that the mail
//! is on.

use std::fmt::{self, Display};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// See [`Flood`].
const SPAN: Duration = Duration::from_secs(60);

/// Counts the lines of one kind, and lets so many of them pass in a minute.
/// Those that had none are told, as a number, by the next line that passes.
#[derive(Debug)]
pub struct Flood {
    lines_max: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    since: Option<Instant>,
    said: u32,
    unsaid: u64,
}

/// How many events before this one had no line: ` and-before=N`, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AndBefore(pub u64);

impl Flood {
    /// So many lines in a minute.
    pub const fn of(lines_max: u32) -> Flood {
        Flood {
            lines_max,
            state: Mutex::new(State {
                since: None,
                said: 0,
                unsaid: 0,
            }),
        }
    }

    /// How many had no line, where this one may have one.
    pub fn next(&self, now: Instant) -> Option<AndBefore> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since| now.saturating_duration_since(since) >= SPAN;
        if state.since.is_none_or(is_over) {
            state.since = Some(now);
            state.said = 0;
        }
        if state.said == self.lines_max {
            state.unsaid += 1;
            return None;
        }
        state.said += 1;
        Some(AndBefore(std::mem::take(&mut state.unsaid)))
    }
}

impl Display for AndBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            before => write!(f, " and-before={before}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_is_no_flood_of_the_log() {
        let start = Instant::now();
        let flood = Flood::of(10);
        let said = (0..100_000).filter(|_| flood.next(start).is_some()).count();
        assert_eq!(said, 10);
        assert_eq!(flood.next(start + SPAN), Some(AndBefore(99_990)));
        assert_eq!(flood.next(start + SPAN), Some(AndBefore(0)));
    }

    #[test]
    fn a_line_says_how_many_there_were_before_it_only_where_there_were() {
        assert_eq!(AndBefore(0).to_string(), "");
        assert_eq!(AndBefore(7).to_string(), " and-before=7");
    }
}
