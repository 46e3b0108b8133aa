//! Edits of directory.toml that keep its comments and its order.
//!
//! For the commands `user` and `alias`. An edit is checked as a whole, with
//! postroom.toml, before it takes the file's place; a hub that watches the file
//! then reads it like any other change. Passwords come in hashed.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::route::Directory;

use super::error::ConfigurationError;
use super::replace::{self, FolderLock};
use super::settings::Configuration;

mod toml;

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
    _lock: FolderLock,
}

impl<'a> DirectoryEdit<'a> {
    /// Locks, reads and checks the directory. It may be one without users.
    ///
    /// # Errors
    /// A file that cannot be read or is faulty; another edit.
    pub fn open(configuration: &'a Configuration) -> Result<DirectoryEdit<'a>, EditError> {
        let named = &configuration.directory;
        let unreadable = |error: &io::Error| ConfigurationError::unreadable(named, error);
        let file = named.canonicalize().map_err(|error| unreadable(&error))?;
        let lock = FolderLock::take(replace::folder_of(&file));
        let lock = lock.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => EditError::Busy,
            _ => EditError::Faulty(unreadable(&error)),
        })?;
        let original = std::fs::read_to_string(&file).map_err(|error| unreadable(&error))?;
        let directory = configuration.parse_directory_even_empty(&original)?;
        let toml = TomlFile::parse(&original).map_err(EditError::Refused)?;
        Ok(DirectoryEdit {
            configuration,
            file,
            original,
            toml,
            directory,
            _lock: lock,
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

    /// Gives a user a new name, in the aliases too; gives back those aliases.
    /// The store keeps the mailbox under the new name only if it is told so.
    ///
    /// # Errors
    /// [`EditError::NoSuchUser`], [`EditError::UserExists`],
    /// [`EditError::CatchAll`].
    pub fn rename_user(&mut self, old: &str, new: &str) -> Result<Vec<String>, EditError> {
        let old = self.user(old)?;
        match self.user(new) {
            Ok(user) if user != old => return Err(EditError::UserExists(user)),
            _ => self.check_no_catch_all(&old, Some(new))?,
        }
        self.toml.rename_user(&old, new);
        let aliases = self.aliases_to(&old);
        self.toml.rename_target(&old, new);
        Ok(aliases)
    }

    /// Removes a user, and from the aliases that have other targets as well;
    /// gives back those aliases. The comment right above the user goes too.
    ///
    /// # Errors
    /// [`EditError::NoSuchUser`], [`EditError::LastUser`],
    /// [`EditError::OnlyTarget`], [`EditError::CatchAll`].
    pub fn remove_user(&mut self, name: &str) -> Result<Vec<String>, EditError> {
        let name = self.user(name)?;
        if self.directory.users().len() == 1 {
            return Err(EditError::LastUser(name));
        }
        self.check_no_catch_all(&name, None)?;
        let alone = self.directory.aliases().iter().find(|alias| {
            let mut targets = alias.targets.iter();
            targets.all(|target| same_name(target, &name))
        });
        if let Some(alias) = alone {
            return Err(EditError::OnlyTarget {
                alias: alias.name.clone(),
                user: name,
            });
        }
        let aliases = self.aliases_to(&name);
        self.toml.remove_target(&name);
        self.toml.remove_user(&name);
        Ok(aliases)
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
    /// [`EditError::NoSuchAlias`].
    pub fn remove_alias(&mut self, name: &str) -> Result<(), EditError> {
        let name = self.alias(name)?;
        self.toml.remove_alias(&name);
        Ok(())
    }

    /// Checks the edited directory and puts it in the old one's place, with
    /// its owner, group and mode.
    ///
    /// # Errors
    /// A directory that would be faulty; a file that somebody else changed or
    /// the system does not let us write.
    pub fn save(self) -> Result<(), EditError> {
        let text = self.toml.to_text();
        let checked = self.configuration.parse_directory_even_empty(&text);
        checked.map_err(|error| EditError::Refused(error.message))?;
        let write_error = |error| EditError::Write {
            file: self.file.clone(),
            error,
        };
        let now = std::fs::read_to_string(&self.file).map_err(write_error)?;
        if now != self.original {
            return Err(EditError::ChangedMeanwhile);
        }
        replace::replace(&self.file, &text).map_err(write_error)
    }

    /// An alias's name as it is written in the file.
    fn alias(&self, name: &str) -> Result<String, EditError> {
        let mut aliases = self.directory.aliases().iter();
        let alias = aliases.find(|alias| same_name(&alias.name, name));
        let alias = alias.ok_or_else(|| EditError::NoSuchAlias(name.to_string()))?;
        Ok(alias.name.clone())
    }

    /// The aliases that name this user.
    fn aliases_to(&self, user: &str) -> Vec<String> {
        let aliases = self.directory.aliases().iter().filter(|alias| {
            let mut targets = alias.targets.iter();
            targets.any(|target| same_name(target, user))
        });
        aliases.map(|alias| alias.name.clone()).collect()
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
