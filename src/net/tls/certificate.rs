//! What a certificate says, for `status`, `check` and the renewal.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::{GeneralNameRef, X509, X509NameRef, X509Ref};
use thiserror::Error;
use time::OffsetDateTime;

use super::reason;
use crate::mail::is_direction_mark;

/// One certificate. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    x509: X509,
    not_before: SystemTime,
    not_after: SystemTime,
    fingerprint: Fingerprint,
}

/// A name that a certificate stands for (a subject alternative name, RFC 5280 §4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectName {
    /// A host name in A-labels and small letters, possibly with `*` as its first label.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

/// SHA-256 of a whole certificate. Written as `AB:CD:…`, read with or without colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// How a time lies to a certificate's validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Its first day has not come, or the clock is wrong.
    NotYet,
    /// Valid.
    Valid,
    /// Its last day has passed.
    Expired,
}

/// The text is no certificate that can be read.
#[derive(Debug, Error)]
#[error("no readable certificate: {0}")]
pub struct CertificateError(String);

/// The text is no fingerprint.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")]
pub struct FingerprintError;

impl Certificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Certificate, CertificateError> {
        Certificate::from_x509(X509::from_pem(pem)?)
    }

    /// Reads a certificate in DER, as a handshake carries it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn from_der(der: &[u8]) -> Result<Certificate, CertificateError> {
        Certificate::from_x509(X509::from_der(der)?)
    }

    pub(super) fn from_x509(x509: X509) -> Result<Certificate, CertificateError> {
        let digest = x509.digest(MessageDigest::sha256())?;
        let fingerprint = <[u8; 32]>::try_from(&*digest)
            .map_err(|_| CertificateError("its digest has an odd length".to_owned()))?;
        Ok(Certificate {
            not_before: time_of(x509.not_before())?,
            not_after: time_of(x509.not_after())?,
            fingerprint: Fingerprint(fingerprint),
            x509,
        })
    }

    pub(super) fn x509(&self) -> &X509Ref {
        &self.x509
    }

    /// The names that it stands for. Its common name is not among them: clients ignore it since long.
    pub fn names(&self) -> Vec<SubjectName> {
        let names = self.x509.subject_alt_names();
        names.iter().flatten().filter_map(subject_name).collect()
    }

    /// Whether a client that connects to `name` finds it in the certificate. A `*` stands for
    /// exactly the first label (RFC 6125 §6.4.3).
    pub fn covers(&self, name: &SubjectName) -> bool {
        self.names().iter().any(|own| match (own, name) {
            (SubjectName::Dns(own), SubjectName::Dns(name)) => covers_name(own, name),
            _ => own == name,
        })
    }

    /// Whom it is for, in one line: its common name, else its first name.
    pub fn subject(&self) -> String {
        match common_name(self.x509.subject_name()) {
            Some(name) => name,
            None => self
                .names()
                .first()
                .map_or_else(|| "(no name)".to_owned(), SubjectName::to_string),
        }
    }

    /// Who signed it, in one line.
    pub fn issuer(&self) -> String {
        common_name(self.x509.issuer_name()).unwrap_or_else(|| "(no name)".to_owned())
    }

    /// Whether it was signed with its own key.
    #[cfg(test)]
    pub fn is_self_signed(&self) -> bool {
        is_signed_by(&self.x509, &self.x509)
    }

    /// First moment at which it is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Last moment at which it is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// How `now` lies to its validity.
    pub fn validity(&self, now: SystemTime) -> Validity {
        if now < self.not_before {
            Validity::NotYet
        } else if now > self.not_after {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }

    /// Whole days until it expires; negative once it has.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        let days = |time: Duration| i64::try_from(time.as_secs() / 86_400).unwrap_or(i64::MAX);
        match self.not_after.duration_since(now) {
            Ok(left) => days(left),
            // The first second after the end is day -1.
            Err(error) => -1 - days(error.duration()),
        }
    }

    /// Whether at most a third of its life is left. Never before its life has begun: then the clock
    /// is wrong, and a certificate made by that clock would be wrong, too.
    pub fn renewal_due(&self, now: SystemTime) -> bool {
        let life = self
            .not_after
            .duration_since(self.not_before)
            .unwrap_or_default();
        let left = self.not_after.duration_since(now).unwrap_or_default();
        now >= self.not_before && left <= life / 3
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// Names, issuer, days and fingerprint, for a person who is to know it again. A stranger may have
/// written it: nothing in it moves a cursor or turns a line round.
impl fmt::Display for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES_MAX: usize = 5;
        let names = self.names();
        let mut shown: Vec<String> = names.iter().take(NAMES_MAX).map(printable).collect();
        match names.len() {
            0 => shown.push(printable(&self.subject())),
            n if n > NAMES_MAX => shown.push(format!("{} more", n - NAMES_MAX)),
            _ => {}
        }
        write!(
            formatter,
            "for {}, issued by {}, valid from {} to {}, SHA-256 fingerprint {}",
            shown.join(" "),
            printable(&self.issuer()),
            day(self.not_before),
            day(self.not_after),
            self.fingerprint
        )
    }
}

fn printable(text: &impl fmt::Display) -> String {
    const CHARACTERS_MAX: usize = 100;
    let text = text.to_string();
    let clean =
        text.chars()
            .take(CHARACTERS_MAX)
            .map(|c| match c.is_control() || is_direction_mark(c) {
                true => '?',
                false => c,
            });
    clean.collect()
}

/// `2026-11-22`.
fn day(time: SystemTime) -> String {
    OffsetDateTime::from(time).date().to_string()
}

/// Whether the key of `issuer` signed `certificate`, and the names agree.
pub(super) fn is_signed_by(certificate: &X509Ref, issuer: &X509Ref) -> bool {
    let names = certificate.issuer_name().try_cmp(issuer.subject_name());
    let signature = issuer.public_key().and_then(|key| certificate.verify(&key));
    names.is_ok_and(|order| order.is_eq()) && signature.is_ok_and(|valid| valid)
}

fn covers_name(own: &str, name: &str) -> bool {
    match (own.strip_prefix("*."), name.split_once('.')) {
        (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest),
        _ => own.eq_ignore_ascii_case(name),
    }
}

fn subject_name(name: &GeneralNameRef) -> Option<SubjectName> {
    if let Some(name) = name.dnsname() {
        return Some(SubjectName::Dns(name.to_ascii_lowercase()));
    }
    let octets = name.ipaddress()?;
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(SubjectName::Address(Ipv4Addr::from(v4).into()));
    }
    let v6 = <[u8; 16]>::try_from(octets).ok()?;
    Some(SubjectName::Address(Ipv6Addr::from(v6).into()))
}

fn common_name(name: &X509NameRef) -> Option<String> {
    let entry = name.entries_by_nid(Nid::COMMONNAME).next()?;
    let text = entry.data().to_string().ok()?;
    (!text.is_empty()).then_some(text)
}

fn time_of(time: &Asn1TimeRef) -> Result<SystemTime, CertificateError> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(since.days) * 86_400 + i64::from(since.secs);
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.ok_or_else(|| CertificateError("its dates are beyond this system's time".to_owned()))
}

impl FromStr for SubjectName {
    type Err = std::convert::Infallible;

    /// An address if it reads as one (also in brackets), else a host name.
    fn from_str(text: &str) -> Result<SubjectName, Self::Err> {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        Ok(match bare.unwrap_or(text).parse() {
            Ok(address) => SubjectName::Address(address),
            Err(_) => SubjectName::Dns(text.trim_end_matches('.').to_ascii_lowercase()),
        })
    }
}

impl From<IpAddr> for SubjectName {
    fn from(address: IpAddr) -> SubjectName {
        SubjectName::Address(address)
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubjectName::Dns(name) => formatter.write_str(name),
            SubjectName::Address(address) => address.fmt(formatter),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(formatter, "{colon}{octet:02X}")?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, FingerprintError> {
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        let octets = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
        let octets = octets.map_err(|_| FingerprintError)?;
        Ok(Fingerprint(
            octets.try_into().map_err(|_| FingerprintError)?,
        ))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Certificate({}, {})",
            self.subject(),
            self.fingerprint
        )
    }
}

impl From<ErrorStack> for CertificateError {
    fn from(stack: ErrorStack) -> CertificateError {
        CertificateError(reason::of_stack(&stack))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_covered_as_clients_do_it() {
        for (own, name, expected) in [
            ("post.example.com", "post.example.com", true),
            ("post.example.com", "POST.example.com", true),
            ("post.example.com", "example.com", false),
            ("*.example.com", "post.example.com", true),
            ("*.example.com", "a.post.example.com", false),
            ("*.example.com", "example.com", false),
            ("post", "post", true),
        ] {
            assert_eq!(covers_name(own, name), expected, "{own} {name}");
        }
    }

    #[test]
    fn subject_names_are_read_as_people_write_them() {
        let name = |text: &str| text.parse::<SubjectName>().unwrap();
        assert_eq!(
            name("Post.Example.com."),
            SubjectName::Dns("post.example.com".to_owned())
        );
        assert_eq!(
            name("192.0.2.1"),
            SubjectName::Address("192.0.2.1".parse().unwrap())
        );
        assert_eq!(
            name("[2001:db8::1]"),
            SubjectName::Address("2001:db8::1".parse().unwrap())
        );
    }

    #[test]
    fn a_name_in_a_strangers_certificate_cannot_move_the_cursor() {
        assert_eq!(printable(&"a\x1b[2J\u{202e}b\n"), "a?[2J?b?");
        assert_eq!(printable(&"x".repeat(1000)).len(), 100);
    }

    #[test]
    fn fingerprints_are_read_as_they_are_written() {
        for text in ["", "AB:CD", "zz", &"0".repeat(63), &"0".repeat(66)] {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
        let fingerprint = Fingerprint(std::array::from_fn(|index| {
            u8::try_from(index * 8).unwrap()
        }));
        let text = fingerprint.to_string();
        assert!(text.starts_with("00:08:10:"), "{text}");
        for text in [text.clone(), text.replace(':', ""), text.to_lowercase()] {
            assert_eq!(text.parse(), Ok(fingerprint));
        }
    }
}
