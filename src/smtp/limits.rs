//! What the administrator sets, and every limit of a session with its reason.

use std::time::Duration;

/// What all sessions of a hub have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This hub's name, in replies and in the count of its own Received lines.
    pub hostname: String,
    /// The largest message that is taken, in octets (RFC 1870).
    pub max_message_size: u64,
    /// Recipients of one transaction (RFC 5321 §4.5.3.1.8: at least 100).
    pub max_recipients: usize,
    /// STARTTLS is offered on connections that have no TLS yet.
    pub starttls: bool,
}

/// How far a peer is known; decides what is forgiven it and, through
/// [`Limits::of`], how much it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trust {
    /// An address of the office's own networks: PCs, scanners, alarms.
    Lan,
    /// An address of `accept_from`: all mail of the office may come from it.
    Provider,
    /// Anybody else.
    World,
}

/// What one session may use. The number of recipients and the size of a
/// message are the administrator's and stand in [`Settings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a command line without its line end. RFC 5321 §4.5.3.1.4 asks
    /// for 512; VERP paths and SMTPUTF8 (RFC 6531 §3.4) need more.
    pub line_octets_max: usize,
    /// Octets of all addresses of one transaction: bounds what a thousand
    /// recipients of two thousand octets each would hold. Beyond it 452 4.5.3,
    /// as for too many recipients (RFC 5321 §4.5.3.1.10).
    pub envelope_octets_max: usize,
    /// Commands of a session that bring nothing: all but RCPT within a
    /// transaction and BDAT with octets, which have bounds of their own. Ends a
    /// peer that keeps a place with NOOP.
    pub commands_max: u32,
    /// Unknown commands, bad syntax, bad sequence. Ends a program that speaks
    /// something else than SMTP. Refused recipients are no errors, nor is what
    /// was pipelined behind a refused command (RFC 2920 §3.1).
    pub errors_max: u32,
    /// MAIL commands that were accepted: an endless session would keep its
    /// place for ever; a sender with more to send connects again.
    pub transactions_max: u32,
    /// RCPT commands that were refused, over the whole session: ends one that
    /// tries names. How fast it may is `auth`'s. `None` for peers that send
    /// everything for the office, whose sessions an unknown user must not close.
    pub refused_recipients_max: Option<u32>,
    /// Wait for a whole command line (RFC 5321 §4.5.3.2.7). Single octets do
    /// not prolong it.
    pub command_wait: Duration,
    /// Wait for the first octets of content after 354 (RFC 5321 §4.5.3.2.4 is
    /// the client's half of it).
    pub data_initiation_wait: Duration,
    /// Wait for the next octets of content (RFC 5321 §4.5.3.2.5).
    pub data_block_wait: Duration,
    /// What a client waits for the answer to its message (RFC 5321
    /// §4.5.3.2.6). The session does not measure it: whoever drives the session
    /// must have called `stored` or `refused` before it passes.
    pub data_termination_wait: Duration,
    /// Within this time of waiting for content at least
    /// [`progress_octets_min`](Limits::progress_octets_min) octets must come: a
    /// peer that sends one octet a minute stays within every other wait.
    pub progress_wait: Duration,
    /// See [`progress_wait`](Limits::progress_wait). 60 KiB in ten minutes is a
    /// tenth of the slowest modem.
    pub progress_octets_min: u64,
    /// The whole session, whatever it does. Four hours let the largest message
    /// (50 MB) pass at 4 KB/s.
    pub session_wait: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Limits {
    /// The limits for a peer of this trust.
    pub fn of(trust: Trust) -> Limits {
        let world = Limits {
            line_octets_max: 2048,
            envelope_octets_max: 256 * 1024,
            commands_max: 2_000,
            errors_max: 20,
            transactions_max: 100,
            refused_recipients_max: Some(1_000),
            command_wait: 5 * MINUTE,
            data_initiation_wait: 2 * MINUTE,
            data_block_wait: 3 * MINUTE,
            data_termination_wait: 10 * MINUTE,
            progress_wait: 10 * MINUTE,
            progress_octets_min: 60 * 1024,
            session_wait: 240 * MINUTE,
        };
        match trust {
            Trust::World => world,
            // One address may send everything here, through one session that
            // stays open; and a scanner sends while its pages are turned.
            Trust::Lan | Trust::Provider => Limits {
                commands_max: 1_000_000,
                errors_max: 100,
                transactions_max: 100_000,
                refused_recipients_max: None,
                data_initiation_wait: 5 * MINUTE,
                data_block_wait: 10 * MINUTE,
                progress_wait: 30 * MINUTE,
                session_wait: 24 * 60 * MINUTE,
                ..world
            },
        }
    }
}
