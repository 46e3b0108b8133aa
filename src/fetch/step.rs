//! What a session asks of its driver, and the words they share.

use std::fmt;
use std::time::Instant;

use crate::store::Receipt;

use super::error::Error;
use super::listing::{Listing, Scan};
use super::reply::Refusal;
#[cfg(doc)]
use super::session::Session;

/// What the driver does next. Each question is answered by one of the methods
/// named with it, before [`Session::next`] is called again;
/// [`MessageComplete`](Step::MessageComplete) alone may be answered later.
#[derive(Debug)]
pub enum Step<'a> {
    /// Read from the server and hand it to [`Session::receive`], or tell the
    /// end by [`Session::connection_closed`]; call `next` again then, or when
    /// `until` has passed, or when an answer was given meanwhile.
    NeedInput {
        /// When the session must be asked again at the latest.
        until: Instant,
    },
    /// Write these octets, all of them.
    Send(&'a [u8]),
    /// Do the TLS handshake, then [`Session::tls_started`]. If it fails, the
    /// driver ends the connection.
    StartTls,
    /// Get an OAuth2 access token: [`Session::token`] or
    /// [`Session::token_failed`]. The server is waiting.
    TokenRequested,
    /// What the mailbox holds: [`Session::plan`], with tasks or none.
    Listed(Listing),
    /// Content of this message comes now.
    ContentBegins {
        /// Its message-number.
        number: u32,
    },
    /// The next octets of the message, line ends repaired. A driver that has
    /// seen enough lets the rest go by.
    Content(&'a [u8]),
    /// The whole message is there: [`Session::stored`] or [`Session::leave`],
    /// now or later. How many may be unanswered is the driver's to bound.
    MessageComplete(Arrived),
    /// The answer to TOP is there. Nothing is to be answered, and nothing can be
    /// removed by it.
    TopComplete {
        /// Its message-number.
        number: u32,
        /// Octets that came.
        octets: u64,
    },
    /// What came of the content is to be dropped: the session ends.
    ContentDiscarded {
        /// Its message-number.
        number: u32,
    },
    /// RETR or TOP is answered by -ERR; the session goes on.
    RetrievalRefused {
        /// Its message-number.
        number: u32,
        /// What the server says.
        refusal: Refusal,
    },
    /// DELE is answered by -ERR; the session goes on.
    RemovalRefused {
        /// Its message-number.
        number: u32,
        /// What the server says.
        refusal: Refusal,
    },
    /// Nothing is left to be awaited but [`Session::stored`] or
    /// [`Session::leave`] for messages that are complete.
    NeedAnswer,
    /// Close the connection; every further step is this one.
    Close(&'a Ending),
}

/// What to do with a message of the listing.
#[derive(Debug)]
pub enum Task {
    /// RETR.
    Retrieve {
        /// Its message-number.
        number: u32,
        /// Its size in LIST: for the window alone.
        octets: Option<u64>,
    },
    /// TOP with no line of the body: the headers, for a dry run or a notice.
    Top {
        /// Its message-number.
        number: u32,
    },
    /// DELE, without reading it: an earlier session has committed it.
    Remove(Removal),
}

impl Task {
    /// RETR for a message of the listing.
    pub fn retrieve(scan: &Scan<'_>) -> Task {
        Task::Retrieve {
            number: scan.number,
            octets: scan.octets,
        }
    }
}

/// The right to remove one message at the provider.
///
/// For a message of an earlier session the receipt is the one that the store
/// gives back with the unique-id, which it committed together with the message.
#[derive(Debug, PartialEq, Eq)]
pub struct Removal {
    number: u32,
}

impl Removal {
    /// The message of this number is committed, says the receipt.
    pub fn of_committed(number: u32, _committed: &Receipt) -> Removal {
        Removal { number }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }
}

/// A message that has arrived whole and is not answered yet. Only a session
/// makes it, and each can be answered once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the session waits until it is answered by stored or leave"]
pub struct Arrived {
    pub(super) number: u32,
    pub(super) octets: u64,
}

impl Arrived {
    /// Its message-number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Octets that were handed out, which need not be what LIST said.
    pub fn octets(&self) -> u64 {
        self.octets
    }
}

/// What a session has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages that arrived whole.
    pub retrieved: u64,
    /// Their octets.
    pub retrieved_octets: u64,
    /// Messages of which the headers arrived.
    pub tops: u64,
    /// RETR or TOP answered by -ERR.
    pub retrievals_refused: u64,
    /// DELE answered by +OK. They count once QUIT is answered.
    pub removed: u64,
    /// DELE answered by -ERR.
    pub removals_refused: u64,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All that was asked for is done, and what was removed is gone.
    Complete,
    /// QUIT was sent behind DELE and not answered: the messages may be gone or
    /// not. The next session sees.
    RemovalUnconfirmed,
    /// QUIT was refused: some messages that were removed are still there (RFC
    /// 1939 §6). The next session sees.
    RemovalFailed(Refusal),
    /// The session could not go on. Nothing was removed.
    Failed(Error),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Complete => f.write_str("complete"),
            Ending::RemovalUnconfirmed => f.write_str(
                "the server did not confirm the removal of messages; the next poll sees what is left",
            ),
            Ending::RemovalFailed(refusal) => write!(
                f,
                "the server could not remove all messages: {refusal}; the next poll removes them"
            ),
            Ending::Failed(error) => error.fmt(f),
        }
    }
}
