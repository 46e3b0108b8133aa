//! The server as such: what it greets with, and whom it lets in.

use super::{assert_delivered, assert_moved, bad_poll, five, letter, office, poll};
use crate::hub::at_once;
use crate::provider::{Fault, Provider};

/// With this fault a poll fails with these words and touches nothing; when the
/// fault is gone, all mail comes.
fn fails_and_then_recovers(fault: Fault, words: &str) {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let hub = office.serve();
    provider.fault(fault.clone());
    let said = bad_poll(&office);
    assert!(said.contains(words), "{fault:?}: {said}");
    assert!(!said.contains("secret"), "{fault:?}: {said}");
    assert_eq!((provider.held(), provider.count("RETR")), (5, 0));
    assert_delivered(&office, &hub, &[""; 0]);
    assert!(!hub.log().contains("secret"), "{}", hub.log());
    provider.mend();
    poll(&office);
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn a_greeting_that_is_none() {
    at_once(
        [
            ("\u{1}\u{2}garbage\r\n", "something that is no POP3 server"),
            (
                "220 mail.provider.example ESMTP\r\n",
                "an SMTP server (for sending mail)",
            ),
            ("* OK IMAP4rev1 ready\r\n", "an IMAP server"),
            ("-ERR too busy\r\n", "takes no session now"),
            ("-ERR [SYS/PERM] suspended\r\n", "will not pass by itself"),
        ],
        |(lines, words)| fails_and_then_recovers(Fault::Greets(lines), words),
    );
}

#[test]
fn a_log_in_that_is_refused() {
    at_once(
        [
            ("-ERR [AUTH] wrong", "refuses user name or password"),
            ("-ERR bad login", "refuses user name or password"),
            ("-ERR [IN-USE] busy", "the mailbox is locked"),
            ("-ERR maildrop already locked", "locked"),
            ("-ERR [LOGIN-DELAY] wait", "more time between two polls"),
            ("-ERR [SYS/TEMP] later", "a fault that should pass"),
            ("what?", "what?"),
        ],
        |(answer, words)| fails_and_then_recovers(Fault::Answers("PASS", answer), words),
    );
}

#[test]
fn a_dry_run_touches_nothing() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    for arguments in [
        &["fetch", "main", "--dry-run"][..],
        &["fetch", "main", "--dry-run", "--json"],
    ] {
        let table = office.good(arguments);
        for word in ["anna", "bob", "three", "kate@elsewhere.example"] {
            assert!(table.contains(word), "{word} in {table}");
        }
    }
    let counts = ["RETR", "DELE"].map(|command| provider.count(command));
    assert_eq!((provider.held(), counts), (5, [0, 0]));
    assert_delivered(&office, &office.serve(), &[""; 0]);
}

#[test]
fn a_dry_run_shows_no_control_characters() {
    let subject = "=?utf-8?q?=1B=5B2J=E2=80=AE=0D=0Agone?= \u{1b}[31mred\u{9b}2J";
    let provider = Provider::with([letter("anna", subject)]);
    let office = office(&provider, &[]);
    let table = office.good(&["fetch", "main", "--dry-run"]);
    let harmless = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(table.chars().all(harmless), "{table:?}");
}
