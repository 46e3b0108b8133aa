//! Fetches the mailbox of a provider: drives the machine of [`crate::fetch`] on
//! a connection that the hub opens, asks [`crate::route::multidrop`] whose each
//! message is, and has it committed before it is removed there.

mod report;
mod settings;

pub use report::{PollError, Report};
pub use settings::{Caps, Login, OfficeHours, Provider, Schedule};

use std::sync::Arc;

use super::current::Current;
use super::limits::MessageMemory;
use super::sessions::Sessions;
use crate::route::Directory;
use crate::route::multidrop::Decision;
use crate::store::Store;

/// What a poll works with: a hub's inside, or what a command has without one.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where mail goes.
    pub store: &'a Store,
    /// Who is ours.
    pub directory: &'a Current<Directory>,
    /// Shows the session, and ends it.
    pub sessions: &'a Sessions,
    /// Memory for messages under way.
    pub memory: &'a MessageMemory,
    /// Runs commits beside the session.
    pub tasks: &'a Arc<smol::Executor<'static>>,
}

/// What a poll came to.
#[derive(Debug)]
pub struct Poll {
    /// What was done, also if the poll failed half-way.
    pub report: Report,
    /// Whether it came to its end.
    pub outcome: Result<(), PollError>,
}

/// One poll: fetches what is new, removes what is to be removed. Two polls of one
/// account at the same time are the caller's to prevent.
pub async fn poll(_provider: &Provider, _around: Surroundings<'_>) -> Poll {
    Poll {
        report: Report::default(),
        outcome: Err(PollError::Interrupted),
    }
}

/// What a log-in alone shows; nothing is read or changed.
#[derive(Debug)]
pub struct Found {
    /// Messages in the mailbox.
    pub messages: u64,
    /// Their octets, as LIST tells them.
    pub octets: u64,
    /// Whether they can be told apart (UIDL).
    pub has_unique_ids: bool,
    /// Whether commands may be sent together.
    pub pipelining: bool,
    /// The server's program, where it says.
    pub implementation: Option<String>,
    /// Days until its certificate expires; none without TLS.
    pub certificate_days_left: Option<i64>,
}

/// Logs in and out again, for `check`.
///
/// # Errors
/// What would keep a poll from its work.
pub async fn look(_provider: &Provider, _sessions: &Sessions) -> Result<Found, PollError> {
    Err(PollError::Interrupted)
}

/// How a dry run reads headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// By TOP alone.
    Top,
    /// By RETR, which marks messages as read at some providers.
    Retrieve,
}

/// One message of a dry run.
#[derive(Debug)]
pub struct Preview {
    /// Its message-number at the provider.
    pub number: u32,
    /// Its size by LIST.
    pub octets: Option<u64>,
    /// From, as the message shows it.
    pub from: String,
    /// Subject, as the message shows it.
    pub subject: String,
    /// Who would get it, and why.
    pub decision: Decision,
}

/// What a dry run found.
#[derive(Debug)]
pub struct DryRun {
    /// Messages in the mailbox.
    pub listed: u64,
    /// The newest of them, oldest first.
    pub previews: Vec<Preview>,
    /// The settings that explain most of them.
    pub advice: Option<crate::route::multidrop::Advice>,
    /// Messages whose headers the server did not give: the message-number, and
    /// what it says.
    pub refused: Vec<(u32, crate::fetch::Refusal)>,
}

/// Reads the headers of the newest messages, `most` at most, and says who would
/// get them. Nothing changes anywhere.
///
/// # Errors
/// [`PollError::NoTop`] where the server needs [`Reading::Retrieve`]; else what
/// would keep a poll from its work.
pub async fn dry_run(
    _provider: &Provider,
    _directory: &Directory,
    _sessions: &Sessions,
    _reading: Reading,
    _most: usize,
) -> Result<DryRun, PollError> {
    Err(PollError::Interrupted)
}
