//! Messages with known content: each carries a token that no other one has, and
//! can be written again from its token and size.

use std::sync::OnceLock;

use openssl::sha::sha256;

use crate::random::Random;

/// Names one letter of an office for ever.
pub type Token = u64;

/// The text that letters are cut from: lines of so many octets each.
const LINE_OCTETS: usize = 64;
const TEXT_LINES: usize = 16 * 1024;

/// The octets of a letter; `head` stands in front, as a provider writes it.
pub fn write(token: Token, size: usize, head: &str) -> Vec<u8> {
    let first = Random::seeded(token).below(TEXT_LINES as u64 / 2) as usize;
    let text = &text()[first * LINE_OCTETS..];
    let lines = (size / LINE_OCTETS).clamp(1, TEXT_LINES / 2);
    let own = format!(
        "From: Kate <kate@elsewhere.example>\r\nSubject: letter {token} for the office\r\n\
         Message-ID: <{token}@elsewhere.example>\r\nX-Token: {token}\r\n\r\n"
    );
    let mut octets = [head.as_bytes(), own.as_bytes()].concat();
    octets.extend_from_slice(&text[..lines * LINE_OCTETS]);
    octets
}

/// The token that a message bears, and that of the letter a notice is about.
pub fn token_of(octets: &[u8]) -> Option<Token> {
    let head = String::from_utf8_lossy(&octets[..octets.len().min(4096)]).into_owned();
    let behind = |name: &str| {
        let (_, rest) = head.split_once(name)?;
        let digits = rest.split(|octet: char| !octet.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    behind("\r\nX-Token: ").or_else(|| behind(NOTICE))
}

/// Whether it only says that a letter stays at the provider.
pub fn is_notice(octets: &[u8]) -> bool {
    let head = &octets[..octets.len().min(4096)];
    let notice = NOTICE.as_bytes();
    head.windows(notice.len()).any(|it| it == notice)
}

const NOTICE: &str = "Too large to fetch: letter ";

pub fn digest(octets: &[u8]) -> [u8; 32] {
    sha256(octets)
}

/// With a dot more before each line that begins with one.
pub fn stuffed(octets: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(octets.len() + octets.len() / 8);
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    stuffed
}

/// Lines that begin with dots, blanks and names of fields, among others.
fn text() -> &'static [u8] {
    static TEXT: OnceLock<Vec<u8>> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut random = Random::seeded(1);
        let mut text = Vec::with_capacity(TEXT_LINES * LINE_OCTETS);
        for _ in 0..TEXT_LINES {
            let begin = *random.pick(&["", "", "", ".", "..", ".\t", " ", "From ", "X-Token: "]);
            let mut line = begin.as_bytes().to_vec();
            while line.len() < LINE_OCTETS - 2 {
                line.extend_from_slice(format!("{:016x}", random.next()).as_bytes());
            }
            line.truncate(LINE_OCTETS - 2);
            text.extend_from_slice(&line);
            text.extend_from_slice(b"\r\n");
        }
        text
    })
}
