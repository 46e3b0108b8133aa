//! `postroom import-fetchmailrc`: the accounts of a .fetchmailrc as
//! `[[provider]]` sections.
//!
//! Needs no postroom.toml and changes none: what is printed is for a person to
//! look at.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use super::output::say;
use crate::config::fetchmailrc::{self, Import};

/// No person wrote a larger one.
const OCTETS_MAX: u64 = 1 << 20;
/// Beside postroom.toml.
const SECRETS: &str = "secrets";

#[derive(Debug, Args)]
pub struct Arguments {
    /// The .fetchmailrc
    file: PathBuf,
    /// Write the passwords into this folder, a file for each account
    #[arg(long, value_name = "DIR")]
    write_passwords: Option<PathBuf>,
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let file = &arguments.file;
    let text = read(file).map_err(|why| format!("{}: cannot be read: {why}", file.display()))?;
    let import = fetchmailrc::import(&text).map_err(|why| format!("{}:{why}", file.display()))?;
    let folder = config.parent().unwrap_or(Path::new(""));
    match &arguments.write_passwords {
        Some(secrets) => {
            let files = import.write_passwords(secrets)?;
            say_toml(&import, file, &beside(folder, secrets));
            for file in files {
                eprintln!("postroom: {} is written", file.display());
            }
        }
        None => {
            say_toml(&import, file, Path::new(SECRETS));
            say_commands(&import, &folder.join(SECRETS));
        }
    }
    warn_if_open(file);
    Ok(ExitCode::SUCCESS)
}

/// It goes on holding its passwords when the import is done.
fn warn_if_open(file: &Path) {
    // One that is gone by now has been read.
    let mode = file
        .metadata()
        .map_or(0, |found| found.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let file = file.display();
        eprintln!(
            "postroom: {file} holds passwords, and others than its owner can read or change it \
             (mode {mode:04o}): chmod 600 {file}"
        );
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut file = File::open(file)?.take(OCTETS_MAX + 1);
    file.read_to_end(&mut text)?;
    if text.len() as u64 > OCTETS_MAX {
        return Err(io::Error::other("it is larger than 1 MB"));
    }
    Ok(text)
}

/// As postroom.toml names it: paths in it are relative to its folder.
fn beside(folder: &Path, secrets: &Path) -> PathBuf {
    let (Ok(folder), Ok(secrets)) = (absolute(folder.join(".")), absolute(secrets)) else {
        return secrets.to_path_buf();
    };
    match secrets.strip_prefix(&folder) {
        Ok(inside) => inside.to_path_buf(),
        Err(_) => secrets,
    }
}

fn say_toml(import: &Import, file: &Path, secrets: &Path) {
    say!("{}", import.to_toml(file, secrets).trim_end());
}

/// A password stays out of the terminal and out of the shell's history.
fn say_commands(import: &Import, secrets: &Path) {
    let with_password = |name: &&str| {
        let mut accounts = import.accounts.iter();
        accounts.any(|account| account.name == **name && account.password.is_some())
    };
    let names = import.accounts.iter().map(|account| account.name.as_str());
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return;
    }
    let folder = secrets.display();
    say!("");
    say!("# The passwords are not printed. Type each and press Enter, then Ctrl-D:");
    for name in &names {
        say!("#   (umask 077; mkdir -p '{folder}' && cat > '{folder}/{name}')");
    }
    if names.iter().any(with_password) {
        say!("# Or have them taken from the file:");
        say!("#   postroom import-fetchmailrc FILE --write-passwords '{folder}'");
    }
    say!("# The hub's user must be able to read them (chown).");
}
