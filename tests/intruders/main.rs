//! Intruders: who guesses passwords, floods a session, or comes upon the files.
//! Each test attacks a hub of its own; what is tested without one is beside the
//! code (`src/auth`, `src/pop3/tests`, `src/store/tests/folders.rs`).

mod fail2ban;
mod files;
mod floods;
mod guessing;
mod root;

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
