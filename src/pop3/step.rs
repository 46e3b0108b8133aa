//! What a session asks of its driver, and the words they share.

use std::fmt;
use std::time::Instant;

use crate::wire::Secret;

/// What the driver does next. Each question is answered by one of the methods
/// named with it, before [`Session::next`](super::Session::next) is called
/// again.
#[derive(Debug)]
pub enum Step<'a> {
    /// Read from the peer and hand it to `receive`; call `next` again then, or
    /// when `until` has passed: the session acts on its own time limits.
    NeedInput {
        /// When the session must be asked again at the latest.
        until: Instant,
    },
    /// Write these octets, all of them.
    Send(&'a [u8]),
    /// All replies have left: do the TLS handshake, then `tls_started`. If it
    /// fails, the driver ends the connection.
    StartTls,
    /// Check the credentials and lock the maildrop: `maildrop_opened` or
    /// `login_refused`.
    LoginRequested(Login),
    /// Read the scan listing of the maildrop: `listing` or `listing_failed`.
    /// Asked once, at the first command that needs it; again after a failure.
    ListingRequested,
    /// Open this message for reading: `message_opened` or `message_failed`.
    MessageRequested {
        /// Position in the scan listing, from 0.
        index: usize,
    },
    /// Read on in the open message: `content`, `content_complete` or
    /// `content_failed`.
    ContentWanted,
    /// TOP has all it needs: close the open message. No answer.
    ContentEnough,
    /// QUIT: remove the messages at these positions, all or none, and release
    /// the maildrop, so that a client that reads our reply can log in again at
    /// once: `updated` or `update_failed`. Asked at each QUIT after log-in,
    /// also with nothing to remove.
    UpdateRequested(Vec<usize>),
    /// Close the connection; every further step is this one.
    Close(Ending),
}

/// The credentials that a client gave.
#[derive(Debug)]
pub struct Login {
    /// The name as the client wrote it: never empty.
    pub name: String,
    /// The password: never empty.
    pub password: Secret,
}

/// Why a log-in is refused.
///
/// Mail programs ask for a new password at every -ERR to PASS, and people then
/// break a good one. So only what no later try will mend becomes \[AUTH].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginRefusal {
    /// No such user, or a wrong password: \[AUTH] (RFC 3206).
    Credentials,
    /// The password is right, and another session holds the maildrop:
    /// \[IN-USE] (RFC 2449 §8.1.1).
    InUse,
    /// The password is right, and the administrator lets this user collect
    /// nothing for now: \[AUTH] as well, for no later try will do (RFC 3206 §4
    /// names an expired account).
    Disabled,
    /// The hub cannot tell, or cannot open the maildrop, now: \[SYS/TEMP].
    Temporary,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client said QUIT, and every message that it deleted is removed.
    Quit,
    /// The client said QUIT, and removing failed: all is still there.
    UpdateFailed,
    /// No log-in in time.
    LoginTimeout,
    /// Logged in, and no command for too long: the autologout timer of RFC 1939
    /// §3. Nothing was removed.
    Autologout,
    /// As many errors as [`Limits::errors_max`](super::Limits::errors_max).
    TooManyErrors,
    /// As many refused log-ins as
    /// [`Limits::logins_max`](super::Limits::logins_max).
    TooManyLogins,
    /// Something came in the clear behind STLS: an attacker's, or a client that
    /// did not wait. Nothing of it is obeyed.
    PlaintextBehindStls,
    /// The content of a message broke off in the middle of a reply, so that
    /// only the missing dot can tell the client.
    ContentBroken,
    /// The driver gave an answer that was not asked for, or none.
    Misdriven,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ending::Quit => "quit",
            Ending::UpdateFailed => "quit, but the deleted messages could not be removed",
            Ending::LoginTimeout => "no log-in in time",
            Ending::Autologout => "idle for too long",
            Ending::TooManyErrors => "too many errors",
            Ending::TooManyLogins => "too many failed log-ins",
            Ending::PlaintextBehindStls => "plain text came behind STLS",
            Ending::ContentBroken => "a message broke off while it was sent",
            Ending::Misdriven => "internal error: session driven out of order",
        })
    }
}
