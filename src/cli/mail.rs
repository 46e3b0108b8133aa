//! `postroom mail …`: look at mail, bring it back, erase it.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::ask::{ask, configuration, do_it};
use super::confirm::agreed;
use super::output::{Table, cut, say, size, time};
use super::why::story_of;
use super::{Failure, Outcome};
use crate::control::{Answer, MailLine, Request, Story};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List a user's mail: what waits, and what was collected and can come back
    List {
        /// The user
        user: String,
    },
    /// Print a message as it is kept, its trace lines first
    Show {
        /// The message's id, as in the log and in its Received line
        id: String,
    },
    /// Say where a message went, and why
    Why {
        /// The message's id, as in the log and in its Received line
        id: String,
    },
    /// Put mail that a PC has collected back into the user's mailbox
    Restore {
        /// The user
        user: String,
        /// What was collected since then: 2026-11-20, 2026-11-20T08:00:00Z, or "3 days"
        #[arg(long, value_name = "DATE")]
        since: String,
    },
    /// Erase a message for good, wherever it is
    Erase {
        /// The message's id
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub fn run(config: &Path, command: Command) -> Outcome {
    match command {
        Command::List { user } => list_of_user(config, &user),
        Command::Show { id } => {
            ask(config, Request::MailShow { id })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Why { id } => story_of(config, id),
        Command::Restore { user, since } => {
            let since = moment(&since, SystemTime::now())?;
            do_it(config, Request::MailRestore { user, since })
        }
        Command::Erase { id, yes } => erase(config, id, yes),
    }
}

/// A user's mail. The name may be any address of the user.
fn list_of_user(config: &Path, name: &str) -> Outcome {
    let directory = configuration(config)?.load_directory();
    let known = directory
        .ok()
        .and_then(|known| known.login(name).map(|user| user.name.clone()));
    let user = known.clone().unwrap_or_else(|| name.to_string());
    match ask(config, Request::MailList { user })?.answer {
        Answer::Mail { lines } => Ok(print_list(&lines)),
        Answer::NoMailbox if known.is_some() => Ok(print_list(&[])),
        Answer::NoMailbox => Err(Failure(format!(
            "there is no user {name}; postroom user list shows them"
        ))),
        _ => Err(Failure::another_answer()),
    }
}

fn erase(config: &Path, id: String, yes: bool) -> Outcome {
    if !yes {
        show_what_goes(config, &id)?;
        let no_terminal = "nothing is erased: there is no terminal to ask at; add --yes";
        if !agreed("erase it for good, wherever it is?", no_terminal)? {
            say!("nothing is erased");
            return Ok(ExitCode::SUCCESS);
        }
    }
    do_it(config, Request::MailErase { id })
}

/// What a message is, and who has it.
fn show_what_goes(config: &Path, id: &str) -> Result<(), Failure> {
    let request = Request::MailWhy { id: id.to_string() };
    let Answer::Story(story) = ask(config, request)?.answer else {
        return Err(Failure::another_answer());
    };
    say!("message     {}", story.id);
    if let Some(line) = line_of(config, &story)? {
        say!("from        {}", cut(sender(&line), 200));
        say!("subject     {}", cut(&line.subject, 200));
    }
    say!(
        "received    {}, {}",
        time(story.received_at),
        size(story.octets)
    );
    for entry in &story.entries {
        let whose = entry.user.as_deref().unwrap_or("(unclaimed)");
        let state = match (entry.sealed, entry.collected_at) {
            (true, _) => "sealed",
            (false, None) => "waits",
            (false, Some(_)) => "collected",
        };
        say!("mailbox     {whose}: {state}");
    }
    Ok(())
}

/// A message as the list of a mailbox shows it.
fn line_of(config: &Path, story: &Story) -> Result<Option<MailLine>, Failure> {
    let Some(entry) = story.entries.first() else {
        return Ok(None);
    };
    let request = match entry.user.clone() {
        Some(user) => Request::MailList { user },
        None => Request::UnclaimedList,
    };
    Ok(match ask(config, request)?.answer {
        Answer::Mail { lines } => lines.into_iter().find(|line| line.id == story.id),
        _ => None,
    })
}

/// A table of messages.
pub fn print_list(lines: &[MailLine]) -> ExitCode {
    if lines.is_empty() {
        say!("no mail");
        return ExitCode::SUCCESS;
    }
    let mut table = Table::new(&["ID", "RECEIVED", "SIZE", "STATE", "FROM", "SUBJECT", "WHY"]);
    for line in lines {
        table.row(row(line));
    }
    table.print();
    ExitCode::SUCCESS
}

/// By the message itself, or else by its envelope.
fn sender(line: &MailLine) -> &str {
    match line.from.is_empty() {
        true => &line.reverse_path,
        false => &line.from,
    }
}

fn row(line: &MailLine) -> Vec<String> {
    vec![
        line.id.clone(),
        time(line.received_at),
        size(line.octets),
        match (line.sealed, line.collected_at) {
            (true, _) => "sealed".to_string(),
            (false, None) => "waits".to_string(),
            (false, Some(_)) => "collected".to_string(),
        },
        cut(sender(line), 30),
        cut(&line.subject, 40),
        cut(line.why.lines().next().unwrap_or_default(), 40),
    ]
}

/// Seconds since 1970 of a date, a date with time, or "N days" before now.
pub(super) fn moment(text: &str, now: SystemTime) -> Result<i64, Failure> {
    let text = text.trim();
    let day = format_description!("[year]-[month]-[day]");
    if let Ok(date) = Date::parse(text, day) {
        return Ok(date.midnight().assume_utc().unix_timestamp());
    }
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(at.unix_timestamp());
    }
    let ago = text
        .strip_suffix("days")
        .or_else(|| text.strip_suffix("day"));
    if let Some(days) = ago.and_then(|days| days.trim().parse::<u32>().ok()) {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        return Ok(now as i64 - i64::from(days) * 86_400);
    }
    Err(Failure(format!(
        "“{}” is no date; write 2026-11-20, 2026-11-20T08:00:00Z, or \"3 days\"",
        cut(text, 40)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_date_is_read_in_three_ways_and_rubbish_is_told() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_380_000);
        let read = |text| moment(text, now).ok();
        assert_eq!(read("2026-11-22"), Some(1_795_305_600));
        assert_eq!(read("2026-11-22T20:40:00Z"), Some(1_795_380_000));
        assert_eq!(read("1 day"), Some(1_795_293_600));
        for rubbish in ["", "yesterday", "2026-13-01", "-1 days", "days"] {
            assert_eq!(read(rubbish), None, "{rubbish}");
        }
    }
}
