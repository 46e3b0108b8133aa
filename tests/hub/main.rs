//! The real binary, from outside: every test has a hub of its own in a folder
//! of its own, on ports that the system chose, and speaks to it as people's
//! programs do.
//!
//! One program for all of them, so that they run beside each other: most of
//! them wait for something.

mod certificates;
mod check;
mod check_log;
mod check_store;
mod command_line;
mod delivery;
mod dialogues;
mod exporting;
mod import;
mod importing;
mod fetching;
mod live;
mod load;
mod metrics;
mod policy;
mod restart;
mod returning;
mod rules;
mod sessions;
mod setup;
mod signals;
mod store_commands;
mod systemd;
mod unclaimed;
mod terminal;
mod users;
mod why;

#[path = "../support/dialogue.rs"]
mod dialogue;
#[path = "../support/hub.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod hub;
#[path = "../support/mail.rs"]
mod mail;
#[path = "../support/provider.rs"]
mod provider;
#[path = "../support/random.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod random;
#[path = "../support/talk.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod talk;
