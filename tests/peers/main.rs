//! Peers that misbehave, against the real binary: they break off, stall, read
//! nothing, or come by the thousand. Each test is named by the fault; in all of
//! them the hub goes on serving others, and keeps nothing that it did not
//! acknowledge.

mod budget;
mod cuts;
mod exhaustion;
mod peer;
#[path = "../support/process.rs"]
mod process;
mod slow;
mod stalls;

#[path = "../support/dialogue.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod dialogue;
#[path = "../support/hub.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod hub;
#[path = "../support/mail.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod mail;
#[path = "../support/talk.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod talk;
