//! When each mailbox was last opened by its PC: kept in memory, saved on the way.
//!
//! PCs poll every minute, and an SD card counts its writes: a log-in writes
//! nothing. Its time rides along with the next commit that happens anyway, at
//! most once an hour for each mailbox, and once more when the store ends. A crash
//! takes back an hour at most, of what nobody was promised.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, named_params};

use super::error::StoreError;
use super::types::MailboxId;

/// A later time is saved when the saved one is so old, in milliseconds.
const SAVE_AFTER_MILLIS: u64 = 60 * 60 * 1000;

/// A mailbox and when it was last opened, in milliseconds since 1970.
pub(super) type Login = (MailboxId, i64);

/// The last log-ins of all mailboxes.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    last: HashMap<MailboxId, i64>,
    saved: HashMap<MailboxId, i64>,
    /// Those to go with the next commit.
    due: HashMap<MailboxId, i64>,
}

impl Logins {
    /// As the database has them.
    pub fn read(db: &Connection) -> rusqlite::Result<Logins> {
        let saved: HashMap<MailboxId, i64> = db
            .prepare("SELECT id, last_login FROM mailbox WHERE last_login IS NOT NULL")?
            .query_map([], |row| Ok((MailboxId(row.get(0)?), row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(Logins(Mutex::new(Known {
            last: saved.clone(),
            saved,
            due: HashMap::new(),
        })))
    }

    /// A PC has opened the mailbox.
    pub fn note(&self, mailbox: MailboxId, at_millis: i64) {
        let mut known = self.known();
        known.last.insert(mailbox, at_millis);
        let saved = known.saved.get(&mailbox);
        // A clock that was set back is no reason to keep what it said before.
        if saved.is_none_or(|saved| at_millis.abs_diff(*saved) >= SAVE_AFTER_MILLIS) {
            known.due.insert(mailbox, at_millis);
        }
    }

    /// When it was last opened.
    pub fn last(&self, mailbox: MailboxId) -> Option<i64> {
        self.known().last.get(&mailbox).copied()
    }

    /// What is to go with the next commit.
    pub fn due(&self) -> Vec<Login> {
        let known = self.known();
        known.due.iter().map(|(id, at)| (*id, *at)).collect()
    }

    /// What a store that ends has to save: all that the database does not have.
    pub fn unsaved(&self) -> Vec<Login> {
        let known = self.known();
        let unsaved = |(id, at): &(&MailboxId, &i64)| known.saved.get(id) != Some(at);
        known
            .last
            .iter()
            .filter(unsaved)
            .map(|(id, at)| (*id, *at))
            .collect()
    }

    /// These are committed.
    pub fn saved(&self, logins: &[Login]) {
        let mut known = self.known();
        for (id, at) in logins {
            known.saved.insert(*id, *at);
            known.due.remove(id);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes them, inside a transaction. A mailbox that is gone has none.
pub(super) fn save(db: &Connection, logins: &[Login]) -> Result<(), StoreError> {
    for (id, at) in logins {
        db.prepare_cached("UPDATE mailbox SET last_login = :at WHERE id = :id")?
            .execute(named_params! {":at": at, ":id": id.0})?;
    }
    Ok(())
}
