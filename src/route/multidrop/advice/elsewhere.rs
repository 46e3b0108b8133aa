//! A mailbox whose mail is another domain's: perhaps the office's own is mistyped, or
//! missing in the settings.

use std::collections::{BTreeMap, BTreeSet};

use super::Survey;
use crate::mail::{Domain, addresses};

/// One message alone may be anything.
const MESSAGES_MIN: usize = 2;

/// A domain, none of ours, to which most of the messages are addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// It.
    pub domain: Domain,
    /// How many messages name it in To or Cc.
    pub messages: usize,
}

impl Survey<'_> {
    /// The domain that more than half of the messages are addressed to, where far
    /// fewer are addressed to us.
    pub(super) fn find_elsewhere(&self) -> Option<Elsewhere> {
        let mut counts: BTreeMap<String, Elsewhere> = BTreeMap::new();
        let mut to_us = 0;
        for message in &self.messages {
            let fields = message.fields().iter();
            let visible = fields.filter(|field| field.is("To") || field.is("Cc"));
            let found = visible.flat_map(|field| addresses(field.text()));
            let mut named = BTreeSet::new();
            let mut names_us = false;
            for domain in found.map(|address| address.domain) {
                names_us |= self.directory.is_ours(&domain);
                if named.insert(domain.to_string()) && !self.directory.is_ours(&domain) {
                    let none = Elsewhere {
                        domain: domain.clone(),
                        messages: 0,
                    };
                    counts.entry(domain.to_string()).or_insert(none).messages += 1;
                }
            }
            to_us += usize::from(names_us);
        }
        let most = counts.into_values().max_by_key(|found| found.messages)?;
        let is_most = most.messages >= MESSAGES_MIN && most.messages * 2 > self.messages.len();
        (is_most && to_us * 2 < most.messages).then_some(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::HeaderBlock;
    use crate::route::{Directory, Entries};

    #[test]
    fn a_domain_that_most_messages_name_and_that_is_not_ours_is_found() {
        let entries = Entries {
            domains: vec![Domain::parse("our.exampel").unwrap()],
            ..Entries::default()
        };
        let directory = Directory::new(entries).unwrap();
        let find = |to: &[&str]| {
            let mut survey = Survey::new(&directory, "post.our.exampel", "pop.provider.example");
            for to in to {
                survey.add(HeaderBlock::read(format!("To: {to}\r\n\r\n").as_bytes()));
            }
            let found = survey.find_elsewhere();
            found.map(|found| (found.domain.to_string(), found.messages))
        };
        let theirs = |messages| Some(("our.example".to_string(), messages));
        let (anna, bob) = ("Anna <anna@our.example>", "x@list.example, bob@Our.Example");
        assert_eq!(find(&[anna, bob, "x@list.example"]), theirs(2));
        // Twice in one message is one message.
        assert_eq!(
            find(&["a@our.example, b@our.example", "x@list.example"]),
            None
        );
        assert_eq!(find(&[anna]), None);
        assert_eq!(find(&[anna, anna, "undisclosed-recipients:;", ""]), None);
        // A list that half the office reads.
        let both = "x@list.example, anna@our.exampel";
        assert_eq!(find(&[both, both, "x@list.example"]), None);
    }
}
