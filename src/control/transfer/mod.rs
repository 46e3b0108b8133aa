//! Many messages out of the store, or into it, over one connection.
//!
//! ```text
//!  command                                hub
//!    Request::Export ────────────────────▶
//!      ◀──────────────────────── Answer::Exporting
//!      ◀───────────── ExportStep::Page, of 200 entries at most
//!    Wanted ─────────────────────────────▶   which of them; again, until none
//!      ◀── ExportStep::Content and chunks, for each
//!      ◀──────────────────────── ExportStep::End
//!
//!    Request::Import ────────────────────▶
//!      ◀──────────────────────── Answer::Importing
//!      ◀──────────────────────── chunks: what is in the mailbox
//!      ◀──────────────────────── chunks: what was imported before and is there no more
//!    ImportStep::Message, chunks,
//!    ImportStep::Keep or Drop ───────────▶   again and again; StillHere where
//!                                            all is known for a while; End
//!      ◀──────────────────────── ImportReply, in order, once it is committed; Done
//! ```
//! Steps are lines of JSON. Chunks are octets behind their count; a count of none
//! is their end. Neither end holds more than a chunk of a message's content, but
//! for what waits for its commit, which is counted.

mod line;
mod export;
mod import;
mod client;

pub use client::{Ended, Exporting, Importing, Transfer};
pub(super) use export::export;
pub(super) use import::import;
pub(super) use line::Line;

use serde::{Deserialize, Serialize};

/// Which mail to export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRequest {
    /// Whose; none: the unclaimed tray.
    pub user: Option<String>,
    /// Of all that have, or had, this name.
    pub mailboxes: Mailboxes,
    /// Of what is kept.
    pub part: ExportPart,
    /// Received then or later, in seconds since 1970.
    pub since: Option<i64>,
}

/// Mailboxes of one name: a removed user's is sealed, and another person may have
/// the name now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mailboxes {
    /// The user's; the sealed ones where there is no such user any more.
    Present,
    /// The sealed ones alone.
    Sealed,
}

/// Which part of a mailbox to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportPart {
    /// What waits to be collected.
    Waiting,
    /// What was collected and is kept.
    Collected,
    /// All that is kept.
    Both,
}

/// A message in the mailbox that is exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportEntry {
    /// The message.
    pub id: String,
    /// The mailbox's number.
    pub mailbox: String,
    /// What UIDL shows.
    pub unique_id: String,
    /// When it was received, in seconds since 1970.
    pub received_at: i64,
    /// The PC has collected it.
    pub is_collected: bool,
    /// With its brackets; may be empty.
    pub reverse_path: String,
    /// What RETR sends.
    pub octets: u64,
}

/// What the hub says while it exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum ExportStep {
    /// The next entries; [`Wanted`] answers.
    Page {
        /// Oldest first.
        entries: Vec<ExportEntry>,
    },
    /// The chunks of a message follow.
    Content,
    /// A message cannot be read; also where its chunks break off.
    Lost {
        /// Why.
        why: String,
    },
    /// The export cannot go on.
    Failed {
        /// Why.
        why: String,
    },
    /// There are no more.
    End,
}

/// Which entries of a page are to come, by their places; none: the next page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The places, from 0.
    pub places: Vec<usize>,
}

/// What is done with a message that was imported before and is in the mailbox no
/// more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gone {
    /// It stays away.
    LeaveOut,
    /// It comes once more.
    BringBack,
}

/// By what the hub knows a message, before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is in the mailbox, waiting or collected.
    Here,
    /// It was imported before, and is in the mailbox no more.
    Before,
}

/// What the command says while it imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum ImportStep {
    /// The chunks of a message follow.
    Message,
    /// It is complete, and to be kept.
    Keep(ImportHead),
    /// It is not to be kept: it is known, or its file broke off.
    Drop,
    /// Nothing was to be sent for a while: between messages.
    StillHere,
    /// There are no more.
    End,
}

/// What is told of a message that is imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportHead {
    /// When it was received, in seconds since 1970.
    pub received_at: i64,
    /// With its brackets; may be empty.
    pub reverse_path: String,
    /// The file, for `postroom why`.
    pub file: String,
    /// [`crate::formats::LikenessDigest`] in hexadecimal.
    pub likeness: String,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum ImportReply {
    /// It is committed.
    Imported,
    /// It was imported before.
    Known,
    /// It was imported before and in the mailbox, and had lost its content; it has it
    /// again.
    Mended,
    /// There are no more to reply to.
    Done,
    /// Neither this one nor any further one is taken.
    Stopped {
        /// Why, and what helps.
        why: String,
    },
}
