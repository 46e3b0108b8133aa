//! Runs `token_command`, which prints an OAuth2 access token.

use std::process::Stdio;
use std::time::Duration;

use smol::process::Command;

use crate::fetch::Secret;
use crate::net::connection::within;

/// A command that asks an authorization server has its answer by then.
const LIMIT: Duration = Duration::from_secs(60);
/// Tokens of known providers have 2 KB.
const TOKEN_OCTETS_MAX: usize = 64 * 1024;

/// The token that the command prints: its standard output without the white
/// space around it.
///
/// # Errors
/// A sentence for the administrator. The output is never repeated.
pub(super) async fn print(command: &str) -> Result<Secret, String> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell.stdin(Stdio::null());
    shell.stdout(Stdio::piped());
    shell.stderr(Stdio::piped());
    shell.kill_on_drop(true);
    let output = within(LIMIT, shell.output()).await;
    let output = output.ok_or_else(|| format!("it was not done within {} s", LIMIT.as_secs()))?;
    let output = output.map_err(|why| format!("it cannot be run: {why}"))?;
    let printed = Secret::new(output.stdout);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or_default();
        return Err(format!("it ended with {}: {said}", output.status));
    }
    let token = printed.octets().trim_ascii();
    match token.len() {
        0 => Err("it printed nothing".to_string()),
        1..=TOKEN_OCTETS_MAX => Ok(Secret::new(token)),
        _ => Err(format!(
            "it printed more than {TOKEN_OCTETS_MAX} octets, which is no token"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &str) -> Result<Vec<u8>, String> {
        smol::block_on(print(command)).map(|token| token.octets().to_vec())
    }

    #[test]
    fn the_token_is_what_the_command_prints() {
        assert_eq!(run("printf ' ya29.a-b \\n'"), Ok(b"ya29.a-b".to_vec()));
    }

    #[test]
    fn a_command_that_fails_says_how_and_shows_no_token() {
        for (command, expected) in [
            (
                "echo ya29; echo expired >&2; exit 3",
                "exit status: 3: expired",
            ),
            ("true", "printed nothing"),
            ("head -c 70000 /dev/zero | tr '\\0' a", "no token"),
        ] {
            let why = run(command).unwrap_err();
            assert!(why.contains(expected) && !why.contains("ya29"), "{why}");
        }
    }
}
