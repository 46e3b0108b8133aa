//! Configuration: from postroom.toml and directory.toml to settings.
//!
//! Reads both files, checks each as a whole, and says of every fault the file,
//! the line, what was found and what was expected. The hub never writes
//! configuration; the commands do, through [`edit`] and [`init`]; [`fetchmailrc`]
//! reads that of a predecessor. Nothing here opens a port, the store or the hub's
//! own certificate: [`crate::hub`] turns a [`Configuration`] into the settings that
//! each room declares for itself. The small files of a `[[provider]]` are read
//! here: a password that is not there is a fault of the line that names its file.

mod settings;
mod user;
mod values;
mod listen;
mod postroom_toml;
mod provider_toml;
mod provider_values;
mod sheet_toml;
mod secrets;
mod directory_toml;
mod rules_toml;
mod document;
mod error;
mod replace;
pub mod new_files;
mod moved;
pub mod edit;
pub mod fetchmailrc;
pub mod init;
pub mod watch;
#[cfg(any(test, fuzzing))]
mod invariants;

pub use error::ConfigurationError;
#[cfg(any(test, fuzzing))]
pub use invariants::check_invariants;
pub use moved::with_data_dir;
pub use settings::{
    Configuration, Located, Log, Outgoing, OutgoingTls, Pop3, Routing, Sheet, Smtp, Tls,
};
pub use user::{HUB_USER, hub_user, is_root, user};

#[cfg(test)]
mod tests;
