//! Sends messages, and hears what becomes of them.

use std::io;

use data_encoding::HEXLOWER;

use super::memory::{Memory, Met};
use crate::cli::Failure;
use crate::cli::progress::Progress;
use crate::control::{ImportHead, ImportReply, Importing};
use crate::formats::{Letter, LetterHead, LikenessDigest};
use crate::mail::HEADER_OCTETS_MAX;

/// So much of a message is held until it is seen whether it is known; of a larger
/// one the beginning is sent before that.
const HELD_OCTETS: usize = 1 << 20;
/// Messages that may wait for their reply: more than the hub commits at once.
const WAITING_MAX: usize = 1000;

/// Where a message comes from.
pub struct Origin {
    file: String,
    /// When it was received, as its file tells; seconds since 1970.
    pub at: Option<i64>,
    /// The time of the file, where nothing else tells one.
    modified: i64,
    /// With its brackets; for a message that tells none itself.
    pub reverse_path: String,
    pub is_deleted: bool,
}

impl Origin {
    /// Of this file, changed at that time.
    pub fn of(file: String, modified: i64) -> Origin {
        Origin {
            file,
            at: None,
            modified,
            reverse_path: String::new(),
            is_deleted: false,
        }
    }
}

/// What became of all messages.
#[derive(Debug, Default)]
pub struct Tally {
    pub imported: u64,
    pub known: u64,
    /// In the mailbox without its content, which it has again.
    pub mended: u64,
    /// Imported before, and in the mailbox no more.
    pub gone: u64,
    pub deleted: u64,
    pub unreadable: u64,
}

/// A message that is read.
pub struct Message {
    origin: Origin,
    letter: Letter,
    held: Vec<u8>,
    /// Its head, once its beginning has been sent.
    sent: Option<LetterHead>,
}

pub struct Sender<'a> {
    importing: Importing,
    memory: Memory,
    waiting: usize,
    is_done: bool,
    now: i64,
    tally: Tally,
    progress: &'a Progress,
}

impl<'a> Sender<'a> {
    pub fn new(
        importing: Importing,
        memory: Memory,
        now: i64,
        progress: &'a Progress,
    ) -> Sender<'a> {
        Sender {
            importing,
            memory,
            waiting: 0,
            is_done: false,
            now,
            tally: Tally::default(),
            progress,
        }
    }

    /// A message begins.
    pub fn begin(&self, origin: Origin) -> Message {
        Message {
            origin,
            letter: Letter::default(),
            held: Vec::new(),
            sent: None,
        }
    }

    /// Its next octets, as in the file.
    pub fn take(&mut self, message: &mut Message, octets: &[u8]) -> Result<(), Failure> {
        message.letter.take(octets, &mut message.held);
        if message.held.len() < HELD_OCTETS {
            return Ok(());
        }
        let sent = match message.sent {
            Some(_) => Ok(()),
            None => self.importing.message(),
        };
        let sent = sent.and_then(|()| self.importing.content(&message.held));
        message.sent.get_or_insert_with(|| head_of(&message.held));
        message.held.clear();
        self.heard(sent)
    }

    /// All of it came: it goes into the mailbox if it is not known.
    pub fn finish(&mut self, message: Message) -> Result<(), Failure> {
        let Message {
            origin,
            letter,
            mut held,
            sent,
        } = message;
        let (octets, likeness) = letter.finish(&mut held);
        let is_sent = sent.is_some();
        let head = sent.unwrap_or_else(|| head_of(&held));
        if octets == 0 {
            self.unreadable(&origin.file, "it is empty");
            return Ok(());
        }
        if origin.is_deleted || head.is_deleted {
            self.tally.deleted += 1;
            return self.drop_sent(is_sent);
        }
        match self.memory.meet(likeness) {
            Met::New => {}
            Met::Known => {
                self.tally.known += 1;
                return self.drop_sent(is_sent);
            }
            Met::Gone => {
                self.tally.gone += 1;
                return self.drop_sent(is_sent);
            }
        }
        let head = self.head(origin, head, &likeness);
        let begun = match is_sent {
            true => Ok(()),
            false => self.importing.message(),
        };
        let sent = begun
            .and_then(|()| self.importing.content(&held))
            .and_then(|()| self.importing.keep(head));
        self.waiting += 1;
        self.heard(sent)
    }

    /// Its file broke off.
    pub fn break_off(&mut self, message: Message, why: &io::Error) -> Result<(), Failure> {
        self.unreadable(&message.origin.file, &why.to_string());
        self.drop_sent(message.sent.is_some())
    }

    /// A message or file that cannot be imported.
    pub fn unreadable(&mut self, file: &str, why: &str) {
        self.tally.unreadable += 1;
        self.progress.say(&format!("{file} is not imported: {why}"));
    }

    /// Waits for what is under way. What has come is told, however it ended.
    pub fn end(mut self, sent: Result<(), Failure>) -> (Tally, Result<(), Failure>) {
        let ended = sent.and_then(|()| {
            let ended = self.importing.end();
            self.heard(ended)?;
            while !self.is_done {
                self.reply()?;
            }
            Ok(())
        });
        (self.tally, ended)
    }

    fn head(&self, origin: Origin, head: LetterHead, likeness: &LikenessDigest) -> ImportHead {
        let told = origin.at.or(head.date).unwrap_or(origin.modified);
        let reverse_path = match head.reverse_path.is_empty() {
            true => origin.reverse_path,
            false => head.reverse_path,
        };
        ImportHead {
            // A clock that was wrong then is not to be believed now.
            received_at: if (1..=self.now).contains(&told) {
                told
            } else {
                self.now
            },
            reverse_path: reverse_path.chars().take(1000).collect(),
            file: origin.file,
            likeness: HEXLOWER.encode(likeness),
        }
    }

    fn drop_sent(&mut self, is_sent: bool) -> Result<(), Failure> {
        match is_sent {
            true => {
                let dropped = self.importing.drop_message();
                self.heard(dropped)
            }
            false => {
                let passed_over = self.importing.passed_over();
                self.heard(passed_over)
            }
        }
    }

    /// Something was sent, or could not be: then the hub may have said why.
    fn heard(&mut self, sent: io::Result<()>) -> Result<(), Failure> {
        while let Some(reply) = self.importing.try_reply() {
            self.note(reply)?;
        }
        if sent.is_err() {
            loop {
                self.reply()?;
            }
        }
        if self.waiting > WAITING_MAX {
            let flushed = self.importing.flush();
            flushed.map_err(broken)?;
            while self.waiting > WAITING_MAX {
                self.reply()?;
            }
        }
        Ok(())
    }

    fn reply(&mut self) -> Result<(), Failure> {
        let reply = self.importing.reply();
        self.note(reply)
    }

    fn note(&mut self, reply: io::Result<ImportReply>) -> Result<(), Failure> {
        self.waiting = self.waiting.saturating_sub(1);
        match reply.map_err(broken)? {
            ImportReply::Imported => self.tally.imported += 1,
            ImportReply::Known => self.tally.known += 1,
            ImportReply::Mended => self.tally.mended += 1,
            ImportReply::Done => self.is_done = true,
            ImportReply::Stopped { why } => return Err(Failure(why)),
        }
        Ok(())
    }
}

fn head_of(message: &[u8]) -> LetterHead {
    LetterHead::read(message.get(..HEADER_OCTETS_MAX).unwrap_or(message))
}

fn broken(why: io::Error) -> Failure {
    Failure(format!(
        "the import broke off ({why}); run the command again: what has come is known"
    ))
}
