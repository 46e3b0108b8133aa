//! A message that is too large stays at the provider; whom it is meant for gets a
//! short notice instead, once.

use openssl::sha::sha256;

use crate::journal::{self, Size};
use crate::mail::ReversePath;
use crate::mail::{
    Address, Domain, HeaderBlock, MessageDigest, Notice, Recipient, Summary, return_path,
};
use crate::route::multidrop::{CopyDigest, Mode, Target, decide};
use crate::route::{Directory, Route};
use crate::store::{
    EarlierCopies, FetchedKind, FetchedMark, FetchedMessage, MailboxName, Moment, NewEntry, Store,
    StoreError,
};

use super::UNCLAIMED;
use super::fetched::Origin;

/// A message that is not fetched.
#[derive(Debug)]
pub struct TooLarge<'a> {
    /// Its header block; none where the server shows none.
    pub headers: Option<&'a HeaderBlock>,
    /// Its size, by LIST or as far as it had come; none if nobody tells.
    pub octets: Option<u64>,
    /// The limit.
    pub max_message_size: u64,
}

impl TooLarge<'_> {
    /// By what it is known where it has no unique-id.
    pub fn digest(&self) -> [u8; 32] {
        match self.headers {
            Some(headers) => MessageDigest::begin(headers).finish(),
            None => sha256(format!("octets {:?}", self.octets).as_bytes()),
        }
    }

    /// The same where LIST does not say that it is too large. Under another limit
    /// it is to be looked at again.
    pub fn digest_beyond_list(&self) -> [u8; 32] {
        let limit = self.max_message_size.to_be_bytes();
        sha256(&[&self.digest()[..], &limit].concat())
    }

    /// Tells its addressee, or the postmaster where nobody knows whose it is, and
    /// commits that with what it is known by at the provider.
    ///
    /// # Errors
    /// Nothing is kept; the next poll tells.
    pub async fn tell(
        &self,
        store: &Store,
        origin: &Origin,
        directory: &Directory,
        mark: FetchedMark,
        now: Moment,
    ) -> Result<(), StoreError> {
        debug_assert_eq!(mark.kind, FetchedKind::Notice);
        let id = store.next_id(now.wall);
        let recipients = self.recipients(origin, directory);
        let domain = directory.domains().first().cloned();
        let to: Vec<Address> = match &domain {
            Some(domain) => recipients
                .iter()
                .filter_map(|(user, _)| of(user, domain))
                .collect(),
            None => Vec::new(),
        };
        let mut body = store.new_body();
        if let Some(domain) = &domain {
            let notice = Notice {
                id,
                hostname: &origin.routing.hostname,
                domain,
                to: &to,
                at: now.wall,
                subject: &self.subject(),
                text: &self.text(&origin.account),
            };
            body.write(&notice.to_octets()).await?;
        }
        let message = FetchedMessage {
            id,
            received_at: now.wall,
            source: SOURCE.to_string(),
            reverse_path: ReversePath::Null.to_string(),
            body: body.finish().await?,
        };
        let octets = message.body.octets();
        let entry = |(mailbox, why): (MailboxName, String)| NewEntry {
            mailbox,
            trace: return_path(&ReversePath::Null).into_bytes(),
            why,
        };
        let mailboxes = match recipients.is_empty() {
            true => vec![(MailboxName::Unclaimed, NOBODY.to_string())],
            false => recipients
                .into_iter()
                .map(|(user, why)| (MailboxName::User(user), why))
                .collect(),
        };
        let entries: Vec<NewEntry> = mailboxes.into_iter().map(entry).collect();
        // The provider may store a copy for each of them.
        let further = move |earlier: &EarlierCopies| {
            let mut entries = entries.clone();
            entries.retain(|entry| {
                let user = entry.mailbox.user();
                !user.is_some_and(|user| earlier.users.iter().any(|known| known == user))
            });
            Some(entries).filter(|entries| !entries.is_empty())
        };
        let delivery = store
            .deliver_fetched(message, mark, self.copy(origin), now, further)
            .await?;
        if delivery.entries.is_empty() {
            return Ok(());
        }
        journal::too_large(id, &origin.account, self.octets.unwrap_or(octets));
        for (mailbox, why) in &delivery.entries {
            journal::delivered(id, mailbox.user().unwrap_or(UNCLAIMED), why);
        }
        Ok(())
    }

    /// By what notices of its copies are known, where recipients are guessed.
    fn copy(&self, origin: &Origin) -> Option<[u8; 32]> {
        let headers = self
            .headers
            .filter(|_| origin.routing.mode == Mode::Guess)?;
        let copy = CopyDigest::begin(headers).finish();
        Some(sha256(&[&b"notice\n"[..], &copy].concat()))
    }

    /// Users, each with the reason.
    fn recipients(&self, origin: &Origin, directory: &Directory) -> Vec<(String, String)> {
        let decision = self
            .headers
            .map(|headers| decide(&origin.routing, directory, headers));
        let targets = decision.map_or(Vec::new(), |decision| decision.targets);
        if !targets.is_empty() {
            let told = |target: Target| {
                let why = format!("too large, stays at the provider; {}", target.why());
                (target.user, why)
            };
            return targets.into_iter().map(told).collect();
        }
        match directory.route(&Recipient::Postmaster, std::time::Duration::ZERO) {
            Route::Deliver(targets) => targets
                .into_iter()
                .map(|target| (target.user, NOBODY.to_string()))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn subject(&self) -> String {
        let summary = self.headers.map(|headers| Summary::of(headers.octets()));
        match summary.map(|summary| summary.subject) {
            Some(subject) if !subject.is_empty() => format!("Too large to fetch: {subject}"),
            _ => "Too large to fetch: a message at the provider".to_string(),
        }
    }

    fn text(&self, account: &str) -> String {
        let summary = self.headers.map(|headers| Summary::of(headers.octets()));
        let size = |octets: u64| Size(octets).to_string();
        let octets = self.octets.map_or("unknown".to_string(), size);
        let summary = summary.map_or(String::new(), |summary| {
            let Summary {
                from,
                to,
                subject,
                date,
            } = summary;
            format!("  From:    {from}\n  To:      {to}\n  Subject: {subject}\n  Date:    {date}\n")
        });
        format!(
            "A message was not fetched, because it is too large. It is not lost: it stays in the mailbox at\n\
             the provider (account \"{account}\").\n\n{summary}  Size:    {octets}; the limit is {}\n\n\
             To read it, use the provider's web page, or ask the person who looks after the mail here: when\n\
             max_message_size of the provider in postroom.toml is raised, the next poll fetches it.\n\
             You are told of this message once.\n",
            size(self.max_message_size)
        )
    }
}

/// The hub wrote it: it is not what was fetched.
const SOURCE: &str = "hub";
const NOBODY: &str =
    "too large, stays at the provider; its headers do not say whose it is, so postmaster is told";

fn of(user: &str, domain: &Domain) -> Option<Address> {
    Address::parse(&format!("{user}@{domain}")).ok()
}
