//! Every way in which a client's line can be wrong. Each counts towards
//! `Limits::errors_max`.

use thiserror::Error;

use super::reply::ResponseCode;

/// A line that cannot be obeyed; its text is the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Fault {
    #[error("unknown command")]
    UnknownCommand,
    #[error("the line is too long")]
    LineTooLong,
    /// The command is known; its arguments are not as shown.
    #[error("the command is written: {0}")]
    Syntax(&'static str),
    #[error("a number is written in digits only")]
    Number,
    #[error("log in first")]
    NotLoggedIn,
    #[error("this command is only valid before log-in")]
    LoggedIn,
    #[error("USER comes before PASS")]
    PassWithoutUser,
    #[error(
        "log-in without encryption is refused here: \
         set your mail program to STARTTLS, or to SSL/TLS on the port for it"
    )]
    PlaintextStlsOffered,
    #[error(
        "log-in without encryption is refused here: \
         set your mail program to SSL/TLS, or collect mail from inside the office"
    )]
    PlaintextRefused,
    #[error("STLS is not offered: the hub has no certificate")]
    StlsNotOffered,
    #[error("TLS is already on")]
    TlsActive,
    #[error("unknown mechanism; PLAIN and LOGIN are offered")]
    UnknownMechanism,
    #[error("this initial response is too long; send it on a line of its own")]
    InitialResponseTooLong,
    #[error("the response is not valid BASE64")]
    Base64,
    #[error("a PLAIN response has an identity, a name and a password, NUL between them")]
    PlainMessage,
    #[error("log-in cancelled")]
    Cancelled,
    #[error("a user name is written in UTF-8")]
    NameNotUtf8,
    #[error("nobody may log in on behalf of another user")]
    OnBehalf,
}

impl Fault {
    /// \[AUTH] for policy and for credentials that cannot be right (RFC 3206
    /// §4); errors of syntax have no code, so that no mail program asks its
    /// user for another password.
    pub(super) fn code(self) -> Option<ResponseCode> {
        match self {
            Fault::PlaintextStlsOffered
            | Fault::PlaintextRefused
            | Fault::NameNotUtf8
            | Fault::OnBehalf => Some(ResponseCode::Auth),
            _ => None,
        }
    }
}
