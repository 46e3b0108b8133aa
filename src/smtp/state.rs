//! Where a session stands. Every state holds the data that is valid in it.

use crate::mail::{Envelope, Recipient};

use super::content::Content;
use super::refusal::Refusal;
use super::reply::Letters;
use super::step::{Discard, Ending};

/// The state graph stands in the head of [`crate::smtp`].
#[derive(Debug)]
pub(super) enum State {
    /// Nothing is said yet.
    Greeting,
    /// A command line is awaited.
    Commands(Phase),
    /// The driver is asked about MAIL.
    SenderAsked(Transaction),
    /// The driver is asked about RCPT.
    RecipientAsked(Transaction, Recipient),
    /// The driver is asked for a place for the content.
    ContentAsked(Transaction, Extent),
    /// Content is awaited.
    Receiving {
        transaction: Transaction,
        content: Box<Content>,
        extent: Extent,
    },
    /// The end of DATA or of a BDAT was reached.
    Arrived {
        transaction: Transaction,
        content: Box<Content>,
        part: Part,
    },
    /// The driver stores the message.
    Committing(Transaction),
    /// So many octets of a refused BDAT pass by; then it is answered.
    Skipping { left: u64, answer: Refusal },
    /// The driver is to drop the content; then the session goes on.
    Discarding { why: Discard, then: Box<State> },
    /// 220 was answered to STARTTLS.
    StartingTls,
    /// What is written goes out, then the end.
    Closing(Ending),
}

/// What is open while a command is awaited.
#[derive(Debug, Default)]
pub(super) enum Phase {
    /// No transaction.
    #[default]
    Idle,
    /// After MAIL.
    Open(Transaction),
    /// After a BDAT that was not the last one.
    Chunks(Transaction, Box<Content>),
}

/// From MAIL on.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    /// SIZE of MAIL.
    pub(super) declared_size: Option<u64>,
    /// SMTPUTF8 of MAIL.
    pub(super) letters: Letters,
    /// Octets of the recipients' addresses.
    pub(super) address_octets: usize,
}

/// How far the content goes that is being received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// To the line with the dot (DATA).
    Dots,
    /// So many octets (BDAT).
    Chunk { left: u64, part: Part },
}

/// Which part of a message a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Others follow. With the chunk's size.
    Middle(u64),
    /// The end of the message.
    Last,
}

impl State {
    /// The open transaction.
    pub(super) fn transaction(&self) -> Option<&Transaction> {
        match self {
            State::Commands(Phase::Open(transaction) | Phase::Chunks(transaction, _))
            | State::SenderAsked(transaction)
            | State::RecipientAsked(transaction, _)
            | State::ContentAsked(transaction, _)
            | State::Receiving { transaction, .. }
            | State::Arrived { transaction, .. }
            | State::Committing(transaction) => Some(transaction),
            State::Discarding { then, .. } => then.transaction(),
            State::Greeting
            | State::Commands(Phase::Idle)
            | State::Skipping { .. }
            | State::StartingTls
            | State::Closing(_) => None,
        }
    }

    /// Whether the driver has content that was not refused yet.
    pub(super) fn holds_content(&self) -> bool {
        match self {
            State::Commands(Phase::Chunks(_, content))
            | State::Receiving { content, .. }
            | State::Arrived { content, .. } => content.refusal().is_none(),
            _ => false,
        }
    }
}

impl Default for State {
    fn default() -> State {
        State::Commands(Phase::Idle)
    }
}
