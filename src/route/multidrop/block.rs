//! The provider's own block: the top of a header block, which only the
//! provider can have written.
//!
//! Servers put their lines on top and leave what stands below as it came. So
//! a field counts only above the line by which the message entered the
//! provider's network. Read from the top, a Received line
//! - of the provider, from inside: is the provider's; go on;
//! - of the provider, from outside: is the boundary, the last one that counts;
//! - of somebody else, from outside: ends the block before itself. The message
//!   lay with a stranger there, so whatever names the provider below is his;
//! - of somebody else, from inside (`(qmail 1 invoked from network)`): go on.
//!
//! Where the provider wrote none, only the fields above the first Received
//! line count.

use crate::mail::{Field, Hop};

use super::trusted::{Origin, TrustedHosts};

/// A header block, divided. See the module's head.
#[derive(Debug)]
pub(super) struct ProviderBlock<'a> {
    /// What the provider can have written, the boundary included.
    pub(super) own: &'a [Field],
    /// What anybody can have written.
    pub(super) rest: &'a [Field],
    /// The provider's Received lines, the topmost first.
    pub(super) hops: Vec<(&'a Field, Hop)>,
}

impl<'a> ProviderBlock<'a> {
    pub(super) fn of(fields: &'a [Field], trusted: &TrustedHosts) -> ProviderBlock<'a> {
        let received = fields.iter().enumerate();
        let received = received.filter(|(_, field)| field.is("Received"));
        let mut received = received.peekable();
        let mut end = received.peek().map_or(fields.len(), |(first, _)| *first);
        let mut next = received.next().map(read);
        let mut hops = Vec::new();
        while let Some((index, field, hop)) = next {
            next = received.next().map(read);
            let is_own = trusted.wrote(&hop);
            let is_inside = match trusted.origin(&hop) {
                Origin::Inside => true,
                Origin::Outside => false,
                // A real hand-over shows on both lines.
                Origin::Claimed => next.as_ref().is_some_and(|(_, _, below)| {
                    let name = hop.source.as_ref().and_then(|source| source.name.as_ref());
                    name.is_some() && below.by.as_ref() == name
                }),
            };
            if is_own {
                end = index + 1;
                hops.push((field, hop));
            }
            if !is_inside {
                break;
            }
        }
        let (own, rest) = fields.split_at_checked(end).unwrap_or((fields, &[]));
        ProviderBlock { own, rest, hops }
    }
}

fn read((index, field): (usize, &Field)) -> (usize, &Field, Hop) {
    (index, field, Hop::parse(field.text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::HeaderBlock;

    const OUT: &str = "from x.example (x.example [203.0.113.1])";

    /// The names of the fields that count, without Received.
    fn own(lines: &[String]) -> String {
        let block = HeaderBlock::read(lines.join("\r\n").as_bytes());
        let trusted = TrustedHosts::parse(["provider.example"]).unwrap();
        let own = ProviderBlock::of(block.fields(), &trusted).own.iter();
        let names = own.filter(|field| !field.is("Received")).map(Field::name);
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_block_ends_where_the_message_came_in() {
        let from_out = |by: &str| format!("Received: {OUT} by {by}; x");
        let cases: [(&[&str], &str); 14] = [
            (&["mx.provider.example"], "A"),
            // A forged line of the provider below its real one.
            (&["mx.provider.example", "mx.provider.example"], "A"),
            (&["other.example"], "A"),
            (&["other.example", "mx.provider.example"], "A"),
            (&["mx.provider.example", "other.example"], "A"),
            (&["local|mx.provider.example", "mx.provider.example"], "A B"),
            (&["local|mx.provider.example", "other.example"], "A"),
            (&["local|other.example", "mx.provider.example"], "A B"),
            (&["local|other.example", "other.example"], "A"),
            (&["local|mx.provider.example"], "A"),
            (
                &["a|s.provider.example", "a.provider.example", "x.example"],
                "A B",
            ),
            (
                &[
                    "said a|s.provider.example",
                    "a.provider.example",
                    "x.example",
                ],
                "A B",
            ),
            (
                &[
                    "said a|s.provider.example",
                    "b.provider.example",
                    "x.example",
                ],
                "A",
            ),
            (&[], "A B C D"),
        ];
        for (hops, expected) in cases {
            let line = |hop: &&str| match hop.split_once('|') {
                Some(("local", by)) => format!("Received: from x ([127.0.0.1]) by {by}; x"),
                Some(("a", by)) => format!("Received: from a.provider.example by {by}; x"),
                Some((_, by)) => {
                    format!("Received: from a.provider.example ([203.0.113.9]) by {by}; x")
                }
                None => from_out(hop),
            };
            let mut lines = Vec::new();
            for number in 0..4 {
                lines.push(format!("{}: y", ["A", "B", "C", "D"][number]));
                lines.extend(hops.get(number).map(line));
            }
            assert_eq!(own(&lines), expected, "{hops:?}");
        }
    }
}
