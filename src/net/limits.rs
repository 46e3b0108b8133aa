//! How much of the box the network may use, and who may use it.
//!
//! The web of limits: a connection costs at most [`SESSION_OCTETS`] while it
//! talks, a message under way [`MESSAGE_OCTETS`] more, and so does what many
//! recipients hold. All of it is handed out from the one budget `[limits]
//! memory`, so that their sum fits it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smol::lock::{Semaphore, SemaphoreGuardArc};
use thiserror::Error;

use super::connection::within;
use super::current::lock;
use crate::auth::Household;

/// Memory of a session: its task, TLS (about 25 KiB), buffers of a few KiB.
pub const SESSION_OCTETS: usize = 40 * 1024;
/// Memory of a message under way: 128 KiB of content at most before it goes to
/// a file, and a read buffer.
pub const MESSAGE_OCTETS: usize = 192 * 1024;
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
/// Of eighths of the memory, those for sessions; the others for messages.
const SESSION_EIGHTHS: usize = 5;
/// Of the connections, and of the memory for messages, the share that strangers
/// may have: the rest is kept for the office and its provider. Without it a few
/// addresses that begin messages and never end them would keep every PC from
/// its mail.
const STRANGERS_PERCENT: usize = 75;
/// Fewer would make the hub useless, whatever is set.
const CONNECTIONS_MIN: usize = 8;
/// The system's own limit on descriptors leaves room for files and the database.
const DESCRIPTORS_KEPT: u64 = 100;

/// The numbers of `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Octets that sessions and messages under way may use.
    pub memory_octets: usize,
    /// Connections at once, if memory and descriptors allow as many. Default
    /// 1000: each PC of a few hundred may poll in the same second.
    pub connections: usize,
    /// Connections at once from one address (IPv6: one /64) that is neither on
    /// the LAN nor in `accept_from`. Default 20: more than any sending server
    /// opens to a small office.
    pub connections_per_address: usize,
    /// The same for the LAN and the provider. Default 200: behind one address
    /// may stand a whole floor, and the provider sends everything.
    pub connections_per_trusted_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_octets: 64_000_000,
            connections: 1000,
            connections_per_address: 20,
            connections_per_trusted_address: 200,
        }
    }
}

impl Limits {
    /// Connections in all: what is set, and the memory and the descriptors allow.
    pub fn connections_max(&self) -> usize {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let descriptors = limit
            .current
            .unwrap_or(u64::MAX)
            .saturating_sub(DESCRIPTORS_KEPT);
        let by_descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        self.connections_by_memory()
            .min(by_descriptors)
            .max(CONNECTIONS_MIN)
    }

    /// Connections that are set and that the memory allows.
    pub fn connections_by_memory(&self) -> usize {
        let by_memory = self.memory_octets / 8 * SESSION_EIGHTHS / SESSION_OCTETS;
        self.connections.min(by_memory).max(CONNECTIONS_MIN)
    }

    /// Messages under way at once, coming and going.
    pub fn messages(&self) -> usize {
        (self.memory_octets / 8 * (8 - SESSION_EIGHTHS) / MESSAGE_OCTETS).max(2)
    }
}

/// Who a peer is to the hub, by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// On the LAN or named in `accept_from`.
    Trusted,
    /// Anybody else.
    Stranger,
}

/// Why a connection is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TurnedAway {
    /// All connections are taken.
    #[error("all {0} connections are in use")]
    Full(usize),
    /// The address has as many as it may.
    #[error("this address has {0} connections already")]
    TooManyOfAddress(usize),
}

/// Lets connections in, by count.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    connections_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    strangers: usize,
    by_address: HashMap<Household, usize>,
}

impl Admission {
    /// Nobody is in yet.
    pub fn new(limits: Limits) -> Arc<Admission> {
        Arc::new(Admission {
            connections_max: limits.connections_max(),
            limits,
            open: Mutex::default(),
        })
    }

    /// Lets a connection in until the permit is dropped.
    ///
    /// # Errors
    /// Which limit is reached.
    pub fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        standing: Standing,
    ) -> Result<Admitted, TurnedAway> {
        let household = Household::of(address);
        let (per_address, strangers_max) = match standing {
            Standing::Trusted => (self.limits.connections_per_trusted_address, usize::MAX),
            Standing::Stranger => (
                self.limits.connections_per_address,
                self.connections_max * STRANGERS_PERCENT / 100,
            ),
        };
        let mut open = lock(&self.open);
        if open.total >= self.connections_max || open.strangers >= strangers_max {
            return Err(TurnedAway::Full(self.connections_max));
        }
        let of_address = open.by_address.entry(household).or_default();
        if *of_address >= per_address {
            return Err(TurnedAway::TooManyOfAddress(*of_address));
        }
        *of_address += 1;
        open.total += 1;
        open.strangers += usize::from(standing == Standing::Stranger);
        Ok(Admitted {
            admission: Arc::clone(self),
            household,
            standing,
        })
    }
}

/// A connection that is in.
#[derive(Debug)]
pub struct Admitted {
    admission: Arc<Admission>,
    household: Household,
    standing: Standing,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = lock(&self.admission.open);
        open.total -= 1;
        open.strangers -= usize::from(self.standing == Standing::Stranger);
        if let Some(count) = open.by_address.get_mut(&self.household) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.household);
            }
        }
    }
}

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

    fn small() -> Arc<Admission> {
        Admission::new(Limits {
            memory_octets: 8 * SESSION_OCTETS * 8 / SESSION_EIGHTHS + 8,
            connections: 1000,
            connections_per_address: 2,
            connections_per_trusted_address: 4,
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_gets_its_share_and_gets_it_back() {
        let admission = small();
        let from = |text| admission.admit(address(text), Standing::Stranger);
        let first = from("2001:db8::1").unwrap();
        let _second = from("2001:db8::2").unwrap();
        assert_eq!(
            from("2001:db8::3").unwrap_err(),
            TurnedAway::TooManyOfAddress(2)
        );
        assert!(from("2001:db8:0:1::1").is_ok());
        drop(first);
        assert!(from("2001:db8::3").is_ok());
    }

    #[test]
    fn strangers_leave_room_for_the_office() {
        let admission = small();
        let strangers: Vec<_> = (0..20)
            .filter_map(|n| {
                admission
                    .admit(address(&format!("192.0.2.{n}")), Standing::Stranger)
                    .ok()
            })
            .collect();
        assert_eq!(strangers.len(), 6);
        assert!(
            admission
                .admit(address("10.0.0.1"), Standing::Trusted)
                .is_ok()
        );
        drop(strangers);
        assert_eq!(lock(&admission.open).total, 0);
        assert!(lock(&admission.open).by_address.is_empty());
    }

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

    #[test]
    fn the_sum_of_the_limits_fits_the_budget() {
        let limits = Limits::default();
        let most = limits.connections_max() * SESSION_OCTETS + limits.messages() * MESSAGE_OCTETS;
        assert!(most <= limits.memory_octets);
        assert!(limits.messages() > 100);
    }
}
