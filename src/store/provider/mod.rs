//! What the store knows of providers: which of their messages have come.
//!
//! A message and the unique-id that its provider gave it are committed
//! together, so it comes once. The record outlives the message: it goes when
//! the provider has not listed it for a while, since some servers list badly
//! once. Ages are on the running clock.
//!
//! Called by `delivery` and by the one poll that an account has at a time.

mod compare;
mod deliver;
mod forget;
mod imported;
mod mended;

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, named_params};

use super::Store;
use super::body::Body;
use super::change::Urgency;
use super::deliver::{MessageRow, keep_file};
use super::error::StoreError;
use super::time::Moment;
use super::time::duration_to_millis;
use super::types::{MailboxName, NewEntry, Receipt};
use crate::mail::QueueId;
use deliver::Taken;

pub use imported::{Brought, Gone, Import, ImportedBefore, ImportedMessage};

pub(super) use forget::forget;

/// Records changed in one transaction, so that arriving mail never waits long.
const STEP_RECORDS: usize = 1000;

/// One mailbox of one provider, known by host and user for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(pub(super) i64);

/// The record of one message that came from a provider. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchedId(pub(super) i64);

/// How long a provider is polled in lock-step.
const LOCK_STEP_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What was learnt of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownProvider {
    pub id: ProviderId,
    /// It has forgotten commands that were sent together, within 30 days.
    pub lock_step: bool,
}

/// What was committed for a message of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchedKind {
    Message,
    /// The addressee was told of it: it is too large. The message itself never came.
    Notice,
}

impl FetchedKind {
    const fn word(self) -> &'static str {
        match self {
            FetchedKind::Message => "message",
            FetchedKind::Notice => "notice",
        }
    }
}

/// A listed message that has come already.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownMessage {
    pub record: FetchedId,
    /// With which it may be removed at the provider.
    pub receipt: Receipt,
    pub kind: FetchedKind,
    pub digest: [u8; 32],
    /// As the provider listed it then.
    pub octets: Option<u64>,
    /// Running time since it was committed.
    pub age: Duration,
    /// The provider has confirmed its removal before, and lists it again.
    pub removed: bool,
}

/// What has come and is not listed: it may be there under another unique-id, or
/// without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    pub record: FetchedId,
    pub kind: FetchedKind,
    pub digest: [u8; 32],
    /// Running time since it was committed.
    pub age: Duration,
    /// It has no unique-id, and its removal was confirmed. What was removed under
    /// a unique-id is known again by that.
    pub removed: bool,
}

/// A listing beside what is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Comparison {
    /// One for each listed message, in order; none: its unique-id is not known.
    /// Boxed, because of a million messages that are new none is known.
    pub messages: Vec<Option<Box<KnownMessage>>>,
    /// Oldest first.
    pub lost: Vec<Lost>,
}

/// By what a message of a provider is to be known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedMark {
    pub provider: ProviderId,
    /// None if the provider tells none that names this message alone.
    pub unique_id: Option<Vec<u8>>,
    pub kind: FetchedKind,
    pub digest: [u8; 32],
    /// As the provider lists it.
    pub octets: Option<u64>,
}

/// Copies of a message that came within 30 days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EarlierCopies {
    pub copies: usize,
    /// Who has got one of them.
    pub users: Vec<String>,
}

/// A message to deliver whose entries are still to be decided.
#[derive(Debug)]
pub struct FetchedMessage {
    /// From [`super::Store::next_id`].
    pub id: QueueId,
    pub received_at: SystemTime,
    /// The account, as the log names it.
    pub source: String,
    /// With its brackets: "<>" or "<a@b.example>".
    pub reverse_path: String,
    pub body: Body,
}

impl FetchedMessage {
    fn row(&self) -> MessageRow<'_> {
        MessageRow {
            id: self.id,
            received_at: self.received_at,
            source: &self.source,
            reverse_path: &self.reverse_path,
            body: &self.body,
        }
    }
}

/// A message that is committed, or a duplicate that is noted as one.
#[derive(Debug, PartialEq, Eq)]
pub struct FetchedDelivery {
    /// Of this message; of the earlier one, if this is a duplicate.
    pub receipt: Receipt,
    pub record: FetchedId,
    /// Where it went, and why; empty: a duplicate, nothing was stored.
    pub entries: Vec<(MailboxName, String)>,
}

/// What is known of providers.
impl Store {
    /// The account that is kept for this host and user; made if there is none.
    /// A host is the same in upper and lower case.
    ///
    /// # Errors
    /// When the database cannot be read, or not be written for a new one.
    pub async fn provider(
        &self,
        host: &str,
        user: &str,
        now: Moment,
    ) -> Result<KnownProvider, StoreError> {
        let age = self.clock().age_millis(now);
        let (host, user) = (host.to_ascii_lowercase(), user.to_owned());
        let (same_host, same_user) = (host.clone(), user.clone());
        let found = self
            .ask(move |db| find_provider(db, &same_host, &same_user, age))
            .await?;
        match found {
            Some(provider) => Ok(provider),
            None => {
                let make = move |db: &Connection| make_provider(db, &host, &user, age);
                self.0.writer.upkeep(make).await
            }
        }
    }

    /// Remembers for 30 days of running time that this provider forgets commands
    /// that are sent together. Not for ever: a line that was dead for a moment
    /// looks the same.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_lock_step(&self, provider: ProviderId, now: Moment) -> Result<(), StoreError> {
        let age = self.clock().age_millis(now);
        self.0
            .writer
            .upkeep(move |db| {
                db.prepare_cached("UPDATE provider SET lock_step_age = :age WHERE id = :id")?
                    .execute(named_params! {":id": provider.0, ":age": age})?;
                Ok(())
            })
            .await
    }

    /// Compares what the provider lists with what has come. `listed`: the
    /// unique-id of each message, none where it has none that names it alone.
    /// `whole`: the mailbox holds nothing else; only then is a known message
    /// noted as missing. Writes only when something has changed.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn compare_listing(
        &self,
        provider: ProviderId,
        listed: Vec<Option<Vec<u8>>>,
        whole: bool,
        now: Moment,
    ) -> Result<Comparison, StoreError> {
        let age = self.clock().age_millis(now);
        let (comparison, news) = self
            .ask(move |db| compare::compare(db, provider, &listed, whole, age))
            .await?;
        for missing in chunks(news.missing) {
            self.0
                .writer
                .upkeep(move |db| compare::note_missing(db, &missing, age))
                .await?;
        }
        for back in chunks(news.back) {
            self.0
                .writer
                .upkeep(move |db| compare::note_back(db, &back))
                .await?;
        }
        // Last: what is forgotten must have been missing in this listing too.
        if news.listed {
            self.0
                .writer
                .upkeep(move |db| compare::note_listed(db, provider, age))
                .await?;
        }
        Ok(comparison)
    }

    /// A message that is known came under another unique-id, or is listed with
    /// another size: its record gets them, and is neither missing nor removed.
    /// Writes only when that changes something.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the record is forgotten.
    pub async fn recognise(
        &self,
        record: FetchedId,
        unique_id: Option<Vec<u8>>,
        octets: Option<u64>,
    ) -> Result<Receipt, StoreError> {
        let asked = unique_id.clone();
        let same = self
            .ask(move |db| deliver::is_recorded(db, record, asked.as_deref(), octets))
            .await?;
        let message = match same {
            Some(message) => message,
            None => {
                let work = move |db: &Connection| {
                    deliver::recognise(db, record, unique_id.as_deref(), octets)
                };
                self.0.writer.upkeep(work).await?
            }
        };
        Ok(Receipt::of_commit(message, Vec::new()))
    }

    /// The provider has confirmed that these are removed there. Some do and
    /// list them again, so that the records stay for a while.
    ///
    /// # Errors
    /// When the database cannot be written; then the next poll finds them known.
    pub async fn removed_at_provider(
        &self,
        records: Vec<FetchedId>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let age = self.clock().age_millis(now);
        for records in chunks(records) {
            self.0
                .writer
                .upkeep(move |db| forget::note_removed(db, &records, age))
                .await?;
        }
        Ok(())
    }
}

/// Mail in from a provider.
impl Store {
    /// Stores a message, its entries and its record in one transaction, and
    /// returns once they are on disk. A record of the same unique-id makes way;
    /// but the same octets under the same unique-id are the same message, which
    /// is stored once.
    ///
    /// `entries` decides inside the transaction, so of two copies that arrive
    /// together one sees the other. It is told the earlier copies of the digest
    /// `copy`; none without one. It may be asked again after a batch was rolled
    /// back, and must answer alike. Its `None` means a duplicate: no message is
    /// stored, and the receipt is the earlier one's. What is for a user without
    /// an open mailbox is unclaimed.
    ///
    /// Goes through even if the future is dropped before it is done.
    ///
    /// # Errors
    /// Nothing is stored then, with the exception of [`StoreError::Uncertain`].
    pub async fn deliver_fetched<E>(
        &self,
        message: FetchedMessage,
        mark: FetchedMark,
        copy: Option<[u8; 32]>,
        now: Moment,
        mut entries: E,
    ) -> Result<FetchedDelivery, StoreError>
    where
        E: FnMut(&EarlierCopies) -> Option<Vec<NewEntry>> + Send + 'static,
    {
        let age = self.clock().age_millis(now);
        let octets = message.body.octets_in_row();
        let settled = keep_file(&message.body, |taken: &Taken| !taken.is_duplicate());
        let work = move |db: &Connection| {
            deliver::deliver(db, &message.row(), &mark, copy, age, &mut entries)
        };
        let writer = &self.0.writer;
        let taken = writer
            .change(Urgency::Intake, octets, work, settled)
            .await?;
        Ok(FetchedDelivery {
            receipt: Receipt::of_commit(taken.message, taken.delivered.without_mailbox),
            record: taken.record,
            entries: taken.delivered.entries,
        })
    }
}

fn find_provider(
    db: &Connection,
    host: &str,
    user: &str,
    age: i64,
) -> Result<Option<KnownProvider>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT id, lock_step_age FROM provider WHERE host = :host AND user = :user",
        )?
        .query_row(named_params! {":host": host, ":user": user}, |row| {
            let since: Option<i64> = row.get("lock_step_age")?;
            let over = age.saturating_sub(duration_to_millis(LOCK_STEP_KEPT));
            Ok(KnownProvider {
                id: ProviderId(row.get("id")?),
                lock_step: since.is_some_and(|since| since > over),
            })
        })
        .optional()?;
    Ok(found)
}

fn make_provider(
    db: &Connection,
    host: &str,
    user: &str,
    age: i64,
) -> Result<KnownProvider, StoreError> {
    // Somebody else may have made it since it was looked for.
    if let Some(found) = find_provider(db, host, user, age)? {
        return Ok(found);
    }
    db.prepare_cached("INSERT INTO provider (host, user) VALUES (:host, :user)")?
        .execute(named_params! {":host": host, ":user": user})?;
    Ok(KnownProvider {
        id: ProviderId(db.last_insert_rowid()),
        lock_step: false,
    })
}

fn chunks(records: Vec<FetchedId>) -> Vec<Vec<FetchedId>> {
    records
        .chunks(STEP_RECORDS)
        .map(<[FetchedId]>::to_vec)
        .collect()
}
