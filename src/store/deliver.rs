//! Mail in, and mail out of sight: deliveries, and what a PC has collected.
//!
//! Runs on the writer's thread, inside a transaction.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::body::Body;
use super::change::Outcome;
use super::error::StoreError;
use super::schema::UNCLAIMED;
use super::time::to_millis;
use super::types::{EntryId, MailboxId, MailboxName, NewEntry, NewMessage, UniqueId};
use crate::mail::QueueId;

/// What an entry's row needs beside its ids.
pub(super) struct EntryRow<'a> {
    pub octets: i64,
    pub delivered_at: i64,
    pub restored_at: Option<i64>,
    pub why: &'a str,
    pub trace: &'a [u8],
}

/// What a message's row needs.
pub(super) struct MessageRow<'a> {
    pub id: QueueId,
    pub received_at: SystemTime,
    pub source: &'a str,
    pub reverse_path: &'a str,
    pub body: &'a Body,
}

impl NewMessage {
    pub(super) fn row(&self) -> MessageRow<'_> {
        MessageRow {
            id: self.id,
            received_at: self.received_at,
            source: &self.source,
            reverse_path: &self.reverse_path,
            body: &self.body,
        }
    }
}

/// What became of the entries of a delivery.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Where they went, and why, in the order they were made.
    pub entries: Vec<(MailboxName, String)>,
    /// The users who have no mailbox any more: what was for them is unclaimed.
    pub without_mailbox: Vec<String>,
}

/// The contract of a delivery.
pub(super) fn check(entries: &[NewEntry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Err(StoreError::Refused("a message needs at least one mailbox"));
    }
    let mut seen = HashSet::with_capacity(entries.len());
    if !entries.iter().all(|entry| seen.insert(&entry.mailbox)) {
        return Err(StoreError::Refused(
            "a message has one entry for each mailbox at most",
        ));
    }
    Ok(())
}

/// What keeps a body's file once a row names it, or may.
pub(super) fn keep_file<T: 'static>(
    body: &Body,
    is_named: fn(&T) -> bool,
) -> impl FnOnce(Outcome<'_, T>) + Send + 'static {
    let file = body.file();
    move |outcome| {
        let named = match outcome {
            Outcome::Committed(made) => is_named(made),
            Outcome::Uncertain => true,
            Outcome::RolledBack => false,
        };
        if let (true, Some(file)) = (named, file) {
            file.keep();
        }
    }
}

/// The message once, and its entries.
pub(super) fn deliver(
    db: &Connection,
    message: &MessageRow<'_>,
    entries: &[NewEntry],
) -> Result<Delivered, StoreError> {
    let (places, without_mailbox) = places(db, entries)?;
    add_message(db, message)?;
    Ok(Delivered {
        entries: add_entries(db, message, places)?,
        without_mailbox,
    })
}

/// As [`deliver`], but only to users: what would be unclaimed is left out.
pub(super) fn deliver_to_users(
    db: &Connection,
    message: &MessageRow<'_>,
    entries: &[NewEntry],
) -> Result<Delivered, StoreError> {
    let (mut places, without_mailbox) = places(db, entries)?;
    places.retain(|place| place.mailbox.0 != UNCLAIMED);
    if places.is_empty() {
        let user = without_mailbox.into_iter().next().unwrap_or_default();
        return Err(StoreError::NoMailbox(user));
    }
    add_message(db, message)?;
    Ok(Delivered {
        entries: add_entries(db, message, places)?,
        without_mailbox,
    })
}

pub(super) fn add_message(db: &Connection, message: &MessageRow<'_>) -> Result<(), StoreError> {
    let (body_file, body) = message.body.columns();
    db.prepare_cached(
        "INSERT INTO message (id, received_at, source, reverse_path, octets, body_file, body)
         VALUES (:id, :received_at, :source, :reverse_path, :octets, :body_file, :body)",
    )?
    .execute(named_params! {
        ":id": message.id.as_u64() as i64,
        ":received_at": to_millis(message.received_at),
        ":source": message.source,
        ":reverse_path": message.reverse_path,
        ":octets": message.body.octets() as i64,
        ":body_file": body_file,
        ":body": body,
    })?;
    Ok(())
}

fn add_entries(
    db: &Connection,
    message: &MessageRow<'_>,
    places: Vec<Place<'_>>,
) -> Result<Vec<(MailboxName, String)>, StoreError> {
    let mut entries = Vec::with_capacity(places.len());
    for place in places {
        let octets = content_octets(place.trace, message.body.octets(), message.body.tail());
        let row = EntryRow {
            octets: octets as i64,
            delivered_at: to_millis(message.received_at),
            restored_at: None,
            why: &place.why,
            trace: place.trace,
        };
        add_entry(db, place.mailbox, message.id.as_u64() as i64, &row)?;
        entries.push((place.name, place.why.into_owned()));
    }
    Ok(entries)
}

/// Where an entry goes.
struct Place<'a> {
    mailbox: MailboxId,
    name: MailboxName,
    trace: &'a [u8],
    why: Cow<'a, str>,
}

/// The mailboxes of the entries, and the users who have none: they were removed
/// or renamed while the message arrived. A mailbox made for such a name would be
/// opened by nobody, or by another person of that name; so a person decides.
fn places<'a>(
    db: &Connection,
    entries: &'a [NewEntry],
) -> Result<(Vec<Place<'a>>, Vec<String>), StoreError> {
    let mut places: Vec<Place<'a>> = Vec::with_capacity(entries.len());
    let mut without_mailbox = Vec::new();
    for NewEntry {
        mailbox: name,
        trace,
        why,
    } in entries
    {
        let unclaimed = (MailboxId(UNCLAIMED), &MailboxName::Unclaimed);
        let ((mailbox, name), why) = match name {
            MailboxName::Unclaimed => (unclaimed, Cow::Borrowed(why.as_str())),
            MailboxName::User(user) => match find_open_mailbox(db, user)? {
                Some(mailbox) => ((mailbox, name), Cow::Borrowed(why.as_str())),
                None => {
                    without_mailbox.push(user.clone());
                    let why = format!("{user} was removed or renamed meanwhile ({why})");
                    (unclaimed, Cow::Owned(why))
                }
            },
        };
        match places.iter_mut().find(|place| place.mailbox == mailbox) {
            Some(place) => place.why = format!("{}; {why}", place.why).into(),
            None => places.push(Place {
                mailbox,
                name: name.clone(),
                trace,
                why,
            }),
        }
    }
    Ok((places, without_mailbox))
}

/// What RETR sends: trace, body, and the CRLF that a last line may lack.
pub(super) fn content_octets(trace: &[u8], body_octets: u64, body_tail: [u8; 2]) -> u64 {
    let octets = trace.len() as u64 + body_octets;
    let ends_in_crlf = match (body_octets, trace) {
        (0, []) => true,
        (0, trace) => trace.ends_with(b"\r\n"),
        (1, trace) => trace.ends_with(b"\r") && body_tail[1] == b'\n',
        _ => body_tail == *b"\r\n",
    };
    if ends_in_crlf { octets } else { octets + 2 }
}

/// A new entry with a new unique-id, counted in its mailbox's totals.
pub(super) fn add_entry(
    db: &Connection,
    mailbox: MailboxId,
    message: i64,
    row: &EntryRow<'_>,
) -> Result<EntryId, StoreError> {
    let inserted = db
        .prepare_cached(
            "INSERT INTO entry
             (id, mailbox, message, unique_id, octets, delivered_at, restored_at, why, trace)
         SELECT id, :mailbox, :message, :unique_id, :octets, :delivered_at, :restored_at,
             :why, :trace
         FROM next_entry",
        )?
        .execute(named_params! {
            ":mailbox": mailbox.0,
            ":message": message,
            ":unique_id": UniqueId::draw()?.0,
            ":octets": row.octets,
            ":delivered_at": row.delivered_at,
            ":restored_at": row.restored_at,
            ":why": row.why,
            ":trace": row.trace,
        })?;
    if inserted != 1 {
        // The row of the clock is gone: a database that is damaged in an odd way.
        return Err(rusqlite::Error::StatementChangedRows(inserted).into());
    }
    let entry = db.last_insert_rowid();
    db.prepare_cached(
        "UPDATE mailbox SET messages = messages + 1, octets = octets + :octets,
             last_entry = :entry WHERE id = :mailbox",
    )?
    .execute(named_params! {":octets": row.octets, ":entry": entry, ":mailbox": mailbox.0})?;
    Ok(EntryId(entry))
}

/// The open mailbox of this name; made if there is none.
pub(super) fn mailbox_named(db: &Connection, name: &MailboxName) -> Result<MailboxId, StoreError> {
    let Some(user) = name.user() else {
        return Ok(MailboxId(UNCLAIMED));
    };
    if let Some(found) = find_open_mailbox(db, user)? {
        return Ok(found);
    }
    db.prepare_cached("INSERT INTO mailbox (user) VALUES (:user)")?
        .execute(named_params! {":user": user})?;
    Ok(MailboxId(db.last_insert_rowid()))
}

pub(super) fn find_open_mailbox(
    db: &Connection,
    user: &str,
) -> Result<Option<MailboxId>, StoreError> {
    let found = db
        .prepare_cached("SELECT id FROM mailbox WHERE user = :user AND sealed_at IS NULL")?
        .query_row(named_params! {":user": user}, |row| row.get(0))
        .optional()?;
    Ok(found.map(MailboxId))
}

/// Marks entries of this mailbox as collected, at this time and age. Those that
/// are already, or gone, are left out. Returns how many were marked.
pub(super) fn collect(
    db: &Connection,
    mailbox: MailboxId,
    entries: &[EntryId],
    collected_at: i64,
    age: i64,
) -> Result<u64, StoreError> {
    let mut mark = db.prepare_cached(
        "UPDATE entry SET collected_at = :at, collected_age = :age
         WHERE id = :entry AND mailbox = :mailbox AND collected_at IS NULL
         RETURNING octets",
    )?;
    let (mut messages, mut octets) = (0_u64, 0_i64);
    for entry in entries {
        let marked: Option<i64> = mark
            .query_row(
                named_params! {
                    ":at": collected_at, ":age": age, ":entry": entry.0, ":mailbox": mailbox.0,
                },
                |row| row.get(0),
            )
            .optional()?;
        if let Some(found) = marked {
            messages += 1;
            octets += found;
        }
    }
    db.prepare_cached(
        "UPDATE mailbox SET messages = messages - :messages, octets = octets - :octets,
             collected_messages = collected_messages + :messages,
             collected_octets = collected_octets + :octets
         WHERE id = :mailbox",
    )?
    .execute(named_params! {
        ":messages": messages as i64, ":octets": octets, ":mailbox": mailbox.0,
    })?;
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::content_octets;

    #[test]
    fn the_octets_of_an_entry_count_the_line_end_that_is_added() {
        let check = |trace: &str, body: &str, expected: u64| {
            let mut tail = [0, 0];
            for octet in body.bytes() {
                tail = [tail[1], octet];
            }
            let found = content_octets(trace.as_bytes(), body.len() as u64, tail);
            assert_eq!(found, expected, "{trace:?} {body:?}");
        };
        check("", "", 0);
        check("A: b\r\n", "", 6);
        check("A: b", "", 6);
        check("A: b\r\n", "c", 9);
        check("A: b\r\n", "c\r\n", 9);
        check("A: b\r\n", "c\n", 10);
        check("A: b\r\n", "\n", 9);
        check("A: b\r\n", "\r\n", 8);
    }
}
