//! Who has a mailbox, by which passwords, and who gets what is nobody's.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::asker::{Answer, Asker, Question, Stop};
use crate::auth::{hash_password, made_up_password, weakness};
use crate::cli::output::printable;
use crate::cli::user::password::warn_of_weakness;
use crate::config::init::Person;
use crate::mail::Domain;
use crate::route::{Access, Directory, Entries, OwnAddress, StoredPassword, UnknownUser, User};

#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "The people")]
pub struct Arguments {
    /// A person with a mailbox, and further addresses; once for each
    #[arg(long = "user", value_name = "NAME[:ADDRESS,…]")]
    users: Vec<String>,
    /// Passwords of people, in lines “NAME PASSWORD”; for those without one it is made up
    #[arg(long, value_name = "FILE")]
    user_passwords: Option<PathBuf>,
    /// Who of them gets mail for postmaster; without it the first
    #[arg(long, value_name = "NAME")]
    postmaster: Option<String>,
    /// Mail for an address that nobody has: reject, unclaimed, or the name of who gets it
    #[arg(long, value_name = "WHAT")]
    unknown: Option<String>,
}

/// What came of it.
pub struct People {
    pub people: Vec<Person>,
    /// In the order of the people.
    pub passwords: Vec<String>,
    pub postmaster: String,
    pub unknown_user: UnknownUser,
}

/// A name and its further addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    addresses: Vec<String>,
}

impl People {
    pub fn ask(asker: Asker, arguments: &Arguments, domain: &Domain) -> Result<People, Stop> {
        let entries = entries(asker, arguments, domain)?;
        let passwords = passwords(asker, arguments, &entries)?;
        let postmaster = postmaster(asker, arguments, &entries)?;
        let unknown_user = unknown_user(asker, arguments, &entries)?;
        let hashed = entries
            .into_iter()
            .zip(&passwords)
            .map(|(entry, password)| {
                Ok(Person {
                    name: entry.name,
                    addresses: entry.addresses,
                    password_hash: hash_password(password)?.as_str().to_string(),
                })
            });
        Ok(People {
            people: hashed.collect::<Result<_, Stop>>()?,
            passwords,
            postmaster,
            unknown_user,
        })
    }
}

fn entries(asker: Asker, arguments: &Arguments, domain: &Domain) -> Result<Vec<Entry>, Stop> {
    if !arguments.users.is_empty() {
        let entries: Vec<Entry> = arguments
            .users
            .iter()
            .map(|user| read_entry(user))
            .collect();
        let fit = check(&entries, domain);
        return fit
            .map(|()| entries)
            .map_err(|why| Stop::Flags(format!("--user: {why}")));
    }
    let question = Question {
        flag: "--user NAME",
        about: "Who has a mailbox? A name is the part of the address before the @, and what the mail program logs in \
                with: letters, digits, dots and dashes. Several at once are fine; more can follow at any time \
                (postroom user add).",
        prompt: "Names (such as anna bob)",
        default: None,
    };
    let mut entries = asker.text(question, None, |line| read_names(line, domain))?;
    asker.tell(
        "Further addresses of each, such as anna.smith or info@our.example; Enter alone: none. What leads to several \
         people is an alias, for later (postroom alias set sales anna bob).",
    );
    for number in 0..entries.len() {
        let Some(name) = entries.get(number).map(|entry| entry.name.clone()) else {
            continue;
        };
        let prompt = format!("Further addresses of {name}");
        let question = Question {
            flag: "--user NAME:ADDRESS",
            about: "",
            prompt: &prompt,
            default: Some(""),
        };
        entries = asker.text(question, None, |line| {
            let mut entries = entries.clone();
            if let Some(entry) = entries.get_mut(number) {
                entry.addresses = words(line);
            }
            check(&entries, domain).map(|()| entries)
        })?;
    }
    Ok(entries)
}

fn words(line: &str) -> Vec<String> {
    let words = line.split([' ', ',', '\t']).filter(|word| !word.is_empty());
    words.map(str::to_string).collect()
}

/// `anna:info,anna.smith`.
fn read_entry(text: &str) -> Entry {
    let (name, addresses) = text.split_once(':').unwrap_or((text, ""));
    Entry {
        name: name.trim().to_string(),
        addresses: words(addresses),
    }
}

fn read_names(line: &str, domain: &Domain) -> Result<Vec<Entry>, String> {
    let entries = words(line).into_iter().map(|name| Entry {
        name,
        addresses: Vec::new(),
    });
    let entries: Vec<Entry> = entries.collect();
    match entries.is_empty() {
        true => Err("at least one person needs a mailbox".to_string()),
        false => check(&entries, domain).map(|()| entries),
    }
}

/// By the directory itself: nothing here knows what a good name is.
fn check(entries: &[Entry], domain: &Domain) -> Result<(), String> {
    let user = |entry: &Entry| {
        let addresses = entry.addresses.iter().map(|address| {
            OwnAddress::parse(address).map_err(|why| format!("“{}”: {why}", printable(address)))
        });
        Ok(User {
            access: Access::Allowed,
            name: entry.name.clone(),
            password: StoredPassword::new(""),
            addresses: addresses.collect::<Result<_, String>>()?,
        })
    };
    let users = entries.iter().map(user).collect::<Result<_, String>>()?;
    let directory = Directory::new(Entries {
        domains: vec![domain.clone()],
        users,
        ..Entries::default()
    });
    directory.map(drop).map_err(|why| why.to_string())
}

fn passwords(asker: Asker, arguments: &Arguments, entries: &[Entry]) -> Result<Vec<String>, Stop> {
    let given = given_passwords(arguments, entries)?;
    let is_asked = arguments.user_passwords.is_none() && arguments.users.is_empty();
    let made_up = match is_asked {
        true => {
            asker.tell(
                "Each gets a password for the mail program, which stands on their settings sheet.",
            );
            asker.is_yes("Make up good ones?", Answer::Yes)?
        }
        false => true,
    };
    let passwords = entries.iter().map(|entry| {
        let given = given.iter().find(|(name, _)| *name == entry.name);
        match (given, made_up) {
            (Some((_, password)), _) => Ok(password.clone()),
            (None, true) => Ok(made_up_password()?),
            (None, false) => {
                let prompt = format!("Password of {} (Enter alone: one is made up)", entry.name);
                let typed = asker.new_password(&prompt, |typed| read_new(typed, &entry.name))?;
                match typed {
                    Some(typed) => Ok(typed),
                    None => Ok(made_up_password()?),
                }
            }
        }
    });
    passwords.collect()
}

/// One that is chosen now need not be weak.
fn read_new(typed: &str, user: &str) -> Result<(), String> {
    hash_password(typed).map_err(|why| why.to_string())?;
    match weakness(typed, user) {
        Some(weak) => Err(format!("that is easily guessed: {weak}")),
        None => Ok(()),
    }
}

/// The lines of `--user-passwords`.
fn given_passwords(
    arguments: &Arguments,
    entries: &[Entry],
) -> Result<Vec<(String, String)>, Stop> {
    let Some(file) = &arguments.user_passwords else {
        return Ok(Vec::new());
    };
    let wrong = |why: String| Stop::Flags(format!("--user-passwords {}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|why| wrong(why.to_string()))?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let read = lines.map(|(number, line)| {
        let number = number + 1;
        let (name, password) = line
            .split_once([' ', '\t'])
            .ok_or_else(|| wrong(format!("line {number} has no name and password")))?;
        let (name, password) = (name.trim(), password.trim());
        if !entries.iter().any(|entry| entry.name == name) {
            return Err(wrong(format!("line {number} names nobody of --user")));
        }
        hash_password(password).map_err(|why| wrong(format!("line {number}: {why}")))?;
        warn_of_weakness(password, name);
        Ok((name.to_string(), password.to_string()))
    });
    read.collect()
}

/// A name among the people, as it is written there.
fn find(entries: &[Entry], name: &str) -> Result<String, String> {
    let mut names = entries.iter().map(|entry| &entry.name);
    let found = names.find(|known| known.to_lowercase() == name.to_lowercase());
    found
        .cloned()
        .ok_or_else(|| format!("there is nobody named “{}” here", printable(name)))
}

fn postmaster(asker: Asker, arguments: &Arguments, entries: &[Entry]) -> Result<String, Stop> {
    let first = entries.first().map(|entry| entry.name.clone());
    let first = first.unwrap_or_default();
    let given = arguments.postmaster.as_deref();
    if entries.len() == 1 && given.is_none() {
        return Ok(first);
    }
    let question = Question {
        flag: "--postmaster NAME",
        about: "Every mail server must take mail for postmaster: what other servers and this hub have to say.",
        prompt: "Who gets it?",
        default: Some(&first),
    };
    asker.text(question, given, |name| find(entries, name))
}

fn unknown_user(
    asker: Asker,
    arguments: &Arguments,
    entries: &[Entry],
) -> Result<UnknownUser, Stop> {
    let question = Question {
        flag: "--unknown WHAT",
        about: "Mail for an address that nobody has: “reject” tells the sender at once (what is fetched from a mailbox \
                cannot be rejected any more and is kept as unclaimed); “unclaimed” keeps it for you to give away; or \
                the name of somebody who gets it.",
        prompt: "reject, unclaimed or a name",
        default: Some("reject"),
    };
    asker.text(question, arguments.unknown.as_deref(), |what| match what {
        "reject" => Ok(UnknownUser::Reject),
        "unclaimed" => Ok(UnknownUser::Unclaimed),
        name => find(entries, name).map(UnknownUser::CatchAll),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_directory_would_refuse_is_refused_at_once() {
        let domain = Domain::parse("our.example").unwrap();
        for wrong in ["", "anna anna", "anna@our.example", "an/na", "a\"b"] {
            assert!(read_names(wrong, &domain).is_err(), "{wrong}");
        }
        assert_eq!(read_names("anna, bob", &domain).unwrap().len(), 2);
        for wrong in ["anna:bob@other.example", "anna:a+b", "anna:@"] {
            assert!(check(&[read_entry(wrong)], &domain).is_err(), "{wrong}");
        }
        let anna = read_entry("anna:info,office@our.example");
        assert_eq!(anna.addresses, ["info", "office@our.example"]);
        check(&[anna], &domain).unwrap();
    }
}
