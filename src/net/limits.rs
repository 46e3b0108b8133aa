//! How much of the box the network may use, and who may use it.
//!
//! The web of limits: a connection costs at most [`SESSION_OCTETS`] while it
//! talks, a message under way [`MESSAGE_OCTETS`] more, and so does what many
//! recipients hold. All of it is handed out from the one budget `[limits]
//! memory`, so that their sum fits it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use thiserror::Error;

use super::current::lock;
use crate::auth::Household;

/// Memory of a session: its task, TLS (about 25 KiB), buffers of a few KiB.
pub const SESSION_OCTETS: usize = 40 * 1024;
/// Memory of a message under way: 128 KiB of content at most before it goes to
/// a file, and a read buffer.
pub const MESSAGE_OCTETS: usize = 192 * 1024;
/// Of eighths of the memory, those for sessions; the others for messages.
const SESSION_EIGHTHS: usize = 5;
/// Of the connections, and of the memory for messages, the share that strangers
/// may have: the rest is kept for the office and its provider. Without it a few
/// addresses that begin messages and never end them would keep every PC from
/// its mail.
pub(super) const STRANGERS_PERCENT: usize = 75;
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
    fn the_sum_of_the_limits_fits_the_budget() {
        let limits = Limits::default();
        let most = limits.connections_max() * SESSION_OCTETS + limits.messages() * MESSAGE_OCTETS;
        assert!(most <= limits.memory_octets);
        assert!(limits.messages() > 100);
    }
}
