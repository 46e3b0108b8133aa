//! directory.toml: from its text to a [`Directory`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::auth::PasswordHash;
use crate::route::{
    Access, Alias, Directory, DirectoryError, Entries, OwnAddress, Place, StoredPassword, User,
};

use super::document::Document;
use super::error::ConfigurationError;
use super::rules_toml::{self, RuleSection};
use super::settings::{Configuration, Located};
use super::values::{Heading, Section, Sections};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a directory")]
struct File {
    #[serde(default)]
    users: BTreeMap<Spanned<String>, Section<UserSection>>,
    #[serde(default)]
    aliases: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    #[serde(default)]
    rules: Sections<RuleSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserSection {
    password: Option<Spanned<String>>,
    #[serde(default)]
    addresses: Vec<Spanned<String>>,
    #[serde(default)]
    disabled: bool,
}

impl Heading for UserSection {
    const EXPECTED: &'static str = "a section such as [users.anna] with password = \"…\"";
}

impl Configuration {
    /// Reads and checks the directory, together with what this configuration
    /// says of routing.
    ///
    /// # Errors
    /// The first fault, in either file. A directory without users is one: a
    /// file cut off while it was written often parses, and would turn all mail
    /// away.
    pub fn load_directory(&self) -> Result<Directory, ConfigurationError> {
        let file = &self.directory;
        let text = read_directory(file).map_err(|error| unreadable(file, &error))?;
        self.parse_directory(&text)
    }

    /// Checks a directory's text.
    ///
    /// # Errors
    /// As [`Configuration::load_directory`].
    pub fn parse_directory(&self, text: &str) -> Result<Directory, ConfigurationError> {
        let directory = self.parse_directory_even_empty(text)?;
        if directory.users().is_empty() {
            return Err(ConfigurationError::of_file(
                &self.directory,
                "it has no users; \"postroom user add NAME\" makes the first one",
            ));
        }
        self.check_providers(&directory)?;
        Ok(directory)
    }

    /// Checks a directory that may be one without users yet, as `init` leaves
    /// it for `user add`.
    pub(super) fn parse_directory_even_empty(
        &self,
        text: &str,
    ) -> Result<Directory, ConfigurationError> {
        let document = Document::with_secrets(&self.directory, text);
        let read: File = document.read()?;
        let mut lines = Lines::default();
        let entries = Entries {
            domains: self.domains.clone(),
            users: users_of(read.users, &document, &mut lines)?,
            aliases: aliases_of(read.aliases, &document, &mut lines),
            unknown_user: self.routing.unknown_user.value.clone(),
            reject: self
                .routing
                .reject
                .iter()
                .map(|one| one.value.clone())
                .collect(),
        };
        let directory = Directory::new(entries).map_err(|error| self.locate(&error, &lines))?;
        rules_toml::add_rules(directory, read.rules, &document)
    }

    /// That mode single leads to somebody.
    fn check_providers(&self, directory: &Directory) -> Result<(), ConfigurationError> {
        for Located { value: name, line } in &self.provider_notes.to {
            if !directory.has_name(name) {
                return Err(ConfigurationError {
                    file: self.path.clone(),
                    line: Some(*line),
                    message: format!(
                        "to = \"{name}\": there is no user and no alias of this name in the \
                         directory"
                    ),
                });
            }
        }
        Ok(())
    }

    /// A fault of the directory, in the file and line that it is about.
    fn locate(&self, error: &DirectoryError, lines: &Lines) -> ConfigurationError {
        let in_directory = |line: Option<&usize>| (&self.directory, line.copied());
        let in_configuration = |line: usize| (&self.path, (line > 0).then_some(line));
        let (file, line) = match error.place {
            Place::User(user) => in_directory(lines.users.get(user)),
            Place::UserAddress { user, address } => {
                in_directory(lines.addresses.get(user).and_then(|all| all.get(address)))
            }
            Place::Alias(alias) => in_directory(lines.aliases.get(alias)),
            Place::AliasTarget { alias, target } => {
                in_directory(lines.targets.get(alias).and_then(|all| all.get(target)))
            }
            Place::UnknownUser => in_configuration(self.routing.unknown_user.line),
            Place::Reject(number) => {
                let located = self.routing.reject.get(number);
                in_configuration(located.map_or(0, |located| located.line))
            }
        };
        ConfigurationError {
            file: Path::to_path_buf(file),
            line,
            message: error.to_string(),
        }
    }
}

/// The lines of all entries, in the order of [`Entries`].
#[derive(Default)]
struct Lines {
    users: Vec<usize>,
    addresses: Vec<Vec<usize>>,
    aliases: Vec<usize>,
    targets: Vec<Vec<usize>>,
}

fn users_of(
    written: BTreeMap<Spanned<String>, Section<UserSection>>,
    document: &Document,
    lines: &mut Lines,
) -> Result<Vec<User>, ConfigurationError> {
    let mut users = Vec::new();
    for (name, Section(section)) in in_file_order(written) {
        let start = name.span().start;
        let name = name.into_inner();
        let mend = format!("\"postroom user passwd {name}\" sets it");
        let Some(password) = section.password else {
            let message = format!("user {name} has no password; {mend}");
            return Err(document.error_at(start, message));
        };
        if let Err(why) = PasswordHash::parse(password.get_ref()) {
            let message = format!("the password of {name}: {why}");
            return Err(document.error_at(password.span().start, message));
        }
        let mut addresses = Vec::new();
        let mut address_lines = Vec::new();
        for written in section.addresses {
            let address = OwnAddress::parse(written.get_ref().trim()).map_err(|reason| {
                let message = format!(
                    "{:?} in addresses: expected an address such as \"anna.smith\" or \
                     \"info@example.com\": {reason}",
                    written.get_ref()
                );
                document.error_at(written.span().start, message)
            })?;
            addresses.push(address);
            address_lines.push(document.line(written.span().start));
        }
        lines.users.push(document.line(start));
        lines.addresses.push(address_lines);
        users.push(User {
            name,
            password: StoredPassword::new(password.into_inner()),
            addresses,
            access: match section.disabled {
                true => Access::Disabled,
                false => Access::Allowed,
            },
        });
    }
    Ok(users)
}

fn aliases_of(
    written: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    document: &Document,
    lines: &mut Lines,
) -> Vec<Alias> {
    let mut aliases = Vec::new();
    for (name, targets) in in_file_order(written) {
        lines.aliases.push(document.line(name.span().start));
        let target_lines = targets
            .iter()
            .map(|target| document.line(target.span().start));
        lines.targets.push(target_lines.collect());
        aliases.push(Alias {
            name: name.into_inner(),
            targets: targets
                .into_iter()
                .map(|target| target.into_inner().trim().to_string())
                .collect(),
        });
    }
    aliases
}

/// People put their users into an order; keep it.
fn in_file_order<T>(written: BTreeMap<Spanned<String>, T>) -> Vec<(Spanned<String>, T)> {
    let mut entries: Vec<_> = written.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

pub(super) fn unreadable(file: &Path, error: &io::Error) -> ConfigurationError {
    let lost = "; put it back (a backup has it), or correct directory in postroom.toml";
    ConfigurationError::unreadable(file, error, lost)
}

/// The text of a file that is a file: a pipe would keep the hub waiting.
pub(super) fn read_directory(file: &Path) -> io::Result<String> {
    match file.metadata()?.is_file() {
        true => fs::read_to_string(file),
        false => Err(io::Error::other("it is no file")),
    }
}
