//! Reasons and evidence, rules, the loop guard. Which mailbox gets what is
//! held by `tests/multidrop`.

use super::*;
use crate::mail::Domain;
use crate::route::{Alias, Entries, OwnAddress, StoredPassword, UnknownUser, User};

fn entries(unknown_user: UnknownUser) -> Entries {
    let user = |name: &str| User {
        access: Default::default(),
        name: name.to_string(),
        password: StoredPassword::new("$argon2id$"),
        addresses: Vec::new(),
    };
    Entries {
        domains: vec![Domain::parse("example.com").unwrap()],
        users: vec![user("anna"), user("bob")],
        aliases: vec![Alias {
            name: "sales".to_string(),
            targets: vec!["anna".to_string(), "bob".to_string()],
        }],
        reject: vec![OwnAddress::parse("info").unwrap()],
        unknown_user,
    }
}

fn directory(unknown_user: UnknownUser) -> Directory {
    Directory::new(entries(unknown_user)).unwrap()
}

fn account(mode: Mode) -> Account {
    Account {
        hostname: "post.example.com".to_string(),
        mode,
        trusted_hosts: TrustedHosts::parse(["provider.example"]).unwrap(),
        copies: Copies::PerRecipient,
    }
}

fn envelope(header: &str) -> Account {
    account(Mode::Envelope {
        header: EnvelopeHeader::named(header),
        prefix: "office-".to_string(),
    })
}

/// The decision in lines: `anna: why`, then the evidence.
fn show(account: &Account, directory: &Directory, message: &str) -> String {
    let decision = decide(account, directory, &HeaderBlock::read(message.as_bytes()));
    let target = |target: &Target| format!("{}: {}", target.user, target.why());
    let mut lines: Vec<String> = decision.targets.iter().map(target).collect();
    lines.extend(decision.unclaimed.map(|evidence| evidence.to_string()));
    lines.join("\n")
}

const OUT: &str = "Received: from x (x.example [203.0.113.1]) by mx.provider.example; x\r\n";

#[test]
fn a_delivery_says_mode_line_and_way() {
    let directory = directory(UnknownUser::CatchAll("bob".to_string()));
    for (account, message, expected) in [
        (
            envelope("Delivered-To"),
            "Delivered-To: office-anna@example.com\r\n",
            "anna: envelope, Delivered-To: office-anna@example.com: user anna",
        ),
        (
            envelope("Delivered-To"),
            "Delivered-To: nosuch@example.com, sales@example.com\r\n",
            "bob: envelope, Delivered-To: nosuch@example.com, sales@example.com: catch-all bob; \
             envelope, Delivered-To: nosuch@example.com, sales@example.com: alias sales\n\
             anna: envelope, Delivered-To: nosuch@example.com, sales@example.com: alias sales",
        ),
        (
            envelope("received"),
            "Received: from x by mx.provider.example for <anna@example.com>; x\r\n",
            "anna: envelope, Received: from x by mx.provider.example for <anna@example.com>; x: \
             user anna",
        ),
        (
            account(Mode::Guess),
            "To: x@other.example\r\nCc: Anna <anna@example.com>\r\n",
            "anna: guess by To and Cc, Cc: Anna <anna@example.com>: user anna",
        ),
        (
            account(Mode::Single {
                user: "Anna".to_string(),
            }),
            "",
            "anna: single: user anna",
        ),
    ] {
        assert_eq!(show(&account, &directory, message), expected, "{message}");
    }
}

#[test]
fn what_is_unclaimed_says_what_was_looked_at() {
    let directory = directory(UnknownUser::Reject);
    let below = "stands below the provider's own lines, where anybody can write it";
    for (account, message, expected) in [
        (
            envelope("Delivered-To"),
            format!("{OUT}Delivered-To: anna@example.com\r\nTo: anna@example.com\r\n"),
            format!(
                "the provider wrote no Delivered-To\n  Delivered-To: anna@example.com\n    {below}"
            ),
        ),
        (
            envelope("Delivered-To"),
            "Delivered-To:\r\n".to_string(),
            "the provider's Delivered-To names no address\n  Delivered-To: \n    names no address"
                .to_string(),
        ),
        (
            envelope("Delivered-To"),
            "Delivered-To: nosuch@example.com\r\n".to_string(),
            "the recipient in Delivered-To is nobody's\n  Delivered-To: nosuch@example.com\n    \
             nosuch@example.com: nobody has this address"
                .to_string(),
        ),
        (
            envelope("Delivered-To"),
            "Delivered-To: info@example.com, x@other.example\r\n".to_string(),
            "the recipient in Delivered-To is nobody's\n  \
             Delivered-To: info@example.com, x@other.example\n    \
             info@example.com: this address is in reject\n  \
             Delivered-To: info@example.com, x@other.example\n    \
             x@other.example: other.example is not ours"
                .to_string(),
        ),
        // One known, one not: the message is also unclaimed.
        (
            envelope("Delivered-To"),
            "Delivered-To: anna@example.com, nosuch@example.com\r\n".to_string(),
            "anna: envelope, Delivered-To: anna@example.com, nosuch@example.com: user anna\n\
             not all recipients in Delivered-To are known\n  \
             Delivered-To: anna@example.com, nosuch@example.com\n    \
             nosuch@example.com: nobody has this address"
                .to_string(),
        ),
        (
            envelope("Received"),
            format!("{OUT}Received: by mx.provider.example for <anna@example.com>; x\r\n"),
            format!(
                "no Received line of the provider names an address of ours\n  \
                 Received: from x (x.example [203.0.113.1]) by mx.provider.example; x\n    \
                 names no address\n  \
                 Received: by mx.provider.example for <anna@example.com>; x\n    {below}"
            ),
        ),
        (
            account(Mode::Guess),
            "To: anna@other.example\r\nCc: nosuch@example.com\r\n".to_string(),
            "the message does not show whose it is: nosuch@example.com: no user and no alias has this address\n  \
             To: anna@other.example\n    \
             anna@other.example: other.example is not ours\n  Cc: nosuch@example.com\n    \
             nosuch@example.com: no user and no alias has this address"
                .to_string(),
        ),
        (
            account(Mode::Single {
                user: "carol".to_string(),
            }),
            String::new(),
            "all mail of this account goes to \"carol\", and there is no such user".to_string(),
        ),
    ] {
        assert_eq!(show(&account, &directory, &message), expected, "{message}");
    }
}

#[test]
fn unknown_users_follow_the_setting() {
    let message = "Delivered-To: nosuch@example.com\r\n";
    for (unknown_user, expected) in [
        (UnknownUser::Reject, "the recipient"),
        (UnknownUser::Unclaimed, "the recipient"),
        (UnknownUser::CatchAll("bob".to_string()), "bob: envelope"),
    ] {
        let shown = show(&envelope("Delivered-To"), &directory(unknown_user), message);
        assert!(shown.starts_with(expected), "{shown}");
    }
}

fn rule(header: &str, test: RuleTest, to: &[&str]) -> Rule {
    Rule {
        header: header.to_string(),
        test,
        to: to.iter().map(|name| name.to_string()).collect(),
    }
}

#[test]
fn rules_claim_what_is_otherwise_unclaimed() {
    use RuleTest::{Contains, Equals};
    let directory = directory(UnknownUser::Unclaimed)
        .with_rules(vec![
            rule(
                "List-Id",
                Contains("Announce.example.org".into()),
                &["anna"],
            ),
            rule("Subject", Equals("Jürgen  fragt".into()), &["sales"]),
            rule("list-id", Contains("example.org".into()), &["bob"]),
        ])
        .unwrap();
    for (message, expected) in [
        (
            "List-Id: x <announce.example.org>\r\n",
            "anna: rule 1, List-Id: x <announce.example.org>: user anna",
        ),
        (
            "LIST-ID: x\r\n <announce.EXAMPLE.org>\r\n",
            "anna: rule 1, LIST-ID: x <announce.EXAMPLE.org>: user anna",
        ),
        (
            "List-Id: <other.example.org>\r\n",
            "bob: rule 3, List-Id: <other.example.org>: user bob",
        ),
        (
            "Subject: =?utf-8?q?J=C3=BCrgen?= fragt\r\n",
            "anna: rule 2, Subject: =?utf-8?q?J=C3=BCrgen?= fragt: alias sales\n\
             bob: rule 2, Subject: =?utf-8?q?J=C3=BCrgen?= fragt: alias sales",
        ),
        (
            "Subject: Jürgen fragt nach\r\n",
            "the message does not show whose it is",
        ),
        (
            "X-List-Id: announce.example.org\r\n",
            "the message does not show whose it is",
        ),
        // Not asked where somebody gets the message.
        (
            "To: bob@example.com\r\nList-Id: announce.example.org\r\n",
            "bob: guess by To and Cc, To: bob@example.com: user bob",
        ),
    ] {
        assert_eq!(
            show(&account(Mode::Guess), &directory, message),
            expected,
            "{message}"
        );
    }
}

#[test]
fn a_rule_that_cannot_work_is_refused_with_its_number() {
    let text = || RuleTest::Contains("x".to_string());
    for (bad, expected) in [
        (
            rule("List-Id:", text(), &["anna"]),
            "rule 2: header = \"List-Id:\": expected",
        ),
        (
            rule("", text(), &["anna"]),
            "rule 2: header = \"\": expected",
        ),
        (
            rule("List-Id", RuleTest::Equals(" ".to_string()), &["anna"]),
            "rule 2: the text to look for is empty",
        ),
        (rule("List-Id", text(), &[]), "rule 2: to = []"),
        (
            rule("List-Id", text(), &["anna", "info"]),
            "rule 2: to = \"info\": there is no user",
        ),
        (
            rule("List-Id", text(), &["anna@example.com"]),
            "rule 2: to = \"anna@example.com\"",
        ),
    ] {
        let rules = vec![rule("X", text(), &["anna"]), bad];
        let error = directory(UnknownUser::Reject)
            .with_rules(rules)
            .unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn a_loop_is_unclaimed_whatever_the_rules_say() {
    let directory = directory(UnknownUser::Reject)
        .with_rules(vec![rule(
            "X",
            RuleTest::Contains("y".to_string()),
            &["anna"],
        )])
        .unwrap();
    let passes = "Received: from a ([192.0.2.1])\r\n\tby Post.example.com; x\r\n";
    let message = |times| format!("X: y\r\n{}To: anna@example.com\r\n", passes.repeat(times));
    assert!(show(&account(Mode::Guess), &directory, &message(5)).starts_with("anna: "));
    assert_eq!(
        show(&account(Mode::Guess), &directory, &message(6)),
        "a loop: the message has passed post.example.com 6 times"
    );
}

#[test]
fn a_guess_from_half_a_header_is_delivered_and_kept() {
    let long = format!(
        "To: anna@example.com\r\n{}Cc: bob@example.com\r\n",
        "X: y\r\n".repeat(2000)
    );
    let shown = show(
        &account(Mode::Guess),
        &directory(UnknownUser::Reject),
        &long,
    );
    assert_eq!(
        shown,
        "anna: guess by To and Cc, To: anna@example.com: user anna\n\
         the header is too long to be read to its end: it may name more"
    );
}

#[test]
fn a_blind_copy_says_so() {
    let message = HeaderBlock::read(b"To: anna@example.com\r\nMessage-ID: <1@x>\r\n");
    let directory = directory(UnknownUser::Reject);
    let decision = decide(&account(Mode::Guess), &directory, &message);
    let earlier = Earlier {
        copies: 1,
        users: vec!["anna".to_string()],
    };
    let settled = decision.clone().settle(Copies::PerMessage, &earlier);
    assert_eq!(settled, Settled::Duplicate);
    match decision.settle(Copies::PerRecipient, &earlier) {
        Settled::Deliver(Decision {
            targets,
            unclaimed: Some(evidence),
            ..
        }) => {
            assert!(targets.is_empty());
            assert_eq!(
                evidence.why,
                "a blind copy: this is copy 2 of the message, which shows 1 of our addresses, and \
                 the provider stores one copy for each recipient"
            );
        }
        other => panic!("{other:?}"),
    }
}
