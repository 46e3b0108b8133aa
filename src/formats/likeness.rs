//! By what a message is known again that has been in other hands.

use memchr::memchr2;
use openssl::sha::Sha256;

/// Fields that programs write into the messages of their own folders.
const NOTED_BY_PROGRAMS: [&[u8]; 16] = [
    b"Status",
    b"X-Status",
    b"X-UID",
    b"X-UIDL",
    b"X-Keywords",
    b"X-IMAP",
    b"X-IMAPbase",
    b"X-Mozilla-Status",
    b"X-Mozilla-Status2",
    b"X-Mozilla-Keys",
    b"X-Account-Key",
    b"X-Evolution-Source",
    b"X-GM-THRID",
    b"X-Gmail-Labels",
    b"Content-Length",
    b"Lines",
];
/// A field's name is shorter; what is longer is no name.
const NAME_OCTETS_MAX: usize = 20;

/// What [`Likeness`] comes to.
pub type LikenessDigest = [u8; 32];

/// SHA-256 of a message without what changes when it moves from program to
/// program: its line ends, empty lines at its end, and the fields in which a
/// program notes what was done with it. All else counts.
pub struct Likeness {
    digest: Sha256,
    place: Place,
    /// LFs that only count if something follows.
    line_feeds: usize,
    /// Octets on their way to the digest.
    buffer: Vec<u8>,
}

/// Where in the message.
enum Place {
    /// At the beginning of a header line, with so much of a name.
    Name(Vec<u8>),
    /// In a header line that counts, or in one that does not.
    Counted,
    LeftOut,
    /// At the beginning of the next header line: what that does if it is a
    /// continuation.
    NextLine {
        is_left_out: bool,
    },
    Body,
}

impl Default for Likeness {
    fn default() -> Likeness {
        Likeness {
            digest: Sha256::new(),
            place: Place::Name(Vec::new()),
            line_feeds: 0,
            buffer: Vec::new(),
        }
    }
}

impl Likeness {
    /// Takes the next octets, cut anywhere.
    pub fn update(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while let Some((&octet, behind)) = rest.split_first() {
            if matches!(self.place, Place::Body) {
                self.body(rest);
                break;
            }
            rest = behind;
            if octet != b'\r' {
                self.header(octet);
            }
        }
        self.flush();
    }

    /// The digest.
    pub fn finish(mut self) -> LikenessDigest {
        if let Place::Name(name) = std::mem::replace(&mut self.place, Place::Body) {
            self.count(&name);
        }
        self.flush();
        self.digest.finish()
    }

    fn body(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while let Some(at) = memchr2(b'\r', b'\n', rest) {
            let (text, behind) = rest.split_at(at);
            self.count(text);
            self.line_feeds += usize::from(behind.starts_with(b"\n"));
            rest = behind.get(1..).unwrap_or_default();
        }
        self.count(rest);
    }

    fn header(&mut self, octet: u8) {
        match std::mem::replace(&mut self.place, Place::Counted) {
            Place::Name(name) => self.name(name, octet),
            Place::NextLine { is_left_out } => match octet {
                b' ' | b'\t' if is_left_out => self.place = Place::LeftOut,
                b' ' | b'\t' => self.count(&[octet]),
                _ => self.name(Vec::new(), octet),
            },
            Place::LeftOut if octet == b'\n' => self.place = Place::NextLine { is_left_out: true },
            Place::LeftOut => self.place = Place::LeftOut,
            Place::Counted if octet == b'\n' => self.end_of_line(),
            Place::Counted => self.count(&[octet]),
            Place::Body => self.place = Place::Body,
        }
    }

    fn name(&mut self, mut name: Vec<u8>, octet: u8) {
        match octet {
            b'\n' if name.is_empty() => {
                self.line_feeds += 1;
                self.place = Place::Body;
            }
            b'\n' => {
                self.count(&name);
                self.end_of_line();
            }
            b':' if is_noted_by_programs(&name) => self.place = Place::LeftOut,
            _ if octet == b':' || name.len() >= NAME_OCTETS_MAX => {
                name.push(octet);
                self.count(&name);
            }
            _ => {
                name.push(octet);
                self.place = Place::Name(name);
            }
        }
    }

    fn end_of_line(&mut self) {
        self.line_feeds += 1;
        self.place = Place::NextLine { is_left_out: false };
    }

    fn count(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        while self.line_feeds > 0 {
            self.line_feeds -= 1;
            self.buffer.push(b'\n');
        }
        self.buffer.extend_from_slice(octets);
    }

    fn flush(&mut self) {
        self.digest.update(&self.buffer);
        self.buffer.clear();
    }
}

impl std::fmt::Debug for Likeness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Likeness(..)")
    }
}

fn is_noted_by_programs(name: &[u8]) -> bool {
    let name = name.trim_ascii_end();
    let is_name = |noted: &[u8]| name.eq_ignore_ascii_case(noted);
    NOTED_BY_PROGRAMS.iter().any(|noted| is_name(noted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(message: &str) -> LikenessDigest {
        let mut whole = Likeness::default();
        whole.update(message.as_bytes());
        let whole = whole.finish();
        for step in 1..5 {
            let mut cut = Likeness::default();
            let pieces = message.as_bytes().chunks(step);
            pieces.for_each(|piece| cut.update(piece));
            assert_eq!(cut.finish(), whole, "{message:?} in pieces of {step}");
        }
        whole
    }

    const MESSAGE: &str = "From: a\r\nSubject: b\r\n c\r\n\r\nStatus: body\r\n\r\nb\r\n";

    #[test]
    fn what_programs_change_does_not_count() {
        for other in [
            MESSAGE.replace("\r\n", "\n"),
            format!("{MESSAGE}\r\n\r\n"),
            MESSAGE.trim_end().to_string(),
            format!("Status: RO\r\n{MESSAGE}"),
            format!("X-Mozilla-Status: 0001\r\nX-Mozilla-Keys:\r\n  a\r\n{MESSAGE}"),
            MESSAGE.replace("\r\n\r\nStatus", "\r\ncontent-length : 5\r\n\r\nStatus"),
        ] {
            assert_eq!(likeness(&other), likeness(MESSAGE), "{other:?}");
        }
    }

    #[test]
    fn everything_else_counts() {
        for other in [
            MESSAGE.replace("Status: body", "Status: Body"),
            MESSAGE.replace("From: a", "From: b"),
            MESSAGE.replace("\r\n\r\nb", "\r\nb"),
            MESSAGE.replace(" c", "c"),
            format!("X-Statue: a\r\n{MESSAGE}"),
            format!("\r\n{MESSAGE}"),
            format!("Received: a\r\n{MESSAGE}"),
        ] {
            assert_ne!(likeness(&other), likeness(MESSAGE), "{other:?}");
        }
    }
}
