//! `postroom fetch`: fetch from the providers now, or look what would come.

pub(super) mod dry_run;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::ask::{ask_with, configuration};
use super::output::{cut, say};
use super::{Failure, Outcome};
use crate::config::Configuration;
use crate::control::{Answer, FetchedAccount, Request};

/// Longer lines say nothing more; each is a server's to choose.
const LINE_CHARACTERS_MAX: usize = 1000;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The account, by its name in postroom.toml; all of them without
    account: Option<String>,
    /// Only show who would get what is there now, and why, and which settings fit; nothing changes
    #[arg(long)]
    dry_run: bool,
    /// Print it as JSON, for programs
    #[arg(long)]
    json: bool,
    /// In a dry run, look at so many messages at most, the newest ones
    #[arg(long, value_name = "N", default_value_t = 200, requires = "dry_run")]
    most: usize,
    /// In a dry run, read whole messages (RETR) where headers alone are not given: some providers
    /// mark as read what was read
    #[arg(long, requires = "dry_run")]
    retrieve: bool,
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let configuration = configuration(config)?;
    if arguments.dry_run {
        return dry_run::run(&configuration, &arguments);
    }
    let accounts = fetch(&configuration, arguments.account)?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&accounts)?);
    } else {
        accounts.iter().for_each(print);
    }
    Ok(match accounts.iter().all(|account| account.done) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// By the running hub, or without one.
fn fetch(
    configuration: &Configuration,
    account: Option<String>,
) -> Result<Vec<FetchedAccount>, Failure> {
    let request = Request::Fetch { account };
    match ask_with(configuration, request)?.answer {
        Answer::Fetched { accounts } => Ok(accounts),
        _ => Err(Failure::another_answer()),
    }
}

fn print(account: &FetchedAccount) {
    let line = |text: &str| cut(text, LINE_CHARACTERS_MAX);
    say!("{}: {}", account.account, line(&account.text));
    for refused in &account.refused {
        say!("  the server refuses {}", line(refused));
    }
    for remark in &account.remarks {
        say!("  note: {}", line(remark));
    }
}
