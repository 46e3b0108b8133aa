//! Mail that came to a user before, and is brought here from a file.
//!
//! Each such message is recorded like one of a provider, by what it is known by
//! (its likeness, in place of a unique-id), and for ever: an import that was
//! broken off is run again, and gives each message once. The record belongs to the
//! mailbox, not to the name of its user. What is in the mailbox no more comes back
//! where that is asked for: the record says then which message it is now. What is in
//! the mailbox and has lost its content gets it back ([`super::mended`]).

use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::super::Store;
use super::super::body::Body;
use super::super::change::Urgency;
use super::super::deliver::{self, EntryRow, MessageRow, content_octets, keep_file};
use super::super::error::StoreError;
use super::super::time::{Moment, to_millis};
use super::super::types::{EntryId, MailboxId, Receipt};
use super::deliver::{find_same, note_fetched};
use super::{FetchedId, FetchedKind, FetchedMark, ProviderId};
use crate::mail::QueueId;

/// In place of a provider's host; no host has such a name.
const HOST: &str = "(import)";

/// What is done with a message that was imported before and is in the mailbox no
/// more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It stays away: an import that goes on must not bring what was collected and
    /// swept since.
    LeaveOut,
    /// It comes once more.
    BringBack,
}

/// What became of a message that was brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Brought {
    /// It waits in the mailbox.
    Imported(Receipt),
    /// One like it was imported before, and its entry is in the mailbox. Who sees that
    /// its content cannot be read gives it this one ([`Store::mend_imported`]).
    Here(EntryId),
    /// One like it was imported before, is in the mailbox no more, and stays away.
    Gone,
}

/// The record of a message that was imported before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedBefore {
    pub id: FetchedId,
    pub likeness: [u8; 32],
    /// Its entry is in the mailbox, waiting or collected; of its content that says
    /// nothing.
    pub is_here: bool,
}

/// A mailbox that mail is brought into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The user, when it began.
    pub user: String,
    pub mailbox: MailboxId,
    gone: Gone,
    records: ProviderId,
}

/// A message out of a file.
#[derive(Debug)]
pub struct ImportedMessage {
    /// From [`Store::next_id`].
    pub id: QueueId,
    /// When it was received where it comes from.
    pub received_at: SystemTime,
    /// With its brackets; empty where nothing tells it.
    pub reverse_path: String,
    pub body: Body,
    /// Out of which file, for `postroom why`.
    pub why: String,
    /// By what it is known.
    pub likeness: [u8; 32],
}

impl Store {
    /// Begins to bring mail into the user's mailbox; made if there is none.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn begin_import(
        &self,
        user: &str,
        gone: Gone,
        now: Moment,
    ) -> Result<Import, StoreError> {
        let mailbox = self.open_maildrop(user).await?.mailbox;
        let records = self.provider(HOST, &mailbox.to_string(), now).await?.id;
        Ok(Import {
            user: user.to_owned(),
            mailbox,
            gone,
            records,
        })
    }

    /// What was imported before, oldest first, at most `limit` of those after `after`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn imported_before(
        &self,
        import: &Import,
        after: Option<FetchedId>,
        limit: usize,
    ) -> Result<Vec<ImportedBefore>, StoreError> {
        let (records, mailbox) = (import.records, import.mailbox);
        self.ask(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT id, digest, EXISTS (SELECT 1 FROM entry
                     WHERE entry.message = fetched.message AND mailbox = :mailbox) AS is_here
                 FROM fetched WHERE provider = :provider AND id > :after
                 ORDER BY id LIMIT :limit",
            )?;
            let rows = statement.query_map(
                named_params! {
                    ":provider": records.0,
                    ":mailbox": mailbox.0,
                    ":after": after.map_or(0, |record| record.0),
                    ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
                },
                |row| {
                    Ok(ImportedBefore {
                        id: FetchedId(row.get("id")?),
                        likeness: row.get("digest")?,
                        is_here: row.get("is_here")?,
                    })
                },
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Stores a message and its record in one transaction, and returns once they
    /// are on disk. It waits in the mailbox under a new unique-id. Where one like it
    /// was imported before, nothing may be stored.
    ///
    /// Goes through even if the future is dropped before it is done.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] if the user was removed or renamed since the import
    /// began. Nothing is stored then, nor with the others, with the exception of
    /// [`StoreError::Uncertain`].
    pub async fn deliver_imported(
        &self,
        import: &Import,
        message: &Arc<ImportedMessage>,
        now: Moment,
    ) -> Result<Brought, StoreError> {
        let (import, message) = (import.clone(), Arc::clone(message));
        let octets = message.body.octets_in_row();
        let age = self.clock().age_millis(now);
        let settled = keep_file(&message.body, |made: &Brought| {
            matches!(made, Brought::Imported(_))
        });
        let work = move |db: &Connection| deliver_imported(db, &import, &message, now.wall, age);
        let writer = &self.0.writer;
        writer.change(Urgency::Intake, octets, work, settled).await
    }
}

fn deliver_imported(
    db: &Connection,
    import: &Import,
    message: &ImportedMessage,
    now: SystemTime,
    age: i64,
) -> Result<Brought, StoreError> {
    let mailbox = deliver::find_open_mailbox(db, &import.user)?;
    if mailbox != Some(import.mailbox) {
        return Err(StoreError::NoMailbox(import.user.clone()));
    }
    let mark = FetchedMark {
        provider: import.records,
        unique_id: Some(message.likeness.to_vec()),
        kind: FetchedKind::Message,
        digest: message.likeness,
        octets: None,
    };
    let before = find_same(db, &mark)?;
    if let Some((_, earlier)) = before {
        if let Some(entry) = entry_of(db, import.mailbox, earlier)? {
            return Ok(Brought::Here(entry));
        }
        if import.gone == Gone::LeaveOut {
            return Ok(Brought::Gone);
        }
    }
    let row = MessageRow {
        id: message.id,
        received_at: message.received_at,
        source: "import",
        reverse_path: &message.reverse_path,
        body: &message.body,
    };
    deliver::add_message(db, &row)?;
    let octets = content_octets(&[], message.body.octets(), message.body.tail());
    let entry = EntryRow {
        octets: octets as i64,
        delivered_at: to_millis(now),
        restored_at: None,
        why: &message.why,
        trace: &[],
    };
    deliver::add_entry(db, import.mailbox, message.id.as_u64() as i64, &entry)?;
    match before {
        Some((record, _)) => note_back(db, record, message.id, age)?,
        None => drop(note_fetched(db, &mark, message.id, age)?),
    }
    Ok(Brought::Imported(Receipt::of_commit(
        message.id,
        Vec::new(),
    )))
}

fn entry_of(
    db: &Connection,
    mailbox: MailboxId,
    message: QueueId,
) -> Result<Option<EntryId>, StoreError> {
    let found = db
        .prepare_cached("SELECT id FROM entry WHERE message = :message AND mailbox = :mailbox")?
        .query_row(
            named_params! {":message": message.as_u64() as i64, ":mailbox": mailbox.0},
            |row| row.get(0),
        )
        .optional()?;
    Ok(found.map(EntryId))
}

fn note_back(
    db: &Connection,
    record: FetchedId,
    message: QueueId,
    age: i64,
) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE fetched SET message = :message, fetched_age = :age WHERE id = :id")?
        .execute(named_params! {
            ":message": message.as_u64() as i64, ":age": age, ":id": record.0,
        })?;
    Ok(())
}
