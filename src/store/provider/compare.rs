//! A provider's listing beside the records of what has come from it.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, Row, named_params};

use super::super::error::StoreError;
use super::super::maildrop::count;
use super::super::time::duration_to_millis;
use super::super::types::Receipt;
use super::{Comparison, FetchedId, FetchedKind, KnownMessage, Lost, ProviderId};
use crate::mail::QueueId;

/// How often it is noted that a provider has listed its mailbox. A poll that
/// finds nothing new should not cost a sync each time.
const NOTE_LISTED_EVERY: Duration = Duration::from_secs(60 * 60);

/// What a comparison has to write down.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Not listed any more.
    pub missing: Vec<FetchedId>,
    /// Listed again.
    pub back: Vec<FetchedId>,
    /// That there was a whole listing.
    pub listed: bool,
}

/// A record, as far as a comparison needs it.
struct Known {
    record: FetchedId,
    kind: FetchedKind,
    digest: [u8; 32],
    octets: Option<i64>,
    message: i64,
    fetched_age: i64,
    missing: bool,
    removed: bool,
}

impl Known {
    fn of(row: &Row<'_>) -> rusqlite::Result<Known> {
        let kind: String = row.get("kind")?;
        Ok(Known {
            record: FetchedId(row.get("id")?),
            kind: if kind == FetchedKind::Notice.word() {
                FetchedKind::Notice
            } else {
                FetchedKind::Message
            },
            digest: row.get("digest")?,
            octets: row.get("octets")?,
            message: row.get("message")?,
            fetched_age: row.get("fetched_age")?,
            missing: row.get("missing")?,
            removed: row.get("removed")?,
        })
    }

    /// Running time since it was committed.
    fn age(&self, now: i64) -> Duration {
        Duration::from_millis(count(now.saturating_sub(self.fetched_age)))
    }

    fn message(self, age: i64) -> KnownMessage {
        let message = QueueId::from_u64(count(self.message));
        KnownMessage {
            record: self.record,
            receipt: Receipt::of_commit(message, Vec::new()),
            kind: self.kind,
            digest: self.digest,
            octets: self.octets.map(count),
            age: self.age(age),
            removed: self.removed,
        }
    }
}

/// Reads all records of the provider once, and keeps those that matter.
pub(super) fn compare(
    db: &Connection,
    provider: ProviderId,
    listed: &[Option<Vec<u8>>],
    whole: bool,
    age: i64,
) -> Result<(Comparison, News), StoreError> {
    let places: HashMap<&[u8], usize> = listed
        .iter()
        .enumerate()
        .filter_map(|(place, unique_id)| Some((unique_id.as_deref()?, place)))
        .collect();
    let mut messages: Vec<Option<Box<KnownMessage>>> = listed.iter().map(|_| None).collect();
    let (mut lost, mut nameless, mut news) = (Vec::new(), Vec::new(), News::default());
    let mut statement = db.prepare_cached(
        "SELECT id, unique_id, kind, digest, octets, message, fetched_age,
                missing_age IS NOT NULL AS missing, removed_age IS NOT NULL AS removed
         FROM fetched WHERE provider = :provider ORDER BY id",
    )?;
    let mut rows = statement.query(named_params! {":provider": provider.0})?;
    while let Some(row) = rows.next()? {
        let unique_id = row.get_ref("unique_id")?.as_blob_or_null();
        let unique_id = unique_id.map_err(rusqlite::Error::from)?;
        let place = unique_id.and_then(|it| places.get(it));
        let known = Known::of(row)?;
        if let Some(message) = place.and_then(|place| messages.get_mut(*place)) {
            if known.missing {
                news.back.push(known.record);
            }
            *message = Some(Box::new(known.message(age)));
            continue;
        }
        if !known.removed || unique_id.is_none() {
            lost.push(Lost {
                record: known.record,
                kind: known.kind,
                digest: known.digest,
                age: known.age(age),
                removed: known.removed,
            });
        }
        match unique_id {
            _ if !whole || known.missing => {}
            Some(_) => news.missing.push(known.record),
            None => nameless.push(known.record),
        }
    }
    // Messages without a unique-id may all be there if the listing has so many
    // that are not known. If not, some are gone; the caller recognises the rest.
    let unknown = messages.iter().filter(|message| message.is_none()).count();
    if nameless.len() > unknown {
        news.missing.append(&mut nameless);
    }
    news.listed = whole && (!news.missing.is_empty() || is_to_note(db, provider, age)?);
    Ok((Comparison { messages, lost }, news))
}

fn is_to_note(db: &Connection, provider: ProviderId, age: i64) -> Result<bool, StoreError> {
    let listed_age: Option<i64> = db
        .prepare_cached("SELECT listed_age FROM provider WHERE id = :provider")?
        .query_row(named_params! {":provider": provider.0}, |row| row.get(0))?;
    let since = listed_age.map(|then| age.saturating_sub(then));
    Ok(since.is_none_or(|since| since >= duration_to_millis(NOTE_LISTED_EVERY)))
}

pub(super) fn note_missing(
    db: &Connection,
    records: &[FetchedId],
    age: i64,
) -> Result<(), StoreError> {
    let mut note = db.prepare_cached(
        "UPDATE fetched SET missing_age = :age WHERE id = :id AND missing_age IS NULL",
    )?;
    for record in records {
        note.execute(named_params! {":age": age, ":id": record.0})?;
    }
    Ok(())
}

pub(super) fn note_back(db: &Connection, records: &[FetchedId]) -> Result<(), StoreError> {
    let mut note = db.prepare_cached("UPDATE fetched SET missing_age = NULL WHERE id = :id")?;
    for record in records {
        note.execute(named_params! {":id": record.0})?;
    }
    Ok(())
}

pub(super) fn note_listed(
    db: &Connection,
    provider: ProviderId,
    age: i64,
) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE provider SET listed_age = :age WHERE id = :provider")?
        .execute(named_params! {":age": age, ":provider": provider.0})?;
    Ok(())
}
