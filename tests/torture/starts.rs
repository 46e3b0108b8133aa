//! First starts and recoveries, killed at every call that changes the store.

use std::fs;

use crate::hub::Office;
use crate::interpose::call::{MKDIR, OPEN, RENAME, SYNC, TRUNCATE, UNLINK, WRITE};
use crate::interpose::place::STORE;
use crate::interpose::{Action, Interposed, Rule};
use crate::mail::{send, waiting};
use crate::office::{Started, start};
use crate::random::Random;

const CALLS: i32 = OPEN | WRITE | SYNC | RENAME | UNLINK | TRUNCATE | MKDIR;

fn without_tls() -> Office {
    let office = Office::new();
    office.without_tls();
    office
}

/// Whether the hub was killed before this call of its start.
fn killed(office: &Office, interposed: &Interposed, call: u64) -> bool {
    let mut command = office.command(&["serve"]);
    interposed.preload(&mut command);
    let kill = Rule::once(Action::KillBefore, CALLS, STORE, call as i64);
    interposed.order(&[kill]);
    match start(command) {
        Ok(started) => matches!(started, Started::Killed),
        Err(why) => panic!("call {call}: {why}"),
    }
}

#[test]
fn first_start_killed_at_any_call_and_the_next_one_too() {
    let office = without_tls();
    let interposed = Interposed::new();
    let mut random = Random::seeded(4);
    let mut call = 0;
    while killed(&office, &interposed, call) {
        // Of what the first one left, another one may not make an end either.
        if call % 2 == 0 {
            killed(&office, &interposed, random.below(call + 1));
        }
        if call % 6 == 0 {
            let hub = office.serve();
            send(&hub, &["anna@example.com"], "the first");
            assert_eq!(waiting(&hub, "anna"), 1, "call {call}");
            assert_eq!(waiting(&hub, "bob"), 0, "call {call}");
        }
        fs::remove_dir_all(office.path("data")).unwrap();
        call += 1;
    }
    assert!(call > 20, "{call}");
}

#[test]
fn recovery_killed_at_any_call_again_and_again() {
    let office = without_tls();
    let interposed = Interposed::new();
    let mut hub = office.serve();
    for number in 0..10 {
        send(&hub, &["anna@example.com"], &format!("number {number}"));
    }
    hub.kill();
    let mut call = 0;
    while killed(&office, &interposed, call) {
        call += 1;
    }
    assert!(call > 5, "{call}");
    assert_eq!(waiting(&office.serve(), "anna"), 10);
}
