//! The account of an office: every message that the store holds, and every one
//! that it must hold, after a restart and before there is work again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::found::Found;
use crate::ledger::{Command, Entry, Ledger, Message, TRAY, Way};
use crate::letters::Token;

/// What else is known at the time.
pub struct Circumstances {
    /// Letters that are still at their provider.
    pub at_provider: BTreeSet<Token>,
    /// The store may forget what was collected.
    pub sweeps: bool,
    /// Every provider was polled to the end, and nothing is new there.
    pub all_fetched: bool,
}

/// Compares; what was open is settled then by what was found.
pub fn settle(ledger: &mut Ledger, found: &Found, around: &Circumstances) {
    let before = ledger.violations.len();
    let mut account = Account {
        ledger,
        found,
        around,
        wrong: Vec::new(),
    };
    account.known_entries();
    account.new_entries();
    account.quits();
    account.unread();
    account.restores();
    account.messages();
    account.letters();
    let mut wrong = account.wrong;
    wrong.extend(found.wrong.iter().cloned());
    ledger.violations.extend(wrong);
    if ledger.violations.len() == before {
        close(ledger, found);
    }
}

/// The next account begins where this one ends.
fn close(ledger: &mut Ledger, found: &Found) {
    for (command, _) in std::mem::take(&mut ledger.commands) {
        match command {
            Command::Erase { message } if !found.messages.contains_key(&message) => {
                ledger.erased.insert(message);
            }
            Command::Give { message, user } if holds(found, message, &user) > 0 => {
                ledger.given.insert((message, user));
            }
            _ => {}
        }
    }
    ledger.quits.clear();
    ledger.unread.clear();
    ledger.settled = ledger.next();
    let gone = ledger
        .entries
        .keys()
        .filter(|it| !found.entries.contains_key(*it));
    let gone: Vec<String> = gone.cloned().collect();
    ledger.retired.extend(gone);
    ledger.entries = found.entries.clone();
}

/// Entries of a message in a mailbox.
fn holds(found: &Found, message: Message, mailbox: &str) -> usize {
    let places = found.places.get(&message);
    places
        .and_then(|places| places.get(mailbox))
        .copied()
        .unwrap_or(0)
}

struct Account<'a> {
    ledger: &'a mut Ledger,
    found: &'a Found,
    around: &'a Circumstances,
    wrong: Vec<String>,
}

impl Account<'_> {
    fn wrong(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// What was there stays, as it was, under its unique-id.
    fn known_entries(&mut self) {
        let mut wrong = Vec::new();
        for (unique_id, known) in &self.ledger.entries {
            let Some(now) = self.found.entries.get(unique_id) else {
                if !self.may_be_gone(unique_id, known) {
                    wrong.push(format!("{unique_id} is gone: {known:?}"));
                }
                continue;
            };
            if (&now.mailbox, now.message) != (&known.mailbox, known.message) {
                wrong.push(format!("{unique_id} was {known:?} and is {now:?}"));
            }
            match (known.collected, now.collected) {
                (false, true) if !self.was_said_goodbye_to(unique_id, known) => {
                    wrong.push(format!("{unique_id} is collected by nobody: {known:?}"));
                }
                (true, false) => wrong.push(format!("{unique_id} waits again: {known:?}")),
                _ => {}
            }
        }
        self.wrong.extend(wrong);
    }

    /// An entry ends by an erasure; a collected one by a restore, which makes a
    /// new one, or by the sweep.
    fn may_be_gone(&self, unique_id: &str, known: &Entry) -> bool {
        let restored = Command::Restore {
            user: known.mailbox.clone(),
        };
        let is_collected = known.collected || self.was_said_goodbye_to(unique_id, known);
        self.ledger.is_erased(known.message)
            || is_collected && (self.around.sweeps || self.was_ordered(&restored))
    }

    fn was_ordered(&self, command: &Command) -> bool {
        self.ledger
            .commands
            .iter()
            .any(|(known, _)| known == command)
    }

    /// A PC said QUIT to it, or it was given away.
    fn was_said_goodbye_to(&self, unique_id: &str, known: &Entry) -> bool {
        let mut quits = self.ledger.quits.iter().flat_map(|quit| &quit.unique_ids);
        let given = |command: &Command| matches!(command, Command::Give { message, .. } if *message == known.message);
        quits.any(|it| it == unique_id)
            || known.mailbox == TRAY && self.ledger.commands.iter().any(|(known, _)| given(known))
    }

    fn new_entries(&mut self) {
        for (unique_id, now) in &self.found.entries {
            if let Some(Some(token)) = self.ledger.verified.get(&now.message) {
                self.ledger.names(unique_id, *token);
            }
            if self.ledger.entries.contains_key(unique_id) {
                continue;
            }
            if self.ledger.retired.contains(unique_id) {
                self.wrong(format!("{unique_id} is used again: {now:?}"));
            }
            if now.collected && !self.was_said_goodbye_to(unique_id, now) {
                self.wrong(format!(
                    "{unique_id} came and is collected by nobody: {now:?}"
                ));
            }
        }
    }

    /// All of a QUIT or nothing; all of it where it was answered.
    fn quits(&mut self) {
        for number in 0..self.ledger.quits.len() {
            let quit = &self.ledger.quits[number];
            let (ids, answered) = (&quit.unique_ids, quit.answered);
            let is_waiting =
                |it: &&String| self.found.entries.get(*it).is_some_and(|it| !it.collected);
            let waiting = ids.iter().filter(is_waiting).count();
            let is_collected =
                |it: &&String| self.found.entries.get(*it).is_some_and(|it| it.collected);
            let collected = ids.iter().filter(is_collected).count();
            if waiting > 0 && (answered || collected > 0) {
                self.wrong(format!(
                    "QUIT (answered: {answered}) collected {collected} and left {waiting} waiting"
                ));
            }
        }
    }

    /// What could not be read is gone, and something was to be erased; whether it
    /// was this, the account of the letters says.
    fn unread(&mut self) {
        let erases = self.ledger.erases();
        for (user, unique_id) in self.ledger.unread.clone() {
            let found = self.found.entries.get(&unique_id);
            let is_there = found.is_some_and(|entry| !self.ledger.is_erased(entry.message));
            if is_there || !erases {
                self.wrong(format!("{user} cannot read {unique_id}"));
            }
        }
    }

    /// All that was collected is back, or nothing.
    fn restores(&mut self) {
        let restores = self
            .ledger
            .commands
            .iter()
            .filter_map(|(command, done)| match command {
                Command::Restore { user } => Some((user.clone(), *done)),
                _ => None,
            });
        for (user, done) in restores.collect::<Vec<_>>() {
            let collected = self.ledger.entries.iter().filter(|(_, known)| {
                known.mailbox == user && known.collected && !self.ledger.is_erased(known.message)
            });
            let ids: Vec<&String> = collected.map(|(it, _)| it).collect();
            let there = ids
                .iter()
                .filter(|it| self.found.entries.contains_key(**it))
                .count();
            let all = ids.len();
            if there > 0 && (done || there < all) && !self.around.sweeps {
                self.wrong(format!(
                    "a restore for {user} (answered: {done}) brought {} of {all} back",
                    all - there
                ));
            }
        }
    }

    /// Each message is once in each right mailbox and in no other one.
    fn messages(&mut self) {
        for (message, token) in &self.found.messages {
            let erasing = self
                .ledger
                .commands
                .contains(&(Command::Erase { message: *message }, true));
            if erasing || self.ledger.erased.contains(message) {
                self.wrong(format!("message {message} is erased, and there"));
            }
            let Some(token) = token else { continue };
            let Some(letter) = self.ledger.letters.get(token) else {
                self.wrong(format!("nobody sent letter {token}"));
                continue;
            };
            let none = BTreeMap::new();
            let places = self.found.places.get(message).unwrap_or(&none);
            let mut expected: BTreeMap<&str, bool> = letter
                .mailboxes
                .iter()
                .map(|it| (it.as_str(), true))
                .collect();
            self.expect_given(*message, &mut expected);
            let mut wrong = Vec::new();
            let all: BTreeSet<&str> = expected
                .keys()
                .copied()
                .chain(places.keys().map(String::as_str))
                .collect();
            for mailbox in all {
                let times = places.get(mailbox).copied().unwrap_or(0);
                let told = format!(
                    "letter {token} (message {message}) is {times} times in {mailbox}'s mailbox"
                );
                match expected.get(mailbox) {
                    Some(_) if times == 1 => {}
                    Some(true) if times == 0 && self.may_be_swept(*token, mailbox) => {}
                    Some(false) if times == 0 => {}
                    Some(_) => wrong.push(told),
                    None => wrong.push(format!("{told}, which is a wrong one")),
                }
            }
            self.wrong.extend(wrong);
        }
    }

    /// To whom it was given, for certain (true) or perhaps.
    fn expect_given<'a>(&'a self, message: Message, expected: &mut BTreeMap<&'a str, bool>) {
        for (_, user) in self
            .ledger
            .given
            .iter()
            .filter(|(given, _)| *given == message)
        {
            expected.insert(user, true);
        }
        for (command, done) in &self.ledger.commands {
            if let Command::Give {
                message: given,
                user,
            } = command
                && *given == message
            {
                let in_tray = self.found.entries.values().any(|entry| {
                    entry.message == message && entry.mailbox == TRAY && !entry.collected
                });
                // It is with the user as soon as it waits in the tray no more.
                expected.insert(user, *done || !in_tray);
            }
        }
    }

    fn may_be_swept(&self, token: Token, mailbox: &str) -> bool {
        let left = self.ledger.left.contains(&(token, mailbox.to_string()));
        self.around.sweeps && (left || mailbox == TRAY && self.was_given_away(token))
    }

    fn was_given_away(&self, token: Token) -> bool {
        let known = |message: &Message| self.ledger.verified.get(message) == Some(&Some(token));
        let mut orders = self.ledger.commands.iter();
        self.ledger.given.iter().any(|(message, _)| known(message))
            || orders
                .any(|(order, _)| matches!(order, Command::Give { message, .. } if known(message)))
    }

    /// What was acknowledged, or is at no provider any more, is there; and
    /// nothing is there more often than it was sent.
    fn letters(&mut self) {
        let mut copies: HashMap<Token, Vec<Message>> = HashMap::new();
        for (message, token) in &self.found.messages {
            if let Some(token) = token {
                copies.entry(*token).or_default().push(*message);
            }
        }
        let (mut wrong, mut duplicates) = (Vec::new(), 0);
        for (token, letter) in &self.ledger.letters {
            let copies = copies.get(token).map_or(&[][..], Vec::as_slice);
            let mut mailboxes = letter.mailboxes.iter();
            let swept = mailboxes.all(|mailbox| self.may_be_swept(*token, mailbox));
            match &letter.way {
                Way::Sent {
                    attempts,
                    acknowledged,
                    ..
                } => {
                    let lost = |it: &&Message| {
                        !copies.contains(it) && !self.ledger.is_erased(**it) && !swept
                    };
                    for message in acknowledged.iter().filter(lost) {
                        wrong.push(format!(
                            "letter {token} was acknowledged as {message}, and is lost"
                        ));
                    }
                    if copies.len() > *attempts {
                        wrong.push(format!(
                            "letter {token}: {} copies, {attempts} attempts",
                            copies.len()
                        ));
                    }
                    duplicates += copies.len().saturating_sub(1);
                }
                Way::Provided { too_large } => {
                    let erased = self.ledger.verified.iter().any(|(message, known)| {
                        *known == Some(*token) && self.ledger.is_erased(*message)
                    });
                    let is_there = *too_large || self.around.at_provider.contains(token);
                    let must = (self.around.all_fetched || !is_there) && !erased && !swept;
                    if copies.len() > 1 || must && copies.is_empty() {
                        wrong.push(format!(
                            "letter {token} of a provider: {} copies",
                            copies.len()
                        ));
                    }
                }
            }
        }
        self.ledger.counts.duplicates = duplicates;
        self.wrong.extend(wrong);
    }
}
