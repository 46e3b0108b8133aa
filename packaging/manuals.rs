//! Writes the manual postroom(1) and the completions for bash, zsh and fish into
//! a folder: `cargo run --example manuals -- FOLDER`.
//!
//! All of it comes from the command line's own description of itself, so that a
//! new command needs no line here. `scripts/package` calls it. The manuals of the
//! two files of settings are written by hand (packaging/man).

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// What the description does not say.
const FILES: [(&str, &str); 3] = [
    (
        "/etc/postroom/postroom.toml",
        "the settings; see postroom.toml(5)",
    ),
    (
        "/etc/postroom/directory.toml",
        "who there is; see directory.toml(5)",
    ),
    (
        "/var/lib/postroom",
        "the mail; private to the user postroom",
    ),
];
const ENVIRONMENT: [(&str, &str); 1] = [(
    "POSTROOM_CONFIG",
    "the configuration file, where --config names none",
)];
const EXIT_STATUS: [(&str, &str); 3] = [
    ("0", "done"),
    ("1", "it could not be done; a line says why"),
    ("2", "the command was not understood"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("name the folder to write into")?;
    fs::create_dir_all(&folder)?;
    let mut command = postroom::cli::command();
    command.build();
    write_manual(&command, &folder.join("postroom.1"))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "postroom", &folder)?;
    }
    Ok(())
}

/// One page with all commands: a person looks for a word in it.
fn write_manual(command: &Command, file: &Path) -> Result<(), Box<dyn Error>> {
    let version = command.get_version().unwrap_or_default();
    let man = Man::new(command.clone())
        .title("POSTROOM")
        .source(format!("postroom {version}"))
        .manual("postroom");
    let mut page = File::create(file)?;
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    let mut rest = Roff::new();
    rest.control("SH", ["SYNOPSIS"]);
    rest.text([
        bold("postroom"),
        roman(" [--config "),
        italic("FILE"),
        roman("] "),
        italic("COMMAND"),
        roman(" …"),
    ]);
    rest.control("SH", ["OPTIONS"]);
    describe_arguments(command, &mut rest);
    rest.control("SH", ["COMMANDS"]);
    describe_commands(command, &mut rest);
    list(&mut rest, "FILES", &FILES);
    list(&mut rest, "ENVIRONMENT", &ENVIRONMENT);
    list(&mut rest, "EXIT STATUS", &EXIT_STATUS);
    rest.control("SH", ["SEE ALSO"]);
    rest.text([
        bold("postroom.toml"),
        roman("(5), "),
        bold("directory.toml"),
        roman("(5), "),
        bold("systemctl"),
        roman("(1), "),
        bold("journalctl"),
        roman("(1); samples and guides in "),
        italic("/usr/share/doc/postroom"),
    ]);
    rest.to_writer(&mut page)?;
    Ok(())
}

/// Every command that does something, below those that only group others.
fn describe_commands(command: &Command, page: &mut Roff) {
    let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    for command in command.get_subcommands().filter(shown) {
        if command.has_subcommands() {
            describe_commands(command, page);
            continue;
        }
        page.control("SS", [usage(command).as_str()]);
        let about = command.get_long_about().or(command.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        paragraphs(&about, page);
        describe_arguments(command, page);
    }
}

fn describe_arguments(command: &Command, page: &mut Roff) {
    for arg in command.get_arguments().filter(|arg| is_own(command, arg)) {
        page.control("TP", []);
        page.text(heading(arg));
        paragraphs(&explanation(arg), page);
    }
}

/// Not what every command has.
fn is_own(command: &Command, arg: &Arg) -> bool {
    let is_inherited = arg.is_global_set() && command.get_version().is_none();
    !arg.is_hide_set() && !is_inherited && arg.get_id() != "help"
}

/// `postroom mail restore --since <DATE> <USER>`: the options follow below.
fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let words = usage.split_whitespace().skip(1);
    words
        .filter(|word| *word != "[OPTIONS]")
        .collect::<Vec<_>>()
        .join(" ")
}

fn heading(arg: &Arg) -> Vec<Inline> {
    let mut text = Vec::new();
    if let Some(short) = arg.get_short() {
        text.extend([bold(format!("-{short}")), roman(", ")]);
    }
    if let Some(long) = arg.get_long() {
        text.push(bold(format!("--{long}")));
        text.push(roman(" "));
    }
    let values = arg.get_value_names().unwrap_or_default();
    if arg.is_positional() || arg.get_action().takes_values() {
        let values: Vec<&str> = values.iter().map(|name| name.as_str()).collect();
        text.push(italic(values.join(" ")));
    }
    text
}

/// The help of an argument, and what holds without it.
fn explanation(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    let mut text = help.map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_string())
        .collect();
    if arg.get_action().takes_values() && !choices.is_empty() {
        text.push_str(&format!(" (one of: {})", choices.join(", ")));
    }
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        text.push_str(&format!(" [default: {}]", defaults.join(" ")));
    }
    text
}

fn paragraphs(text: &str, page: &mut Roff) {
    for (number, paragraph) in text.split("\n\n").enumerate() {
        if number > 0 {
            page.control("IP", []);
        }
        page.text([roman(paragraph.trim())]);
    }
}

fn list(page: &mut Roff, heading: &str, entries: &[(&str, &str)]) {
    page.control("SH", [heading]);
    for (name, meaning) in entries {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*meaning)]);
    }
}
