//! `postroom check`: what is wrong, and how to mend it.
//!
//! Each file below looks at one thing and adds what it finds. Nothing is changed,
//! and what cannot be looked at, as by somebody who is not root, is a note and no
//! fault.

mod certificate;
mod clock;
mod disk;
mod files;
mod finding;
mod hostname;
pub(super) mod hub;
mod mail;
mod memory;
mod ports;
mod providers;
mod store;
mod unit;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::ask::ask_with;
use super::output::{printable, say};
use super::{Failure, Outcome};
use crate::auth::PasswordHash;
use crate::config::{Configuration, is_root};
use crate::control::{self, Answer, AskError, Request, Status};

use finding::Findings;
pub use finding::{Finding, Severity, Topic};
use store::Found;

/// Nothing is wrong, but something should be looked at. 2 says that a command
/// was not understood.
const ONLY_WARNINGS: u8 = 3;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all is well, 1 something does not work (ERROR), 3 something should be looked at (warning)."
)]
pub struct Arguments {
    /// Print it as JSON, for programs
    #[arg(long)]
    json: bool,
}

/// As `--json` prints it.
#[derive(Serialize)]
struct Report<'a> {
    version: &'a str,
    errors: usize,
    warnings: usize,
    findings: &'a [Finding],
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let worst = match arguments.json {
        true => report(config)?,
        false => tell(config),
    };
    Ok(match worst {
        Some(Severity::Error) => ExitCode::FAILURE,
        Some(Severity::Warning) => ExitCode::from(ONLY_WARNINGS),
        _ => ExitCode::SUCCESS,
    })
}

/// Looks, and prints each finding as it is found. Returns the gravest one's
/// severity.
pub fn tell(config: &Path) -> Option<Severity> {
    let findings = look(config, &print);
    let errors = count(&findings, Severity::Error);
    let warnings = count(&findings, Severity::Warning);
    say!("\n{errors} errors, {warnings} warnings");
    worst(&findings)
}

/// The same, for programs.
fn report(config: &Path) -> Result<Option<Severity>, Failure> {
    let findings = look(config, &|_| ());
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        errors: count(&findings, Severity::Error),
        warnings: count(&findings, Severity::Warning),
        findings: &findings,
    };
    say!("{}", serde_json::to_string_pretty(&report)?);
    Ok(worst(&findings))
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    let of_it = |finding: &&Finding| finding.severity == severity;
    findings.iter().filter(of_it).count()
}

fn worst(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(|finding| finding.severity).max()
}

fn print(finding: &Finding) {
    // Some of it are a server's words.
    let text = printable(&finding.text);
    say!("{:<8} {text}", finding.severity.word());
    for line in finding.mend.iter().flat_map(|mend| mend.lines()) {
        say!("         {}", printable(line));
    }
}

fn look(config: &Path, tell: &dyn Fn(&Finding)) -> Vec<Finding> {
    let mut findings = Findings::new(tell);
    match Configuration::load(config) {
        // Without this file there is nothing else to look at.
        Err(why) => {
            // The system's words: which file it is about may be any that a section names.
            let is_closed = why.to_string().contains("Permission denied") && !is_root();
            let finding = Finding::error(Topic::Configuration, why);
            findings.add(match is_closed {
                true => finding.mend("sudo postroom check may read all files"),
                false => finding,
            });
        }
        Ok(configuration) => look_at_all(&configuration, &mut findings),
    }
    findings.into_all()
}

fn look_at_all(configuration: &Configuration, findings: &mut Findings<'_>) {
    let file = configuration.path.display();
    findings.add(Finding::good(
        Topic::Configuration,
        format!("{file} is read"),
    ));
    for warning in configuration.warnings() {
        findings.add(Finding::warning(Topic::Configuration, warning));
    }
    findings.add(Finding::good(
        Topic::Configuration,
        format!("lan: {}", configuration.lan),
    ));
    clock::look(findings);
    look_at_directory(configuration, findings);
    files::look(configuration, findings);
    unit::look(configuration, findings);
    certificate::look(configuration, findings);
    hostname::look(configuration, findings);
    memory::look(configuration, findings);
    let found = store::look(configuration, findings);
    let answer = control::ask_running(Request::Status, &configuration.data_dir);
    let status = match answer {
        Some(answer) => told_by_the_hub(answer, configuration, findings),
        None => {
            let status = match found {
                // Looking makes nothing: a store that is not there yet stays so.
                Found::Nothing | Found::Broken => None,
                Found::Store => told_by_the_store(configuration, findings),
            };
            tell_of_no_hub(found, status.as_ref(), findings);
            // A hub that is there has its ports, also where it does not tell us how it is.
            ports::look(configuration, findings);
            status
        }
    };
    if let Some(status) = &status {
        if let Some(state) = &status.hub {
            hub::look(configuration, state, findings);
        }
        disk::look_at_room(&status.disk, findings);
        mail::look(configuration, status, findings);
        hub::look_at_accounts(status, findings);
    }
    disk::look_at_speed(&configuration.data_dir, findings);
    providers::look(configuration, findings);
}

fn told_by_the_hub(
    answer: Result<Answer, AskError>,
    configuration: &Configuration,
    findings: &mut Findings<'_>,
) -> Option<Status> {
    match answer {
        Ok(Answer::Status(status)) => return Some(*status),
        Ok(_) => {
            let text = "the running hub gave an answer to another question";
            findings.add(
                Finding::error(Topic::Hub, text)
                    .mend("it is of another version: systemctl restart postroom"),
            );
        }
        Err(why) => findings.add(match files::is_guest(configuration) {
            true => Finding::note(Topic::Hub, format!("the hub was not asked: {why}")),
            false => Finding::error(Topic::Hub, why),
        }),
    }
    None
}

fn told_by_the_store(configuration: &Configuration, findings: &mut Findings<'_>) -> Option<Status> {
    match ask_with(configuration, Request::Status) {
        Ok(reply) => match reply.answer {
            Answer::Status(status) => Some(*status),
            _ => None,
        },
        Err(why) => {
            let text = format!("the store cannot be opened: {}", why.0);
            findings.add(Finding::error(Topic::Store, text));
            None
        }
    }
}

/// Where a hub has run before, one that does not run now has crashed or is forgotten.
fn tell_of_no_hub(found: Found, status: Option<&Status>, findings: &mut Findings<'_>) {
    // The hub makes the mailboxes when it starts.
    let has_run = status.is_none_or(|status| {
        let mut mailboxes = status.mailboxes.iter();
        mailboxes.any(|mailbox| mailbox.user.is_some())
    });
    findings.add(match found != Found::Nothing && has_run {
        true => Finding::warning(
            Topic::Hub,
            "no hub runs, so nothing comes in and no PC can collect its mail",
        )
        .mend("sudo systemctl enable --now postroom; journalctl -u postroom says why it ended"),
        false => Finding::good(Topic::Hub, "no hub runs now, and none has run yet"),
    });
}

fn look_at_directory(configuration: &Configuration, findings: &mut Findings<'_>) {
    let file = &configuration.directory;
    if files::is_closed_to_a_guest(file, configuration) {
        let text = format!(
            "{} was not looked at: it is for root and the hub's user alone",
            file.display()
        );
        return findings.add(Finding::note(Topic::Directory, text).mend("sudo postroom check"));
    }
    let directory = match configuration.load_directory() {
        Ok(directory) => directory,
        Err(why) => return findings.add(Finding::error(Topic::Directory, why)),
    };
    findings.add(Finding::good(
        Topic::Directory,
        format!(
            "{}: {} users, {} aliases",
            file.display(),
            directory.users().len(),
            directory.aliases().len()
        ),
    ));
    for user in directory.users() {
        let (file, name) = (file.display(), &user.name);
        match PasswordHash::parse(user.password.as_str()) {
            Err(why) => findings.add(Finding::error(
                Topic::Directory,
                format!("{file}: [users.{name}]: {why}"),
            )),
            Ok(hash) if !hash.has_our_parameters() => findings.add(
                Finding::warning(
                    Topic::Directory,
                    format!("{file}: the password hash of {name} was made elsewhere, with another strength"),
                )
                .mend(format!("postroom user passwd {name} makes one of ours")),
            ),
            Ok(_) => {}
        }
    }
}
