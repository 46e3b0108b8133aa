//! Administration: what the hub and the commands ask of the store.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::StoreError;
use super::time::{Moment, from_millis};
use super::types::{
    EntryId, MailRow, MailboxId, MailboxName, MailboxSummary, Part, Reconciled, Record, Unclaimed,
};
use super::{Store, administration, mailboxes};
use crate::mail::QueueId;

/// Questions. All fail only when the database cannot be read, or as they say.
impl Store {
    /// Every mailbox with its totals: users by name, the unclaimed tray first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn mailboxes(&self) -> Result<Vec<MailboxSummary>, StoreError> {
        let mut mailboxes = self.ask(administration::mailboxes).await?;
        for mailbox in &mut mailboxes {
            // What the database has may be behind.
            let last = self.0.logins.last(mailbox.id).map(from_millis);
            mailbox.last_login = last.or(mailbox.last_login);
        }
        Ok(mailboxes)
    }

    /// The mailboxes that none of these users has by name, each with the one who has the
    /// password entry of its owner, and so is the same person; users are given with the
    /// fingerprints of theirs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn renamed(
        &self,
        users: Vec<(String, String)>,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.ask(move |db| mailboxes::renamed(db, &users)).await
    }

    /// Entries of a mailbox, oldest first, at most `limit` of those after
    /// `after`: ask again with the last one to go on.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] if the user has none.
    pub async fn mail(
        &self,
        mailbox: MailboxName,
        part: Part,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<MailRow>, StoreError> {
        let mailbox = self
            .ask(move |db| administration::named(db, &mailbox))
            .await?;
        self.mail_in(mailbox, part, after, limit).await
    }

    /// The same of any mailbox, a sealed one among them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn mail_in(
        &self,
        mailbox: MailboxId,
        part: Part,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<MailRow>, StoreError> {
        let bodies = Arc::clone(&self.0.bodies);
        self.ask(move |db| administration::mail(db, &bodies, mailbox, part, after, limit))
            .await
    }

    /// What the store knows of a message; none if it knows nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn record(&self, id: QueueId) -> Result<Option<Record>, StoreError> {
        self.ask(move |db| administration::record(db, id)).await
    }
}

/// Changes. Each is one transaction.
impl Store {
    /// Brings back what the user has collected since then and the sweep has
    /// left: new entries with new unique-ids take the place of the old ones, so
    /// doing it twice doubles nothing. Returns which.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] if the user has none.
    pub async fn restore(
        &self,
        user: &str,
        since: SystemTime,
        now: SystemTime,
    ) -> Result<Vec<QueueId>, StoreError> {
        let user = user.to_owned();
        self.0
            .writer
            .upkeep(move |db| administration::restore(db, &user, since, now))
            .await
    }

    /// Removes a message from all mailboxes, for good. Returns from how many.
    ///
    /// # Errors
    /// [`StoreError::NoMessage`] if there is none.
    pub async fn erase(&self, id: QueueId) -> Result<u64, StoreError> {
        let removed = self.remove(move |db| administration::erase(db, id)).await?;
        Ok(removed.entries)
    }

    /// Gives an unclaimed message, or one from a sealed mailbox, to a user:
    /// with the trace it has, and `why` as the reason.
    ///
    /// # Errors
    /// [`StoreError::NoMessage`], [`StoreError::NotToGive`],
    /// [`StoreError::AlreadyThere`].
    pub async fn give(
        &self,
        id: QueueId,
        user: &str,
        why: &str,
        now: Moment,
    ) -> Result<EntryId, StoreError> {
        let (user, why) = (user.to_owned(), why.to_owned());
        let age = self.clock().age_millis(now);
        self.0
            .writer
            .upkeep(move |db| administration::give(db, id, &user, &why, now.wall, age))
            .await
    }

    /// Removes unclaimed mail for good. Returns the messages that are gone with
    /// it: those that were not given to anybody before.
    ///
    /// # Errors
    /// [`StoreError::NoMessage`] if the message named is not unclaimed.
    pub async fn delete_unclaimed(&self, which: Unclaimed) -> Result<Vec<QueueId>, StoreError> {
        let removed = self
            .remove(move |db| administration::delete_unclaimed(db, which))
            .await?;
        Ok(removed.messages)
    }

    /// Removes what removed users of this name left, for good, some at a time, so
    /// that mail comes between. What lies in another mailbox as well stays there.
    /// Returns how many entries are gone, and the messages that went with them.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] if no mailbox of this name is sealed. What was
    /// removed before an error stays removed.
    pub async fn erase_sealed(&self, user: &str) -> Result<(u64, Vec<QueueId>), StoreError> {
        let (mut entries, mut messages) = (0, Vec::new());
        loop {
            let user = user.to_owned();
            let removed = self
                .remove(move |db| administration::erase_sealed(db, &user))
                .await?;
            entries += removed.entries;
            messages.extend(removed.messages);
            if removed.entries == 0 {
                return Ok((entries, messages));
            }
        }
    }

    /// Closes a removed user's mailbox: a new user of that name starts empty.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] if the user has none.
    pub async fn seal(&self, user: &str, now: SystemTime) -> Result<MailboxId, StoreError> {
        let user = user.to_owned();
        self.0
            .writer
            .upkeep(move |db| mailboxes::seal(db, &user, now))
            .await
    }

    /// Gives a user's mailbox to the user's new name. A mailbox of that name
    /// is joined to it if it has the same password entry, and sealed if the
    /// directory does not list its user.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`]; [`StoreError::MailboxInUse`] if the new name
    /// has any other mailbox that holds anything.
    pub async fn rename(
        &self,
        old: &str,
        new: &str,
        now: SystemTime,
    ) -> Result<MailboxId, StoreError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.0
            .writer
            .upkeep(move |db| mailboxes::rename(db, &old, &new, now))
            .await
    }

    /// As [`Store::rename`], if the mailbox belongs to whoever has this password
    /// entry: the directory had the new name before, so that it does not say who
    /// the old one was.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] also for another person's.
    pub async fn rename_person(
        &self,
        old: &str,
        new: &str,
        fingerprint: &str,
        now: SystemTime,
    ) -> Result<MailboxId, StoreError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        let fingerprint = fingerprint.to_owned();
        self.0
            .writer
            .upkeep(move |db| mailboxes::rename_person(db, &old, &new, &fingerprint, now))
            .await
    }

    /// Has the mailbox of somebody who is not in the directory wait for a new
    /// password entry, of the same person, under this name.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`].
    pub async fn expect_back(
        &self,
        old: &str,
        new: &str,
        fingerprint: &str,
    ) -> Result<MailboxId, StoreError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        let fingerprint = fingerprint.to_owned();
        self.0
            .writer
            .upkeep(move |db| mailboxes::expect_back(db, &old, &new, &fingerprint))
            .await
    }

    /// Tells the store who is in the directory: each user with the fingerprint
    /// of the password entry, and all addresses. To be called at the start and
    /// after every change of the directory.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the directory has no users, but the store
    /// has mailboxes.
    pub async fn reconcile(
        &self,
        users: &[(String, String)],
        addresses: &[String],
        now: Moment,
    ) -> Result<Reconciled, StoreError> {
        let (users, addresses) = (users.to_vec(), addresses.to_vec());
        let age = self.clock().age_millis(now);
        self.0
            .writer
            .upkeep(move |db| mailboxes::reconcile(db, &users, &addresses, now.wall, age))
            .await
    }

    /// How long hubs on this store have been running: the clock that
    /// [`Reconciled::departed`] goes by, which never jumps.
    pub fn running_time(&self, now: Moment) -> Duration {
        super::time::from_age(self.clock().age_millis(now))
    }
}
