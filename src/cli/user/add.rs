//! `postroom user add`: somebody new; or somebody who has had the name before, whose
//! mail waits, and comes to nobody else without a person's word.

use std::fs;
use std::io;
use std::process::ExitCode;

use clap::Args;

use super::password::Password;
use super::{mailbox_of, mailbox_words};
use crate::cli::ask::{do_it_with, tell_hub};
use crate::cli::confirm::agreed;
use crate::cli::output::{say, time};
use crate::cli::{Failure, Outcome};
use crate::config::Configuration;
use crate::config::edit::{DirectoryEdit, Postmaster};
use crate::control::{MailboxState, Request};
use crate::hub::fingerprint;
use crate::store::Person;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The user's name: the part of the address before the @
    name: String,
    /// Read the password from standard input: its first line
    #[arg(long)]
    password_stdin: bool,
    /// The mail that waits under this name is the user's: it is the same person
    #[arg(long)]
    same_person: bool,
    /// Somebody else had this name: mail that waits under it is sealed, and the user starts empty
    #[arg(long, conflicts_with = "same_person")]
    other_person: bool,
}

pub fn run(configuration: &Configuration, arguments: &Arguments) -> Outcome {
    let name = arguments.name.as_str();
    let password = Password::obtain(arguments.password_stdin)?;
    let hash = password.hash()?;
    // Not kept open: nobody else can edit while a person thinks.
    let is_new = DirectoryEdit::open(configuration)?.user(name).is_err();
    let mut before = None;
    if is_new && let Some(mailbox) = mailbox_waiting(configuration, arguments)? {
        let Some(person) = who(&mailbox, arguments)? else {
            say!("nothing is changed");
            return Ok(ExitCode::SUCCESS);
        };
        before = mailbox.user.map(|user| (user, person));
    }
    let mut edit = DirectoryEdit::open(configuration)?;
    let postmaster = edit.add_user(name, hash.as_str())?;
    if let Some((old, person)) = before {
        // First: a hub that sees the name with another password entry seals the mailbox.
        let request = match person {
            Person::Same => Request::UserReturns {
                old,
                new: name.to_string(),
                fingerprint: fingerprint(hash.as_str()),
            },
            Person::Other => Request::UserReplaced { name: old },
        };
        do_it_with(configuration, request)?;
    }
    edit.save()?;
    say!("user {name} is added");
    if postmaster == Postmaster::Added {
        say!("mail for postmaster goes to {name}, the first user");
    }
    password.tell(name);
    tell_hub(configuration)
}

/// The mailbox of somebody of this name who is not in the directory, where it holds
/// anything.
fn mailbox_waiting(
    configuration: &Configuration,
    arguments: &Arguments,
) -> Result<Option<MailboxState>, Failure> {
    // A look makes a store where there is none yet.
    let database = fs::symlink_metadata(configuration.data_dir.join("postroom.db"));
    let found = match database {
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        _ => mailbox_of(configuration, &arguments.name)?,
    };
    let found = found.filter(|mailbox| mailbox.messages + mailbox.collected_messages > 0);
    match found {
        None if arguments.same_person => Err(Failure(format!(
            "nothing is changed: no mail waits under the name {}, so --same-person has no meaning; postroom status \
             shows the mailboxes that wait, with their names",
            arguments.name
        ))),
        found => Ok(found),
    }
}

/// Says what waits, and whose it is to be; none: a person wants neither.
fn who(mailbox: &MailboxState, arguments: &Arguments) -> Result<Option<Person>, Failure> {
    let name = &arguments.name;
    let since = mailbox.missing_since.map_or(String::new(), |since| {
        format!(", who is not in directory.toml since {}", time(since))
    });
    say!(
        "a mailbox waits under the name {name}{since}: {}",
        mailbox_words(mailbox)
    );
    match (arguments.same_person, arguments.other_person) {
        (true, _) => return Ok(Some(Person::Same)),
        (_, true) => return Ok(Some(Person::Other)),
        _ => {}
    }
    if let Some(new) = &mailbox.now_called {
        let old = mailbox.user.as_deref().unwrap_or(name);
        return Err(Failure(format!(
            "nothing is changed: {new} has the password entry that {old} had, and so is the same person: first postroom \
             user rename {old} {new}, which gives the mail to {new}; or say here whose it is: --same-person gives it to \
             {name}, --other-person seals it"
        )));
    }
    let no_terminal = format!(
        "nothing is changed: whose is that mail? Say --same-person, and {name} gets it; or --other-person, and it is \
         sealed, and {name} starts empty"
    );
    if agreed(
        &format!("is it the same person, so that {name} gets this mail?"),
        &no_terminal,
    )? {
        return Ok(Some(Person::Same));
    }
    let is_other = agreed(
        &format!("is it somebody else, so that {name} starts empty, and this mail is sealed?"),
        &no_terminal,
    )?;
    Ok(is_other.then_some(Person::Other))
}
