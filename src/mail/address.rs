//! Addresses: a local part and a domain (RFC 5321 §4.1.2, RFC 6531 §3.3).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The longest local part taken. RFC 5321 §4.5.3.1.1 asks for 64; senders of
/// bounces and lists use more, and a refusal would lose their mail.
const LOCAL_PART_OCTETS_MAX: usize = 255;
/// RFC 5321 §4.5.3.1.2.
const DOMAIN_OCTETS_MAX: usize = 255;

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No `@` between a local part and a domain.
    #[error("an address has the form name@domain")]
    NoDomain,
    /// Nothing before the `@`.
    #[error("the part before the @ is empty")]
    NoLocalPart,
    /// An octet that would have to stand in quotes, or an unfinished quote.
    #[error("the part before the @ has a character that must stand in quotes")]
    LocalPartSyntax,
    /// More than 255 octets.
    #[error("the part before the @ is too long")]
    LocalPartTooLong,
    /// Not a host name and not an address literal.
    #[error("the part after the @ is not a domain")]
    DomainSyntax,
}

/// A domain in A-label form, in lower case; or an address literal as
/// `[192.0.2.1]`. Two domains are equal when mail treats them as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// Parses a domain. Letters beyond ASCII become A-labels (RFC 5890).
    ///
    /// # Errors
    /// [`AddressError::DomainSyntax`].
    pub fn parse(text: &str) -> Result<Domain, AddressError> {
        if let Some(literal) = text.strip_prefix('[') {
            let literal = literal
                .strip_suffix(']')
                .ok_or(AddressError::DomainSyntax)?;
            return Domain::parse_literal(literal);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let name = if text.is_ascii() && !text.to_ascii_lowercase().contains("xn--") {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| AddressError::DomainSyntax)?
        };
        let label_is_good = |label: &str| {
            let good = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
            (1..=63).contains(&label.len()) && label.bytes().all(good)
        };
        if name.len() > DOMAIN_OCTETS_MAX || !name.split('.').all(label_is_good) {
            return Err(AddressError::DomainSyntax);
        }
        Ok(Domain(name))
    }

    fn parse_literal(literal: &str) -> Result<Domain, AddressError> {
        let lower = literal.to_ascii_lowercase();
        if let Ok(address) = lower.parse::<Ipv4Addr>() {
            return Ok(Domain(format!("[{address}]")));
        }
        let address = lower
            .strip_prefix("ipv6:")
            .and_then(|text| text.parse::<Ipv6Addr>().ok());
        let address = address.ok_or(AddressError::DomainSyntax)?;
        Ok(Domain(format!("[IPv6:{address}]")))
    }

    /// The domain as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part before the `@`, without quotes, its case kept: only its own domain
/// may say that case does not matter (RFC 5321 §2.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalPart(String);

impl LocalPart {
    /// Parses a dot-string or a quoted-string. Dots may stand anywhere, since
    /// such addresses exist and their mail must not be lost.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<LocalPart, AddressError> {
        let value = match text.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None if text.chars().all(|c| is_atext(c) || c == '.') => text.to_string(),
            None => return Err(AddressError::LocalPartSyntax),
        };
        match value.len() {
            0 => Err(AddressError::NoLocalPart),
            1..=LOCAL_PART_OCTETS_MAX => Ok(LocalPart(value)),
            _ => Err(AddressError::LocalPartTooLong),
        }
    }

    /// The local part as its mailbox knows it, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case, without the `+tag`: how local parts of ours compare.
    pub fn folded(&self) -> String {
        let name = match self.0.split_once('+') {
            Some((name, _)) if !name.is_empty() => name,
            _ => &self.0,
        };
        name.to_lowercase()
    }
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = !self.0.starts_with('.') && !self.0.ends_with('.') && !self.0.contains("..");
        if plain && self.0.chars().all(|c| is_atext(c) || c == '.') {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if c == '"' || c == '\\' {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

/// `local-part@domain`. Displayed with the quotes that it needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Before the `@`.
    pub local_part: LocalPart,
    /// After it.
    pub domain: Domain,
}

impl Address {
    /// Parses an address without angle brackets, display name or route.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let at = separator(text).ok_or(AddressError::NoDomain)?;
        let (local_part, domain) = text.split_at(at);
        Ok(Address {
            local_part: LocalPart::parse(local_part)?,
            domain: Domain::parse(domain.strip_prefix('@').unwrap_or(domain))?,
        })
    }

    /// Whether the address needs SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.local_part.0.is_ascii()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.domain)
    }
}

/// Where the `@` stands that ends the local part: behind the quotes, if any.
fn separator(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        return text.find('@');
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.get(at + 1..)?.starts_with('@').then_some(at + 1),
            _ => {}
        }
    }
    None
}

/// The value of a quoted-string whose opening quote is taken off.
fn unquote(quoted: &str) -> Result<String, AddressError> {
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '"' if chars.as_str().is_empty() => return Ok(value),
            '"' => return Err(AddressError::LocalPartSyntax),
            '\\' => chars.next().ok_or(AddressError::LocalPartSyntax)?,
            c => c,
        };
        if c.is_control() {
            return Err(AddressError::LocalPartSyntax);
        }
        value.push(c);
    }
    Err(AddressError::LocalPartSyntax)
}

/// RFC 5322 §3.2.3, and every letter beyond ASCII (RFC 6532 §3.2).
fn is_atext(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        c if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(c),
        c => !c.is_control() && !c.is_whitespace(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        use AddressError::*;
        for (text, expected) in [
            ("", NoDomain),
            ("anna", NoDomain),
            ("@example.com", NoLocalPart),
            ("\"\"@example.com", NoLocalPart),
            ("a b@example.com", LocalPartSyntax),
            ("a\r@example.com", LocalPartSyntax),
            ("\"a\nb\"@example.com", LocalPartSyntax),
            ("\"a\"b@example.com", NoDomain),
            ("\"a@example.com", NoDomain),
            ("<a@example.com", LocalPartSyntax),
            ("a@", DomainSyntax),
            ("a@b@example.com", DomainSyntax),
            ("a@exam ple.com", DomainSyntax),
            ("a@example..com", DomainSyntax),
            ("a@.", DomainSyntax),
            ("a@[1.2.3]", DomainSyntax),
            ("a@[IPv6:1.2.3.4", DomainSyntax),
        ] {
            assert_eq!(Address::parse(text), Err(expected), "{text:?}");
        }
        let long = format!("{}@example.com", "a".repeat(256));
        assert_eq!(Address::parse(&long), Err(LocalPartTooLong));
    }

    #[test]
    fn an_address_is_displayed_with_the_quotes_that_it_needs() {
        for (text, displayed) in [
            ("Anna.Smith@Example.COM", "Anna.Smith@example.com"),
            ("anna@example.com.", "anna@example.com"),
            ("\"anna\"@example.com", "anna@example.com"),
            ("\"a b\"@example.com", "\"a b\"@example.com"),
            ("\"a\\\"b@c\"@example.com", "\"a\\\"b@c\"@example.com"),
            ("a..b@example.com", "\"a..b\"@example.com"),
            ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
            ("a@[192.0.2.1]", "a@[192.0.2.1]"),
            ("a@[ipv6:2001:DB8::1]", "a@[IPv6:2001:db8::1]"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), displayed);
            assert_eq!(Address::parse(displayed).unwrap(), address);
        }
    }

    #[test]
    fn domains_are_equal_in_a_label_form() {
        let domain = |text| Domain::parse(text).unwrap();
        assert_eq!(domain("BÜCHER.example"), domain("xn--bcher-kva.EXAMPLE"));
    }

    #[test]
    fn a_local_part_of_ours_is_folded_without_its_tag() {
        let folded = |text| LocalPart::parse(text).unwrap().folded();
        assert_eq!(folded("Anna+Shop"), "anna");
        assert_eq!(folded("+anna"), "+anna");
        assert_eq!(folded("ÄRGER"), "ärger");
    }
}
