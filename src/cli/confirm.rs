//! Asking a person before something that is not undone.

use std::io::{self, BufRead, IsTerminal, Write};

use super::Failure;

/// Asks, and takes anything but a yes for a no.
///
/// # Errors
/// Nobody can be asked; `without_terminal` then says what a script does.
pub fn agreed(question: &str, without_terminal: &str) -> Result<bool, Failure> {
    let input = io::stdin();
    if !input.is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure(without_terminal.to_string()));
    }
    let mut out = io::stdout();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let answer = line.trim().to_lowercase();
    Ok(answer == "y" || answer == "yes")
}
