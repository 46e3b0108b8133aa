//! "It did not arrive": what the program says of an address.

use crate::hub::Office;
use crate::mail::send;

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
