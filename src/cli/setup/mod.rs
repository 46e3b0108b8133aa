//! `postroom setup`: a first hub by questions, each of which has a flag.
//!
//! Nothing is written before the last question is answered. Then the files of
//! `init` are written with the answers in them, looked at by `check`, the settings
//! sheets are made, the hub is started where systemd is there to start it, and a
//! test mail goes the whole way. What is there already is never written over.

mod asker;
mod finish;
mod hub;
mod interrupt;
mod kept;
mod mailbox;
mod office;
mod outgoing;
mod people;
mod sheets;
mod trial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::output::say;
use super::{Failure, Outcome};
use crate::config::init::{Answers, Init, Mailbox, Reach, Senders};
use crate::fetch::Security;
use crate::route::UnknownUser;
use asker::{Answer, Asker, Stop};
use interrupt::Interrupt;
use kept::{Agreed, Kept};
use office::{Intake, Office};
use people::People;

#[derive(Debug, Args)]
#[command(
    after_help = "The files go into the folder of --config. Every answer has a flag; with --no-questions, or \
                        without a terminal, defaults answer the rest, and a missing flag that has none ends it with \
                        exit code 2."
)]
pub struct Arguments {
    /// Ask nothing: flags and defaults answer
    #[arg(short = 'y', long, visible_alias = "yes")]
    no_questions: bool,
    #[command(flatten)]
    office: office::Arguments,
    #[command(flatten)]
    mailbox: mailbox::Arguments,
    #[command(flatten)]
    people: people::Arguments,
    #[command(flatten)]
    outgoing: outgoing::Arguments,
    /// Mail of an earlier hub lies in the data folder, and the people of its names are the same: they get it
    #[arg(long)]
    keep_mail: bool,
    /// Where the settings sheets go; they hold passwords
    #[arg(long, value_name = "DIR", default_value = "postroom-sheets")]
    sheets: PathBuf,
    /// Start the hub at the end, by systemctl
    #[arg(long)]
    start: bool,
    /// Do not start it
    #[arg(long, conflicts_with = "start")]
    no_start: bool,
    /// Listen on 127.0.0.1 and ::1 only, on ports 2525, 1110 and 1995: for a try
    #[arg(long)]
    loopback: bool,
}

/// All answers, before anything is written.
struct Plan {
    init: Init,
    kept: Kept,
    /// In the order of the people.
    passwords: Vec<String>,
}

pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    match set_up(config, arguments) {
        Ok(code) => Ok(code),
        Err(Stop::Failed(why)) => Err(Failure(why)),
        Err(Stop::Flags(why)) => {
            eprintln!("postroom: {}", super::printable(&why));
            Ok(ExitCode::from(2))
        }
    }
}

fn set_up(config: &Path, arguments: &Arguments) -> Result<ExitCode, Stop> {
    let folder = folder_of(config)?;
    refuse_to_write_over(&folder, config)?;
    sheets::look_at_folder(&arguments.sheets)?;
    let asker = match arguments.no_questions {
        true => Asker::Nobody,
        false => Asker::at_the_terminal(),
    };
    let interrupt = Interrupt::watch(asker)?;
    asker.tell(
        "This sets up postroom. Enter takes what stands in brackets; Ctrl-C ends it. Nothing is written before the \
         last question.",
    );
    let plan = plan(asker, folder, arguments)?;
    summarize(&plan.init);
    if !asker.is_yes("\nWrite it?", Answer::Yes)? {
        return Err(Stop::Failed("given up; nothing is written".to_string()));
    }
    finish::run(asker, &plan, arguments, &interrupt)
}

/// The folder of the file that `--config` names.
fn folder_of(config: &Path) -> Result<PathBuf, Stop> {
    match (config.file_name(), config.parent()) {
        (Some(name), Some(folder)) if name == "postroom.toml" => {
            Ok(std::path::absolute(if folder == Path::new("") {
                Path::new(".")
            } else {
                folder
            })?)
        }
        _ => Err(Stop::Flags(format!(
            "--config {}: setup writes a file that is called postroom.toml; name it so, in a folder of your choice",
            config.display()
        ))),
    }
}

fn refuse_to_write_over(folder: &Path, config: &Path) -> Result<(), Stop> {
    let probe = Init {
        folder: folder.to_path_buf(),
        domain: crate::mail::Domain::parse("example.com").map_err(|why| why.to_string())?,
        hostname: None,
        reach: Reach::World,
        answers: Answers::default(),
    };
    let Some(file) = probe.in_the_way() else {
        return Ok(());
    };
    let config = config.display();
    Err(Stop::Failed(format!(
        "{} is there already, and setup writes nothing over; nothing is changed. To change settings edit {config} (it \
         explains itself; postroom check looks at it), for people there is postroom user add; to begin anew move the \
         files in {} away first",
        file.display(),
        folder.display()
    )))
}

fn plan(asker: Asker, folder: PathBuf, arguments: &Arguments) -> Result<Plan, Stop> {
    let office = Office::ask(asker, &arguments.office)?;
    if office.intake == Intake::Smtp && arguments.mailbox.is_given() {
        return Err(Stop::Flags(
            "--provider-… is for a mailbox that is fetched: it goes with --mail mailbox or --mail both".to_string(),
        ));
    }
    let people = People::ask(asker, &arguments.people, &office.domain)?;
    let sheet = outgoing::ask(asker, &arguments.outgoing, &office.hostname)?;
    let mut init = Init {
        folder,
        domain: office.domain,
        hostname: Some(office.hostname),
        reach: match arguments.loopback {
            true => Reach::Loopback,
            false => Reach::World,
        },
        answers: Answers {
            unknown_user: people.unknown_user,
            senders: office.senders,
            mailbox: None,
            sheet,
            people: people.people,
            postmaster: Some(people.postmaster),
        },
    };
    // What is not good would be told by a file that nobody has yet.
    let (configuration, _) = init.draft()?;
    let agreed = match arguments.keep_mail {
        true => Agreed::ByFlag,
        false => Agreed::NotYet,
    };
    let kept = Kept::ask(asker, &configuration, &init.answers.people, agreed)?;
    if office.intake != Intake::Smtp {
        init.answers.mailbox = Some(mailbox::ask(asker, &arguments.mailbox, &mut init)?);
    }
    Ok(Plan {
        init,
        kept,
        passwords: people.passwords,
    })
}

fn summarize(init: &Init) {
    let Answers {
        unknown_user,
        senders,
        mailbox,
        sheet,
        people,
        ..
    } = &init.answers;
    let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
    let hostname = init.hostname.as_ref().map(ToString::to_string);
    say!("\nfolder      {}", init.folder.display());
    say!("domain      {}", init.domain);
    say!("hub         {}", hostname.unwrap_or_default());
    match senders {
        Senders::Everybody => say!("by SMTP     from everybody"),
        Senders::Networks(networks) => {
            say!("by SMTP     from {} and the office", networks.join(", "));
        }
        Senders::TheOffice => say!("by SMTP     from the office's own devices only"),
    }
    if let Some(mailbox) = mailbox {
        say!("fetched     {}", described(mailbox));
    }
    say!("people      {}", names.join(", "));
    match unknown_user {
        UnknownUser::Reject if mailbox.is_some() => {
            say!("the rest    mail for nobody is rejected; fetched mail is kept as unclaimed");
        }
        UnknownUser::Reject => say!("the rest    mail for nobody is rejected"),
        UnknownUser::Unclaimed => say!("the rest    mail for nobody is kept as unclaimed"),
        UnknownUser::CatchAll(user) => say!("the rest    mail for nobody goes to {user}"),
    }
    match &sheet.outgoing {
        Some(outgoing) => say!("outgoing    {}, port {}", outgoing.host, outgoing.port),
        None => say!("outgoing    as people have it now"),
    }
    if let Some(name) = &sheet.away_host {
        say!("elsewhere   {name}, port 995");
    }
}

fn described(mailbox: &Mailbox) -> String {
    let protection = match mailbox.security {
        Security::Tls => "TLS",
        Security::StlsRequired => "STARTTLS",
        Security::Clear => "no protection",
    };
    format!(
        "{} at {}, port {} with {protection}",
        mailbox.user, mailbox.host, mailbox.port
    )
}
