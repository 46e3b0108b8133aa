//! What the hub tells once: news of the unclaimed tray, a day's at a time.
//!
//! The message and the mark that it was told commit together, so that a crash
//! tells nothing twice and leaves nothing out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::Store;
use super::administration;
use super::change::Urgency;
use super::deliver::{self, Delivered};
use super::error::StoreError;
use super::maildrop::count;
use super::schema::UNCLAIMED;
use super::time::{Moment, duration_to_millis};
use super::types::{EntryId, MailRow, MailboxId, NewMessage, Part, Receipt};

/// Running time between two summaries.
const TOLD_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// The most messages that a summary shows.
const NEWS_ROWS: usize = 50;
/// The summary's name in the table of what was told.
const SUMMARY: &str = "unclaimed";

/// What has come to the unclaimed tray since the last summary and still waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclaimedNews {
    /// The newest of it, oldest first, 50 at most.
    pub newest: Vec<MailRow>,
    /// How much of it there is: at least one.
    pub new: u64,
    /// All that waits in the tray, told before or not.
    pub all: u64,
    /// For [`Store::deliver_summary`]: what came later is told the next time.
    pub up_to: EntryId,
}

/// The daily summary of unclaimed mail.
impl Store {
    /// What a summary has to tell now. None: nothing has come since the last
    /// one, or that is less than 24 hours of running time ago.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unclaimed_since_told(
        &self,
        now: Moment,
    ) -> Result<Option<UnclaimedNews>, StoreError> {
        let age = self.clock().age_millis(now);
        let bodies = Arc::clone(&self.0.bodies);
        self.ask(move |db| unclaimed_since_told(db, &bodies, age))
            .await
    }

    /// Stores a summary, and with it that it was told, in one transaction.
    ///
    /// It goes to users only: as unclaimed mail it would be news of itself. So
    /// users without an open mailbox are left out, and named by the receipt.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] if no user that is left has one; nothing
    /// counts as told then. Else as [`Store::deliver`].
    pub async fn deliver_summary(
        &self,
        message: NewMessage,
        up_to: EntryId,
        now: Moment,
    ) -> Result<Receipt, StoreError> {
        deliver::check(&message.entries)?;
        let id = message.id;
        let age = self.clock().age_millis(now);
        let octets = message.body.octets_in_row();
        let settled = deliver::keep_file(&message.body, |_: &Delivered| true);
        let work = move |db: &Connection| {
            note_told(db, up_to, age)?;
            deliver::deliver_to_users(db, &message.row(), &message.entries)
        };
        let writer = &self.0.writer;
        let delivered = writer
            .change(Urgency::Intake, octets, work, settled)
            .await?;
        Ok(Receipt::of_commit(id, delivered.without_mailbox))
    }
}

fn unclaimed_since_told(
    db: &Connection,
    bodies: &Path,
    age: i64,
) -> Result<Option<UnclaimedNews>, StoreError> {
    let told: Option<(i64, i64)> = db
        .prepare_cached("SELECT entry, age FROM told WHERE name = :name")?
        .query_row(named_params! {":name": SUMMARY}, |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let told_up_to = match told {
        Some((_, then)) if age.saturating_sub(then) < duration_to_millis(TOLD_EVERY) => {
            return Ok(None);
        }
        Some((entry, _)) => entry,
        None => 0,
    };
    let (new, up_to): (i64, Option<i64>) = db
        .prepare_cached(
            "SELECT count(*), max(id) FROM entry
             WHERE mailbox = :tray AND collected_at IS NULL AND id > :told",
        )?
        .query_row(
            named_params! {":tray": UNCLAIMED, ":told": told_up_to},
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    let Some(up_to) = up_to else {
        return Ok(None);
    };
    let all: i64 = db
        .prepare_cached("SELECT messages FROM mailbox WHERE id = :tray")?
        .query_row(named_params! {":tray": UNCLAIMED}, |row| row.get(0))?;
    let after = EntryId(before_newest(db)?.unwrap_or(0).max(told_up_to));
    let tray = MailboxId(UNCLAIMED);
    let rows = administration::mail(db, bodies, tray, Part::Waiting, Some(after), NEWS_ROWS)?;
    Ok(Some(UnclaimedNews {
        newest: rows,
        new: count(new),
        all: count(all),
        up_to: EntryId(up_to),
    }))
}

/// The last entry of the tray that is too old for a summary.
fn before_newest(db: &Connection) -> Result<Option<i64>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT id FROM entry WHERE mailbox = :tray AND collected_at IS NULL
             ORDER BY id DESC LIMIT 1 OFFSET :rows",
        )?
        .query_row(
            named_params! {":tray": UNCLAIMED, ":rows": NEWS_ROWS as i64},
            |row| row.get(0),
        )
        .optional()?;
    Ok(found)
}

fn note_told(db: &Connection, up_to: EntryId, age: i64) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO told (name, entry, age) VALUES (:name, :entry, :age)
         ON CONFLICT (name) DO UPDATE
             SET entry = max(entry, excluded.entry), age = excluded.age",
    )?
    .execute(named_params! {":name": SUMMARY, ":entry": up_to.0, ":age": age})?;
    Ok(())
}
