//! The advice, and the lines for postroom.toml.

use std::fmt;

use super::Elsewhere;
use crate::route::multidrop::account::{Copies, Mode};

/// What to put into `[[provider]]`. Displayed as these lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Mode `envelope` or `guess`.
    pub mode: Mode,
    /// The hosts whose Received lines are the provider's own.
    pub trusted_hosts: Vec<String>,
    /// What the provider stores; none where the messages do not tell.
    pub copies: Option<Copies>,
    /// How many messages carry the proposed header within the provider's own
    /// lines.
    pub carried: usize,
    /// How many messages get their recipients by these settings.
    pub explained: usize,
    /// How many messages were looked at.
    pub messages: usize,
    /// Where the header stands: in the field of this number, counted from 1,
    /// in most messages that carry it.
    pub position: Option<usize>,
    /// A header that every message carries below the provider's own lines:
    /// anybody can write it there, so it is not proposed.
    pub untrusted: Option<String>,
    /// Whose mail it seems to be, where it is not ours.
    pub elsewhere: Option<Elsewhere>,
}

/// The lines for `[[provider]]`.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mode {
            Mode::Envelope { header, prefix } => {
                writeln!(f, "mode = \"envelope\"")?;
                writeln!(f, "envelope_header = {}", quoted(header.name()))?;
                if !prefix.is_empty() {
                    writeln!(f, "envelope_prefix = {}", quoted(prefix))?;
                }
            }
            Mode::Guess => writeln!(f, "mode = \"guess\"")?,
            Mode::Single { .. } => writeln!(f, "mode = \"single\"")?,
        }
        let hosts: Vec<String> = self.trusted_hosts.iter().map(|host| quoted(host)).collect();
        writeln!(f, "trusted_hosts = [{}]", hosts.join(", "))?;
        match (&self.mode, self.copies) {
            (Mode::Guess, Some(Copies::PerRecipient)) => writeln!(f, "copies = \"per-recipient\""),
            (Mode::Guess, Some(Copies::PerMessage)) => writeln!(f, "copies = \"per-message\""),
            // It means nothing there.
            _ => Ok(()),
        }
    }
}

/// A basic string of TOML: a header's name and a local part are a stranger's
/// to choose.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_break_out_of_its_line() {
        assert_eq!(quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000Ad\"");
    }
}
