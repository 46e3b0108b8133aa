//! Values that are written as text: sizes, durations, choices.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::net::networks::Network;
use crate::net::office::PlaintextPolicy;
use crate::store::Budget;
use log::LevelFilter;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

/// A value that is written as text in quotes.
pub(super) trait Written: Sized {
    /// Completes "expected …".
    const EXPECTED: &'static str;

    /// The value, if the text is one.
    fn read(text: &str) -> Option<Self>;
}

/// Reads a [`Written`] value; everything else is answered with what it expects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<T>(pub T);

impl<'de, T: Written> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<T>, D::Error> {
        struct TextVisitor<T>(PhantomData<T>);
        impl<T: Written> Visitor<'_> for TextVisitor<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
                let value = T::read(text.trim());
                let value = value.ok_or_else(|| E::custom(format!("expected {}", T::EXPECTED)));
                Ok(Text(value?))
            }
        }
        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

/// A `[section]` of settings. Without this serde would take a list as well,
/// its elements in the order of the fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Section<T>(pub T);

/// Says how a section is written.
pub(super) trait Heading {
    /// Completes "expected …".
    const EXPECTED: &'static str;
}

impl<'de, T: Heading + Deserialize<'de>> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Section<T>, D::Error> {
        struct SectionVisitor<T>(PhantomData<T>);
        impl<'de, T: Heading + Deserialize<'de>> Visitor<'de> for SectionVisitor<T> {
            type Value = Section<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Section<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Section)
            }
        }
        deserializer.deserialize_map(SectionVisitor(PhantomData))
    }
}

/// All `[[section]]`s of one name.
#[derive(Debug, Clone)]
pub(super) struct Sections<T>(pub Vec<Spanned<Section<T>>>);

impl<T> Default for Sections<T> {
    fn default() -> Sections<T> {
        Sections(Vec::new())
    }
}

impl<'de, T: Heading + Deserialize<'de>> Deserialize<'de> for Sections<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sections<T>, D::Error> {
        struct SectionsVisitor<T>(PhantomData<T>);
        impl<'de, T: Heading + Deserialize<'de>> Visitor<'de> for SectionsVisitor<T> {
            type Value = Sections<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Sections<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Sections)
            }
        }
        deserializer.deserialize_seq(SectionsVisitor(PhantomData))
    }
}

/// A whole number from 1 on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count(pub u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        struct CountVisitor;
        impl Visitor<'_> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 1 to 1000000")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
                match u32::try_from(number) {
                    Ok(count @ 1..=1_000_000) => Ok(Count(count)),
                    _ => Err(E::custom("expected a whole number from 1 to 1000000")),
                }
            }
        }
        deserializer.deserialize_i64(CountVisitor)
    }
}

impl Written for PlaintextPolicy {
    const EXPECTED: &'static str = "never, lan or always";

    fn read(text: &str) -> Option<PlaintextPolicy> {
        match text {
            "never" => Some(PlaintextPolicy::Never),
            "lan" => Some(PlaintextPolicy::Lan),
            "always" => Some(PlaintextPolicy::Always),
            _ => None,
        }
    }
}

impl Written for Network {
    const EXPECTED: &'static str =
        "auto, a network such as \"192.168.1.0/24\", or an address such as \"192.0.2.7\"";

    fn read(text: &str) -> Option<Network> {
        Network::parse(text)
    }
}

impl Written for LevelFilter {
    const EXPECTED: &'static str = "error, warn, info, debug or trace";

    fn read(text: &str) -> Option<LevelFilter> {
        let level = text.parse().ok()?;
        (level != LevelFilter::Off).then_some(level)
    }
}

impl Written for SocketAddr {
    const EXPECTED: &'static str =
        "an address and a port such as \"[::]:25\" (all addresses) or \"192.168.1.2:25\"";

    fn read(text: &str) -> Option<SocketAddr> {
        text.parse().ok()
    }
}

impl Written for PathBuf {
    const EXPECTED: &'static str = "a path in quotes";

    fn read(text: &str) -> Option<PathBuf> {
        (!text.is_empty()).then(|| PathBuf::from(text))
    }
}

/// A number of octets: `50 MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub u64);

impl Written for Size {
    const EXPECTED: &'static str = "a size such as \"50 MB\" (B, KB, MB, GB or TB)";

    fn read(text: &str) -> Option<Size> {
        let (number, unit) = number_and_unit(text)?;
        let factor = match unit.to_ascii_lowercase().as_str() {
            "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => return None,
        };
        let octets = number.checked_mul(factor)?;
        // SQLite and the file system count with a sign.
        (1..=i64::MAX as u64)
            .contains(&octets)
            .then_some(Size(octets))
    }
}

impl Written for Budget {
    const EXPECTED: &'static str =
        "a size such as \"500 MB\", or a share of the disk such as \"20 %\"";

    fn read(text: &str) -> Option<Budget> {
        match number_and_unit(text)? {
            (percent @ 1..=99, "%") => u8::try_from(percent).ok().map(Budget::Percent),
            (_, "%") => None,
            _ => Size::read(text).map(|Size(octets)| Budget::Octets(octets)),
        }
    }
}

/// A length of time: `30 days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period(pub Duration);

impl Written for Period {
    const EXPECTED: &'static str =
        "a time such as \"30 days\" (seconds, minutes, hours, days or weeks)";

    fn read(text: &str) -> Option<Period> {
        let (number, unit) = number_and_unit(text)?;
        let factor = match unit {
            "s" | "sec" | "second" | "seconds" => 1,
            "min" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 60 * 60,
            "d" | "day" | "days" => 24 * 60 * 60,
            "w" | "week" | "weeks" => 7 * 24 * 60 * 60,
            _ => return None,
        };
        let seconds = number.checked_mul(factor)?;
        // A thousand years: later sums with it cannot overflow.
        (seconds <= 1000 * 365 * 24 * 60 * 60).then(|| Period(Duration::from_secs(seconds)))
    }
}

/// `50 MB` or `50MB`: digits, perhaps a space, a unit.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_size_is_not_taken_for_one() {
        for text in [
            "",
            "50",
            "MB",
            "50 megs",
            "-5 MB",
            "+5 MB",
            "5.5 MB",
            "0 MB",
            "5 %",
            "5 MB MB",
            "99999999999999999999 B",
            "10000000000 TB",
            "9223372036854775808 B",
            "٥ MB",
        ] {
            assert_eq!(Size::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_decimal_unless_they_say_otherwise() {
        for (text, octets) in [
            ("1 B", 1),
            ("50 MB", 50_000_000),
            ("50MB", 50_000_000),
            ("2 kb", 2_000),
            ("2 KiB", 2_048),
            ("3 TB", 3_000_000_000_000),
        ] {
            assert_eq!(Size::read(text), Some(Size(octets)), "{text:?}");
        }
    }

    #[test]
    fn a_share_of_the_disk_is_counted_from_the_whole_disk() {
        for text in ["0 %", "100 %", "300 %", "-1 %", "%", "20 percent"] {
            assert_eq!(Budget::read(text), None, "{text:?}");
        }
        let share = Budget::read("20 %").unwrap();
        assert_eq!(share, Budget::Percent(20));
        assert_eq!(Budget::read("5 GB"), Some(Budget::Octets(5_000_000_000)));
    }

    #[test]
    fn times_have_a_unit() {
        for text in [
            "",
            "30",
            "30 d ays",
            "days",
            "-1 days",
            "1.5 h",
            "999999999999 weeks",
        ] {
            assert_eq!(Period::read(text), None, "{text:?}");
        }
        for (text, seconds) in [
            ("0 days", 0),
            ("5 min", 300),
            ("2h", 7200),
            ("1 week", 604_800),
        ] {
            let period = Period::read(text).map(|Period(duration)| duration.as_secs());
            assert_eq!(period, Some(seconds), "{text:?}");
        }
    }
}
