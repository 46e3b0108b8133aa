//! Every way in which a session can fail, in words for the administrator: what
//! is wrong, and how to mend it.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::reply::Refusal;

/// What the server owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Its first line.
    Greeting,
    /// The answer to CAPA.
    Capabilities,
    /// The answer to STLS.
    Stls,
    /// The answer to UTF8.
    Utf8,
    /// An answer during the log-in.
    LogIn,
    /// The answer to UIDL.
    UniqueIds,
    /// The answer to LIST.
    Sizes,
    /// The answer to RETR or TOP, or the rest of it.
    Message(u32),
    /// The answer to DELE.
    Removal(u32),
    /// The answer to QUIT.
    Quit,
    /// Nothing: it was the hub's turn.
    Nothing,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Awaited::Greeting => f.write_str("its greeting"),
            Awaited::Capabilities => f.write_str("its answer to CAPA"),
            Awaited::Stls => f.write_str("its answer to STLS"),
            Awaited::Utf8 => f.write_str("its answer to UTF8"),
            Awaited::LogIn => f.write_str("its answer to the log-in"),
            Awaited::UniqueIds => f.write_str("its answer to UIDL"),
            Awaited::Sizes => f.write_str("its answer to LIST"),
            Awaited::Message(number) => write!(f, "message {number}"),
            Awaited::Removal(number) => write!(f, "its answer to DELE {number}"),
            Awaited::Quit => f.write_str("its answer to QUIT"),
            Awaited::Nothing => f.write_str("the next command"),
        }
    }
}

/// What answers at the port instead of POP3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// A server for sending mail.
    Smtp,
    /// The other protocol for reading mail.
    Imap,
    /// A web server.
    Http,
    /// Something else.
    Unknown,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stranger::Smtp => "an SMTP server (for sending mail)",
            Stranger::Imap => "an IMAP server",
            Stranger::Http => "a web server",
            Stranger::Unknown => "something that is no POP3 server",
        })
    }
}

/// Why a session failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// Nothing came in time.
    #[error(
        "the provider's server took the connection and said nothing for {} seconds; \
         if its port is for TLS from the first octet (as 995 is), set tls = \"implicit\"",
        waited.as_secs()
    )]
    NoGreeting {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The first line is no POP3 greeting.
    #[error(
        "{stranger} answers there: \"{found}\"; \
         check host and port (POP3 has 995 with tls = \"implicit\", else 110)"
    )]
    NotPop3 {
        /// What it seems to be.
        stranger: Stranger,
        /// Its first line.
        found: String,
    },
    /// The greeting is -ERR, without a better reason.
    #[error("the provider's server takes no session now: {0}; the next poll tries again")]
    Unwelcome(Refusal),
    /// STLS is answered by -ERR.
    #[error(
        "the provider's server does not offer STLS ({0}), and without TLS the password is not \
         sent; set tls = \"implicit\" and port = 995, which nearly every provider has"
    )]
    StlsNotOffered(Refusal),
    /// Octets came in the clear between the answer to STLS and TLS.
    #[error(
        "something was sent in the clear between STLS and TLS: somebody on the way may be \
         tampering with the connection; set tls = \"implicit\" and port = 995"
    )]
    PlaintextBehindStls,
    /// The server wants TLS before the log-in.
    #[error(
        "the provider takes no log-in without TLS: {0}; \
         set tls = \"implicit\" and port = 995, or tls = \"starttls\""
    )]
    TlsWanted(Refusal),
    /// Name or password hold what a line cannot.
    #[error(
        "the user name or the password has a line end or a NUL in it, or is empty; \
         check `user` and the password file"
    )]
    UnusableCredentials,
    /// The log-in method that was asked for is not there.
    #[error(
        "the provider does not offer {0}, which is set for this account; choose another log-in"
    )]
    MethodNotOffered(&'static str),
    /// Wrong name or password.
    #[error(
        "the provider refuses user name or password: {0}; check both. Some providers want an \
         \"app password\" that is made on their web page, or POP3 switched on there first"
    )]
    LoginRefused(Refusal),
    /// No password will do.
    #[error("the provider takes no password, only OAuth2: {0}; set token_command for this account")]
    OAuth2Wanted(String),
    /// The access token is not accepted.
    #[error(
        "the provider refuses the OAuth2 token: {refusal}{}; run token_command by hand and check \
         that its token is for POP3 and for this user",
        Detail(detail)
    )]
    TokenRefused {
        /// The final answer.
        refusal: Refusal,
        /// What the server told before it, if it did.
        detail: String,
    },
    /// The driver has no token.
    #[error("there is no OAuth2 token: token_command failed")]
    NoToken,
    /// Another session has the mailbox.
    #[error(
        "the mailbox is locked, because another program is reading it: {0}; it is free when that \
         one is done, or some minutes after it was lost"
    )]
    MailboxLocked(Refusal),
    /// The last log-in was too short ago.
    #[error("the provider wants more time between two polls: {refusal}; set a longer `poll`")]
    TooSoon {
        /// What the server says.
        refusal: Refusal,
        /// The least time between two log-ins, where CAPA tells it.
        delay: Option<Duration>,
    },
    /// A fault of the server that will pass.
    #[error("the provider's server has a fault that should pass: {0}; the next poll tries again")]
    Temporary(Refusal),
    /// A fault of the server that a person must mend.
    #[error(
        "the provider's server has a fault that will not pass by itself: {0}; ask the provider"
    )]
    Permanent(Refusal),
    /// Messages shall stay, and cannot be told apart.
    #[error(
        "leave_on_server needs unique-ids (UIDL), which this provider does not have; \
         set leave_on_server = \"0 days\": then each poll fetches all and removes it there"
    )]
    UidlNeeded,
    /// UIDL or LIST is refused.
    #[error("the provider's server does not list the messages: {0}; the next poll tries again")]
    ListingRefused(Refusal),
    /// A listing has no end.
    #[error("the provider's server does not end {0}; the next poll tries again")]
    EndlessReply(Awaited),
    /// A line that is neither +OK nor -ERR.
    #[error(
        "the provider's server sent \"{found}\" instead of {awaited}; the session ended, because \
         answers could not be told apart any more"
    )]
    NotAReply {
        /// What should have come.
        awaited: Awaited,
        /// What came.
        found: String,
    },
    /// The server is silent, or too slow.
    #[error("the provider's server was silent or too slow: {awaited} did not come in time")]
    TimedOut {
        /// What should have come.
        awaited: Awaited,
        /// Commands that were not answered. More than one: a server that
        /// forgets pipelined commands would look like this.
        unanswered: usize,
    },
    /// The connection ended too early.
    #[error("the connection to the provider's server broke off before {awaited}")]
    ConnectionClosed {
        /// What should have come.
        awaited: Awaited,
        /// Commands that were not answered.
        unanswered: usize,
    },
    /// [`Pipelining::ByTest`](super::Pipelining::ByTest) found that it does not
    /// work.
    #[error("the provider's server does not answer commands that are sent together")]
    PipeliningFailed,
    /// The driver gave an answer that was not asked for, or none.
    #[error("internal error: session driven out of order")]
    Misdriven,
}

/// What should follow a failed session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again at the next poll.
    Wait,
    /// Try again, but not before so much time since this log-in.
    WaitAtLeast(Duration),
    /// Try again at once, with [`Pipelining::Off`](super::Pipelining::Off), and
    /// keep to it.
    LockStep,
    /// Every poll will fail until somebody changes something.
    Administrator,
}

impl Error {
    /// What should follow.
    pub fn remedy(&self) -> Remedy {
        match self {
            Error::TooSoon { delay, .. } => delay.map_or(Remedy::Wait, Remedy::WaitAtLeast),
            Error::PipeliningFailed => Remedy::LockStep,
            Error::TimedOut { unanswered, .. } if *unanswered > 1 => Remedy::LockStep,
            Error::Unwelcome(_)
            | Error::NoToken
            | Error::MailboxLocked(_)
            | Error::Temporary(_)
            | Error::ListingRefused(_)
            | Error::EndlessReply(_)
            | Error::NotAReply { .. }
            | Error::TimedOut { .. }
            | Error::ConnectionClosed { .. }
            | Error::Misdriven => Remedy::Wait,
            Error::NoGreeting { .. }
            | Error::NotPop3 { .. }
            | Error::StlsNotOffered(_)
            | Error::PlaintextBehindStls
            | Error::TlsWanted(_)
            | Error::UnusableCredentials
            | Error::MethodNotOffered(_)
            | Error::LoginRefused(_)
            | Error::OAuth2Wanted(_)
            | Error::TokenRefused { .. }
            | Error::Permanent(_)
            | Error::UidlNeeded => Remedy::Administrator,
        }
    }
}

struct Detail<'a>(&'a str);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            detail => write!(f, " ({detail})"),
        }
    }
}
