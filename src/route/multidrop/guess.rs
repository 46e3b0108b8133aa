//! Mode `guess`: the recipients from what the message shows, where the
//! provider does not write them down.
//!
//! Tiers, never a union: the first that yields an address of a user or an
//! alias wins. A guess never reaches the catch-all.

use std::collections::{BTreeSet, HashSet};

use crate::mail::{Address, Domain, Field, addresses};
use crate::route::directory::Directory;

use super::block::ProviderBlock;
use super::decision::{Decision, Evidence, Finding, Reason, Source, Tier};

/// What providers write, most exact first: Postfix writes X-Original-To before
/// and Delivered-To after its aliases.
pub(super) const KNOWN_HEADERS: [&str; 6] = [
    "X-Envelope-To",
    "Envelope-To",
    "X-Original-To",
    "X-RCPT-TO",
    "X-Delivered-To",
    "Delivered-To",
];

/// `is_complete`: the whole header block was read.
pub(super) fn decide(
    directory: &Directory,
    block: &ProviderBlock<'_>,
    is_complete: bool,
) -> Decision {
    let mut guess = Guess {
        directory,
        decision: Decision {
            is_guess: true,
            ..Decision::default()
        },
        taken: HashSet::new(),
        visible: BTreeSet::new(),
        evidence: Evidence::new("the message does not show whose it is"),
    };
    let decided = guess.by_envelope_header(block)
        || guess.by_received(block)
        || guess.by_resent(block)
        || guess.by_to_and_cc(block);
    let Guess {
        mut decision,
        visible,
        mut evidence,
        ..
    } = guess;
    if !visible.is_empty() {
        decision.visible = Some(visible.len());
    }
    if decided && !visible.is_empty() && !is_complete {
        evidence = Evidence::new("the header is too long to be read to its end: it may name more");
    }
    if !decided {
        evidence.name_the_nearest();
    }
    if !decided || (decision.visible.is_some() && !is_complete) {
        decision.unclaimed = Some(evidence);
    }
    decision
}

struct Guess<'a> {
    directory: &'a Directory,
    decision: Decision,
    /// What counted already, without tags: each address of the directory is
    /// asked for once, however long the lists.
    taken: HashSet<(String, Domain)>,
    /// The addresses of ours that a visible tier showed, whole, lower case.
    visible: BTreeSet<String>,
    evidence: Evidence,
}

impl Guess<'_> {
    /// The topmost line of each known header in the provider's own block.
    fn by_envelope_header(&mut self, block: &ProviderBlock<'_>) -> bool {
        for name in KNOWN_HEADERS {
            let topmost = block.own.iter().find(|field| field.is(name));
            if let Some(field) = topmost
                && self.take(Tier::EnvelopeHeader, field, &addresses(field.text()))
            {
                return true;
            }
            for field in block.rest.iter().filter(|field| field.is(name)) {
                self.evidence.consider(field, Finding::NotTheProviders);
            }
        }
        false
    }

    fn by_received(&mut self, block: &ProviderBlock<'_>) -> bool {
        let mut hops = block.hops.iter();
        hops.any(|(field, hop)| self.take(Tier::ReceivedFor, field, &hop.recipients))
    }

    fn by_resent(&mut self, block: &ProviderBlock<'_>) -> bool {
        let named = |field: &Field| {
            let names = ["Resent-To", "Resent-Cc", "Resent-Bcc"];
            names.iter().any(|name| field.is(name))
        };
        let newest = newest_resent(block.own.iter().chain(block.rest));
        self.by_visible(
            Tier::Resent,
            newest.into_iter().filter(|field| named(field)),
        )
    }

    fn by_to_and_cc(&mut self, block: &ProviderBlock<'_>) -> bool {
        let fields = block.own.iter().chain(block.rest);
        self.by_visible(
            Tier::ToCc,
            fields.filter(|field| field.is("To") || field.is("Cc")),
        )
    }

    fn by_visible<'a>(&mut self, tier: Tier, fields: impl Iterator<Item = &'a Field>) -> bool {
        let mut any = false;
        for field in fields {
            let found = addresses(field.text());
            any |= self.take(tier, field, &found);
            for address in &found {
                if !self.directory.holders_of(address).is_empty() {
                    let whole = address.to_string().to_lowercase();
                    self.visible.insert(whole);
                }
            }
        }
        any
    }

    /// Takes the addresses of users and aliases among these.
    fn take(&mut self, tier: Tier, field: &Field, found: &[Address]) -> bool {
        let mut any = false;
        for address in found {
            let targets = self.directory.holders_of(address);
            any |= !targets.is_empty();
            let key = (address.local_part.folded(), address.domain.clone());
            if targets.is_empty() || !self.taken.insert(key) {
                continue;
            }
            for target in targets {
                let reason = Reason::by_line(Source::Guess(tier), field, Some(address));
                self.decision.add(target, &reason);
            }
        }
        if !any {
            self.evidence.consider(field, self.finding(found));
        }
        any
    }

    /// Of several addresses the one that is nearest to us.
    fn finding(&self, found: &[Address]) -> Finding {
        let is_ours = |address: &&Address| self.directory.is_ours(&address.domain);
        match (found.iter().find(is_ours), found.first()) {
            (Some(address), _) => Finding::Nobodys(
                address.clone(),
                "no user and no alias has this address".to_string(),
            ),
            (None, Some(address)) => Finding::Foreign(address.clone()),
            (None, None) => Finding::NoAddress,
        }
    }
}

/// The topmost block of Resent lines (RFC 5322 §3.6.6): it ends at a trace
/// line, or where a name comes again, since each stands once in a block.
fn newest_resent<'a>(fields: impl Iterator<Item = &'a Field>) -> Vec<&'a Field> {
    let mut newest: Vec<&Field> = Vec::new();
    for field in fields {
        let name = field.name();
        let is_resent = name
            .get(..7)
            .is_some_and(|front| front.eq_ignore_ascii_case("Resent-"));
        if is_resent {
            if newest.iter().any(|earlier| earlier.is(name)) {
                break;
            }
            newest.push(field);
        } else if !newest.is_empty() && (field.is("Received") || field.is("Return-Path")) {
            break;
        }
    }
    newest
}
