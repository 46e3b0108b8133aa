//! `postroom user …`: edit the users in directory.toml.

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::ask::{ask_with, configuration, do_it_with, reach, tell_hub};
use super::confirm::agreed;
use super::output::{Table, say, size, time};
use super::{Failure, Outcome, sheet};
use crate::auth::{hash_password, made_up_password};
use crate::config::Configuration;
use crate::config::edit::{DirectoryEdit, Postmaster};
use crate::control::{Answer, Request};
use crate::hub::fingerprint;
use crate::route::{Access, Directory};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user; without --password-stdin a password is made up and shown once
    Add {
        /// The user's name: the part of the address before the @
        name: String,
        /// Read the password from standard input: its first line
        #[arg(long)]
        password_stdin: bool,
    },
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
        Command::Add {
            name,
            password_stdin,
        } => add(&configuration, &name, password_stdin),
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

fn add(configuration: &Configuration, name: &str, password_stdin: bool) -> Outcome {
    let password = Password::obtain(password_stdin)?;
    let hash = password.hash()?;
    // Not before: nobody else can edit while a person types.
    let mut edit = DirectoryEdit::open(configuration)?;
    let postmaster = edit.add_user(name, hash.as_str())?;
    edit.save()?;
    say!("user {name} is added");
    if postmaster == Postmaster::Added {
        say!("mail for postmaster goes to {name}, the first user");
    }
    password.show();
    tell_hub(configuration)
}

fn passwd(configuration: &Configuration, name: &str, password_stdin: bool) -> Outcome {
    let password = Password::obtain(password_stdin)?;
    let hash = password.hash()?;
    let mut edit = DirectoryEdit::open(configuration)?;
    edit.set_password(name, hash.as_str())?;
    edit.save()?;
    say!("{name} has another password; the mail programs must be told");
    password.show();
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
    edit.save()?;
    say!("{old} is now {new}; mail for {old} is refused after an hour, unless an alias takes it");
    if !leading.is_empty() {
        say!("changed in {}", leading.join(", "));
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
            "{name}, removed {}: {} messages wait, {}; {} collected, {}",
            mailbox.sealed_at.map_or("-".to_string(), time),
            mailbox.messages,
            size(mailbox.octets),
            mailbox.collected_messages,
            size(mailbox.collected_octets)
        );
    }
    let no_terminal = "nothing is erased: there is no terminal to ask at; add --yes";
    if !yes && !agreed("erase it for good?", no_terminal)? {
        say!("nothing is erased");
        return Ok(ExitCode::SUCCESS);
    }
    do_it_with(configuration, Request::UserErased { name })
}

/// The mailbox of a name that is not in the directory, as it is written there.
fn open_mailbox(configuration: &Configuration, name: &str) -> Result<Option<String>, Failure> {
    let Answer::Status(status) = ask_with(configuration, Request::Status)?.answer else {
        return Err(Failure::another_answer());
    };
    let open = status
        .mailboxes
        .into_iter()
        .filter(|it| it.sealed_at.is_none());
    let mut users = open.filter_map(|mailbox| mailbox.user);
    Ok(users.find(|user| user.to_lowercase() == name.to_lowercase()))
}

/// A password that a person chose, or one that was made up.
enum Password {
    Chosen(String),
    MadeUp(String),
}

impl Password {
    fn obtain(from_stdin: bool) -> Result<Password, Failure> {
        if !from_stdin {
            return Ok(Password::MadeUp(made_up_password()?));
        }
        Ok(Password::Chosen(password_line()?))
    }

    fn hash(&self) -> Result<crate::auth::PasswordHash, Failure> {
        let (Password::Chosen(text) | Password::MadeUp(text)) = self;
        Ok(hash_password(text)?)
    }

    fn show(&self) {
        if let Password::MadeUp(text) = self {
            say!("the password is {text} (it is not shown again)");
        }
    }
}

/// The first line of standard input.
pub(super) fn password_line() -> Result<String, Failure> {
    let input = io::stdin();
    if input.is_terminal() {
        eprintln!("type the password and press Enter; it is shown while you type");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password.is_empty() {
        true => Err(Failure(
            "standard input has no password in its first line".to_string(),
        )),
        false => Ok(password.to_string()),
    }
}
