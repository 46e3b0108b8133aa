//! Which rule is proposed for which message, and that it is never too wide.

use super::*;
use crate::mail::Domain;
use crate::route::{Alias, Entries, OwnAddress, StoredPassword, UnknownUser, User};

fn directory(rules: Vec<Rule>) -> Directory {
    let user = |name: &str, addresses: &[&str]| User {
        access: Default::default(),
        name: name.to_string(),
        password: StoredPassword::new("$argon2id$"),
        addresses: addresses
            .iter()
            .map(|address| OwnAddress::parse(address).unwrap())
            .collect(),
    };
    let entries = Entries {
        domains: vec![
            Domain::parse("example.com").unwrap(),
            Domain::parse("b.example").unwrap(),
        ],
        users: vec![user("anna", &["a.smith"]), user("bob", &[])],
        aliases: vec![Alias {
            name: "sales".to_string(),
            targets: vec!["anna".to_string(), "bob".to_string()],
        }],
        reject: vec![OwnAddress::parse("info").unwrap()],
        unknown_user: UnknownUser::CatchAll("bob".to_string()),
    };
    Directory::new(entries).unwrap().with_rules(rules).unwrap()
}

fn show(rule: &Rule) -> String {
    let (word, text) = match &rule.test {
        RuleTest::Contains(text) => ("contains", text),
        RuleTest::Equals(text) => ("equals", text),
    };
    format!("{} {word} {text} -> {}", rule.header, rule.to.join(","))
}

fn proposal(rules: Vec<Rule>, headers: &str, user: &str) -> String {
    let directory = directory(rules);
    let known = Circumstances {
        directory: &directory,
        logins: &["office".to_string(), "all@b.example".to_string()],
    };
    let headers = HeaderBlock::read(headers.as_bytes());
    match propose(known, &headers, user) {
        Proposal::Rule(rule) => {
            assert!(catches(&rule, &headers), "{rule:?}");
            show(&rule)
        }
        Proposal::Caught(number, users) => format!("caught by {number} for {}", users.join(",")),
        Proposal::Nothing => "nothing".to_string(),
    }
}

#[test]
fn the_narrowest_rule_is_proposed() {
    for (headers, expected) in [
        // The list's id, whatever stands around it.
        (
            "List-Id: News <announce.example.org>\r\nTo: x@example.com\r\nFrom: y@z.example\r\n",
            "List-Id contains <announce.example.org> -> anna",
        ),
        (
            "list-id: =?utf-8?q?N=C3=A9ws?=\r\n <announce.example.org>\r\n",
            "list-id contains <announce.example.org> -> anna",
        ),
        (
            "List-Id: announce.example.org\r\n",
            "List-Id equals announce.example.org -> anna",
        ),
        ("List-ID: < a.b.c > (x)\r\n", "nothing"),
        // An id that says nothing: our domain, a number, a sentence.
        (
            "List-Id: <example.com>\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "List-Id: <B.Example>\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "List-Id: 4711\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "List-Id: The list of all. Hello\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "List-Id: <>\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "List-Id: <@example.com>\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        // An address of ours that is nobody's.
        (
            "To: Ana <ana@example.com>\r\nFrom: y@z.example\r\n",
            "To contains <ana@example.com> -> anna",
        ),
        (
            "To: ANA@Example.com\r\n",
            "To equals ANA@example.com -> anna",
        ),
        (
            "To: bob@example.com, ana@example.com\r\n",
            "To contains ana@example.com -> anna",
        ),
        (
            "To: list@z.example\r\nCc: <ana@b.example>\r\n",
            "Cc contains <ana@b.example> -> anna",
        ),
        (
            "X-Envelope-To: ana@example.com\r\nTo: list@z.example\r\nFrom: y@z.example\r\n",
            "X-Envelope-To equals ana@example.com -> anna",
        ),
        (
            "To: postmaster@example.com\r\n",
            "To equals postmaster@example.com -> anna",
        ),
        // The account's own address stands in every message.
        (
            "Delivered-To: office@example.com\r\nX-Original-To: all@b.example\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "Delivered-To: office@provider.example\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "To: office@example.com\r\n",
            "To equals office@example.com -> anna",
        ),
        // Somebody has it: it did not lead nowhere.
        (
            "To: a.smith@example.com, sales@example.com\r\nFrom: Y <y@z.example>\r\n",
            "From contains <y@z.example> -> anna",
        ),
        // The list's own address, where the message is a list's.
        (
            "To: news@z.example\r\nPrecedence: List\r\nFrom: y@z.example\r\n",
            "To equals news@z.example -> anna",
        ),
        (
            "To: x@c.example, N <news@z.example>\r\nList-Post: <mailto:news@z.example>\r\n",
            "To contains <news@z.example> -> anna",
        ),
        (
            "To: x@c.example, news@z.example\r\nPrecedence: bulk\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "To: y@z.example\r\nPrecedence: bulk\r\nFrom: y@z.example\r\n",
            "From equals y@z.example -> anna",
        ),
        (
            "To: x@c.example\r\nFrom: Y <y@z.example>\r\n",
            "From contains <y@z.example> -> anna",
        ),
        (
            "From: \"y@example.com\" <Y@Z.example>\r\n",
            "From contains <Y@z.example> -> anna",
        ),
        (
            "From: Y y@z.example (Y)\r\n",
            "From contains y@z.example -> anna",
        ),
    ] {
        assert_eq!(proposal(Vec::new(), headers, "anna"), expected, "{headers}");
    }
}

#[test]
fn no_rule_is_better_than_a_wide_one() {
    for headers in [
        "",
        "Subject: hello\r\n",
        "To: undisclosed-recipients:;\r\n",
        "From: anna@example.com\r\n",
        "From: a@z.example, b@z.example\r\n",
        "From: nobody\r\n",
        // What the address reads is not what stands there: no rule finds it.
        "From: <y @ z.example>\r\n",
        "To: office@provider.example\r\n",
        // A machine's own name could be any machine's.
        "To: local-list@a, @example.com\r\nList-Id: x\r\n",
    ] {
        assert_eq!(
            proposal(Vec::new(), headers, "anna"),
            "nothing",
            "{headers}"
        );
    }
    let long = format!("List-Id: <{}.example>\r\n", "x".repeat(400));
    assert_eq!(proposal(Vec::new(), &long, "anna"), "nothing");
    // No such user: a rule to nobody is none.
    assert_eq!(
        proposal(Vec::new(), "From: y@z.example\r\n", "zoe"),
        "nothing"
    );
}

#[test]
fn a_rule_that_is_there_already_goes_first() {
    let rule = |header: &str, text: &str, to: &str| Rule {
        header: header.to_string(),
        test: RuleTest::Contains(text.to_string()),
        to: vec![to.to_string()],
    };
    let rules = || {
        vec![
            rule("Subject", "offer", "bob"),
            rule("From", "@z.example", "sales"),
        ]
    };
    let headers = "From: y@z.example\r\nSubject: hello\r\n";
    assert_eq!(
        proposal(rules(), headers, "anna"),
        "caught by 2 for anna,bob"
    );
    let headers = "From: y@other.example\r\nSubject: hello\r\n";
    assert_eq!(
        proposal(rules(), headers, "anna"),
        "From equals y@other.example -> anna"
    );
}

#[test]
fn whatever_a_message_holds_the_rule_gives_it_and_is_narrow() {
    use proptest::prelude::*;
    let name = prop_oneof![
        Just("To"),
        Just("Cc"),
        Just("From"),
        Just("List-Id"),
        Just("List-Post"),
        Just("Delivered-To"),
        Just("Precedence"),
        Just("X-Envelope-To"),
    ];
    let value = "[a-c<>@., \"():;=?]{0,20}(@example\\.com|@z\\.example|<x\\.y>|bulk|)[>, ]{0,2}";
    let fields = prop::collection::vec((name, value), 0..6);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(fields in fields)| {
        let lines = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let headers = lines.collect::<String>();
        let block = HeaderBlock::read(headers.as_bytes());
        let directory = directory(Vec::new());
        let known = Circumstances { directory: &directory, logins: &[] };
        if let Proposal::Rule(rule) = propose(known, &block, "anna") {
            prop_assert!(catches(&rule, &block));
            let (RuleTest::Contains(text) | RuleTest::Equals(text)) = &rule.test;
            prop_assert!(text.chars().count() >= TEXT_CHARS_MIN);
            prop_assert!(text.contains('.'), "{text}");
            let bare = text.trim_matches(|c: char| "<>@ ".contains(c));
            prop_assert!(bare != "example.com" && bare != "b.example", "{text}");
        }
    });
}
