//! `postroom unclaimed …`: mail that is nobody's.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};

use super::ask::{ask, configuration, do_it, do_it_with};
use super::mail::print_list;
use super::output::cut;
use super::{Failure, Outcome};
use crate::control::{Answer, Request};

mod always;

/// A header line in the evidence has 200 characters, and some more around it.
const EVIDENCE_WIDTH: usize = 400;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the mail whose recipient could not be decided
    List,
    /// Print an unclaimed message, and above it (to standard error) why nothing decided
    Show {
        /// The message's id
        id: String,
    },
    /// Give an unclaimed message to a user
    Give(GiveArguments),
    /// Delete unclaimed mail for good
    Delete {
        /// The message's id
        #[arg(required_unless_present = "older", conflicts_with = "older")]
        id: Option<String>,
        /// All that came more than so many days ago
        #[arg(long, value_name = "DAYS")]
        older: Option<u32>,
    },
}

#[derive(Debug, Args)]
pub struct GiveArguments {
    /// The message's id
    id: String,
    /// The user who is to have it
    user: String,
    /// Write a rule to directory.toml, so that this user gets mail like it from now on
    #[arg(long)]
    always: bool,
    /// Give the user all other unclaimed mail that the rule is about, too
    #[arg(long, requires = "always")]
    all: bool,
    /// Write the rule without asking
    #[arg(long, requires = "always")]
    yes: bool,
}

pub fn run(config: &Path, command: Command) -> Outcome {
    match command {
        Command::List => match ask(config, Request::UnclaimedList)?.answer {
            Answer::Mail { lines } => Ok(print_list(&lines)),
            _ => Err(Failure::another_answer()),
        },
        Command::Show { id } => show(config, id),
        Command::Give(arguments) => give(config, arguments),
        Command::Delete { id: Some(id), .. } => do_it(config, Request::UnclaimedDelete { id }),
        Command::Delete { id: None, older } => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            let age = i64::from(older.unwrap_or(0)) * 86_400;
            let before = now.as_secs() as i64 - age;
            do_it(config, Request::UnclaimedDeleteBefore { before })
        }
    }
}

/// The evidence goes to standard error: what is written to a file is the
/// message and nothing else.
fn show(config: &Path, id: String) -> Outcome {
    let story = ask(config, Request::MailWhy { id: id.clone() })?.answer;
    let Answer::Story(story) = story else {
        return Err(Failure::another_answer());
    };
    let mut entries = story.entries.iter();
    if let Some(entry) = entries.find(|entry| entry.user.is_none()) {
        for line in entry.why.lines() {
            eprintln!("{}", cut(line, EVIDENCE_WIDTH));
        }
        eprintln!();
    }
    ask(config, Request::MailShow { id })?;
    Ok(ExitCode::SUCCESS)
}

fn give(config: &Path, arguments: GiveArguments) -> Outcome {
    let configuration = configuration(config)?;
    // The store would make a mailbox for any name; the directory knows.
    let directory = configuration.load_directory()?;
    let Some(user) = directory.login(&arguments.user) else {
        return Err(Failure(format!(
            "directory.toml has no user {}",
            arguments.user
        )));
    };
    let GiveArguments { id, always, .. } = &arguments;
    match always {
        true => always::give(&configuration, &directory, &user.name, &arguments),
        false => {
            let (id, user) = (id.clone(), user.name.clone());
            do_it_with(&configuration, Request::UnclaimedGive { id, user })
        }
    }
}
