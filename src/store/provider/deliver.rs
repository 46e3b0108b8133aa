//! A message of a provider with its record and its copy, and what changes of
//! the record later.
//!
//! Runs on the writer's thread, inside a transaction.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::super::deliver::{self, Delivered, MessageRow};
use super::super::error::StoreError;
use super::super::maildrop::count;
use super::super::time::duration_to_millis;
use super::super::types::NewEntry;
use super::forget::COPIES_KEPT;
use super::{EarlierCopies, FetchedId, FetchedMark, ProviderId};
use crate::mail::QueueId;

const FORGOTTEN: StoreError =
    StoreError::Refused("the record of this fetched message is forgotten");

/// What was made of a message.
#[derive(Debug)]
pub(super) struct Taken {
    /// This one, or the one that it repeats.
    pub message: QueueId,
    pub record: FetchedId,
    pub delivered: Delivered,
}

impl Taken {
    /// Then no row names its body.
    pub fn is_duplicate(&self) -> bool {
        self.delivered.entries.is_empty()
    }
}

/// As [`super::Store::deliver_fetched`] says.
pub(super) fn deliver(
    db: &Connection,
    message: &MessageRow<'_>,
    mark: &FetchedMark,
    copy: Option<[u8; 32]>,
    age: i64,
    entries: &mut impl FnMut(&EarlierCopies) -> Option<Vec<NewEntry>>,
) -> Result<Taken, StoreError> {
    if let Some((record, message)) = find_same(db, mark)? {
        recognise(db, record, mark.unique_id.as_deref(), mark.octets)?;
        return Ok(Taken {
            message,
            record,
            delivered: Delivered::default(),
        });
    }
    let earlier = match copy {
        Some(digest) => earlier_copies(db, mark.provider, digest, age)?,
        None => Earlier::default(),
    };
    let decided = entries(&earlier.copies);
    let (id, delivered) = match &decided {
        Some(entries) => {
            deliver::check(entries)?;
            (message.id, deliver::deliver(db, message, entries)?)
        }
        None => {
            let first = earlier.first.ok_or(StoreError::Refused(
                "a message without an earlier copy is no duplicate",
            ))?;
            (first, Delivered::default())
        }
    };
    if let Some(digest) = copy {
        let entries = decided.iter().flatten();
        let users: Vec<&str> = entries.filter_map(|entry| entry.mailbox.user()).collect();
        note_copy(db, mark.provider, digest, id, &users, age)?;
    }
    Ok(Taken {
        message: id,
        record: note_fetched(db, mark, id, age)?,
        delivered,
    })
}

/// The same message under the same unique-id. A poll that was stopped may still
/// commit what it had, when the next one has looked already.
pub(super) fn find_same(
    db: &Connection,
    mark: &FetchedMark,
) -> Result<Option<(FetchedId, QueueId)>, StoreError> {
    let found: Option<(i64, i64)> = db
        .prepare_cached(
            "SELECT id, message FROM fetched
             WHERE provider = :provider AND unique_id = :unique_id AND kind = :kind
                 AND digest = :digest",
        )?
        .query_row(
            named_params! {
                ":provider": mark.provider.0, ":unique_id": mark.unique_id,
                ":kind": mark.kind.word(), ":digest": mark.digest,
            },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(found.map(|(record, message)| (FetchedId(record), QueueId::from_u64(count(message)))))
}

#[derive(Default)]
struct Earlier {
    copies: EarlierCopies,
    /// The message of the first one.
    first: Option<QueueId>,
}

fn earlier_copies(
    db: &Connection,
    provider: ProviderId,
    digest: [u8; 32],
    age: i64,
) -> Result<Earlier, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT message, users FROM copy
         WHERE provider = :provider AND digest = :digest AND copied_age > :over ORDER BY id",
    )?;
    let mut rows = statement.query(named_params! {
        ":provider": provider.0,
        ":digest": digest,
        ":over": age.saturating_sub(duration_to_millis(COPIES_KEPT)),
    })?;
    let mut earlier = Earlier::default();
    while let Some(row) = rows.next()? {
        let users: String = row.get("users")?;
        for user in users.lines() {
            if !earlier.copies.users.iter().any(|known| known == user) {
                earlier.copies.users.push(user.to_owned());
            }
        }
        earlier.copies.copies += 1;
        if earlier.first.is_none() {
            earlier.first = Some(QueueId::from_u64(count(row.get("message")?)));
        }
    }
    Ok(earlier)
}

fn note_copy(
    db: &Connection,
    provider: ProviderId,
    digest: [u8; 32],
    message: QueueId,
    users: &[&str],
    age: i64,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO copy (provider, digest, message, users, copied_age)
         VALUES (:provider, :digest, :message, :users, :age)",
    )?
    .execute(named_params! {
        ":provider": provider.0,
        ":digest": digest,
        ":message": message.as_u64() as i64,
        ":users": users.join("\n"),
        ":age": age,
    })?;
    Ok(())
}

pub(super) fn note_fetched(
    db: &Connection,
    mark: &FetchedMark,
    message: QueueId,
    age: i64,
) -> Result<FetchedId, StoreError> {
    if let Some(unique_id) = &mark.unique_id {
        free_unique_id(db, mark.provider.0, unique_id)?;
    }
    db.prepare_cached(
        "INSERT INTO fetched (provider, unique_id, kind, digest, octets, message, fetched_age)
         VALUES (:provider, :unique_id, :kind, :digest, :octets, :message, :age)",
    )?
    .execute(named_params! {
        ":provider": mark.provider.0,
        ":unique_id": mark.unique_id,
        ":kind": mark.kind.word(),
        ":digest": mark.digest,
        ":octets": mark.octets.map(to_column),
        ":message": message.as_u64() as i64,
        ":age": age,
    })?;
    Ok(FetchedId(db.last_insert_rowid()))
}

/// Takes a unique-id from the record that has it: the server has given it to
/// another message. That record goes, unless its own message may still be
/// there under another unique-id: then it must be known by its digest.
fn free_unique_id(db: &Connection, provider: i64, unique_id: &[u8]) -> Result<(), StoreError> {
    let same = named_params! {":provider": provider, ":unique_id": unique_id};
    let found: Option<(i64, bool)> = db
        .prepare_cached(
            "SELECT id, kind = 'notice' OR removed_age IS NOT NULL FROM fetched
             WHERE provider = :provider AND unique_id = :unique_id",
        )?
        .query_row(same, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((record, is_over)) = found else {
        return Ok(());
    };
    let sql = match is_over {
        true => "DELETE FROM fetched WHERE id = :id",
        false => "UPDATE fetched SET unique_id = NULL WHERE id = :id",
    };
    db.prepare_cached(sql)?
        .execute(named_params! {":id": record})?;
    Ok(())
}

/// The message of the record, if the record says all this already.
pub(super) fn is_recorded(
    db: &Connection,
    record: FetchedId,
    unique_id: Option<&[u8]>,
    octets: Option<u64>,
) -> Result<Option<QueueId>, StoreError> {
    let found: Option<i64> = db
        .prepare_cached(
            "SELECT message FROM fetched WHERE id = :id AND unique_id IS :unique_id
                 AND octets IS :octets AND missing_age IS NULL AND removed_age IS NULL",
        )?
        .query_row(
            named_params! {
                ":id": record.0, ":unique_id": unique_id, ":octets": octets.map(to_column),
            },
            |row| row.get(0),
        )
        .optional()?;
    Ok(found.map(|message| QueueId::from_u64(count(message))))
}

/// As [`super::Store::recognise`] says.
pub(super) fn recognise(
    db: &Connection,
    record: FetchedId,
    unique_id: Option<&[u8]>,
    octets: Option<u64>,
) -> Result<QueueId, StoreError> {
    let found: Option<(i64, i64)> = db
        .prepare_cached(
            "UPDATE fetched SET unique_id = NULL WHERE id = :id RETURNING provider, message",
        )?
        .query_row(named_params! {":id": record.0}, |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (provider, message) = found.ok_or(FORGOTTEN)?;
    if let Some(unique_id) = unique_id {
        free_unique_id(db, provider, unique_id)?;
    }
    db.prepare_cached(
        "UPDATE fetched SET unique_id = :unique_id, octets = :octets,
             missing_age = NULL, removed_age = NULL WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": record.0, ":unique_id": unique_id, ":octets": octets.map(to_column),
    })?;
    Ok(QueueId::from_u64(count(message)))
}

/// At most what the database can hold.
fn to_column(octets: u64) -> i64 {
    i64::try_from(octets).unwrap_or(i64::MAX)
}
