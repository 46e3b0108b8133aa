//! What a poll does with the messages of a listing. Pure: listing, what is known
//! of it, and settings in; tasks out.

use std::collections::HashMap;
use std::time::Duration;

use super::settings::{Caps, Provider};
use crate::fetch::{Listing, Removal, Scan, Task};
use crate::store::{Comparison, FetchedId, FetchedKind, KnownMessage, Lost};

/// Messages that one session retrieves: each costs some hundred octets of memory
/// until it is committed, and what is committed is removed when the session ends.
const SESSION_MESSAGES_MAX: usize = 10_000;

/// What is fetched is one of these, by its message-number.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Its unique-id; none if the server tells none that names it alone.
    pub unique_id: Option<Vec<u8>>,
    /// Its size by LIST.
    pub octets: Option<u64>,
    /// A message was committed under this unique-id, and this may be another
    /// one: its octets decide.
    pub known: Option<Box<KnownMessage>>,
}

impl Wanted {
    /// It was committed, and its removal confirmed: whatever is new comes first,
    /// or a server that removes nothing would keep new mail out for ever.
    fn is_back(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.removed)
    }
}

/// What a poll does.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub tasks: Vec<Task>,
    /// To be retrieved, by message-number.
    pub retrieving: HashMap<u32, Wanted>,
    /// Too large: the headers are read, to tell the addressee, or to see whether
    /// it is the one that somebody was told of.
    pub too_large: HashMap<u32, Wanted>,
    /// Records whose unique-id may name another message now. Where it is the
    /// message-number, all of them move when one is removed.
    pub doubtful: Vec<Lost>,
    /// Removed without reading: committed earlier, and its time there is over.
    pub removing: HashMap<u32, FetchedId>,
    /// Messages that are too large.
    pub oversized: u64,
    /// Messages that wait for the next poll.
    pub postponed: u64,
    /// Messages that wait for the next session of this poll.
    pub continued: u64,
    /// Messages that are there again although their removal was confirmed.
    pub undead: u64,
}

/// Sorts the messages of a listing.
pub(super) fn plan(listing: &Listing, comparison: Comparison, provider: &Provider) -> Plan {
    let mut plan = Plan::default();
    let mut candidates = Candidates::new(provider.caps);
    for (scan, known) in listing.scans().zip(comparison.messages) {
        match judge(&scan, known, provider) {
            Verdict::Leave => {}
            Verdict::LeaveTooLarge => plan.oversized += 1,
            Verdict::Remove(removal, record) => {
                plan.tasks.push(Task::Remove(removal));
                plan.removing.insert(scan.number, record);
            }
            Verdict::Tell(wanted) => plan.tell(scan.number, wanted),
            Verdict::TellOther(wanted, told) => {
                plan.doubtful.push(told);
                plan.tell(scan.number, wanted);
            }
            Verdict::Retrieve(wanted) => {
                match &wanted.known {
                    Some(known) if known.removed => plan.undead += 1,
                    Some(known) => plan.doubtful.push(doubtful(known)),
                    None => {}
                }
                candidates.add(scan.number, wanted);
            }
        }
    }
    let (all, new) = (candidates.new + candidates.back, candidates.new);
    let mut retrieve = within_caps(candidates.kept, provider.caps);
    // Stable: what is new comes in the order of the listing.
    retrieve.sort_by_key(|(_, wanted)| wanted.is_back());
    retrieve.truncate(SESSION_MESSAGES_MAX);
    // Caps hold for a poll, whatever its sessions. What the server does not
    // remove would be there again in each further one.
    if provider.caps == Caps::default() {
        plan.continued = new.saturating_sub(SESSION_MESSAGES_MAX) as u64;
    }
    plan.postponed = (all - retrieve.len()) as u64 - plan.continued;
    for (number, wanted) in retrieve {
        plan.tasks.push(Task::Retrieve {
            number,
            octets: wanted.octets,
        });
        plan.retrieving.insert(number, wanted);
    }
    plan
}

/// What may be retrieved: where there are no caps to choose by, no more of it
/// than one session takes, however much is listed.
struct Candidates {
    kept: Vec<(u32, Wanted)>,
    kept_max: usize,
    /// All that there are, kept or not.
    new: usize,
    back: usize,
}

impl Candidates {
    fn new(caps: Caps) -> Candidates {
        Candidates {
            kept: Vec::new(),
            kept_max: match caps == Caps::default() {
                true => SESSION_MESSAGES_MAX,
                false => usize::MAX,
            },
            new: 0,
            back: 0,
        }
    }

    fn add(&mut self, number: u32, wanted: Wanted) {
        let count = match wanted.is_back() {
            true => &mut self.back,
            false => &mut self.new,
        };
        *count += 1;
        if *count <= self.kept_max {
            self.kept.push((number, wanted));
        }
    }
}

impl Plan {
    fn tell(&mut self, number: u32, wanted: Wanted) {
        self.oversized += 1;
        self.too_large.insert(number, wanted);
        self.tasks.push(Task::Top { number });
    }
}

enum Verdict {
    Leave,
    LeaveTooLarge,
    Remove(Removal, FetchedId),
    Tell(Wanted),
    /// Unless it is the one of this record.
    TellOther(Wanted, Lost),
    Retrieve(Wanted),
}

fn judge(scan: &Scan<'_>, known: Option<Box<KnownMessage>>, provider: &Provider) -> Verdict {
    let is_too_large = scan
        .octets
        .is_some_and(|octets| octets > provider.max_message_size);
    let wanted = |known| Wanted {
        unique_id: scan.unique_id.map(<[u8]>::to_vec),
        octets: scan.octets,
        known,
    };
    match known {
        None if is_too_large => Verdict::Tell(wanted(None)),
        None => Verdict::Retrieve(wanted(None)),
        Some(known) if known.kind == FetchedKind::Notice => match (is_too_large, known.octets) {
            // Another one, or LIST counts otherwise today.
            (true, told) if differs(told, scan.octets) => {
                Verdict::TellOther(wanted(None), doubtful(&known))
            }
            (true, _) => Verdict::LeaveTooLarge,
            // It turned out larger than LIST says.
            (false, None) => Verdict::Tell(wanted(Some(known))),
            // The limit was raised.
            (false, Some(_)) => Verdict::Retrieve(wanted(None)),
        },
        // Gone, and there again; or of another size: some servers give a
        // unique-id to a second message.
        Some(known) if known.removed || differs(known.octets, scan.octets) => match is_too_large {
            true => Verdict::Tell(wanted(None)),
            false => Verdict::Retrieve(wanted(Some(known))),
        },
        Some(known) if !is_over(known.age, provider.leave_on_server) => Verdict::Leave,
        // Nothing is removed unread that may be another message of that size.
        Some(known) if is_named_by_number(scan) && !is_too_large => {
            Verdict::Retrieve(wanted(Some(known)))
        }
        Some(known) => {
            let removal = Removal::of_committed(scan.number, &known.receipt);
            Verdict::Remove(removal, known.record)
        }
    }
}

/// Its unique-id is its message-number: some servers have nothing better, and
/// give it to the next message when one before it is gone. Others number their
/// mail from 1 on, for ever, so that it cannot be told which it is.
fn is_named_by_number(scan: &Scan<'_>) -> bool {
    scan.unique_id == Some(scan.number.to_string().as_bytes())
}

fn doubtful(known: &KnownMessage) -> Lost {
    Lost {
        record: known.record,
        kind: known.kind,
        digest: known.digest,
        age: known.age,
        removed: false,
    }
}

/// Whether a message that was committed so long ago is to be removed.
pub(super) fn is_over(age: Duration, leave_on_server: Duration) -> bool {
    age >= leave_on_server
}

fn differs(one: Option<u64>, other: Option<u64>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

/// Where the caps leave some out, the small ones come first: one large message
/// must not keep the office from its mail. The first comes in any case, or one
/// beyond the cap would never come.
fn within_caps(mut all: Vec<(u32, Wanted)>, caps: Caps) -> Vec<(u32, Wanted)> {
    let octets_of = |wanted: &Wanted| wanted.octets.unwrap_or(0);
    let most_messages = caps.messages.unwrap_or(u64::MAX);
    let most_octets = caps.octets.unwrap_or(u64::MAX);
    let octets = all.iter().fold(0_u64, |sum, (_, wanted)| {
        sum.saturating_add(octets_of(wanted))
    });
    if all.len() as u64 <= most_messages && octets <= most_octets {
        return all;
    }
    all.sort_by_key(|(number, wanted)| (wanted.is_back(), octets_of(wanted), *number));
    let mut octets = 0_u64;
    let mut count = 0;
    for (_, wanted) in &all {
        octets = octets.saturating_add(octets_of(wanted));
        if count > 0 && (count as u64 >= most_messages || octets > most_octets) {
            break;
        }
        count += 1;
    }
    all.truncate(count);
    all.sort_by_key(|(number, _)| *number);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(sizes: &[u64]) -> Vec<(u32, Wanted)> {
        let one = |octets: &u64| Wanted {
            unique_id: None,
            octets: (*octets > 0).then_some(*octets),
            known: None,
        };
        (1..).zip(sizes.iter().map(one)).collect()
    }

    fn numbers(sizes: &[u64], messages: Option<u64>, octets: Option<u64>) -> Vec<u32> {
        let kept = within_caps(wanted(sizes), Caps { messages, octets });
        kept.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_cap_lets_the_small_ones_through_first() {
        let sizes = [50, 10, 900, 20, 0];
        assert_eq!(numbers(&sizes, None, None), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(&sizes, Some(5), Some(980)), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(&sizes, Some(3), None), [2, 4, 5]);
        assert_eq!(numbers(&sizes, None, Some(80)), [1, 2, 4, 5]);
        assert_eq!(numbers(&sizes, None, Some(79)), [2, 4, 5]);
        assert_eq!(numbers(&sizes, Some(0), None), [5]);
    }

    #[test]
    fn a_million_new_messages_are_planned_with_the_memory_of_one_session() {
        let mut candidates = Candidates::new(Caps::default());
        for (number, wanted) in wanted(&[300; 1_000_000]) {
            candidates.add(number, wanted);
        }
        assert_eq!(candidates.kept.len(), SESSION_MESSAGES_MAX);
        assert!(candidates.kept.capacity() <= 2 * SESSION_MESSAGES_MAX);
        assert_eq!((candidates.new, candidates.back), (1_000_000, 0));
    }

    #[test]
    fn a_message_beyond_the_cap_comes_when_it_is_the_smallest() {
        assert_eq!(numbers(&[900, 1000], None, Some(80)), [1]);
        assert_eq!(numbers(&[u64::MAX, u64::MAX], None, Some(80)), [1]);
    }

    #[test]
    fn another_size_is_seen_only_where_both_are_told() {
        assert!(differs(Some(1), Some(2)));
        for (one, other) in [(Some(1), Some(1)), (None, Some(1)), (Some(1), None)] {
            assert!(!differs(one, other));
        }
    }
}
