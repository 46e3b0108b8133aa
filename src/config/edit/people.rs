//! The first people of a directory, all at once, for `setup`.

use crate::config::init::Person;

use super::toml::{TomlFile, same_name};

/// The text of a directory without users, with these in it. One of them is
/// postmaster: that mail must go somewhere (RFC 5321 §4.5.1).
///
/// # Errors
/// What keeps the text from being edited.
pub(in crate::config) fn with_people(
    text: &str,
    people: &[Person],
    postmaster: Option<&str>,
) -> Result<String, String> {
    let mut file = TomlFile::parse(text)?;
    for person in people {
        file.add_user(&person.name, &person.password_hash)?;
        if !person.addresses.is_empty() {
            file.set_addresses(&person.name, &person.addresses);
        }
    }
    let first = people.first().map(|person| person.name.as_str());
    let has_mailbox = |name: &str| people.iter().any(|one| same_name(&one.name, name));
    if let Some(postmaster) = postmaster.or(first)
        && !has_mailbox("postmaster")
    {
        file.set_alias("postmaster", &[postmaster.to_string()])?;
    }
    Ok(file.to_text())
}
