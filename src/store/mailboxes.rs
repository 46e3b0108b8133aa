//! Whose mailbox is whose: the directory and the mailboxes are brought together.
//!
//! A mailbox belongs to its id, not to a name. A name that leaves the directory
//! leaves its mailbox waiting: the file may be half-written. If the name comes
//! back with the password entry it had, it is the same person; with another
//! one it is somebody else, so the old mailbox is sealed and a new one is empty.
//! The case of a name never matters, to people and on the wire: a mailbox has the
//! name as the directory writes it.
//!
//! Runs on the writer's thread, inside a transaction.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, named_params};

use super::deliver::{find_open_mailbox, mailbox_named};
use super::error::StoreError;
use super::time::{duration_to_millis, from_age, to_millis};
use super::types::{MailboxId, MailboxName, Reconciled};

/// How long an address that has left the directory is remembered: promise 9,
/// senders are told to try again for an hour.
const DEPARTED_FOR: Duration = Duration::from_secs(60 * 60);

pub(super) struct OpenMailbox {
    pub id: i64,
    /// As it is written in the store.
    pub user: String,
    pub fingerprint: Option<String>,
    pub missing: bool,
    /// Neither waits anything in it nor is anything restorable.
    pub is_empty: bool,
}

/// The mailboxes that somebody has or waits for, by their names.
pub(super) struct OpenMailboxes(HashMap<String, OpenMailbox>);

/// Compares the directory with what the store knows, and notes the differences.
pub(super) fn reconcile(
    db: &Connection,
    users: &[(String, String)],
    addresses: &[String],
    now: SystemTime,
    age_millis: i64,
) -> Result<Reconciled, StoreError> {
    let mut open = OpenMailboxes::read(db)?;
    if users.is_empty() && !open.0.is_empty() {
        return Err(StoreError::Refused(
            "the directory lists no users at all, but there are mailboxes",
        ));
    }
    let mut done = Reconciled::default();
    for (user, fingerprint) in users {
        match open.take(user) {
            Some(mailbox) => meet_again(db, user, fingerprint, &mailbox, now, &mut done)?,
            None => {
                start_empty(db, user, fingerprint)?;
                done.created.push(user.clone());
            }
        }
    }
    for mailbox in open.rest().into_iter().filter(|found| !found.missing) {
        miss(db, mailbox.id, now)?;
        done.missing.push(mailbox.user);
    }
    reconcile_addresses(db, addresses, age_millis, &mut done)?;
    Ok(done)
}

impl OpenMailboxes {
    pub fn read(db: &Connection) -> Result<OpenMailboxes, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT user, id, fingerprint, missing_since IS NOT NULL AS missing,
                 messages = 0 AND collected_messages = 0 AS is_empty FROM mailbox
             WHERE sealed_at IS NULL AND user IS NOT NULL",
        )?;
        let rows = statement.query_map([], |row| {
            let mailbox = OpenMailbox {
                id: row.get("id")?,
                user: row.get("user")?,
                fingerprint: row.get("fingerprint")?,
                missing: row.get("missing")?,
                is_empty: row.get("is_empty")?,
            };
            Ok((mailbox.user.clone(), mailbox))
        })?;
        Ok(OpenMailboxes(rows.collect::<Result<_, _>>()?))
    }

    /// The one of this name, in whatever case that is written.
    pub fn take(&mut self, user: &str) -> Option<OpenMailbox> {
        self.0.remove(user).or_else(|| {
            let mut names = self.0.keys();
            let other_case = names.find(|name| same_name(name, user))?.clone();
            self.0.remove(&other_case)
        })
    }

    /// Whether there is one of this name.
    pub fn has(&self, user: &str) -> bool {
        self.0.keys().any(|name| same_name(name, user))
    }

    /// Those that are left, by their names.
    pub fn rest(self) -> Vec<OpenMailbox> {
        let mut rest: Vec<OpenMailbox> = self.0.into_values().collect();
        rest.sort_by(|one, other| one.user.cmp(&other.user));
        rest
    }
}

/// Who has another name now: of the mailboxes that nobody of a directory has, those whose
/// password entry somebody there has, with that name. Entries are salted, so that the same
/// one is the same person's.
pub(super) fn renamed(
    db: &Connection,
    users: &[(String, String)],
) -> Result<Vec<(String, String)>, StoreError> {
    let mut open = OpenMailboxes::read(db)?;
    for (user, _) in users {
        open.take(user);
    }
    let of = |mailbox: OpenMailbox| {
        let user = has_entry(&mailbox, users).next()?;
        Some((mailbox.user.clone(), user.0.clone()))
    };
    Ok(open.rest().into_iter().filter_map(of).collect())
}

/// Those of a directory who have the password entry of a mailbox.
pub(super) fn has_entry<'a>(
    mailbox: &OpenMailbox,
    users: &'a [(String, String)],
) -> impl Iterator<Item = &'a (String, String)> {
    let fingerprint = mailbox.fingerprint.clone();
    let users = users.iter();
    users.filter(move |(_, here)| fingerprint.as_ref() == Some(here))
}

/// Whether these name one person, in a directory and on the wire.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// A user of the directory who has a mailbox.
fn meet_again(
    db: &Connection,
    user: &str,
    fingerprint: &str,
    mailbox: &OpenMailbox,
    now: SystemTime,
    done: &mut Reconciled,
) -> Result<(), StoreError> {
    let same = mailbox.fingerprint.as_deref() == Some(fingerprint);
    if mailbox.missing && !same {
        seal_mailbox(db, mailbox.id, now)?;
        start_empty(db, user, fingerprint)?;
        done.sealed.push(user.to_owned());
        return Ok(());
    }
    if mailbox.missing {
        done.returned.push(user.to_owned());
    }
    if mailbox.missing || !same || mailbox.user != user {
        belong_to(db, mailbox.id, user, fingerprint)?;
    }
    Ok(())
}

/// Writes down whose an open mailbox is, from now on.
pub(super) fn belong_to(
    db: &Connection,
    id: i64,
    user: &str,
    fingerprint: &str,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE mailbox SET user = :user, fingerprint = :fingerprint, missing_since = NULL
         WHERE id = :id",
    )?
    .execute(named_params! {":user": user, ":fingerprint": fingerprint, ":id": id})?;
    Ok(())
}

/// An open mailbox waits for a user whom the directory no longer lists.
pub(super) fn miss(db: &Connection, id: i64, now: SystemTime) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE mailbox SET missing_since = :now WHERE id = :id")?
        .execute(named_params! {":now": to_millis(now), ":id": id})?;
    Ok(())
}

fn start_empty(db: &Connection, user: &str, fingerprint: &str) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO mailbox (user, fingerprint) VALUES (:user, :fingerprint)")?
        .execute(named_params! {":user": user, ":fingerprint": fingerprint})?;
    Ok(())
}

pub(super) fn seal_mailbox(db: &Connection, id: i64, now: SystemTime) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE mailbox SET sealed_at = :now WHERE id = :id")?
        .execute(named_params! {":now": to_millis(now), ":id": id})?;
    Ok(())
}

/// Notes which addresses have come and gone; those gone within the hour by the
/// running clock, for one that jumps must not end the grace.
fn reconcile_addresses(
    db: &Connection,
    addresses: &[String],
    now_millis: i64,
    done: &mut Reconciled,
) -> Result<(), StoreError> {
    let known: HashMap<String, Option<i64>> = db
        .prepare_cached("SELECT address, gone_at FROM address")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let listed: HashSet<&str> = addresses.iter().map(String::as_str).collect();
    for address in &listed {
        // A row that is there and not gone stays as it is.
        if !matches!(known.get(*address), Some(None)) {
            note_address(db, address, None)?;
        }
    }
    for (address, gone_at) in &known {
        if listed.contains(address.as_str()) {
            continue;
        }
        // A time to come is from before a crash, which the clock has not seen.
        let since = gone_at.unwrap_or(now_millis).min(now_millis);
        if now_millis - since >= duration_to_millis(DEPARTED_FOR) {
            db.prepare_cached("DELETE FROM address WHERE address = :address")?
                .execute(named_params! {":address": address})?;
            continue;
        }
        if *gone_at != Some(since) {
            note_address(db, address, Some(since))?;
        }
        if gone_at.is_none() {
            done.leaving.push(address.clone());
        }
        done.departed.push((address.clone(), from_age(since)));
    }
    done.leaving.sort();
    done.departed.sort();
    Ok(())
}

fn note_address(db: &Connection, address: &str, gone_at: Option<i64>) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO address (address, gone_at) VALUES (:address, :gone_at)
         ON CONFLICT (address) DO UPDATE SET gone_at = excluded.gone_at",
    )?
    .execute(named_params! {":address": address, ":gone_at": gone_at})?;
    Ok(())
}

/// Closes a removed user's mailbox for good. What it holds stays.
pub(super) fn seal(db: &Connection, user: &str, now: SystemTime) -> Result<MailboxId, StoreError> {
    let found =
        find_open_mailbox(db, user)?.ok_or_else(|| StoreError::NoMailbox(user.to_owned()))?;
    seal_mailbox(db, found.0, now)?;
    Ok(found)
}

/// Gives a mailbox another name. What has that name already makes way if it
/// may: the directory may have been read before this, and mail have come.
pub(super) fn rename(
    db: &Connection,
    old: &str,
    new: &str,
    now: SystemTime,
) -> Result<MailboxId, StoreError> {
    let mailbox =
        find_open_mailbox(db, old)?.ok_or_else(|| StoreError::NoMailbox(old.to_owned()))?;
    if old == new {
        return Ok(mailbox);
    }
    let mut open = OpenMailboxes::read(db)?.0;
    let own = open.remove(old).and_then(|found| found.fingerprint);
    let fingerprint = match open.remove(new) {
        Some(found) => {
            make_way(db, &found, mailbox, own.as_deref(), new, now)?;
            found.fingerprint.filter(|_| !found.missing)
        }
        None => None,
    };
    db.prepare_cached(
        "UPDATE mailbox SET user = :user, missing_since = NULL,
             fingerprint = coalesce(:fingerprint, fingerprint) WHERE id = :id",
    )?
    .execute(named_params! {":user": new, ":fingerprint": fingerprint, ":id": mailbox.0})?;
    Ok(mailbox)
}

/// The same for the mailbox of whoever has this password entry, and of nobody
/// else.
pub(super) fn rename_person(
    db: &Connection,
    old: &str,
    new: &str,
    fingerprint: &str,
    now: SystemTime,
) -> Result<MailboxId, StoreError> {
    let mut open = OpenMailboxes::read(db)?.0;
    let own = open.remove(old).and_then(|found| found.fingerprint);
    if own.as_deref() != Some(fingerprint) {
        return Err(StoreError::NoMailbox(old.to_owned()));
    }
    rename(db, old, new, now)
}

/// Has a mailbox wait for another password entry of the same person.
pub(super) fn expect_back(
    db: &Connection,
    old: &str,
    new: &str,
    fingerprint: &str,
) -> Result<MailboxId, StoreError> {
    let mailbox =
        find_open_mailbox(db, old)?.ok_or_else(|| StoreError::NoMailbox(old.to_owned()))?;
    db.prepare_cached(
        "UPDATE mailbox SET user = :user, fingerprint = :fingerprint WHERE id = :id",
    )?
    .execute(named_params! {":user": new, ":fingerprint": fingerprint, ":id": mailbox.0})?;
    Ok(mailbox)
}

/// Takes the open mailbox `other` out of the way of `mailbox`. Password entries
/// are salted: the same one is the same person's, and the mail comes along.
fn make_way(
    db: &Connection,
    other: &OpenMailbox,
    mailbox: MailboxId,
    fingerprint: Option<&str>,
    user: &str,
    now: SystemTime,
) -> Result<(), StoreError> {
    if fingerprint.is_some() && other.fingerprint.as_deref() == fingerprint {
        move_entries(db, MailboxId(other.id), mailbox)?;
    }
    let removed = db
        .prepare_cached(
            "DELETE FROM mailbox WHERE id = :id AND messages = 0 AND collected_messages = 0",
        )?
        .execute(named_params! {":id": other.id})?;
    match removed {
        0 if other.missing => seal_mailbox(db, other.id, now),
        0 => Err(StoreError::MailboxInUse(user.to_owned())),
        _ => Ok(()),
    }
}

/// Moves all entries of a mailbox to another one, with their unique-ids.
fn move_entries(db: &Connection, from: MailboxId, to: MailboxId) -> Result<(), StoreError> {
    let both = named_params! {":from": from.0, ":to": to.0};
    db.prepare_cached("UPDATE entry SET mailbox = :to WHERE mailbox = :from")?
        .execute(both)?;
    db.prepare_cached(
        "UPDATE mailbox SET messages = mailbox.messages + other.messages,
             octets = mailbox.octets + other.octets,
             collected_messages = mailbox.collected_messages + other.collected_messages,
             collected_octets = mailbox.collected_octets + other.collected_octets,
             last_entry = max(mailbox.last_entry, other.last_entry)
         FROM mailbox AS other WHERE mailbox.id = :to AND other.id = :from",
    )?
    .execute(both)?;
    db.prepare_cached(
        "UPDATE mailbox SET messages = 0, octets = 0, collected_messages = 0,
             collected_octets = 0 WHERE id = :from",
    )?
    .execute(named_params! {":from": from.0})?;
    Ok(())
}

/// The user's open mailbox, made if there is none.
pub(super) fn open_for(db: &Connection, user: &str) -> Result<MailboxId, StoreError> {
    mailbox_named(db, &MailboxName::User(user.to_owned()))
}
