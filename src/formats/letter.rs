//! A message from a file on its way into the store.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::{Likeness, LikenessDigest};
use crate::mail::{HEADER_OCTETS_MAX, HeaderBlock};
use crate::wire::{BareLineFeed, ContentDecoder, Framing};

/// Thunderbird's mark of a message that was deleted, and is in its file until
/// the folder is compacted.
const MOZILLA_EXPUNGED: u32 = 0x0008;

/// RFC 5321 §4.5.3.1.3
const PATH_OCTETS_MAX: usize = 256;

/// Takes a message as a file has it and hands it out as mail has it: a bare LF
/// becomes CRLF, all other octets stay.
#[derive(Debug)]
pub struct Letter {
    lines: ContentDecoder,
    likeness: Likeness,
    octets: u64,
}

/// What the header block of a message says that a file does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LetterHead {
    /// As in Return-Path, with its brackets; empty without one.
    pub reverse_path: String,
    /// Of the Date field; seconds since 1970.
    pub date: Option<i64>,
    /// A mail program has marked it as deleted.
    pub is_deleted: bool,
}

impl Default for Letter {
    fn default() -> Letter {
        Letter {
            lines: ContentDecoder::new(Framing::Counted, BareLineFeed::Repaired),
            likeness: Likeness::default(),
            octets: 0,
        }
    }
}

impl Letter {
    /// Takes octets of the file, cut anywhere, and appends what they become.
    pub fn take(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        self.lines.decode(octets, out);
        self.note(out.get(before..).unwrap_or_default());
    }

    /// All of it is there: appends what was held back. Tells how many octets the
    /// message has, and by what it is known again.
    pub fn finish(mut self, out: &mut Vec<u8>) -> (u64, LikenessDigest) {
        let before = out.len();
        self.lines.finish(out);
        self.note(out.get(before..).unwrap_or_default());
        (self.octets, self.likeness.finish())
    }

    fn note(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        self.likeness.update(octets);
    }
}

impl LetterHead {
    /// Reads the beginning of a message, as far as it is there.
    pub fn read(message: &[u8]) -> LetterHead {
        let capped = message.get(..HEADER_OCTETS_MAX).unwrap_or(message);
        let headers = HeaderBlock::read(capped);
        let text = |name: &str| {
            let mut fields = headers.fields().iter();
            fields
                .find(|field| field.is(name))
                .map(|field| field.text().to_string())
        };
        let status = text("X-Mozilla-Status");
        let status = status.and_then(|it| u32::from_str_radix(it.trim(), 16).ok());
        LetterHead {
            reverse_path: text("Return-Path")
                .filter(|text| is_path(text))
                .unwrap_or_default(),
            date: text("Date").and_then(|date| seconds(&date)),
            is_deleted: status.is_some_and(|status| status & MOZILLA_EXPUNGED != 0),
        }
    }
}

/// Whether it may stand in an envelope; anything may stand in a header.
fn is_path(text: &str) -> bool {
    let is_one_word = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    text.starts_with('<') && text.ends_with('>') && text.len() <= PATH_OCTETS_MAX && is_one_word
}

/// Of a Date field, without the comment that many have at the end.
fn seconds(date: &str) -> Option<i64> {
    let date = date.split('(').next()?.trim();
    let at = OffsetDateTime::parse(date, &Rfc2822).ok()?;
    Some(at.unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_says_is_read() {
        let head = LetterHead::read(
            b"X-Mozilla-Status: 0009\r\nReturn-Path: <a@b.example>\r\n\
              Date: Mon, 23 Nov 2026 10:15:00 +0100 (CET)\r\n\r\nDate: no\r\n",
        );
        let expected = LetterHead {
            reverse_path: "<a@b.example>".to_string(),
            date: Some(1_795_425_300),
            is_deleted: true,
        };
        assert_eq!(head, expected);
        let head = LetterHead::read(b"X-Mozilla-Status: 0001\nReturn-Path: a\n b\nDate: soon\n\nb");
        assert_eq!(head, LetterHead::default());
    }

    #[test]
    fn a_message_with_line_ends_of_unix_is_known_as_the_same() {
        let taken = |message: &[u8]| {
            let (mut letter, mut out) = (Letter::default(), Vec::new());
            letter.take(message, &mut out);
            let (octets, likeness) = letter.finish(&mut out);
            assert_eq!(octets, out.len() as u64);
            (out, likeness)
        };
        assert_eq!(taken(b"A: b\n\nc\rd\n\r"), taken(b"A: b\r\n\r\nc\rd\r\n\r"));
        assert_eq!(taken(b"A: b\n\r").0, b"A: b\r\n\r");
    }
}
