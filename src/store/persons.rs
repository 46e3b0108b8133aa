//! A database that comes back beside a directory which has gone on without it: whose is
//! which mailbox now?
//!
//! While a store is in use a changed password is a changed password, for whoever goes is
//! noted when he goes. A backup knows nothing of who went since: a name that has another
//! password entry here may be another person, who must not get the mail of the one
//! before (promise 9). Only a person can tell, so a person is asked.
//!
//! Called by `backup`, with the unpacked database of a restore, before it is in place.

use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use rusqlite::Connection;

use super::error::{OpenError, StoreError};
use super::mailboxes::{
    OpenMailbox, OpenMailboxes, belong_to, has_entry, miss, same_name, seal_mailbox,
};
use super::snapshot::{failed, open_copy};

/// Who has a name now that somebody with another password entry had then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// Who had it then: gets the mail.
    Same,
    /// Somebody else: the mail stays sealed.
    Other,
}

/// What came of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Persons {
    /// Each mailbox has the one whose it is.
    Settled(Settled),
    /// Nobody has said of these names whose they are. Nothing is changed.
    Undecided(Vec<String>),
    /// Somebody has said it of these, of which it is no question. Nothing is changed.
    NotAsked(Vec<String>),
}

/// The names whose mail does not simply come back to whoever has the name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Somebody else has the name now.
    pub sealed: Vec<String>,
    /// … and who had it then has another one: it goes along.
    pub renamed: Vec<(String, String)>,
    /// Nobody here has it; and who here has the same password entry, if somebody does.
    pub waiting: Vec<(String, Option<String>)>,
}

/// Brings the mailboxes of a database that no hub uses together with the users of a
/// directory, each with the fingerprint of the password entry. What has the same one is
/// the same person's; what nobody here has waits, as after a user has gone from the
/// directory; what is sealed stays sealed. A mailbox without mail is no question.
/// Blocking; what was changed is synced.
///
/// # Errors
/// The database cannot be read or written.
pub fn settle_persons(
    database: &Path,
    users: &[(String, String)],
    words: &[(String, Person)],
    now: SystemTime,
) -> Result<Persons, OpenError> {
    let mut db = open_copy(database).map_err(OpenError::database(database))?;
    let persons = settle(&mut db, users, words, now).map_err(OpenError::Database)?;
    db.close()
        .map_err(|(_, error)| OpenError::database(database)(error))?;
    let synced = File::open(database).and_then(|file| file.sync_all());
    synced.map_err(failed("sync", database))?;
    Ok(persons)
}

fn settle(
    db: &mut Connection,
    users: &[(String, String)],
    words: &[(String, Person)],
    now: SystemTime,
) -> Result<Persons, StoreError> {
    // Dropped without a commit, it has changed nothing.
    let change = db.transaction()?;
    let mut open = OpenMailboxes::read(&change)?;
    let mut words: Vec<&(String, Person)> = words.iter().collect();
    let mut settled = Settled::default();
    let mut undecided = Vec::new();
    for (user, fingerprint) in users {
        let Some(mailbox) = open.take(user) else {
            continue;
        };
        let is_same = mailbox.fingerprint.as_deref() == Some(fingerprint);
        if is_same || mailbox.is_empty {
            continue;
        }
        let word = words.iter().position(|(name, _)| same_name(name, user));
        match word.map(|place| words.swap_remove(place).1) {
            Some(Person::Same) => belong_to(&change, mailbox.id, user, fingerprint)?,
            Some(Person::Other) => match heir(&change, &mailbox, users)? {
                Some((heir, fingerprint)) => {
                    belong_to(&change, mailbox.id, heir, fingerprint)?;
                    settled.renamed.push((mailbox.user, heir.clone()));
                }
                None => {
                    seal_mailbox(&change, mailbox.id, now)?;
                    settled.sealed.push(user.clone());
                }
            },
            None => undecided.push(user.clone()),
        }
    }
    if !words.is_empty() {
        let names = words.into_iter().map(|(name, _)| name.clone());
        return Ok(Persons::NotAsked(names.collect()));
    }
    if !undecided.is_empty() {
        return Ok(Persons::Undecided(undecided));
    }
    for mailbox in open.rest() {
        if !mailbox.missing {
            miss(&change, mailbox.id, now)?;
        }
        if !mailbox.is_empty {
            let renamed = has_entry(&mailbox, users).next();
            let renamed = renamed.map(|(name, _)| name.clone());
            settled.waiting.push((mailbox.user, renamed));
        }
    }
    change.commit()?;
    Ok(Persons::Settled(settled))
}

/// Who had the mailbox then and has another name now. Not who has a mailbox of that name already.
fn heir<'a>(
    db: &Connection,
    mailbox: &OpenMailbox,
    users: &'a [(String, String)],
) -> Result<Option<&'a (String, String)>, StoreError> {
    let mut heirs = has_entry(mailbox, users);
    let (Some(heir), None) = (heirs.next(), heirs.next()) else {
        return Ok(None);
    };
    let has_mailbox = OpenMailboxes::read(db)?.has(&heir.0);
    Ok((!has_mailbox).then_some(heir))
}
