//! `postroom status`: how the hub is.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::ask::ask;
use super::output::{Table, cut, say, size, time};
use super::{Failure, Outcome};
use crate::control::{Answer, HubState, MailboxState, ProviderState, Request, Status};

/// Longer lines say nothing more; some are a server's to choose.
const LINE_CHARACTERS_MAX: usize = 1000;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print it as JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let Answer::Status(status) = ask(config, Request::Status)?.answer else {
        return Err(Failure::another_answer());
    };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print(&status);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(status: &Status) {
    match &status.hub {
        None => say!("postroom {}: no hub runs", status.version),
        Some(hub) => print_hub(hub, &status.version),
    }
    if !status.providers.is_empty() {
        print_providers(&status.providers);
    }
    say!("");
    let mut table = Table::new(&[
        "MAILBOX",
        "WAITING",
        "SIZE",
        "RESTORABLE",
        "SIZE",
        "LAST POLL",
        "",
    ]);
    for mailbox in &status.mailboxes {
        table.row(mailbox_row(mailbox));
    }
    table.print();
    let disk = &status.disk;
    say!(
        "\ndisk        {} free of {}",
        size(disk.free),
        size(disk.total)
    );
    if disk.short {
        say!("            less than keep_free: no mail is taken in until there is room");
    }
    let errors = status
        .hub
        .as_ref()
        .map_or(&[][..], |hub| &hub.recent_errors);
    if !errors.is_empty() {
        say!("\nlast warnings and errors");
        errors.iter().for_each(|line| say!("  {line}"));
    }
}

fn print_hub(hub: &HubState, version: &str) {
    say!(
        "postroom {version} on {}, running since {}",
        hub.hostname,
        time(hub.since)
    );
    if let Some(octets) = hub.memory_octets {
        say!("memory      {}", size(octets));
    }
    for trouble in &hub.troubles {
        say!("TROUBLE     {}", cut(trouble, LINE_CHARACTERS_MAX));
    }
    for listener in &hub.listeners {
        say!("listening   {} for {}", listener.address, listener.name);
    }
    match &hub.certificate {
        None => say!("tls         not offered: [tls] names no certificate"),
        Some(certificate) if certificate.days_left < 0 => {
            say!(
                "tls         the certificate of {} has EXPIRED",
                certificate.subject
            );
        }
        Some(certificate) => say!(
            "tls         certificate of {} by {}, {} days left",
            certificate.subject,
            certificate.issuer,
            certificate.days_left
        ),
    }
    let figures = &hub.figures;
    say!(
        "mail        {} received, {} refused, {} collected since the start",
        figures.received_messages,
        figures.refusals.values().sum::<u64>(),
        figures.collected_messages
    );
    say!("log-ins     {} failed since the start", hub.failed_logins);
    say!(
        "commits     {} with {} changes since the start",
        hub.commits,
        hub.changes
    );
    say!("sessions    {}", hub.sessions.len());
    for session in &hub.sessions {
        let user = session.user.as_deref().unwrap_or("-");
        say!(
            "  {} {} {user} since {}",
            session.protocol,
            session.peer,
            time(session.since)
        );
    }
}

fn print_providers(providers: &[ProviderState]) {
    say!("");
    let mut table = Table::new(&[
        "PROVIDER",
        "SERVER",
        "LAST SUCCESS",
        "NEXT POLL",
        "FETCHED",
        "SIZE",
        "LEFT THERE",
    ]);
    for provider in providers {
        let next = match provider.polling {
            true => "under way".to_string(),
            false => provider.next_poll.map_or("-".to_string(), time),
        };
        table.row(vec![
            provider.name.clone(),
            provider.host.clone(),
            provider.last_success.map_or("-".to_string(), time),
            next,
            provider.fetched.to_string(),
            size(provider.fetched_octets),
            provider
                .left
                .map_or("-".to_string(), |left| left.to_string()),
        ]);
    }
    table.print();
    for provider in providers {
        let is_told = |why: &&String| {
            let mut troubles = provider.troubles.iter();
            troubles.any(|trouble| trouble.contains(why.as_str()))
        };
        let error = provider.last_error.iter().filter(|why| !is_told(why));
        let error = error.map(|why| format!("the last poll failed: {why}"));
        for line in error.chain(provider.troubles.iter().cloned()) {
            say!("{}: {}", provider.name, cut(&line, LINE_CHARACTERS_MAX));
        }
    }
}

fn mailbox_row(mailbox: &MailboxState) -> Vec<String> {
    let note = match (mailbox.sealed_at, mailbox.missing_since) {
        (Some(at), _) => format!("sealed, the user was removed {}", time(at)),
        (None, Some(at)) => format!("not in directory.toml since {}", time(at)),
        (None, None) => String::new(),
    };
    vec![
        mailbox
            .user
            .clone()
            .unwrap_or_else(|| "(unclaimed)".to_string()),
        mailbox.messages.to_string(),
        size(mailbox.octets),
        mailbox.collected_messages.to_string(),
        size(mailbox.collected_octets),
        mailbox.last_login.map_or("-".to_string(), time),
        note,
    ]
}
