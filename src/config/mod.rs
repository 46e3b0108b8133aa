//! Configuration: from postroom.toml and directory.toml to settings.
//!
//! Reads both files, checks each as a whole, and says of every fault the file,
//! the line, what was found and what was expected. The hub never writes
//! configuration; the commands do, through [`edit`] and [`init`]. Nothing here
//! opens a port, a certificate or the store: [`crate::hub`] turns a
//! [`Configuration`] into the settings that each room declares for itself.

mod settings;
mod values;
mod listen;
mod postroom_toml;
mod provider_toml;
mod provider_values;
mod secrets;
mod directory_toml;
mod rules_toml;
mod document;
mod error;
mod replace;
pub mod edit;
pub mod init;
pub mod watch;

pub use error::ConfigurationError;
pub use settings::{Configuration, Located, Log, Pop3, Routing, Smtp, Tls};

#[cfg(test)]
mod tests;
