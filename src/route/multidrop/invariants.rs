//! What must hold for every header block, as one function for fuzzers and tests.

use std::sync::LazyLock;

use crate::mail::{Domain, HeaderBlock};
use crate::route::{Alias, Directory, Entries, OwnAddress, StoredPassword, UnknownUser, User};

use super::{
    Account, Circumstances, Copies, CopyDigest, Decision, Earlier, EnvelopeHeader, Mode, Proposal,
    Rule, RuleTest, Settled, Source, Survey, TrustedHosts, decide, propose,
};

const USERS: [&str; 3] = ["anna", "bob", "reception"];
/// As the module's head and [`super::decision`] promise.
const REASONS_MAX: usize = 20;
const CONSIDERED_MAX: usize = 50;
/// Folding makes a block longer, and a block has a limit: longer ones are not
/// folded anew.
const FOLDED_OCTETS_MAX: usize = 1500;
/// Where the message came into the provider's network.
const BOUNDARY: &str =
    "Received: from x.example (x.example [203.0.113.1]) by mx.provider.example; x\r\nX: x\r\n";

/// Decides whose a message is that begins like this.
///
/// The first two octets choose the settings; the rest is what was fetched.
///
/// # Panics
/// When an invariant is broken: a message is somebody's or unclaimed, with its
/// reasons; only users of the directory get it; folding and the body change
/// nothing; what a stranger wrote below the provider's own lines names nobody
/// in mode envelope; and no copy vanishes but one that all have who get it.
pub fn check_invariants(input: &[u8]) {
    let mut choices = input.iter().copied();
    let [how, who] = [0; 2].map(|_: u8| choices.next().unwrap_or_default());
    let message = input.get(2..).unwrap_or_default();
    static DIRECTORIES: LazyLock<Vec<Directory>> =
        LazyLock::new(|| (0..8).map(|who| directory(who, None)).collect());
    let who = who & 7;
    let directory = &DIRECTORIES[usize::from(who)];
    let account = account(how);
    let headers = HeaderBlock::read(message);
    let decision = decide(&account, directory, &headers);
    check_decision(&decision, &account);
    check_readings(message, &decision, &account, directory);
    if matches!(account.mode, Mode::Envelope { .. }) {
        check_boundary(message, how, &account, directory);
    }
    check_copies(&decision, account.copies);
    check_proposal(&headers, &account, (who, directory), &decision);
    check_digest(message, &headers);
    let mut survey = Survey::new(directory, &account.hostname, "pop.provider.example");
    survey.add(headers);
    assert!(survey.advise().is_some(), "a message, and no advice");
}

fn account(how: u8) -> Account {
    let envelope = |header| Mode::Envelope {
        header: EnvelopeHeader::named(header),
        prefix: if how & 0x08 == 0 { "" } else { "office-" }.to_string(),
    };
    let trusted: &[&str] = match how & 0x30 {
        0x00 => &[],
        0x10 => &["provider.example"],
        0x20 => &["192.0.2.0/24", "2001:db8::/32"],
        _ => &["provider.example", "192.0.2.0/24"],
    };
    let trusted_hosts = TrustedHosts::parse(trusted.iter().copied());
    Account {
        hostname: "post.example.com".to_string(),
        mode: match how & 0x07 {
            0 => envelope("Received"),
            1 => envelope("X-Envelope-To"),
            2 => envelope("Delivered-To"),
            3 => Mode::Single {
                user: "Sales".to_string(),
            },
            _ => Mode::Guess,
        },
        trusted_hosts: trusted_hosts.expect("the texts above are hosts"),
        copies: match how & 0x40 {
            0 => Copies::PerRecipient,
            _ => Copies::PerMessage,
        },
    }
}

fn directory(who: u8, further_rule: Option<Rule>) -> Directory {
    let user = |name: &&str| User {
        access: Default::default(),
        name: name.to_string(),
        password: StoredPassword::new("$argon2id$"),
        addresses: Vec::new(),
    };
    let entries = Entries {
        domains: vec![Domain::parse("example.com").expect("a domain")],
        users: USERS.iter().map(user).collect(),
        aliases: vec![Alias {
            name: "sales".to_string(),
            targets: vec!["anna".to_string(), "bob".to_string()],
        }],
        reject: vec![OwnAddress::parse("info").expect("an address")],
        unknown_user: match who & 3 {
            0 => UnknownUser::Reject,
            1 => UnknownUser::Unclaimed,
            _ => UnknownUser::CatchAll("reception".to_string()),
        },
    };
    let rule = |header: &str, test| Rule {
        header: header.to_string(),
        test,
        to: vec!["sales".to_string()],
    };
    let mut rules = match who & 4 {
        0 => Vec::new(),
        _ => vec![
            rule("List-Id", RuleTest::Contains("a.example".to_string())),
            rule("Subject", RuleTest::Equals("Grüße an alle".to_string())),
        ],
    };
    rules.extend(further_rule);
    let directory = Directory::new(entries).expect("a good directory");
    directory.with_rules(rules).expect("good rules")
}

fn check_decision(decision: &Decision, account: &Account) {
    let somebodys = !decision.targets.is_empty() || decision.unclaimed.is_some();
    assert!(somebodys, "thrown away");
    let mut users: Vec<&str> = Vec::new();
    for target in &decision.targets {
        let user = target.user.as_str();
        assert!(USERS.contains(&user), "{user} is no user");
        assert!(!users.contains(&user), "{user} gets it twice");
        users.push(user);
        assert!((1..=REASONS_MAX).contains(&target.reasons.len()));
        let why = target.why();
        assert!(!why.contains(char::is_control), "not one line: {why:?}");
        for reason in &target.reasons {
            let fits = match (reason.source, &account.mode) {
                (Source::Rule(_), _) | (Source::Single, Mode::Single { .. }) => true,
                (Source::Envelope, mode) => matches!(mode, Mode::Envelope { .. }),
                (Source::Guess(_), mode) => *mode == Mode::Guess,
                (Source::Single, _) => false,
            };
            assert!(fits, "{reason} in mode {:?}", account.mode);
        }
    }
    if let Some(evidence) = &decision.unclaimed {
        let why = &evidence.why;
        assert!(!why.is_empty() && !why.contains(char::is_control), "{why}");
        assert!(evidence.considered.len() <= CONSIDERED_MAX);
    }
}

/// However it is folded, and whatever follows behind the empty line.
fn check_readings(message: &[u8], expected: &Decision, account: &Account, directory: &Directory) {
    let decided = |message: &[u8]| decide(account, directory, &HeaderBlock::read(message));
    // Behind a CR, what is added would end another line than its own.
    if message.len() > FOLDED_OCTETS_MAX || message.ends_with(b"\r") {
        return;
    }
    let with_body = [message, b"\r\n\r\nTo: anna@example.com\r\n"].concat();
    assert_eq!(decided(&with_body), *expected, "the body counts");
    for fold in ["\r\n ", "\r\n\t \t", "\n "] {
        let folded = fold_values(message, fold.as_bytes());
        assert_eq!(decided(&folded), *expected, "folding with {fold:?} counts");
    }
}

/// Puts `fold` in the place of each blank between two signs of a field's value.
fn fold_values(message: &[u8], fold: &[u8]) -> Vec<u8> {
    let mut folded = Vec::new();
    let mut in_body = false;
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        in_body |= matches!(line, b"\n" | b"\r\n");
        let colon = memchr::memchr(b':', line).filter(|_| !in_body);
        let colon = colon.unwrap_or(line.len());
        for (at, &octet) in line.iter().enumerate() {
            // What is behind a name alone may be folded away to nothing.
            let is_sign = |at: usize| line.get(at).is_some_and(u8::is_ascii_graphic);
            let is_between = at > colon + 1 && is_sign(at - 1) && is_sign(at + 1);
            match octet {
                b' ' if is_between => folded.extend_from_slice(fold),
                octet => folded.push(octet),
            }
        }
    }
    folded
}

/// Below the line by which a message entered the provider's network, everybody
/// can write: in mode envelope that may stop a delivery as a loop, never make one.
fn check_boundary(message: &[u8], how: u8, account: &Account, directory: &Directory) {
    let own = match how & 0x80 {
        0 => "",
        _ => "X-Envelope-To: bob@example.com\r\n",
    };
    let real = format!("{own}{BOUNDARY}");
    let forged = [real.as_bytes(), message].concat();
    let envelope_users = |message: &[u8]| {
        let decision = decide(account, directory, &HeaderBlock::read(message));
        let targets = decision.targets.into_iter();
        let by_envelope = targets.filter(|target| {
            let mut reasons = target.reasons.iter();
            reasons.any(|reason| reason.source == Source::Envelope)
        });
        by_envelope.map(|target| target.user).collect::<Vec<_>>()
    };
    let (real, forged) = (envelope_users(real.as_bytes()), envelope_users(&forged));
    assert!(forged.is_empty() || forged == real, "{forged:?}, {real:?}");
}

/// A copy that comes after others, which went to some, to all or to nobody.
fn check_copies(decision: &Decision, copies: Copies) {
    let all = decision.targets.iter().map(|target| target.user.clone());
    let all: Vec<String> = all.collect();
    for (number, users) in [&[], all.get(..1).unwrap_or(&[]), &all]
        .into_iter()
        .enumerate()
    {
        let earlier = Earlier {
            copies: number,
            users: users.to_vec(),
        };
        match decision.clone().settle(copies, &earlier) {
            Settled::Duplicate => {
                assert!(decision.is_guess && !all.is_empty() && decision.unclaimed.is_none());
                assert!(all.iter().all(|user| users.contains(user)), "not for all");
            }
            Settled::Deliver(settled) => {
                let unclaimed = settled.unclaimed.is_some();
                assert!(unclaimed || !settled.targets.is_empty(), "thrown away");
                let kept = all.iter().filter(|user| !users.contains(user));
                let kept = kept.filter(|user| settled.targets.iter().any(|t| t.user == **user));
                let wanted = all.iter().filter(|user| !users.contains(user));
                assert_eq!(kept.count(), wanted.count(), "somebody gets none");
            }
        }
    }
}

/// A rule that is proposed gives the message to whom it was asked for.
fn check_proposal(
    headers: &HeaderBlock,
    account: &Account,
    (who, without_rule): (u8, &Directory),
    decision: &Decision,
) {
    let known = Circumstances {
        directory: without_rule,
        logins: &["office".to_string()],
    };
    let Proposal::Rule(rule) = propose(known, headers, "bob") else {
        return;
    };
    let decided = decide(account, &directory(who, Some(rule.clone())), headers);
    let users: Vec<&str> = decided.targets.iter().map(|t| t.user.as_str()).collect();
    let asked = decision.targets.is_empty()
        && decision
            .unclaimed
            .as_ref()
            .is_some_and(|evidence| super::rules_are_asked(&evidence.why));
    if asked {
        assert_eq!(users, ["bob"], "by {rule:?}");
    }
}

/// Copies are known by what a digest of them says, however they are cut.
fn check_digest(message: &[u8], headers: &HeaderBlock) {
    let body = message.get(headers.octets().len()..).unwrap_or_default();
    let digest = |octets: usize| {
        let mut digest = CopyDigest::begin(headers);
        body.chunks(octets).for_each(|piece| digest.update(piece));
        digest.finish()
    };
    assert_eq!(digest(1), digest(body.len().max(1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invariants_hold_for_every_seed_and_what_is_mixed_from_them() {
        crate::seeds::replay("recipients", check_invariants);
    }
}
