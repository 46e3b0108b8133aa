//! What the administrator says of one `[[provider]]`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fetch::{PasswordMethod, Pipelining, Secret, Security, TokenLine};
use crate::net::tls::TrustedRoots;
use crate::route::multidrop;

/// One account at a provider, whose mailbox is fetched and split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What commands, `status` and the log call it.
    pub name: String,
    /// The POP3 server: a host name in A-labels, or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Whose certificate is taken for the server's.
    pub trust: TrustedRoots,
    /// The name to log in with.
    pub user: String,
    /// How to prove it.
    pub login: Login,
    /// Whether several commands may be under way. Default
    /// [`Pipelining::ByTest`].
    pub pipelining: Pipelining,
    /// Whose mail is in it.
    pub routing: multidrop::Account,
    /// How long a message stays at the provider once it is committed here; zero:
    /// it is removed at once. Running time of the hub, as for `keep_collected`.
    pub leave_on_server: Duration,
    /// Octets; a larger message stays at the provider, and its addressee hears
    /// of it.
    pub max_message_size: u64,
    /// What one poll may fetch.
    pub caps: Caps,
    /// When to poll.
    pub schedule: Schedule,
}

/// How the user is proved to the provider.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// By a password.
    Password {
        /// It.
        password: Arc<Secret>,
        /// How it is sent.
        method: PasswordMethod,
    },
    /// By an OAuth2 access token.
    Token {
        /// What prints it: a command line for `/bin/sh -c`.
        command: String,
        /// Where the token stands.
        line: TokenLine,
    },
}

impl fmt::Debug for Login {
    /// A command line may hold a secret, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Login::Password { method, .. } => write!(f, "Password({method:?})"),
            Login::Token { line, .. } => write!(f, "Token({line:?})"),
        }
    }
}

/// What one poll may fetch; the rest waits for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps {
    /// Messages.
    pub messages: Option<u64>,
    /// Octets, as LIST tells them.
    pub octets: Option<u64>,
}

/// When an account is polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Time between the beginnings of two polls.
    pub every: Duration,
    /// Only within these hours; none: always.
    pub hours: Option<OfficeHours>,
}

/// The hours in which an office works, by the box's local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfficeHours {
    /// Monday first.
    pub days: [bool; 7],
    /// Minutes since midnight.
    pub from_minute: u16,
    /// The first minute that is over; later than `from_minute`, 1440 at most.
    pub to_minute: u16,
}
