//! The provider does not remove what it was told to remove, or does not say
//! that it has.

use super::{assert_delivered, assert_moved, bad_poll, five, long_poll, office, poll};
use crate::hub::at_once;
use crate::provider::{Fault, Provider};

#[test]
fn dele_that_is_refused() {
    at_once(["\"auto\"", "\"off\""], |pipelining| {
        let provider = Provider::with(five());
        provider.fault(Fault::Answers("DELE 3", "-ERR not this one"));
        let office = office(&provider, &[("pipelining", pipelining)]);
        let hub = office.serve();
        let done = office.run(&["fetch"]);
        let said = super::said(&done);
        assert!(said.contains("not this one"), "{said}");
        assert_eq!(provider.held(), 1);
        assert_delivered(&office, &hub, &five());
        provider.mend();
        poll(&office);
        assert_eq!(provider.count("RETR"), 5, "it is known");
        assert_moved(&office, &hub, &provider, &five());
    });
}

#[test]
fn quit_that_is_refused() {
    let provider = Provider::with(five());
    provider.fault(Fault::Answers("QUIT", "-ERR some messages not removed"));
    let office = office(&provider, &[]);
    let hub = office.serve();
    let said = bad_poll(&office);
    assert!(said.contains("some messages not removed"), "{said}");
    bad_poll(&office);
    provider.mend();
    poll(&office);
    assert_eq!(provider.count("RETR"), 5);
    assert!(!provider.last().has("RETR"));
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn quit_that_is_obeyed_and_not_answered() {
    at_once([Fault::ClosesAt("QUIT"), Fault::RemovesNothing], |fault| {
        let provider = Provider::with(five());
        let office = office(&provider, &[]);
        let hub = office.serve();
        provider.fault(Fault::ClosesAt("QUIT"));
        provider.fault(fault);
        let said = bad_poll(&office);
        assert!(said.contains("did not confirm the removal"), "{said}");
        provider.mend();
        poll(&office);
        assert_eq!(provider.count("RETR"), 5);
        assert_moved(&office, &hub, &provider, &five());
    });
}

#[test]
#[ignore = "the wait for the answer to QUIT is a minute"]
fn quit_that_is_never_answered() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let hub = office.serve();
    provider.fault(Fault::StallsAt("QUIT"));
    assert!(!long_poll(&office));
    provider.mend();
    poll(&office);
    assert_eq!(provider.count("RETR"), 5);
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn no_uidl_and_quit_that_is_refused() {
    let provider = Provider::with(five());
    provider.fault(Fault::Lacks("UIDL"));
    provider.fault(Fault::Answers("QUIT", "-ERR not removed"));
    let office = office(&provider, &[]);
    let hub = office.serve();
    bad_poll(&office);
    bad_poll(&office);
    assert_eq!(provider.held(), 5);
    assert_delivered(&office, &hub, &five());
    provider.mend();
    provider.fault(Fault::Lacks("UIDL"));
    poll(&office);
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn a_removal_that_is_confirmed_and_not_done() {
    at_once([None, Some(Fault::Lacks("UIDL"))], |no_uidl| {
        let provider = Provider::with(five());
        let office = office(&provider, &[]);
        let hub = office.serve();
        let no_uidl = || no_uidl.iter().for_each(|it| provider.fault(it.clone()));
        no_uidl();
        provider.fault(Fault::RemovesNothing);
        for _ in 0..3 {
            poll(&office);
            assert_delivered(&office, &hub, &five());
        }
        assert_eq!(provider.held(), 5);
        provider.mend();
        no_uidl();
        poll(&office);
        assert_moved(&office, &hub, &provider, &five());
    });
}

#[test]
fn retr_that_is_refused() {
    let provider = Provider::with(five());
    provider.fault(Fault::Answers("RETR 3", "-ERR [SYS/TEMP] damaged"));
    let office = office(&provider, &[]);
    let hub = office.serve();
    let said = super::said(&office.run(&["fetch"]));
    assert!(said.contains("damaged"), "{said}");
    assert_eq!(provider.held(), 1);
    let mut others = five();
    others.remove(2);
    assert_delivered(&office, &hub, &others);
    provider.mend();
    poll(&office);
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn a_server_that_writes_to_the_terminal() {
    let provider = Provider::new();
    for (id, octets) in ["\u{1b}[31mred", "\u{9b}2Jgone"].iter().zip(five()) {
        provider.mailbox().put_as(id, octets);
    }
    let office = office(&provider, &[]);
    let hub = office.serve();
    provider.fault(Fault::Answers("RETR", "-ERR \u{1b}[2J\u{202e}\rno"));
    for _ in 0..3 {
        let said = super::said(&office.run(&["fetch"]));
        assert!(said.contains("red"), "{said:?}");
        let status = office.good(&["status"]);
        for text in [said, status, hub.log()] {
            let plain = |c: char| c == '\n' || c.is_ascii_graphic() || c == ' ' || c > '\u{2010}';
            assert!(text.chars().all(plain), "{text:?}");
            assert!(!text.contains('\u{202e}'), "{text:?}");
        }
    }
    provider.mend();
    provider.fault(Fault::Answers("PASS", "-ERR \u{1b}[2J\u{202e}\rno"));
    let said = super::said(&office.run(&["fetch"]));
    assert!(
        !said.contains('\u{1b}') && !said.contains('\u{202e}'),
        "{said:?}"
    );
    provider.mend();
    poll(&office);
    assert_eq!(provider.held(), 0);
}

#[test]
fn messages_that_are_never_removed_do_not_keep_new_ones_out() {
    let provider = Provider::with(five());
    provider.fault(Fault::RemovesNothing);
    let office = office(&provider, &[("max_messages_per_poll", "3")]);
    let hub = office.serve();
    poll(&office);
    poll(&office);
    assert_delivered(&office, &hub, &five());
}
