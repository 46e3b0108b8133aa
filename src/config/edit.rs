//! Edits of directory.toml that keep its comments and its order.
//!
//! For the commands `user`, `alias` and `unclaimed give --always`. An edit is checked as a whole, with
//! postroom.toml, before it takes the file's place; a hub that watches the file
//! then reads it like any other change. Passwords come in hashed.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::files::folder_of;
use crate::route::multidrop::Rule;
use crate::route::{Access, Directory};

use super::directory_toml::{read_directory, unreadable as unreadable_directory};
use super::error::ConfigurationError;
use super::replace::{self, FolderLock};
use super::settings::Configuration;

mod people;
mod toml;
#[cfg(any(test, fuzzing))]
pub(super) mod invariants;

pub(super) use self::people::with_people;
use self::toml::{TomlFile, same_name};

/// Why an edit was not made. The file is unchanged.
#[derive(Debug, Error)]
pub enum EditError {
    /// The file is faulty already.
    #[error("{0}")]
    Faulty(#[from] ConfigurationError),
    /// The file as edited would be faulty.
    #[error("not changed: {0}")]
    Refused(String),
    /// No such user.
    #[error("there is no user {0} in the directory")]
    NoSuchUser(String),
    /// A user of this name.
    #[error(
        "there is a user {0} already; choose another name, or \"postroom user passwd {0}\" for a \
         new password"
    )]
    UserExists(String),
    /// No such alias.
    #[error("there is no alias {0} in the directory")]
    NoSuchAlias(String),
    /// The directory would be empty.
    #[error(
        "{0} is the only user; add another one first: a hub without users would turn all mail away"
    )]
    LastUser(String),
    /// An alias would be empty.
    #[error(
        "alias {alias} leads to {user} alone; give it another target first (postroom alias set \
         {alias} NAME) or remove it (postroom alias remove {alias})"
    )]
    OnlyTarget {
        /// The user who was to go.
        user: String,
        /// The alias that needs them.
        alias: String,
    },
    /// A rule for fetched mail would lead nowhere.
    #[error(
        "rule {rule} of the [[rules]] in the directory leads to {user} alone; give it another \
         target there, or remove it, first"
    )]
    OnlyRuleTarget {
        /// The user who was to go.
        user: String,
        /// The rule that needs them, counted from 1.
        rule: usize,
    },
    /// The first rule that matches decides, so a second one would do nothing.
    #[error(
        "rule {rule} of the [[rules]] in the directory says this of {header} already, for {to}; \
         change its \"to\" there"
    )]
    RuleExists {
        /// Counted from 1.
        rule: usize,
        /// The header that it looks at.
        header: String,
        /// Who gets such mail.
        to: String,
    },
    /// All mail of a provider goes there.
    #[error(
        "{0} gets all mail of a provider: give to = \"{0}\" in postroom.toml another user or alias \
         first"
    )]
    ProvidersTarget(String),
    /// The user gets what is nobody's.
    #[error(
        "{0} is the catch-all: set unknown_user = \"unclaimed\" in postroom.toml first, and to the \
         user of your choice afterwards"
    )]
    CatchAll(String),
    /// Another command edits, or hangs while it does.
    #[error("another postroom command is editing the directory; try again")]
    Busy,
    /// Somebody saved the file while we edited it.
    #[error("the directory was changed by somebody else just now; try again")]
    ChangedMeanwhile,
    /// From the system.
    #[error("{file}: cannot be written: {error}")]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// What [`DirectoryEdit::add_user`] did beyond adding the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Postmaster {
    /// The first user has become postmaster.
    Added,
    /// Nothing was changed.
    Kept,
}

/// directory.toml while it is edited: locked against other commands from
/// [`DirectoryEdit::open`] on; changed by [`DirectoryEdit::save`] only.
#[derive(Debug)]
pub struct DirectoryEdit<'a> {
    configuration: &'a Configuration,
    /// Links followed: the file is replaced, not a link to it.
    file: PathBuf,
    original: String,
    toml: TomlFile,
    directory: Directory,
    /// None where a text alone is edited, in tests.
    _lock: Option<FolderLock>,
}

impl<'a> DirectoryEdit<'a> {
    /// Locks, reads and checks the directory. It may be one without users.
    ///
    /// # Errors
    /// A file that cannot be read or is faulty; another edit.
    pub fn open(configuration: &'a Configuration) -> Result<DirectoryEdit<'a>, EditError> {
        let named = &configuration.directory;
        let unreadable = |error: &io::Error| unreadable_directory(named, error);
        let file = named.canonicalize().map_err(|error| unreadable(&error))?;
        let lock = FolderLock::take(folder_of(&file));
        let lock = lock.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => EditError::Busy,
            _ => EditError::Faulty(unreadable(&error)),
        })?;
        let original = read_directory(&file).map_err(|error| unreadable(&error))?;
        Ok(DirectoryEdit {
            file,
            _lock: Some(lock),
            ..DirectoryEdit::of_text(configuration, original)?
        })
    }

    /// Checks a directory's text, which is in no file yet.
    fn of_text(
        configuration: &'a Configuration,
        original: String,
    ) -> Result<DirectoryEdit<'a>, EditError> {
        let directory = configuration.parse_directory_even_empty(&original)?;
        let toml = TomlFile::parse(&original).map_err(EditError::Refused)?;
        Ok(DirectoryEdit {
            configuration,
            file: configuration.directory.clone(),
            original,
            toml,
            directory,
            _lock: None,
        })
    }

    /// The directory as it was opened.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// A user's name as it is written in the file, which is also the mailbox's:
    /// people type it in capitals as well.
    ///
    /// # Errors
    /// [`EditError::NoSuchUser`].
    pub fn user(&self, name: &str) -> Result<String, EditError> {
        let mut users = self.directory.users().iter();
        let user = users.find(|user| same_name(&user.name, name));
        let user = user.ok_or_else(|| EditError::NoSuchUser(name.to_string()))?;
        Ok(user.name.clone())
    }

    /// Adds a user. The first user becomes postmaster too, where nobody is: that
    /// mail must go somewhere (RFC 5321 §4.5.1).
    ///
    /// # Errors
    /// [`EditError::UserExists`].
    pub fn add_user(&mut self, name: &str, password_hash: &str) -> Result<Postmaster, EditError> {
        if let Ok(user) = self.user(name) {
            return Err(EditError::UserExists(user));
        }
        self.toml
            .add_user(name, password_hash)
            .map_err(EditError::Refused)?;
        let is_first = self.directory.users().is_empty() && !same_name(name, "postmaster");
        let mut aliases = self.directory.aliases().iter();
        if !is_first || aliases.any(|alias| same_name(&alias.name, "postmaster")) {
            return Ok(Postmaster::Kept);
        }
        let targets = [name.to_string()];
        self.toml
            .set_alias("postmaster", &targets)
            .map_err(EditError::Refused)?;
        Ok(Postmaster::Added)
    }

    /// Gives a user a new password.
    ///
    /// # Errors
    /// [`EditError::NoSuchUser`].
    pub fn set_password(&mut self, name: &str, password_hash: &str) -> Result<(), EditError> {
        let user = self.user(name)?;
        self.toml.set_password(&user, password_hash);
        Ok(())
    }

    /// Lets a user collect mail, or no more.
    ///
    /// # Errors
    /// [`EditError::NoSuchUser`].
    pub fn set_access(&mut self, name: &str, access: Access) -> Result<(), EditError> {
        let user = self.user(name)?;
        self.toml.set_access(&user, access);
        Ok(())
    }

    /// Gives a user a new name, in aliases and rules too; gives back those:
    /// `alias sales`, `rule 2`. The store keeps the mailbox under the new name only if it is told so.
    ///
    /// # Errors
    /// [`EditError::NoSuchUser`], [`EditError::UserExists`],
    /// [`EditError::CatchAll`], [`EditError::ProvidersTarget`].
    pub fn rename_user(&mut self, old: &str, new: &str) -> Result<Vec<String>, EditError> {
        let old = self.user(old)?;
        match self.user(new) {
            Ok(user) if user != old => return Err(EditError::UserExists(user)),
            _ => self.check_no_catch_all(&old, Some(new))?,
        }
        if !same_name(&old, new) {
            self.check_no_providers_target(&old)?;
        }
        self.toml.rename_user(&old, new);
        let leading = self.leading_to(&old);
        self.toml.rename_target(&old, new);
        Ok(leading)
    }

    /// Removes a user, and from the aliases and rules that have other targets as
    /// well; gives back those: `alias sales`, `rule 2`. The comment right above
    /// the user goes too.
    ///
    /// # Errors
    /// [`EditError::NoSuchUser`], [`EditError::LastUser`],
    /// [`EditError::OnlyTarget`], [`EditError::OnlyRuleTarget`],
    /// [`EditError::CatchAll`], [`EditError::ProvidersTarget`].
    pub fn remove_user(&mut self, name: &str) -> Result<Vec<String>, EditError> {
        let name = self.user(name)?;
        if self.directory.users().len() == 1 {
            return Err(EditError::LastUser(name));
        }
        self.check_no_catch_all(&name, None)?;
        self.check_no_providers_target(&name)?;
        let leads_only = |targets: &[String]| targets.iter().all(|one| same_name(one, &name));
        let mut aliases = self.directory.aliases().iter();
        let alone = aliases.find(|alias| leads_only(&alias.targets));
        if let Some(alias) = alone {
            return Err(EditError::OnlyTarget {
                alias: alias.name.clone(),
                user: name,
            });
        }
        let mut rules = self.directory.rules().iter();
        if let Some(number) = rules.position(|rule| leads_only(&rule.to)) {
            return Err(EditError::OnlyRuleTarget {
                rule: number + 1,
                user: name,
            });
        }
        let leading = self.leading_to(&name);
        self.toml.remove_target(&name);
        self.toml.remove_user(&name);
        Ok(leading)
    }

    /// Makes an alias, or gives one other targets.
    ///
    /// # Errors
    /// None of its own; [`DirectoryEdit::save`] refuses targets that do not exist.
    pub fn set_alias(&mut self, name: &str, targets: &[String]) -> Result<(), EditError> {
        let name = self.alias(name).unwrap_or_else(|_| name.to_string());
        self.toml
            .set_alias(&name, targets)
            .map_err(EditError::Refused)
    }

    /// Removes an alias. The comment right above it goes too.
    ///
    /// # Errors
    /// [`EditError::NoSuchAlias`], [`EditError::ProvidersTarget`].
    pub fn remove_alias(&mut self, name: &str) -> Result<(), EditError> {
        let name = self.alias(name)?;
        self.check_no_providers_target(&name)?;
        self.toml.remove_alias(&name);
        Ok(())
    }

    /// Adds a rule for fetched mail, below the others.
    ///
    /// # Errors
    /// [`EditError::RuleExists`]; [`DirectoryEdit::save`] refuses a rule that
    /// cannot be used.
    pub fn add_rule(&mut self, rule: &Rule) -> Result<(), EditError> {
        let mut rules = self.directory.rules().iter();
        let same = |other: &Rule| {
            other.header.eq_ignore_ascii_case(&rule.header) && other.test == rule.test
        };
        if let Some(number) = rules.position(same) {
            let rule = self.directory.rules().get(number).unwrap_or(rule);
            return Err(EditError::RuleExists {
                rule: number + 1,
                header: rule.header.clone(),
                to: rule.to.join(", "),
            });
        }
        self.toml.add_rule(rule).map_err(EditError::Refused)
    }

    /// Checks the edited directory and puts it in the old one's place, with
    /// its owner, group and mode.
    ///
    /// # Errors
    /// A directory that would be faulty; a file that somebody else changed or
    /// the system does not let us write.
    pub fn save(self) -> Result<(), EditError> {
        let (text, _) = self.edited()?;
        let write_error = |error| EditError::Write {
            file: self.file.clone(),
            error,
        };
        let now = read_directory(&self.file).map_err(write_error)?;
        if now != self.original {
            return Err(EditError::ChangedMeanwhile);
        }
        replace::replace(&self.file, &text).map_err(write_error)
    }

    /// The directory as it would be saved, checked: its text, and what that says.
    fn edited(&self) -> Result<(String, Directory), EditError> {
        let text = self.toml.to_text();
        let checked = self.configuration.parse_directory_even_empty(&text);
        let directory = checked.map_err(|error| EditError::Refused(error.message))?;
        Ok((text, directory))
    }

    /// An alias's name as it is written in the file.
    fn alias(&self, name: &str) -> Result<String, EditError> {
        let mut aliases = self.directory.aliases().iter();
        let alias = aliases.find(|alias| same_name(&alias.name, name));
        let alias = alias.ok_or_else(|| EditError::NoSuchAlias(name.to_string()))?;
        Ok(alias.name.clone())
    }

    /// The aliases and rules that name this user.
    fn leading_to(&self, user: &str) -> Vec<String> {
        let names = |targets: &[String]| targets.iter().any(|target| same_name(target, user));
        let aliases = self.directory.aliases().iter();
        let aliases = aliases.filter(|alias| names(&alias.targets));
        let rules = self.directory.rules().iter().enumerate();
        let rules = rules.filter(|(_, rule)| names(&rule.to));
        aliases
            .map(|alias| format!("alias {}", alias.name))
            .chain(rules.map(|(number, _)| format!("rule {}", number + 1)))
            .collect()
    }

    /// Otherwise the two files would contradict each other.
    fn check_no_providers_target(&self, name: &str) -> Result<(), EditError> {
        let mut targets = self.configuration.provider_notes.to.iter();
        match targets.any(|target| same_name(&target.value, name)) {
            true => Err(EditError::ProvidersTarget(name.to_string())),
            false => Ok(()),
        }
    }

    /// postroom.toml is the administrator's: no command changes it.
    fn check_no_catch_all(&self, user: &str, new: Option<&str>) -> Result<(), EditError> {
        use crate::route::UnknownUser::CatchAll;
        match &self.configuration.routing.unknown_user.value {
            CatchAll(name) if same_name(name, user) && !new.is_some_and(|n| same_name(n, user)) => {
                Err(EditError::CatchAll(user.to_string()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
