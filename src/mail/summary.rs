//! Sender, subject and date of a message, for people's eyes only.

use std::borrow::Cow;

use mailparse::{MailHeader, MailHeaderMap};

use super::fields::{DECODED_OCTETS_MAX, unfolded};
use super::words::decode_words;

/// Header octets that are read at most.
const HEADER_OCTETS_MAX: usize = 256 * 1024;

/// What a list shows of a message. Decoded from RFC 2047 words where possible;
/// never used to decide anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The From field.
    pub from: String,
    /// The To field.
    pub to: String,
    /// The Subject field.
    pub subject: String,
    /// The Date field, as written.
    pub date: String,
}

impl Summary {
    /// Reads the beginning of a message. What is not there stays empty.
    pub fn of(message: &[u8]) -> Summary {
        let block = header_block(message);
        let Ok((headers, _)) = mailparse::parse_headers(block) else {
            return Summary::default();
        };
        let text = |name: &str| {
            headers
                .get_first_header(name)
                .map(readable)
                .unwrap_or_default()
        };
        Summary {
            from: text("From"),
            to: text("To"),
            subject: text("Subject"),
            date: text("Date"),
        }
    }
}

fn readable(header: &MailHeader<'_>) -> String {
    let text = unfolded(header.get_value_raw());
    // What is longer is shown as it stands, as far as it is shown.
    let text = match text.len() <= DECODED_OCTETS_MAX {
        true => decode_words(&text),
        false => Cow::Borrowed(
            text.split_at(text.floor_char_boundary(DECODED_OCTETS_MAX))
                .0,
        ),
    };
    let without_controls = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    without_controls.collect::<String>().trim().to_string()
}

/// The octets up to the empty line, capped.
fn header_block(message: &[u8]) -> &[u8] {
    let capped = message.get(..HEADER_OCTETS_MAX).unwrap_or(message);
    let ends = [b"\r\n\r\n".as_slice(), b"\n\n"];
    let end = ends
        .iter()
        .filter_map(|end| memchr::memmem::find(capped, end).map(|at| at + end.len()))
        .min();
    capped.get(..end.unwrap_or(capped.len())).unwrap_or(capped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded_and_controls_taken_out() {
        let message = b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nSubject: a\r\n \x1b[31mb\r\n\r\nTo: x\r\n";
        let summary = Summary::of(message);
        assert_eq!(summary.from, "Jürgen <j@example.org>");
        assert_eq!(summary.subject, "a  [31mb");
        assert_eq!(summary.to, "");
    }

    #[test]
    fn rubbish_has_an_empty_summary_and_a_bomb_takes_no_time() {
        assert_eq!(Summary::of(b"\0\0\0"), Summary::default());
        assert_eq!(Summary::of(b""), Summary::default());
        let mut bomb = b"Subject: ".to_vec();
        bomb.extend_from_slice("=?utf-8?q?".repeat(20_000).as_bytes());
        assert_eq!(Summary::of(&bomb).subject.len(), DECODED_OCTETS_MAX);
    }
}
