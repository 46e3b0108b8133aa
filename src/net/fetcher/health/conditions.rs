//! What takes several polls to be seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::fetcher::Report;

/// So often what stays in the mailbox must rise, and never fall in between,
/// until the mailbox is said to grow: mail comes in waves.
const RISES: u32 = 5;
/// One listing may show what the server is about to remove.
const RETURNS: u32 = 3;
/// Servers refuse a message now and then; the third time it is the message.
const REFUSALS: u32 = 3;
/// Refused messages that are counted one by one.
const REFUSED_MAX: usize = 1_000;
/// Of a sentence about a message, octets of its unique-id (RFC 1939 §7: 70).
const SHOWN_CHARACTERS: usize = 80;

/// Messages that are listed, and neither taken over and left there on purpose
/// nor removed. Failed polls do not count: they leave more, and say so.
fn stuck(report: &Report) -> u64 {
    report.postponed + report.oversized + report.refused.len() as u64
}

/// Whether the mailbox fills. A number that rises once a week rises as well, and
/// a full mailbox turns mail away: not time is counted, but rises.
#[derive(Debug, Default)]
pub struct Growth {
    rises: u32,
    /// When it last did not rise.
    at_first: u64,
    at_last: Option<u64>,
}

impl Growth {
    /// A poll came to its end. A sentence while the mailbox grows.
    pub fn see(&mut self, report: &Report) -> Option<String> {
        let stuck = stuck(report);
        match self.at_last.replace(stuck) {
            Some(before) if stuck > before => self.rises = self.rises.saturating_add(1),
            Some(before) if stuck == before => {}
            _ => {
                self.rises = 0;
                self.at_first = stuck;
            }
        }
        (self.rises >= RISES).then(|| {
            let causes = [
                (
                    report.postponed,
                    "wait because of max_messages_per_poll or max_octets_per_poll (raise them)",
                ),
                (
                    report.oversized,
                    "are larger than max_message_size (collect them there, or raise it)",
                ),
                (
                    report.refused.len() as u64,
                    "are refused by the server (ask the provider)",
                ),
            ];
            let causes = causes.iter().filter(|(count, _)| *count > 0);
            let causes: Vec<String> = causes
                .map(|(count, cause)| format!("{count} {cause}"))
                .collect();
            format!(
                "the provider's mailbox grows: {stuck} messages stay in it, where {} did; {}",
                self.at_first,
                causes.join(", ")
            )
        })
    }
}

/// Whether messages that were removed are listed again: such a server confirms
/// what it does not do, and its mailbox fills.
#[derive(Debug, Default)]
pub struct Return {
    times: u32,
    before: Option<Before>,
}

#[derive(Debug)]
struct Before {
    removed: u64,
    left: u64,
    stuck: u64,
}

impl Return {
    /// A poll came to its end. A sentence while removed messages come back.
    pub fn see(&mut self, report: &Report) -> Option<String> {
        let now = Before {
            removed: report.removed,
            left: report.listed.saturating_sub(report.removed),
            stuck: stuck(report),
        };
        let before = self.before.replace(now);
        let returned = before.map_or(0, |before| {
            let new_ones =
                report.fetched + report.duplicates + stuck(report).saturating_sub(before.stuck);
            let returned = report.listed.saturating_sub(before.left + new_ones);
            returned.min(before.removed)
        });
        self.times = if returned > 0 {
            self.times.saturating_add(1)
        } else {
            0
        };
        (self.times >= RETURNS).then(|| {
            format!(
                "the provider's server confirms that it removed messages, and lists {returned} of them again; nothing \
                 arrives twice, but the mailbox fills: ask the provider"
            )
        })
    }
}

/// The messages that are refused, and how often.
#[derive(Debug, Default)]
pub struct Refusals {
    by_message: BTreeMap<String, Refused>,
    has_further: bool,
}

#[derive(Debug)]
struct Refused {
    times: u32,
    said: String,
}

impl Refusals {
    /// Counts what a poll was refused.
    pub fn see(&mut self, report: &Report) {
        // Twice in one poll, as for RETR and DELE, is once.
        let mut counted = BTreeSet::new();
        for (message, refusal) in &report.refused {
            let has_room = self.by_message.len() < REFUSED_MAX;
            if !counted.insert(message) || (!has_room && !self.by_message.contains_key(message)) {
                continue;
            }
            let refused = self.by_message.entry(message.clone()).or_insert(Refused {
                times: 0,
                said: String::new(),
            });
            refused.times = refused.times.saturating_add(1);
            refused.said = refusal.to_string();
            self.has_further |= refused.times == REFUSALS;
        }
    }

    /// A poll came to its end: what it was not refused is given, or gone.
    pub fn forget_all_but(&mut self, report: &Report) {
        let refused: BTreeSet<&String> =
            report.refused.iter().map(|(message, _)| message).collect();
        self.by_message
            .retain(|message, _| refused.contains(message));
    }

    /// Whether one more message has been refused too often, since this was last
    /// asked.
    pub fn further(&mut self) -> bool {
        std::mem::take(&mut self.has_further)
    }

    /// A sentence while a message is refused again and again.
    pub fn sentence(&self) -> Option<String> {
        let mut often = self
            .by_message
            .iter()
            .filter(|(_, refused)| refused.times >= REFUSALS);
        let (message, refused) = often.next()?;
        let message: String = message.chars().take(SHOWN_CHARACTERS).collect();
        let others = match often.count() {
            0 => String::new(),
            others => format!(", and {others} more"),
        };
        Some(format!(
            "the provider's server refuses the same message at every poll, {} times by now ({message}: {}){others}; the \
             rest is fetched; look at it in the provider's web mail, or ask the provider",
            refused.times, refused.said
        ))
    }
}
