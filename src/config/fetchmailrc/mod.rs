//! `postroom import-fetchmailrc`: what a .fetchmailrc says, in the words of
//! postroom.toml.
//!
//! ```text
//! octets ──▶ tokens ──▶ grammar ──▶ entries ──▶ convert ──▶ print
//! ```
//! Pure but for `passwords`: text in, text out. Nothing that the file names is
//! run, opened or asked. What cannot be carried over is said, each with its line and the
//! reason. A password is never printed and never part of an error; it is handed
//! out as octets, for a file of its own.

mod words;
mod tokens;
mod entries;
mod grammar;
mod convert;
mod routing;
mod remarks;
mod print;
mod passwords;

use std::path::Path;

use thiserror::Error;

use crate::fetch::Secret;

/// A text that is no .fetchmailrc.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{line}: {message}")]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// What was expected, and what was found; no text of the file.
    pub message: String,
}

impl SyntaxError {
    fn new(line: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError {
            line,
            message: message.into(),
        }
    }
}

/// A .fetchmailrc as accounts of postroom.
#[derive(Debug)]
pub struct Import {
    /// One for each mailbox that it polls, in the order of the file.
    pub accounts: Vec<ImportedAccount>,
    /// What is said of the file as a whole.
    remarks: Vec<String>,
}

/// One `[[provider]]`.
#[derive(Debug)]
pub struct ImportedAccount {
    /// What it is to be called.
    pub name: String,
    /// As the file has it; none where fetchmail asks, or looks into .netrc.
    pub password: Option<Secret>,
    /// Why this is no account for postroom, or none yet: it is printed behind
    /// `#` then.
    inactive: Option<String>,
    /// Where in the file.
    origin: String,
    settings: Vec<Line>,
    remarks: Vec<String>,
}

impl ImportedAccount {
    /// Whether it can be used as it is printed.
    pub fn is_active(&self) -> bool {
        self.inactive.is_none()
    }
}

/// One setting, and what a person must know to check it.
#[derive(Debug)]
struct Line {
    key: &'static str,
    /// As TOML.
    value: String,
    comment: Option<String>,
}

/// Reads the octets of a .fetchmailrc.
///
/// # Errors
/// The first thing that fetchmail would not take either.
pub fn import(text: &[u8]) -> Result<Import, SyntaxError> {
    let tokens = tokens::tokens(text)?;
    Ok(convert::convert(grammar::parse(&tokens)?))
}

impl Import {
    /// The text for postroom.toml. Passwords are named as files in `secrets`.
    pub fn to_toml(&self, source: &Path, secrets: &Path) -> String {
        print::to_toml(self, source, secrets)
    }
}

#[cfg(test)]
mod tests;
