//! What the sessions have done since the start, in numbers.
//!
//! Counters without locks: whoever does something adds one where it happens, and
//! `status` and the metrics read them. They name nobody.

use std::sync::atomic::{AtomicU64, Ordering};

use super::listen::Protocol;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// The number by now.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why SMTP refused a recipient, a message, or the sender of one.
#[derive(Debug, Default)]
pub struct Refusals {
    /// The address is nobody's.
    pub unknown_recipient: Counter,
    /// The domain is not ours.
    pub foreign_domain: Counter,
    /// The address is closed (`reject`).
    pub closed_address: Counter,
    /// The address has just left the directory: for now.
    pub just_gone: Counter,
    /// The disk is full: for now.
    pub no_room: Counter,
    /// There is no memory for it: for now.
    pub busy: Counter,
    /// The store could not keep it: for now.
    pub store_failed: Counter,
    /// The content is too large, loops, or breaks the rules.
    pub content: Counter,
}

/// What log-ins came to.
#[derive(Debug, Default)]
pub struct Logins {
    /// The maildrop was opened.
    pub good: Counter,
    /// Wrong name or password; answered late where there were several.
    pub wrong: Counter,
    /// The password is right, and the user is disabled.
    pub disabled: Counter,
    /// Another session holds the maildrop.
    pub in_use: Counter,
    /// It could not be found out, or the store failed.
    pub unavailable: Counter,
}

/// One number for each protocol.
#[derive(Debug, Default)]
pub struct ByProtocol {
    /// Mail in.
    pub smtp: Counter,
    /// Mail out.
    pub pop3: Counter,
}

impl ByProtocol {
    /// The number of this one.
    pub fn of(&self, protocol: Protocol) -> &Counter {
        match protocol {
            Protocol::Smtp => &self.smtp,
            Protocol::Pop3 => &self.pop3,
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Figures {
    /// Messages taken in by SMTP, committed.
    pub received_messages: Counter,
    /// Their octets, without trace lines.
    pub received_octets: Counter,
    /// What SMTP refused.
    pub refusals: Refusals,
    /// Messages that PCs have read to their end.
    pub retrieved_messages: Counter,
    /// Octets of messages sent to PCs, also of those that broke off.
    pub retrieved_octets: Counter,
    /// Messages that PCs have collected (DELE and QUIT).
    pub collected_messages: Counter,
    /// Log-ins of PCs.
    pub logins: Logins,
    /// Sessions that have begun.
    pub sessions: ByProtocol,
    /// Connections turned away before a session.
    pub turned_away: ByProtocol,
    /// TLS handshakes that did not come to their end.
    pub failed_handshakes: Counter,
}
