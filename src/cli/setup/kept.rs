//! Mail that an earlier hub has left in the data folder, as after the package was removed
//! and installed again. Whoever has a name gets what lies there under it, so that a person
//! says first who that is (promise 9).

use super::asker::{Answer, Asker, Stop};
use crate::cli::ask::do_it_with;
use crate::cli::output::{Table, say, size};
use crate::config::Configuration;
use crate::config::init::Person;
use crate::control::Request;
use crate::hub::fingerprint;
use crate::store::{self, Held, Live, MailboxSummary, Root};

/// The mailboxes that people of the new office get, with their names there and here.
#[derive(Debug, Default)]
pub struct Kept(Vec<(String, Person)>);

impl Kept {
    /// Looks into the data folder to be used, without making anything, and asks where
    /// mail of these people's names lies in it.
    pub fn ask(
        asker: Asker,
        configuration: &Configuration,
        people: &[Person],
        agreed: Agreed,
    ) -> Result<Kept, Stop> {
        let folder = &configuration.data_dir;
        let mailboxes = mailboxes_in(configuration)
            .map_err(|why| Stop::Failed(format!("nothing is written: {why}")))?;
        let kept = Kept(mailboxes.iter().filter_map(|it| met(it, people)).collect());
        if mailboxes.is_empty() {
            return Ok(kept);
        }
        say!("\n{} holds mail of an earlier hub:\n", folder.display());
        show(&mailboxes);
        let names: Vec<&str> = kept.0.iter().map(|(_, it)| it.name.as_str()).collect();
        if names.is_empty() {
            say!("It waits there; nobody here has one of these names.");
            return Ok(kept);
        }
        let names = names.join(", ");
        let question = format!("Same persons as before ({names}), so that they get this mail?");
        if agreed == Agreed::ByFlag || asker.is_yes(&question, Answer::No)? {
            return Ok(kept);
        }
        let folder = folder.display();
        Err(Stop::Failed(format!(
            "nothing is written: mail waits in {folder} under the names {names}, and whoever has such a name would get it. \
             They are the same persons: --keep-mail gives it to them. They are not: move the folder away first (mv \
             {folder} {folder}.before). Where a backup has the settings, too, postroom restore brings them back in \
             place of setup"
        )))
    }

    /// Gives it to them, once the settings are written and before a hub sees the names:
    /// it would take whoever was gone for somebody else.
    pub fn give(&self, configuration: &Configuration) -> Result<(), Stop> {
        for (old, person) in &self.0 {
            let request = Request::UserReturns {
                old: old.clone(),
                new: person.name.clone(),
                fingerprint: fingerprint(&person.password_hash),
            };
            do_it_with(configuration, request)?;
        }
        Ok(())
    }
}

/// Whether the people of the old names are the people of the new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreed {
    /// `--keep-mail` says so.
    ByFlag,
    /// Nobody has said so yet.
    NotYet,
}

/// Those that are somebody's, or wait for somebody, and hold mail.
fn mailboxes_in(configuration: &Configuration) -> Result<Vec<MailboxSummary>, store::OpenError> {
    let folder = &configuration.data_dir;
    // The folder may be root's until it is given to the hub's user.
    if store::look(folder, Root::MayOwn)? == Held::Nothing {
        return Ok(Vec::new());
    }
    let mut mailboxes = Live::open(folder)?.mailboxes()?;
    mailboxes.retain(|it| {
        it.user.is_some() && it.sealed_at.is_none() && it.messages + it.collected_messages > 0
    });
    Ok(mailboxes)
}

/// The name of the mailbox, and who here has it, in whatever case.
fn met(mailbox: &MailboxSummary, people: &[Person]) -> Option<(String, Person)> {
    let old = mailbox.user.as_ref()?;
    let folded = old.to_lowercase();
    let mut people = people.iter();
    let person = people.find(|person| person.name.to_lowercase() == folded)?;
    Some((old.clone(), person.clone()))
}

fn show(mailboxes: &[MailboxSummary]) {
    let mut table = Table::new(&["MAILBOX", "WAITING", "SIZE", "COLLECTED", "SIZE"]);
    for mailbox in mailboxes {
        table.row(vec![
            mailbox.user.clone().unwrap_or_default(),
            mailbox.messages.to_string(),
            size(mailbox.octets),
            mailbox.collected_messages.to_string(),
            size(mailbox.collected_octets),
        ]);
    }
    table.print();
}
