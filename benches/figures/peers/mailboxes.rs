//! Mailboxes of three sizes, the same in Dovecot's Maildirs and in our store,
//! and the servers on them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::filling::{SMALL, fill_each};
use crate::office::{Hub, Office};
use crate::pop3::{Door, poll_at};
use crate::process::Process;
use crate::provider::give;
use crate::tls::Client;
use crate::{Outcome, Plan};

use super::dovecot::{Form, Maildir, Server};
use super::rates::CLIENTS;

/// Kinds of users: nearly empty mailboxes, usual ones, large ones.
pub const TINY: &str = "tiny";
pub const USUAL: &str = "usual";
pub const LARGE: &str = "large";
/// Messages in the smaller two.
pub const TINY_MESSAGES: usize = 10;
pub const USUAL_MESSAGES: usize = 1_000;

/// All servers, running; what does not work costs nothing.
pub struct Mailboxes {
    pub default: Server,
    pub tuned: Server,
    pub hub: Hub,
    /// Last, so that the servers end first. Both sides' mail lies here: not below
    /// the target folder, which may be closed to Dovecot's users.
    _folder: tempfile::TempDir,
}

impl Mailboxes {
    /// Fills and starts.
    pub fn make(plan: &Plan) -> Outcome<Mailboxes> {
        let folder = tempfile::Builder::new().prefix("mailboxes-").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let kinds = [
            (TINY, TINY_MESSAGES),
            (USUAL, USUAL_MESSAGES),
            (LARGE, plan.large_mailbox),
        ];
        let users = kinds.map(|(kind, _)| (kind, CLIENTS));
        let office = Office::make_for(&folder.path().join("office"), &users)?;
        // A first start makes the mailboxes of the directory.
        office.start()?.stop()?;
        let mail = folder.path().join("mail");
        for (kind, messages) in kinds {
            let all = (0..messages).flat_map(|_| names(kind));
            fill_each(&office, SMALL, all)?;
            for user in names(kind) {
                fill_maildir(&mail, &user, messages)?;
            }
        }
        let mailboxes = Mailboxes {
            default: Server::start(Form::Default, &mail, &office.tls())?,
            tuned: Server::start(Form::Tuned, &mail, &office.tls())?,
            hub: office.start()?,
            _folder: folder,
        };
        mailboxes.warm()?;
        Ok(mailboxes)
    }

    /// Dovecot's index of a mailbox is made by its first session, and our first
    /// log-in of a user costs a password hash: neither is what a poll costs.
    fn warm(&self) -> Outcome<()> {
        for user in [TINY, USUAL, LARGE].iter().flat_map(|kind| names(kind)) {
            for door in [&self.tuned.pop3, &self.pop3()?] {
                poll_at(door, &user)?;
            }
        }
        Ok(())
    }

    /// Our POP3 without TLS.
    pub fn pop3(&self) -> Outcome<Door> {
        Ok(Door::plain(self.hub.address("pop3")?))
    }

    /// Our POP3 with TLS.
    pub fn pop3s(&self, client: &Client) -> Outcome<Door> {
        Ok(Door::tls(self.hub.address("pop3s")?, client.clone()))
    }

    /// Ours.
    pub fn process(&self) -> Process {
        self.hub.process()
    }
}

/// The users of a kind, one for each client.
pub fn names(kind: &str) -> Vec<String> {
    let name = |number| format!("{kind}{number}");
    (1..=CLIENTS).map(name).collect()
}

fn fill_maildir(mail: &std::path::Path, user: &str, messages: usize) -> Outcome<()> {
    let mut maildir = Maildir::make(mail, user)?;
    // One for each, as ext4 lets a file have no more than 65,000 links.
    let original = mail.join(format!("{user}.message"));
    let content = String::from_utf8_lossy(SMALL).replace("\r\n", "\n");
    fs::write(&original, content)?;
    give(&original)?;
    maildir.link(&original, messages)
}
