//! The database: its tables, its settings, and the steps from one layout to the next.
//!
//! `body` stands last in its row and `trace` in its, so that a listing reads
//! neither. Rows are written once and at the end of their tables (ids ascend
//! with time); only totals and `collected_at` change later, so a delivery
//! touches few pages. No index is ordered by random values, but those of what
//! providers tell; and no question reads more than its own mailbox.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::OpenError;

/// The mailbox of mail whose recipient could not be decided; made by step 1.
pub(super) const UNCLAIMED: i64 = 1;

/// "POST" as a number: tells our files from other programs' databases.
const APPLICATION_ID: i64 = 0x504F_5354;

/// What leads from each layout to the next; `user_version` counts the steps
/// that a database has taken. A step that has been released never changes.
pub(super) const STEPS: &[&str] = &[STEP_1];

const STEP_1: &str = "
    CREATE TABLE store (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        identity BLOB NOT NULL              -- 128 random bits; others after a restore
    ) STRICT;
    INSERT INTO store (id, identity) VALUES (1, randomblob(16));

    -- The stores that it was before each restore, and how far each had come.
    CREATE TABLE ancestor (
        id INTEGER PRIMARY KEY,
        identity BLOB NOT NULL,
        last_entry INTEGER NOT NULL         -- highest id of an entry that it ever had
    ) STRICT;

    CREATE TABLE mailbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user TEXT,                          -- null: the unclaimed tray
        fingerprint TEXT,                   -- of the user's password entry
        missing_since INTEGER,
        sealed_at INTEGER,
        messages INTEGER NOT NULL DEFAULT 0,
        octets INTEGER NOT NULL DEFAULT 0,
        collected_messages INTEGER NOT NULL DEFAULT 0,
        collected_octets INTEGER NOT NULL DEFAULT 0,
        last_entry INTEGER NOT NULL DEFAULT 0,
        last_login INTEGER                  -- of its PC; up to an hour behind
    ) STRICT;
    CREATE UNIQUE INDEX mailbox_open ON mailbox (user) WHERE sealed_at IS NULL;
    INSERT INTO mailbox (id) VALUES (1);

    CREATE TABLE message (
        id INTEGER PRIMARY KEY,             -- the queue id
        received_at INTEGER NOT NULL,
        source TEXT NOT NULL,
        reverse_path TEXT NOT NULL,
        octets INTEGER NOT NULL,            -- of the body
        body_file TEXT,                     -- in bodies/; null: the body is here
        body BLOB
    ) STRICT;
    CREATE INDEX message_body_file ON message (body_file) WHERE body_file IS NOT NULL;

    CREATE TABLE entry (
        id INTEGER PRIMARY KEY,             -- drawn by next_entry
        mailbox INTEGER NOT NULL REFERENCES mailbox (id),
        message INTEGER NOT NULL REFERENCES message (id),
        unique_id BLOB NOT NULL,
        octets INTEGER NOT NULL,            -- what RETR sends: trace and body
        delivered_at INTEGER NOT NULL,
        collected_at INTEGER,
        collected_age INTEGER,              -- the same on the running clock
        restored_at INTEGER,
        why TEXT NOT NULL,
        trace BLOB NOT NULL
    ) STRICT;
    CREATE INDEX entry_message ON entry (message);
    -- All of one mailbox: what waits (a listing reads nothing else), what was
    -- collected, and the reference to it, which SQLite looks up for a removal.
    CREATE INDEX entry_mailbox
        ON entry (mailbox, collected_at, id, message, octets, unique_id);
    -- The order of the sweep; without collected_at SQLite would look at the entries.
    CREATE INDEX entry_collected ON entry (collected_age, message, collected_at)
        WHERE collected_at IS NOT NULL;

    CREATE TABLE address (
        address TEXT PRIMARY KEY,
        gone_at INTEGER                     -- on the running clock
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE provider (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        host TEXT NOT NULL,                 -- in lower case
        user TEXT NOT NULL,
        lock_step_age INTEGER,              -- when it forgot pipelined commands
        listed_age INTEGER,                 -- the last whole listing, to the hour
        UNIQUE (host, user)
    ) STRICT;

    CREATE TABLE fetched (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        provider INTEGER NOT NULL REFERENCES provider (id),
        unique_id BLOB,                     -- the provider's; null: it tells none
        kind TEXT NOT NULL CHECK (kind IN ('message', 'notice')),
        digest BLOB NOT NULL,               -- SHA-256
        octets INTEGER,                     -- by the provider's listing
        message INTEGER NOT NULL,           -- no reference: it may be swept first
        fetched_age INTEGER NOT NULL,       -- this and the others on the running clock
        missing_age INTEGER,                -- since when it is not listed
        removed_age INTEGER                 -- when its removal there was confirmed
    ) STRICT;
    CREATE UNIQUE INDEX fetched_unique_id ON fetched (provider, unique_id)
        WHERE unique_id IS NOT NULL;
    -- What a listing is compared with.
    CREATE INDEX fetched_provider ON fetched (provider);
    -- What may be forgotten.
    CREATE INDEX fetched_missing ON fetched (provider, missing_age)
        WHERE missing_age IS NOT NULL;

    CREATE TABLE copy (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        provider INTEGER NOT NULL REFERENCES provider (id),
        digest BLOB NOT NULL,
        message INTEGER NOT NULL,           -- no reference, as above
        users TEXT NOT NULL,                -- one a line: who got this copy
        copied_age INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX copy_digest ON copy (provider, digest, copied_age);
    CREATE INDEX copy_age ON copy (copied_age);

    CREATE TABLE told (
        name TEXT PRIMARY KEY,              -- of what is told once
        entry INTEGER NOT NULL,             -- up to which entry it is told
        age INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE clock (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        age INTEGER NOT NULL,               -- running time of all hubs
        wall INTEGER,
        last_message INTEGER NOT NULL,      -- highest id among removed messages
        last_entry INTEGER NOT NULL         -- highest id among removed entries
    ) STRICT;
    INSERT INTO clock (id, age, wall, last_message, last_entry) VALUES (1, 0, NULL, 0, 0);
    -- AUTOINCREMENT would write a page of its own with each delivery.
    CREATE VIEW next_entry (id) AS
        SELECT max(last_entry, coalesce((SELECT max(id) FROM entry), 0)) + 1 FROM clock;
";

/// What a connection is for; decides its memory and whether it may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    Read,
    Checkpoint,
}

/// Opens a connection with the settings that the store relies on.
pub(super) fn connect(path: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(2))?;
    db.set_prepared_statement_cache_capacity(64);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Before the first table, or it has no effect. No-ops on a database that has it.
    db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")?;
    // Checkpoints have a thread of their own: inside a commit they make its tail long.
    db.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
         PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
    )?;
    let cache_kib = match purpose {
        Purpose::Write => 4096,
        Purpose::Read => 1024,
        Purpose::Checkpoint => 64,
    };
    db.pragma_update(None, "cache_size", -cache_kib)?;
    if purpose == Purpose::Read {
        db.pragma_update(None, "query_only", true)?;
    }
    Ok(db)
}

/// Opens a database beside whoever else has it open, a running hub for instance,
/// and without a right to change it.
///
/// SQLite gives what it has to make beside it (`-wal`, `-shm`) to the owner of the
/// database when root opens it, so nothing that the hub could not read stays behind.
pub(super) fn connect_beside(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(10))?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.execute_batch(
        "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA cache_size = -4096;",
    )?;
    Ok(db)
}

/// Refuses what is no database of a store, or one of a newer program. The layout's number.
pub(super) fn known_layout(db: &Connection, path: &Path) -> Result<usize, OpenError> {
    let refused = OpenError::database(path);
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let found = number("user_version").map_err(&refused)?;
    let owner = number("application_id").map_err(&refused)?;
    let known = STEPS.len() as i64;
    if found > known {
        return Err(OpenError::Newer {
            folder: path.parent().unwrap_or(path).to_path_buf(),
            found,
            known,
        });
    }
    match usize::try_from(found) {
        Ok(found) if owner == APPLICATION_ID && found > 0 => Ok(found),
        _ => Err(OpenError::NotAStore(path.to_path_buf())),
    }
}

/// Tables, indexes and views as the first `steps` steps make them: name and SQL.
pub(super) fn expected_layout(steps: usize) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    let db = Connection::open_in_memory()?;
    for step in STEPS.iter().take(steps) {
        db.execute_batch(step)?;
    }
    layout(&db)
}

/// Tables, indexes and views as they are.
pub(super) fn layout(db: &Connection) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    // What ANALYZE notes is data.
    db.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE substr(name, 1, 11) != 'sqlite_stat'
         ORDER BY name",
    )?
    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

/// Whether nothing has ever been in this database.
pub(super) fn is_new(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

/// Brings the database to the layout of this program.
pub(super) fn migrate(db: &mut Connection, folder: &Path) -> Result<(), OpenError> {
    migrate_by(db, STEPS, folder)
}

fn migrate_by(db: &mut Connection, steps: &[&str], folder: &Path) -> Result<(), OpenError> {
    let path = folder.join("postroom.db");
    let refused = OpenError::database(&path);
    let known = steps.len() as i64;
    let change = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&refused)?;
    let number = |name: &str| change.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let found = number("user_version").map_err(&refused)?;
    let owner = number("application_id").map_err(&refused)?;
    let tables: i64 = change
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(&refused)?;
    if owner != APPLICATION_ID && tables > 0 {
        return Err(OpenError::NotAStore(path));
    }
    if found > known {
        return Err(OpenError::Newer {
            folder: folder.to_path_buf(),
            found,
            known,
        });
    }
    let taken = usize::try_from(found).map_err(|_| OpenError::NotAStore(path.clone()))?;
    if found == known {
        return Ok(());
    }
    for step in steps.iter().skip(taken) {
        change.execute_batch(step).map_err(&refused)?;
    }
    change
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(&refused)?;
    change
        .pragma_update(None, "user_version", known)
        .map_err(&refused)?;
    change.commit().map_err(&refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(db: &Connection) -> i64 {
        db.pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, Path::new("/data")).unwrap();
        db.pragma_update(None, "user_version", STEPS.len() as i64 + 1)
            .unwrap();
        let error = migrate(&mut db, Path::new("/data")).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found, known, .. } if found == known + 1));
        assert!(error.to_string().contains("install that newer version"));
        assert_eq!(version(&db), STEPS.len() as i64 + 1);
    }

    #[test]
    fn another_programs_database_is_refused() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE recipes (id INTEGER)")
            .unwrap();
        let error = migrate(&mut db, Path::new("/data")).unwrap_err();
        assert!(matches!(error, OpenError::NotAStore(_)), "{error}");
    }

    #[test]
    fn a_step_that_fails_leaves_the_layout_as_it_was() {
        let mut db = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE a (x INTEGER) STRICT";
        migrate_by(&mut db, &[first], Path::new("/data")).unwrap();
        let halfway = "CREATE TABLE b (x INTEGER) STRICT; NONSENSE";
        migrate_by(&mut db, &[first, halfway], Path::new("/data")).unwrap_err();
        assert_eq!(version(&db), 1);
        let tables: i64 = db
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
        let second = "CREATE TABLE b (x INTEGER) STRICT";
        migrate_by(&mut db, &[first, second], Path::new("/data")).unwrap();
        assert_eq!(version(&db), 2);
    }
}
