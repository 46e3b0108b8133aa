//! "It did not arrive": what the program says of an address.

use crate::fetching::add_account;
use crate::hub::Office;
use crate::mail::send;
use crate::provider::Provider;

#[test]
fn of_an_address_it_says_who_gets_its_mail_and_what_has_come() {
    let office = Office::new();
    let hub = office.serve();
    office.good(&["alias", "set", "sales", "anna", "bob"]);
    let id = send(&hub, &["sales@example.com"], "an offer");
    for written in ["sales@example.com", "SALES", "sales+x@example.com"] {
        let said = office.good(&["why", written]);
        for part in [
            "anna  (alias sales)",
            "bob  (alias sales)",
            "in the mailbox of anna: 1 messages",
            "unclaimed: nothing",
            id.as_str(),
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    let said = office.good(&["why", "anna", "--from", "nobody.example"]);
    assert!(
        said.contains("in the mailbox of anna: nothing from “nobody.example”"),
        "{said}"
    );
}

#[test]
fn of_an_address_that_is_refused_it_says_how_to_have_it_taken() {
    let office = Office::new();
    let said = office.good(&["why", "eve@example.com"]);
    assert!(said.contains("nobody has this address"), "{said}");
    assert!(said.contains("postroom alias set"), "{said}");
    assert!(said.contains("no hub runs"), "{said}");
    let said = office.good(&["why", "anna@elsewhere.example"]);
    assert!(
        said.contains("the domain is none of the office's (example.com)"),
        "{said}"
    );
    let why = office.run(&["why", "two words"]).bad();
    assert!(
        why.contains("neither the id of a message nor an address"),
        "{why}"
    );
}

#[test]
fn of_an_address_that_nobody_has_it_says_what_becomes_of_fetched_mail_too() {
    let why = |settings: &[(&str, &str)], routing: &str, smtp: &str| {
        let office = Office::new();
        let provider = Provider::new();
        add_account(&office, &provider, settings);
        if !routing.is_empty() {
            office.set("routing", routing);
        }
        if !smtp.is_empty() {
            office.set("smtp", smtp);
        }
        office.good(&["why", "kate"])
    };
    let said = why(&[], "", "accept_from = [\"192.0.2.0/24\"]");
    for part in [
        "mail for kate@example.com by SMTP (from 192.0.2.0/24 and the office's own network alone) is refused",
        "what is fetched from main for it cannot be refused any more, and is kept as unclaimed",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let all_to_anna = [("mode", "\"single\""), ("to", "\"anna\"")];
    let said = why(&all_to_anna, "", "");
    assert!(
        said.contains("mail for kate@example.com by SMTP is refused"),
        "{said}"
    );
    assert!(
        said.contains("fetched from main for it goes to anna"),
        "{said}"
    );
    // Who gets all the rest gets no guesses.
    let said = why(&[("mode", "\"guess\"")], "unknown_user = \"bob\"", "");
    assert!(said.contains("bob  (catch-all bob)"), "{said}");
    assert!(
        said.contains("fetched from main for it is kept as unclaimed"),
        "{said}"
    );
    let said = why(&[], "unknown_user = \"bob\"", "");
    assert!(!said.contains("fetched from main for it"), "{said}");
}
