//! Runs `token_command`, which prints an OAuth2 access token.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{self, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use smol::future;
use smol::io::{AsyncReadExt, copy, sink};
use smol::process::Command;

use crate::fetch::Secret;
use crate::net::connection::within;

/// A command that asks an authorization server has its answer by then.
const LIMIT: Duration = Duration::from_secs(60);
/// Tokens of known providers have 2 KB.
const TOKEN_OCTETS_MAX: usize = 64 * 1024;
/// Of what it says beside that, one line is shown.
const SAID_OCTETS_MAX: u64 = 1024;

/// The token that the command prints: its standard output without the white
/// space around it.
///
/// # Errors
/// A sentence for the administrator. The output is never repeated.
pub(super) async fn print(command: &str) -> Result<Secret, String> {
    let mut shell = process::Command::new("/bin/sh");
    shell.arg("-c").arg(command).process_group(0);
    let mut shell = Command::from(shell);
    shell.stdin(Stdio::null());
    shell.stdout(Stdio::piped());
    shell.stderr(Stdio::piped());
    shell.kill_on_drop(true);
    within(LIMIT, run(shell))
        .await
        .unwrap_or_else(|| Err(format!("it was not done within {} s", LIMIT.as_secs())))
}

async fn run(mut shell: Command) -> Result<Secret, String> {
    let failed = |why: io::Error| format!("it cannot be run: {why}");
    let mut child = shell.spawn().map_err(failed)?;
    // Dropped before the child is, so that the number is still its own.
    let group = Group(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
    let pipes = child.stdout.take().zip(child.stderr.take());
    let (output, mut errors) = pipes.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
    let printing = async {
        // Of full size at once: a buffer that grows leaves the token behind.
        let mut printed = Vec::with_capacity(TOKEN_OCTETS_MAX + 1);
        let mut output = output.take(TOKEN_OCTETS_MAX as u64 + 1);
        output.read_to_end(&mut printed).await.map_err(failed)?;
        let printed = Secret::new(printed);
        match printed.octets().len() {
            ..=TOKEN_OCTETS_MAX => Ok(printed),
            // The rest is not waited for.
            _ => Err(format!(
                "it printed more than {TOKEN_OCTETS_MAX} octets, which is no token"
            )),
        }
    };
    let saying = async {
        let mut said = Vec::new();
        let mut beginning = (&mut errors).take(SAID_OCTETS_MAX);
        beginning.read_to_end(&mut said).await.map_err(failed)?;
        copy(&mut errors, &mut sink()).await.map_err(failed)?;
        Ok(said)
    };
    let (printed, said) = future::try_zip(printing, saying).await?;
    let status = child.status().await.map_err(failed)?;
    // What it has left running on purpose may stay.
    group.leave();
    if !status.success() {
        let said = String::from_utf8_lossy(&said);
        let said = said.lines().next().unwrap_or_default();
        return Err(format!("it ended with {status}: {said}"));
    }
    match printed.octets().trim_ascii() {
        [] => Err("it printed nothing".to_string()),
        token => Ok(Secret::new(token)),
    }
}

/// The shell and all that it has started. Killed when dropped: without that a
/// command that hangs would leave its processes behind at every poll.
struct Group(Option<Pid>);

impl Group {
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may be over by now.
            let _ = kill_process_group(group, Signal::KILL);
        }
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

    #[test]
    fn a_command_that_prints_without_end_is_not_heard_to_the_end() {
        let since = std::time::Instant::now();
        let why = run("yes ya29").unwrap_err();
        assert!(why.contains("no token") && !why.contains("ya29"), "{why}");
        assert!(since.elapsed() < LIMIT / 4, "{:?}", since.elapsed());
        let why = run("head -c 9000000 /dev/zero | tr '\\0' a >&2; exit 3").unwrap_err();
        assert!(why.contains("status: 3: aaa"), "{why}");
        assert!(why.len() < 2000, "{}", why.len());
    }

    #[test]
    fn a_command_that_is_given_up_leaves_no_process_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let command = format!("sleep 300 & echo $! > {}; wait", file.display());
        let pid = || {
            std::fs::read_to_string(&file)
                .ok()?
                .trim()
                .parse::<u32>()
                .ok()
        };
        let begun = async {
            while pid().is_none() {
                smol::Timer::after(Duration::from_millis(5)).await;
            }
            Err(String::new())
        };
        assert!(smol::block_on(future::or(print(&command), begun)).is_err());
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", pid().unwrap()));
        let is_over = || stat().map_or(true, |stat| stat.contains(") Z "));
        let since = std::time::Instant::now();
        while !is_over() {
            assert!(since.elapsed() < Duration::from_secs(10), "{:?}", stat());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
