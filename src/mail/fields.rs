//! The header block of a message, read field by field.
//!
//! Never fails and never takes long: what is too long is cut, and what no
//! header parser understands is read by our own splitter. Nothing is decided
//! here, and nothing is dropped for being odd. [`crate::route::multidrop`] asks.

use std::borrow::Cow;

use mailparse::MailHeader;

use super::words::decode_words;

/// Header octets that are read at most: real header blocks stay below 64 KiB.
pub const HEADER_OCTETS_MAX: usize = 256 * 1024;
/// Fields that are read at most: real messages have fewer than 200.
pub const FIELDS_MAX: usize = 1000;
/// A longer value is not decoded, but taken as it stands: RFC 5322 §2.1.1 allows
/// a line of 998 octets.
pub(super) const DECODED_OCTETS_MAX: usize = 998;
/// What a field's line shows of its value.
const SHOWN_CHARS_MAX: usize = 200;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: String,
    text: String,
}

impl Field {
    fn new(name: &[u8], value: &[u8]) -> Field {
        Field {
            // Not at its beginning: a stray continuation line is no field.
            name: text_of(name).trim_end().to_string(),
            text: unfolded(value),
        }
    }

    /// The name as it is written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is its name; case does not matter.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value, unfolded: every run of white space is one space. Octets that
    /// are no UTF-8 are read as Latin-1. RFC 2047 words are left as they are.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value with its RFC 2047 words decoded, for comparing with what a
    /// person wrote; never for finding addresses, since a word may decode to
    /// something that looks like one.
    pub fn decoded(&self) -> Cow<'_, str> {
        if self.text.len() > DECODED_OCTETS_MAX {
            return Cow::Borrowed(&self.text);
        }
        decode_words(&self.text)
    }

    /// The field in one line for people, cut to 200 characters, without
    /// control characters.
    pub fn line(&self) -> String {
        let chars = self.name.chars().chain(": ".chars());
        let mut chars = chars.chain(self.text.chars());
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let mut shown: String = chars.by_ref().take(SHOWN_CHARS_MAX).map(clean).collect();
        if chars.next().is_some() {
            shown.push('…');
        }
        shown
    }
}

/// The fields of a message, from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderBlock {
    octets: Vec<u8>,
    fields: Vec<Field>,
    complete: bool,
}

impl HeaderBlock {
    /// Reads the beginning of a message: all of it, or at least
    /// [`HEADER_OCTETS_MAX`] octets. Line ends may be CRLF or LF.
    pub fn read(message: &[u8]) -> HeaderBlock {
        let (end, complete) = find_end(message);
        let octets = message.get(..end).unwrap_or(message).to_vec();
        HeaderBlock {
            fields: split(&octets),
            octets,
            complete,
        }
    }

    /// The fields, the topmost first.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The octets that were read, the empty line included: the message goes on
    /// behind them.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether the whole block was read; if not, there may be further fields.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// Where the block ends, and whether that is its real end.
fn find_end(message: &[u8]) -> (usize, bool) {
    let capped = message.get(..HEADER_OCTETS_MAX).unwrap_or(message);
    let mut fields = 0;
    let mut at = 0;
    while let Some(rest) = capped.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(length) = memchr::memchr(b'\n', rest).map(|newline| newline + 1) else {
            // The last line has no end: cut off here, or the message's end.
            let whole = capped.len() == message.len();
            return (if whole { capped.len() } else { at.max(1) }, whole);
        };
        if matches!(rest, [b'\n', ..] | [b'\r', b'\n', ..]) {
            return (at + length, true);
        }
        // A first line that begins with white space goes on with nothing.
        if at == 0 || !rest.starts_with(b" ") && !rest.starts_with(b"\t") {
            fields += 1;
            if fields > FIELDS_MAX {
                return (at, false);
            }
        }
        at += length;
    }
    (at, capped.len() == message.len())
}

/// mailparse's fields; our own where it finds none or not all.
fn split(block: &[u8]) -> Vec<Field> {
    // mailparse takes a line that begins with a tab for a field of its own.
    let stray = |header: &MailHeader<'_>| header.get_key_raw().starts_with(b"\t");
    match mailparse::parse_headers(block) {
        Ok((headers, end)) if end == block.len() && !headers.iter().any(stray) => {
            let field =
                |header: &MailHeader<'_>| Field::new(header.get_key_raw(), header.get_value_raw());
            headers.iter().map(field).collect()
        }
        _ => split_tolerantly(block),
    }
}

/// A line that begins with white space belongs to the field above it, whatever
/// that looks like; a line without a colon is a field without a value.
fn split_tolerantly(block: &[u8]) -> Vec<Field> {
    let mut raw: Vec<Vec<u8>> = Vec::new();
    for line in block.split(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        match raw.last_mut() {
            Some(field) if continues => field.extend_from_slice(line),
            _ if line.is_empty() => {}
            _ => raw.push(line.to_vec()),
        }
    }
    let field = |raw: &Vec<u8>| match memchr::memchr(b':', raw) {
        Some(colon) => {
            let (name, value) = raw.split_at(colon);
            Field::new(name, value.get(1..).unwrap_or_default())
        }
        None => Field::new(raw, b""),
    };
    raw.iter().map(field).collect()
}

/// A value in one line: every run of white space is one space.
pub(super) fn unfolded(value: &[u8]) -> String {
    let value = text_of(value);
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    words.join(" ")
}

fn text_of(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(octets.iter().map(|&octet| char::from(octet)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn fields(message: &[u8]) -> Vec<(String, String)> {
        let block = HeaderBlock::read(message);
        let pair = |field: &Field| (field.name().to_string(), field.text().to_string());
        block.fields().iter().map(pair).collect()
    }

    #[test]
    fn odd_blocks_are_read_as_far_as_they_make_sense() {
        let cases: [(&[u8], Pairs); 12] = [
            (b"", &[]),
            (b"\r\nTo: a\r\n", &[]),
            (b"To: a", &[("To", "a")]),
            (b"To : a\nCC:b\n\nX: y", &[("To", "a"), ("CC", "b")]),
            (b"To: a,\r\n\tb,\r\n  c\r\n", &[("To", "a, b, c")]),
            (b"To:\r\n a\r\n\r\n", &[("To", "a")]),
            (b" lost\r\nTo: a\r\n", &[(" lost", ""), ("To", "a")]),
            (
                b"no colon\r\n more\r\nTo: a\r\n",
                &[("no colon more", ""), ("To", "a")],
            ),
            (b"To: a\r\n \r\n b\r\n", &[("To", "a b")]),
            (
                b"To: a\r\n\rX: b\r\nCc: c\r\n",
                &[("To", "a"), ("\rX", "b"), ("Cc", "c")],
            ),
            (b"To: M\xfcller\r\n", &[("To", "Müller")]),
            (b"To: a\0b\r\n", &[("To", "a\0b")]),
        ];
        for (message, expected) in cases {
            let expected: Vec<(String, String)> = expected
                .iter()
                .map(|(name, text)| (name.to_string(), text.to_string()))
                .collect();
            assert_eq!(fields(message), expected, "{}", message.escape_ascii());
        }
    }

    #[test]
    fn the_body_begins_behind_the_empty_line() {
        let block = HeaderBlock::read(b"To: a\r\n\r\nTo: b\r\n\r\n");
        assert_eq!(block.octets(), b"To: a\r\n\r\n");
        assert!(block.is_complete());
    }

    #[test]
    fn a_block_without_bounds_is_cut_and_says_so() {
        let many = "X: y\r\n".repeat(FIELDS_MAX + 1);
        let block = HeaderBlock::read(many.as_bytes());
        assert_eq!(
            (block.fields().len(), block.is_complete()),
            (FIELDS_MAX, false)
        );

        for stray in [" x\r\n", "\tx\n"] {
            let block = HeaderBlock::read(format!("{stray}{many}").as_bytes());
            assert_eq!(block.fields().len(), FIELDS_MAX, "{stray:?}");
        }

        let long = format!("To: a\r\nX: {}", "y".repeat(2 * HEADER_OCTETS_MAX));
        let block = HeaderBlock::read(long.as_bytes());
        assert_eq!((block.fields().len(), block.is_complete()), (1, false));

        let folded = format!("To: a\r\n{}", "\tbb,\r\n".repeat(HEADER_OCTETS_MAX));
        let block = HeaderBlock::read(folded.as_bytes());
        assert_eq!((block.fields().len(), block.is_complete()), (1, false));

        let one_line = "x".repeat(HEADER_OCTETS_MAX + 1);
        assert!(!HeaderBlock::read(one_line.as_bytes()).is_complete());
    }

    #[test]
    fn words_are_decoded_where_a_person_wrote_the_text_to_compare_with() {
        let block = HeaderBlock::read(b"Subject: =?utf-8?q?J=C3=BCrgen?= x\r\n");
        let decoded: Vec<_> = block.fields().iter().map(Field::decoded).collect();
        assert_eq!(decoded, ["Jürgen x"]);
        let bomb = format!("Subject: {}\r\n", "=?utf-8?q?".repeat(20_000));
        let block = HeaderBlock::read(bomb.as_bytes());
        assert_eq!(block.fields()[0].decoded(), block.fields()[0].text());
    }

    #[test]
    fn a_line_for_people_is_short_and_clean() {
        let block = HeaderBlock::read(format!("X: \x1b[1m{}\r\n", "ä".repeat(300)).as_bytes());
        let line = block.fields()[0].line();
        assert!(
            line.starts_with("X:  [1mä") && line.ends_with('…'),
            "{line}"
        );
        assert_eq!(line.chars().count(), SHOWN_CHARS_MAX + 1);
    }

    /// What mailparse reads, our own splitter reads the same way.
    #[test]
    fn both_splitters_agree() {
        for block in [
            "A: b\r\nC:d\n E\r\nF : g\r\n",
            "no colon\r\nA:\r\n b\r\n\r\n",
            "A: b: c\r\n\tD: e\r\n",
            "no colon\r\n\tDelivered-To: e\r\n",
            "\tDelivered-To: e\r\nA: b\r\n",
        ] {
            assert_eq!(split(block.as_bytes()), split_tolerantly(block.as_bytes()));
        }
    }
}
