//! Mail that the hub fetches from a provider: taken in like any other, but its
//! recipients are found in its own header block, and it is committed together
//! with the name that it has at the provider.

use std::sync::Arc;
use std::time::SystemTime;

use crate::journal;
use crate::mail::{
    Address, HEADER_OCTETS_MAX, HeaderBlock, MessageDigest, Peer, QueueId, Received, Recipient,
    Transmission, delivered_to,
};
use crate::route::Directory;
use crate::route::multidrop::{Account, CopyDigest, Decision, Earlier, Settled, decide};
use crate::store::{
    BodyWriter, EarlierCopies, FetchedDelivery, FetchedMark, FetchedMessage, MailboxName, Moment,
    NewEntry, Store, StoreError,
};

use super::UNCLAIMED;

/// Where fetched mail comes from. The same for all messages of a session.
#[derive(Debug)]
pub struct Origin {
    /// The account's name, for the log and for `why`.
    pub account: String,
    /// The provider's server.
    pub peer: Peer,
    /// Whether it came under TLS.
    pub is_secured: bool,
    /// Whose its mail is.
    pub routing: Account,
}

/// The header block of a message that is arriving, and the digests that begin
/// with it.
#[derive(Debug)]
enum Head {
    /// Not complete yet: what has come so far.
    Arriving(Vec<u8>),
    Read(HeaderBlock, Box<MessageDigest>, Box<CopyDigest>),
}

/// A fetched message whose content is arriving. Dropped before its end, it
/// leaves nothing behind.
#[derive(Debug)]
pub struct Fetched {
    store: Store,
    id: QueueId,
    body: BodyWriter,
    head: Head,
}

impl Fetched {
    /// A message begins to arrive.
    pub fn begin(store: &Store, now: SystemTime) -> Fetched {
        Fetched {
            id: store.next_id(now),
            body: store.new_body(),
            store: store.clone(),
            head: Head::Arriving(Vec::new()),
        }
    }

    /// Octets taken in so far.
    pub fn octets(&self) -> u64 {
        self.body.octets()
    }

    /// Adds content.
    ///
    /// # Errors
    /// The disk does not take it; the message cannot be kept.
    pub async fn write(&mut self, content: &[u8]) -> Result<(), StoreError> {
        self.head.take(content);
        self.body.write(content).await
    }

    /// All of it is there.
    pub fn complete(self) -> Complete {
        let (headers, message, copy) = self.head.into_read();
        Complete {
            store: self.store,
            id: self.id,
            body: self.body,
            headers,
            digest: message.finish(),
            copy: copy.finish(),
        }
    }

    /// The header block as far as it has come, where the rest is not wanted.
    pub fn into_headers(self) -> HeaderBlock {
        self.head.into_read().0
    }
}

impl Head {
    fn take(&mut self, content: &[u8]) {
        match self {
            Head::Arriving(octets) => {
                // An empty line may be cut anywhere.
                let seen = octets.len().saturating_sub(3);
                octets.extend_from_slice(content);
                let is_whole = octets.len() >= HEADER_OCTETS_MAX
                    || octets.get(seen..).is_some_and(has_empty_line)
                    || octets.starts_with(b"\r\n");
                if is_whole {
                    *self = Head::read(octets);
                }
            }
            Head::Read(_, message, copy) => {
                message.update(content);
                copy.update(content);
            }
        }
    }

    fn read(octets: &[u8]) -> Head {
        let (headers, message, copy) = read(octets);
        Head::Read(headers, message, copy)
    }

    fn into_read(self) -> (HeaderBlock, Box<MessageDigest>, Box<CopyDigest>) {
        match self {
            Head::Arriving(octets) => read(&octets),
            Head::Read(headers, message, copy) => (headers, message, copy),
        }
    }
}

fn read(octets: &[u8]) -> (HeaderBlock, Box<MessageDigest>, Box<CopyDigest>) {
    let headers = HeaderBlock::read(octets);
    let mut message = Box::new(MessageDigest::begin(&headers));
    let mut copy = Box::new(CopyDigest::begin(&headers));
    let rest = octets.get(headers.octets().len()..).unwrap_or_default();
    message.update(rest);
    copy.update(rest);
    (headers, message, copy)
}

/// Line ends are CRLF: the session has mended all others.
fn has_empty_line(octets: &[u8]) -> bool {
    memchr::memmem::find(octets, b"\n\r\n").is_some()
}

/// A fetched message that has arrived whole.
#[derive(Debug)]
pub struct Complete {
    store: Store,
    id: QueueId,
    body: BodyWriter,
    headers: HeaderBlock,
    digest: [u8; 32],
    copy: [u8; 32],
}

impl Complete {
    /// By what it is known where its unique-id cannot be trusted.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Octets as they came.
    pub fn octets(&self) -> u64 {
        self.body.octets()
    }

    /// Decides whose it is, and commits it together with `mark`. Whom a guess
    /// leads to is settled with the earlier copies within that commit.
    ///
    /// # Errors
    /// Nothing is kept; it must be fetched again.
    pub async fn deliver(
        self,
        origin: &Arc<Origin>,
        directory: &Directory,
        mark: FetchedMark,
        now: Moment,
    ) -> Result<FetchedDelivery, StoreError> {
        let octets = self.octets();
        let decision = decide(&origin.routing, directory, &self.headers);
        let message = FetchedMessage {
            id: self.id,
            received_at: now.wall,
            source: format!("fetch {}", origin.account),
            reverse_path: reverse_path(&self.headers),
            body: self.body.finish().await?,
        };
        let copy = decision.is_guess.then_some(self.copy);
        let (id, settling) = (self.id, Arc::clone(origin));
        let entries = move |earlier: &EarlierCopies| {
            let earlier = Earlier {
                copies: earlier.copies,
                users: earlier.users.clone(),
            };
            match decision.clone().settle(settling.routing.copies, &earlier) {
                Settled::Deliver(decision) => Some(entries(id, &settling, &decision, now.wall)),
                Settled::Duplicate => None,
            }
        };
        let delivery = self
            .store
            .deliver_fetched(message, mark, copy, now, entries)
            .await?;
        let original = delivery.receipt.queue_id();
        if delivery.entries.is_empty() {
            journal::duplicate(&origin.account, octets, original);
        } else {
            journal::fetched(id, &origin.account, origin.peer.address, octets);
        }
        for (mailbox, why) in &delivery.entries {
            let mailbox = mailbox.user().unwrap_or(UNCLAIMED);
            journal::delivered(id, mailbox, first_line(why));
        }
        Ok(delivery)
    }
}

/// One entry for each user, and one for the tray if the message is unclaimed.
fn entries(id: QueueId, origin: &Origin, decision: &Decision, at: SystemTime) -> Vec<NewEntry> {
    let addresses_of = |target: &crate::route::multidrop::Target| {
        let mut addresses: Vec<Address> = Vec::new();
        for address in target.reasons.iter().filter_map(|one| one.address.as_ref()) {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        addresses
    };
    let mut all: Vec<Address> = decision.targets.iter().flat_map(addresses_of).collect();
    all.sort_by_key(Address::to_string);
    all.dedup();
    let only_recipient = match (all.as_slice(), &decision.unclaimed) {
        ([only], None) => Some(Recipient::Address(only.clone())),
        _ => None,
    };
    let received = Received {
        peer: &origin.peer,
        hostname: &origin.routing.hostname,
        with: &Transmission::Pop3 {
            is_secured: origin.is_secured,
        },
        id,
        only_recipient: only_recipient.as_ref(),
        at,
    }
    .to_string();
    let claimed = decision.targets.iter().map(|target| {
        let addresses = addresses_of(target).into_iter();
        let mut trace: String = addresses
            .map(|address| delivered_to(&Recipient::Address(address)))
            .collect();
        trace.push_str(&received);
        NewEntry {
            mailbox: MailboxName::User(target.user.clone()),
            trace: trace.into_bytes(),
            why: target.why(),
        }
    });
    let unclaimed = decision.unclaimed.iter().map(|evidence| NewEntry {
        mailbox: MailboxName::Unclaimed,
        trace: received.clone().into_bytes(),
        why: evidence.to_string(),
    });
    claimed.chain(unclaimed).collect()
}

/// What the provider's Return-Path says; empty without one.
fn reverse_path(headers: &HeaderBlock) -> String {
    let mut fields = headers.fields().iter();
    let written = fields.find(|field| field.is("Return-Path"));
    written.map_or(String::new(), |field| field.text().to_string())
}

/// Evidence has several lines; the log has one for each entry.
fn first_line(why: &str) -> &str {
    why.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::multidrop::{Evidence, Reason, Source, Target};
    use std::time::UNIX_EPOCH;

    fn origin() -> Origin {
        Origin {
            account: "main".to_string(),
            peer: Peer {
                address: "192.0.2.1".parse().unwrap(),
                helo: "pop.provider.example".to_string(),
            },
            is_secured: true,
            routing: Account {
                hostname: "post.example.com".to_string(),
                mode: crate::route::multidrop::Mode::Guess,
                trusted_hosts: crate::route::multidrop::TrustedHosts::of_provider("x.example"),
                copies: crate::route::multidrop::Copies::PerRecipient,
            },
        }
    }

    fn target(user: &str, address: &str) -> Target {
        Target {
            user: user.to_string(),
            reasons: vec![Reason {
                source: Source::Envelope,
                line: None,
                address: Some(Address::parse(address).unwrap()),
                way: format!("user {user}"),
            }],
        }
    }

    fn traces(decision: &Decision) -> Vec<(Option<String>, String)> {
        entries(QueueId::from_u64(1), &origin(), decision, UNIX_EPOCH)
            .into_iter()
            .map(|entry| {
                let user = entry.mailbox.user().map(str::to_string);
                (user, String::from_utf8(entry.trace).unwrap())
            })
            .collect()
    }

    #[test]
    fn the_trace_of_fetched_mail_names_no_return_path_and_each_user_only_himself() {
        let decision = Decision {
            targets: vec![
                target("anna", "anna@example.com"),
                target("bob", "bob@example.com"),
            ],
            ..Decision::default()
        };
        let traces = traces(&decision);
        assert_eq!(traces.len(), 2);
        for (user, trace) in traces {
            let user = user.unwrap();
            assert!(trace.starts_with(&format!(
                "Delivered-To: {user}@example.com\r\nReceived: from pop.provider.example \
                 ([192.0.2.1])\r\n\tby post.example.com with POP3 (TLS)\r\n\tid 0000000000001;\r\n"
            )));
            assert_eq!(trace.matches('@').count(), 1, "{trace}");
        }
    }

    #[test]
    fn a_single_recipient_stands_in_the_received_line() {
        let mut decision = Decision {
            targets: vec![target("anna", "info@example.com")],
            ..Decision::default()
        };
        assert!(traces(&decision)[0].1.contains(" for <info@example.com>;"));
        decision.unclaimed = Some(Evidence {
            why: "x".to_string(),
            considered: Vec::new(),
        });
        let traces = traces(&decision);
        assert_eq!(traces[1].0, None);
        assert!(traces.iter().all(|(_, trace)| !trace.contains(" for ")));
    }

    #[test]
    fn the_end_of_the_header_block_is_found_however_it_is_cut() {
        for message in [
            "A: b\r\nC: d\r\n\r\nbody\r\n",
            "\r\nbody\r\n",
            "A: b\r\n",
            "no header at all",
            "",
        ] {
            let whole = HeaderBlock::read(message.as_bytes());
            let digest = |step: usize| {
                let mut head = Head::Arriving(Vec::new());
                message.as_bytes().chunks(step).for_each(|it| head.take(it));
                let (headers, message, _) = head.into_read();
                assert_eq!(headers, whole, "{step}");
                message.finish()
            };
            let expected = digest(message.len().max(1));
            for step in 1..7 {
                assert_eq!(digest(step), expected, "{message:?} {step}");
            }
        }
    }
}
