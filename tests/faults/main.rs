//! A hub whose machine fails it: the disk, the clock, the threads, the names,
//! the files that it reads. Each module has the faults of one kind, each test
//! is named by its fault. What must hold in all of them: the peer hears a
//! temporary refusal, the log says it once and in plain words, nothing that
//! was acknowledged is lost, and when the cause is gone the hub goes on
//! without a new start.

mod found;
mod slow_disk;

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
#[path = "../support/talk.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod talk;

use hub::{Hub, Office};
use interpose::Interposed;

/// A hub whose calls to the system can be made to fail.
fn faulty_hub(office: &Office) -> (Hub, Interposed) {
    let faults = Interposed::new();
    let mut command = office.command(&["serve"]);
    faults.preload(&mut command);
    (office.serve_by(command), faults)
}
