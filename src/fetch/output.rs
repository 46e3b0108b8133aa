//! Commands that wait to leave.

use std::fmt::Display;
use std::io::Write;

use crate::wire::overwrite;

/// Commands, collected until the session wants input, so that a window of
/// them leaves in one write.
#[derive(Default)]
pub(super) struct Output {
    collected: Vec<u8>,
    /// What the driver is writing since the last [`Output::leave`].
    leaving: Vec<u8>,
}

impl Output {
    /// A command. `text` holds no line end.
    pub(super) fn line(&mut self, text: impl Display) {
        // Writing to a Vec cannot fail.
        let _ = write!(self.collected, "{text}\r\n");
    }

    /// A command whose argument need not be UTF-8, or is secret.
    pub(super) fn octets(&mut self, command: &str, argument: &[u8]) {
        self.collected.extend_from_slice(command.as_bytes());
        self.collected.extend_from_slice(argument);
        self.collected.extend_from_slice(b"\r\n");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.collected.is_empty()
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn octets_collected(&self) -> usize {
        self.collected.len()
    }

    /// Everything collected, to be written now.
    pub(super) fn leave(&mut self) -> &[u8] {
        self.forget_what_left();
        std::mem::swap(&mut self.collected, &mut self.leaving);
        &self.leaving
    }

    /// Drops what nobody will read.
    pub(super) fn clear(&mut self) {
        overwrite(&mut self.collected);
        self.collected.clear();
    }

    /// It is written, and may have held a password.
    pub(super) fn forget_what_left(&mut self) {
        overwrite(&mut self.leaving);
        self.leaving.clear();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.clear();
        self.forget_what_left();
    }
}
