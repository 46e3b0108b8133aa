//! `postroom user …`: edit the users in directory.toml.

mod add;
pub(super) mod password;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::ask::{ask_with, configuration, do_it_with, reach, tell_hub};
use super::confirm::agreed;
use super::output::{Table, say, size, time};
use super::{Failure, Outcome, sheet};
use crate::config::Configuration;
use crate::config::edit::DirectoryEdit;
use crate::control::{Answer, MailboxState, Request};
use crate::hub::fingerprint;
use crate::route::{Access, Directory};
use password::Password;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user; without --password-stdin a password is made up and shown once
    Add(add::Arguments),
    /// Give a user another password
    Passwd {
        /// The user
        name: String,
        /// Read the password from standard input: its first line
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user another name; the mailbox goes along
    Rename {
        /// The name until now
        old: String,
        /// The name from now on
        new: String,
    },
    /// List all users
    List,
    /// Print what to tell the user's mail program
    Sheet(sheet::Arguments),
    /// Let a user collect no more mail; it goes on coming in, and waits
    Disable {
        /// The user
        name: String,
    },
    /// Let a user collect mail again
    Enable {
        /// The user
        name: String,
    },
    /// Remove a user; the mail is kept
    Remove {
        /// The user
        name: String,
    },
    /// Erase the mail of removed users of a name, for good
    Erase {
        /// The name that they had
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub fn run(config: &Path, command: Command) -> Outcome {
    let configuration = configuration(config)?;
    match command {
        Command::Add(arguments) => add::run(&configuration, &arguments),
        Command::Passwd {
            name,
            password_stdin,
        } => passwd(&configuration, &name, password_stdin),
        Command::Rename { old, new } => rename(&configuration, &old, new),
        Command::List => list(&configuration),
        Command::Sheet(arguments) => sheet::run(&configuration, &arguments),
        Command::Disable { name } => set_access(&configuration, &name, Access::Disabled),
        Command::Enable { name } => set_access(&configuration, &name, Access::Allowed),
        Command::Remove { name } => remove(&configuration, &name),
        Command::Erase { name, yes } => erase(&configuration, name, yes),
    }
}

fn passwd(configuration: &Configuration, name: &str, password_stdin: bool) -> Outcome {
    let password = Password::obtain(password_stdin)?;
    let hash = password.hash()?;
    let mut edit = DirectoryEdit::open(configuration)?;
    edit.set_password(name, hash.as_str())?;
    edit.save()?;
    say!("{name} has another password; the mail programs must be told");
    password.tell(name);
    tell_hub(configuration)
}

fn rename(configuration: &Configuration, old: &str, new: String) -> Outcome {
    let mut edit = DirectoryEdit::open(configuration)?;
    let old = match edit.user(old) {
        Ok(old) => old,
        Err(why) => {
            let finished = finish_rename(configuration, edit.directory(), old, &new)?;
            return finished.ok_or_else(|| why.into());
        }
    };
    let leading = edit.rename_user(&old, &new)?;
    // Renamed in the file alone, the user would meet an empty mailbox.
    reach(configuration)?;
    let waiting = mailbox_of(configuration, &new)?.filter(|it| it.missing_since.is_some());
    edit.save()?;
    match old.to_lowercase() == new.to_lowercase() {
        true => say!("{old} is now written {new}; for mail and log-in capitals make no difference"),
        false => say!(
            "{old} is now {new}, and so the user name is for the mail program, too: it must be told, or its log-in is \
             refused; the password stays. Mail for {old} is refused after an hour, unless an alias takes it"
        ),
    }
    if !leading.is_empty() {
        say!("changed in {}", leading.join(", "));
    }
    if let Some(mailbox) = waiting.filter(|it| it.messages + it.collected_messages > 0) {
        say!(
            "a mailbox of an earlier {new} waited here ({}); it is sealed, and {old} does not get it",
            mailbox_words(&mailbox)
        );
    }
    do_it_with(configuration, Request::UserRenamed { old, new })
}

/// A rename may have been broken off behind its edit: the directory has the new
/// name then, and the mailbox still the old one. None: there is nothing to finish.
fn finish_rename(
    configuration: &Configuration,
    directory: &Directory,
    old: &str,
    new: &str,
) -> Result<Option<ExitCode>, Failure> {
    let (Some(user), Some(old)) = (directory.login(new), open_mailbox(configuration, old)?) else {
        return Ok(None);
    };
    let request = Request::UserRenamedBefore {
        old,
        new: user.name.clone(),
        fingerprint: fingerprint(user.password.as_str()),
    };
    match ask_with(configuration, request)?.answer {
        Answer::Done { text } => {
            say!("{text}");
            Ok(Some(ExitCode::SUCCESS))
        }
        _ => Ok(None),
    }
}

fn list(configuration: &Configuration) -> Outcome {
    let edit = DirectoryEdit::open(configuration)?;
    let mut table = Table::new(&["USER", "FURTHER ADDRESSES", ""]);
    for user in edit.directory().users() {
        let addresses: Vec<String> = user.addresses.iter().map(ToString::to_string).collect();
        let note = match user.access {
            Access::Allowed => "",
            Access::Disabled => "disabled",
        };
        table.row(vec![
            user.name.clone(),
            addresses.join(", "),
            note.to_string(),
        ]);
    }
    table.print();
    Ok(ExitCode::SUCCESS)
}

fn set_access(configuration: &Configuration, name: &str, access: Access) -> Outcome {
    let mut edit = DirectoryEdit::open(configuration)?;
    let name = edit.user(name)?;
    edit.set_access(&name, access)?;
    edit.save()?;
    match access {
        Access::Allowed => say!("{name} may collect mail again"),
        Access::Disabled => say!(
            "{name} is disabled: the password is refused, and mail for {name} goes on coming in and waits; \
             postroom user enable {name} ends it"
        ),
    }
    tell_hub(configuration)
}

fn remove(configuration: &Configuration, name: &str) -> Outcome {
    let mut edit = DirectoryEdit::open(configuration)?;
    let name = match edit.user(name) {
        Ok(name) => name,
        // Taken out by hand, or by a removal that was broken off behind its edit:
        // then the mailbox is still to be sealed.
        Err(why) => match open_mailbox(configuration, name)? {
            Some(name) => return do_it_with(configuration, Request::UserRemoved { name }),
            None => return Err(why.into()),
        },
    };
    let leading = edit.remove_user(&name)?;
    reach(configuration)?;
    edit.save()?;
    say!("user {name} is removed");
    if !leading.is_empty() {
        say!("taken out of {}", leading.join(", "));
    }
    do_it_with(configuration, Request::UserRemoved { name })
}

fn erase(configuration: &Configuration, name: String, yes: bool) -> Outcome {
    let Answer::Status(status) = ask_with(configuration, Request::Status)?.answer else {
        return Err(Failure::another_answer());
    };
    let mut left = status.mailboxes;
    left.retain(|mailbox| mailbox.sealed_at.is_some() && mailbox.user.as_ref() == Some(&name));
    if left.is_empty() {
        return Err(Failure(format!(
            "no removed user {name} left any mail; postroom status shows the sealed mailboxes"
        )));
    }
    for mailbox in &left {
        say!(
            "{name}, removed {}: {}",
            mailbox.sealed_at.map_or("-".to_string(), time),
            mailbox_words(mailbox)
        );
    }
    let no_terminal = "nothing is erased: there is no terminal to ask at; add --yes";
    if !yes && !agreed("erase it for good?", no_terminal)? {
        say!("nothing is erased");
        return Ok(ExitCode::SUCCESS);
    }
    do_it_with(configuration, Request::UserErased { name })
}

/// What a mailbox holds.
fn mailbox_words(mailbox: &MailboxState) -> String {
    format!(
        "{} messages wait, {}; {} collected, {}",
        mailbox.messages,
        size(mailbox.octets),
        mailbox.collected_messages,
        size(mailbox.collected_octets)
    )
}

/// The mailbox of a name that is not in the directory, in whatever case that is
/// written.
fn mailbox_of(configuration: &Configuration, name: &str) -> Result<Option<MailboxState>, Failure> {
    let Answer::Status(status) = ask_with(configuration, Request::Status)?.answer else {
        return Err(Failure::another_answer());
    };
    let folded = name.to_lowercase();
    let is_wanted = |user: &String| user.to_lowercase() == folded;
    let mut mailboxes = status.mailboxes.into_iter();
    Ok(mailboxes.find(|it| it.sealed_at.is_none() && it.user.as_ref().is_some_and(is_wanted)))
}

/// The name of such a mailbox, as it is written there.
fn open_mailbox(configuration: &Configuration, name: &str) -> Result<Option<String>, Failure> {
    Ok(mailbox_of(configuration, name)?.and_then(|mailbox| mailbox.user))
}
