//! `postroom test-mail`, and where on the way it fails.

use std::fs;

use crate::hub::{Done, Office, run};
use crate::mail::{log_in, send};

fn test_mail(office: &Office, user: &str, password: &str) -> Done {
    let command = office.command(&["test-mail", user, "--password-stdin"]);
    run(command, format!("{password}\n").as_bytes())
}

#[test]
fn a_test_mail_is_taken_out_again_and_leaves_the_others() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "hers");
    let said = test_mail(&office, "anna", "secret-anna").good();
    let said = said.replace('\n', " ");
    assert!(said.starts_with("a test mail went the whole way: to anna by SMTP on 127.0.0.1:"));
    assert!(said.contains("POP3 over TLS on 127.0.0.1:"), "{said}");
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("STAT", "+OK 1 *");
    // Nothing that "mail restore" would bring back.
    let kept = office.good(&["mail", "list", "anna"]);
    assert_eq!(kept.lines().count(), 2, "{kept}");
    assert!(!kept.contains("Test mail"), "{kept}");
}

#[test]
fn without_tls_from_the_first_octet_it_goes_by_stls_and_without_a_certificate_in_the_clear() {
    let office = Office::new();
    office.edit(
        "postroom.toml",
        "listen_tls = [\"127.0.0.1:0\"]\n\n# Passwords",
        "listen_tls = []\n\n# Passwords",
    );
    let hub = office.serve();
    let said = test_mail(&office, "anna", "secret-anna")
        .good()
        .replace('\n', " ");
    assert!(said.contains("POP3 with STLS on"), "{said}");
    drop(hub);

    let office = Office::new();
    office.without_tls();
    let _hub = office.serve();
    let said = test_mail(&office, "anna", "secret-anna")
        .good()
        .replace('\n', " ");
    assert!(said.contains("POP3 without TLS on"), "{said}");
}

#[test]
fn it_says_where_on_the_way_it_failed() {
    let office = Office::new();
    let said = test_mail(&office, "anna", "secret-anna").bad();
    assert!(said.contains("no hub runs"), "{said}");
    let hub = office.serve();
    let said = test_mail(&office, "zoe", "x").bad();
    assert!(said.contains("there is no user zoe"), "{said}");
    let said = test_mail(&office, "anna", "HUNTER2").bad();
    assert!(said.contains("anna cannot log in"), "{said}");
    assert!(said.contains("it lies in the mailbox of anna"), "{said}");
    assert!(!said.contains("HUNTER2"), "{said}");
    let said = test_mail(&office, "anna", "").bad();
    assert!(said.contains("no password"), "{said}");
    drop(hub);

    // The PCs have imported another office's CA.
    let (office, other) = (Office::new(), Office::without_users());
    fs::copy(other.path("tls/ca.pem"), office.path("tls/ca.pem")).unwrap();
    let _hub = office.serve();
    let said = test_mail(&office, "anna", "secret-anna").bad();
    assert!(said.contains("not trusted"), "{said}");
}
