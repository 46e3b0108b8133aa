//! A running hub under attack: what was tried by hand against it, kept as
//! tests. What the protocol machines decide alone is tried in their own rooms
//! (`src/smtp/tests`), faults of networks and peers in `tests/hub`.

mod smtp;

#[path = "../support/dialogue.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod dialogue;
#[path = "../support/hub.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod hub;
#[path = "../support/mail.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod mail;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod process;
#[path = "../support/provider.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod provider;
#[path = "../support/talk.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod talk;
