//! What a session is told when it begins, and every limit with its reason.

use std::time::Duration;

use super::login::Credentials;

/// Octets of a line of the server, outside of messages. RFC 2449 §4 allows
/// 512; anything longer is noise, and skipped.
pub(super) const REPLY_OCTETS_MAX: usize = 64 * 1024;

/// Octets of an AUTH line with an initial response, line end not counted: RFC
/// 5034 §4 keeps it to the 255 of RFC 2449, a longer response goes on a line of
/// its own.
pub(super) const INITIAL_RESPONSE_LINE_MAX: usize = 253;

/// Lines of an answer to CAPA; known servers send twenty at most.
pub(super) const CAPABILITY_LINES_MAX: usize = 1_000;

/// Messages that a listing keeps: 16 octets each beside the unique-id. What is
/// over stays at the provider until these are removed.
pub(super) const LISTING_MESSAGES_MAX: usize = 1_000_000;

/// Octets of all unique-ids of a listing: a million of Dovecot's fit, which
/// have 16.
pub(super) const UNIQUE_IDS_OCTETS_MAX: usize = 32 * 1024 * 1024;

/// Lines of one answer to UIDL or LIST. No mailbox has so many: the answer
/// would never end.
pub(super) const LISTING_LINES_MAX: usize = 4 * LISTING_MESSAGES_MAX;

/// What stands for the size of a message where LIST does not tell it.
pub(super) const OCTETS_GUESSED: u64 = 64 * 1024;

/// What an administrator may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wait for the greeting. Some servers ask the DNS about us first.
    pub greeting_wait: Duration,
    /// Wait for a reply, for the next line of a listing, and for the next octets
    /// of a message. A server may have to read a large mailbox first.
    pub reply_wait: Duration,
    /// Wait for the answer to QUIT: the server removes messages before it. What
    /// it does without telling, the next session sees.
    pub quit_wait: Duration,
    /// Wait for the answer to the second of two commands in one write, once
    /// the first is answered: see [`Pipelining::ByTest`].
    pub test_wait: Duration,
    /// Within this time of waiting within a listing or a message at least
    /// [`progress_octets_min`](Limits::progress_octets_min) octets must come: a
    /// server that sends one octet a minute stays within every other wait.
    pub progress_wait: Duration,
    /// See [`progress_wait`](Limits::progress_wait).
    pub progress_octets_min: u64,
    /// The whole session: a first poll may have to fetch years of mail.
    pub session_wait: Duration,
    /// RETR and TOP that may wait for their answers when pipelining, and as many
    /// DELE beside them. All together have 4 KB, which the buffers of a
    /// connection take, so that neither side can be stuck in a write; 128
    /// messages of 10 KB keep 200 Mbit/s busy over 50 ms of round trip.
    pub window_commands: usize,
    /// Octets of messages that may be on their way, by their size in LIST: the
    /// next message is asked for when less is missing of those before it. 4 MiB
    /// keep 100 Mbit/s busy over 300 ms of round trip; a session that is cut has
    /// wasted so much at most.
    pub window_octets: u64,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Default for Limits {
    fn default() -> Self {
        Limits {
            greeting_wait: MINUTE,
            reply_wait: 5 * MINUTE,
            quit_wait: MINUTE,
            test_wait: Duration::from_secs(15),
            progress_wait: 30 * MINUTE,
            progress_octets_min: 60 * 1024,
            session_wait: 24 * 60 * MINUTE,
            window_commands: 128,
            window_octets: 4 * 1024 * 1024,
        }
    }
}

/// How the connection is protected when the session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first octet on (port 995, RFC 8314).
    Tls,
    /// In the clear until STLS, which the server must offer: no log-in without.
    StlsRequired,
    /// In the clear to the end, because the administrator says so.
    Clear,
}

/// Whether several commands may be on their way at once (RFC 2449 §6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipelining {
    /// Where CAPA says PIPELINING.
    Offered,
    /// There, and where UIDL and LIST in one write are both answered. If only
    /// the first one is, the session ends with
    /// [`Error::PipeliningFailed`](super::Error::PipeliningFailed), before any
    /// message is touched: a late answer could be taken for another.
    ByTest,
    /// Never: one command, one answer.
    Off,
}

/// What to do where the server has no UIDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutUniqueIds {
    /// Show the listing without unique-ids.
    Proceed,
    /// End with [`Error::UidlNeeded`](super::Error::UidlNeeded), unless the
    /// mailbox is empty: messages are to stay at the provider, and could not be
    /// told from new ones.
    Refuse,
}

/// What a session is told when it begins.
#[derive(Debug)]
pub struct Settings {
    /// The limits for this provider.
    pub limits: Limits,
    /// How the connection is protected.
    pub security: Security,
    /// The name to log in with.
    pub user: String,
    /// How to prove it.
    pub credentials: Credentials,
    /// Whether to pipeline.
    pub pipelining: Pipelining,
    /// Whether unique-ids are needed.
    pub without_unique_ids: WithoutUniqueIds,
}
