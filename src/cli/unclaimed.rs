//! `postroom unclaimed …`: mail that is nobody's.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;

use super::ask::{ask, configuration, do_it};
use super::mail::print_list;
use super::{Failure, Outcome};
use crate::control::{Answer, Request};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the mail whose recipient could not be decided
    List,
    /// Print an unclaimed message
    Show {
        /// The message's id
        id: String,
    },
    /// Give an unclaimed message to a user
    Give {
        /// The message's id
        id: String,
        /// The user who is to have it
        user: String,
    },
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

pub fn run(config: &Path, command: Command) -> Outcome {
    match command {
        Command::List => match ask(config, Request::UnclaimedList)?.answer {
            Answer::Mail { lines } => Ok(print_list(&lines)),
            _ => Err(Failure::another_answer()),
        },
        Command::Show { id } => {
            ask(config, Request::MailShow { id })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Give { id, user } => {
            // The store would make a mailbox for any name; the directory knows.
            let directory = configuration(config)?.load_directory()?;
            let Some(user) = directory.login(&user) else {
                return Err(Failure(format!("directory.toml has no user {user}")));
            };
            let user = user.name.clone();
            do_it(config, Request::UnclaimedGive { id, user })
        }
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
