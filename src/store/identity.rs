//! Which store it is, and which ones it was before it was restored.
//!
//! A restored store goes on from some moment of the one that was backed up, and the two
//! have no more in common from there on: so it is given an identity of its own, and keeps
//! those of its ancestors with how far each had come. That tells whether all of a backup
//! is known here, or something in it is later than what was restored.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use super::error::OpenError;
use super::maildrop::count;
use super::snapshot::{failed, open_copy};

/// Which store it is: drawn at random when its database is made, and when it is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity([u8; 16]);

impl Identity {
    /// What it was drawn as.
    pub fn new(octets: [u8; 16]) -> Identity {
        Identity(octets)
    }

    /// Its octets.
    pub fn as_octets(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A store and those that it was restored from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub identity: Identity,
    /// How far it has come ([`Snapshot::last_entry`]).
    ///
    /// [`Snapshot::last_entry`]: super::Snapshot::last_entry
    pub last_entry: u64,
    /// Each with how far it had come at that moment.
    pub ancestors: Vec<(Identity, u64)>,
}

impl Line {
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Line> {
        let identity = |row: &rusqlite::Row<'_>| row.get("identity").map(Identity);
        let mut ancestors = db.prepare("SELECT identity, last_entry FROM ancestor ORDER BY id")?;
        let ancestors = ancestors.query_map([], |row| {
            Ok((identity(row)?, row.get("last_entry").map(count)?))
        })?;
        Ok(Line {
            identity: db.query_row("SELECT identity FROM store", [], identity)?,
            last_entry: last_entry(db)?,
            ancestors: ancestors.collect::<Result<_, _>>()?,
        })
    }
}

/// Gives a database that no hub uses, and that is about to be restored, an identity of its
/// own; the one that it had is its ancestor's. Blocking; what was changed is synced.
///
/// # Errors
/// The database cannot be read or written.
pub fn take_new_identity(database: &Path) -> Result<(), OpenError> {
    let refused = OpenError::database(database);
    let mut db = open_copy(database).map_err(&refused)?;
    draw(&mut db).map_err(&refused)?;
    db.close().map_err(|(_, error)| refused(error))?;
    let synced = File::open(database).and_then(|file| file.sync_all());
    synced.map_err(failed("sync", database))
}

fn draw(db: &mut Connection) -> rusqlite::Result<()> {
    let change = db.transaction()?;
    change.execute(
        "INSERT INTO ancestor (identity, last_entry)
         SELECT store.identity, next_entry.id - 1 FROM store, next_entry",
        [],
    )?;
    change.execute("UPDATE store SET identity = randomblob(16)", [])?;
    change.commit()
}

/// The highest id of an entry that there ever was: entries get theirs in the order in
/// which they are committed, so this is how far a store has come.
pub(super) fn last_entry(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT id - 1 AS last FROM next_entry", [], |row| {
        row.get("last").map(count)
    })
}
