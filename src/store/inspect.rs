//! Whether a store is whole: the database by SQLite's own checks and by what this
//! program promises of it, the bodies by their names and sizes, and whether they can
//! be read. Changes nothing.
//!
//! Called by `backup`, for copies and for the store in its place, also beside a
//! running hub: one read transaction, whose effect on the log [`super::snapshot`] tells.

use std::fmt;
use std::io;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, named_params};

use super::error::{OpenError, StoreError};
use super::folder::may_be_a_body;
use super::maildrop::count;
use super::schema;
use super::snapshot::{BodyRow, body_row, open_beside};
use crate::files::open_itself;
use crate::mail::QueueId;

/// Faults of one kind that are told; a broken disk has thousands.
const TOLD: usize = 20;

/// What is in a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub messages: u64,
    /// Of the messages, each counted once.
    pub octets: u64,
    /// Places in mailboxes: what waits, and what was collected and is restorable.
    pub entries: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    pub counts: Counts,
    pub faults: Vec<Fault>,
}

/// What is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// In SQLite's words.
    Database(String),
    /// A table, index or view of this name is not this program's.
    Layout(String),
    /// A row refers to something that is not there: of this table, to that one.
    Reference(String, String),
    /// The totals of a mailbox are not the sums of its entries.
    Totals { mailbox: String },
    /// The size of an entry of this message is not that of its trace and its body.
    EntrySize(QueueId),
    /// The body in the database has another size than its row says, or there is none.
    BodySize(QueueId),
    /// No mailbox refers to this message: nobody can get at it.
    WithoutEntry(QueueId),
    /// The name of its body file cannot be one.
    BodyName(QueueId),
    /// Its body file is not there.
    BodyMissing(QueueId, String),
    /// Its body file is no file, or cannot be read to its end: in the system's words.
    BodyUnreadable {
        message: QueueId,
        file: String,
        why: String,
    },
    /// Its body file has this size instead of that of the row.
    BodyCut {
        message: QueueId,
        file: String,
        found: u64,
        octets: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Database(said) => write!(f, "the database is damaged: {said}"),
            Fault::Layout(name) => write!(f, "the database has another {name} than postroom makes"),
            Fault::Reference(from, to) => {
                write!(
                    f,
                    "the database is damaged: a row of {from} refers to a missing one of {to}"
                )
            }
            Fault::Totals { mailbox } => {
                write!(
                    f,
                    "the totals of {mailbox} are not those of the messages in it"
                )
            }
            Fault::EntrySize(id) => write!(f, "message {id} has a wrong size in a mailbox"),
            Fault::BodySize(id) => write!(f, "the content of message {id} is missing or cut off"),
            Fault::WithoutEntry(id) => write!(f, "message {id} is in no mailbox"),
            Fault::BodyName(id) => {
                write!(
                    f,
                    "the content of message {id} is in a file whose name cannot be right"
                )
            }
            Fault::BodyMissing(id, file) => {
                write!(f, "the content of message {id} is missing: bodies/{file}")
            }
            Fault::BodyUnreadable { message, file, why } => write!(
                f,
                "the content of message {message} cannot be read: bodies/{file}: {why}"
            ),
            Fault::BodyCut {
                message,
                file,
                found,
                octets,
            } => write!(
                f,
                "the content of message {message} has {found} octets instead of {octets}: bodies/{file}"
            ),
        }
    }
}

/// Looks at the database of a backup. `octets_of` says how large the body file of a
/// name is, if there is one.
///
/// # Errors
/// It cannot be opened, or is no database of a store that this program knows.
pub fn inspect_copy(
    database: &Path,
    octets_of: &mut dyn FnMut(&str) -> Option<u64>,
) -> Result<Inspection, OpenError> {
    let mut db = schema::connect_beside(database).map_err(OpenError::database(database))?;
    let (mut inspection, bodies) = inspect(&mut db, database)?;
    for body in &bodies {
        let found = octets_of(&body.file).ok_or(io::ErrorKind::NotFound.into());
        inspection.faults.extend(fault_of(body, found));
    }
    Ok(inspection)
}

/// Looks at the store of a data folder in its place; a hub may run.
///
/// # Errors
/// As [`inspect_copy`]; there is no store, or it may not be read.
pub fn inspect_in_place(data_dir: &Path) -> Result<Inspection, OpenError> {
    let (mut db, path) = open_beside(data_dir)?;
    let (mut inspection, bodies) = inspect(&mut db, &path)?;
    let folder = path.with_file_name("bodies");
    for body in &bodies {
        let fault = fault_of(body, octets_of(&folder.join(&body.file)));
        // It may have been swept since the database was read.
        if fault.is_some() && has_message(&db, body.message).map_err(OpenError::database(&path))? {
            inspection.faults.extend(fault);
        }
    }
    Ok(inspection)
}

/// Reads a body to its end: a disk that dies tells the size of what it cannot read.
fn octets_of(path: &Path) -> io::Result<u64> {
    io::copy(&mut open_itself(path)?, &mut io::sink())
}

fn fault_of(body: &BodyRow, found: io::Result<u64>) -> Option<Fault> {
    match found {
        _ if !may_be_a_body(&body.file) => Some(Fault::BodyName(body.message)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            Some(Fault::BodyMissing(body.message, body.file.clone()))
        }
        Err(why) => Some(Fault::BodyUnreadable {
            message: body.message,
            file: body.file.clone(),
            why: why.to_string(),
        }),
        Ok(found) if found != body.octets => Some(Fault::BodyCut {
            message: body.message,
            file: body.file.clone(),
            found,
            octets: body.octets,
        }),
        Ok(_) => None,
    }
}

/// The database alone, and the bodies that it names.
fn inspect(db: &mut Connection, path: &Path) -> Result<(Inspection, Vec<BodyRow>), OpenError> {
    let steps = schema::known_layout(db, path)?;
    let damaged = |error: rusqlite::Error| vec![Fault::Database(error.to_string())];
    let mut inspection = Inspection::default();
    let view = db
        .transaction_with_behavior(TransactionBehavior::Deferred)
        .map_err(OpenError::database(path))?;
    inspection.faults = of_sqlite(&view).unwrap_or_else(damaged);
    if inspection.faults.is_empty() {
        inspection.faults = of_layout(&view, steps).unwrap_or_else(damaged);
    }
    // In a database of another layout, or a damaged one, nothing more can be asked.
    if !inspection.faults.is_empty() {
        return Ok((inspection, Vec::new()));
    }
    inspection.faults = of_rows(&view).unwrap_or_else(damaged);
    inspection.counts = counts(&view).map_err(OpenError::Database)?;
    let bodies = bodies(&view).map_err(OpenError::Database)?;
    Ok((inspection, bodies))
}

/// What SQLite itself finds.
fn of_sqlite(db: &Connection) -> rusqlite::Result<Vec<Fault>> {
    let mut faults: Vec<Fault> = db
        .prepare(&format!("PRAGMA integrity_check({TOLD})"))?
        .query_map([], |row| row.get::<_, String>(0))?
        .filter(|said| said.as_ref().map_or(true, |said| said != "ok"))
        .map(|said| said.map(|said| Fault::Database(said.replace('\n', "; "))))
        .collect::<Result<_, _>>()?;
    let mut dangling = db.prepare("PRAGMA foreign_key_check")?;
    let dangling = dangling.query_map([], |row| Ok(Fault::Reference(row.get(0)?, row.get(2)?)))?;
    for fault in dangling.take(TOLD) {
        faults.push(fault?);
    }
    Ok(faults)
}

/// A trigger or a view that this program has not made would run in the hub.
fn of_layout(db: &Connection, steps: usize) -> rusqlite::Result<Vec<Fault>> {
    let found = schema::layout(db)?;
    let expected = schema::expected_layout(steps)?;
    let differing = |one: &[(String, Option<String>)], other: &[(String, Option<String>)]| {
        let missing = one.iter().filter(|item| !other.contains(item));
        missing.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let mut names = differing(&found, &expected);
    names.extend(differing(&expected, &found));
    names.sort_unstable();
    names.dedup();
    Ok(names.into_iter().map(Fault::Layout).collect())
}

const WRONG_TOTALS: &str = "SELECT coalesce(user, '') FROM mailbox AS m WHERE
    (messages, octets, collected_messages, collected_octets) IS NOT (
        SELECT count(*) FILTER (WHERE collected_at IS NULL),
               coalesce(sum(octets) FILTER (WHERE collected_at IS NULL), 0),
               count(*) FILTER (WHERE collected_at IS NOT NULL),
               coalesce(sum(octets) FILTER (WHERE collected_at IS NOT NULL), 0)
        FROM entry WHERE entry.mailbox = m.id)
    OR last_entry < (SELECT coalesce(max(id), 0) FROM entry WHERE entry.mailbox = m.id)
    ORDER BY id";
/// Two octets more are the line end that a body may lack.
const WRONG_ENTRY_SIZES: &str =
    "SELECT DISTINCT m.id FROM entry AS e JOIN message AS m ON m.id = e.message
    WHERE e.octets - length(e.trace) - m.octets NOT IN (0, 2) ORDER BY m.id";
const WRONG_BODY_SIZES: &str = "SELECT id FROM message
    WHERE (body IS NULL) = (body_file IS NULL) OR length(body) != octets ORDER BY id";
const WITHOUT_ENTRY: &str = "SELECT id FROM message
    WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.message = message.id) ORDER BY id";

type OfMessage = fn(QueueId) -> Fault;

/// What the transactions of the store keep true.
fn of_rows(db: &Connection) -> rusqlite::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let mut totals = db.prepare(WRONG_TOTALS)?;
    let totals = totals.query_map([], |row| {
        let mailbox = match row.get::<_, String>(0)?.as_str() {
            "" => "the unclaimed mail".to_string(),
            user => format!("the mailbox of {user}"),
        };
        Ok(Fault::Totals { mailbox })
    })?;
    for fault in totals.take(TOLD) {
        faults.push(fault?);
    }
    let kinds: [(&str, OfMessage); 3] = [
        (WRONG_ENTRY_SIZES, Fault::EntrySize),
        (WRONG_BODY_SIZES, Fault::BodySize),
        (WITHOUT_ENTRY, Fault::WithoutEntry),
    ];
    for (sql, fault) in kinds {
        let mut statement = db.prepare(sql)?;
        let messages = statement.query_map([], |row| row.get::<_, i64>(0))?;
        for message in messages.take(TOLD) {
            faults.push(fault(QueueId::from_u64(count(message?))));
        }
    }
    Ok(faults)
}

/// The messages whose bodies have files of their own, as they came.
pub(super) fn bodies(db: &Connection) -> Result<Vec<BodyRow>, StoreError> {
    let mut statement = db.prepare(
        "SELECT id, body_file, octets FROM message WHERE body_file IS NOT NULL ORDER BY id",
    )?;
    let rows = statement.query_map([], body_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn counts(db: &Connection) -> Result<Counts, StoreError> {
    let counts = db.query_row(
        "SELECT count(*), coalesce(sum(octets), 0), (SELECT count(*) FROM entry) FROM message",
        [],
        |row| {
            Ok(Counts {
                messages: count(row.get(0)?),
                octets: count(row.get(1)?),
                entries: count(row.get(2)?),
            })
        },
    )?;
    Ok(counts)
}

pub(super) fn has_message(db: &Connection, message: QueueId) -> rusqlite::Result<bool> {
    let id = message.as_u64() as i64;
    let found: Option<i64> = db
        .prepare_cached("SELECT 1 FROM message WHERE id = :id")?
        .query_row(named_params! {":id": id}, |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}
