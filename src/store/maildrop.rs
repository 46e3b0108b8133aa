//! What a POP3 session reads: the maildrop, its scan listing, its messages.
//!
//! Log-in reads one row. The listing reads one index and no entry. A message
//! is read in pieces, each a question of its own.

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::error::StoreError;
use super::reader::Readers;
use super::types::{EntryId, MailboxId, Maildrop, Scan, UniqueId};
use crate::mail::QueueId;

/// The most octets that [`MessageReader::next_chunk`] returns at a time.
pub const CHUNK_OCTETS: usize = 64 << 10;

/// The totals of a user's open mailbox.
pub(super) fn open(db: &Connection, user: &str) -> Result<Option<Maildrop>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT id, messages, octets, last_entry FROM mailbox
             WHERE user = :user AND sealed_at IS NULL",
        )?
        .query_row(named_params! {":user": user}, |row| {
            Ok(Maildrop {
                mailbox: MailboxId(row.get("id")?),
                messages: count(row.get("messages")?),
                octets: count(row.get("octets")?),
                up_to: EntryId(row.get("last_entry")?),
            })
        })
        .optional()?;
    Ok(found)
}

/// A number of the database that is never negative.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Answered by the index `entry_mailbox` alone: what is added here is added there.
pub(super) const LISTING: &str = "SELECT id, message, octets, unique_id FROM entry
    WHERE mailbox = :mailbox AND collected_at IS NULL AND id <= :up_to ORDER BY id";

/// The entries of the maildrop, oldest first.
pub(super) fn listing(db: &Connection, maildrop: &Maildrop) -> Result<Vec<Scan>, StoreError> {
    let mut statement = db.prepare_cached(LISTING)?;
    let rows = statement.query_map(
        named_params! {":mailbox": maildrop.mailbox.0, ":up_to": maildrop.up_to.0},
        |row| {
            Ok(Scan {
                entry: EntryId(row.get("id")?),
                message: QueueId::from_u64(count(row.get("message")?)),
                octets: count(row.get("octets")?),
                unique_id: UniqueId(row.get("unique_id")?),
            })
        },
    )?;
    // A hint only: a command may have erased some since.
    let mut scans = Vec::with_capacity(maildrop.messages.min(100_000) as usize);
    for scan in rows {
        scans.push(scan?);
    }
    Ok(scans)
}

/// Where the rest of a body comes from.
#[derive(Debug)]
enum Rest {
    /// All has been handed out.
    Nothing,
    /// In the database, from this octet on.
    Row { message: i64, from: usize },
    /// In a file, from this octet on.
    File { file: Arc<BodySource>, from: u64 },
}

/// A body's file; it stays readable even if the sweep removes its name.
#[derive(Debug)]
struct BodySource {
    id: QueueId,
    name: String,
    file: File,
}

impl BodySource {
    /// So many octets from there on.
    fn read(&self, from: u64, octets: usize) -> Result<Vec<u8>, StoreError> {
        let mut chunk = vec![0; octets];
        self.file
            .read_exact_at(&mut chunk, from)
            .map_err(|cause| unreadable(self.id, &self.name, &cause))?;
        Ok(chunk)
    }
}

fn unreadable(id: QueueId, name: &str, cause: &std::io::Error) -> StoreError {
    StoreError::BodyUnreadable {
        id,
        file: name.to_owned(),
        cause: cause.to_string(),
    }
}

/// Hands out one message in pieces: the trace, then the body.
#[derive(Debug)]
pub struct MessageReader {
    readers: Readers,
    id: QueueId,
    octets: u64,
    trace_octets: usize,
    first: Option<Vec<u8>>,
    body_octets: u64,
    rest: Rest,
}

/// What opening a message finds.
pub(super) struct Opened {
    id: QueueId,
    octets: u64,
    trace_octets: usize,
    first: Vec<u8>,
    body_octets: u64,
    rest: Rest,
}

impl MessageReader {
    pub(super) fn new(readers: Readers, opened: Opened) -> MessageReader {
        MessageReader {
            readers,
            id: opened.id,
            octets: opened.octets,
            trace_octets: opened.trace_octets,
            first: Some(opened.first),
            body_octets: opened.body_octets,
            rest: opened.rest,
        }
    }

    /// Whose content this is.
    pub fn queue_id(&self) -> QueueId {
        self.id
    }

    /// As in [`Scan`]: all pieces together, and the CRLF that the last line may lack.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Those of our trace lines, which come first.
    pub fn trace_octets(&self) -> usize {
        self.trace_octets
    }

    /// The next octets, at most [`CHUNK_OCTETS`] and never none; `None` at the end.
    ///
    /// # Errors
    /// When the message was erased meanwhile, or its file is damaged.
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(mut first) = self.first.take() {
            if first.len() > CHUNK_OCTETS {
                self.first = Some(first.split_off(CHUNK_OCTETS));
            }
            if !first.is_empty() {
                return Ok(Some(first));
            }
        }
        match std::mem::replace(&mut self.rest, Rest::Nothing) {
            Rest::Nothing => Ok(None),
            Rest::Row { message, from } => self.next_of_row(message, from).await,
            Rest::File { file, from } => self.next_of_file(file, from).await,
        }
    }

    async fn next_of_row(
        &mut self,
        message: i64,
        from: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let chunk = self
            .readers
            .ask(move |db| read_row(db, message, from, CHUNK_OCTETS))
            .await?;
        let next = from + chunk.len();
        if chunk.is_empty() || next as u64 >= self.body_octets {
            self.rest = Rest::Nothing;
        } else {
            self.rest = Rest::Row {
                message,
                from: next,
            };
        }
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    async fn next_of_file(
        &mut self,
        file: Arc<BodySource>,
        from: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let left = self.body_octets.saturating_sub(from);
        let wanted = usize::try_from(left).map_or(CHUNK_OCTETS, |left| left.min(CHUNK_OCTETS));
        if wanted == 0 {
            return Ok(None);
        }
        let reading = Arc::clone(&file);
        let chunk = self
            .readers
            .ask(move |_| reading.read(from, wanted))
            .await?;
        self.rest = Rest::File {
            file,
            from: from + wanted as u64,
        };
        Ok(Some(chunk))
    }
}

pub(super) fn has_entry(db: &Connection, entry: EntryId) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached("SELECT 1 FROM entry WHERE id = :entry")?;
    Ok(statement.exists(named_params! {":entry": entry.0})?)
}

/// Opens an entry's message. A small one is read whole at once.
pub(super) fn open_message(
    db: &Connection,
    bodies: &Path,
    entry: EntryId,
) -> Result<Opened, StoreError> {
    let (message, octets, mut first) = db
        .prepare_cached("SELECT message, octets, trace FROM entry WHERE id = :entry")?
        .query_row(named_params! {":entry": entry.0}, |row| {
            Ok((
                row.get::<_, i64>("message")?,
                count(row.get("octets")?),
                row.get::<_, Vec<u8>>("trace")?,
            ))
        })
        .optional()?
        .ok_or(StoreError::NoEntry)?;
    let (body_octets, body_file) = db
        .prepare_cached("SELECT octets, body_file FROM message WHERE id = :message")?
        .query_row(named_params! {":message": message}, |row| {
            Ok((
                count(row.get("octets")?),
                row.get::<_, Option<String>>("body_file")?,
            ))
        })?;
    let id = QueueId::from_u64(count(message));
    let trace_octets = first.len();
    let room = CHUNK_OCTETS.saturating_sub(trace_octets);
    let rest = match body_file {
        // Its beginning is read now: of a file that cannot be read nothing has
        // been sent then, and the peer can be told.
        Some(name) => {
            let file = open_file(bodies, id, &name, body_octets)?;
            let start = usize::try_from(body_octets).map_or(room, |octets| octets.min(room));
            first.extend_from_slice(&file.read(0, start)?);
            Rest::File {
                file: Arc::new(file),
                from: start as u64,
            }
        }
        None => {
            let start = if body_octets <= room as u64 {
                read_whole_row(db, message)?
            } else {
                read_row(db, message, 0, room)?
            };
            first.extend_from_slice(&start);
            match start.len() {
                got if got as u64 >= body_octets => Rest::Nothing,
                from => Rest::Row { message, from },
            }
        }
    };
    Ok(Opened {
        id,
        octets,
        trace_octets,
        first,
        body_octets,
        rest,
    })
}

/// The first octets of a body, at most `limit`; nothing else of it is read.
pub(super) fn read_head(
    db: &Connection,
    bodies: &Path,
    message: i64,
    limit: usize,
) -> Result<Vec<u8>, StoreError> {
    let (octets, body_file) = db
        .prepare_cached("SELECT octets, body_file FROM message WHERE id = :message")?
        .query_row(named_params! {":message": message}, |row| {
            Ok((
                count(row.get("octets")?),
                row.get::<_, Option<String>>("body_file")?,
            ))
        })?;
    let Some(name) = body_file else {
        return read_row(db, message, 0, limit);
    };
    let file = open_file(bodies, QueueId::from_u64(count(message)), &name, octets)?;
    file.read(
        0,
        usize::try_from(octets).map_or(limit, |octets| octets.min(limit)),
    )
}

/// A small body. Cheaper than a BLOB handle, which SQLite compiles each time.
fn read_whole_row(db: &Connection, message: i64) -> Result<Vec<u8>, StoreError> {
    let body: Option<Vec<u8>> = db
        .prepare_cached("SELECT body FROM message WHERE id = :message")?
        .query_row(named_params! {":message": message}, |row| row.get(0))?;
    Ok(body.unwrap_or_default())
}

/// Octets of a body in the database; the BLOB is closed again before returning.
fn read_row(
    db: &Connection,
    message: i64,
    from: usize,
    limit: usize,
) -> Result<Vec<u8>, StoreError> {
    let blob = match db.blob_open("main", "message", "body", message, true) {
        Ok(blob) => blob,
        // Erased between two pieces.
        Err(error) if is_missing(&error) => return Err(StoreError::NoEntry),
        Err(error) => return Err(error.into()),
    };
    let mut octets = vec![0; blob.len().saturating_sub(from).min(limit)];
    blob.read_at_exact(&mut octets, from)?;
    Ok(octets)
}

/// SQLite's answer to opening a BLOB of a row that is not there.
fn is_missing(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(code, _)
        if code.code == rusqlite::ErrorCode::Unknown)
}

/// A body file of the right length, or what is wrong with it.
fn open_file(
    bodies: &Path,
    id: QueueId,
    name: &str,
    octets: u64,
) -> Result<BodySource, StoreError> {
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(bodies.join(name));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::BodyMissing(id, name.to_owned()));
        }
        Err(error) => return Err(unreadable(id, name, &error)),
    };
    let found = file
        .metadata()
        .map_err(|error| unreadable(id, name, &error))?
        .len();
    if found != octets {
        return Err(StoreError::BodyDamaged {
            id,
            file: name.to_owned(),
            octets,
            found,
        });
    }
    Ok(BodySource {
        id,
        name: name.to_owned(),
        file,
    })
}
