//! The reckoning after a cut: what had been promised by then is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use postroom::store::{MailboxName, Moment, Part, Settings, Store};
use rusqlite::Connection;

use crate::office::{Sent, name_of};
use crate::record::Call;

/// More than any mailbox here holds.
const ALL: usize = 1_000_000;

/// What the hub had said, or was about to say, up to a point of its record.
#[derive(Default)]
pub struct Told {
    /// Ids that senders were given.
    pub kept: Vec<String>,
    /// QUITs of Anna's PC that were answered.
    pub goodbyes: usize,
    /// Log-ins at the provider.
    logins: usize,
    /// What it was told to remove, by name.
    pub removed_there: BTreeSet<String>,
}

impl Told {
    pub fn take(&mut self, call: &Call, sent: &Sent) {
        let Call::Said { text } = call else { return };
        for line in text.split_inclusive("\r\n") {
            if let Some(id) = line.strip_prefix("250 2.0.0 kept as ") {
                self.kept.push(id.trim_end().to_string());
            } else if line == "+OK goodbye\r\n" {
                self.goodbyes += 1;
            } else if line.starts_with("PASS ") {
                self.logins += 1;
            } else if let Some(number) = line.strip_prefix("DELE ") {
                let number: usize = number.trim_end().parse().unwrap();
                let listed = &sent.listed[self.logins - 1];
                self.removed_there.insert(listed[number - 1].clone());
            }
        }
    }
}

/// A message in a mailbox.
#[derive(Debug, Clone, Copy, Default)]
struct Places {
    waiting: usize,
    collected: usize,
}

/// Opens the folder as the next start does, and compares. What is not as it
/// was promised, in words; the best is nothing.
pub fn reckon(folder: &Path, told: &Told, sent: &Sent) -> Vec<String> {
    let mut wrong = Vec::new();
    let store = match Store::open(&Settings::new(folder), Moment::now()) {
        Ok(store) => store,
        Err(why) => return vec![format!("the store does not open: {why}")],
    };
    let found = smol::block_on(found(&store, sent, &mut wrong));
    store.close();
    look_at_files(folder, &mut wrong);
    let must_be = |name: &str, why: &str, wrong: &mut Vec<String>| {
        for user in &sent.messages[name].users {
            let places = found.get(&(*user, name.to_string()));
            let may_be_gone = *user == "anna" && was_collected(name, told, sent);
            if places.is_none() && !may_be_gone {
                wrong.push(format!("{user} lacks {name}, which {why}"));
            }
        }
    };
    for id in &told.kept {
        // The answer may have been lost on its way to the sender: then any name is right.
        if let Some(name) = sent.ids.get(id) {
            must_be(name, "was answered by 250", &mut wrong);
        }
    }
    for name in &told.removed_there {
        must_be(name, "was removed at the provider", &mut wrong);
    }
    for ((user, name), places) in &found {
        if places.waiting + places.collected > 1 {
            wrong.push(format!("{user} has {name} {places:?}"));
        }
        if *user == "anna" {
            look_at_collected(name, places, told, sent, &mut wrong);
        }
    }
    wrong
}

/// Whether a QUIT removed it that was answered, or that may have been done.
fn was_collected(name: &str, told: &Told, sent: &Sent) -> bool {
    let perhaps = sent.removed.iter().take(told.goodbyes + 1);
    perhaps.flatten().any(|removed| removed == name)
}

fn look_at_collected(
    name: &str,
    places: &Places,
    told: &Told,
    sent: &Sent,
    wrong: &mut Vec<String>,
) {
    let surely = sent.removed.iter().take(told.goodbyes);
    let surely = surely.flatten().any(|removed| removed == name);
    if surely && places.waiting > 0 {
        wrong.push(format!("{name} waits again, though its QUIT was answered"));
    }
    if places.collected > 0 && !was_collected(name, told, sent) {
        wrong.push(format!("{name} is collected without a QUIT"));
    }
}

/// Every message of ours by user and name, its content compared.
async fn found(
    store: &Store,
    sent: &Sent,
    wrong: &mut Vec<String>,
) -> BTreeMap<(&'static str, String), Places> {
    let mut found: BTreeMap<_, Places> = BTreeMap::new();
    for mailbox in store.mailboxes().await.unwrap() {
        let user = match mailbox.user.as_deref() {
            Some("anna") => "anna",
            Some("bob") => "bob",
            _ => "nobody",
        };
        let rows = store.mail_in(mailbox.id, Part::Both, None, ALL).await;
        for row in rows.unwrap() {
            let content = match content(store, row.entry).await {
                Ok(content) => content,
                Err(why) => {
                    wrong.push(format!("{} of {user} cannot be read: {why}", row.id));
                    continue;
                }
            };
            // The hub's own notices are no messages of ours.
            let Some(name) = name_of(&content) else {
                continue;
            };
            let message = sent.messages.get(&name);
            if !message.is_some_and(|message| message.users.contains(&user)) {
                wrong.push(format!("{user} has {name}, which is another's"));
            }
            if !message.is_some_and(|message| content.ends_with(&message.content)) {
                wrong.push(format!("{name} of {user} has other octets"));
            }
            let places = found.entry((user, name)).or_default();
            match row.collected_at {
                None => places.waiting += 1,
                Some(_) => places.collected += 1,
            }
        }
    }
    let unclaimed = store.mail(MailboxName::Unclaimed, Part::Both, None, ALL);
    if !unclaimed.await.unwrap().is_empty() {
        wrong.push("something is unclaimed".to_string());
    }
    found
}

async fn content(
    store: &Store,
    entry: postroom::store::EntryId,
) -> Result<Vec<u8>, postroom::store::StoreError> {
    let mut reader = store.open_message(entry).await?;
    let mut content = Vec::new();
    while let Some(chunk) = reader.next_chunk().await? {
        content.extend(chunk);
    }
    Ok(content)
}

/// Each file has its row, each row its file, and the database is sound.
fn look_at_files(folder: &Path, wrong: &mut Vec<String>) {
    let files: BTreeSet<String> = fs::read_dir(folder.join("bodies"))
        .unwrap()
        .map(|found| found.unwrap().file_name().into_string().unwrap())
        .collect();
    let db = Connection::open(folder.join("postroom.db")).unwrap();
    let mut rows = db
        .prepare("SELECT body_file FROM message WHERE body_file IS NOT NULL")
        .unwrap();
    let rows: BTreeSet<String> = rows
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    if files != rows {
        wrong.push(format!(
            "body files {files:?}, and rows name the files {rows:?}"
        ));
    }
    let sound: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    if sound != "ok" {
        wrong.push(format!("the database is damaged: {sound}"));
    }
    let totals: i64 = db
        .query_row(
            "SELECT count(*) FROM mailbox AS m WHERE messages <>
                 (SELECT count(*) FROM entry WHERE mailbox = m.id AND collected_at IS NULL)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    if totals != 0 {
        wrong.push(format!("{totals} mailboxes have wrong totals"));
    }
}
