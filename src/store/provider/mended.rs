//! A message whose content is lost gets it back, out of the file that it came from.
//!
//! The entries stay what they are, with their unique-ids, waiting or collected: no PC
//! gets the message a second time, and none is there twice if the lost file is found.

use std::sync::Arc;

use async_channel::Receiver;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::super::Store;
use super::super::body::{self, Body};
use super::super::change::{Outcome, Urgency};
use super::super::deliver::{content_octets, keep_file};
use super::super::error::StoreError;
use super::super::maildrop::count;
use super::super::types::{EntryId, MailboxId, Receipt};
use super::imported::{Import, ImportedMessage};
use crate::mail::QueueId;

/// What a change of content did.
struct Mended {
    message: QueueId,
    /// The file that no row names any more.
    file: Option<String>,
    /// Hears when that is removed.
    unlinked: Option<Receiver<()>>,
}

impl Store {
    /// Puts this content in place of what the entry's message has, and returns once it
    /// is on disk. For a message that [`Store::deliver_imported`] found here, and whose
    /// content cannot be read. `None`: the entry is gone, and nothing was stored.
    ///
    /// # Errors
    /// When the database cannot be written. Nothing is stored then, with the exception
    /// of [`StoreError::Uncertain`].
    pub async fn mend_imported(
        &self,
        import: &Import,
        entry: EntryId,
        message: &Arc<ImportedMessage>,
    ) -> Result<Option<Receipt>, StoreError> {
        let (mailbox, message) = (import.mailbox, Arc::clone(message));
        let octets = message.body.octets_in_row();
        let keep = keep_file(&message.body, Option::is_some);
        let (files, bodies) = (self.0.files.queue(), self.0.bodies.clone());
        let settled = move |mut outcome: Outcome<'_, Option<Mended>>| {
            if let Outcome::Committed(Some(mended)) = &mut outcome {
                let file = mended.file.take().into_iter().collect();
                mended.unlinked = body::remove_files(&files, &bodies, file);
            }
            keep(outcome);
        };
        let work = move |db: &Connection| mend(db, mailbox, entry, &message.body);
        let writer = &self.0.writer;
        let mended = writer
            .change(Urgency::Intake, octets, work, settled)
            .await?;
        let Some(mended) = mended else {
            return Ok(None);
        };
        if let Some(unlinked) = mended.unlinked {
            // Closed instead of answered: the store ends, the next start removes it.
            let _ = unlinked.recv().await;
        }
        Ok(Some(Receipt::of_commit(mended.message, Vec::new())))
    }
}

fn mend(
    db: &Connection,
    mailbox: MailboxId,
    entry: EntryId,
    content: &Body,
) -> Result<Option<Mended>, StoreError> {
    let found: Option<(i64, Option<String>)> = db
        .prepare_cached(
            "SELECT message.id, body_file FROM message JOIN entry ON entry.message = message.id
             WHERE entry.id = :entry AND mailbox = :mailbox",
        )?
        .query_row(
            named_params! {":entry": entry.0, ":mailbox": mailbox.0},
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((message, file)) = found else {
        return Ok(None);
    };
    let (body_file, body) = content.columns();
    db.prepare_cached(
        "UPDATE message SET octets = :octets, body_file = :body_file, body = :body WHERE id = :id",
    )?
    .execute(named_params! {
        ":octets": content.octets() as i64,
        ":body_file": body_file,
        ":body": body,
        ":id": message,
    })?;
    measure_entries(db, message, content)?;
    Ok(Some(Mended {
        message: QueueId::from_u64(count(message)),
        file,
        unlinked: None,
    }))
}

/// One like it is known by, not equal to it: a line at its end, a program's own field
/// may be in one and not in the other.
fn measure_entries(db: &Connection, message: i64, content: &Body) -> Result<(), StoreError> {
    let mut entries = db.prepare_cached(
        "SELECT id, mailbox, octets, trace, collected_at IS NULL AS waits FROM entry
         WHERE message = :message",
    )?;
    let mut rows = entries.query(named_params! {":message": message})?;
    let mut changed = Vec::new();
    while let Some(row) = rows.next()? {
        let trace: Vec<u8> = row.get("trace")?;
        let octets = content_octets(&trace, content.octets(), content.tail()) as i64;
        let more = octets - row.get::<_, i64>("octets")?;
        if more != 0 {
            let (entry, mailbox): (i64, i64) = (row.get("id")?, row.get("mailbox")?);
            changed.push((entry, mailbox, more, row.get::<_, bool>("waits")?));
        }
    }
    for (entry, mailbox, more, waits) in changed {
        db.prepare_cached("UPDATE entry SET octets = octets + :more WHERE id = :entry")?
            .execute(named_params! {":more": more, ":entry": entry})?;
        let totals = match waits {
            true => "UPDATE mailbox SET octets = octets + :more WHERE id = :mailbox",
            false => {
                "UPDATE mailbox SET collected_octets = collected_octets + :more WHERE id = :mailbox"
            }
        };
        db.prepare_cached(totals)?
            .execute(named_params! {":more": more, ":mailbox": mailbox})?;
    }
    Ok(())
}
