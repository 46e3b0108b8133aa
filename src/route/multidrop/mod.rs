//! Whose mail is it? From a fetched message's header block to its recipients.
//!
//! ```text
//! account, directory, header block ──▶ loop guard ──▶ envelope | guess | single ──▶ Decision
//!                                                       │ nobody, or not all        │
//!                                                       └──▶ rules ──▶ unclaimed    └─▶ copies (guess)
//! ```
//! Pure: no network, no store, no clock. The fetcher asks [`decide`] for each
//! message, [`Decision::settle`] for the copies of one that was guessed, and
//! [`Survey`] for the advice of a dry run. Who gives an unclaimed message to
//! somebody asks [`propose`] for the rule that would have done it.
//!
//! Nothing here throws a message away, and nothing decides by what a stranger
//! may have written where the provider would have written it: see `block`.

mod account;
mod decision;
mod block;
mod trusted;
mod envelope;
mod guess;
mod rules;
mod proposal;
mod copies;
mod digest;
mod advice;
#[cfg(any(test, fuzzing))]
mod invariants;

pub use account::{Account, Copies, EnvelopeHeader, Mode};
pub use advice::{Advice, Elsewhere, Survey};
pub use copies::{Earlier, Settled};
pub use decision::{Considered, Decision, Evidence, Finding, Reason, Source, Target, Tier};
pub use digest::CopyDigest;
#[cfg(any(test, fuzzing))]
pub use invariants::check_invariants;
pub use proposal::{Circumstances, Proposal, catches, propose};
pub use rules::{Rule, RuleError, RuleFault, RuleTest};
pub use trusted::{TrustedHosts, TrustedHostsError};

use crate::mail::{HeaderBlock, HeaderScanner};

use super::directory::Directory;
use block::ProviderBlock;

/// How often a message may have passed this hub. More means that somebody
/// sends back what we hand out, for ever.
const PASSES_MAX: usize = 5;
/// How the evidence of such a message begins.
const LOOP: &str = "a loop:";

/// Decides whose mail a fetched message is.
pub fn decide(account: &Account, directory: &Directory, headers: &HeaderBlock) -> Decision {
    let mut scanner = HeaderScanner::new(&account.hostname);
    scanner.scan(headers.octets());
    let passes = scanner.hops().by_us;
    if passes > PASSES_MAX {
        let why = format!(
            "{LOOP} the message has passed {} {passes} times",
            account.hostname
        );
        return Decision::unclaimed(Evidence::new(why));
    }
    let mut decision = match &account.mode {
        Mode::Envelope { header, prefix } => {
            let block = ProviderBlock::of(headers.fields(), &account.trusted_hosts);
            envelope::decide(header, prefix, directory, &block)
        }
        Mode::Guess => {
            let block = ProviderBlock::of(headers.fields(), &account.trusted_hosts);
            guess::decide(directory, &block, headers.is_complete())
        }
        Mode::Single { user } => single(user, directory),
    };
    if decision.unclaimed.is_some() {
        rules::claim(
            &mut decision,
            directory.rules(),
            directory,
            headers.fields(),
        );
    }
    decision
}

/// Whether rules are asked about a message that is unclaimed for this reason:
/// not where it runs in a loop, and not about a copy too many, since whoever a
/// rule names may have the first one.
pub fn rules_are_asked(why: &str) -> bool {
    !why.starts_with(LOOP) && !why.starts_with(copies::BLIND_COPY)
}

fn single(user: &str, directory: &Directory) -> Decision {
    let mut decision = Decision::default();
    for found in directory.users_named(user) {
        decision.add(found, &Reason::new(Source::Single));
    }
    if decision.targets.is_empty() {
        let why = format!("all mail of this account goes to \"{user}\", and there is no such user");
        decision.unclaimed = Some(Evidence::new(why));
    }
    decision
}

#[cfg(test)]
mod tests;
