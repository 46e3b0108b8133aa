//! What the sessions of PCs ask of the store.

use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::Connection;

use super::maildrop::{self, MessageReader};
use super::{
    EntryId, MailboxId, Maildrop, Moment, Scan, Store, StoreError, deliver, mailboxes, time,
};

/// Maildrops.
impl Store {
    /// A user's mailbox as it is now. Reads one row, whatever the mailbox holds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_maildrop(&self, user: &str) -> Result<Maildrop, StoreError> {
        let name = user.to_owned();
        let found = self.ask(move |db| maildrop::open(db, &name)).await?;
        if let Some(maildrop) = found {
            return Ok(maildrop);
        }
        let name = user.to_owned();
        let made = move |db: &Connection| mailboxes::open_for(db, &name);
        Ok(Maildrop {
            mailbox: self.0.writer.upkeep(made).await?,
            messages: 0,
            octets: 0,
            up_to: EntryId(0),
        })
    }

    /// A PC has opened the maildrop, at this time. Writes nothing: it is saved with
    /// the next commit, at most once an hour.
    pub fn note_login(&self, maildrop: &Maildrop, at: SystemTime) {
        self.0.logins.note(maildrop.mailbox, time::to_millis(at));
    }

    /// The entries of the maildrop, oldest first; their places are the
    /// message-numbers.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn listing(&self, maildrop: &Maildrop) -> Result<Vec<Scan>, StoreError> {
        let maildrop = *maildrop;
        self.ask(move |db| maildrop::listing(db, &maildrop)).await
    }

    /// Opens one message for reading.
    ///
    /// # Errors
    /// [`StoreError::BodyMissing`], [`StoreError::BodyDamaged`] and
    /// [`StoreError::BodyUnreadable`] are about this message only; [`StoreError::NoEntry`] if it was erased.
    pub async fn open_message(&self, entry: EntryId) -> Result<MessageReader, StoreError> {
        let bodies = Arc::clone(&self.0.bodies);
        let opened = self
            .ask(move |db| maildrop::open_message(db, &bodies, entry))
            .await;
        // Erased since its row was read: the file goes after the commit.
        if matches!(&opened, Err(StoreError::BodyMissing(..)))
            && !self.ask(move |db| maildrop::has_entry(db, entry)).await?
        {
            return Err(StoreError::NoEntry);
        }
        if let Err(
            error @ (StoreError::BodyMissing(..)
            | StoreError::BodyDamaged { .. }
            | StoreError::BodyUnreadable { .. }),
        ) = &opened
        {
            self.0.counters.note_error(error);
        }
        Ok(MessageReader::new(self.readers(), opened?))
    }

    /// QUIT: marks these entries of the mailbox as collected, all or none.
    /// Returns how many were marked; those that are gone or marked already are
    /// left out.
    ///
    /// # Errors
    /// When it could not be committed: the messages are all still there.
    pub async fn collect(
        &self,
        mailbox: MailboxId,
        entries: Vec<EntryId>,
        now: Moment,
    ) -> Result<u64, StoreError> {
        let age = self.clock().age_millis(now);
        let at = time::to_millis(now.wall);
        self.0
            .writer
            .upkeep(move |db| deliver::collect(db, mailbox, &entries, at, age))
            .await
    }
}
