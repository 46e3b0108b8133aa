//! The tokens of a .fetchmailrc, as `man fetchmail` and its lexer have them.
//!
//! Words, numbers and texts, each with its line. What is a text depends on what
//! stands in front: behind `user`, `password`, `is`, `to` and `=` any word is
//! one, the word `keep` as well as a number.

use super::SyntaxError;
use super::words::{NOISE, negated, word_of};

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Counted from 1.
    pub line: usize,
    pub kind: Kind,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word of the grammar, in its long form.
    Word(&'static str),
    Number(i64),
    /// May be a password: never part of an error.
    Text(Vec<u8>),
    Equals,
}

/// Not what a text says.
impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Word(word) => write!(f, "Word({word})"),
            Kind::Number(number) => write!(f, "Number({number})"),
            Kind::Text(_) => f.write_str("Text(…)"),
            Kind::Equals => f.write_str("Equals"),
        }
    }
}

/// What the next token is taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Anything,
    /// A name or a password: any word or number is a text.
    Name,
    /// A value that is a word of its own kind, as `pop3`; noise may stand before.
    Value,
}

/// Takes a file apart.
///
/// # Errors
/// A quote that is not closed.
pub(super) fn tokens(text: &[u8]) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer {
        text,
        at: 0,
        line: 1,
        expected: Expected::Anything,
        tokens: Vec::new(),
    };
    while lexer.step()? {}
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    expected: Expected,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Reads one piece. False at the end.
    fn step(&mut self) -> Result<bool, SyntaxError> {
        match self.rest() {
            [] => return Ok(false),
            [b'\n', ..] | [b'\\', b'\n', ..] => self.end_line(),
            [b'\\', b'\r', b'\n', ..] => self.end_line(),
            [b' ' | b'\t' | b'\r' | b';' | b':' | b',', ..] => self.at += 1,
            [b'#', ..] => self.at += line_length(self.rest()),
            [b'=', ..] => {
                self.at += 1;
                self.push(Kind::Equals);
                self.expected = Expected::Name;
            }
            [quote @ (b'"' | b'\''), ..] => self.read_quoted(*quote)?,
            _ => self.read_word(),
        }
        Ok(true)
    }

    fn push(&mut self, kind: Kind) {
        let line = self.line;
        self.tokens.push(Token { line, kind });
    }

    fn end_line(&mut self) {
        self.at += line_length(self.rest()) + 1;
        self.line += 1;
    }

    fn read_quoted(&mut self, quote: u8) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let inner = rest.get(1..).unwrap_or_default();
        let Some(length) = memchr::memchr(quote, inner) else {
            return Err(SyntaxError::new(
                self.line,
                "the quote that begins here is not closed",
            ));
        };
        // The longer match wins: "a"b is a word that has quotes in it.
        if word_length(rest) > length + 2 {
            self.read_word();
            return Ok(());
        }
        let quoted = inner.get(..length).unwrap_or_default();
        self.push(Kind::Text(unescape(quoted)));
        self.expected = Expected::Anything;
        self.at += length + 2;
        self.line += memchr::memchr_iter(b'\n', quoted).count();
        Ok(())
    }

    fn read_word(&mut self) {
        let rest = self.rest();
        // At least one octet, so that nothing goes on for ever.
        let length = word_length(rest).max(1);
        let raw = rest.get(..length).unwrap_or(rest);
        self.at += length;
        let text = || Kind::Text(unescape(raw));
        if self.expected == Expected::Name {
            self.expected = Expected::Anything;
            self.push(text());
            return;
        }
        let word = std::str::from_utf8(raw).unwrap_or_default();
        if NOISE.contains(&word) {
            return;
        }
        if self.expected == Expected::Value {
            self.expected = Expected::Anything;
            self.push(text());
            return;
        }
        match (word.parse(), word_of(word), negated(word)) {
            (Ok(number), _, _) if !word.starts_with('+') => self.push(Kind::Number(number)),
            (_, Some(word), _) => self.push_word(word),
            (_, _, Some(word)) => {
                self.push_word("no");
                self.push_word(word);
            }
            _ => self.push(text()),
        }
    }

    fn push_word(&mut self, word: &'static str) {
        self.expected = match word {
            "user" | "password" | "is" | "to" => Expected::Name,
            "authenticate" | "protocol" | "bad-header" => Expected::Value,
            _ => Expected::Anything,
        };
        self.push(Kind::Word(word));
    }
}

fn line_length(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).unwrap_or(text.len())
}

fn word_length(text: &[u8]) -> usize {
    let end = |octet: &u8| b"=;:, \t\r\n".contains(octet);
    text.iter().position(end).unwrap_or(text.len())
}

/// `\n` `\t` `\b` `\r`, `\` and a line end, decimal, octal behind a 0, and
/// hexadecimal numbers of octets; any other character stands for itself.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let (octet, taken) = match behind {
            [] => (None, 0),
            [b'\n', ..] => (None, 1),
            [b'\r', b'\n', ..] => (None, 2),
            [b'x' | b'X', digits @ ..] => {
                let (octet, count) = number(digits, 16, 2);
                (Some(octet), count + 1)
            }
            [b'0', ..] => some(number(behind, 8, 3)),
            [b'1'..=b'9', ..] => some(number(behind, 10, 3)),
            [b'n', ..] => (Some(b'\n'), 1),
            [b't', ..] => (Some(b'\t'), 1),
            [b'b', ..] => (Some(8), 1),
            [b'r', ..] => (Some(b'\r'), 1),
            [other, ..] => (Some(*other), 1),
        };
        out.extend(octet);
        rest = behind.get(taken..).unwrap_or_default();
    }
    out
}

fn some((octet, count): (u8, usize)) -> (Option<u8>, usize) {
    (Some(octet), count)
}

/// The number in at most `most` digits, and how many there were.
fn number(text: &[u8], base: u32, most: usize) -> (u8, usize) {
    let digits = text.iter().take(most);
    let values = digits.map_while(|octet| char::from(*octet).to_digit(base));
    values.fold((0, 0), |(number, count), digit| {
        let number = u32::from(number) * base + digit;
        (number as u8, count + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let token = |token: Token| match token.kind {
            Kind::Word(word) => word.to_string(),
            Kind::Number(number) => number.to_string(),
            Kind::Text(text) => format!("‹{}›", String::from_utf8_lossy(&text)),
            Kind::Equals => "=".to_string(),
        };
        let tokens = tokens(text.as_bytes()).unwrap();
        tokens.into_iter().map(token).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_numbers_and_texts_are_told_apart_by_what_stands_before() {
        for (text, expected) in [
            ("", ""),
            ("# all\n#of it", ""),
            ("poll a.b # c\n", "poll ‹a.b›"),
            ("poll a#b", "poll ‹a#b›"),
            ("server a with proto POP3:", "poll ‹a› protocol ‹POP3›"),
            ("proto with pop3", "protocol ‹pop3›"),
            ("port 110 limit -1", "port 110 limit -1"),
            ("pass 110 110", "password ‹110› 110"),
            ("pass keep keep", "password ‹keep› keep"),
            ("user and here", "user ‹and› here"),
            ("is a=here here", "is ‹a› = ‹here› here"),
            ("is \"keep\" keep", "is ‹keep› keep"),
            (
                "auth password password with",
                "authenticate ‹password› password ‹with›",
            ),
            (
                "nokeep nodns nobody no uidl",
                "no keep no dns ‹nobody› no uidl",
            ),
            ("user 'it''s'", "user ‹'it''s'›"),
            ("user \"a\"b", "user ‹\"a\"b›"),
            ("user \"a\" b", "user ‹a› ‹b›"),
            ("user \"a b\"c", "user ‹a b› ‹c›"),
            ("user a,b;c", "user ‹a› ‹b› ‹c›"),
            ("user a \\\n keep", "user ‹a› keep"),
            ("sslfoo ssl", "‹sslfoo› ssl"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn escapes_are_octets() {
        for (text, expected) in [
            (r"a\nb\t\b\r\\\q", &b"a\nb\t\x08\r\\q"[..]),
            (r"\65\066\x41\X4g", b"A6A\x04g"),
            (r"\233\xe9", b"\xe9\xe9"),
            (r"\0101", b"\x081"),
            ("a\\\nb\\", b"ab"),
            (r"\xg", b"\0g"),
            (r"\999", &[(999 % 256) as u8]),
        ] {
            assert_eq!(unescape(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let text = "\n# x\nuser \"a\nb\" keep\\\npoll 'x";
        let error = tokens(text.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "5: the quote that begins here is not closed"
        );
        let lines = tokens(b"\nuser \"a\nb\" keep\\\n\npoll x").unwrap();
        let lines: Vec<usize> = lines.iter().map(|token| token.line).collect();
        assert_eq!(lines, [2, 2, 3, 5, 5]);
    }
}
