//! `postroom fetch --dry-run`: who would get what, and which settings fit.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::Arguments;
use crate::cli::output::{Table, cut, say, size};
use crate::cli::provider::visit;
use crate::cli::{Failure, Outcome};
use crate::config::Configuration;
use crate::hub;
use crate::net::fetcher::{self, DryRun, PollError, Preview, Provider, Reading};
use crate::net::sessions::Sessions;
use crate::route::Directory;
use crate::route::multidrop::{Advice, EnvelopeHeader, Mode};

pub fn run(configuration: &Configuration, arguments: &Arguments) -> Outcome {
    let providers = hub::chosen(&configuration.providers, arguments.account.as_deref())?;
    let directory = configuration.load_directory()?;
    let mut found = Vec::new();
    let mut all_done = true;
    for provider in providers {
        let name = &provider.name;
        match read(provider, &directory, arguments) {
            Ok(run) if arguments.json => found.push(to_json(provider, &run)),
            Ok(run) => print(provider, &run),
            Err(why) => {
                all_done = false;
                let Failure(why) = explain(&why);
                if arguments.json {
                    found.push(json!({ "account": name, "failed": why }));
                } else {
                    say!("{name}: {}", cut(&why, super::LINE_CHARACTERS_MAX));
                }
            }
        }
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&found)?);
    }
    Ok(match all_done {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn read(
    provider: &Provider,
    directory: &Directory,
    arguments: &Arguments,
) -> Result<DryRun, PollError> {
    let read = |reading| {
        visit(provider, async |provider: &Provider| {
            let sessions = Sessions::default();
            fetcher::dry_run(provider, directory, &sessions, reading, arguments.most).await
        })
    };
    if arguments.retrieve {
        return read(Reading::Retrieve);
    }
    match read(Reading::Top) {
        Err(PollError::NoTop(_)) if may_retrieve(provider) => read(Reading::Retrieve),
        other => other,
    }
}

/// Asks the person, if there is one.
fn may_retrieve(provider: &Provider) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    eprint!(
        "{}: the provider's server does not give headers alone (TOP). It does give whole messages (RETR), but some \
         providers mark as read what was read. Read whole messages? [y/N] ",
        provider.name
    );
    // Who does not see the question says no.
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let heard = io::stdin().lock().read_line(&mut answer);
    heard.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn explain(why: &PollError) -> Failure {
    Failure(match why {
        PollError::NoTop(_) => format!(
            "{why}; with --retrieve whole messages are read (RETR), but some providers mark as read what was read"
        ),
        why => why.to_string(),
    })
}

/// The messages, who would get them and why, and what is proposed.
pub(in crate::cli) fn print(provider: &Provider, run: &DryRun) {
    say!(
        "{}: {} messages at {}, the newest {} looked at; nothing is changed\n",
        provider.name,
        run.listed,
        provider.host,
        run.previews.len()
    );
    if !run.previews.is_empty() {
        let mut table = Table::new(&["MESSAGE", "SIZE", "SENDER", "SUBJECT", "WHO", "WHY"]);
        run.previews
            .iter()
            .flat_map(|preview| rows(preview, provider.max_message_size))
            .for_each(|row| table.row(row));
        table.print();
        say!("");
    }
    for (number, refusal) in &run.refused {
        say!(
            "message {number} is not shown by the server: {}",
            cut(&refusal.to_string(), 200)
        );
    }
    if let Some(advice) = &run.advice {
        print_advice(provider, advice, count_decided(run));
    }
}

/// A row for each who would get the message, and one for the unclaimed tray.
fn rows(preview: &Preview, max_message_size: u64) -> Vec<Vec<String>> {
    let decision = &preview.decision;
    let targets = decision
        .targets
        .iter()
        .map(|target| (target.user.clone(), target.why()));
    let tray = decision
        .unclaimed
        .iter()
        .map(|evidence| ("(unclaimed)".to_string(), evidence.why.clone()));
    let is_too_large = preview
        .octets
        .is_some_and(|octets| octets > max_message_size);
    let row = |(index, (who, why)): (usize, (String, String))| {
        let why = match is_too_large {
            true => format!("too large, stays there; only a notice comes: {why}"),
            false => why,
        };
        let mut row = match index {
            0 => vec![
                preview.number.to_string(),
                preview.octets.map(size).unwrap_or_default(),
                cut(&preview.from, 30),
                cut(&preview.subject, 30),
            ],
            _ => vec![String::new(); 4],
        };
        row.extend([cut(&who, 20), cut(&why, 100)]);
        row
    };
    targets.chain(tray).enumerate().map(row).collect()
}

/// Messages that somebody gets with the settings of now.
fn count_decided(run: &DryRun) -> usize {
    let targets = run.previews.iter().map(|preview| &preview.decision.targets);
    targets.filter(|targets| !targets.is_empty()).count()
}

fn print_advice(provider: &Provider, advice: &Advice, decided: usize) {
    let Advice {
        messages,
        explained,
        ..
    } = advice;
    let name = &provider.name;
    say!("With the settings of now {decided} of {messages} messages find their recipients.");
    // Nothing else can be told before that is mended.
    if let Some(elsewhere) = &advice.elsewhere {
        say!(
            "{} of {messages} messages are addressed to {}, which is none of the office's domains. If it is,\n\
             it is missing in domains in postroom.toml, or mistyped there.",
            elsewhere.messages,
            elsewhere.domain
        );
        return;
    }
    if is_as_set(provider, advice) {
        say!("The headers suggest no others.");
    } else {
        say!("The headers suggest these lines for [[provider]] \"{name}\" in postroom.toml,");
        say!("with which {explained} of {messages} messages find their recipients:\n");
        for line in advice.to_string().lines() {
            say!("    {line}");
        }
        say!("");
    }
    for line in reasons(advice) {
        say!("{}", cut(&line, super::LINE_CHARACTERS_MAX));
    }
}

fn is_as_set(provider: &Provider, advice: &Advice) -> bool {
    let routing = &provider.routing;
    let is_same_header = match (&routing.mode, &advice.mode) {
        (
            Mode::Envelope {
                header: EnvelopeHeader::Field(set),
                prefix,
            },
            Mode::Envelope {
                header: EnvelopeHeader::Field(found),
                prefix: found_prefix,
            },
        ) => set.eq_ignore_ascii_case(found) && prefix.eq_ignore_ascii_case(found_prefix),
        (set, found) => set == found,
    };
    let is_guess = matches!(advice.mode, Mode::Guess);
    let copies = advice.copies.filter(|_| is_guess);
    let is_same_copies = copies.is_none_or(|copies| copies == routing.copies);
    is_same_header && is_same_copies && routing.trusted_hosts.to_setting() == advice.trusted_hosts
}

/// What speaks for the advice.
fn reasons(advice: &Advice) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Mode::Envelope { header, .. } = &advice.mode {
        let place = advice.position.map_or(String::new(), |position| {
            format!(", mostly as header line {position}")
        });
        reasons.push(format!(
            "{} of {} messages carry {} within the provider's own lines{place}.",
            advice.carried,
            advice.messages,
            header.name()
        ));
    } else {
        reasons.push(
            "No header of the provider's own names the recipient in every message: recipients are guessed, and blind \
             copies and lists may be unclaimed. Ask the provider whether it can write an envelope header."
                .to_string(),
        );
        if advice.copies.is_none() {
            reasons.push(
                "Whether the provider stores one copy for each recipient or one for all, these messages do not tell: \
                 ask the provider, and set copies."
                    .to_string(),
            );
        }
    }
    if let Some(untrusted) = &advice.untrusted {
        reasons.push(format!(
            "Every message carries {untrusted}, but below the provider's own lines, where anybody can write it. If the \
             provider does write it, its hosts are missing in trusted_hosts."
        ));
    }
    reasons
}

fn to_json(provider: &Provider, run: &DryRun) -> Value {
    let refused = run.refused.iter();
    let refused = refused
        .map(|(number, refusal)| json!({ "number": number, "said": refusal.text }))
        .collect::<Vec<_>>();
    let advice = run.advice.as_ref().map(|advice| {
        json!({
            "lines": advice.to_string(),
            "as_set": is_as_set(provider, advice),
            "messages": advice.messages,
            "explained": advice.explained,
            "explained_now": count_decided(run),
            "carried": advice.carried,
            "position": advice.position,
            "untrusted": advice.untrusted,
            "elsewhere": advice.elsewhere.as_ref().map(|elsewhere| {
                json!({ "domain": elsewhere.domain.as_str(), "messages": elsewhere.messages })
            }),
        })
    });
    json!({
        "account": provider.name,
        "listed": run.listed,
        "messages": run.previews.iter().map(preview_to_json).collect::<Vec<_>>(),
        "refused": refused,
        "advice": advice,
    })
}

fn preview_to_json(preview: &Preview) -> Value {
    let decision = &preview.decision;
    let targets = decision
        .targets
        .iter()
        .map(|target| json!({ "user": target.user, "why": target.why() }))
        .collect::<Vec<_>>();
    json!({
        "number": preview.number,
        "octets": preview.octets,
        "from": preview.from,
        "subject": preview.subject,
        "who": targets,
        "unclaimed": decision.unclaimed.as_ref().map(ToString::to_string),
    })
}

#[cfg(test)]
mod tests;
