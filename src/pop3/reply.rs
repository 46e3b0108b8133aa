//! Replies as they stand on the wire, the capabilities, and the octets that
//! wait to leave.

use std::fmt::{self, Display};
use std::io::Write;

use super::limits::OUTPUT_OCTETS;

/// What a listener writes to a connection for which there is no room, before it
/// closes it.
pub const TOO_BUSY: &[u8] =
    b"-ERR [SYS/TEMP] too many connections at this moment, try again in a minute\r\n";

/// Memory that an idle session may keep for its next reply.
const IDLE_CAPACITY: usize = 4 * 1024;

/// The response codes that this server uses (RFC 2449 §8, RFC 3206).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseCode {
    Auth,
    InUse,
    SysTemp,
}

impl Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResponseCode::Auth => "[AUTH]",
            ResponseCode::InUse => "[IN-USE]",
            ResponseCode::SysTemp => "[SYS/TEMP]",
        })
    }
}

/// Replies, collected until the session wants input or has enough of them.
#[derive(Default)]
pub(super) struct Output {
    collected: Vec<u8>,
    /// What the driver is writing since the last [`Output::leave`].
    leaving: Vec<u8>,
}

impl Output {
    /// One line of a multi-line reply that cannot begin with a dot, or a whole
    /// reply. `text` holds no line end: all texts are this server's own.
    pub(super) fn line(&mut self, text: impl Display) {
        // Writing to a Vec cannot fail.
        let _ = write!(self.collected, "{text}\r\n");
    }

    pub(super) fn ok(&mut self, text: impl Display) {
        self.line(format_args!("+OK {text}"));
    }

    pub(super) fn error(&mut self, code: Option<ResponseCode>, text: impl Display) {
        match code {
            Some(code) => self.line(format_args!("-ERR {code} {text}")),
            None => self.line(format_args!("-ERR {text}")),
        }
    }

    /// A SASL challenge, already in BASE64 (RFC 5034 §4).
    pub(super) fn challenge(&mut self, text: &str) {
        self.line(format_args!("+ {text}"));
    }

    /// The end of a multi-line reply of [`Output::line`]s.
    pub(super) fn dot(&mut self) {
        self.line('.');
    }

    /// Where content goes, stuffed.
    pub(super) fn octets(&mut self) -> &mut Vec<u8> {
        &mut self.collected
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn octets_collected(&self) -> usize {
        self.collected.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.collected.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.collected.len() >= OUTPUT_OCTETS
    }

    /// Everything collected, to be written now.
    pub(super) fn leave(&mut self) -> &[u8] {
        self.leaving.clear();
        std::mem::swap(&mut self.collected, &mut self.leaving);
        &self.leaving
    }

    /// Gives memory back: a session may wait for ten minutes.
    pub(super) fn rest(&mut self) {
        for octets in [&mut self.collected, &mut self.leaving] {
            if octets.capacity() > IDLE_CAPACITY {
                *octets = Vec::new();
            }
        }
    }
}

/// The answer to CAPA (RFC 2449 §5): what is always there, and what `log_in`
/// names, which would be accepted now.
pub(super) fn capabilities(log_in: &[&str], output: &mut Output) {
    output.ok("what this server can do");
    for always in ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"] {
        output.line(always);
    }
    // RFC 6856 §2.1 announces it in both states. Without its argument USER:
    // names and passwords in UTF-8 are taken, but not prepared by SASLprep.
    output.line("UTF8");
    for name in log_in {
        output.line(name);
    }
    output.line("EXPIRE NEVER");
    output.line("IMPLEMENTATION postroom");
    output.dot();
}
