//! What must hold for every text that is to be a configuration, as one function
//! for fuzzers and tests.

use std::path::Path;
use std::sync::LazyLock;

use super::edit::invariants::check_edit;
use super::error::ConfigurationError;
use super::fetchmailrc;
use super::settings::Configuration;
use crate::wire::Secret;

/// What the passwords of the samples and of the bad files have in them.
const MARK: &str = "HUNTER";
/// No folder: relative paths lead nowhere, so nothing is read from the disk.
const FILE: &str = "/nonexistent/postroom.toml";
/// What each postroom.toml says at least.
const BASE: &str = "hostname = \"post.example.com\"\ndomains = [\"example.com\"]\n";

/// Reads anything as postroom.toml, as directory.toml or as .fetchmailrc.
///
/// The first octet chooses which, the second one an edit of the directory and
/// the settings that it is read with; the rest is the text.
///
/// # Panics
/// When an invariant is broken: an error is one line and names one that is
/// there, no error shows a password, and an edit changes what it is about and
/// nothing else.
pub fn check_invariants(input: &[u8]) {
    let mut choices = input.iter().copied();
    let [kind, how] = [0; 2].map(|_: u8| choices.next().unwrap_or_default());
    let octets = input.get(2..).unwrap_or_default();
    let text = String::from_utf8_lossy(octets);
    match kind % 4 {
        0 => check_settings(&text),
        1 => check_fetchmailrc(octets),
        _ => check_directory(&text, how),
    }
}

fn check_settings(text: &str) {
    let hides = marks_are_passwords(text);
    match Configuration::parse(Path::new(FILE), text) {
        Err(error) => check_error(&error, text, hides),
        Ok(configuration) => {
            assert!(!configuration.domains.is_empty(), "no domain is ours");
            let shown = format!("{configuration:?}{:?}", configuration.warnings());
            assert!(!hides || !shown.contains(MARK), "a password: {shown}");
        }
    }
}

fn check_directory(text: &str, how: u8) {
    static SETTINGS: LazyLock<[Configuration; 4]> = LazyLock::new(|| {
        [
            "",
            "[routing]\nunknown_user = \"unclaimed\"\nreject = [\"info\"]\n",
            "[routing]\nunknown_user = \"bob\"\n",
            "[[provider]]\nname = \"main\"\nhost = \"pop.provider.example\"\nuser = \"office\"\n\
             password = \"secret\"\nmode = \"single\"\nto = \"anna\"\n",
        ]
        .map(|settings| {
            let settings = Configuration::parse(Path::new(FILE), &format!("{BASE}{settings}"));
            settings.unwrap_or_else(|error| panic!("{error}"))
        })
    });
    let [first, .., last] = &*SETTINGS;
    let configuration = SETTINGS.get(usize::from(how & 3)).unwrap_or(last);
    if let Err(error) = configuration.parse_directory(text) {
        // The fault may be one of postroom.toml, which the directory shows.
        let is_elsewhere = error.file == first.path;
        let text = if is_elsewhere { &"\n".repeat(20) } else { text };
        check_error(&error, text, marks_are_passwords(text));
    }
    check_edit(configuration, text, how >> 2);
}

fn check_error(error: &ConfigurationError, text: &str, hides: bool) {
    let shown = error.to_string();
    assert!(!shown.contains(char::is_control), "not one line: {shown:?}");
    assert!(!error.message.is_empty(), "nothing is said");
    let lines = text.matches('\n').count() + 1;
    let is_there = error.line.is_none_or(|line| (1..=lines).contains(&line));
    assert!(is_there, "there are {lines} lines: {shown}");
    assert!(!hides || !shown.contains(MARK), "a password: {shown}");
}

/// Whether the mark stands behind `password =` alone. Elsewhere it is a name
/// like any other, and an error may say it.
fn marks_are_passwords(text: &str) -> bool {
    let is_password = |line: &str| {
        let setting = line.trim_start().strip_prefix("password");
        let value = setting.and_then(|rest| rest.trim_start().strip_prefix('='));
        value.is_some_and(|value| value.contains(MARK))
    };
    let mut lines = text.lines();
    let in_lines = !text.contains("\"\"\"") && !text.contains("'''");
    in_lines && lines.all(|line| !line.contains(MARK) || is_password(line))
}

fn check_fetchmailrc(octets: &[u8]) {
    let lines = octets.iter().filter(|&&octet| octet == b'\n').count() + 1;
    let import = match fetchmailrc::import(octets) {
        Ok(import) => import,
        Err(error) => {
            assert!((1..=lines).contains(&error.line), "line {}", error.line);
            assert!(!error.message.contains(MARK), "a password: {error}");
            return;
        }
    };
    let printed = import.to_toml(Path::new("/root/.fetchmailrc"), Path::new("secrets"));
    let passwords = import.accounts.iter();
    let passwords = passwords.filter_map(|account| account.password.as_ref());
    let mut passwords: Vec<&[u8]> = passwords.map(Secret::octets).collect();
    // Several accounts may have that of the defaults.
    passwords.sort_unstable();
    passwords.dedup();
    let in_passwords: usize = passwords.into_iter().map(marks_in).sum();
    if in_passwords == marks_in(octets) && !octets.contains(&b'\\') {
        assert!(!printed.contains(MARK), "a password: {printed}");
    }
    let toml: Result<toml::Table, _> = toml::from_str(&printed);
    let accounts = match toml {
        Ok(toml) => toml
            .get("provider")
            .and_then(toml::Value::as_array)
            .map_or(0, Vec::len),
        Err(error) => panic!("not TOML: {error}\n{printed}"),
    };
    let active = import.accounts.iter().filter(|account| account.is_active());
    assert_eq!(accounts, active.count(), "{printed}");
}

fn marks_in(octets: &[u8]) -> usize {
    memchr::memmem::find_iter(octets, MARK).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invariants_hold_for_every_seed_and_what_is_mixed_from_them() {
        crate::seeds::replay("configuration", check_invariants);
    }
}
