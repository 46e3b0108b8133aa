//! A copy of the database as it is at one moment, for a backup.
//!
//! Made by another process than the hub, beside it: the hub may write its data
//! folder only, and a backup lies elsewhere. It takes no lock of the folder either,
//! for a hub that is started meanwhile must start.
//!
//! `VACUUM INTO` copies what is there and nothing else: a page copy would carry the
//! free pages along, and with them mail that was erased. It reads within one
//! transaction, and while that lasts the hub's log cannot begin anew: it grows by
//! what comes in during the copy, and no further. Beyond 64 MB of that the hub's
//! writer pauses for a few seconds at each further 16 MB ([`super::checkpoint`]).
//! Bodies of their own are not part of it; they are copied when it is over.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, named_params};

use super::administration;
use super::error::{OpenError, StoreError};
use super::folder::refuse_remains_without_database;
use super::identity::{Line, last_entry};
use super::inspect::{self, Counts};
use super::maildrop::count;
use super::schema;
use super::types::MailboxSummary;
use crate::files::folder_of;
use crate::mail::QueueId;

/// A store that is looked at beside whoever has it open.
#[derive(Debug)]
pub struct Live {
    db: Connection,
    path: PathBuf,
}

impl Live {
    /// Opens the store of `data_dir` to read it.
    ///
    /// # Errors
    /// There is none, it may not be read, it is damaged or of a newer program.
    pub fn open(data_dir: &Path) -> Result<Live, OpenError> {
        let (db, path) = open_beside(data_dir)?;
        schema::known_layout(&db, &path)?;
        Ok(Live { db, path })
    }

    /// Which store it is, and which ones it was.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn line(&self) -> Result<Line, OpenError> {
        Line::read(&self.db).map_err(OpenError::database(&self.path))
    }

    /// Every mailbox with its totals, as the database has them.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn mailboxes(&self) -> Result<Vec<MailboxSummary>, OpenError> {
        administration::mailboxes(&self.db).map_err(OpenError::Database)
    }
}

/// A copy that may still be changed, and the store that it was made of.
#[derive(Debug)]
pub struct Snapshot {
    live: Connection,
    copy: Connection,
}

/// A message whose body has a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRow {
    pub message: QueueId,
    /// The name in `bodies/`.
    pub file: String,
    pub octets: u64,
}

impl Snapshot {
    /// Copies the database, as it is now, into the new file `to`. Blocking, for as long
    /// as it takes to write it. Nothing is synced.
    ///
    /// # Errors
    /// The store is damaged; `to` exists or cannot be written.
    pub fn take(live: Live, to: &Path) -> Result<Snapshot, OpenError> {
        let Live { db: live, path } = live;
        let to = std::path::absolute(to).map_err(failed("write", to))?;
        let mut options = OpenOptions::new();
        let private = options.write(true).create_new(true).mode(0o600);
        private.open(&to).map_err(failed("write", &to))?;
        let name = to.to_str().ok_or_else(|| {
            let cause = io::Error::new(io::ErrorKind::InvalidInput, "its name is not in UTF-8");
            failed("write", &to)(cause)
        })?;
        live.execute("VACUUM INTO :to", named_params! {":to": name})
            .map_err(|error| of_copying(error, &to, &path))?;
        let copy = open_copy(&to).map_err(OpenError::database(&to))?;
        Ok(Snapshot { live, copy })
    }

    /// How far the store had come when it was copied: a number that rises with each
    /// delivery, and never falls.
    ///
    /// # Errors
    /// When the copy cannot be read.
    pub fn last_entry(&self) -> Result<u64, StoreError> {
        Ok(last_entry(&self.copy)?)
    }

    /// The messages of the copy whose bodies lie in `bodies/`, in the order in which
    /// they came.
    ///
    /// # Errors
    /// When the copy cannot be read.
    pub fn bodies(&self) -> Result<Vec<BodyRow>, StoreError> {
        inspect::bodies(&self.copy)
    }

    /// Whether the store, not the copy, still has the message at this moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_still_there(&self, message: QueueId) -> Result<bool, StoreError> {
        Ok(inspect::has_message(&self.live, message)?)
    }

    /// Takes messages out of the copy that the store has erased or swept since: what
    /// is left is as the store was a moment later.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn leave_out(&mut self, messages: &[QueueId]) -> Result<(), StoreError> {
        let change = self.copy.transaction()?;
        for message in messages {
            administration::erase(&change, *message)?;
        }
        Ok(change.commit()?)
    }

    /// Ends the work on the copy: one file, without a log. What is in it.
    ///
    /// # Errors
    /// When the copy cannot be read.
    pub fn finish(self) -> Result<Counts, StoreError> {
        let counts = inspect::counts(&self.copy)?;
        self.copy.close().map_err(|(_, error)| error)?;
        Ok(counts)
    }
}

/// The database of a data folder, beside whatever hub runs, and its path.
pub(super) fn open_beside(data_dir: &Path) -> Result<(Connection, PathBuf), OpenError> {
    let path = data_dir.join("postroom.db");
    // The data folder may be a link; inside it none is followed.
    let folder = fs::canonicalize(data_dir);
    let path = folder.map_or(path, |folder| folder.join("postroom.db"));
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_symlink() => return Err(OpenError::LinkInside(path)),
        Ok(found) if !found.is_file() => return Err(OpenError::NotAFile(path)),
        Ok(found) if found.len() == 0 => return Err(no_store(path)),
        Ok(_) => {}
        Err(error) => return Err(unreadable(path, error)),
    }
    // SQLite would say no more than that it cannot.
    fs::File::open(&path).map_err(|error| unreadable(path.clone(), error))?;
    let db = schema::connect_beside(&path).map_err(OpenError::database(&path))?;
    Ok((db, path))
}

fn unreadable(path: PathBuf, cause: io::Error) -> OpenError {
    match cause.kind() {
        io::ErrorKind::NotFound => no_store(path),
        io::ErrorKind::PermissionDenied => OpenError::Closed(path),
        _ => failed("read", &path)(cause),
    }
}

/// Without a database there is no store yet, or the rest of one.
fn no_store(path: PathBuf) -> OpenError {
    match refuse_remains_without_database(folder_of(&path)) {
        Err(why) => why,
        Ok(()) => OpenError::NoStore(path),
    }
}

/// Whether the store or the copy is at fault.
fn of_copying(error: rusqlite::Error, to: &Path, store: &Path) -> OpenError {
    match StoreError::from(&error) {
        StoreError::Full => failed("write", to)(io::ErrorKind::StorageFull.into()),
        _ => OpenError::database(store)(error),
    }
}

pub(super) fn open_copy(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    // Whoever breaks off begins anew, so nothing is journalled on the disk; what is
    // taken out is overwritten, since it may have been erased.
    db.execute_batch(
        "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;
         PRAGMA cache_size = -4096;",
    )?;
    Ok(db)
}

pub(super) fn failed(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_path_buf();
    move |cause| OpenError::File { doing, path, cause }
}

/// A row of a message with a body file.
pub(super) fn body_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<BodyRow> {
    Ok(BodyRow {
        message: QueueId::from_u64(count(row.get("id")?)),
        file: row.get("body_file")?,
        octets: count(row.get("octets")?),
    })
}
