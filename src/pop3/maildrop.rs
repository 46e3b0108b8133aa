//! The maildrop of one session: message-numbers, sizes, unique-ids, deletion
//! marks.

use thiserror::Error;

/// Octets of a unique-id (RFC 1939 §7, UIDL).
const UNIQUE_ID_OCTETS_MAX: usize = 70;

/// A unique-id that UIDL cannot show: not 1 to 70 octets of 0x21 to 0x7E.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a unique-id has 1 to 70 visible ASCII characters")]
pub struct InvalidUniqueId;

/// The scan listing: size and unique-id of each message, in the order of their
/// numbers.
///
/// Compact, because a maildrop may hold tens of thousands of messages: 24
/// octets each beside the characters of its unique-id, in two allocations.
#[derive(Debug, Default)]
pub struct ScanListing {
    scans: Vec<Scan>,
    /// All unique-ids, one behind the other.
    unique_ids: String,
}

#[derive(Debug)]
struct Scan {
    octets: u64,
    /// Where its unique-id ends; it begins where the one before ends.
    unique_id_end: usize,
    deleted: bool,
}

impl ScanListing {
    /// A listing without messages, and room for `messages`.
    pub fn with_capacity(messages: usize) -> ScanListing {
        ScanListing {
            scans: Vec::with_capacity(messages),
            unique_ids: String::new(),
        }
    }

    /// Adds the next message. `octets` is exactly what RETR sends, without the
    /// stuffing and the final dot.
    ///
    /// # Errors
    /// The unique-id cannot be shown; nothing is added.
    pub fn push(&mut self, octets: u64, unique_id: &str) -> Result<(), InvalidUniqueId> {
        let visible = unique_id.bytes().all(|octet| octet.is_ascii_graphic());
        if !visible || !(1..=UNIQUE_ID_OCTETS_MAX).contains(&unique_id.len()) {
            return Err(InvalidUniqueId);
        }
        self.unique_ids.push_str(unique_id);
        self.scans.push(Scan {
            octets,
            unique_id_end: self.unique_ids.len(),
            deleted: false,
        });
        Ok(())
    }

    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.scans.len()
    }

    /// Whether it has no message.
    pub fn is_empty(&self) -> bool {
        self.scans.is_empty()
    }

    fn unique_id(&self, index: usize) -> &str {
        let end = |index: usize| self.scans.get(index).map_or(0, |scan| scan.unique_id_end);
        let start = index.checked_sub(1).map_or(0, end);
        self.unique_ids.get(start..end(index)).unwrap_or_default()
    }
}

/// Why a message-number names no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NoMessage {
    #[error("no such message")]
    Unknown,
    #[error("this message is marked as deleted")]
    Deleted,
}

/// A message that is there and not marked as deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// Position in the listing; the message-number is one more.
    pub(super) index: usize,
    pub(super) octets: u64,
    pub(super) unique_id: &'a str,
}

impl Message<'_> {
    pub(super) fn number(&self) -> usize {
        self.index + 1
    }
}

/// A mailbox as this session sees it: numbered at log-in and frozen.
#[derive(Debug)]
pub(super) struct Maildrop {
    /// Messages that are not marked as deleted, and their octets. Known from
    /// log-in on, so that STAT needs no listing: most polls find nothing.
    messages: u64,
    octets: u64,
    listing: Option<ScanListing>,
}

impl Maildrop {
    pub(super) fn new(messages: u64, octets: u64) -> Maildrop {
        Maildrop {
            messages,
            octets,
            // Nothing to ask for.
            listing: (messages == 0).then(ScanListing::default),
        }
    }

    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listing.is_some()
    }

    /// From here on the listing counts, should it disagree with the totals of
    /// log-in.
    pub(super) fn list(&mut self, listing: ScanListing) {
        self.listing = Some(listing);
        self.count();
    }

    /// The message of this number (RFC 1939 §5: from 1).
    pub(super) fn find(&self, number: u64) -> Result<Message<'_>, NoMessage> {
        let index = number.checked_sub(1).ok_or(NoMessage::Unknown)?;
        let index = usize::try_from(index).map_err(|_| NoMessage::Unknown)?;
        let scan = self.scans().get(index).ok_or(NoMessage::Unknown)?;
        if scan.deleted {
            return Err(NoMessage::Deleted);
        }
        Ok(self.message(index, scan))
    }

    /// The first message at `index` or behind it.
    pub(super) fn first_from(&self, index: usize) -> Option<Message<'_>> {
        let mut behind = self.scans().iter().enumerate().skip(index);
        let (index, scan) = behind.find(|(_, scan)| !scan.deleted)?;
        Some(self.message(index, scan))
    }

    /// Marks a message as deleted; its number is not given to another.
    pub(super) fn delete(&mut self, number: u64) -> Result<(), NoMessage> {
        let Message { index, octets, .. } = self.find(number)?;
        let listing = self.listing.as_mut();
        if let Some(scan) = listing.and_then(|listing| listing.scans.get_mut(index)) {
            scan.deleted = true;
            self.messages -= 1;
            self.octets -= octets;
        }
        Ok(())
    }

    /// Takes all deletion marks away.
    pub(super) fn reset(&mut self) {
        if let Some(listing) = &mut self.listing {
            for scan in &mut listing.scans {
                scan.deleted = false;
            }
            self.count();
        }
    }

    /// The positions that are marked as deleted.
    pub(super) fn deleted(&self) -> Vec<usize> {
        let all = self.scans().iter().enumerate();
        all.filter(|(_, scan)| scan.deleted)
            .map(|(index, _)| index)
            .collect()
    }

    fn scans(&self) -> &[Scan] {
        self.listing.as_ref().map_or(&[], |listing| &listing.scans)
    }

    fn message(&self, index: usize, scan: &Scan) -> Message<'_> {
        let unique_id = self.listing.as_ref().map(|all| all.unique_id(index));
        Message {
            index,
            octets: scan.octets,
            unique_id: unique_id.unwrap_or_default(),
        }
    }

    fn count(&mut self) {
        let left = || self.scans().iter().filter(|scan| !scan.deleted);
        let messages = left().count() as u64;
        let octets = left().map(|scan| scan.octets).fold(0, u64::saturating_add);
        self.messages = messages;
        self.octets = octets;
    }
}
