//! What the store holds, read without the product's help: from the database
//! beside a running hub, and from the folder of body files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use data_encoding::BASE32_DNSSEC;
use rusqlite::{Connection, OpenFlags};

use crate::ledger::{Entry, Ledger, Message, TRAY, Way};
use crate::letters::{self, Token};

/// All entries, and the messages that they are of.
#[derive(Debug, Default)]
pub struct Found {
    /// By unique-id.
    pub entries: HashMap<String, Entry>,
    /// With the token of each; the hub's own messages have none.
    pub messages: BTreeMap<Message, Option<Token>>,
    /// How many entries of a message a mailbox has.
    pub places: HashMap<Message, BTreeMap<String, usize>>,
    /// What the rows say that cannot be.
    pub wrong: Vec<String>,
}

/// Whether octets that were compared once are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    New,
    All,
}

/// Reads the store of a hub that runs and has nothing to do.
pub fn read(data: &Path, ledger: &mut Ledger, depth: Depth) -> Found {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(data.join("postroom.db"), flags).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let db = db.unchecked_transaction().unwrap();
    let mut found = Found::default();
    found.check_database(&db);
    found.read_entries(&db);
    found.read_messages(&db, data, ledger, depth);
    found
}

impl Found {
    fn check_database(&mut self, db: &Connection) {
        let said: String = db
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        if said != "ok" {
            self.wrong.push(format!("integrity_check: {said}"));
        }
        let unconnected: i64 = count(db, "SELECT count(*) FROM pragma_foreign_key_check");
        if unconnected > 0 {
            self.wrong
                .push(format!("foreign_key_check: {unconnected} rows"));
        }
        let unused = "SELECT count(*) FROM message WHERE id NOT IN (SELECT message FROM entry)";
        if count(db, unused) > 0 {
            self.wrong.push("messages that no mailbox has".to_string());
        }
        let totals = "SELECT count(*) FROM mailbox AS b LEFT JOIN (
                SELECT mailbox, sum(collected_at IS NULL) AS n,
                    sum(octets * (collected_at IS NULL)) AS o,
                    sum(collected_at IS NOT NULL) AS cn,
                    sum(octets * (collected_at IS NOT NULL)) AS co
                FROM entry GROUP BY mailbox) AS e ON e.mailbox = b.id
            WHERE (b.messages, b.octets, b.collected_messages, b.collected_octets)
                IS NOT (coalesce(n, 0), coalesce(o, 0), coalesce(cn, 0), coalesce(co, 0))";
        if count(db, totals) > 0 {
            self.wrong
                .push("totals of a mailbox that are not the sums of its entries".to_string());
        }
        let size = "SELECT count(*) FROM entry AS e JOIN message AS m ON m.id = e.message
            WHERE e.octets NOT BETWEEN length(e.trace) + m.octets AND length(e.trace) + m.octets + 2";
        if count(db, size) > 0 {
            self.wrong
                .push("entries whose size is not that of trace and body".to_string());
        }
    }

    fn read_entries(&mut self, db: &Connection) {
        let mut statement = db
            .prepare(
                "SELECT e.unique_id, b.user, e.message, e.collected_at IS NOT NULL
                 FROM entry AS e JOIN mailbox AS b ON b.id = e.mailbox",
            )
            .unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let unique_id: Vec<u8> = row.get(0).unwrap();
            let unique_id = BASE32_DNSSEC.encode(&unique_id);
            let mailbox: Option<String> = row.get(1).unwrap();
            let entry = Entry {
                mailbox: mailbox.unwrap_or_else(|| TRAY.to_string()),
                message: row.get(2).unwrap(),
                collected: row.get(3).unwrap(),
            };
            let places = self.places.entry(entry.message).or_default();
            *places.entry(entry.mailbox.clone()).or_default() += 1;
            if self.entries.insert(unique_id.clone(), entry).is_some() {
                self.wrong
                    .push(format!("two entries of unique-id {unique_id}"));
            }
        }
    }

    fn read_messages(&mut self, db: &Connection, data: &Path, ledger: &mut Ledger, depth: Depth) {
        let ids: Vec<Message> = db
            .prepare("SELECT id FROM message")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for message in ids {
            let known = ledger.verified.get(&message).copied();
            let good = self.wrong.len();
            let token = match (known, depth) {
                (Some(token), Depth::New) => token,
                _ => self.read_message(db, data, ledger, message),
            };
            if known.is_some_and(|known| known != token) {
                self.wrong
                    .push(format!("message {message} was {known:?}, and is {token:?}"));
            }
            if self.wrong.len() == good {
                ledger.verified.insert(message, token);
            }
            self.messages.insert(message, token);
        }
    }

    /// Compares the octets; the token.
    fn read_message(
        &mut self,
        db: &Connection,
        data: &Path,
        ledger: &Ledger,
        message: Message,
    ) -> Option<Token> {
        let sql = "SELECT body, body_file, octets, source FROM message WHERE id = ?1";
        type Row = (Option<Vec<u8>>, Option<String>, usize, String);
        let (body, file, octets, source): Row = db
            .query_row(sql, [message], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get::<_, i64>(2)? as usize,
                    row.get(3)?,
                ))
            })
            .unwrap();
        let body = match (body, file) {
            (Some(body), None) => body,
            (None, Some(file)) => match fs::read(data.join("bodies").join(&file)) {
                Ok(body) => body,
                Err(why) => {
                    self.wrong
                        .push(format!("body file {file} of message {message}: {why}"));
                    return None;
                }
            },
            _ => {
                self.wrong
                    .push(format!("message {message} has no body, or two"));
                return None;
            }
        };
        if body.len() != octets {
            let has = body.len();
            self.wrong.push(format!(
                "message {message} has {has} octets instead of {octets}"
            ));
        }
        let token = letters::token_of(&body)?;
        let is_notice = letters::is_notice(&body) && source == "hub";
        match ledger.letters.get(&token) {
            None => self.wrong.push(format!("letter {token} was never sent")),
            Some(letter) => {
                let too_large = matches!(letter.way, Way::Provided { too_large: true });
                if is_notice != too_large {
                    self.wrong
                        .push(format!("a notice ({is_notice}) for letter {token}"));
                }
                if !is_notice && letters::digest(&body) != letter.digest {
                    self.wrong
                        .push(format!("letter {token} has other octets than were sent"));
                }
            }
        }
        Some(token)
    }
}

/// Body files without a row, and rows without a file.
pub fn wrong_files(data: &Path) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(data.join("postroom.db"), flags).unwrap();
    let mut statement = db
        .prepare("SELECT body_file FROM message WHERE body_file IS NOT NULL")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    let named: BTreeSet<String> = rows.map(Result::unwrap).collect();
    let files = fs::read_dir(data.join("bodies")).unwrap();
    let there: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let without_row = there
        .difference(&named)
        .map(|it| format!("no row names the file {it}"));
    let without_file = named
        .difference(&there)
        .map(|it| format!("there is no file {it}"));
    without_row.chain(without_file).collect()
}

fn count(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}
