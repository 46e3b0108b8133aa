//! Forgetting: collected mail whose time, or whose room, is over.
//!
//! Never waiting mail. Where room is short the oldest collected goes first, by the
//! running clock; what is over goes some thousands at a time, as it came.
//! A few entries a transaction, so that arriving mail never waits long.

use std::time::Duration;

use async_channel::Receiver;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::clock::Kept;
use super::error::StoreError;
use super::maildrop::count;
use super::space::Room;
use super::time::duration_to_millis;
use super::types::{EntryId, MailboxId};
use crate::mail::QueueId;

/// Entries removed in one transaction.
pub(super) const STEP_ENTRIES: u32 = 100;
/// Entries that are over and are looked up at once.
const LOOKED_UP_ENTRIES: u32 = 5_000;
/// Pages given back to the disk in one transaction (1 MB).
pub(super) const STEP_PAGES: u32 = 256;
/// Pages given back between two checkpoints: a quarter of the reserve.
pub(super) const CHECKPOINT_PAGES: i64 = 1024;

/// How much collected mail may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Of the disk that holds the data folder.
    Percent(u8),
    Octets(u64),
}

impl Budget {
    /// In octets, on this disk.
    pub fn octets(self, room: Room) -> u64 {
        match self {
            Budget::Octets(octets) => octets,
            Budget::Percent(percent) => (u128::from(room.total) * u128::from(percent) / 100) as u64,
        }
    }
}

/// What is kept, for how long, and how much room is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// `keep_collected`: how long collected mail stays restorable, in time that
    /// the hub is running.
    pub collected: Duration,
    /// `keep_collected_max`
    pub collected_max: Budget,
    /// `keep_free`: below it no mail is taken in.
    pub free: Budget,
}

impl Default for Keep {
    /// 30 days, 20 % of the disk, 500 MB free.
    fn default() -> Keep {
        Keep {
            collected: Duration::from_secs(30 * 24 * 60 * 60),
            collected_max: Budget::Percent(20),
            free: Budget::Octets(500_000_000),
        }
    }
}

impl Keep {
    /// Entries collected at this age or before are over, at the age `now`.
    pub(super) fn over_since(&self, now_millis: i64) -> i64 {
        now_millis.saturating_sub(duration_to_millis(self.collected))
    }
}

/// What a step has removed.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub entries: u64,
    /// Those that no mailbox refers to any more.
    pub messages: Vec<QueueId>,
    pub octets: u64,
    /// Body files that no row names any more.
    pub files: Vec<String>,
    /// Hears when those files are removed.
    pub unlinked: Option<Receiver<()>>,
}

/// In the order of the index `entry_collected`, so that nothing is sorted.
pub(super) const OLDEST: &str = "SELECT id FROM entry
    WHERE collected_at IS NOT NULL AND collected_age <= :age
    ORDER BY collected_age, message LIMIT :some";

fn oldest(db: &Connection, up_to_age: i64, some: u32) -> Result<Vec<EntryId>, StoreError> {
    let mut statement = db.prepare_cached(OLDEST)?;
    let entries = statement.query_map(named_params! {":age": up_to_age, ":some": some}, |row| {
        row.get(0).map(EntryId)
    })?;
    Ok(entries.collect::<Result<_, _>>()?)
}

/// Removes the oldest collected entries until messages of so many octets are gone,
/// some at a time.
pub(super) fn remove_oldest(db: &Connection, octets: u64) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    for entry in oldest(db, i64::MAX, STEP_ENTRIES)? {
        if removed.octets >= octets {
            break;
        }
        remove_entry(db, entry, &mut removed)?;
    }
    Ok(removed)
}

/// Some of the entries that were collected at this age or before, in the order in
/// which they came: what lies together in the file goes together, and the pages
/// that become free are given back without a search for each.
pub(super) fn over(db: &Connection, up_to_age: i64) -> Result<Vec<EntryId>, StoreError> {
    let mut over = oldest(db, up_to_age, LOOKED_UP_ENTRIES)?;
    over.sort_unstable();
    Ok(over)
}

/// Removes those of `entries` that are still over.
pub(super) fn remove_over(
    db: &Connection,
    entries: &[EntryId],
    up_to_age: i64,
) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    for &entry in entries {
        // Meanwhile a person may have had it restored, or erased.
        let is_over = db
            .prepare_cached(
                "SELECT 1 FROM entry WHERE id = :entry
                     AND collected_at IS NOT NULL AND collected_age <= :age",
            )?
            .exists(named_params! {":entry": entry.0, ":age": up_to_age})?;
        if is_over {
            remove_entry(db, entry, &mut removed)?;
        }
    }
    Ok(removed)
}

/// Removes one entry, and its message if it was the last one of it.
pub(super) fn remove_entry(
    db: &Connection,
    entry: EntryId,
    removed: &mut Removed,
) -> Result<(), StoreError> {
    let (mailbox, message, octets, collected): (i64, i64, i64, bool) = db
        .prepare_cached(
            "DELETE FROM entry WHERE id = :entry
             RETURNING mailbox, message, octets, collected_at IS NOT NULL",
        )?
        .query_row(named_params! {":entry": entry.0}, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    // A session that has it in its list must never find another's entry there.
    db.prepare_cached("UPDATE clock SET last_entry = max(last_entry, :entry)")?
        .execute(named_params! {":entry": entry.0})?;
    uncount(db, MailboxId(mailbox), octets, collected)?;
    removed.entries += 1;
    remove_message_if_last(db, message, removed)
}

fn uncount(
    db: &Connection,
    mailbox: MailboxId,
    octets: i64,
    collected: bool,
) -> Result<(), StoreError> {
    let sql = if collected {
        "UPDATE mailbox SET collected_messages = collected_messages - 1,
             collected_octets = collected_octets - :octets WHERE id = :mailbox"
    } else {
        "UPDATE mailbox SET messages = messages - 1, octets = octets - :octets
         WHERE id = :mailbox"
    };
    db.prepare_cached(sql)?
        .execute(named_params! {":octets": octets, ":mailbox": mailbox.0})?;
    Ok(())
}

/// A message that no entry refers to any more, without its body. Not asked by a
/// `RETURNING` of the removal: for that SQLite reads the whole row.
pub(super) const UNREFERRED: &str = "SELECT octets, body_file FROM message WHERE id = :message
    AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.message = :message)";
pub(super) const REMOVE_MESSAGE: &str = "DELETE FROM message WHERE id = :message";

fn remove_message_if_last(
    db: &Connection,
    message: i64,
    removed: &mut Removed,
) -> Result<(), StoreError> {
    let gone: Option<(i64, Option<String>)> = db
        .prepare_cached(UNREFERRED)?
        .query_row(named_params! {":message": message}, |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    if let Some((octets, file)) = gone {
        db.prepare_cached(REMOVE_MESSAGE)?
            .execute(named_params! {":message": message})?;
        removed.messages.push(QueueId::from_u64(count(message)));
        removed.octets += count(octets);
        removed.files.extend(file);
        // So that ids are not drawn twice, even after a clock went back.
        db.prepare_cached("UPDATE clock SET last_message = max(last_message, :message)")?
            .execute(named_params! {":message": message})?;
    }
    Ok(())
}

/// Octets of messages that only collected entries refer to; 0 when even the
/// mailboxes' totals, which count a shared message many times, are within `budget`.
pub(super) fn collected_octets(db: &Connection, budget: u64) -> Result<u64, StoreError> {
    let at_most: i64 = db
        .prepare_cached("SELECT coalesce(sum(collected_octets), 0) FROM mailbox")?
        .query_row([], |row| row.get(0))?;
    if count(at_most) <= budget {
        return Ok(0);
    }
    let exactly: i64 = db
        .prepare_cached(
            "SELECT coalesce(sum(octets), 0) FROM message
             WHERE id IN (SELECT message FROM entry WHERE collected_at IS NOT NULL)
               AND NOT EXISTS (SELECT 1 FROM entry
                               WHERE entry.message = message.id AND collected_at IS NULL)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(count(exactly))
}

pub(super) fn read_clock(db: &Connection) -> rusqlite::Result<Kept> {
    db.query_row("SELECT age, wall FROM clock", [], |row| {
        Ok(Kept {
            age_millis: row.get("age")?,
            wall_millis: row.get("wall")?,
        })
    })
}

pub(super) fn write_clock(db: &Connection, kept: Kept) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE clock SET age = :age, wall = :wall")?
        .execute(named_params! {":age": kept.age_millis, ":wall": kept.wall_millis})?;
    Ok(())
}
