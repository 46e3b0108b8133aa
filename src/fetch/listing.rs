//! What a mailbox holds, as UIDL and LIST tell it.

use super::limits::{LISTING_MESSAGES_MAX, UNIQUE_IDS_OCTETS_MAX};

/// Octets of a unique-id that are kept. RFC 1939 §7 allows 70; a longer one is
/// taken, but beyond this the message counts as one without.
const UNIQUE_ID_OCTETS_MAX: usize = 255;

/// A message of the listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan<'a> {
    /// Its message-number, good for this session.
    pub number: u32,
    /// Its size in LIST: an estimate, which some servers get wrong. `None` if
    /// LIST does not name the message. No more than 4 GiB is told.
    pub octets: Option<u64>,
    /// Its unique-id, as the server wrote it: 1 to 255 octets without CR or LF.
    /// `None` if there is none that names this message alone; only its octets
    /// tell then whether it is known.
    pub unique_id: Option<&'a [u8]>,
}

/// The messages of a mailbox, in the order of their numbers, each number once.
///
/// Compact, because a mailbox may hold a million: 16 octets each beside the
/// unique-ids.
#[derive(Debug, Default)]
pub struct Listing {
    entries: Vec<Entry>,
    /// Unique-ids, one behind the other.
    unique_ids: Vec<u8>,
    unique_ids_offered: bool,
    /// The first so many are sorted: those that UIDL has named.
    named: usize,
    faults: Faults,
}

/// What was wrong with the answers to UIDL and LIST. None of it stops a poll.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Lines that are no scan listing.
    pub unreadable_lines: usize,
    /// Messages that are not in the listing, for it was full: they stay at the
    /// provider, and what is known of them must not be forgotten.
    pub omitted: usize,
    /// Messages that shared a unique-id with another one.
    pub repeated_unique_ids: usize,
    /// Further lines about a number that UIDL had named already.
    pub repeated_numbers: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    number: u32,
    /// [`OCTETS_UNKNOWN`] for none.
    octets: u32,
    unique_id_start: u32,
    /// 0 for none.
    unique_id_octets: u8,
}

const OCTETS_UNKNOWN: u32 = u32::MAX;

impl Listing {
    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no message.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether UIDL was answered.
    pub fn has_unique_ids(&self) -> bool {
        self.unique_ids_offered
    }

    /// What was wrong with it.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// Its messages.
    pub fn scans(&self) -> impl Iterator<Item = Scan<'_>> {
        self.entries.iter().map(|entry| Scan {
            number: entry.number,
            octets: (entry.octets != OCTETS_UNKNOWN).then_some(entry.octets.into()),
            unique_id: Some(self.unique_id(entry)).filter(|it| !it.is_empty()),
        })
    }

    fn unique_id(&self, entry: &Entry) -> &[u8] {
        let start = entry.unique_id_start as usize;
        let end = start + usize::from(entry.unique_id_octets);
        self.unique_ids.get(start..end).unwrap_or_default()
    }
}

/// How a listing is made: all of UIDL, then all of LIST, then `finish`.
impl Listing {
    /// UIDL is answered.
    pub(super) fn unique_ids_begin(&mut self) {
        self.unique_ids_offered = true;
    }

    /// A line of UIDL.
    pub(super) fn read_unique_id(&mut self, line: &[u8]) {
        let Some((number, unique_id)) = read_line(line) else {
            self.faults.unreadable_lines += 1;
            return;
        };
        let too_long = unique_id.len() > UNIQUE_ID_OCTETS_MAX;
        let unique_id = if too_long { b"" } else { unique_id };
        let full = self.unique_ids.len() + unique_id.len() > UNIQUE_IDS_OCTETS_MAX;
        if full || self.entries.len() >= LISTING_MESSAGES_MAX {
            self.faults.omitted += 1;
            return;
        }
        self.entries.push(Entry {
            number,
            octets: OCTETS_UNKNOWN,
            // Both fit: they are compared with their limits above.
            unique_id_start: u32::try_from(self.unique_ids.len()).unwrap_or_default(),
            unique_id_octets: u8::try_from(unique_id.len()).unwrap_or_default(),
        });
        self.unique_ids.extend_from_slice(unique_id);
    }

    /// All of UIDL has come.
    pub(super) fn unique_ids_end(&mut self) {
        self.sort();
        let listed = self.entries.len();
        let Listing {
            entries,
            unique_ids,
            ..
        } = self;
        let text = |entry: &Entry| {
            let start = entry.unique_id_start as usize;
            unique_ids.get(start..start + usize::from(entry.unique_id_octets))
        };
        entries.dedup_by(|next, first| {
            let repeats = next.number == first.number;
            // Two names for one number: neither can be relied on.
            if repeats && text(next) != text(first) {
                first.unique_id_octets = 0;
            }
            repeats
        });
        self.faults.repeated_numbers = listed - self.entries.len();
        self.named = self.entries.len();
        self.drop_shared_unique_ids();
    }

    /// A line of LIST. Numbers that UIDL did not name are added.
    pub(super) fn read_size(&mut self, line: &[u8]) {
        let Some((number, size)) = read_line(line) else {
            self.faults.unreadable_lines += 1;
            return;
        };
        let size = size.split(u8::is_ascii_whitespace).next();
        let Some(octets) = size.and_then(digits) else {
            self.faults.unreadable_lines += 1;
            return;
        };
        let octets = u32::try_from(octets).unwrap_or(OCTETS_UNKNOWN - 1);
        let octets = octets.min(OCTETS_UNKNOWN - 1);
        if let Some(entry) = self.entry(number) {
            entry.octets = octets;
        } else if self.entries.len() < LISTING_MESSAGES_MAX {
            self.entries.push(Entry {
                number,
                octets,
                unique_id_start: 0,
                unique_id_octets: 0,
            });
        } else if !self.unique_ids_offered {
            // Else UIDL has counted it already.
            self.faults.omitted += 1;
        }
    }

    /// All of LIST has come, or will not come.
    pub(super) fn finish(&mut self) {
        self.sort();
        self.entries.dedup_by_key(|entry| entry.number);
        self.entries.shrink_to_fit();
        self.unique_ids.shrink_to_fit();
    }

    /// The entry of a number. The list has seldom a gap, so that it is where it
    /// would be without. One that LIST alone names may be overlooked behind a
    /// gap; `finish` drops what is there twice.
    fn entry(&mut self, number: u32) -> Option<&mut Entry> {
        let guess = number.checked_sub(1)? as usize;
        let there = |entry: &Entry| entry.number == number;
        let index = match self.entries.get(guess).is_some_and(there) {
            true => guess,
            false => self
                .entries
                .get(..self.named)?
                .binary_search_by_key(&number, |entry| entry.number)
                .ok()?,
        };
        self.entries.get_mut(index)
    }

    fn sort(&mut self) {
        // Stable: of two lines about one number, the first counts.
        if !self.entries.is_sorted_by_key(|entry| entry.number) {
            self.entries.sort_by_key(|entry| entry.number);
        }
    }

    /// A unique-id that names two messages names none: when one of them is
    /// committed, the other would be taken for known, and removed unread.
    fn drop_shared_unique_ids(&mut self) {
        let mut order: Vec<u32> = (0..).take(self.entries.len()).collect();
        let text = |index: &u32| {
            let entry = self.entries.get(*index as usize);
            entry.map_or(&b""[..], |entry| self.unique_id(entry))
        };
        order.sort_unstable_by_key(text);
        let mut shared = Vec::new();
        for alike in order.chunk_by(|a, b| text(a) == text(b)) {
            if alike.len() > 1 && alike.first().is_some_and(|index| !text(index).is_empty()) {
                shared.extend_from_slice(alike);
            }
        }
        self.faults.repeated_unique_ids = shared.len();
        for index in shared {
            if let Some(entry) = self.entries.get_mut(index as usize) {
                entry.unique_id_octets = 0;
            }
        }
    }
}

/// A number of 1 or more, and what stands behind it. The whole rest is the
/// unique-id, even with a space in it, or two could become one.
fn read_line(line: &[u8]) -> Option<(u32, &[u8])> {
    let line = line.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (number, rest) = line.split_at_checked(end.unwrap_or(line.len()))?;
    let number = u32::try_from(digits(number)?).ok()?;
    (number > 0).then_some((number, rest.trim_ascii_start()))
}

/// Digits alone: no sign, no junk behind them.
fn digits(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let only_digits = text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| only_digits)
}

#[cfg(test)]
mod tests;
