//! What can go wrong in the store, in words for an administrator.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

use crate::mail::QueueId;

/// Why the store could not be opened. Each text names what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error(
        "the data folder {folder} is in use by another postroom{holder}: stop that one \
         (systemctl stop postroom), or set another data_dir"
    )]
    InUse { folder: PathBuf, holder: String },
    #[error(
        "the data folder {folder} belongs to the user with the number {owner}, and this program \
         runs as number {us}: run it as the owner (sudo -u '#{owner}' postroom …)"
    )]
    NotOurs {
        folder: PathBuf,
        owner: u32,
        us: u32,
    },
    #[error(
        "the data folder {0} is root's, and the hub does not run as root: what root puts there it could not read. \
         Start the hub first, for systemd gives the folder to its user, or give it away by hand \
         (chown -R postroom: {0}) and run this as that user (sudo -u postroom postroom …)"
    )]
    Roots(PathBuf),
    #[error(
        "{0} is a link: inside the data folder none is followed; put the thing itself there, or move the whole \
         data folder and let data_dir name, or link to, its new place"
    )]
    LinkInside(PathBuf),
    #[error("{0} is not a file: move it away, and put the right one there, if there was one")]
    NotAFile(PathBuf),
    #[error("the data folder {0} is not a folder: set data_dir to a folder")]
    NotAFolder(PathBuf),
    #[error(
        "the store in {folder} was written by a newer postroom (its layout is {found}, this \
         program knows up to {known}): install that newer version again"
    )]
    Newer {
        folder: PathBuf,
        found: i64,
        known: i64,
    },
    #[error(
        "{0} is not a store of postroom: put the right one there, or set another data_dir, and start again"
    )]
    NotAStore(PathBuf),
    #[error(
        "{folder} holds {left}, but the database it belongs to is gone: put postroom.db (with postroom.db-wal, if \
         there is one) back in its place, or from a backup; to start without that mail, move {folder} away"
    )]
    DatabaseGone { folder: PathBuf, left: Left },
    #[error(
        "{left} is what a restore left, with copies of keys and passwords in it perhaps, and it cannot be removed \
         ({cause}): remove it as root (sudo rm -r {left})"
    )]
    RestoreLeft {
        left: PathBuf,
        cause: std::io::Error,
    },
    #[error(
        "{0} is not there: no hub has run with this data_dir yet; look at data_dir in postroom.toml"
    )]
    NoStore(PathBuf),
    #[error(
        "{0} may not be read by this user: run the command as root or as the hub's user (sudo -u USER postroom …)"
    )]
    Closed(PathBuf),
    #[error("cannot {doing} {path}: {cause}")]
    File {
        doing: &'static str,
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error(
        "{path} is damaged ({found}): keep a copy of the data folder as it is, then restore postroom.db (and bodies/) \
         from a backup, or mend it (sqlite3 {path} .recover)"
    )]
    Damaged { path: PathBuf, found: String },
    #[error("the database of the store does not open: {0}")]
    Database(StoreError),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// What is left of a store whose database is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Bodies(usize),
    Log,
    Reserve,
    Restore,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Left::Bodies(files) => write!(f, "mail ({files} files in bodies/)"),
            Left::Log => f.write_str("mail (in postroom.db-wal)"),
            Left::Reserve => f.write_str("what is left of a store"),
            Left::Restore => f.write_str("a restore that was broken off (run it again)"),
        }
    }
}

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
        "the database is damaged ({0}): stop the hub, keep a copy of the data folder as it is, and restore postroom.db \
         from a backup, or mend it (sqlite3 postroom.db .recover)"
    )]
    Damaged(String),
    #[error(
        "the database has been moved away or replaced under the running hub: put postroom.db back as it was; or stop \
         the hub, and restore postroom.db from a backup"
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

impl OpenError {
    /// What SQLite said of the database at this path.
    pub(super) fn database(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError + use<> {
        let path = path.to_path_buf();
        move |error| match StoreError::from(error) {
            StoreError::Damaged(found) => OpenError::Damaged {
                path: path.clone(),
                found,
            },
            other => OpenError::Database(other),
        }
    }
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
