//! The memory for messages under way, and who may have how much of it.

use std::sync::Arc;
use std::time::Duration;

use smol::lock::{Semaphore, SemaphoreGuardArc};

use super::connection::within;
use super::limits::{Limits, MESSAGE_OCTETS, STRANGERS_PERCENT, Standing};

/// What the recipients of a message may hold uncounted: a dozen of them, as
/// nearly every message has. More takes memory for messages, or connections full
/// of recipients without content would hold hundreds of megabytes.
pub const RECIPIENTS_OCTETS_FREE: usize = 8 * 1024;
/// Of the memory for messages recipients have a quarter at most: where they took
/// all of it, none of them could send its content.
const RECIPIENTS_PART: usize = 4;
/// Units of [`MESSAGE_OCTETS`] that one poll may hold: 3 MB, which a disk that
/// needs 20 ms for a sync takes in a tenth of a second.
const POLL_MESSAGES_MAX: usize = 16;
/// How long a message waits for memory before its sender is told to come again.
/// Short of what senders wait for (RFC 5321 §4.5.3.2.4: 2 minutes).
pub const MEMORY_WAIT: Duration = Duration::from_secs(30);

/// The memory for messages under way, in units of [`MESSAGE_OCTETS`].
#[derive(Debug, Clone)]
pub struct MessageMemory {
    units: usize,
    all: Arc<Semaphore>,
    /// A stranger takes from here first.
    strangers: Arc<Semaphore>,
    /// Recipients take from here first.
    recipients: Arc<Semaphore>,
}

/// Memory for messages, given back when dropped.
pub type MemoryGrant = Vec<SemaphoreGuardArc>;

impl MessageMemory {
    /// All of it is free.
    pub fn new(limits: &Limits) -> MessageMemory {
        let units = limits.messages();
        let strangers = (units * STRANGERS_PERCENT / 100).max(1);
        MessageMemory {
            units,
            all: Arc::new(Semaphore::new(units)),
            strangers: Arc::new(Semaphore::new(strangers)),
            recipients: Arc::new(Semaphore::new((units / RECIPIENTS_PART).max(1))),
        }
    }

    /// Memory for one message. `None` after [`MEMORY_WAIT`].
    pub async fn for_message(&self, standing: Standing) -> Option<MemoryGrant> {
        let of_strangers = async {
            match standing {
                Standing::Stranger => Some(self.strangers.acquire_arc().await),
                Standing::Trusted => None,
            }
        };
        let both = async {
            let of_strangers = of_strangers.await;
            let mut grant = vec![self.all.acquire_arc().await];
            grant.extend(of_strangers);
            grant
        };
        within(MEMORY_WAIT, both).await
    }

    /// Has `held` cover the recipients of a message: so many octets in all. At
    /// once, or not: who has named some can send to those, and come again. What
    /// came of it is told; without success `held` stays as it was.
    #[must_use]
    pub fn cover_recipients(
        &self,
        held: &mut Vec<MemoryGrant>,
        octets: usize,
        standing: Standing,
    ) -> bool {
        let units = octets
            .saturating_sub(RECIPIENTS_OCTETS_FREE)
            .div_ceil(MESSAGE_OCTETS);
        let had = held.len();
        while held.len() < units {
            let Some(grant) = self.try_for_recipients(standing) else {
                held.truncate(had);
                return false;
            };
            held.push(grant);
        }
        true
    }

    fn try_for_recipients(&self, standing: Standing) -> Option<MemoryGrant> {
        let mut grant = vec![
            self.recipients.try_acquire_arc()?,
            self.all.try_acquire_arc()?,
        ];
        if standing == Standing::Stranger {
            grant.push(self.strangers.try_acquire_arc()?);
        }
        Some(grant)
    }

    /// Memory for the messages of one poll that wait for their commit: an eighth
    /// of all, and `POLL_MESSAGES_MAX` at most, for several providers may be
    /// polled while others send. The octets it holds are told. `None` after
    /// [`MEMORY_WAIT`].
    pub async fn for_poll(&self) -> Option<(MemoryGrant, usize)> {
        let units = (self.units / 8).clamp(1, POLL_MESSAGES_MAX);
        let all = async {
            let mut grant = MemoryGrant::new();
            for _ in 0..units {
                grant.push(self.all.acquire_arc().await);
            }
            grant
        };
        let grant = within(MEMORY_WAIT, all).await?;
        Some((grant, units * MESSAGE_OCTETS))
    }

    /// Memory for the scan listing of a user's maildrop; none is counted for a
    /// small part of a unit. A listing that is larger than half of the memory
    /// counts as half of it: the mailbox must open all the same. `None` after
    /// [`MEMORY_WAIT`].
    pub async fn for_listing(&self, octets: usize) -> Option<MemoryGrant> {
        let units = (octets + MESSAGE_OCTETS / 2) / MESSAGE_OCTETS;
        let all = async {
            let mut grant = MemoryGrant::new();
            for _ in 0..units.min(self.units / 2) {
                grant.push(self.all.acquire_arc().await);
            }
            grant
        };
        within(MEMORY_WAIT, all).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_strangers_never_end_leave_memory_to_the_office() {
        let memory = MessageMemory::new(&Limits {
            memory_octets: 8_000_000,
            ..Limits::default()
        });
        smol::block_on(async {
            let mut held = Vec::new();
            for _ in 0..memory.units * STRANGERS_PERCENT / 100 {
                held.push(memory.for_message(Standing::Stranger).await.unwrap());
            }
            assert!(memory.strangers.try_acquire_arc().is_none());
            assert!(memory.for_message(Standing::Trusted).await.is_some());
            held.clear();
            assert!(memory.for_message(Standing::Stranger).await.is_some());
        });
    }

    #[test]
    fn recipients_beyond_some_dozen_are_counted() {
        let memory = MessageMemory::new(&Limits {
            memory_octets: 8_000_000,
            ..Limits::default()
        });
        let mut held = Vec::new();
        assert!(memory.cover_recipients(&mut held, RECIPIENTS_OCTETS_FREE, Standing::Stranger));
        assert_eq!(held.len(), 0);
        assert!(memory.cover_recipients(&mut held, 2 * MESSAGE_OCTETS, Standing::Stranger));
        assert_eq!(held.len(), 2);
        assert!(!memory.cover_recipients(&mut held, 8_000_000, Standing::Stranger));
        assert_eq!(held.len(), 2);
        assert!(memory.all.try_acquire_arc().is_some());
        held.clear();
        assert!(memory.strangers.try_acquire_arc().is_some());
    }

    #[test]
    fn a_mailbox_with_a_listing_larger_than_the_memory_opens() {
        let memory = MessageMemory::new(&Limits {
            memory_octets: 8_000_000,
            ..Limits::default()
        });
        let grant = smol::block_on(memory.for_listing(1_000_000_000)).unwrap();
        assert_eq!(grant.len(), memory.units / 2);
    }
}
