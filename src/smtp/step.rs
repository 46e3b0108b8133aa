//! What a session wants of whoever drives it: every effect that it can have.

use std::fmt;
use std::time::Instant;

use crate::mail::{Recipient, ReversePath};

use super::refusal::Refusal;
#[cfg(doc)]
use super::session::Session;

/// What is to be done next. A step that asks is repeated until it is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Input is needed: read, [`receive`](Session::receive), and call
    /// [`next`](Session::next) again; or call it when `until` has come.
    NeedInput {
        /// When the session will not wait any longer.
        until: Instant,
    },
    /// Write these replies.
    Send(&'a [u8]),
    /// Start TLS on the connection, then [`tls_started`](Session::tls_started);
    /// if the handshake fails, drop session and connection.
    StartTls,
    /// MAIL: [`accept_sender`](Session::accept_sender) or
    /// [`refuse_sender`](Session::refuse_sender).
    SenderNamed {
        /// Whom to tell about the message.
        reverse_path: &'a ReversePath,
        /// SIZE, an estimate of the peer's in octets (RFC 1870 §6.1).
        declared_size: Option<u64>,
    },
    /// RCPT: [`accept_recipient`](Session::accept_recipient) or
    /// [`refuse_recipient`](Session::refuse_recipient).
    RecipientNamed(&'a Recipient),
    /// Content is about to come, once for each transaction:
    /// [`accept_content`](Session::accept_content) or
    /// [`refuse_content`](Session::refuse_content).
    ContentRequested,
    /// The next octets of the message.
    Content(&'a [u8]),
    /// The message is complete: [`stored`](Session::stored) or
    /// [`refused`](Session::refused). The envelope is still there.
    ContentComplete,
    /// What came of the content is to be dropped. Nothing is to be answered.
    ContentDiscarded(Discard),
    /// Close the connection.
    Close(Ending),
}

/// Why content is dropped that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discard {
    /// The session refuses the message, for this reason; the peer is told when
    /// the end of the message has come (and then of a bare line end first, should
    /// that have come as well).
    Refused(Refusal),
    /// The peer gave up (RSET, QUIT, a new EHLO), or the session ends.
    Abandoned,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// QUIT.
    Quit,
    /// The peer was silent for too long, or too slow.
    TimedOut,
    /// A limit on commands, errors, transactions or refused recipients.
    LimitReached,
    /// [`shutdown`](Session::shutdown) was called.
    ShuttingDown,
    /// The driver refused with 421.
    Busy,
    /// Octets came in the clear behind STARTTLS (RFC 3207 §6): somebody in
    /// between may have put them there.
    PlaintextBehindStartTls,
    /// A BDAT whose size cannot be read: its octets could be taken for
    /// commands.
    ChunkSizeUnreadable,
    /// A web browser, or a web page that makes one send mail.
    WebRequest,
}

/// For the log.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ending::Quit => "quit",
            Ending::TimedOut => "silent for too long, or too slow",
            Ending::LimitReached => "limit reached",
            Ending::ShuttingDown => "the hub stops",
            Ending::Busy => "too busy",
            Ending::PlaintextBehindStartTls => "plain text came behind STARTTLS",
            Ending::ChunkSizeUnreadable => "BDAT without a size that can be read",
            Ending::WebRequest => "a web request",
        })
    }
}
