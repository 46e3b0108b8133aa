//! What is wrong with a file, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A fault in a file: `postroom.toml:12: plaintext_login = "maybe": expected
/// never, lan or always`. Always one
/// line, whatever the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigurationError {
    /// The file, as it was named to us.
    pub file: PathBuf,
    /// The line, counted from 1; none where the file as a whole is meant.
    pub line: Option<usize>,
    /// What was found, what was expected, how to mend it.
    pub message: String,
}

impl ConfigurationError {
    /// A fault of the file as a whole.
    pub(super) fn of_file(file: &Path, message: impl Into<String>) -> ConfigurationError {
        ConfigurationError {
            file: file.to_path_buf(),
            line: None,
            message: message.into(),
        }
    }

    /// A file that could not be read, with what people usually have to do; where there is
    /// none, that is `for_a_first_one`.
    pub(super) fn unreadable(
        file: &Path,
        error: &io::Error,
        for_a_first_one: &'static str,
    ) -> ConfigurationError {
        let mend = match error.kind() {
            io::ErrorKind::NotFound => for_a_first_one,
            io::ErrorKind::PermissionDenied => "; it must be readable for the hub's user",
            io::ErrorKind::InvalidData => "; it must be text in UTF-8",
            _ => "",
        };
        ConfigurationError::of_file(file, format!("cannot be read: {error}{mend}"))
    }
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        f.write_str(" ")?;
        for c in self.message.chars() {
            match c {
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}
