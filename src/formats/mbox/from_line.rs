//! The line in front of each message: `From sender Mon Nov 23 09:15:00 2026`.

use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// A real one is far shorter.
const LINE_OCTETS_MAX: usize = 1000;
/// RFC 5321 §4.5.3.1.3 allows a path of 256 octets.
const SENDER_OCTETS_MAX: usize = 256;
/// The sender where a message has none (a bounce), as programs write it.
const NOBODY: &str = "MAILER-DAEMON";

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// What such a line says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FromLine {
    /// As written: an address, or a word such as "-" or "MAILER-DAEMON".
    pub sender: String,
    /// Seconds since 1970.
    pub at: Option<i64>,
}

impl FromLine {
    /// Reads a line, its line end with it or not. `None`: it is none, however it
    /// begins; a sentence may begin with "From" too.
    ///
    /// Known by its date in the form of `asctime`, with a zone or without.
    /// Thunderbird writes no date and no sender: "From " and nothing else.
    pub fn read(line: &[u8]) -> Option<FromLine> {
        let rest = line.strip_prefix(b"From ")?;
        if rest.len() > LINE_OCTETS_MAX {
            return None;
        }
        let rest = String::from_utf8_lossy(rest);
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        if words.is_empty() {
            return Some(FromLine::default());
        }
        // A sender may be called like a day.
        (0..words.len()).find_map(|day| {
            let (sender, date) = words.split_at_checked(day)?;
            Some(FromLine {
                sender: sender.join(" "),
                at: Some(seconds(date)?),
            })
        })
    }

    /// The line with its LF. Whatever the sender is, it is one word.
    pub fn write(&self) -> String {
        let form = format_description!(
            "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
        );
        let at = OffsetDateTime::from_unix_timestamp(self.at.unwrap_or(0))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        // Only years beyond 9999 have no such form, and no clock here tells them.
        let date = at.format(form).unwrap_or_default();
        let is_odd = |c: char| c.is_whitespace() || c.is_control();
        let sender = match self.sender.len() {
            1..=SENDER_OCTETS_MAX => self.sender.replace(is_odd, "_"),
            // What is longer was never an address, and would not be read again.
            _ => NOBODY.to_string(),
        };
        format!("From {sender} {date}\n")
    }
}

/// Of `Mon Nov 23 09:15:00 2026`, and with a zone before or behind the year.
fn seconds(words: &[&str]) -> Option<i64> {
    let [weekday, month, day, clock, rest @ ..] = words else {
        return None;
    };
    if !DAYS.contains(weekday) {
        return None;
    }
    let month = MONTHS.iter().position(|name| name == month)?;
    let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let is_year = |word: &&&str| word.len() == 4 && word.bytes().all(|it| it.is_ascii_digit());
    let year: i32 = rest.iter().take(3).find(is_year)?.parse().ok()?;
    let date = Date::from_calendar_date(year, month, day.parse().ok()?).ok()?;
    let mut parts = clock.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?.min(59);
    let at = date.with_time(Time::from_hms(hour, minute, second).ok()?);
    let offset = rest.iter().take(3).find_map(|word| zone(word));
    Some(
        at.assume_offset(offset.unwrap_or(UtcOffset::UTC))
            .unix_timestamp(),
    )
}

/// Of `+0100`. Names of zones are not sure enough.
fn zone(word: &str) -> Option<UtcOffset> {
    let (sign, digits) = match (word.strip_prefix('+'), word.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let (hours, minutes): (i8, i8) = (hours.parse().ok()?, minutes.parse().ok()?);
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_real_programs_are_read() {
        let check = |line: &str, sender: &str, at: i64| {
            let expected = FromLine {
                sender: sender.to_string(),
                at: Some(at),
            };
            assert_eq!(FromLine::read(line.as_bytes()), Some(expected), "{line}");
        };
        let at = 1_795_425_300;
        check(
            "From a@b.example Mon Nov 23 09:15:00 2026\n",
            "a@b.example",
            at,
        );
        check("From - Mon Nov 23 09:15:00 2026\r\n", "-", at);
        check(
            "From MAILER-DAEMON Mon Nov 23 09:15 2026",
            "MAILER-DAEMON",
            at,
        );
        check("From 123@xxx Mon Nov 23 10:15:00 +0100 2026", "123@xxx", at);
        check("From a@b Mon Nov 23 09:15:00 2026 -0000", "a@b", at);
        check("From a@b Mon Nov 23 09:15:00 GMT 2026", "a@b", at);
        check(
            "From a b c Mon Nov  3 09:15:00 2026",
            "a b c",
            1_793_697_300,
        );
        assert_eq!(FromLine::read(b"From \r\n"), Some(FromLine::default()));
    }

    #[test]
    fn a_sentence_that_begins_so_is_none() {
        for line in [
            "From here on it is easy",
            "From Mon to Fri we are open",
            "From a@b Mon Nov 33 09:15:00 2026",
            "From a@b Mon Nov 23 2026",
            "From: a@b",
            ">From a@b Mon Nov 23 09:15:00 2026",
            "From",
        ] {
            assert_eq!(FromLine::read(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (sender, written) in [
            ("a@b.example", "From a@b.example Mon Nov 23 09:15:00 2026\n"),
            ("", "From MAILER-DAEMON Mon Nov 23 09:15:00 2026\n"),
            ("Mon", "From Mon Mon Nov 23 09:15:00 2026\n"),
            ("a\nb c", "From a_b_c Mon Nov 23 09:15:00 2026\n"),
            (
                &"x".repeat(2000),
                "From MAILER-DAEMON Mon Nov 23 09:15:00 2026\n",
            ),
        ] {
            let line = FromLine {
                sender: sender.to_string(),
                at: Some(1_795_425_300),
            };
            assert_eq!(line.write(), written);
            assert_eq!(FromLine::read(written.as_bytes()).unwrap().at, line.at);
        }
    }
}
