//! `postroom why`: of a message, where it went, and why; of an address, who gets
//! its mail, and what of it has come.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::ask::{ask, ask_with, configuration};
use super::mail::print_list;
use super::output::{cut, say, size, time};
use super::{Failure, Outcome};
use crate::config::Configuration;
use crate::control::{Answer, MailLine, ProviderState, Request, Story};
use crate::mail::{Address, LocalPart, QueueId, Recipient};
use crate::net::fetcher::Provider;
use crate::route::multidrop::Mode;
use crate::route::{Directory, Refusal, Route};

/// A header line in the evidence has 200 characters, and some more around it.
const WHY_WIDTH: usize = 400;
/// The newest messages of a mailbox that are shown.
const NEWEST_MAX: usize = 10;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The id of a message, as in the log and in its Received line; or an address of the office
    /// to which a message should have come
    #[arg(value_name = "ID|ADDRESS")]
    what: String,
    /// Of an address: only mail whose sender has this in name or address
    #[arg(long, value_name = "TEXT")]
    from: Option<String>,
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let configuration = configuration(config)?;
    // Without a good directory a message still has its story.
    let directory = configuration.load_directory();
    let is_name = |name: &str| directory.as_ref().is_ok_and(|known| known.has_name(name));
    if arguments.what.parse::<QueueId>().is_ok() && !is_name(&arguments.what) {
        return story_of(config, arguments.what);
    }
    let recipient = recipient(&arguments.what, &configuration)?;
    let directory = directory?;
    let from = arguments.from.as_deref();
    let route = directory.route(&recipient, Duration::ZERO);
    let fetched = fetched(&configuration, &directory, &recipient, &route);
    match route {
        Route::Deliver(targets) => {
            say!("mail for {recipient} goes to");
            for target in &targets {
                say!("  {}  ({})", target.user, target.why);
            }
            fetched.iter().for_each(|line| say!("{line}"));
            for target in targets {
                say!("");
                print_newest(&configuration, Some(&target.user), from)?;
            }
        }
        Route::Unclaimed { why } => {
            say!("mail for {recipient} is kept as unclaimed: {why}");
            fetched.iter().for_each(|line| say!("{line}"));
        }
        Route::Refused(why) => {
            let way = by_smtp(&configuration);
            say!("{}", refused(&format!("{recipient}{way}"), why, &directory));
            fetched.iter().for_each(|line| say!("{line}"));
        }
    }
    say!("");
    print_newest(&configuration, None, from)?;
    print_sources(&configuration, &arguments.what)
}

/// An address, or what stands before the @ in one of ours.
fn recipient(text: &str, configuration: &Configuration) -> Result<Recipient, Failure> {
    let address = match (text.contains('@'), configuration.domains.first()) {
        (false, Some(domain)) => LocalPart::parse(text).map(|local_part| Address {
            local_part,
            domain: domain.clone(),
        }),
        _ => Address::parse(text),
    };
    address.map(Recipient::Address).map_err(|why| {
        Failure(format!(
            "“{text}” is neither the id of a message nor an address: {why}"
        ))
    })
}

/// Who may bring mail by SMTP, where it is fetched as well.
fn by_smtp(configuration: &Configuration) -> String {
    let smtp = &configuration.smtp;
    match (&smtp.accept_from, configuration.providers.is_empty()) {
        (_, true) => String::new(),
        (None, false) => " by SMTP".to_string(),
        (Some(networks), false) => {
            format!(" by SMTP (from {networks} and the office's own network alone)")
        }
    }
}

/// What else becomes of such mail where it is fetched, a line for each provider: what
/// lies in a mailbox cannot be refused any more.
fn fetched(
    configuration: &Configuration,
    directory: &Directory,
    recipient: &Recipient,
    route: &Route,
) -> Vec<String> {
    let is_somebodys = match recipient {
        Recipient::Address(address) => !directory.holders_of(address).is_empty(),
        Recipient::Postmaster => true,
    };
    let rules = match directory.rules() {
        [] => "",
        _ => ", unless one of the [[rules]] gives it to somebody",
    };
    let fate = |provider: &Provider| match (&provider.routing.mode, route) {
        (Mode::Single { user }, _) => {
            Some(format!("goes to {user}, as all mail of that mailbox does"))
        }
        (_, Route::Refused(_)) => Some(format!(
            "cannot be refused any more, and is kept as unclaimed (postroom unclaimed list){rules}"
        )),
        // A guess never reaches the catch-all.
        (Mode::Guess, Route::Deliver(_)) if !is_somebodys => Some(format!(
            "is kept as unclaimed (postroom unclaimed list), because mode = \"guess\" gives the catch-all nothing{rules}"
        )),
        _ => None,
    };
    let providers = configuration.providers.iter();
    providers
        .filter_map(|provider| {
            let fate = fate(provider)?;
            Some(format!(
                "  what is fetched from {} for it {fate}",
                provider.name
            ))
        })
        .collect()
}

fn refused(recipient: &str, why: Refusal, directory: &Directory) -> String {
    match why {
        Refusal::NotOurs => {
            let domains = directory.domains().iter();
            let domains: Vec<&str> = domains.map(|domain| domain.as_str()).collect();
            format!(
                "mail for {recipient} is refused: the domain is none of the office's ({}); if it is, add it to \
                 domains in postroom.toml",
                domains.join(", ")
            )
        }
        Refusal::UnknownUser | Refusal::RecentlyGone => format!(
            "mail for {recipient} is refused, and its sender is told so: nobody has this address (one that \
             has just gone is put off for an hour). To have it taken: postroom alias set NAME USER, or the \
             addresses of a user in directory.toml"
        ),
        Refusal::Rejected => {
            format!("mail for {recipient} is refused: it stands under reject in postroom.toml")
        }
    }
}

/// The newest mail of a mailbox, of the tray for none.
fn print_newest(
    configuration: &Configuration,
    user: Option<&str>,
    from: Option<&str>,
) -> Result<(), Failure> {
    let request = match user {
        Some(user) => Request::MailList {
            user: user.to_string(),
        },
        None => Request::UnclaimedList,
    };
    let lines = match ask_with(configuration, request)?.answer {
        Answer::Mail { lines } => lines,
        _ => Vec::new(),
    };
    let mut found: Vec<MailLine> = lines
        .into_iter()
        .filter(|line| is_from(line, from))
        .collect();
    found.sort_by_key(|line| line.received_at);
    let all = found.len();
    let newest = found.split_off(all.saturating_sub(NEWEST_MAX));
    let whose = user.map_or("unclaimed".to_string(), |user| {
        format!("in the mailbox of {user}")
    });
    let sender = from.map_or(String::new(), |text| format!(" from “{text}”"));
    match (all, newest.len()) {
        (0, _) => say!("{whose}: nothing{sender} of what is still kept"),
        (all, shown) if all > shown => say!("{whose}: {all} messages{sender}, the newest {shown}:"),
        (all, _) => say!("{whose}: {all} messages{sender}:"),
    }
    if !newest.is_empty() {
        print_list(&newest);
    }
    Ok(())
}

fn is_from(line: &MailLine, from: Option<&str>) -> bool {
    let Some(from) = from.map(str::to_lowercase) else {
        return true;
    };
    [&line.from, &line.reverse_path]
        .iter()
        .any(|text| text.to_lowercase().contains(&from))
}

/// Where a message may be that is not here.
fn print_sources(configuration: &Configuration, address: &str) -> Outcome {
    let Answer::Status(status) = ask_with(configuration, Request::Status)?.answer else {
        return Err(Failure::another_answer());
    };
    say!("");
    if status.hub.is_none() {
        say!("no hub runs, so nothing comes in: sudo systemctl start postroom");
    }
    status.providers.iter().for_each(print_provider);
    say!(
        "what the hub did with it by SMTP, refusals too: journalctl -u postroom --grep '{address}'"
    );
    Ok(ExitCode::SUCCESS)
}

fn print_provider(provider: &ProviderState) {
    let name = &provider.name;
    match (&provider.last_error, provider.last_success) {
        (Some(why), _) => say!(
            "provider {name}: the last poll failed: {}",
            cut(why, WHY_WIDTH)
        ),
        (None, Some(at)) => say!("provider {name}: the last poll was done at {}", time(at)),
        (None, None) => say!("provider {name}: no poll was done yet"),
    }
    for trouble in &provider.troubles {
        say!("provider {name}: {}", cut(trouble, WHY_WIDTH));
    }
}

/// Prints where a message went, and why.
pub fn story_of(config: &Path, id: String) -> Outcome {
    let Answer::Story(story) = ask(config, Request::MailWhy { id })?.answer else {
        return Err(Failure::another_answer());
    };
    print_story(&story);
    Ok(ExitCode::SUCCESS)
}

fn print_story(story: &Story) {
    say!("message     {}", story.id);
    say!(
        "received    {} by {}",
        time(story.received_at),
        story.source
    );
    say!("sender      {}", cut(&story.reverse_path, 200));
    say!("size        {}", size(story.octets));
    for entry in &story.entries {
        say!("");
        let sealed = if entry.sealed {
            " (removed since; the mailbox is sealed)"
        } else {
            ""
        };
        say!(
            "mailbox     {}{sealed}",
            entry.user.as_deref().unwrap_or("(unclaimed)")
        );
        print_why(&entry.why);
        for address in &entry.delivered_to {
            say!("sent to     {}", cut(address, 200));
        }
        say!("delivered   {}", time(entry.delivered_at));
        match entry.collected_at {
            None => say!("collected   not yet"),
            Some(at) => say!("collected   {}", time(at)),
        }
        say!("unique-id   {}", entry.unique_id);
    }
    if story.entries.is_empty() {
        say!("it is in no mailbox any more");
    }
}

/// The sentence, and below it the header lines that were considered.
fn print_why(why: &str) {
    let mut lines = why.lines();
    say!(
        "why         {}",
        cut(lines.next().unwrap_or_default(), WHY_WIDTH)
    );
    for line in lines {
        say!("            {}", cut(line, WHY_WIDTH));
    }
}
