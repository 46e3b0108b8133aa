//! The password of a user: made up, or chosen by a person who types it or has it in a
//! script.

use std::io::{self, BufRead, IsTerminal};

use crate::auth::{PasswordHash, hash_password, made_up_password, weakness};
use crate::cli::Failure;
use crate::cli::output::say;

/// A password that a person chose, or one that was made up.
pub(super) enum Password {
    Chosen(String),
    MadeUp(String),
}

impl Password {
    pub fn obtain(from_stdin: bool) -> Result<Password, Failure> {
        match from_stdin {
            true => Ok(Password::Chosen(password_line()?)),
            false => Ok(Password::MadeUp(made_up_password()?)),
        }
    }

    pub fn hash(&self) -> Result<PasswordHash, Failure> {
        let (Password::Chosen(text) | Password::MadeUp(text)) = self;
        Ok(hash_password(text)?)
    }

    /// Shows one that was made up, and warns of one that is weak.
    pub fn tell(&self, user: &str) {
        match self {
            Password::MadeUp(text) => say!("the password is {text} (it is not shown again)"),
            Password::Chosen(text) => warn_of_weakness(text, user),
        }
    }
}

/// Of a password that somebody chose elsewhere: it may be the one that a PC has
/// already, so that it is taken all the same.
pub(in crate::cli) fn warn_of_weakness(password: &str, user: &str) {
    if let Some(weak) = weakness(password, user) {
        eprintln!(
            "warning: the password of {user} is easily guessed: {weak}. A good one is made up by: postroom user \
             passwd {user}"
        );
    }
}

/// The first line of standard input.
pub(in crate::cli) fn password_line() -> Result<String, Failure> {
    let input = io::stdin();
    if input.is_terminal() {
        eprintln!("type the password and press Enter; it is shown while you type");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password.is_empty() {
        true => Err(Failure(
            "standard input has no password in its first line".to_string(),
        )),
        false => Ok(password.to_string()),
    }
}
