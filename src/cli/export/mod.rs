//! `postroom export`: a mailbox as files that other programs read.

mod to_maildir;
mod to_mbox;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{ArgGroup, Args};

use super::ask::configuration;
use super::mail::moment;
use super::output::{say, size};
use super::progress::Progress;
use super::{Failure, Outcome};
use crate::config::Configuration;
use crate::control::{
    Answer, Ended, ExportEntry, ExportPart, ExportRequest, Exporting, Mailboxes, Transfer,
};
use crate::formats::maildir::LineEnds;
use to_maildir::ToMaildir;
use to_mbox::ToMbox;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("target").args(["maildir", "mbox"]).required(true)))]
pub struct Arguments {
    /// The user; a removed one's mail is still there, too
    #[arg(required_unless_present = "unclaimed", conflicts_with = "unclaimed")]
    user: Option<String>,
    /// The mail that is nobody's, in place of a user's
    #[arg(long)]
    unclaimed: bool,
    /// Write a Maildir (Dovecot, mutt); run again, it gets what has come since
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// Write one mbox file (Thunderbird, Apple Mail)
    #[arg(long, value_name = "FILE")]
    mbox: Option<PathBuf>,
    /// Only what waits to be collected
    #[arg(long, conflicts_with = "collected")]
    waiting: bool,
    /// Only what was collected and is kept
    #[arg(long)]
    collected: bool,
    /// Only what was received since then: 2026-11-20, 2026-11-20T08:00:00Z, or "3 days"
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// The removed user's mail, where another one has the name now
    #[arg(long, conflicts_with = "unclaimed")]
    sealed: bool,
    /// Write over an mbox file that is there
    #[arg(long, conflicts_with = "maildir")]
    force: bool,
}

/// Where messages go.
trait Target {
    /// Whether the message is to be written; it may be there.
    fn wants(&mut self, entry: &ExportEntry) -> Result<bool, Failure>;

    /// Writes a message that is wanted; `exporting` has its content.
    fn take(
        &mut self,
        exporting: &mut Exporting,
        entry: &ExportEntry,
        ends: LineEnds,
    ) -> Result<Taken, Failure>;

    /// A page is done: what was taken is to be safe.
    fn settle(&mut self) -> Result<(), Failure>;

    /// All of it came.
    fn finish(self: Box<Self>) -> Result<(), Failure>;
}

/// What became of a message.
enum Taken {
    Written,
    /// Its lines would not come back as they are: to be written once more, as they
    /// are.
    Ambiguous,
    Lost(String),
}

impl Taken {
    /// Of content that has come, and what its line ends came to.
    fn of(ended: Ended, is_ambiguous: bool) -> Taken {
        match ended {
            Ended::Lost(why) => Taken::Lost(why),
            Ended::Whole if is_ambiguous => Taken::Ambiguous,
            Ended::Whole => Taken::Written,
        }
    }
}

#[derive(Default)]
struct Tally {
    written: u64,
    octets: u64,
    there: u64,
    lost: u64,
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let configuration = configuration(config)?;
    let asked = asked(&configuration, &arguments)?;
    let whose = whose(asked.user.as_deref());
    let is_known = arguments.user.is_none() || known(&configuration, &arguments).is_some();
    let exporting = Transfer::open(&configuration)?.export(asked)?;
    let mut exporting = match exporting {
        Ok(exporting) => exporting,
        Err(Answer::Failed { why }) => return Err(Failure(why)),
        Err(Answer::NoMailbox) if is_known && !arguments.sealed => {
            say!("{whose} has had no mail yet; nothing is written");
            return Ok(ExitCode::SUCCESS);
        }
        Err(Answer::NoMailbox) if arguments.sealed => {
            return Err(Failure(format!("no removed user had the name {whose}")));
        }
        Err(Answer::NoMailbox) => {
            return Err(Failure(format!(
                "there is no user {whose}; postroom user list shows them"
            )));
        }
        Err(_) => return Err(Failure::another_answer()),
    };
    let (mut target, path): (Box<dyn Target>, &Path) = match (&arguments.maildir, &arguments.mbox) {
        (Some(path), _) => {
            let hostname = configuration.hostname.to_string();
            (Box::new(ToMaildir::open(path, hostname)?), path)
        }
        (None, Some(path)) => (Box::new(ToMbox::open(path, arguments.force)?), path),
        (None, None) => return Err(Failure("name a --maildir or an --mbox".to_string())),
    };
    let tally = write_all(&mut exporting, target.as_mut())?;
    target.finish()?;
    Ok(report(&tally, path))
}

fn known(configuration: &Configuration, arguments: &Arguments) -> Option<String> {
    let directory = configuration.load_directory().ok()?;
    let user = directory.login(arguments.user.as_deref()?)?;
    Some(user.name.clone())
}

/// The name may be any address of the user.
fn asked(configuration: &Configuration, arguments: &Arguments) -> Result<ExportRequest, Failure> {
    let since = arguments.since.as_deref();
    let since = since.map(|since| moment(since, SystemTime::now()));
    Ok(ExportRequest {
        user: known(configuration, arguments).or_else(|| arguments.user.clone()),
        mailboxes: match arguments.sealed {
            true => Mailboxes::Sealed,
            false => Mailboxes::Present,
        },
        part: match (arguments.waiting, arguments.collected) {
            (true, _) => ExportPart::Waiting,
            (false, true) => ExportPart::Collected,
            (false, false) => ExportPart::Both,
        },
        since: since.transpose()?,
    })
}

fn whose(user: Option<&str>) -> String {
    user.unwrap_or("(unclaimed)").to_string()
}

/// So much is written before it is to be safe: on a slow disk, too, sooner than the
/// hub believes the command gone.
const UNSETTLED_OCTETS_MAX: u64 = 64 << 20;

/// Page by page; of each only what is wanted comes over the connection.
fn write_all(exporting: &mut Exporting, target: &mut dyn Target) -> Result<Tally, Failure> {
    let progress = Progress::of_octets("exporting", exporting.octets);
    let mut tally = Tally::default();
    let mut unsettled = 0;
    loop {
        let entries = exporting.page().map_err(broken)?;
        if entries.is_empty() {
            return Ok(tally);
        }
        let mut wanted = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            match target.wants(entry)? {
                true => wanted.push(place),
                false => {
                    tally.there += 1;
                    progress.add(entry.octets);
                }
            }
        }
        let mut ends = LineEnds::Unix;
        while !wanted.is_empty() {
            exporting.want(wanted.clone()).map_err(broken)?;
            let mut again = Vec::new();
            for (place, entry) in wanted
                .iter()
                .filter_map(|place| Some((*place, entries.get(*place)?)))
            {
                match target.take(exporting, entry, ends)? {
                    Taken::Ambiguous => again.push(place),
                    Taken::Written => {
                        tally.written += 1;
                        tally.octets += entry.octets;
                        progress.add(entry.octets);
                        unsettled += entry.octets;
                    }
                    Taken::Lost(why) => {
                        tally.lost += 1;
                        progress.say(&format!("message {} is not exported: {why}", entry.id));
                    }
                }
                if unsettled >= UNSETTLED_OCTETS_MAX {
                    unsettled = 0;
                    target.settle()?;
                }
            }
            (wanted, ends) = (again, LineEnds::AsTheyAre);
        }
        target.settle()?;
        exporting.turn().map_err(broken)?;
    }
}

fn broken(why: io::Error) -> Failure {
    Failure(format!(
        "the export broke off: {why}; run the command again"
    ))
}

fn report(tally: &Tally, path: &Path) -> ExitCode {
    let path = path.display();
    let written = messages(tally.written);
    say!("exported {written} ({}) to {path}", size(tally.octets));
    if tally.there > 0 {
        say!("{} there already", were(tally.there));
    }
    if tally.lost == 0 {
        return ExitCode::SUCCESS;
    }
    say!("{} not be read", could(tally.lost));
    ExitCode::FAILURE
}

/// `1 message`, `2 messages`.
pub(super) fn messages(count: u64) -> String {
    match count {
        1 => "1 message".to_string(),
        n => format!("{n} messages"),
    }
}

pub(super) fn were(count: u64) -> String {
    let verb = if count == 1 { "was" } else { "were" };
    format!("{} {verb}", messages(count))
}

pub(super) fn could(count: u64) -> String {
    format!("{} could", messages(count))
}
