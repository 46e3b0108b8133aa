//! `postroom import`: mail from an old PC or server into a user's mailbox.

mod memory;
mod sender;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use super::ask::configuration;
use super::export::{could, messages, were};
use super::output::{cut, say};
use super::progress::Progress;
use super::{Failure, Outcome};
use crate::control::{Answer, Gone, Transfer, seconds};
use crate::formats::maildir::{self, Name};
use crate::formats::mbox::{FromLine, MboxReader, Part};
use crate::formats::{Found, Kind, find};
use memory::Memory;
use sender::{Origin, Sender, Tally};

/// What is read of a file at once.
const READ_OCTETS: usize = 64 << 10;
/// A longer path says nothing more.
const PATH_CHARACTERS_MAX: usize = 300;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The user whose PC is to get the mail
    user: String,
    /// An mbox file, a Maildir, a message (.eml), or a folder with any of these in it
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Bring back what was imported before and is no longer in the mailbox
    #[arg(long)]
    again: bool,
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let configuration = configuration(config)?;
    let directory = configuration.load_directory()?;
    // The store would make a mailbox for any name; the directory knows.
    let Some(user) = directory.login(&arguments.user) else {
        return Err(Failure(format!(
            "directory.toml has no user {}; postroom user add makes one",
            arguments.user
        )));
    };
    let (found, others) = find_all(&arguments.paths)?;
    let gone = match arguments.again {
        true => Gone::BringBack,
        false => Gone::LeaveOut,
    };
    let mut memory = Memory::new(gone);
    let begun = Transfer::open(&configuration)?.import(&user.name, gone, |likeness, by| {
        memory.learn(likeness, by);
    })?;
    let importing = match begun {
        Ok(importing) => importing,
        Err(Answer::Failed { why }) => return Err(Failure(why)),
        Err(_) => return Err(Failure::another_answer()),
    };
    let octets = found.iter().map(|found| found.octets).sum();
    let progress = Progress::of_octets("importing", octets);
    let now = seconds(SystemTime::now());
    let mut sender = Sender::new(importing, memory, now, &progress);
    let sent = send_all(&found, &mut sender, &progress);
    let (tally, ended) = sender.end(sent);
    drop(progress);
    let code = report(&tally, others, &user.name);
    ended.map(|()| code)
}

/// What is at these paths, and how many other files.
fn find_all(paths: &[PathBuf]) -> Result<(Vec<Found>, usize), Failure> {
    let (mut found, mut others) = (Vec::new(), 0);
    for path in paths {
        let (here, others_here) =
            find(path).map_err(|(path, why)| Failure(format!("{}: {why}", path.display())))?;
        if here.is_empty() {
            return Err(Failure(format!(
                "{} holds no mail: it must be an mbox file, a message, a Maildir, or a folder with mbox files, \
                 Maildirs or .eml files in it",
                path.display()
            )));
        }
        found.extend(here);
        others += others_here;
    }
    Ok((found, others))
}

fn send_all(found: &[Found], sender: &mut Sender<'_>, progress: &Progress) -> Result<(), Failure> {
    for file in found {
        let opened = file.open();
        let read = opened.and_then(|input| Ok((input.metadata()?.modified()?, input)));
        let (modified, input) = match read {
            Ok((modified, input)) => (seconds(modified), input),
            Err(why) => {
                sender.unreadable(&file.path().display().to_string(), &why.to_string());
                continue;
            }
        };
        match file.kind {
            Kind::Mbox => send_mbox(input, &file.path(), modified, sender, progress)?,
            Kind::Maildir | Kind::Single => {
                send_file(input, file, modified, sender)?;
                progress.add(file.octets);
            }
        }
    }
    Ok(())
}

fn label(path: &Path) -> String {
    let path = path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    cut(&path.display().to_string(), PATH_CHARACTERS_MAX)
}

fn send_file(
    mut input: File,
    file: &Found,
    modified: i64,
    sender: &mut Sender<'_>,
) -> Result<(), Failure> {
    let path = file.path();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut origin = Origin::of(label(&path), modified);
    if file.kind == Kind::Maildir {
        origin.at = Some(Name::read(&name).map_or(modified, |name| name.at));
        origin.is_deleted = maildir::flags(&name).contains('T');
    }
    let mut message = sender.begin(origin);
    let mut octets = vec![0; READ_OCTETS];
    loop {
        match input.read(&mut octets) {
            Ok(0) => return sender.finish(message),
            Ok(read) => sender.take(&mut message, octets.get(..read).unwrap_or_default())?,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return sender.break_off(message, &why),
        }
    }
}

fn send_mbox(
    input: File,
    path: &Path,
    modified: i64,
    sender: &mut Sender<'_>,
    progress: &Progress,
) -> Result<(), Failure> {
    let label = label(path);
    let mut reader = MboxReader::new(BufReader::with_capacity(READ_OCTETS, input));
    let mut message = None;
    loop {
        let part = match reader.next_part() {
            Ok(Some(part)) => part,
            Ok(None) => break,
            Err(why) => {
                let message = message.unwrap_or_else(|| sender.begin(Origin::of(label, modified)));
                return sender.break_off(message, &why);
            }
        };
        progress.add(part.octets().len() as u64);
        match part {
            Part::Begin(_, line) => {
                if let Some(message) = message.take() {
                    sender.finish(message)?;
                }
                message = Some(sender.begin(origin(&label, line, modified)));
            }
            Part::Content(octets) => {
                let message = message
                    .get_or_insert_with(|| sender.begin(Origin::of(label.clone(), modified)));
                sender.take(message, octets)?;
            }
            Part::Quote(_) | Part::Between(_) => {}
        }
    }
    message.map_or(Ok(()), |message| sender.finish(message))
}

/// Of a message of an mbox, by its line.
fn origin(label: &str, line: FromLine, modified: i64) -> Origin {
    let mut origin = Origin::of(label.to_string(), modified);
    origin.at = line.at;
    if line.sender.contains('@') {
        origin.reverse_path = format!("<{}>", line.sender);
    }
    origin
}

fn report(tally: &Tally, others: usize, user: &str) -> ExitCode {
    let imported = messages(tally.imported);
    say!("imported {imported} into the mailbox of {user}");
    if tally.known > 0 {
        say!("{} known already", were(tally.known));
    }
    if tally.mended > 0 {
        let (their, have) = match tally.mended {
            1 => ("its", "has"),
            _ => ("their", "have"),
        };
        let mended = messages(tally.mended);
        say!("{mended} had lost {their} content here and {have} it again");
    }
    if tally.gone > 0 {
        let (gone, are, them) = match tally.gone {
            1 => (were(1), "is", "it"),
            gone => (were(gone), "are", "them"),
        };
        say!("{gone} imported before and {are} no longer here; --again brings {them} back");
    }
    if tally.deleted > 0 {
        let deleted = were(tally.deleted);
        say!("{deleted} marked as deleted there and left out");
    }
    if others > 0 {
        let (files, verb) = if others == 1 {
            ("file", "is")
        } else {
            ("files", "are")
        };
        say!("{others} other {files} {verb} no mail and left alone");
    }
    if tally.unreadable == 0 {
        return ExitCode::SUCCESS;
    }
    say!("{} not be read", could(tally.unreadable));
    ExitCode::FAILURE
}
