//! One change of a transaction, undone alone where it fails alone.

use rusqlite::Connection;

use super::change::Change;
use super::error::StoreError;

/// How far the failure of a change reaches.
pub(super) enum Failure {
    /// All of it is undone; the others go on.
    Alone(StoreError),
    /// The transaction cannot be committed: SQLite has given it up, has no room
    /// for it, or has not undone what the change began.
    Transaction(StoreError),
}

/// Applies one change in a savepoint of its own.
pub(super) fn apply_alone(db: &Connection, change: &mut dyn Change) -> Result<(), Failure> {
    run_cached(db, "SAVEPOINT change").map_err(Failure::Transaction)?;
    let Err(error) = change.apply(db) else {
        return run_cached(db, "RELEASE change").map_err(Failure::Transaction);
    };
    if error == StoreError::Full || db.is_autocommit() {
        return Err(Failure::Transaction(error));
    }
    run_cached(db, "ROLLBACK TO change")
        .and_then(|()| run_cached(db, "RELEASE change"))
        .map_err(Failure::Transaction)?;
    Err(Failure::Alone(error))
}

/// Runs a command of transactions.
pub(super) fn run_cached(db: &Connection, sql: &str) -> Result<(), StoreError> {
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}
