//! Which messages need not come: those in the mailbox, and those imported before.

use std::collections::HashMap;

use crate::control::{Gone, Known};
use crate::formats::LikenessDigest;

/// What the hub told of, and what has been sent since.
pub struct Memory {
    gone: Gone,
    known: HashMap<LikenessDigest, Known>,
}

/// What is known of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Met {
    /// It is to be sent.
    New,
    /// It is in the mailbox, or on its way there.
    Known,
    /// It was imported before, is in the mailbox no more, and stays away.
    Gone,
}

impl Memory {
    pub fn new(gone: Gone) -> Memory {
        Memory {
            gone,
            known: HashMap::new(),
        }
    }

    /// The hub knows a message. What is in the mailbox is told first, and stays so.
    pub fn learn(&mut self, likeness: LikenessDigest, by: Known) {
        self.known.entry(likeness).or_insert(by);
    }

    /// A message of a file; the next one like it is known.
    pub fn meet(&mut self, likeness: LikenessDigest) -> Met {
        match (self.known.get(&likeness), self.gone) {
            (Some(Known::Here), _) => Met::Known,
            (Some(Known::Before), Gone::LeaveOut) => Met::Gone,
            (Some(Known::Before), Gone::BringBack) | (None, _) => {
                self.known.insert(likeness, Known::Here);
                Met::New
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(gone: Gone) -> [Met; 4] {
        let mut memory = Memory::new(gone);
        memory.learn([1; 32], Known::Here);
        memory.learn([1; 32], Known::Before);
        memory.learn([2; 32], Known::Before);
        [1, 2, 2, 3].map(|likeness| memory.meet([likeness; 32]))
    }

    #[test]
    fn what_is_gone_comes_back_once_and_only_where_that_is_asked_for() {
        assert_eq!(
            met(Gone::LeaveOut),
            [Met::Known, Met::Gone, Met::Gone, Met::New]
        );
        assert_eq!(
            met(Gone::BringBack),
            [Met::Known, Met::New, Met::Known, Met::New]
        );
    }
}
