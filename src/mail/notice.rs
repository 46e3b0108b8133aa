//! A message that the hub itself writes to people of the office.
//!
//! Fields in, octets out. Whatever the fields hold (a stranger's subject, raw
//! octets read as text) the result is a proper message (RFC 5322, RFC 2045):
//! ASCII, CRLF, no line beyond 76 characters but for a long address, and no
//! header line that a stranger wrote. Nothing here is sent anywhere: who has it
//! delivers it to mailboxes of this hub.

use std::fmt::Write;
use std::time::SystemTime;

use super::address::{Address, Domain};
use super::id::QueueId;
use super::trace::date;

/// A subject says what it is about; a stranger's within it may be endless.
const SUBJECT_CHARS_MAX: usize = 200;
/// RFC 2047 §2: a line with an encoded word has 76 characters at most. Left of
/// them beside the field's name and the word's own marks.
const WORD_OCTETS_MAX: usize = 76 - "Subject: =?utf-8?q??=".len();
/// RFC 2045 §6.7: with the `=` of the soft line break.
const BODY_LINE_MAX: usize = 76;

/// A message of the hub's own.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// The message's id; also the left half of its Message-ID.
    pub id: QueueId,
    /// This hub's name, the right half.
    pub hostname: &'a str,
    /// Its sender is the postmaster here.
    pub domain: &'a Domain,
    /// What To shows.
    pub to: &'a [Address],
    /// When it is written.
    pub at: SystemTime,
    /// Cut to 200 characters.
    pub subject: &'a str,
    /// With line feeds as line ends. Lines may be of any length.
    pub text: &'a str,
}

impl Notice<'_> {
    /// The message as a mailbox keeps it, without trace lines.
    pub fn to_octets(&self) -> Vec<u8> {
        let text = clean_text(self.text);
        let plain = text.is_ascii() && text.lines().all(|line| line.len() <= BODY_LINE_MAX);
        let mut message = format!(
            "From: postroom <postmaster@{}>\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\n\
             Message-ID: <{}@{}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {}\r\n\r\n",
            self.domain,
            recipients(self.to),
            subject(self.subject),
            date(self.at),
            self.id,
            self.hostname,
            if plain { "7bit" } else { "quoted-printable" },
        );
        for line in text.lines() {
            match plain {
                true => message.push_str(line),
                false => push_quoted(&mut message, line),
            }
            message.push_str("\r\n");
        }
        message.into_bytes()
    }
}

/// One address a line. An address beyond ASCII cannot stand in a header that
/// every client reads, so it is left out: nobody answers the hub.
fn recipients(to: &[Address]) -> String {
    let shown = to.iter().map(Address::to_string);
    let shown: Vec<String> = shown.filter(|address| address.is_ascii()).collect();
    match shown.is_empty() {
        true => "undisclosed-recipients:;".to_string(),
        false => shown.join(",\r\n "),
    }
}

/// As it stands where that is safe, else as encoded words (RFC 2047).
fn subject(text: &str) -> String {
    let mut chars = text.chars();
    let clean = |c: char| if is_unfit(c) { ' ' } else { c };
    let mut text: String = chars
        .by_ref()
        .take(SUBJECT_CHARS_MAX)
        .map(clean)
        .collect::<String>()
        .trim()
        .to_string();
    if chars.next().is_some() {
        text.push('…');
    }
    if text.is_ascii() && text.len() <= WORD_OCTETS_MAX && !text.contains("=?") {
        return text;
    }
    let mut words = vec![String::new()];
    for c in text.chars() {
        let quoted = quoted_for_a_word(c);
        match words.last_mut() {
            Some(word) if word.len() + quoted.len() <= WORD_OCTETS_MAX => word.push_str(&quoted),
            _ => words.push(quoted),
        }
    }
    let words = words.iter().map(|word| format!("=?utf-8?q?{word}?="));
    // The white space between two words is not part of the text.
    words.collect::<Vec<_>>().join("\r\n ")
}

/// RFC 2047 §4.2. A character is never cut in two.
fn quoted_for_a_word(c: char) -> String {
    match c {
        ' ' => "_".to_string(),
        c if c.is_ascii_alphanumeric() || "!*+-/.,:;@()'".contains(c) => c.to_string(),
        c => hexadecimal(c.encode_utf8(&mut [0; 4]).bytes()),
    }
}

/// RFC 2045 §6.7: one line of text, cut by soft line breaks.
fn push_quoted(message: &mut String, line: &str) {
    let mut width = 0;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let is_last = chars.peek().is_none();
        let quoted = match c {
            ' ' | '\t' if is_last => hexadecimal(c.encode_utf8(&mut [0; 4]).bytes()),
            '=' => "=3D".to_string(),
            c if c.is_ascii() => c.to_string(),
            c => hexadecimal(c.encode_utf8(&mut [0; 4]).bytes()),
        };
        if width + quoted.len() >= BODY_LINE_MAX {
            message.push_str("=\r\n");
            width = 0;
        }
        width += quoted.len();
        message.push_str(&quoted);
    }
}

fn hexadecimal(octets: impl Iterator<Item = u8>) -> String {
    octets.fold(String::new(), |mut text, octet| {
        // Writing to a String does not fail.
        let _ = write!(text, "={octet:02X}");
        text
    })
}

/// Line feeds and tabs stay; all else that moves a cursor is a blank.
fn clean_text(text: &str) -> String {
    let clean = |c: char| match c {
        '\n' | '\t' => c,
        c if is_unfit(c) => ' ',
        c => c,
    };
    text.chars().map(clean).collect()
}

fn is_unfit(c: char) -> bool {
    c.is_control() || is_direction_mark(c)
}

/// Characters that reorder a line where it is shown.
pub fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn notice(to: &[&str], subject: &str, text: &str) -> String {
        let to: Vec<Address> = to.iter().map(|to| Address::parse(to).unwrap()).collect();
        let notice = Notice {
            id: QueueId::from_u64(1),
            hostname: "post.example.com",
            domain: &Domain::parse("example.com").unwrap(),
            to: &to,
            at: UNIX_EPOCH + Duration::from_secs(1_795_380_000),
            subject,
            text,
        };
        String::from_utf8(notice.to_octets()).unwrap()
    }

    /// Whatever goes in: ASCII, CRLF only, short lines, one header block, and a
    /// reader gets back what was meant.
    fn check(subject: &str, text: &str) {
        let message = notice(&["anna@example.com"], subject, text);
        assert!(message.is_ascii(), "{message}");
        let no_line_ends = message.replace("\r\n", "");
        assert!(!no_line_ends.contains(['\r', '\n']), "{message:?}");
        for line in message.split("\r\n") {
            assert!(line.len() <= 76, "{line}");
        }
        let parsed = mailparse::parse_mail(message.as_bytes()).unwrap();
        let names: Vec<String> = parsed.headers.iter().map(|h| h.get_key()).collect();
        assert_eq!(
            names.join(" "),
            "From To Subject Date Message-ID Auto-Submitted MIME-Version Content-Type \
             Content-Transfer-Encoding"
        );
        let cleaned = |text: &str| {
            let clean = |c: char| match c {
                c if is_unfit(c) => ' ',
                c => c,
            };
            text.chars().map(clean).collect::<String>()
        };
        let mut expected = cleaned(subject).trim().to_string();
        if subject.chars().count() > SUBJECT_CHARS_MAX {
            expected = cleaned(&subject.chars().take(200).collect::<String>());
            expected = format!("{}…", expected.trim());
        }
        assert_eq!(parsed.headers[2].get_value(), expected);
        let body = parsed.get_body().unwrap();
        let lines: Vec<&str> = body.lines().collect();
        let expected: Vec<String> = text
            .split_terminator('\n')
            .map(|line| {
                line.chars()
                    .map(|c| {
                        if c == '\t' {
                            c
                        } else {
                            cleaned(&c.to_string()).remove(0)
                        }
                    })
                    .collect()
            })
            .collect();
        assert_eq!(lines, expected, "{message}");
    }

    #[test]
    fn a_plain_notice_reads_as_it_was_written() {
        assert_eq!(
            notice(&["anna@example.com"], "Two messages", "Hello,\n\n.\n"),
            "From: postroom <postmaster@example.com>\r\nTo: anna@example.com\r\n\
             Subject: Two messages\r\nDate: Sun, 22 Nov 2026 20:40:00 +0000\r\n\
             Message-ID: <0000000000001@post.example.com>\r\nAuto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\nHello,\r\n\r\n.\r\n"
        );
    }

    #[test]
    fn nobody_writes_a_header_line_and_long_text_stays_whole() {
        for subject in [
            "",
            " a ",
            "x\r\nBcc: bob@example.com",
            "a =?utf-8?q?b?= c",
            "Jürgen Groß fragt: „Wann?“ 😀",
            &"long ".repeat(30),
            &"x".repeat(199),
            &"ü".repeat(1000),
            &"😀".repeat(200),
            "\u{202e}evil\u{1b}[2J\0",
        ] {
            check(subject, "text");
        }
        for text in [
            "",
            "a\n",
            "a \n\tb\t\n",
            "Größe = 1\n",
            "a\r\nb",
            "\u{1b}[2J\0\u{202e}x",
            &"x".repeat(5000),
            &"ü".repeat(5000),
            &format!("{}=\nü", "y ".repeat(500)),
            &format!("{}.\n😀😀😀", "z".repeat(75)),
        ] {
            check("subject", text);
        }
    }

    #[test]
    fn recipients_stand_a_line_each_and_one_beyond_ascii_is_not_shown() {
        let to = notice(
            &[
                "anna@example.com",
                "jürgen@example.com",
                "\"a b\"@example.com",
            ],
            "",
            "",
        );
        assert!(to.contains("\r\nTo: anna@example.com,\r\n \"a b\"@example.com\r\n"));
        let to = notice(&["jürgen@example.com"], "", "");
        assert!(to.contains("\r\nTo: undisclosed-recipients:;\r\n"));
    }
}
