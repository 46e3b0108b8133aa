//! What was promised to whom: written down by those who send, collect and
//! command, at the moment they saw it, and compared with the store after each
//! restart (account.rs).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::letters::{self, Token};

/// The tray, among users' names.
pub const TRAY: &str = "(unclaimed)";

/// The number of a message in the store.
pub type Message = i64;

/// One letter, and whose it is.
#[derive(Debug)]
pub struct Letter {
    pub size: usize,
    pub digest: [u8; 32],
    pub octets: usize,
    pub mailboxes: BTreeSet<String>,
    pub way: Way,
}

/// How a letter came.
#[derive(Debug)]
pub enum Way {
    /// By SMTP: so many attempts, and the messages of those answered by 250.
    Sent {
        recipients: Vec<String>,
        attempts: usize,
        acknowledged: Vec<Message>,
    },
    /// Put into a provider's mailbox.
    Provided { too_large: bool },
}

/// One DELE session of a PC that said QUIT.
#[derive(Debug)]
pub struct Quit {
    pub unique_ids: Vec<String>,
    /// +OK was seen.
    pub answered: bool,
}

/// What a person ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Restore {
        user: String,
    },
    Give {
        message: Message,
        user: String,
    },
    /// `mail erase` and `unclaimed delete`: it goes wherever it is.
    Erase {
        message: Message,
    },
}

/// An entry of the store, by its unique-id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub mailbox: String,
    pub message: Message,
    pub collected: bool,
}

/// How often what happened.
#[derive(Debug, Default, Clone)]
pub struct Counts {
    pub sent: usize,
    pub acknowledged: usize,
    pub provided: usize,
    pub collected: usize,
    pub commands: usize,
    pub duplicates: usize,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.provided += other.provided;
        self.collected += other.collected;
        self.commands += other.commands;
        self.duplicates += other.duplicates;
    }
}

#[derive(Debug, Default)]
pub struct Ledger {
    next: Token,
    /// Letters below it were sent before the last account.
    pub settled: Token,
    pub letters: BTreeMap<Token, Letter>,
    /// As the last account found them.
    pub entries: HashMap<String, Entry>,
    /// Unique-ids that are over.
    pub retired: HashSet<String>,
    /// What a unique-id was seen to name.
    named: HashMap<String, Token>,
    /// Messages whose octets were compared.
    pub verified: HashMap<Message, Option<Token>>,
    pub erased: HashSet<Message>,
    pub given: BTreeSet<(Message, String)>,
    /// Of collected letters: the sweep may take these, where there is one.
    pub left: HashSet<(Token, String)>,
    /// Since the last account.
    pub quits: Vec<Quit>,
    pub commands: Vec<(Command, bool)>,
    /// By user and unique-id: refused to a PC, for the next account to judge.
    pub unread: Vec<(String, String)>,
    pub counts: Counts,
    pub violations: Vec<String>,
}

impl Ledger {
    /// Letters of different offices have different tokens.
    pub fn beginning_at(first: Token) -> Ledger {
        Ledger {
            next: first,
            ..Ledger::default()
        }
    }

    /// A new letter with this in front of it; its token and octets.
    pub fn letter(
        &mut self,
        size: usize,
        head: &str,
        mailboxes: BTreeSet<String>,
        way: Way,
    ) -> (Token, Vec<u8>) {
        let token = self.next;
        self.next += 1;
        let octets = letters::write(token, size, head);
        match way {
            Way::Sent { .. } => self.counts.sent += 1,
            Way::Provided { .. } => self.counts.provided += 1,
        }
        let letter = Letter {
            size,
            digest: letters::digest(&octets),
            octets: octets.len(),
            mailboxes,
            way,
        };
        self.letters.insert(token, letter);
        (token, octets)
    }

    /// The next letter has this token.
    pub fn next(&self) -> Token {
        self.next
    }

    /// A letter that was sent to a hub which is dead now, and never acknowledged:
    /// its sender comes again.
    pub fn unanswered(&self) -> Option<(Token, usize, Vec<String>)> {
        let mut newest = self.letters.range(..self.settled).rev().take(40);
        newest.find_map(|(token, letter)| match &letter.way {
            Way::Sent {
                recipients,
                attempts: 1,
                acknowledged,
            } if acknowledged.is_empty() => Some((*token, letter.size, recipients.clone())),
            _ => None,
        })
    }

    pub fn attempt(&mut self, token: Token) {
        if let Some(Letter {
            way: Way::Sent { attempts, .. },
            ..
        }) = self.letters.get_mut(&token)
        {
            *attempts += 1;
        }
    }

    pub fn acknowledged(&mut self, token: Token, message: Message) {
        self.counts.acknowledged += 1;
        if let Some(Letter {
            way: Way::Sent { acknowledged, .. },
            ..
        }) = self.letters.get_mut(&token)
        {
            acknowledged.push(message);
        }
    }

    /// A PC read this under that unique-id.
    pub fn read(&mut self, user: &str, unique_id: &str, content: &[u8]) {
        let Some(token) = letters::token_of(content) else {
            return;
        };
        self.names(unique_id, token);
        let Some(letter) = self.letters.get(&token) else {
            return self.violation(format!("{user} has a letter that nobody sent: {token}"));
        };
        let own = content.len().checked_sub(letter.octets);
        let same = own.is_some_and(|at| letters::digest(&content[at..]) == letter.digest);
        if !same && !letters::is_notice(content) {
            self.violation(format!("{user} reads other octets than letter {token} has"));
        }
    }

    /// A PC was refused what is in its listing: only an erasure explains that. What
    /// was restored or given since the last account has a unique-id that only the
    /// next one knows.
    pub fn not_read(&mut self, user: &str, unique_id: &str) {
        match self.entries.get(unique_id).map(|entry| entry.message) {
            Some(message) if self.is_erased(message) => {}
            Some(_) => self.violation(format!("{user} cannot read {unique_id}")),
            None => self.unread.push((user.to_string(), unique_id.to_string())),
        }
    }

    /// Whether anything was ordered to be erased since the last account.
    pub fn erases(&self) -> bool {
        let mut commands = self.commands.iter();
        commands.any(|(command, _)| matches!(command, Command::Erase { .. }))
    }

    /// A unique-id names this letter, now and for ever.
    pub fn names(&mut self, unique_id: &str, token: Token) {
        let known = *self.named.entry(unique_id.to_string()).or_insert(token);
        if known != token {
            self.violation(format!(
                "unique-id {unique_id} named letter {known}, and names {token}"
            ));
        }
    }

    pub fn token_named(&self, unique_id: &str) -> Option<Token> {
        self.named.get(unique_id).copied()
    }

    /// QUIT goes out; the number by which its answer is told.
    pub fn quit(&mut self, user: &str, unique_ids: Vec<String>) -> usize {
        let tokens = unique_ids.iter().filter_map(|it| self.token_named(it));
        let left: Vec<_> = tokens.map(|token| (token, user.to_string())).collect();
        self.left.extend(left);
        self.quits.push(Quit {
            unique_ids,
            answered: false,
        });
        self.quits.len() - 1
    }

    pub fn quit_answered(&mut self, number: usize) {
        let quit = &mut self.quits[number];
        quit.answered = true;
        self.counts.collected += quit.unique_ids.len();
    }

    /// A command goes out. None where what it would change is changed already
    /// since the last account: two of them could not be told apart.
    pub fn command(&mut self, command: Command) -> Option<usize> {
        let same = |known: &Command| match (known, &command) {
            (Command::Restore { user: one }, Command::Restore { user: other }) => one == other,
            (
                Command::Give { message: one, .. } | Command::Erase { message: one },
                Command::Give { message: other, .. } | Command::Erase { message: other },
            ) => one == other,
            _ => false,
        };
        if self.commands.iter().any(|(known, _)| same(known)) {
            return None;
        }
        self.commands.push((command, false));
        Some(self.commands.len() - 1)
    }

    pub fn command_answered(&mut self, number: usize) {
        self.commands[number].1 = true;
        self.counts.commands += 1;
    }

    /// Whether it is, or may be, gone by order.
    pub fn is_erased(&self, message: Message) -> bool {
        let ordered = Command::Erase { message };
        self.erased.contains(&message) || self.commands.iter().any(|(known, _)| *known == ordered)
    }

    /// Messages that wait in this mailbox, by the last account.
    pub fn waiting_in(&self, mailbox: &str) -> Vec<Message> {
        let entries = self.entries.values();
        let mut found: Vec<_> = entries
            .filter(|entry| entry.mailbox == mailbox && !entry.collected)
            .map(|entry| entry.message)
            .collect();
        found.sort_unstable();
        found
    }

    /// Whether the message was for this user too, or was given to him.
    pub fn has_had(&self, user: &str, message: Message) -> bool {
        let token = self.verified.get(&message).copied().flatten();
        let letter = token.and_then(|token| self.letters.get(&token));
        letter.is_some_and(|letter| letter.mailboxes.contains(user))
            || self.given.contains(&(message, user.to_string()))
    }

    pub fn violation(&mut self, what: String) {
        self.violations.push(what);
    }
}
