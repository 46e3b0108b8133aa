//! The server as such: what it greets with, what it lacks, whom it lets in.

use super::{
    assert_delivered, assert_moved, bad_poll, five, long_poll, office, poll, was_lock_step,
};
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
fn no_capa() {
    let provider = Provider::with(five());
    provider.fault(Fault::Lacks("CAPA"));
    let office = office(&provider, &[]);
    poll(&office);
    assert_moved(&office, &office.serve(), &provider, &five());
}

#[test]
fn no_top() {
    let provider = Provider::with(five());
    provider.fault(Fault::Lacks("TOP"));
    let office = office(&provider, &[]);
    let dry = office.run(&["fetch", "main", "--dry-run"]);
    assert_eq!(dry.code, Some(1), "{dry:?}");
    assert!(dry.err.contains("--retrieve"), "{dry:?}");
    assert_eq!(provider.count("RETR"), 0);
    poll(&office);
    assert_moved(&office, &office.serve(), &provider, &five());
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

/// The first poll finds that commands sent together are lost and comes through
/// all the same; a hub that was started anew still knows.
fn falls_back_to_lock_step(faults: &[Fault]) {
    let provider = Provider::with(five());
    for fault in faults {
        provider.fault(fault.clone());
    }
    let office = office(&provider, &[]);
    let mut hub = office.serve();
    assert!(long_poll(&office));
    assert_moved(&office, &hub, &provider, &five());
    assert_eq!(provider.sessions(), 2);
    assert!(was_lock_step(&provider.last()));
    assert!(hub.stop().success());
    provider.put(&five()[0]);
    let _hub = office.serve();
    poll(&office);
    assert_eq!((provider.sessions(), provider.held()), (3, 0));
    assert!(was_lock_step(&provider.last()));
}

#[test]
fn a_server_that_forgets_pipelined_commands() {
    falls_back_to_lock_step(&[Fault::Lacks("PIPELINING"), Fault::ForgetsPipelined]);
}

#[test]
fn a_server_that_hangs_up_on_pipelined_commands() {
    falls_back_to_lock_step(&[Fault::Lacks("PIPELINING"), Fault::HangsUpOnPipelined]);
}

#[test]
fn a_dead_line_is_no_server_that_forgets_pipelined_commands() {
    let provider = Provider::with(five());
    provider.fault(Fault::Lacks("PIPELINING"));
    provider.fault(Fault::HangsUpOnPipelined);
    // The second session sends one by one, and breaks off as well.
    provider.fault(Fault::CutBefore(6));
    let office = office(&provider, &[]);
    bad_poll(&office);
    assert_eq!(provider.sessions(), 2);
    provider.mend();
    poll(&office);
    assert!(!was_lock_step(&provider.last()));
    assert_moved(&office, &office.serve(), &provider, &five());
}

#[test]
#[ignore = "the wait for an answer that was promised is five minutes"]
fn a_capa_that_lies_about_pipelining() {
    falls_back_to_lock_step(&[Fault::ForgetsPipelined]);
}

#[test]
fn pipelining_that_is_switched_off_is_not_used() {
    let provider = Provider::with(five());
    let office = office(&provider, &[("pipelining", "\"off\"")]);
    poll(&office);
    assert!(was_lock_step(&provider.last()));
    assert_moved(&office, &office.serve(), &provider, &five());
}
