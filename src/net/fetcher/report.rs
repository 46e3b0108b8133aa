//! What came of a poll: counts, and the reason when it failed.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::fetch::{self, Refusal, Remedy};
use crate::net::tls::ConnectError;
use crate::store::StoreError;

/// What one poll found and did. It counts also when the poll failed half-way:
/// what is committed stays.
#[derive(Debug, Default)]
pub struct Report {
    /// Messages in the mailbox.
    pub listed: u64,
    /// Their octets, as LIST tells them.
    pub listed_octets: u64,
    /// Messages that were committed by this poll.
    pub fetched: u64,
    /// Their octets.
    pub fetched_octets: u64,
    /// Of these, unclaimed ones.
    pub unclaimed: u64,
    /// Copies, or messages under a new unique-id, of which everybody who is
    /// meant has one already.
    pub duplicates: u64,
    /// Messages that were removed at the provider, and QUIT answered.
    pub removed: u64,
    /// Messages that are larger than `max_message_size` and stay there.
    pub oversized: u64,
    /// Messages that wait for the next poll, because of the caps.
    pub postponed: u64,
    /// Messages that wait for the next session of this poll.
    pub continued: u64,
    /// Messages that could not be read or removed: the unique-id (the
    /// message-number without one), and what the server says.
    pub refused: Vec<(String, Refusal)>,
    /// Days until the server's certificate expires.
    pub certificate_days_left: Option<i64>,
    /// The least time between two log-ins, where CAPA tells it.
    pub login_delay: Option<Duration>,
    /// Something about the server that a person should know, once.
    pub remarks: Vec<String>,
}

impl Report {
    /// Whether a further session is of use: it has something to do, and this one
    /// got on.
    pub(super) fn continues(&self) -> bool {
        self.continued > 0 && self.fetched + self.duplicates > 0
    }

    /// Adds what the next session of the same poll did.
    pub(super) fn add(&mut self, next: Report) {
        self.listed = self.listed.max(self.removed + next.listed);
        self.listed_octets = self.listed_octets.max(next.listed_octets);
        self.fetched += next.fetched;
        self.fetched_octets += next.fetched_octets;
        self.unclaimed += next.unclaimed;
        self.duplicates += next.duplicates;
        self.removed += next.removed;
        self.oversized = next.oversized;
        self.postponed = next.postponed;
        self.continued = next.continued;
        self.refused = next.refused;
        self.certificate_days_left = next.certificate_days_left;
        self.login_delay = next.login_delay;
        for remark in next.remarks {
            if !self.remarks.contains(&remark) {
                self.remarks.push(remark);
            }
        }
    }
}

/// Why a poll failed. What was committed before stays committed.
#[derive(Debug, Error)]
pub enum PollError {
    /// The name is not known.
    #[error(
        "{host}: its address cannot be found ({why}); check `host`, and whether this box reaches the internet"
    )]
    NoAddress {
        /// The provider's server.
        host: String,
        /// What the system says.
        why: io::Error,
    },
    /// Nobody takes the connection.
    #[error("{server}: no connection ({why}); check `host` and `port`, and the firewall")]
    NoConnection {
        /// Host and port.
        server: String,
        /// What the system says, of the last address that was tried.
        why: io::Error,
    },
    /// No TLS.
    #[error("{0}")]
    Tls(#[from] ConnectError),
    /// The session failed.
    #[error("{0}")]
    Session(#[from] fetch::Error),
    /// Some of the messages that were to be removed are still there.
    #[error("the provider's server could not remove all messages: {0}; the next poll removes them")]
    RemovalFailed(Refusal),
    /// QUIT was not answered.
    #[error(
        "the provider's server did not confirm the removal of messages; the next poll sees what is left"
    )]
    RemovalUnconfirmed,
    /// No OAuth2 token.
    #[error("token_command gave no token: {0}")]
    NoToken(String),
    /// There is less room on the disk than `keep_free`.
    #[error("the disk has less room than keep_free: nothing is fetched until there is more")]
    DiskShort,
    /// The store fails.
    #[error("{0}; the messages stay at the provider")]
    Store(#[from] StoreError),
    /// The memory for messages was in use for too long.
    #[error("all memory for messages is in use; the next poll tries again")]
    Busy,
    /// The hub stops, or the account was changed.
    #[error("the poll was stopped")]
    Interrupted,
    /// A listing that cannot be read by TOP alone.
    #[error("the provider's server does not read headers alone (TOP): {0}")]
    NoTop(Refusal),
}

impl PollError {
    /// What should follow.
    pub fn remedy(&self) -> Remedy {
        match self {
            PollError::Session(error) => error.remedy(),
            PollError::Tls(
                ConnectError::NotTrusted { .. }
                | ConnectError::OtherCertificate { .. }
                | ConnectError::Roots(_),
            ) => Remedy::Administrator,
            _ => Remedy::Wait,
        }
    }
}
