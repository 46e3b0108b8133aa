//! Commands that a server lacks, and those that it claims to have.

use super::{assert_moved, bad_poll, five, long_poll, office, poll, said, was_lock_step};
use crate::provider::{Fault, Provider};

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
    assert_eq!(dry.code, Some(1), "{}", said(&dry));
    assert!(said(&dry).contains("--retrieve"), "{}", said(&dry));
    assert_eq!(provider.count("RETR"), 0);
    let table = office.good(&["fetch", "main", "--dry-run", "--retrieve"]);
    assert!(table.contains("three"), "{table}");
    assert_eq!((provider.held(), provider.count("DELE")), (5, 0));
    poll(&office);
    assert_moved(&office, &office.serve(), &provider, &five());
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
