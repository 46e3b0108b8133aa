//! What a dry run prints, from what it found.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::fetch::{PasswordMethod, Pipelining, Refusal, Secret, Security};
use crate::mail::{Domain, HeaderBlock};
use crate::net::fetcher::{Caps, Login, Schedule};
use crate::net::tls::TrustedRoots;
use crate::route::multidrop::{Account, Copies, Survey, TrustedHosts, decide};
use crate::route::{Entries, StoredPassword, User};

fn directory() -> Directory {
    let user = |name: &str| User {
        access: Default::default(),
        name: name.to_string(),
        password: StoredPassword::new("$argon2id$"),
        addresses: Vec::new(),
    };
    Directory::new(Entries {
        domains: vec![Domain::parse("example.com").unwrap()],
        users: vec![user("anna"), user("bob")],
        ..Entries::default()
    })
    .unwrap()
}

fn provider(mode: Mode) -> Provider {
    let host = "pop.provider.example";
    Provider {
        name: "main".to_string(),
        host: host.to_string(),
        port: 995,
        security: Security::Tls,
        trust: TrustedRoots::System,
        user: "office".to_string(),
        login: Login::Password {
            password: Arc::new(Secret::new("secret")),
            method: PasswordMethod::Offered,
        },
        pipelining: Pipelining::ByTest,
        routing: Account {
            hostname: "post.example.com".to_string(),
            mode,
            trusted_hosts: TrustedHosts::of_provider(host),
            copies: Copies::PerRecipient,
        },
        leave_on_server: Duration::ZERO,
        max_message_size: 50_000_000,
        caps: Caps::default(),
        schedule: Schedule {
            every: Duration::from_secs(300),
            hours: None,
        },
    }
}

fn envelope(name: &str) -> Mode {
    Mode::Envelope {
        header: EnvelopeHeader::named(name),
        prefix: String::new(),
    }
}

/// A dry run over these envelope recipients; the messages show nobody else.
fn dry_run(provider: &Provider, recipients: &[&str]) -> DryRun {
    let directory = directory();
    let host = &provider.host;
    let mut survey = Survey::new(&directory, "post.example.com", host);
    let mut previews = Vec::new();
    for (number, recipient) in (1..).zip(recipients) {
        let message = format!(
            "X-Envelope-To: {recipient}\r\nReceived: from mx.far.example by mx.{host}; Mon, 23 Nov 2026 10:00:00 +0000\r\n\
             From: far@far.example\r\nTo: list@far.example\r\nSubject: {number}\r\n\r\n"
        );
        let headers = HeaderBlock::read(message.as_bytes());
        previews.push(Preview {
            number,
            octets: Some(1200),
            from: "far@far.example".to_string(),
            subject: format!("a\u{1b}[2J {number}"),
            decision: decide(&provider.routing, &directory, &headers),
        });
        survey.add(headers);
    }
    DryRun {
        listed: previews.len() as u64,
        previews,
        advice: survey.advise(),
        refused: vec![(
            9,
            Refusal {
                code: None,
                text: "no".to_string(),
            },
        )],
    }
}

const MAIL: [&str; 3] = ["anna@example.com", "bob@example.com", "anna@example.com"];

#[test]
fn guessing_where_the_envelope_is_written_is_shown_to_be_worse() {
    let provider = provider(Mode::Single {
        user: "nobody".to_string(),
    });
    let run = dry_run(&provider, &MAIL);
    assert_eq!(count_decided(&run), 0);
    let advice = run.advice.as_ref().unwrap();
    assert_eq!((advice.explained, advice.messages), (3, 3));
    assert!(!is_as_set(&provider, advice));
    assert!(
        advice
            .to_string()
            .starts_with("mode = \"envelope\"\nenvelope_header = \"X-Envelope-To\"\n")
    );
    assert!(!advice.to_string().contains("copies"));
    assert_eq!(
        reasons(advice),
        [
            "3 of 3 messages carry X-Envelope-To within the provider's own lines, mostly as header line 1."
        ]
    );
}

#[test]
fn settings_that_fit_are_not_proposed_again() {
    let provider = provider(envelope("x-envelope-to"));
    let run = dry_run(&provider, &MAIL);
    assert_eq!(count_decided(&run), 3);
    assert!(is_as_set(&provider, run.advice.as_ref().unwrap()));
}

#[test]
fn each_recipient_has_a_row_and_so_has_the_tray() {
    let provider = provider(envelope("X-Envelope-To"));
    let run = dry_run(
        &provider,
        &["anna@example.com, bob@example.com, eve@example.com"],
    );
    let rows = rows(&run.previews[0], u64::MAX);
    let columns = |index: usize| rows.iter().map(move |row| row[index].as_str());
    let first: Vec<&str> = rows[0].iter().take(4).map(String::as_str).collect();
    assert_eq!(first, ["1", "1.2 kB", "far@far.example", "a [2J 1"]);
    assert!(columns(0).skip(1).all(str::is_empty));
    assert_eq!(
        columns(4).collect::<Vec<_>>(),
        ["anna", "bob", "(unclaimed)"]
    );
    assert!(columns(5).all(|why| !why.is_empty()));
}

#[test]
fn programs_are_told_the_same() {
    let provider = provider(envelope("X-Envelope-To"));
    let run = dry_run(&provider, &["anna@example.com", "eve@example.com"]);
    let json = to_json(&provider, &run);
    assert_eq!(json["account"], "main");
    assert_eq!(json["listed"], 2);
    assert_eq!(json["messages"][0]["who"][0]["user"], "anna");
    assert_eq!(json["messages"][0]["unclaimed"], Value::Null);
    assert!(json["messages"][1]["unclaimed"].is_string());
    assert_eq!(json["refused"][0]["said"], "no");
    assert_eq!(json["advice"]["explained"], 1);
}
