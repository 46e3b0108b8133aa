//! How long the refusal of a failed log-in is held back.
//!
//! Failures are counted per address (per /64 for IPv6, because one customer has a whole one), per
//! user, and per pair of both. The more there were, the longer the next *refusal* waits. A success
//! is never delayed and nobody is refused or locked out by these counts: whoever knows the password
//! gets in at once, also in the middle of an attack. Counts decay with time.
//!
//! Pure: the time is an argument. The drivers of `net` wait and log; a line with the address and
//! [`HeldBack::by_address`] is what fail2ban looks for.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::Turn;
use crate::mail::{Address, LocalPart};

/// What the first failure costs; each further one doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The longest delay: below the patience of mail programs (60 s) and of our own sessions before
/// log-in (60 s), so that the answer still arrives and says what is wrong.
const LONGEST_DELAY: Duration = Duration::from_secs(15);
/// One failure is forgotten each time this has passed.
const FORGET_ONE: Duration = Duration::from_secs(120);
/// The highest count: after this many times [`FORGET_ONE`] (two hours) all is forgotten.
const HIGHEST_COUNT: u32 = 60;
/// How many addresses, users and pairs are counted, about 100 octets each.
const CAPACITY: usize = 4096;
/// How many octets of a user's name count. Names of failed log-ins are whatever a stranger sends.
const NAME_OCTETS: usize = 64;

/// The failures of late.
#[derive(Debug, Default)]
pub struct FailureLog {
    by_address: Tally<Household>,
    by_user: Tally<String>,
    by_both: Tally<(Household, String)>,
    failures: u64,
}

/// How one failed log-in is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// Wait this long before the refusal is sent.
    pub delay: Duration,
    /// Failures of this address that are not yet forgotten, this one included.
    pub by_address: u32,
    /// Failures for this user that are not yet forgotten, this one included.
    pub by_user: u32,
}

/// Sums for `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureCounts {
    /// Failures since the start.
    pub failures: u64,
    /// Addresses whose failures are not yet forgotten.
    pub addresses: usize,
    /// Users whose failures are not yet forgotten.
    pub users: usize,
}

impl FailureLog {
    /// Nothing has failed yet.
    pub fn new() -> FailureLog {
        FailureLog::default()
    }

    /// Notes that a log-in as `user` from `address` failed. `user` is the name as it was sent, and
    /// what counts of it is found without the directory: an unknown user is noted, too, and waits
    /// as long, so that no delay tells which names and addresses are somebody's.
    pub fn failed(&mut self, address: IpAddr, user: &str, now: Instant) -> HeldBack {
        let (network, user) = (Household::of(address), counted_name(user));
        self.failures += 1;
        let by_address = self.by_address.add(network, now);
        let by_user = self.by_user.add(user.clone(), now);
        self.by_both.add((network, user), now);
        HeldBack {
            delay: delay(by_address.max(by_user)),
            by_address,
            by_user,
        }
    }

    /// Notes a success with the name as it was sent: the failures of this address *for this user*
    /// were slips, or an old password in one of his programs, and are forgotten. Others are not: an
    /// attacker who has an account cannot clear his address with it, and a user who polls does not
    /// clear what others try.
    pub fn succeeded(&mut self, address: IpAddr, user: &str, now: Instant) {
        let (network, user) = (Household::of(address), counted_name(user));
        let both = (network, user);
        let slips = self.by_both.take(&both, now);
        if slips > 0 {
            self.by_address.forgive(&both.0, slips, now);
            self.by_user.forgive(&both.1, slips, now);
        }
    }

    /// When a log-in from `address` has its turn: while many guess, those who have not failed of
    /// late do not wait behind all of them.
    pub fn turn(&self, address: IpAddr, now: Instant) -> Turn {
        match self.by_address.of(&Household::of(address), now) {
            0 => Turn::First,
            _ => Turn::Later,
        }
    }

    /// Sums for `status`.
    pub fn counts(&self, now: Instant) -> FailureCounts {
        FailureCounts {
            failures: self.failures,
            addresses: self.by_address.remembered(now),
            users: self.by_user.remembered(now),
        }
    }
}

/// 1, 2, 4, 8, 15, 15 … seconds.
fn delay(count: u32) -> Duration {
    let doublings = count.saturating_sub(1).min(16);
    (FIRST_DELAY * (1 << doublings)).min(LONGEST_DELAY)
}

/// Without case, tag and domain, and of bounded length: "Anna", "anna+x" and "anna@example.com" may
/// all be one user's, and whoever guesses is to gain nothing by writing the name in other ways.
fn counted_name(user: &str) -> String {
    let local_part = Address::parse(user).map(|address| address.local_part);
    let local_part = local_part.or_else(|_| LocalPart::parse(user));
    let name = local_part.map_or_else(|_| user.to_lowercase(), |local_part| local_part.folded());
    let end = name.floor_char_boundary(NAME_OCTETS);
    name.get(..end).unwrap_or_default().to_owned()
}

/// Whom an address stands for: itself, or for IPv6 its /64, which is what one
/// household or office has. The limits of `net` count by it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Household(IpAddr);

impl Household {
    /// The network that counts for this address.
    pub fn of(address: IpAddr) -> Household {
        // A listener on [::] sees IPv4 peers as ::ffff:192.0.2.1.
        Household(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
            v4 => v4,
        })
    }
}

/// Counts that decay, for at most [`CAPACITY`] keys.
#[derive(Debug)]
pub(super) struct Tally<K> {
    counts: HashMap<K, Count>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    /// When the count was as high as it says; it decays from here on.
    since: Instant,
}

impl<K: Hash + Eq + Clone> Tally<K> {
    /// Adds one and returns the count.
    pub(super) fn add(&mut self, key: K, now: Instant) -> u32 {
        if !self.counts.contains_key(&key) && self.counts.len() >= CAPACITY {
            self.make_room(now);
        }
        let count = self.counts.entry(key).or_insert(Count {
            failures: 0,
            since: now,
        });
        *count = count.decayed(now);
        count.failures = (count.failures + 1).min(HIGHEST_COUNT);
        count.failures
    }

    /// Takes `failures` from the count of `key`.
    fn forgive(&mut self, key: &K, failures: u32, now: Instant) {
        if let Some(count) = self.counts.get_mut(key) {
            *count = count.decayed(now);
            count.failures = count.failures.saturating_sub(failures);
            if count.failures == 0 {
                self.counts.remove(key);
            }
        }
    }

    /// Forgets `key` and returns its count.
    fn take(&mut self, key: &K, now: Instant) -> u32 {
        self.counts
            .remove(key)
            .map_or(0, |count| count.decayed(now).failures)
    }

    fn of(&self, key: &K, now: Instant) -> u32 {
        self.counts
            .get(key)
            .map_or(0, |count| count.decayed(now).failures)
    }

    fn remembered(&self, now: Instant) -> usize {
        self.counts
            .values()
            .filter(|count| count.decayed(now).failures > 0)
            .count()
    }

    /// Drops what has decayed, or, if nothing has, the least: the oldest of the lowest counts. So a
    /// flood of new addresses cannot wash out the one that tries hardest.
    fn make_room(&mut self, now: Instant) {
        self.counts
            .retain(|_, count| count.decayed(now).failures > 0);
        if self.counts.len() < CAPACITY {
            return;
        }
        let least = self
            .counts
            .iter()
            .min_by_key(|(_, count)| (count.failures, count.since));
        if let Some(key) = least.map(|(key, _)| key.clone()) {
            self.counts.remove(&key);
        }
    }
}

impl<K> Default for Tally<K> {
    fn default() -> Tally<K> {
        Tally {
            counts: HashMap::new(),
        }
    }
}

impl Count {
    fn decayed(self, now: Instant) -> Count {
        let passed = now.saturating_duration_since(self.since).as_secs() / FORGET_ONE.as_secs();
        let forgotten = u32::try_from(passed).unwrap_or(u32::MAX);
        if forgotten >= self.failures {
            return Count {
                failures: 0,
                since: now,
            };
        }
        Count {
            failures: self.failures - forgotten,
            since: self.since + FORGET_ONE * forgotten,
        }
    }
}

#[cfg(test)]
mod tests;
