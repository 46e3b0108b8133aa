//! The one door between intake and store.
//!
//! Intake hands over content while it arrives. At its end SMTP tells the
//! envelope with the routes of its recipients ([`Incoming`]); of a message that
//! was fetched from a provider, `route::multidrop` finds them in its header
//! block ([`Fetched`]). This room puts the trace lines in front, merges what
//! leads to the same mailbox, and gives back the store's [`Receipt`]: without
//! one nobody may say `250`, or DELE to a provider. It decides nothing itself.

mod fetched;
mod too_large;

pub use fetched::{Complete, Fetched, Origin};
pub use too_large::TooLarge;

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::journal;
use crate::mail::{
    Peer, QueueId, Received, Recipient, ReversePath, Transmission, delivered_to, return_path,
};
use crate::route::{Refusal, Route, Target};
use crate::store::{BodyWriter, MailboxName, NewEntry, NewMessage, Receipt, Store, StoreError};

/// The tray's name in the log.
const UNCLAIMED: &str = "(unclaimed)";

/// Of a recipient, and of each mailbox that it leads to, beside their texts: two
/// or three pieces of memory, and their places in lists that double as they grow.
const OVERHEAD_OCTETS: usize = 128;

/// Where one accepted recipient leads. Decided once, when the recipient is
/// named, so that a change of the directory meanwhile loses nobody.
#[derive(Debug, Clone)]
pub struct Destination {
    recipient: Recipient,
    mailboxes: Vec<(MailboxName, String)>,
}

impl Destination {
    /// The mailboxes of a route.
    ///
    /// # Errors
    /// The route's refusal.
    pub fn of(recipient: Recipient, route: Route) -> Result<Destination, Refusal> {
        let mailboxes = match route {
            Route::Deliver(targets) => targets
                .into_iter()
                .map(|Target { user, why }| (MailboxName::User(user), why))
                .collect(),
            Route::Unclaimed { why } => vec![(MailboxName::Unclaimed, why)],
            Route::Refused(refusal) => return Err(refusal),
        };
        Ok(Destination {
            recipient,
            mailboxes,
        })
    }

    /// What it takes of the memory until the message is committed: here, once
    /// more in the envelope, and in the trace lines of each mailbox.
    pub fn octets(&self) -> usize {
        let recipient = match &self.recipient {
            Recipient::Postmaster => 0,
            Recipient::Address(address) => address.to_string().len(),
        };
        let mailboxes = self.mailboxes.iter().map(|(mailbox, why)| {
            let name = mailbox.user().map_or(0, str::len);
            name + why.len() + recipient + OVERHEAD_OCTETS
        });
        2 * (recipient + OVERHEAD_OCTETS) + mailboxes.sum::<usize>()
    }
}

/// How a message came, and to whom it goes.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// The way in, as the log names it: `smtp`.
    pub source: &'static str,
    /// This hub's name, for the Received line.
    pub hostname: &'a str,
    /// Who handed it over.
    pub peer: Peer,
    /// By which protocol.
    pub with: Transmission,
    /// Where reports about it would go.
    pub reverse_path: &'a ReversePath,
    /// One for each accepted recipient.
    pub destinations: &'a [Destination],
    /// When it came.
    pub at: SystemTime,
}

/// A message whose content is arriving. Dropped before its end, it leaves
/// nothing behind.
#[derive(Debug)]
pub struct Incoming {
    store: Store,
    id: QueueId,
    body: BodyWriter,
    octets: u64,
}

impl Incoming {
    /// A message begins to arrive.
    pub fn begin(store: &Store, now: SystemTime) -> Incoming {
        Incoming {
            id: store.next_id(now),
            body: store.new_body(),
            store: store.clone(),
            octets: 0,
        }
    }

    /// Adds content.
    ///
    /// # Errors
    /// The disk does not take it; the message cannot be kept.
    pub async fn write(&mut self, content: &[u8]) -> Result<(), StoreError> {
        self.octets += content.len() as u64;
        self.body.write(content).await
    }

    /// What has come so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Commits the message with an entry for each mailbox that it leads to.
    ///
    /// # Errors
    /// Nothing is kept; the sender must come again.
    pub async fn deliver(self, arrival: Arrival<'_>) -> Result<Receipt, StoreError> {
        let entries = entries(self.id, &arrival);
        let mailboxes: Vec<_> = entries
            .iter()
            .map(|entry| (entry.mailbox.clone(), entry.why.clone()))
            .collect();
        let message = NewMessage {
            id: self.id,
            received_at: arrival.at,
            source: arrival.source.to_string(),
            reverse_path: arrival.reverse_path.to_string(),
            body: self.body.finish().await?,
            entries,
        };
        let receipt = self.store.deliver(message).await?;
        journal::received(
            self.id,
            arrival.peer.address,
            arrival.reverse_path,
            self.octets,
        );
        for (mailbox, why) in mailboxes {
            match mailbox.user() {
                Some(user) if receipt.without_mailbox().iter().any(|gone| gone == user) => {
                    let why = format!("{user} was removed or renamed meanwhile ({why})");
                    journal::delivered(self.id, UNCLAIMED, &why);
                }
                user => journal::delivered(self.id, user.unwrap_or(UNCLAIMED), &why),
            }
        }
        Ok(receipt)
    }
}

/// One entry for each mailbox, however many recipients lead to it.
fn entries(id: QueueId, arrival: &Arrival<'_>) -> Vec<NewEntry> {
    let mut by_mailbox: BTreeMap<&MailboxName, (Vec<&Recipient>, Vec<&str>)> = BTreeMap::new();
    for destination in arrival.destinations {
        for (mailbox, why) in &destination.mailboxes {
            let (recipients, reasons) = by_mailbox.entry(mailbox).or_default();
            if !recipients.contains(&&destination.recipient) {
                recipients.push(&destination.recipient);
            }
            if !reasons.contains(&why.as_str()) {
                reasons.push(why);
            }
        }
    }
    let only_recipient = match arrival.destinations {
        [only] => Some(&only.recipient),
        _ => None,
    };
    let received = Received {
        peer: &arrival.peer,
        hostname: arrival.hostname,
        with: &arrival.with,
        id,
        only_recipient,
        at: arrival.at,
    }
    .to_string();
    let entry = |(mailbox, (recipients, reasons)): (&MailboxName, (Vec<&Recipient>, Vec<&str>))| {
        let mut trace = return_path(arrival.reverse_path);
        recipients
            .iter()
            .for_each(|recipient| trace.push_str(&delivered_to(recipient)));
        trace.push_str(&received);
        NewEntry {
            mailbox: mailbox.clone(),
            trace: trace.into_bytes(),
            why: reasons.join("; "),
        }
    };
    by_mailbox.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Address;
    use std::time::UNIX_EPOCH;

    fn destination(address: &str, targets: &[(&str, &str)]) -> Destination {
        let targets = targets.iter().map(|(user, why)| Target {
            user: user.to_string(),
            why: why.to_string(),
        });
        let recipient = Recipient::Address(Address::parse(address).unwrap());
        Destination::of(recipient, Route::Deliver(targets.collect())).unwrap()
    }

    fn entries_of(destinations: &[Destination]) -> Vec<(String, String, String)> {
        let arrival = Arrival {
            source: "smtp",
            hostname: "post.example.com",
            peer: Peer {
                address: "192.0.2.1".parse().unwrap(),
                helo: "mx".to_string(),
            },
            with: Transmission::Smtp {
                extended: true,
                utf8: false,
                tls: None,
            },
            reverse_path: &ReversePath::Null,
            destinations,
            at: UNIX_EPOCH,
        };
        let entries = entries(QueueId::from_u64(1), &arrival)
            .into_iter()
            .map(|entry| {
                let user = entry.mailbox.user().unwrap().to_string();
                (user, entry.why, String::from_utf8(entry.trace).unwrap())
            });
        entries.collect()
    }

    #[test]
    fn a_mailbox_reached_twice_gets_one_entry_with_both_addresses_and_reasons() {
        let entries = entries_of(&[
            destination(
                "sales@example.com",
                &[("anna", "alias sales"), ("bob", "alias sales")],
            ),
            destination("anna@example.com", &[("anna", "user anna")]),
        ]);
        let [(anna, why, trace), (bob, bobs_why, bobs_trace)] = entries.as_slice() else {
            panic!("{entries:?}");
        };
        assert_eq!(
            (anna.as_str(), why.as_str()),
            ("anna", "alias sales; user anna")
        );
        assert!(trace.starts_with(
            "Return-Path: <>\r\nDelivered-To: sales@example.com\r\n\
             Delivered-To: anna@example.com\r\nReceived: from mx ([192.0.2.1])\r\n"
        ));
        assert_eq!((bob.as_str(), bobs_why.as_str()), ("bob", "alias sales"));
        assert_eq!(bobs_trace.matches("Delivered-To").count(), 1);
    }

    #[test]
    fn a_second_recipient_is_told_to_nobody() {
        let anna = destination("anna@example.com", &[("anna", "user anna")]);
        let bob = destination("bob@example.com", &[("bob", "user bob")]);
        let alone = entries_of(std::slice::from_ref(&anna));
        assert!(alone[0].2.contains(" for <anna@example.com>;"));
        for (_, _, trace) in entries_of(&[anna, bob]) {
            assert!(!trace.contains(" for "), "{trace}");
        }
    }
}
