//! Mode `envelope`: the provider writes the recipient down, and nothing else
//! counts. No fall-back to To and Cc, no deduplication: each copy has its own
//! recipient.

use std::time::Duration;

use crate::mail::{Address, Field, LocalPart, Recipient, addresses};
use crate::route::directory::{Directory, Refusal, Route};

use super::account::EnvelopeHeader;
use super::block::ProviderBlock;
use super::decision::{Decision, Evidence, Finding, Reason, Source};

pub(super) fn decide(
    header: &EnvelopeHeader,
    prefix: &str,
    directory: &Directory,
    block: &ProviderBlock<'_>,
) -> Decision {
    let mut evidence = Evidence::new("");
    let Some((field, recipients)) = find(header, prefix, directory, block, &mut evidence) else {
        return Decision::unclaimed(evidence);
    };
    let mut decision = Decision::default();
    let mut lost = 0;
    for address in &recipients {
        // Every refusal means unclaimed here, so the time does not matter: it
        // only tells an address that has just gone from one that never was.
        let recipient = Recipient::Address(address.clone());
        let why = match directory.route(&recipient, Duration::ZERO) {
            Route::Deliver(targets) => {
                let reason = Reason::by_line(Source::Envelope, field, Some(address));
                targets
                    .into_iter()
                    .for_each(|found| decision.add(found, &reason));
                continue;
            }
            Route::Refused(Refusal::NotOurs | Refusal::RecentlyGone)
                if !directory.is_ours(&address.domain) =>
            {
                evidence.consider(field, Finding::Foreign(address.clone()));
                continue;
            }
            Route::Refused(Refusal::Rejected) => "this address is in reject".to_string(),
            Route::Refused(_) => "nobody has this address".to_string(),
            Route::Unclaimed { why } => why,
        };
        lost += 1;
        evidence.consider(field, Finding::Nobodys(address.clone(), why));
    }
    // A foreign address beside one of ours is somebody else's to deliver.
    if lost > 0 || decision.targets.is_empty() {
        evidence.why = match (lost, decision.targets.is_empty()) {
            (_, false) => format!("not all recipients in {} are known", header.name()),
            (0, true) => format!("{} names no address of ours", header.name()),
            (_, true) => format!("the recipient in {} is nobody's", header.name()),
        };
        decision.unclaimed = Some(evidence);
    }
    decision
}

/// The line that counts, and its addresses. None: the evidence says why.
fn find<'a>(
    header: &EnvelopeHeader,
    prefix: &str,
    directory: &Directory,
    block: &ProviderBlock<'a>,
    evidence: &mut Evidence,
) -> Option<(&'a Field, Vec<Address>)> {
    let strip = |address: Address| strip_prefix(address, prefix);
    match header {
        EnvelopeHeader::Field(name) => {
            let Some(field) = block.own.iter().find(|field| field.is(name)) else {
                evidence.why = format!("the provider wrote no {name}");
                for field in block.rest.iter().filter(|field| field.is(name)) {
                    evidence.consider(field, Finding::NotTheProviders);
                }
                return None;
            };
            let found: Vec<Address> = addresses(field.text()).into_iter().map(strip).collect();
            if found.is_empty() {
                evidence.why = format!("the provider's {name} names no address");
                evidence.consider(field, Finding::NoAddress);
                return None;
            }
            Some((field, found))
        }
        EnvelopeHeader::Received => {
            let recipients = |(field, hop): &(&'a Field, crate::mail::Hop)| {
                let found = hop.recipients.iter().cloned().map(strip).collect();
                (*field, found)
            };
            let lines: Vec<(&Field, Vec<Address>)> = block.hops.iter().map(recipients).collect();
            let found = lines.iter().find(|(_, found)| {
                let mut found = found.iter();
                found.any(|address| directory.is_ours(&address.domain))
            });
            if found.is_none() {
                evidence.why = "no Received line of the provider names an address of ours".into();
                consider_received(&lines, block, evidence);
            }
            found.cloned()
        }
    }
}

fn consider_received(
    lines: &[(&Field, Vec<Address>)],
    block: &ProviderBlock<'_>,
    evidence: &mut Evidence,
) {
    for (field, found) in lines {
        match found.first() {
            None => evidence.consider(field, Finding::NoAddress),
            Some(address) => evidence.consider(field, Finding::Foreign(address.clone())),
        }
    }
    for field in block.rest.iter().filter(|field| field.is("Received")) {
        evidence.consider(field, Finding::NotTheProviders);
    }
}

/// Takes the prefix off, once; without case, since it is part of a local part
/// of ours.
pub(super) fn strip_prefix(address: Address, prefix: &str) -> Address {
    let local_part = address.local_part.as_str();
    let has_prefix = local_part
        .get(..prefix.len())
        .is_some_and(|front| front.to_lowercase() == prefix.to_lowercase());
    let rest = local_part.get(prefix.len()..).filter(|_| has_prefix);
    match rest.map(LocalPart::parse) {
        Some(Ok(local_part)) => Address {
            local_part,
            domain: address.domain,
        },
        _ => address,
    }
}
