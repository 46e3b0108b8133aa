//! A hub that is killed, again and again: at random instants and at calls that
//! have a name, while mail comes by SMTP and from providers, PCs collect it and
//! people give orders. After each restart every message is accounted for:
//!
//! - acknowledged and not collected: once in each right mailbox, as it was sent;
//! - collected by an answered QUIT: in no maildrop, and still to be restored; by
//!   one without an answer: all of it or nothing;
//! - fetched: once, however often the session broke off; what its provider does
//!   not hold any more is here;
//! - nothing in a wrong mailbox, the unclaimed in the tray;
//! - a unique-id names one message, for ever;
//! - no body file without a row, no row without its file, no total that is not
//!   the sum of its entries.
//!
//! ```text
//!   campaign ──▶ round ──▶ senders, pcs, orders ──▶ ledger: what was promised
//!                  │                                   │
//!                points: where it dies       found ──▶ account: what is there
//! ```
//! Beside it, and by every call in turn: first starts and recoveries (`starts`),
//! commands that rename and remove (`names`).

#[path = "../support/random.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod random;
mod letters;
mod wire;
mod ledger;
mod found;
mod account;
mod office;
mod senders;
mod pcs;
mod orders;
mod points;
mod round;
mod campaign;
mod starts;
mod names;

#[path = "../support/dialogue.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod dialogue;
#[path = "../support/hub.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod hub;
#[path = "../support/interpose.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod interpose;
#[path = "../support/mail.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod mail;
#[path = "../support/provider.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod provider;
#[path = "../support/talk.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod talk;

use campaign::Tally;

/// Of the short run. Chance has it that threads and processes do not come in the
/// same order again, but each round has the same plan.
const SEED: u64 = 4;

#[test]
fn every_message_is_accounted_for_after_a_hundred_kills() {
    let tally = campaign::at_each_point(SEED);
    expect_no_violation(&tally, SEED);
    assert_eq!(tally.missed(), [""; 0], "no hub died at these points");
    assert!(tally.killed() >= 100, "{tally}");
}

/// As many rounds as POSTROOM_TORTURE_ROUNDS says; see scripts/torture.
#[test]
#[ignore = "takes as long as it is told to"]
fn thousands_of_kills() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let rounds = number("POSTROOM_TORTURE_ROUNDS").unwrap_or(1000);
    let seed = number("POSTROOM_TORTURE_SEED").unwrap_or_else(orders::now_millis);
    println!("seed {seed}");
    let tally = campaign::at_random(seed, rounds as usize);
    println!("{}{tally}", tally.by_point());
    expect_no_violation(&tally, seed);
}

fn expect_no_violation(tally: &Tally, seed: u64) {
    let violations = tally.violations.join("\n");
    assert!(
        violations.is_empty(),
        "{}{tally}\n{violations}\n\nagain: scripts/torture --seed {seed} {}",
        tally.by_point(),
        tally.rounds
    );
}
