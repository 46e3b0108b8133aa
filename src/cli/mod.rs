//! The command line: one file for each command.
//!
//! A contract: people and scripts rely on names, output and exit codes. Exit
//! codes: 0 done, 1 it could not be done, 2 the command was not understood.

mod alias;
mod answer;
mod ask;
mod backup;
mod check;
mod confirm;
mod export;
mod fetch;
mod import;
mod import_fetchmailrc;
mod init;
mod mail;
mod output;
mod progress;
mod provider;
mod restore;
mod serve;
mod setup;
mod sheet;
mod status;
mod test_mail;
mod unclaimed;
mod unit;
mod user;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::control;
use output::printable;

/// The post room of a small office: mail in by SMTP, split by recipient, out by POP3.
#[derive(Debug, Parser)]
#[command(name = "postroom", version, max_term_width = 100)]
pub struct CommandLine {
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "POSTROOM_CONFIG",
        default_value = "/etc/postroom/postroom.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented configuration, a certificate and the data folder
    Init(init::Arguments),
    /// Set up a hub by questions: settings, people, a try at the provider, sheets to hand out
    Setup(Box<setup::Arguments>),
    /// Say what is wrong with the configuration, and how to mend it
    Check(check::Arguments),
    /// Print the [[provider]] sections that a .fetchmailrc stands for
    ImportFetchmailrc(import_fetchmailrc::Arguments),
    /// Run the hub
    Serve,
    /// Fetch from the providers now, or show who would get what
    Fetch(fetch::Arguments),
    /// Add, change, list and remove users
    #[command(subcommand)]
    User(user::Command),
    /// Set, list and remove aliases
    #[command(subcommand)]
    Alias(alias::Command),
    /// Look at mail, bring collected mail back, erase a message
    #[command(subcommand)]
    Mail(mail::Command),
    /// Mail that is nobody's: look at it, give it to somebody, delete it
    #[command(subcommand)]
    Unclaimed(unclaimed::Command),
    /// Why a message is where it is, or has not come
    Why(why::Arguments),
    /// Copy the mail and the settings to another disk; the hub may run
    ///
    /// The backup of another hub is never replaced, nor that of the store that was here before
    /// the hub began anew. It ends with 1 also when the backup is made, and the store has lost
    /// the content of some messages, which it names.
    Backup(backup::BackupArguments),
    /// Say whether a backup, or the hub's own mail, is whole
    ///
    /// It ends with 0 when nothing is missing. It ends with 1 when something is damaged, and
    /// when a backup is as it was made but lacks the content of messages that the store had
    /// lost already. Both are told with --quiet, too.
    Verify(backup::VerifyArguments),
    /// Bring mail and settings back from a backup
    Restore(restore::Arguments),
    /// Write a mailbox as files that other programs read: a Maildir or an mbox file
    Export(export::Arguments),
    /// Bring mail from an old PC or server into a user's mailbox
    Import(import::Arguments),
    /// Send a mail to a user through the running hub, and collect it as their PC would
    TestMail(test_mail::Arguments),
    /// How the hub is
    Status(status::Arguments),
    /// For other commands
    #[command(name = control::ANSWER_COMMAND, hide = true)]
    Answer,
}

/// The command line as it describes itself, for manuals and completions.
pub fn command() -> clap::Command {
    CommandLine::command()
}

/// A command that could not be carried out: a sentence for a person.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A hub of another version may not know the question.
    fn another_answer() -> Failure {
        Failure(
            "the hub gave an answer to another question; restart it after an upgrade".to_string(),
        )
    }
}

impl<T: std::fmt::Display> From<T> for Failure {
    fn from(why: T) -> Failure {
        Failure(why.to_string())
    }
}

/// What every command ends with.
type Outcome = Result<ExitCode, Failure>;

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let arguments = CommandLine::parse();
    let config = &arguments.config;
    let outcome = match arguments.command {
        Command::Init(arguments) => init::run(arguments),
        Command::Setup(arguments) => setup::run(config, &arguments),
        Command::Check(arguments) => check::run(config, arguments),
        Command::ImportFetchmailrc(arguments) => import_fetchmailrc::run(config, arguments),
        Command::Serve => serve::run(config),
        Command::Fetch(arguments) => fetch::run(config, arguments),
        Command::User(command) => user::run(config, command),
        Command::Alias(command) => alias::run(config, command),
        Command::Mail(command) => mail::run(config, command),
        Command::Unclaimed(command) => unclaimed::run(config, command),
        Command::Why(arguments) => why::run(config, arguments),
        Command::Backup(arguments) => backup::backup(config, arguments),
        Command::Verify(arguments) => backup::verify(config, arguments),
        Command::Restore(arguments) => restore::run(config, arguments),
        Command::Export(arguments) => export::run(config, arguments),
        Command::Import(arguments) => import::run(config, arguments),
        Command::TestMail(arguments) => test_mail::run(config, arguments),
        Command::Status(arguments) => status::run(config, arguments),
        Command::Answer => answer::run(config),
    };
    match outcome {
        Ok(code) => code,
        Err(Failure(why)) => {
            eprintln!("postroom: {}", printable(&why));
            ExitCode::FAILURE
        }
    }
}
