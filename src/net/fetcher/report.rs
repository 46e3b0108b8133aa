//! What came of a poll: counts, and the reason when it failed.

use std::time::Duration;
use std::{fmt, io};

use thiserror::Error;

use super::settings::Provider;
use crate::fetch::{self, Refusal, Remedy, Security};
use crate::net::tls::{Certificate, ConnectError};
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
        self.continued > 0 && self.fetched > 0
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
        "{host}: its address cannot be found ({why}); check `host`, and whether this machine reaches the internet"
    )]
    NoAddress {
        /// The provider's server.
        host: String,
        /// What the system says.
        why: io::Error,
    },
    /// Nobody takes the connection.
    #[error("{server}: no connection ({why}); check `host` and `port`, and the firewall{hint}")]
    NoConnection {
        /// Host and port.
        server: String,
        /// What the system says, of the last address that was tried.
        why: io::Error,
        /// What the settings show.
        hint: Hint,
    },
    /// No TLS.
    #[error("{0}{1}")]
    Tls(ConnectError, Hint),
    /// The session failed.
    #[error("{0}{1}")]
    Session(fetch::Error, Hint),
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

/// What else helps, where the settings show more than the error knows. Follows
/// it in the same sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint(Option<String>);

impl Hint {
    /// A TLS handshake with this provider failed.
    pub(super) fn on_tls(why: &ConnectError, provider: &Provider) -> Hint {
        Hint(match (why, provider.security, provider.port) {
            (ConnectError::Failed { .. } | ConnectError::TimedOut { .. }, Security::Tls, 110) => {
                Some(
                    "port 110 begins without TLS: set port = 995, or tls = \"starttls\""
                        .to_string(),
                )
            }
            (ConnectError::Failed { .. } | ConnectError::TimedOut { .. }, Security::Tls, port) => {
                Some(format!(
                    "if port {port} begins without TLS, set tls = \"starttls\"; POP3 with TLS has port 995"
                ))
            }
            (ConnectError::NotTrusted { reason, shown, .. }, ..) => {
                Some(on_distrust(reason, shown.as_deref(), &provider.name))
            }
            _ => None,
        })
    }

    /// There is no connection, or it ended before a word.
    pub(super) fn on_connection(provider: &Provider) -> Hint {
        Hint(match (provider.security, provider.port) {
            (Security::StlsRequired | Security::Clear, 995) => Some(
                "port 995 is for TLS from the first octet: set tls = \"implicit\", or port = 110"
                    .to_string(),
            ),
            _ => None,
        })
    }

    /// The session failed.
    pub(super) fn on_session(why: &fetch::Error, provider: &Provider) -> Hint {
        match why {
            fetch::Error::ConnectionClosed {
                awaited: fetch::Awaited::Greeting,
                ..
            } => match provider.security {
                Security::Tls => Hint::default(),
                Security::StlsRequired | Security::Clear => Hint(Some(format!(
                    "if port {} begins with TLS (as 995 does), set tls = \"implicit\"",
                    provider.port
                ))),
            },
            _ => Hint::default(),
        }
    }
}

/// What makes a provider trusted whose certificate is not; only who knows that it is his
/// can say so.
fn on_distrust(reason: &str, shown: Option<&Certificate>, account: &str) -> String {
    let first = match reason.contains("mismatch") {
        true => "set host to a name that the certificate has",
        false => {
            "see that the clock of this machine is right; or set ca to the file of the provider's own CA"
        }
    };
    match shown {
        None => format!("{first}; or set fingerprint to this one certificate's"),
        Some(certificate) => format!(
            "{first}. The certificate that it shows is {certificate}. If the provider confirms that this is his own, \
             write into [[provider]] \"{account}\" in postroom.toml: fingerprint = \"{}\"",
            certificate.fingerprint()
        ),
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl From<fetch::Error> for PollError {
    fn from(error: fetch::Error) -> PollError {
        PollError::Session(error, Hint::default())
    }
}

impl PollError {
    /// What should follow.
    pub fn remedy(&self) -> Remedy {
        match self {
            PollError::Session(error, _) => error.remedy(),
            PollError::Tls(
                ConnectError::NotTrusted { .. }
                | ConnectError::OtherCertificate { .. }
                | ConnectError::Roots(_),
                _,
            ) => Remedy::Administrator,
            _ => Remedy::Wait,
        }
    }
}
