//! Which settings fit a provider: from the header blocks that lie in his
//! mailbox now to the lines for postroom.toml.

mod elsewhere;
mod lines;

use std::collections::{BTreeMap, BTreeSet};

use crate::mail::{Address, HeaderBlock, Hop, addresses};
use crate::route::directory::Directory;

use super::account::{Account, Copies, EnvelopeHeader, Mode};
use super::block::ProviderBlock;
use super::envelope::strip_prefix;
use super::guess::KNOWN_HEADERS;
use super::trusted::{TrustedHosts, parent};
use super::{CopyDigest, decide};

pub use elsewhere::Elsewhere;
pub use lines::Advice;

/// Of a hundred messages so many must carry a header to be called "every
/// message": a mailbox may hold a few that the provider put there himself.
const EVERY_PERCENT: usize = 95;
/// Messages looked at: more say the same, and they are kept for the survey.
const MESSAGES_MAX: usize = 1000;
/// Octets of header blocks kept.
const OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Collects header blocks, then advises.
#[derive(Debug)]
pub struct Survey<'a> {
    directory: &'a Directory,
    hostname: String,
    provider_host: String,
    messages: Vec<HeaderBlock>,
    octets: usize,
}

/// One header as a candidate.
#[derive(Debug)]
struct Candidate {
    header: EnvelopeHeader,
    prefix: String,
    carried: usize,
    explained: usize,
}

impl<'a> Survey<'a> {
    /// A survey for the provider whose POP3 server has this name.
    pub fn new(directory: &'a Directory, hostname: &str, provider_host: &str) -> Survey<'a> {
        Survey {
            directory,
            hostname: hostname.to_string(),
            provider_host: provider_host.to_string(),
            messages: Vec::new(),
            octets: 0,
        }
    }

    /// Adds a message. Says whether more are of use.
    pub fn add(&mut self, headers: HeaderBlock) -> bool {
        let octets = headers.octets().len();
        let has_room = self.messages.len() < MESSAGES_MAX && self.octets + octets <= OCTETS_MAX;
        if has_room {
            self.octets += octets;
            self.messages.push(headers);
        }
        has_room
    }

    /// The settings that explain most of the messages. None without messages.
    pub fn advise(&self) -> Option<Advice> {
        if self.messages.is_empty() {
            return None;
        }
        let trusted_hosts = self.find_trusted_hosts();
        let candidates = self.candidates(&trusted_hosts);
        let every = |candidate: &&Candidate| {
            candidate.carried * 100 >= self.messages.len() * EVERY_PERCENT
                && candidate.explained > 0
        };
        // The first of equals: the list is in order of exactness.
        let best = candidates.iter().filter(every).rev();
        let best = best.max_by_key(|candidate| (candidate.explained, candidate.carried));
        let (mode, carried, position) = match best {
            Some(best) => {
                let mode = Mode::Envelope {
                    header: best.header.clone(),
                    prefix: best.prefix.clone(),
                };
                let position = self.find_position(&best.header, &trusted_hosts);
                (mode, best.carried, position)
            }
            None => (Mode::Guess, 0, None),
        };
        let untrusted = match mode {
            Mode::Envelope { .. } => None,
            _ => self.find_untrusted(&trusted_hosts),
        };
        Some(Advice {
            copies: self.find_copies(&mode, &trusted_hosts),
            explained: self.count_explained(&mode, &trusted_hosts),
            trusted_hosts: trusted_hosts.to_setting(),
            messages: self.messages.len(),
            mode,
            carried,
            position,
            untrusted,
            elsewhere: self.find_elsewhere(),
        })
    }

    fn count(&self, is_so: impl Fn(&HeaderBlock) -> bool) -> usize {
        self.messages
            .iter()
            .filter(|message| is_so(message))
            .count()
    }

    fn account(&self, mode: &Mode, trusted_hosts: &TrustedHosts) -> Account {
        Account {
            hostname: self.hostname.clone(),
            mode: mode.clone(),
            trusted_hosts: trusted_hosts.clone(),
            copies: Copies::PerRecipient,
        }
    }

    fn count_explained(&self, mode: &Mode, trusted_hosts: &TrustedHosts) -> usize {
        let account = self.account(mode, trusted_hosts);
        self.count(|message| {
            let decision = decide(&account, self.directory, message);
            !decision.targets.is_empty()
        })
    }

    /// The provider's domain, where its hosts wrote the topmost Received lines;
    /// else the domain that wrote most of them.
    fn find_trusted_hosts(&self) -> TrustedHosts {
        let default = TrustedHosts::of_provider(&self.provider_host);
        let mut writers: BTreeMap<String, usize> = BTreeMap::new();
        let mut by_default = 0;
        for message in &self.messages {
            let topmost = message.fields().iter().find(|field| field.is("Received"));
            let Some(by) = topmost.and_then(|field| Hop::parse(field.text()).by) else {
                continue;
            };
            if default.includes_name(&by) {
                by_default += 1;
            } else if by.contains('.') && TrustedHosts::parse([parent(&by)]).is_ok() {
                *writers.entry(parent(&by).to_string()).or_default() += 1;
            }
        }
        let most = writers.into_iter().max_by_key(|(_, count)| *count);
        match most {
            Some((domain, count)) if count > by_default => {
                TrustedHosts::parse([domain.as_str()]).unwrap_or(default)
            }
            _ => default,
        }
    }

    /// Known headers first, then whatever names an address of ours within the
    /// provider's own lines, at last the Received lines.
    fn candidates(&self, trusted_hosts: &TrustedHosts) -> Vec<Candidate> {
        let mut names: Vec<String> = KNOWN_HEADERS.map(String::from).to_vec();
        for message in &self.messages {
            for field in ProviderBlock::of(message.fields(), trusted_hosts).own {
                let is_new = || !names.iter().any(|name| field.is(name));
                if is_new() && !is_the_senders(field.name()) && self.names_ours(field.text()) {
                    names.push(field.name().to_string());
                }
            }
        }
        let fields = names.into_iter().map(EnvelopeHeader::Field);
        let headers = fields.chain([EnvelopeHeader::Received]);
        headers
            .map(|header| self.candidate(header, trusted_hosts))
            .collect()
    }

    fn candidate(&self, header: EnvelopeHeader, trusted_hosts: &TrustedHosts) -> Candidate {
        let found: Vec<Vec<Address>> = self
            .messages
            .iter()
            .map(|message| {
                let found = carried_addresses(message, &header, trusted_hosts).into_iter();
                found
                    .filter(|a| self.directory.is_ours(&a.domain))
                    .collect()
            })
            .collect();
        let prefix = self.find_prefix(&found);
        let explains = |found: &&Vec<Address>| {
            let mut found = found.iter().cloned();
            found.any(|address| {
                let address = strip_prefix(address, &prefix);
                !self.directory.holders_of(&address).is_empty()
            })
        };
        Candidate {
            carried: found.iter().filter(|found| !found.is_empty()).count(),
            explained: found.iter().filter(explains).count(),
            header,
            prefix,
        }
    }

    /// The text before known local parts that explains most addresses; empty
    /// where more are known as they stand.
    fn find_prefix(&self, found: &[Vec<Address>]) -> String {
        let mut votes: BTreeMap<String, usize> = BTreeMap::new();
        for address in found.iter().flatten() {
            if !self.directory.holders_of(address).is_empty() {
                *votes.entry(String::new()).or_default() += 1;
                continue;
            }
            let local_part = address.local_part.as_str();
            // `office-anna`: what ends in a sign that no name ends in.
            for (at, sign) in local_part.char_indices() {
                let prefix = local_part.get(..at + sign.len_utf8()).unwrap_or_default();
                let stripped = strip_prefix(address.clone(), prefix);
                if "-_.=+".contains(sign) && !self.directory.holders_of(&stripped).is_empty() {
                    *votes.entry(prefix.to_lowercase()).or_default() += 1;
                }
            }
        }
        let best = votes.into_iter().max_by_key(|(_, count)| *count);
        best.map(|(prefix, _)| prefix).unwrap_or_default()
    }

    fn names_ours(&self, text: &str) -> bool {
        let mut found = addresses(text).into_iter();
        found.any(|address| self.directory.is_ours(&address.domain))
    }

    fn find_position(&self, header: &EnvelopeHeader, trusted: &TrustedHosts) -> Option<usize> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for message in &self.messages {
            let own = ProviderBlock::of(message.fields(), trusted).own;
            if let Some(index) = own.iter().position(|field| field.is(header.name())) {
                *counts.entry(index + 1).or_default() += 1;
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(position, _)| position)
    }

    fn find_untrusted(&self, trusted_hosts: &TrustedHosts) -> Option<String> {
        let below = |name: &str| {
            self.count(|message| {
                let block = ProviderBlock::of(message.fields(), trusted_hosts);
                let mut rest = block.rest.iter().filter(|field| field.is(name));
                rest.any(|field| self.names_ours(field.text()))
            })
        };
        let found = KNOWN_HEADERS
            .iter()
            .find(|name| below(name) * 100 >= self.messages.len() * EVERY_PERCENT);
        found.map(|name| name.to_string())
    }

    /// Several recipients in one header: one copy for all. Copies of one
    /// message: one for each. Else what messages to several of us came as.
    fn find_copies(&self, mode: &Mode, trusted_hosts: &TrustedHosts) -> Option<Copies> {
        let mut groups: BTreeMap<[u8; 32], (usize, usize)> = BTreeMap::new();
        for message in &self.messages {
            if let Mode::Envelope { header, .. } = mode {
                let found = carried_addresses(message, header, trusted_hosts);
                let ours = found.iter().filter(|a| self.directory.is_ours(&a.domain));
                if ours.count() > 1 {
                    return Some(Copies::PerMessage);
                }
            }
            // Without a Message-ID the trace lines count: no two are alike.
            let group = groups.entry(CopyDigest::begin(message).finish());
            let (copies, visible) = group.or_default();
            *copies += 1;
            *visible = self.count_visible(message);
        }
        let several = groups.into_values().filter(|(_, visible)| *visible > 1);
        let (mut per_recipient, mut per_message) = (0, 0);
        for (copies, _) in several {
            match copies {
                1 => per_message += 1,
                _ => per_recipient += 1,
            }
        }
        match (per_recipient, per_message) {
            (0, 0) => None,
            (per_recipient, per_message) if per_recipient >= per_message => {
                Some(Copies::PerRecipient)
            }
            _ => Some(Copies::PerMessage),
        }
    }

    fn count_visible(&self, message: &HeaderBlock) -> usize {
        let fields = message.fields().iter();
        let visible = fields.filter(|field| field.is("To") || field.is("Cc"));
        let found = visible.flat_map(|field| addresses(field.text()));
        let ours = found.filter(|address| !self.directory.holders_of(address).is_empty());
        let distinct: BTreeSet<String> = ours.map(|a| a.to_string().to_lowercase()).collect();
        distinct.len()
    }
}

/// What the header names within the provider's own lines.
fn carried_addresses(
    message: &HeaderBlock,
    header: &EnvelopeHeader,
    trusted_hosts: &TrustedHosts,
) -> Vec<Address> {
    let block = ProviderBlock::of(message.fields(), trusted_hosts);
    match header {
        EnvelopeHeader::Received => {
            let hops = block.hops.into_iter();
            hops.flat_map(|(_, hop)| hop.recipients).collect()
        }
        EnvelopeHeader::Field(name) => {
            let topmost = block.own.iter().find(|field| field.is(name));
            topmost
                .map(|field| addresses(field.text()))
                .unwrap_or_default()
        }
    }
}

/// Fields that name people, but not the envelope's recipients.
fn is_the_senders(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "Received",
        "Return-Path",
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Bcc",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Subject",
        "Errors-To",
        "DKIM-Signature",
    ];
    let lower = name.to_ascii_lowercase();
    let families = ["resent-", "arc-", "list-", "authentication-", "received-"];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
        || families.iter().any(|family| lower.starts_with(family))
}

#[cfg(test)]
mod tests;
