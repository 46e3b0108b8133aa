//! The settings sheet of a person: what to put into a mail program, in plain
//! words, as text and as a page to print.
//!
//! A [`Sheet`] is made from the configuration, a user of the directory and, when
//! it was just made, the password. It reads the certificate and the office CA
//! beside it, and nothing else; it writes nothing. The commands `setup` and
//! `user sheet` print it. The pages are templates beside this file; what goes into
//! the HTML one is escaped, because its name ends so.

mod facts;
mod pages;

pub use facts::{Away, Ca, Incoming, Outgoing, Sheet};

/// Where the hub's name leads, as seen from the office.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameLeads {
    /// To this machine: the name alone is written onto the sheet.
    Here,
    /// To another address, such as the router's: the name, and the addresses of
    /// this machine for where the name does not do.
    Elsewhere,
    /// Nowhere: the addresses of this machine.
    Nowhere,
}

/// Why there is no sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The certificate is named in the settings and cannot be read.
    #[error("{path}: {why}; \"postroom check\" says more")]
    Certificate {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Nobody listens for PCs.
    #[error(
        "[pop3] in postroom.toml listens nowhere: there is nothing that a mail program could be told"
    )]
    NoPop3,
    /// A template does not work; a fault of this program.
    #[error("the sheet cannot be made: {0}")]
    Template(String),
}
