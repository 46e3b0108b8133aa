//! What must hold for every edit of every directory that can be read.

use crate::config::settings::Configuration;
use crate::route::Directory;
use crate::route::multidrop::{Rule, RuleTest};

use super::toml::same_name;
use super::{DirectoryEdit, EditError};

const NEW_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$bmV3IW5ldyFuZXchbmV3IW5ldyFuZXchbmV3IW5ldyE";
/// A name that nobody has, where the text does not say it.
const NEW_NAME: &str = "zoe-new";

/// What a directory says, in an order that no edit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    /// Name, password hash, addresses.
    users: Vec<(String, String, Vec<String>)>,
    /// Name and targets, these without doubles.
    aliases: Vec<(String, Vec<String>)>,
    rules: Vec<Rule>,
}

/// Makes the edit of this number, where the directory can be read.
///
/// # Panics
/// When the edit changes more or less than it is about, loses a comment or
/// another file's line ends, or is refused without need.
pub(in crate::config) fn check_edit(configuration: &Configuration, text: &str, how: u8) {
    let Ok(mut edit) = DirectoryEdit::of_text(configuration, text.to_string()) else {
        return;
    };
    if text.to_lowercase().contains(NEW_NAME) {
        return;
    }
    let before = Content::of(edit.directory());
    let mut expected = before.clone();
    let Some((result, what)) = make(&mut edit, &mut expected, how) else {
        return;
    };
    let edited = result.and_then(|()| edit.edited());
    let (edited, directory) = match edited {
        Ok(edited) => edited,
        Err(error) => {
            assert!(!what.always_works(), "refused: {error}");
            return;
        }
    };
    expected.sort();
    assert_eq!(
        Content::of(&directory),
        expected,
        "\n{text}\nbecame\n{edited}"
    );
    check_text(text, &edited, &what);
}

/// What an edit is about, as far as comments go.
#[derive(Debug, PartialEq, Eq)]
enum What {
    Password,
    Added,
    Renamed,
    Listed,
    /// The entry of this name, with its comments.
    Removed(String),
}

impl What {
    fn always_works(&self) -> bool {
        matches!(self, What::Password | What::Added)
    }
}

/// Makes one edit, and what is expected of it. None where nobody is there to
/// be edited.
fn make(
    edit: &mut DirectoryEdit<'_>,
    expected: &mut Content,
    how: u8,
) -> Option<(Result<(), EditError>, What)> {
    let number = usize::from(how >> 3);
    let user = expected.users.get(number % expected.users.len().max(1));
    let user = user.map(|(name, ..)| name.clone());
    let alias = expected.aliases.get(number % expected.aliases.len().max(1));
    let alias = alias.map(|(name, _)| name.clone());
    let new = NEW_NAME.to_string();
    Some(match how & 7 {
        0 => {
            let no_postmaster = expected.users.is_empty()
                && !expected
                    .aliases
                    .iter()
                    .any(|(name, _)| same_name(name, "postmaster"));
            if no_postmaster {
                expected
                    .aliases
                    .push(("postmaster".to_string(), vec![new.clone()]));
            }
            expected
                .users
                .push((new.clone(), NEW_HASH.to_string(), Vec::new()));
            (edit.add_user(&new, NEW_HASH).map(drop), What::Added)
        }
        1 => {
            let user = user?;
            expected.user(&user)?.1 = NEW_HASH.to_string();
            (edit.set_password(&user, NEW_HASH), What::Password)
        }
        2 => {
            let user = user?;
            expected.user(&user)?.0.clone_from(&new);
            expected.change_targets(|targets| {
                let named = targets.iter_mut().filter(|target| same_name(target, &user));
                named.for_each(|target| target.clone_from(&new));
            });
            (edit.rename_user(&user, &new).map(drop), What::Renamed)
        }
        3 => {
            let user = user?;
            expected.users.retain(|(name, ..)| *name != user);
            expected.change_targets(|targets| targets.retain(|target| !same_name(target, &user)));
            (edit.remove_user(&user).map(drop), What::Removed(user))
        }
        4 => {
            let user = user?;
            expected.aliases.push((new.clone(), vec![user.clone()]));
            (edit.set_alias(&new, &[user]), What::Added)
        }
        5 => {
            let (user, alias) = (user?, alias?);
            let mut aliases = expected.aliases.iter_mut();
            aliases.find(|(name, _)| *name == alias)?.1 = vec![user.clone()];
            (edit.set_alias(&alias, &[user]), What::Listed)
        }
        6 => {
            let alias = alias?;
            expected.aliases.retain(|(name, _)| *name != alias);
            (edit.remove_alias(&alias), What::Removed(alias))
        }
        _ => {
            let rule = Rule {
                header: "X-New".to_string(),
                test: RuleTest::Contains(new),
                to: vec![user?],
            };
            expected.rules.push(rule.clone());
            (edit.add_rule(&rule), What::Added)
        }
    })
}

impl Content {
    fn of(directory: &Directory) -> Content {
        let users = directory.users().iter().map(|user| {
            let addresses = user.addresses.iter().map(ToString::to_string).collect();
            (
                user.name.clone(),
                user.password.as_str().to_string(),
                addresses,
            )
        });
        let aliases = directory.aliases().iter();
        let aliases = aliases.map(|alias| (alias.name.clone(), alias.targets.clone()));
        let mut content = Content {
            users: users.collect(),
            aliases: aliases.collect(),
            rules: directory.rules().to_vec(),
        };
        content.sort();
        content
    }

    fn sort(&mut self) {
        self.users.sort();
        self.aliases.sort();
        for (_, targets) in &mut self.aliases {
            *targets = targets.iter().map(|target| target.to_lowercase()).collect();
            targets.sort();
            targets.dedup();
        }
    }

    fn user(&mut self, name: &str) -> Option<&mut (String, String, Vec<String>)> {
        self.users.iter_mut().find(|(user, ..)| user == name)
    }

    fn change_targets(&mut self, change: impl Fn(&mut Vec<String>)) {
        self.aliases
            .iter_mut()
            .for_each(|(_, targets)| change(targets));
        self.rules.iter_mut().for_each(|rule| change(&mut rule.to));
    }
}

/// Line ends, the byte order mark and the comments that are not about what went.
fn check_text(text: &str, edited: &str, what: &What) {
    assert_eq!(text.starts_with('\u{feff}'), edited.starts_with('\u{feff}'));
    let line_ends = text.matches('\n').count();
    if line_ends > 0 && text.matches("\r\n").count() == line_ends {
        assert_eq!(edited.matches("\r\n").count(), edited.matches('\n').count());
    }
    // In a text of several lines a sign of comments is none.
    if text.contains("\"\"\"") || text.contains("'''") {
        return;
    }
    for (number, line) in text.lines().enumerate() {
        let Some(comment) = line.rfind('#').and_then(|start| line.get(start..)) else {
            continue;
        };
        let must_stay = match what {
            What::Removed(name) => stands_above_another(text, number, name),
            What::Listed => line.trim_start().starts_with('#') && !is_in_list(text, number),
            What::Password | What::Added | What::Renamed => true,
        };
        let mut lines = edited.lines();
        let stays = lines.any(|it| it.trim_end().ends_with(comment.trim_end()));
        assert!(
            stays || !must_stay,
            "{what:?} lost {comment:?}:\n{text}\nbecame\n{edited}"
        );
    }
}

/// Whether this is a line of comment right above the header of a section in
/// which the name does not stand.
fn stands_above_another(text: &str, number: usize, name: &str) -> bool {
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let mut below = text.lines().skip(number).skip_while(is_comment);
    let is_first_comment = text
        .lines()
        .nth(number)
        .is_some_and(|line| is_comment(&line));
    let header = below.next().unwrap_or_default();
    let is_header = header.trim_start().starts_with('[');
    is_first_comment && is_header && !header.to_lowercase().contains(&name.to_lowercase())
}

/// Whether a list that is open here may have this line in it.
fn is_in_list(text: &str, number: usize) -> bool {
    let above = text.lines().take(number);
    above
        .into_iter()
        .any(|line| line.contains("= [") || line.contains("=["))
}
