//! The office's domain, and what the provider's mailbox says of it.

use super::mailbox::{letter, set_up};
use super::terminal::up_to_the_mailbox;
use super::{loopback_ports, not_understood, office};
use crate::hub::Office;
use crate::provider::Provider;
use crate::terminal::Terminal;

#[test]
fn a_domain_without_a_dot_is_none_of_an_office() {
    let office = office();
    for (domain, shown) in [
        ("intern", "“intern” has no dot"),
        ("Büro", "“Büro” has no dot"),
    ] {
        let flag = format!("--domain={domain}");
        let said = not_understood(office.run(&["setup", "-y", "--loopback", &flag]));
        assert!(said.contains(shown), "{said}");
        let said = office.run(&["init", "--dir=new", "--domain", domain]).bad();
        assert!(said.contains(shown), "{said}");
        assert!(!office.path("new").exists());
    }
}

/// What lies in a mailbox of our.example, where a provider writes no header.
fn letters() -> Vec<String> {
    let letters = ["one", "two", "three"].map(|subject| letter("anna", subject));
    letters
        .iter()
        .map(|letter| letter.split_once("\r\n").unwrap().1.to_string())
        .collect()
}

#[test]
fn mail_for_a_domain_that_is_not_the_offices_is_told() {
    let provider = Provider::with(letters());
    let office = office();
    let said = set_up(&office, &provider, &["--domain=our.exampel"]).good();
    assert!(
        said.contains(
            "3 of 3 messages are addressed to our.example, which is none of the office's"
        ),
        "{said}"
    );
    assert!(!said.contains("Ask the provider whether"), "{said}");
    let dry_run = office.good(&["fetch", "--dry-run"]);
    assert!(dry_run.contains("addressed to our.example"), "{dry_run}");
    let json = office.good(&["fetch", "--dry-run", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["advice"]["elsewhere"]["domain"], "our.example");
    assert_eq!(json[0]["advice"]["elsewhere"]["messages"], 3);
}

#[test]
fn on_a_terminal_the_mistyped_domain_is_put_right() {
    let _ports = loopback_ports();
    let provider = Provider::with(letters());
    let office = Office::empty();
    let port = format!("--provider-port={}", provider.port());
    let flags = ["setup", "--loopback", "--provider-tls=none", &port];
    let mut person = Terminal::of(&office, &flags);
    up_to_the_mailbox(&mut person, "our.exampel", "info@our.exampel");
    person.answers("POP3 server", "127.0.0.1");
    person.answers("User name there", "office");
    person.answers_unseen("Password there", "secret");
    person.sees("addressed to our.example");
    person
        .sees("take our.example in place of our.exampel")
        .types("\r");
    // With the right one they find their recipients.
    person.sees("now 3 of 3 messages");
    person.sees("Take these lines over?").types("y");
    person.sees("domain      our.example");
    person.sees("hub         post.our.example");
    person.sees("Write it?").types("y");
    person.sees(" errors, ");
    assert_eq!(person.ends(), Some(0), "{:?}", person.screen);
    for file in ["postroom.toml", "directory.toml"] {
        assert!(!office.read(file).contains("exampel"), "{file}");
    }
    assert!(office.read("directory.toml").contains("info@our.example"));
}

#[test]
fn an_empty_answer_is_told_what_is_wanted() {
    let office = Office::empty();
    let mut person = Terminal::of(&office, &["setup", "--loopback"]);
    person
        .answers("Domain of the office", "")
        .sees("it is needed");
    person.answers("Domain of the office", "our.example");
    person.answers("Name of this machine for the PCs", "");
    person.sees("How does the mail come?").types("\r");
    person.answers("Names (such as anna bob)", "");
    person.sees("at least one person needs a mailbox");
    person.answers("Names (such as anna bob)", "“Frau O'Neil”");
    person.sees("O'Neil");
    assert!(!person.screen.contains("O\\'"), "{}", person.screen);
    person.answers("Names (such as anna bob)", "anna");
    person.answers("Further addresses of anna", "");
    person.sees("Make up good ones?").types("n");
    for (weak, why) in [
        ("   ", "the password is blank"),
        ("kurz", "fewer than 8 characters"),
    ] {
        person.answers_unseen("Password of anna", weak).sees(why);
    }
    // Enter alone: one is made up.
    person.answers_unseen("Password of anna", "");
    person.answers("reject, unclaimed or a name", "");
    person.answers("outgoing server, or Enter", "");
    person.sees("Outside the office, too?").types("n");
    person.answers("Name and telephone", "");
    person
        .answers("POP3 server", "")
        .sees("the server's name is needed");
    person.answers("POP3 server", "127.0.0.1");
    person
        .answers("User name there", "")
        .sees("a name is needed");
    person.answers("User name there", "office");
    person
        .answers_unseen("Password there", "")
        .sees("the password for that mailbox is needed");
}
