//! Values that only a `[[provider]]` has.

use std::fmt;
use std::net::IpAddr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::fetch::{Pipelining, Security};
use crate::mail::Domain;
use crate::net::fetcher::OfficeHours;
use crate::net::tls::Fingerprint;
use crate::route::multidrop::Copies;

use super::values::Written;

/// The longest name of an account: it stands in tables and in every log line.
const NAME_CHARACTERS_MAX: usize = 32;

/// What commands and the log call an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountName(pub String);

impl Written for AccountName {
    const EXPECTED: &'static str =
        "a name of 1 to 32 letters (a-z), digits, \".\", \"_\" or \"-\", such as \"main\"";

    fn read(text: &str) -> Option<AccountName> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let is_name = (1..=NAME_CHARACTERS_MAX).contains(&text.len()) && text.chars().all(good);
        is_name.then(|| AccountName(text.to_string()))
    }
}

/// A server: a host name in A-labels, or an address without brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host(pub String);

impl Written for Host {
    const EXPECTED: &'static str = "the name of a server such as \"pop.provider.example\", or its address, without a \
         port (that is set by port = …)";

    fn read(text: &str) -> Option<Host> {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            return Some(Host(address.to_string()));
        }
        let name = Domain::parse(text).ok()?.to_string();
        // A name that ends like an address is one with a slip in it.
        let last = name.rsplit('.').next()?;
        let is_number = last.bytes().all(|octet| octet.is_ascii_digit());
        (!is_number && !name.starts_with('[')).then_some(Host(name))
    }
}

/// A TCP port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Port(pub u16);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Port, D::Error> {
        struct PortVisitor;
        impl Visitor<'_> for PortVisitor {
            type Value = Port;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port: a whole number from 1 to 65535, without quotes")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Port, E> {
                match u16::try_from(number) {
                    Ok(port @ 1..) => Ok(Port(port)),
                    _ => Err(E::custom("expected a port: a whole number from 1 to 65535")),
                }
            }
        }
        deserializer.deserialize_i64(PortVisitor)
    }
}

impl Written for Security {
    const EXPECTED: &'static str =
        "implicit (TLS from the first octet, port 995), starttls or none";

    fn read(text: &str) -> Option<Security> {
        match text {
            "implicit" => Some(Security::Tls),
            "starttls" => Some(Security::StlsRequired),
            "none" => Some(Security::Clear),
            _ => None,
        }
    }
}

/// `method`: how to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Auto,
    User,
    Apop,
    Plain,
    XOAuth2,
    XOAuth2Initial,
}

impl Written for Method {
    const EXPECTED: &'static str = "auto, user, apop, plain, xoauth2 or xoauth2-initial";

    fn read(text: &str) -> Option<Method> {
        match text {
            "auto" => Some(Method::Auto),
            "user" => Some(Method::User),
            "apop" => Some(Method::Apop),
            "plain" => Some(Method::Plain),
            "xoauth2" => Some(Method::XOAuth2),
            "xoauth2-initial" => Some(Method::XOAuth2Initial),
            _ => None,
        }
    }
}

impl Written for Fingerprint {
    const EXPECTED: &'static str =
        "the SHA-256 fingerprint of a certificate: 64 hexadecimal digits, with or without colons";

    fn read(text: &str) -> Option<Fingerprint> {
        text.parse().ok()
    }
}

/// `mode`: how recipients are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModeName {
    Envelope,
    Guess,
    Single,
}

impl Written for ModeName {
    const EXPECTED: &'static str = "envelope, guess or single";

    fn read(text: &str) -> Option<ModeName> {
        match text {
            "envelope" => Some(ModeName::Envelope),
            "guess" => Some(ModeName::Guess),
            "single" => Some(ModeName::Single),
            _ => None,
        }
    }
}

impl fmt::Display for ModeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModeName::Envelope => "envelope",
            ModeName::Guess => "guess",
            ModeName::Single => "single",
        })
    }
}

impl Written for Copies {
    const EXPECTED: &'static str = "per-recipient or per-message";

    fn read(text: &str) -> Option<Copies> {
        match text {
            "per-recipient" => Some(Copies::PerRecipient),
            "per-message" => Some(Copies::PerMessage),
            _ => None,
        }
    }
}

impl Written for Pipelining {
    const EXPECTED: &'static str = "auto, offered or off";

    fn read(text: &str) -> Option<Pipelining> {
        match text {
            "auto" => Some(Pipelining::ByTest),
            "offered" => Some(Pipelining::Offered),
            "off" => Some(Pipelining::Off),
            _ => None,
        }
    }
}

impl Written for OfficeHours {
    const EXPECTED: &'static str = "days and hours such as \"Mon-Fri 07:00-19:00\", \"Mon,Wed,Sat 08:00-12:30\" or \
         \"daily 06:00-24:00\", within one day";

    fn read(text: &str) -> Option<OfficeHours> {
        let (days, hours) = text.rsplit_once(char::is_whitespace)?;
        let (from, to) = hours.split_once('-')?;
        let (from_minute, to_minute) = (minute_of(from)?, minute_of(to)?);
        (from_minute < to_minute).then_some(OfficeHours {
            days: days_of(days)?,
            from_minute,
            to_minute,
        })
    }
}

/// `daily`, or days and spans of days with commas between.
fn days_of(text: &str) -> Option<[bool; 7]> {
    if text.trim().eq_ignore_ascii_case("daily") {
        return Some([true; 7]);
    }
    let mut days = [false; 7];
    for span in text.split(',') {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        let (first, last) = (day_of(first)?, day_of(last)?);
        // `Sat-Mon` goes over the end of the week.
        let count = (last + 7 - first) % 7 + 1;
        let named = (0..count).map(|step| (first + step) % 7);
        named.for_each(|day| {
            if let Some(day) = days.get_mut(day) {
                *day = true;
            }
        });
    }
    Some(days)
}

/// Monday is 0.
fn day_of(text: &str) -> Option<usize> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let text = text.trim().to_ascii_lowercase();
    let is_day = |day: &&str| *day == text || day.get(..3) == Some(text.as_str());
    DAYS.iter().position(is_day)
}

/// `07:30` in minutes since midnight; `24:00` is the end of the day.
fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let is_number = text.bytes().all(|octet| octet.is_ascii_digit());
        let is_number = is_number && digits.contains(&text.len());
        text.parse::<u16>().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours, 1..=2)?, number(minutes, 2..=2)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= 24 * 60).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_account_is_refused() {
        for text in ["", "Main", "a b", "ä", "a/b", &"a".repeat(33)] {
            assert_eq!(AccountName::read(text), None, "{text}");
        }
        for text in ["main", "gmx.net", "a-1_b", &"a".repeat(32)] {
            let name = AccountName::read(text);
            assert_eq!(name, Some(AccountName(text.to_string())));
        }
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for text in [
            "",
            "pop.provider.example:995",
            "[::1]:995",
            "pop3s://pop.provider.example",
            "a b.example",
            "192.0.2",
            "192.0.2.256",
            "[192.0.2.1",
            "[IPv6:::1]",
            "user@provider.example",
        ] {
            assert_eq!(Host::read(text), None, "{text}");
        }
        for (text, host) in [
            ("POP.Provider.Example.", "pop.provider.example"),
            ("pop.bücher.example", "pop.xn--bcher-kva.example"),
            ("localhost", "localhost"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(Host::read(text), Some(Host(host.to_string())), "{text}");
        }
    }

    #[test]
    fn what_is_no_office_hours_is_refused() {
        for text in [
            "",
            "Mon-Fri",
            "07:00-19:00",
            "Mon-Fri 7-19",
            "Mon-Fri 19:00-07:00",
            "Mon-Fri 07:00-07:00",
            "Mon-Fri 07:00-24:01",
            "Mon-Fri 07:60-19:00",
            "Mon-Fri +7:00-19:00",
            "Mon-Fri 07:0-19:00",
            "Mon-Fri 007:00-19:00",
            "Mon-Fri 07:00 - 19:00",
            "Mo-Fr 07:00-19:00",
            "Mon-Wed-Fri 07:00-19:00",
            "Mon,,Fri 07:00-19:00",
            "Mon;Fri 07:00-19:00",
            "7 07:00-19:00",
        ] {
            assert_eq!(OfficeHours::read(text), None, "{text}");
        }
    }

    #[test]
    fn office_hours_are_days_and_a_span_of_minutes() {
        for (text, days, from_minute, to_minute) in [
            ("Mon-Fri 07:00-19:00", "1111100", 420, 1140),
            ("mon,WED,Saturday 8:00-12:30", "1010010", 480, 750),
            ("daily 00:00-24:00", "1111111", 0, 1440),
            ("Mon-Thu, Sat  06:00-06:01", "1111010", 360, 361),
            ("Sat-Mon 07:00-19:00", "1000011", 420, 1140),
            ("Sun 07:00-19:00", "0000001", 420, 1140),
        ] {
            let hours = OfficeHours::read(text).unwrap();
            let found: String = hours
                .days
                .map(|day| if day { '1' } else { '0' })
                .iter()
                .collect();
            assert_eq!(found, days, "{text}");
            assert_eq!(
                (hours.from_minute, hours.to_minute),
                (from_minute, to_minute)
            );
        }
    }
}
