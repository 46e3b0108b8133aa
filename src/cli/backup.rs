//! `postroom backup` and `verify`: copies for another disk.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::ask::configuration;
use super::output::{print_line, size};
use super::progress::Progress;
use super::{Failure, Outcome};
use crate::backup::{self, BackedUp, Disk, KeptArchive, Lost, Place, Verified, Watch};

#[derive(Debug, Args)]
pub struct BackupArguments {
    /// Where to: a folder (one that is there, or a name that ends in /), in which each
    /// further backup copies only what is new; a file, for everything in one tar; or -
    /// for the same tar on standard output
    #[arg(value_name = "DIR|FILE")]
    to: PathBuf,
    /// Say nothing when all went well, as for cron
    #[arg(long, short)]
    quiet: bool,
    /// Read all of it again when it is made, and compare
    #[arg(long)]
    verify: bool,
}

#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The backup; - for a tar on standard input. Without it the hub's own mail is looked
    /// at in its place
    #[arg(value_name = "DIR|FILE")]
    backup: Option<PathBuf>,
    /// Say nothing when all is well, as for cron
    #[arg(long, short)]
    quiet: bool,
}

pub fn backup(config: &Path, arguments: BackupArguments) -> Outcome {
    let configuration = configuration(config)?;
    let place = Place::named(arguments.to);
    if arguments.verify && place == Place::Stream {
        return Err(Failure(
            "what went to standard output cannot be read again; use postroom verify on what it became".to_string(),
        ));
    }
    let began = Instant::now();
    let done = backup::back_up(&configuration, &place, &Bar::of("backup"))?;
    let talk = Talk::of(arguments.quiet, &place);
    talk.say(&told(&done, began));
    warn(&done);
    let is_whole = done.faulty.is_empty() && done.held.is_empty();
    let code = match is_whole {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    };
    if arguments.verify {
        let verified = backup::verify(&place, &Bar::of("verify"))?;
        let found = report(&verified, &talk, &place);
        return Ok(if found == ExitCode::SUCCESS {
            code
        } else {
            found
        });
    }
    if let Some(name) = name(&place) {
        talk.say(&format!(
            "to see whether it can be read: postroom verify {name}"
        ));
    }
    Ok(code)
}

pub fn verify(config: &Path, arguments: VerifyArguments) -> Outcome {
    let Some(backup) = arguments.backup else {
        return verify_in_place(config, arguments.quiet);
    };
    let place = Place::named(backup);
    let verified = backup::verify(&place, &Bar::of("verify"))?;
    let talk = match arguments.quiet {
        true => Talk::Silent,
        false => Talk::Output,
    };
    Ok(report(&verified, &talk, &place))
}

/// What a person must know, and cron mails, `--quiet` or not.
fn warn(done: &BackedUp) {
    if done.disk == Disk::TheMails {
        eprintln!(
            "this backup is on the same disk as the mail; it does not help when the disk dies. Is the disk that it \
             should be on there, and mounted?"
        );
    }
    for Lost { message, fault, .. } in &done.faulty {
        eprintln!(
            "the content of message {message} is lost in the store itself ({fault}): restore it from an earlier backup, \
             or remove the message (postroom mail erase {message})"
        );
    }
    for KeptArchive { path, messages } in &done.archives {
        let what = match messages.len() {
            0 => "it is damaged, and may have what this backup has not".to_string(),
            count => format!(
                "it has the content of {count} messages ({}), which this backup has not",
                messages.join(", ")
            ),
        };
        eprintln!(
            "an earlier backup is kept as {}: {what}; remove it when it is not needed any more",
            path.display()
        );
    }
    if !done.held.is_empty() {
        eprintln!(
            "the store has lost the content of {} messages ({}); this backup still has them: stop the hub, move the data \
             folder away, and postroom restore --mail-only brings them back. What came since this backup is not in it",
            done.held.len(),
            done.held.join(", ")
        );
    }
}

fn told(done: &BackedUp, began: Instant) -> String {
    let earlier = match done.kept_bodies {
        0 => String::new(),
        count => format!(", {count} were there already ({})", size(done.kept_octets)),
    };
    format!(
        "backed up: {} messages ({}) and the settings, in {:.1} s\n\
         written:   the database ({}) and {} large messages ({}){earlier}",
        done.messages,
        size(done.octets),
        began.elapsed().as_secs_f64(),
        size(done.database_octets),
        done.new_bodies,
        size(done.new_octets),
    )
}

/// What was found in a backup, a line each.
fn report(verified: &Verified, talk: &Talk, place: &Place) -> ExitCode {
    let head = &verified.head;
    for fault in &verified.faults {
        print_line(format_args!("{fault}"));
    }
    for file in &verified.faulty_bodies {
        print_line(format_args!(
            "bodies/{file} was lost in the store already when it was backed up"
        ));
    }
    let of = format!(
        "the backup of {} of {}",
        head.hostname,
        readable(&head.made_at)
    );
    let counts = verified.counts;
    if verified.faults.is_empty() && verified.faulty_bodies.is_empty() {
        talk.say(&format!(
            "good: {of} is whole: {} files, {} messages ({})",
            verified.files,
            counts.messages,
            size(counts.octets)
        ));
        return ExitCode::SUCCESS;
    }
    if verified.faults.is_empty() {
        print_line(format_args!(
            "incomplete: {of} is as it was made, but without the content of {} of its {} messages, which the store \
             had lost already; an earlier backup may have it",
            verified.faulty_bodies.len(),
            counts.messages
        ));
        return ExitCode::FAILURE;
    }
    let mend = match place {
        Place::Folder(_) => {
            "take another one into an empty folder; or remove the files named above and run postroom backup on \
             this one again, which copies them anew"
        }
        _ => "take another one, and look at the disk that it lies on",
    };
    print_line(format_args!(
        "bad: {of} has {} faults; {mend}",
        verified.faults.len()
    ));
    ExitCode::FAILURE
}

fn verify_in_place(config: &Path, quiet: bool) -> Outcome {
    let configuration = configuration(config)?;
    let found = backup::verify_in_place(&configuration.data_dir)?;
    for fault in &found.faults {
        print_line(format_args!("{fault}"));
    }
    let folder = configuration.data_dir.display();
    if found.faults.is_empty() {
        let counts = found.counts;
        let talk = if quiet { Talk::Silent } else { Talk::Output };
        talk.say(&format!(
            "good: the mail in {folder} is whole: {} messages ({}) in {} places",
            counts.messages,
            size(counts.octets),
            counts.entries
        ));
        return Ok(ExitCode::SUCCESS);
    }
    print_line(format_args!(
        "bad: the mail in {folder} has {} faults; look at the disk. Run postroom backup once more into its folder, which \
         keeps what is missing here and adds what came since; then stop the hub, move the whole folder away and keep it \
         (mv {folder} {folder}.before), and restore the mail from there (postroom restore --mail-only BACKUP)",
        found.faults.len()
    ));
    Ok(ExitCode::FAILURE)
}

/// `2026-11-23 09:10 UTC` of what the manifest says.
pub(super) fn readable(made_at: &str) -> String {
    let clean = super::output::cut(made_at, 40);
    match (clean.get(..10), clean.get(11..16), clean.ends_with('Z')) {
        (Some(day), Some(time), true) => format!("{day} {time} UTC"),
        _ => clean,
    }
}

fn name(place: &Place) -> Option<String> {
    match place {
        Place::Folder(path) | Place::File(path) => Some(path.display().to_string()),
        Place::Stream => None,
    }
}

/// Where a command says that all went well.
enum Talk {
    Output,
    /// The backup itself goes to standard output.
    Error,
    Silent,
}

impl Talk {
    fn of(quiet: bool, place: &Place) -> Talk {
        match place {
            _ if quiet => Talk::Silent,
            Place::Stream => Talk::Error,
            _ => Talk::Output,
        }
    }

    fn say(&self, text: &str) {
        match self {
            Talk::Output => print_line(format_args!("{text}")),
            Talk::Error => eprintln!("{text}"),
            Talk::Silent => {}
        }
    }
}

/// A bar for each stage, as it becomes known how much there is to do.
pub(super) struct Bar {
    what: &'static str,
    stage: RefCell<Option<Progress>>,
}

impl Bar {
    pub(super) fn of(what: &'static str) -> Bar {
        Bar {
            what,
            stage: RefCell::new(None),
        }
    }
}

impl Watch for Bar {
    fn begin(&self, octets: u64) {
        // The earlier one is taken away before the next is drawn.
        self.stage.replace(None);
        self.stage
            .replace(Some(Progress::of_octets(self.what, octets)));
    }

    fn add(&self, octets: u64) {
        if let Some(stage) = self.stage.borrow().as_ref() {
            stage.add(octets);
        }
    }
}
