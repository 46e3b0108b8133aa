//! What can go wrong in the store, in words for an administrator.

mod open;

use std::io::{self, ErrorKind};

use rusqlite::ErrorCode;
use thiserror::Error;

use crate::mail::QueueId;

pub(super) use open::Left;
pub use open::OpenError;

/// Why a call to the store failed. Nothing of the call has happened then,
/// with one exception, [`StoreError::Uncertain`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    #[error("the disk is full: free some room, or give the store another disk")]
    Full,
    /// The commit itself failed. After a crash the change may turn out to have
    /// been kept, so the caller must not promise either way.
    #[error("the database could not be written safely ({0}): look at the disk")]
    Uncertain(String),
    #[error(
        "the disk is mounted read-only: look at the system's log (journalctl -k), for that often means it is failing"
    )]
    ReadOnly,
    /// The system could not read or write the database.
    #[error("the disk failed under the database ({0}): look at the system's log (journalctl -k)")]
    Disk(String),
    #[error("another program holds the database locked (sqlite3, a backup?): end it")]
    Locked,
    #[error(
        "the database is damaged ({0}): stop the hub, move the whole data folder away (mv) and keep it, for mail that is \
         newer than any backup is still in it, and restore the mail (postroom restore --mail-only BACKUP)"
    )]
    Damaged(String),
    #[error(
        "the database has been moved away or replaced under the running hub: put that same postroom.db back, with its \
         postroom.db-wal if that was moved as well; or stop the hub, move the whole data folder away (mv) and keep it, and \
         restore the mail (postroom restore --mail-only BACKUP)"
    )]
    Gone,
    #[error("the database refused: {0}")]
    Database(String),
    #[error("cannot {doing} a file of the store: {cause}")]
    File { doing: &'static str, cause: String },
    #[error(
        "the content of message {0} is missing: its file bodies/{1} is gone; restore it from a backup"
    )]
    BodyMissing(QueueId, String),
    #[error(
        "the content of message {id} is damaged: its file bodies/{file} has {found} octets \
         instead of {octets}; restore it from a backup"
    )]
    BodyDamaged {
        id: QueueId,
        file: String,
        octets: u64,
        found: u64,
    },
    #[error(
        "the content of message {id} cannot be read: its file bodies/{file}: {cause}; look at the disk and at who may \
         read the file"
    )]
    BodyUnreadable {
        id: QueueId,
        file: String,
        cause: String,
    },
    #[error("there is no message {0}")]
    NoMessage(QueueId),
    /// An entry that was there when the maildrop was opened and is not now.
    #[error("the message is no longer in the mailbox")]
    NoEntry,
    #[error("there is no mailbox of the user {0}")]
    NoMailbox(String),
    #[error(
        "the user {0} already has a mailbox with mail in it: give it another name, or remove that user first"
    )]
    MailboxInUse(String),
    #[error(
        "message {0} is neither unclaimed nor in the mailbox of a removed user, so it cannot be given away"
    )]
    NotToGive(QueueId),
    #[error("the user {0} already has this message in the mailbox")]
    AlreadyThere(String),
    /// The caller broke the contract of the call; the text says how.
    #[error("the store refuses this: {0}")]
    Refused(&'static str),
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(super) fn file(doing: &'static str, cause: &std::io::Error) -> StoreError {
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
            ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            _ => StoreError::File {
                doing,
                cause: cause.to_string(),
            },
        }
    }

    /// What the disk itself says, where SQLite has told less. Blocking.
    ///
    /// SQLite knows one error of a full disk, and calls a quota that is used up
    /// and a disk that has become read-only by the name of a broken one.
    pub(super) fn asked_of_the_disk(self, probe: impl FnOnce() -> io::Result<()>) -> StoreError {
        if !matches!(self, StoreError::Disk(_) | StoreError::Database(_)) {
            return self;
        }
        match probe().map_err(|error| StoreError::file("write", &error)) {
            Err(said @ (StoreError::Full | StoreError::ReadOnly)) => said,
            _ => self,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError::from(&error)
    }
}

impl From<&rusqlite::Error> for StoreError {
    fn from(error: &rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly) => {
                StoreError::Disk(error.to_string())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged(error.to_string())
            }
            _ => StoreError::Database(error.to_string()),
        }
    }
}

impl From<openssl::error::ErrorStack> for StoreError {
    fn from(error: openssl::error::ErrorStack) -> StoreError {
        StoreError::Database(format!("no random numbers: {error}"))
    }
}
