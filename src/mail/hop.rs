//! What a Received line says (RFC 5321 §4.4), as far as routing needs it.
//!
//! Only reads; who may be believed is [`crate::route::multidrop`]'s question.
//! The words of the sender (its HELO name, its reverse-path in a comment) are
//! kept apart from what the writing host found out by itself.

use std::net::{IpAddr, Ipv6Addr};

use super::address::Address;
use super::scan::addresses;

/// One Received line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Whether the line could be taken apart; if not, all else is empty.
    pub readable: bool,
    /// Who handed the message over; none where the line names nobody.
    pub source: Option<HopSource>,
    /// The host that wrote the line, in lower case.
    pub by: Option<String>,
    /// The addresses of its `for` clause.
    pub recipients: Vec<Address>,
}

/// The `from` clause.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HopSource {
    /// The first name, in lower case: with most servers what the client called
    /// itself, so anything at all.
    pub name: Option<String>,
    /// The name that the writing host looked up; `unknown` where it found none.
    pub looked_up: Option<String>,
    /// The connection's address; several where the line is ambiguous.
    pub addresses: Vec<IpAddr>,
}

impl Hop {
    /// Takes an unfolded value apart. Linear.
    pub fn parse(text: &str) -> Hop {
        tokens(text)
            .and_then(|tokens| read(&tokens))
            .unwrap_or(Hop {
                readable: false,
                source: None,
                by: None,
                recipients: Vec::new(),
            })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Comment(&'a str),
}

impl Token<'_> {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// The words and comments up to the date; none where a comment or a quote has
/// no end, since then nobody can say what belongs to which clause.
fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ';' => break,
            '(' => {
                let length = comment_length(rest)?;
                tokens.push(Token::Comment(rest.get(1..length - 1)?));
                length
            }
            _ => {
                let length = word_length(rest)?;
                tokens.push(Token::Word(rest.get(..length)?));
                length
            }
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(tokens)
}

/// Up to and with the closing bracket. A quoted local part in angle brackets
/// is stepped over: `(envelope-from <"x) for a@b ("@c>)` is one comment, and
/// its reverse-path is the sender's to choose.
fn comment_length(text: &str) -> Option<usize> {
    let (mut depth, mut before, mut quoted) = (0, ' ', false);
    for (at, c) in text.char_indices() {
        match c {
            _ if before == '\\' => {
                before = ' ';
                continue;
            }
            '"' if quoted || before == '<' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
        before = c;
    }
    None
}

fn word_length(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | ';' => return Some(at),
            c if c.is_whitespace() => return Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(text.len())
}

/// None where `by` or `for` stands twice: one of them is somebody's fake.
fn read(tokens: &[Token<'_>]) -> Option<Hop> {
    let (source, tokens) = match tokens.split_first() {
        Some((first, rest)) if first.is("from") => {
            // The first name may be any word, even `by`; it may be missing.
            let name = usize::from(matches!(rest.first(), Some(Token::Word(_))));
            let by = rest.iter().skip(name).position(|token| token.is("by"));
            let (source, rest) = rest.split_at(by.map_or(rest.len(), |by| by + name));
            (Some(read_source(source)), rest)
        }
        _ => (None, tokens),
    };
    let clauses = |keyword| tokens.iter().filter(move |token| token.is(keyword)).count();
    if clauses("by") > 1 || clauses("for") > 1 {
        return None;
    }
    let word_after = |keyword| {
        let mut after = tokens.iter().skip_while(move |token| !token.is(keyword));
        match after.nth(1) {
            Some(Token::Word(word)) => Some(*word),
            _ => None,
        }
    };
    let host = |word: &str| word.trim_matches(['.', '[', ']', ',']).to_ascii_lowercase();
    Some(Hop {
        readable: true,
        source,
        by: word_after("by").map(host).filter(|host| !host.is_empty()),
        recipients: word_after("for").map(addresses).unwrap_or_default(),
    })
}

fn read_source(tokens: &[Token<'_>]) -> HopSource {
    let mut source = HopSource::default();
    let mut helo_is_apart = false;
    for token in tokens {
        match token {
            Token::Comment(comment) => helo_is_apart |= read_comment(comment, &mut source),
            Token::Word(word) if source.name.is_none() => {
                source.name = Some(word.trim_matches('.').to_ascii_lowercase());
            }
            Token::Word(_) => {}
        }
    }
    if source.addresses.is_empty() {
        // Exim's `from [192.0.2.1] (helo=x)`: an address in place of a name.
        let literal = source.name.as_deref().and_then(parse_address);
        source.addresses.extend(literal);
    } else if helo_is_apart && source.looked_up.is_none() {
        // Exim's `from name ([192.0.2.1] helo=x)`: the name is a looked-up one.
        source.looked_up.clone_from(&source.name);
    }
    source
}

/// Reads `name [address]`, `[address] helo=x`, `HELO x`, `address`. Says
/// whether the HELO name stands apart, in Exim's way.
fn read_comment(comment: &str, source: &mut HopSource) -> bool {
    let mut helo_is_apart = false;
    let mut before: Option<&str> = None;
    let words = comment.split(|c: char| c.is_whitespace() || "(),;".contains(c));
    for word in words.filter(|word| !word.is_empty()) {
        let said = |words: [&str; 2]| {
            let said = |said: &str| words.iter().any(|word| word.eq_ignore_ascii_case(said));
            before.is_some_and(said)
        };
        let lower = word.to_ascii_lowercase();
        if lower.starts_with("helo=") {
            helo_is_apart = true;
        } else if said(["helo", "ehlo"]) || lower.starts_with("ident=") {
            // The client's own words.
        } else if let Some(address) = parse_address(word) {
            source.addresses.push(address);
            if let Some(name) = before.filter(|_| word.starts_with('[')) {
                let host = name.rsplit_once('@').map_or(name, |(_, host)| host);
                source.looked_up = Some(host.trim_matches('.').to_ascii_lowercase());
            }
        } else if lower == "forged" {
            // sendmail's `(may be forged)`: the name does not lead back.
            source.looked_up = Some("unknown".to_string());
        }
        before = Some(word);
    }
    helo_is_apart
}

/// `192.0.2.1`, `[192.0.2.1]:25`, `[IPv6:2001:db8::1]`.
fn parse_address(word: &str) -> Option<IpAddr> {
    let inner = match word.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => word,
    };
    let lower = inner.to_ascii_lowercase();
    let text = lower.strip_prefix("ipv6:").unwrap_or(&lower);
    let address = text.parse::<IpAddr>().ok()?;
    Some(address.to_canonical())
}

/// Whether mail from there cannot have come over the Internet: loopback,
/// private and link-local addresses (RFC 1918, RFC 4193, RFC 3927).
pub fn is_private(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => {
            v6 == Ipv6Addr::LOCALHOST || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line in short: `name/looked-up/addresses by host for addresses`.
    fn show(line: &str) -> String {
        let hop = Hop::parse(line);
        if !hop.readable {
            return "unreadable".to_string();
        }
        let list = |list: Vec<String>| list.join("+");
        let source = hop.source.map_or("-".to_string(), |source| {
            let addresses = source.addresses.iter().map(IpAddr::to_string).collect();
            let (name, looked_up) = (source.name, source.looked_up);
            let text = |text: Option<String>| text.unwrap_or_default();
            format!("{}/{}/{}", text(name), text(looked_up), list(addresses))
        });
        let recipients = hop.recipients.iter().map(Address::to_string).collect();
        let by = hop.by.unwrap_or_default();
        format!("{source} by {by} for {}", list(recipients))
    }

    #[test]
    fn each_server_writes_it_in_its_own_way() {
        for (line, expected) in [
            // sendmail
            (
                "from a.example (b.example [192.0.2.1]) by MX.example.com (8.11.6/8.11.6) with ESMTP id g9 for <anna@example.com>; Tue, 1 Oct 2002",
                "a.example/b.example/192.0.2.1 by mx.example.com for anna@example.com",
            ),
            (
                "from a.example (b.example [192.0.2.1] (may be forged)) by mx.example.com; x",
                "a.example/unknown/192.0.2.1 by mx.example.com for ",
            ),
            (
                "from a.example (root@b.example [192.0.2.1]) by mx.example.com; x",
                "a.example/b.example/192.0.2.1 by mx.example.com for ",
            ),
            // Postfix
            (
                "from a.example (unknown [IPv6:2001:db8::1]) by mx.example.com (Postfix) with ESMTP id 5E for <anna@example.com>; x",
                "a.example/unknown/2001:db8::1 by mx.example.com for anna@example.com",
            ),
            (
                "by mx.example.com (Postfix, from userid 500) id 03C; x",
                "- by mx.example.com for ",
            ),
            // Exim
            (
                "from b.example ([192.0.2.1] helo=a.example) by mx.example.com with esmtp (Exim 4) id 1-2 for anna@example.com; x",
                "b.example/b.example/192.0.2.1 by mx.example.com for anna@example.com",
            ),
            (
                "from [192.0.2.1] (helo=127.0.0.1) by mx.example.com with smtp (Exim 3.35 #1 (Debian)) id 1; x",
                "[192.0.2.1]//192.0.2.1 by mx.example.com for ",
            ),
            // qmail
            (
                "from unknown (HELO 127.0.0.1) (192.0.2.1) by mx.example.com with SMTP; x",
                "unknown//192.0.2.1 by mx.example.com for ",
            ),
            ("(qmail 1 invoked from network); x", "- by  for "),
            // Others
            (
                "from mail pickup service by mx.example.com with Microsoft SMTPSVC; x",
                "mail// by mx.example.com for ",
            ),
            (
                "from ([192.0.2.1]) by mx.example.com; x",
                "//192.0.2.1 by mx.example.com for ",
            ),
            (
                "by 10.1.2.3 with SMTP id x for <anna@example.com> (Google Transport Security); x",
                "- by 10.1.2.3 for anna@example.com",
            ),
        ] {
            assert_eq!(show(line), expected, "{line}");
        }
    }

    #[test]
    fn what_the_sender_chose_does_not_become_a_clause() {
        for (line, expected) in [
            (
                "from x by mx.example.com (envelope-from <\"a) for <bob@example.com> (\"@evil.example>) id 1; x",
                "x// by mx.example.com for ",
            ),
            (
                "from x (HELO for) (192.0.2.1) by mx.example.com; for <bob@example.com>",
                "x//192.0.2.1 by mx.example.com for ",
            ),
            ("from x (192.0.2.1 by mx.example.com; x", "unreadable"),
            ("from x by a by mx.example.com; x", "unreadable"),
            (
                "by mx.example.com for <a@example.com> for <b@example.com>",
                "unreadable",
            ),
            ("by mx.example.com for \"a; x", "unreadable"),
            (
                "from by ([192.0.2.1]) by mx.example.com; x",
                "by//192.0.2.1 by mx.example.com for ",
            ),
            ("", "- by  for "),
            (";", "- by  for "),
            ("by", "- by  for "),
        ] {
            assert_eq!(show(line), expected, "{line}");
        }
    }

    #[test]
    fn private_networks_are_told_from_the_internet() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("192.168.0.1", true),
            ("169.254.1.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:10.0.0.1", true),
            ("172.32.0.1", false),
            ("100.64.0.1", false),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_private(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
