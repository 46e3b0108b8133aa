//! How long the refusal of a recipient is held back: names are guessed at RCPT
//! as passwords are at log-in, and a thousand in a session that is begun anew
//! at once would be tens of thousands a second.
//!
//! Counted per address, as failed log-ins are. A recipient that is there is
//! never delayed, and nobody is turned away by these counts.
//!
//! Pure: the time is an argument. The driver of `net` waits.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::failures::{Household, Tally};

/// So many of late are answered at once: an old list of addresses, or a server
/// that sends for many people, has some that are gone.
const ANSWERED_AT_ONCE: u32 = 20;
/// What each further one waits. RFC 5321 §4.5.3.2.3 lets the sender wait five
/// minutes.
const DELAY: Duration = Duration::from_secs(1);

/// The recipients that were refused of late.
#[derive(Debug, Default)]
pub struct GuessLog {
    by_address: Tally<Household>,
}

impl GuessLog {
    /// Notes that a recipient of this peer is refused; how long the answer is
    /// to wait.
    pub fn refused(&mut self, address: IpAddr, now: Instant) -> Duration {
        let of_late = self.by_address.add(Household::of(address), now);
        match of_late > ANSWERED_AT_ONCE {
            true => DELAY,
            false => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_is_slowed_and_his_neighbour_is_not() {
        let mut guesses = GuessLog::default();
        let now = Instant::now();
        let [guesser, neighbour]: [IpAddr; 2] =
            ["2001:db8::1", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
        for _ in 0..ANSWERED_AT_ONCE {
            assert_eq!(guesses.refused(guesser, now), Duration::ZERO);
        }
        for _ in 0..1000 {
            assert_eq!(guesses.refused(guesser, now), DELAY);
        }
        assert_eq!(guesses.refused(neighbour, now), Duration::ZERO);
        let two_hours = Duration::from_secs(2 * 60 * 60);
        assert_eq!(guesses.refused(guesser, now + two_hours), Duration::ZERO);
    }
}
