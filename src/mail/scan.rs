//! Addresses in a header's value, as they are found in the wild.
//!
//! Linear and tolerant: one bad address does not hide the others. A quoted
//! name, a comment or an encoded word is never taken for an address, since
//! the sender chooses it freely. mailparse reads the plain lists; what it
//! refuses or would misread is read by [`Scanner`].

use mailparse::{MailAddr, SingleInfo};

use super::address::Address;

/// The addresses in an unfolded value, in their order; doubles stay.
pub fn addresses(text: &str) -> Vec<Address> {
    read_plain_list(text).unwrap_or_else(|| Scanner::new(text).scan())
}

/// What mailparse finds, where it can be believed: it knows no nested comment
/// (a comment could smuggle in an address), and it swallows what follows a
/// quoted name without `<`. So every `@` outside quotes must be accounted for.
fn read_plain_list(text: &str) -> Option<Vec<Address>> {
    if text.contains('(') {
        return None;
    }
    let list = mailparse::addrparse(text).ok()?;
    let mut found = Vec::new();
    let mut parse = |single: &SingleInfo| {
        found.push(Address::parse(single.addr.trim()).ok()?);
        Some(())
    };
    for entry in list.iter() {
        match entry {
            MailAddr::Single(single) => parse(single)?,
            MailAddr::Group(group) => group.addrs.iter().try_for_each(&mut parse)?,
        }
    }
    (found.len() == count_separators(text)).then_some(found)
}

/// How many `@` stand outside quotes.
fn count_separators(text: &str) -> usize {
    let (mut count, mut quoted, mut escaped) = (0, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '@' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// Reads a list element by element. Of an element `Anna anna@x <a@example.com>`
/// the brackets count; without any, the bare words with `@`; without these, a
/// quoted text that is nothing but an address.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The bare word under way, comments taken out.
    word: String,
    /// White space follows the word: it goes on only around an `@`.
    gap: bool,
    bracketed: Vec<Address>,
    bare: Vec<Address>,
    quoted: Vec<Address>,
    found: Vec<Address>,
    /// No further `"` and no further `)` closes anything: not searched again,
    /// or a hostile value would take quadratic time.
    no_closing_quote: bool,
    no_closing_comment: bool,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Scanner<'a> {
        Scanner {
            text,
            at: 0,
            word: String::new(),
            gap: false,
            bracketed: Vec::new(),
            bare: Vec::new(),
            quoted: Vec::new(),
            found: Vec::new(),
            no_closing_quote: false,
            no_closing_comment: false,
        }
    }

    fn scan(mut self) -> Vec<Address> {
        while let Some(c) = self.rest().chars().next() {
            self.at += c.len_utf8();
            match c {
                ',' | ';' => self.end_element(),
                '(' => self.skip_comment(),
                '"' => self.read_quoted(),
                '<' => self.read_bracketed(),
                '>' | ')' => self.end_word(),
                ':' => self.read_colon(),
                c if c.is_whitespace() => self.gap = true,
                c => self.push(c),
            }
        }
        self.end_element();
        self.found
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, c: char) {
        if self.gap && c != '@' && !self.word.ends_with('@') {
            self.end_word();
        }
        self.gap = false;
        self.word.push(c);
    }

    fn end_word(&mut self) {
        self.gap = false;
        let word = std::mem::take(&mut self.word);
        if word.contains('@') {
            self.bare.extend(parse_one(&word));
        }
    }

    fn end_element(&mut self) {
        self.end_word();
        let bracketed = std::mem::take(&mut self.bracketed);
        let bare = std::mem::take(&mut self.bare);
        let quoted = std::mem::take(&mut self.quoted);
        let kinds = [bracketed, bare, quoted];
        let best = kinds.into_iter().find(|kind| !kind.is_empty());
        self.found.extend(best.unwrap_or_default());
    }

    /// A comment may hold comments. One without an end reaches to the next
    /// comma: nothing that stands behind its `(` may count as an address.
    fn skip_comment(&mut self) {
        if !self.no_closing_comment {
            let (mut depth, mut escaped) = (1, false);
            for (offset, c) in self.rest().char_indices() {
                match c {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    self.at += offset + 1;
                    return;
                }
            }
            self.no_closing_comment = true;
        }
        let rest = self.rest();
        self.at += rest.find([',', ';']).unwrap_or(rest.len());
    }

    /// A quoted local part where `@` follows, else a name.
    fn read_quoted(&mut self) {
        let Some(length) = self.find_closing_quote() else {
            // A stray quote is no more than white space.
            self.gap = true;
            return;
        };
        let inner = self.rest().get(..length).unwrap_or_default();
        self.at += length + 1;
        if self.rest().starts_with('@') {
            self.push('"');
            self.word.push_str(inner);
            self.word.push('"');
        } else {
            self.end_word();
            self.quoted.extend(parse_one(inner));
        }
    }

    fn find_closing_quote(&mut self) -> Option<usize> {
        if self.no_closing_quote {
            return None;
        }
        let found = closing_quote(self.rest());
        self.no_closing_quote = found.is_none();
        found
    }

    /// What stands in angle brackets; where the closing one is missing, what
    /// follows up to white space or a comma.
    fn read_bracketed(&mut self) {
        self.end_word();
        let rest = self.rest();
        let mut at = 0;
        let content = loop {
            let tail = rest.get(at..).unwrap_or_default();
            let Some(offset) = tail.find(['<', '>', '"']) else {
                break None;
            };
            at += offset + 1;
            match tail.as_bytes().get(offset) {
                Some(b'>') => break rest.get(..at - 1),
                Some(b'"') if !self.no_closing_quote => {
                    let quoted = rest.get(at..).unwrap_or_default();
                    match closing_quote(quoted) {
                        Some(length) => at += length + 1,
                        None => self.no_closing_quote = true,
                    }
                }
                Some(b'"') => {}
                _ => break None,
            }
        };
        let content = match content {
            Some(content) => {
                self.at += content.len() + 1;
                content
            }
            None => {
                let ends = |c: char| c.is_whitespace() || ",;<\"".contains(c);
                let content = rest.get(..rest.find(ends).unwrap_or(rest.len()));
                let content = content.unwrap_or_default();
                self.at += content.len();
                content
            }
        };
        self.bracketed.extend(parse_bracketed(content));
    }

    /// The end of a group's name, of `mailto`, of a route, or a part of an
    /// IPv6 literal.
    fn read_colon(&mut self) {
        if self.word.contains("@[") {
            self.push(':');
        } else if self.word.find('@').is_some_and(|at| at > 0) {
            self.end_word();
        } else {
            self.word.clear();
            self.gap = false;
            self.bare.clear();
            self.quoted.clear();
        }
    }
}

/// The octets before the quote that closes what was opened before `text`.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// One address, or several that somebody put into one pair of brackets.
fn parse_bracketed(content: &str) -> Vec<Address> {
    if let Some(address) = parse_one(content) {
        return vec![address];
    }
    let parts = content.split(|c: char| c.is_whitespace() || ",;".contains(c));
    parts.filter_map(parse_one).collect()
}

/// An address with what people put around it: `mailto:`, a route, single
/// quotes, a dot, white space around the `@`.
fn parse_one(text: &str) -> Option<Address> {
    let text = text.trim();
    if let Ok(address) = Address::parse(text) {
        return Some(address);
    }
    let text = match text.split_once(':') {
        // RFC 5321 appendix C: the route is ignored.
        Some((route, target)) if route.starts_with('@') => target,
        Some((scheme, target)) if scheme.bytes().all(|c| c.is_ascii_alphabetic()) => {
            target.split('?').next().unwrap_or(target)
        }
        _ => text,
    };
    let around = |c: char| c.is_whitespace() || c.is_control() || "'`.".contains(c);
    let text = text.trim_matches(around);
    let parsed = Address::parse(text).ok();
    parsed.or_else(|| {
        let (local_part, domain) = text.rsplit_once('@')?;
        let joined = format!("{}@{}", local_part.trim(), domain.trim());
        Address::parse(&joined).ok()
    })
}

#[cfg(test)]
mod tests;
