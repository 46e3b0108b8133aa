//! `postroom restore`: the way back from a backup.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::ask::configuration;
use super::backup::{Bar, readable};
use super::output::{print_line, printable, size};
use super::{Failure, Outcome};
use crate::backup::{self, BackupError, Damage, Place, Plan, Restored};
use crate::config::init::SYSTEM_FOLDER;
use crate::hub::fingerprints;
use crate::store::{Person, Settled};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The backup; - for a tar on standard input
    #[arg(value_name = "DIR|FILE")]
    from: PathBuf,
    /// Restore the mail, and keep the settings that are here
    #[arg(long, conflicts_with = "data_dir")]
    mail_only: bool,
    /// NAME has another password here than in the backup, and is the same person: gets the
    /// mail; may be given several times
    #[arg(long, value_name = "NAME", requires = "mail_only")]
    same_person: Vec<String>,
    /// NAME is somebody else here than in the backup: starts empty, and the mail stays
    /// sealed; may be given several times
    #[arg(long, value_name = "NAME", requires = "mail_only")]
    other_person: Vec<String>,
    /// Put the mail into this folder, and let the restored postroom.toml say so
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Restore a damaged backup as far as it goes: some messages are without their content
    /// then
    #[arg(long)]
    damaged: bool,
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let plan = Plan {
        config: config.to_path_buf(),
        settings: match arguments.mail_only {
            true => kept(config, words(&arguments)?)?,
            false => backup::Settings::Restored {
                data_dir: absolute(arguments.data_dir.as_deref())?,
            },
        },
        damage: match arguments.damaged {
            true => Damage::Accepted,
            false => Damage::Refused,
        },
    };
    let place = Place::named(arguments.from.clone());
    match backup::restore(&place, &plan, &Bar::of("restore")) {
        Ok(restored) => {
            tell(config, &restored);
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => Err(Failure(match &why {
            BackupError::Undecided(names) => {
                format!("{why}. {}", way_on(config, &arguments, names))
            }
            _ => why.to_string(),
        })),
    }
}

/// The settings that are here, with the people in them.
fn kept(config: &Path, words: Vec<(String, Person)>) -> Result<backup::Settings, Failure> {
    let configuration = configuration(config)?;
    let directory = configuration.load_directory()?;
    Ok(backup::Settings::Kept {
        users: fingerprints(&directory),
        words,
        data_dir: configuration.data_dir,
        allow_root: configuration.allow_root,
    })
}

fn words(arguments: &Arguments) -> Result<Vec<(String, Person)>, Failure> {
    let said = |names: &[String], person: Person| -> Vec<(String, Person)> {
        names.iter().map(|name| (name.clone(), person)).collect()
    };
    let same = said(&arguments.same_person, Person::Same);
    let other = said(&arguments.other_person, Person::Other);
    let is_other = |name: &str| {
        let mut others = other.iter();
        others.any(|(other, _)| other.to_lowercase() == name.to_lowercase())
    };
    if let Some((name, _)) = same.iter().find(|(name, _)| is_other(name)) {
        return Err(Failure(format!(
            "{name} cannot be the same person and somebody else: give one of --same-person and --other-person"
        )));
    }
    Ok([same, other].concat())
}

fn absolute(data_dir: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let absolute = data_dir.map(std::path::absolute).transpose();
    absolute.map_err(|why| Failure(format!("--data-dir: {why}")))
}

/// The command with which it goes on.
fn way_on(config: &Path, arguments: &Arguments, names: &[String]) -> String {
    let mut command = vec![format!("postroom{} restore --mail-only", option(config))];
    command.extend(arguments.damaged.then(|| "--damaged".to_string()));
    command.push(quoted(&arguments.from.to_string_lossy()));
    let flag = |flag: &str, name: &String| format!("--{flag}-person {}", quoted(name));
    let same = arguments.same_person.iter().chain(names);
    command.extend(same.map(|name| flag("same", name)));
    let other = arguments.other_person.iter();
    command.extend(other.map(|name| flag("other", name)));
    format!("If no name is somebody else's: {}", command.join(" "))
}

fn tell(config: &Path, restored: &Restored) {
    let head = &restored.head;
    let made_at = readable(&head.made_at);
    // What a backup says of itself may be anything.
    let line = |text: String| print_line(format_args!("{}", printable(&text)));
    line(format!(
        "restored: the mail of {} as it was on {made_at}: {} messages ({}) in {}",
        head.hostname,
        restored.counts.messages,
        size(restored.counts.octets),
        restored.data_dir.display()
    ));
    for file in &restored.settings {
        line(format!("restored: {}", file.display()));
    }
    for (now, was) in &restored.elsewhere {
        line(format!(
            "was {}, and is now {}: put it where it belongs",
            was.display(),
            now.display()
        ));
    }
    for text in of_persons(config, &restored.persons) {
        line(text);
    }
    for file in &restored.faulty_bodies {
        line(format!(
            "bodies/{file} was lost in the store before the backup was made"
        ));
    }
    for fault in &restored.needed {
        line(format!("damaged: {fault}"));
    }
    for fault in &restored.not_needed {
        line(format!("damaged, and not needed: {fault}"));
    }
    line(
        "what came after that moment is not here. What a provider still holds is fetched again;"
            .to_string(),
    );
    line("what a PC has collected since may come to it a second time".to_string());
    line(format!("next:    postroom{} check", option(config)));
    line("then:    systemctl start postroom".to_string());
}

/// Whose mail nobody gets at once, and how it can be given.
fn of_persons(config: &Path, persons: &Settled) -> Vec<String> {
    let postroom = format!("postroom{}", option(config));
    let sealed = persons.sealed.iter().map(|name| {
        format!(
            "sealed:  the mail of {name} of then; {postroom} mail list {name} shows it, and {postroom} unclaimed give ID \
             USER gives a message to somebody"
        )
    });
    let renamed = persons.renamed.iter().map(|(name, now)| {
        format!("renamed: the mail of {name} of then is that of {now}, who has the same password entry here")
    });
    let waiting = persons.waiting.iter().map(|(name, now)| match now {
        Some(now) => format!(
            "waits:   the mail of {name}, who is {now} here: {postroom} user rename {name} {now} brings it there"
        ),
        None => format!(
            "waits:   the mail of {name}, who is not in directory.toml: it comes back with the entry of then, and is \
             given to nobody else of that name"
        ),
    });
    sealed.chain(renamed).chain(waiting).collect()
}

/// Where postroom.toml is, if that must be said.
fn option(config: &Path) -> String {
    match config == Path::new(SYSTEM_FOLDER).join("postroom.toml") {
        true => String::new(),
        false => format!(" --config {}", quoted(&config.to_string_lossy())),
    }
}

/// As a shell wants it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./+@".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_string(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
