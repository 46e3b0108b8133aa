//! What commands ask and do: lists, the record of a message, restore, give, erase.
//!
//! Lists read no bodies but their heads; changes run on the writer's thread,
//! inside a transaction.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::HEAD_OCTETS;
use super::deliver::{self, EntryRow, add_entry, find_open_mailbox, mailbox_named};
use super::error::StoreError;
use super::maildrop::{count, read_head};
use super::schema::UNCLAIMED;
use super::sweep::{Removed, remove_entry};
use super::time::{from_millis, to_millis};
use super::types::{
    EntryId, MailRow, MailboxId, MailboxName, MailboxSummary, Part, Record, RecordEntry, Unclaimed,
    UniqueId,
};
use crate::mail::QueueId;

fn time(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<SystemTime>> {
    Ok(row.get::<_, Option<i64>>(name)?.map(from_millis))
}

pub(super) fn mailboxes(db: &Connection) -> Result<Vec<MailboxSummary>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, user, messages, octets, collected_messages, collected_octets,
                missing_since, sealed_at, last_login,
                (SELECT delivered_at FROM entry
                 WHERE mailbox = mailbox.id AND collected_at IS NULL
                 ORDER BY id LIMIT 1) AS waiting_since
         FROM mailbox ORDER BY user, id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(MailboxSummary {
            id: MailboxId(row.get("id")?),
            user: row.get("user")?,
            messages: count(row.get("messages")?),
            octets: count(row.get("octets")?),
            collected_messages: count(row.get("collected_messages")?),
            collected_octets: count(row.get("collected_octets")?),
            missing_since: time(row, "missing_since")?,
            sealed_at: time(row, "sealed_at")?,
            last_login: time(row, "last_login")?,
            waiting_since: time(row, "waiting_since")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Each part in words of its own, so that each finds its place in the index.
const WAITING: &str = "SELECT id FROM entry
     WHERE mailbox = :mailbox AND collected_at IS NULL AND id > :after";
pub(super) const COLLECTED: &str = "SELECT id FROM entry
     WHERE mailbox = :mailbox AND collected_at IS NOT NULL AND id > :after";

/// The unclaimed tray, or the open mailbox of a user.
pub(super) fn named(db: &Connection, mailbox: &MailboxName) -> Result<MailboxId, StoreError> {
    match mailbox {
        MailboxName::Unclaimed => Ok(MailboxId(UNCLAIMED)),
        MailboxName::User(user) => {
            find_open_mailbox(db, user)?.ok_or_else(|| StoreError::NoMailbox(user.clone()))
        }
    }
}

/// Entries of a mailbox after `after`, oldest first, at most `limit`.
pub(super) fn mail(
    db: &Connection,
    bodies: &Path,
    mailbox: MailboxId,
    part: Part,
    after: Option<EntryId>,
    limit: usize,
) -> Result<Vec<MailRow>, StoreError> {
    let entries = match part {
        Part::Waiting => WAITING.to_owned(),
        Part::Collected => COLLECTED.to_owned(),
        Part::Both => format!("{WAITING} UNION ALL {COLLECTED}"),
    };
    let mut statement = db.prepare_cached(&format!(
        "SELECT e.id, e.message, e.unique_id, e.octets, e.delivered_at, e.collected_at, e.why,
                m.received_at, m.source, m.reverse_path
         FROM ({entries} ORDER BY id LIMIT :limit) AS part
              JOIN entry AS e ON e.id = part.id JOIN message AS m ON m.id = e.message
         ORDER BY e.id"
    ))?;
    let mut rows = statement.query(named_params! {
        ":mailbox": mailbox.0,
        ":after": after.map_or(0, |entry| entry.0),
        ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
    })?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let message: i64 = row.get("message")?;
        found.push(MailRow {
            id: QueueId::from_u64(count(message)),
            entry: EntryId(row.get("id")?),
            unique_id: UniqueId(row.get("unique_id")?),
            received_at: from_millis(row.get("received_at")?),
            delivered_at: from_millis(row.get("delivered_at")?),
            collected_at: time(row, "collected_at")?,
            source: row.get("source")?,
            reverse_path: row.get("reverse_path")?,
            why: row.get("why")?,
            octets: count(row.get("octets")?),
            head: read_head(db, bodies, message, HEAD_OCTETS),
        });
    }
    Ok(found)
}

pub(super) fn record(db: &Connection, id: QueueId) -> Result<Option<Record>, StoreError> {
    let message = id.as_u64() as i64;
    let found = db
        .prepare_cached(
            "SELECT received_at, source, reverse_path, octets, body_file FROM message
             WHERE id = :message",
        )?
        .query_row(named_params! {":message": message}, |row| {
            Ok(Record {
                id,
                received_at: from_millis(row.get("received_at")?),
                source: row.get("source")?,
                reverse_path: row.get("reverse_path")?,
                octets: count(row.get("octets")?),
                body_file: row.get("body_file")?,
                entries: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut record) = found else {
        return Ok(None);
    };
    let mut statement = db.prepare_cached(
        "SELECT e.id, e.mailbox, b.user, b.sealed_at IS NOT NULL AS sealed, e.unique_id, e.octets,
                e.trace, e.why, e.delivered_at, e.collected_at, e.restored_at
         FROM entry AS e JOIN mailbox AS b ON b.id = e.mailbox
         WHERE e.message = :message ORDER BY e.id",
    )?;
    let rows = statement.query_map(named_params! {":message": message}, |row| {
        Ok(RecordEntry {
            entry: EntryId(row.get("id")?),
            mailbox: MailboxId(row.get("mailbox")?),
            user: row.get("user")?,
            sealed: row.get("sealed")?,
            unique_id: UniqueId(row.get("unique_id")?),
            octets: count(row.get("octets")?),
            trace: row.get("trace")?,
            why: row.get("why")?,
            delivered_at: from_millis(row.get("delivered_at")?),
            collected_at: time(row, "collected_at")?,
            restored_at: time(row, "restored_at")?,
        })
    })?;
    record.entries = rows.collect::<Result<_, _>>()?;
    Ok(Some(record))
}

/// An entry that is to be made anew in another place or time.
struct Source {
    entry: EntryId,
    message: i64,
    octets: i64,
    delivered_at: i64,
    collected: bool,
    why: String,
    trace: Vec<u8>,
}

impl Source {
    const COLUMNS: &str = "e.id, e.message, e.octets, e.delivered_at,
         e.collected_at IS NOT NULL AS collected, e.why, e.trace";

    fn of(row: &Row<'_>) -> rusqlite::Result<Source> {
        Ok(Source {
            entry: EntryId(row.get("id")?),
            message: row.get("message")?,
            octets: row.get("octets")?,
            delivered_at: row.get("delivered_at")?,
            collected: row.get("collected")?,
            why: row.get("why")?,
            trace: row.get("trace")?,
        })
    }
}

/// Brings back what was collected since then: a new entry with a new unique-id
/// takes the place of each old one. So a mail program fetches it again, and a
/// second restore finds nothing left to double.
pub(super) fn restore(
    db: &Connection,
    user: &str,
    since: SystemTime,
    now: SystemTime,
) -> Result<Vec<QueueId>, StoreError> {
    let mailbox =
        find_open_mailbox(db, user)?.ok_or_else(|| StoreError::NoMailbox(user.to_owned()))?;
    let collected: Vec<i64> = db
        .prepare_cached(
            "SELECT id FROM entry
             WHERE mailbox = :mailbox AND collected_at >= :since ORDER BY id",
        )?
        .query_map(
            named_params! {":mailbox": mailbox.0, ":since": to_millis(since)},
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    let sql = format!(
        "SELECT {} FROM entry AS e WHERE e.id = :entry",
        Source::COLUMNS
    );
    let mut restored = Vec::with_capacity(collected.len());
    for old in &collected {
        let source = db
            .prepare_cached(&sql)?
            .query_row(named_params! {":entry": old}, Source::of)?;
        let row = EntryRow {
            octets: source.octets,
            delivered_at: source.delivered_at,
            restored_at: Some(to_millis(now)),
            why: &source.why,
            trace: &source.trace,
        };
        add_entry(db, mailbox, source.message, &row)?;
        // After the new one, so that the message is never without an entry.
        remove_entry(db, source.entry, &mut Removed::default())?;
        restored.push(QueueId::from_u64(count(source.message)));
    }
    Ok(restored)
}

/// Gives an unclaimed message, or one of a removed user, to a user. The old
/// entry counts as collected from then on, and stays as evidence that long.
pub(super) fn give(
    db: &Connection,
    id: QueueId,
    user: &str,
    why: &str,
    now: SystemTime,
    age: i64,
) -> Result<EntryId, StoreError> {
    let message = id.as_u64() as i64;
    if record(db, id)?.is_none() {
        return Err(StoreError::NoMessage(id));
    }
    let source = db
        .prepare_cached(&format!(
            "SELECT {} FROM entry AS e JOIN mailbox AS b ON b.id = e.mailbox
             WHERE e.message = :message AND (b.user IS NULL OR b.sealed_at IS NOT NULL)
             ORDER BY collected, e.id LIMIT 1",
            Source::COLUMNS
        ))?
        .query_row(named_params! {":message": message}, Source::of)
        .optional()?
        .ok_or(StoreError::NotToGive(id))?;
    let mailbox = mailbox_named(db, &MailboxName::User(user.to_owned()))?;
    let waiting: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM entry WHERE message = :message
                 AND mailbox = :mailbox AND collected_at IS NULL)",
        )?
        .query_row(
            named_params! {":message": message, ":mailbox": mailbox.0},
            |row| row.get(0),
        )?;
    if waiting {
        return Err(StoreError::AlreadyThere(user.to_owned()));
    }
    let row = EntryRow {
        octets: source.octets,
        delivered_at: to_millis(now),
        restored_at: None,
        why,
        trace: &source.trace,
    };
    let given = add_entry(db, mailbox, message, &row)?;
    if !source.collected {
        let owner: i64 = db
            .prepare_cached("SELECT mailbox FROM entry WHERE id = :entry")?
            .query_row(named_params! {":entry": source.entry.0}, |row| row.get(0))?;
        let from = MailboxId(owner);
        deliver::collect(db, from, &[source.entry], to_millis(now), age)?;
    }
    Ok(given)
}

/// Removes a message from every mailbox, at once and for good.
pub(super) fn erase(db: &Connection, id: QueueId) -> Result<Removed, StoreError> {
    let entries: Vec<i64> = db
        .prepare_cached("SELECT id FROM entry WHERE message = :message")?
        .query_map(named_params! {":message": id.as_u64() as i64}, |row| {
            row.get(0)
        })?
        .collect::<Result<_, _>>()?;
    if entries.is_empty() {
        return Err(StoreError::NoMessage(id));
    }
    remove_all(db, &entries)
}

/// Removes unclaimed mail, at once and for good; what was given away stays
/// with whom it was given to.
pub(super) fn delete_unclaimed(db: &Connection, which: Unclaimed) -> Result<Removed, StoreError> {
    let (message, before) = match which {
        Unclaimed::Message(id) => (Some(id.as_u64() as i64), None),
        Unclaimed::Before(time) => (None, Some(to_millis(time))),
    };
    let entries: Vec<i64> = db
        .prepare_cached(
            "SELECT id FROM entry WHERE mailbox = :tray AND collected_at IS NULL
                 AND (:message IS NULL OR message = :message)
                 AND (:before IS NULL OR delivered_at < :before)",
        )?
        .query_map(
            named_params! {":tray": UNCLAIMED, ":message": message, ":before": before},
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    if let (Unclaimed::Message(id), true) = (which, entries.is_empty()) {
        return Err(StoreError::NoMessage(id));
    }
    remove_all(db, &entries)
}

/// Entries of one transaction: what waits behind it waits some milliseconds.
const ERASED_AT_ONCE: u32 = 200;

/// Removes some of what removed users of this name left; where nothing is left,
/// their mailboxes.
pub(super) fn erase_sealed(db: &Connection, user: &str) -> Result<Removed, StoreError> {
    let entries: Vec<i64> = db
        .prepare_cached(
            "SELECT id FROM entry WHERE mailbox IN
                 (SELECT id FROM mailbox WHERE user = :user AND sealed_at IS NOT NULL)
             LIMIT :some",
        )?
        .query_map(
            named_params! {":user": user, ":some": ERASED_AT_ONCE},
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    if entries.is_empty() {
        let removed = db
            .prepare_cached("DELETE FROM mailbox WHERE user = :user AND sealed_at IS NOT NULL")?
            .execute(named_params! {":user": user})?;
        if removed == 0 {
            return Err(StoreError::NoMailbox(user.to_owned()));
        }
    }
    remove_all(db, &entries)
}

fn remove_all(db: &Connection, entries: &[i64]) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    for entry in entries {
        remove_entry(db, EntryId(*entry), &mut removed)?;
    }
    Ok(removed)
}
