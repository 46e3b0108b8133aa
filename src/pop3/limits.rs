//! What a session is told when it begins, and every limit with its reason.

use std::time::Duration;

/// Octets of a command line without its line end. RFC 2449 §4 allows 255 with
/// it; more is taken because passwords of many words exist, and refusing one
/// would look like a wrong password.
pub(super) const COMMAND_OCTETS_MAX: usize = 510;

/// Octets of an AUTH line with an initial response, line end not counted: RFC
/// 5034 §4 keeps it to the 255 of RFC 2449, a longer response goes on a line of
/// its own.
pub(super) const INITIAL_RESPONSE_LINE_MAX: usize = 253;

/// Octets of a line within a SASL exchange (RFC 5034 §4).
pub(super) const SASL_OCTETS_MAX: usize = 12_288;

/// Replies are handed out when they reach this many octets, so that a pipelined
/// RETR of a whole maildrop, or a long scan listing, is never held whole. One
/// piece of content, stuffed, may come on top.
pub(super) const OUTPUT_OCTETS: usize = 64 * 1024;

/// No time limit is longer, whatever is set: adding to an instant must not
/// overflow.
pub(super) const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What an administrator may change. Times count up to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time from the connection to the log-in, in all: a stranger must not hold
    /// a place for longer.
    pub before_login: Duration,
    /// Time without a complete command after log-in. RFC 1939 §3 asks for ten
    /// minutes at least.
    pub idle: Duration,
    /// The session is closed at this many lines that are no valid command:
    /// whoever speaks HTTP to this port is not answered for ever.
    pub errors_max: u32,
    /// The session is closed at this many refused log-ins: guessing has to pay
    /// for a new connection, which the listener counts.
    pub logins_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            before_login: Duration::from_secs(60),
            idle: Duration::from_secs(10 * 60),
            errors_max: 20,
            logins_max: 5,
        }
    }
}

/// How the connection is protected when the session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first octet on (port 995, RFC 8314).
    Tls,
    /// In the clear; STLS is offered.
    StlsOffered,
    /// In the clear; the hub has no certificate.
    Clear,
}

/// Whether this peer may log in without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaintextLogin {
    /// It may.
    Allowed,
    /// USER, PASS and AUTH are refused with \[AUTH] until TLS is on.
    Refused,
}

/// What a session is told when it begins.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The hub's name, for the greeting.
    pub hostname: String,
    /// The limits for this peer.
    pub limits: Limits,
    /// How the connection is protected.
    pub security: Security,
    /// The policy for this peer.
    pub plaintext_login: PlaintextLogin,
}
