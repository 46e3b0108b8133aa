//! postroom: the post room of a small office.
#![forbid(unsafe_code)]

pub mod wire;
pub mod mail;
pub mod smtp;
pub mod pop3;
pub mod route;
pub mod store;
pub mod journal;
pub mod delivery;
pub mod auth;
pub mod net;
pub mod config;
pub mod control;
pub mod hub;
pub mod cli;
pub mod logging;

/// Dialogue files, shared with the tests in `tests/`.
#[cfg(test)]
#[path = "../tests/support/dialogue.rs"]
mod dialogue;
