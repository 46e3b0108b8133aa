//! The requests and their answers.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::status::Status;
use super::transfer::{ExportRequest, Gone};
use crate::route::multidrop::{Rule, RuleTest};

/// What a command asks. Ids are written as the log writes them; times are
/// seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// How the hub is.
    Status,
    /// Read all files anew, as after SIGHUP.
    Reload,
    /// Fetch from the providers now.
    Fetch {
        /// One account; none: all of them.
        account: Option<String>,
    },
    /// The mail of a user: what waits and what is restorable.
    MailList {
        /// The user's name.
        user: String,
    },
    /// The octets of a message.
    MailShow {
        /// The message.
        id: String,
    },
    /// The story of a message: where it went, and why.
    MailWhy {
        /// The message.
        id: String,
    },
    /// Bring back what a user's PC has collected.
    MailRestore {
        /// The user's name.
        user: String,
        /// Collected at this time or later.
        since: i64,
    },
    /// Erase a message wherever it is.
    MailErase {
        /// The message.
        id: String,
    },
    /// Hand out many messages: see [`super::transfer`].
    Export(ExportRequest),
    /// Take in many messages: see [`super::transfer`].
    Import {
        /// The user's name.
        user: String,
        /// Of what was imported before.
        gone: Gone,
    },
    /// The mail that is nobody's.
    UnclaimedList,
    /// Why a message is unclaimed, and its header block.
    UnclaimedEvidence {
        /// The message.
        id: String,
    },
    /// The unclaimed mail that a rule would have given to somebody.
    UnclaimedCaught {
        /// The rule.
        rule: RuleLine,
    },
    /// Give an unclaimed message to a user.
    UnclaimedGive {
        /// The message.
        id: String,
        /// The user's name.
        user: String,
    },
    /// Delete an unclaimed message.
    UnclaimedDelete {
        /// The message.
        id: String,
    },
    /// Delete unclaimed messages that came before a time.
    UnclaimedDeleteBefore {
        /// The time.
        before: i64,
    },
    /// A user was taken out of the directory: seal the mailbox.
    UserRemoved {
        /// The user's name.
        name: String,
    },
    /// Somebody whose mailbox waits is about to be in the directory again: it is to
    /// be met with the new password entry.
    UserReturns {
        /// The name of the mailbox.
        old: String,
        /// The name that the directory is going to have, perhaps in another case.
        new: String,
        /// Of the new password entry.
        fingerprint: String,
    },
    /// Somebody else is about to have the name of a mailbox that waits: seal it.
    UserReplaced {
        /// The name.
        name: String,
    },
    /// Erase what removed users of a name left.
    UserErased {
        /// The name that they had.
        name: String,
    },
    /// A user has another name in the directory: the mailbox goes along.
    UserRenamed {
        /// The name until now.
        old: String,
        /// The name from now on.
        new: String,
    },
    /// The directory has the new name already, because a rename was broken off
    /// behind its edit: the mailbox goes along if it is still there, and of the
    /// same person.
    UserRenamedBefore {
        /// The name until then.
        old: String,
        /// The name since then.
        new: String,
        /// Of the password entry, which tells who somebody is.
        fingerprint: String,
    },
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is done; a sentence for the person who asked.
    Done {
        /// The sentence.
        text: String,
    },
    /// It could not be done.
    Failed {
        /// Why, and what helps.
        why: String,
    },
    /// The user has no mailbox: unknown, or without mail until now.
    NoMailbox,
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To the lists.
    Mail {
        /// A line for each message.
        lines: Vec<MailLine>,
    },
    /// To [`Request::UnclaimedEvidence`].
    Evidence {
        /// By which way it came.
        source: String,
        /// From a provider: rules decide about such mail only.
        fetched: bool,
        /// The sentence, then the header lines considered.
        why: String,
        /// The header block as it came, in Base64.
        headers: String,
    },
    /// To [`Request::MailWhy`].
    Story(Story),
    /// To [`Request::Fetch`].
    Fetched {
        /// What each account came to.
        accounts: Vec<FetchedAccount>,
    },
    /// To [`Request::Export`]: pages follow.
    Exporting {
        /// Messages in the mailboxes, of the part that was asked for.
        messages: u64,
        /// Their octets.
        octets: u64,
    },
    /// To [`Request::Import`]: what is known follows.
    Importing,
    /// To [`Request::MailShow`]: so many octets follow.
    Content {
        /// How many.
        octets: u64,
    },
}

/// What a poll of one account came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FetchedAccount {
    /// Its name in postroom.toml.
    pub account: String,
    /// The poll came to its end.
    pub done: bool,
    /// What came of it, in a line.
    pub text: String,
    /// Messages that were in the mailbox.
    pub listed: u64,
    /// Messages that were fetched and are committed, also by a poll that failed.
    pub fetched: u64,
    /// Their octets.
    pub fetched_octets: u64,
    /// Of these, unclaimed ones.
    pub unclaimed: u64,
    /// Messages that are here already under another unique-id, or as a copy.
    pub duplicates: u64,
    /// Messages that were removed at the provider.
    pub removed: u64,
    /// Messages that stay there because of their size.
    pub oversized: u64,
    /// Messages that wait there for the next poll.
    pub postponed: u64,
    /// Messages that the server refuses, each with what it says.
    pub refused: Vec<String>,
    /// What is peculiar about the server.
    pub remarks: Vec<String>,
}

/// What a rule looks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLine {
    /// The header's name.
    pub header: String,
    /// The text.
    pub text: String,
    /// The text must be all of the header's value.
    pub whole: bool,
}

impl From<&Rule> for RuleLine {
    fn from(rule: &Rule) -> RuleLine {
        let (text, whole) = match &rule.test {
            RuleTest::Contains(text) => (text, false),
            RuleTest::Equals(text) => (text, true),
        };
        RuleLine {
            header: rule.header.clone(),
            text: text.clone(),
            whole,
        }
    }
}

impl From<RuleLine> for Rule {
    fn from(line: RuleLine) -> Rule {
        Rule {
            header: line.header,
            test: match line.whole {
                true => RuleTest::Equals(line.text),
                false => RuleTest::Contains(line.text),
            },
            to: Vec::new(),
        }
    }
}

/// A message in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailLine {
    /// The message.
    pub id: String,
    /// When it was received.
    pub received_at: i64,
    /// When the PC collected it; none: it waits.
    pub collected_at: Option<i64>,
    /// It lies in the sealed mailbox of a removed user.
    pub sealed: bool,
    /// Its size as POP3 shows it.
    pub octets: u64,
    /// Who sent it, by the envelope.
    pub reverse_path: String,
    /// From and Subject as in the message; for eyes only.
    pub from: String,
    /// See `from`.
    pub subject: String,
    /// Why it is in this mailbox.
    pub why: String,
}

/// What is known of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The message.
    pub id: String,
    /// When it was received.
    pub received_at: i64,
    /// By which way: `smtp`.
    pub source: String,
    /// Who sent it, by the envelope.
    pub reverse_path: String,
    /// Octets as they came, without our trace lines.
    pub octets: u64,
    /// Where it went.
    pub entries: Vec<StoryEntry>,
}

/// A message in one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryEntry {
    /// Whose mailbox; none: the unclaimed tray.
    pub user: Option<String>,
    /// The user has been removed since.
    pub sealed: bool,
    /// The rule that put it there.
    pub why: String,
    /// The addresses that led there.
    pub delivered_to: Vec<String>,
    /// What UIDL shows.
    pub unique_id: String,
    /// When it was put there.
    pub delivered_at: i64,
    /// When the PC collected it.
    pub collected_at: Option<i64>,
}

/// A time as messages have it: seconds since 1970.
pub fn seconds(at: SystemTime) -> i64 {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs().try_into().unwrap_or(i64::MAX),
        Err(before) => -before.duration().as_secs().try_into().unwrap_or(i64::MAX),
    }
}
