//! Replies and their text (RFC 5321 §4.2, RFC 2034, RFC 3463).
//!
//! One function for each thing that can be said. The class of an enhanced
//! status code is taken from the reply code, so that the two cannot disagree.

use std::borrow::Cow;
use std::fmt;

use super::Settings;

/// RFC 5321 §4.5.3.1.5, the line end counted.
const LINE_OCTETS_MAX: usize = 512;
/// The longest text of one line: without `550-5.255.255 ` and the line end.
const TEXT_OCTETS_MAX: usize = LINE_OCTETS_MAX - 14 - 2;

/// Which letters a reply may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// Others are escaped as in RFC 6533 §3.
    Ascii,
    /// The transaction has SMTPUTF8 (RFC 6531 §3.7.4).
    Utf8,
}

/// What is answered to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    code: u16,
    /// Subject and detail; the class is the code's.
    status: Option<(u8, u8)>,
    /// Lines apart by `\n`.
    text: Cow<'static, str>,
}

/// What a peer reads instead of the greeting when there is no place for it;
/// the connection is closed behind it.
pub fn busy_greeting(hostname: &str) -> Vec<u8> {
    let text = format!("{hostname} is too busy, try again later");
    Reply::plain(421, text).to_octets()
}

/// What a peer reads instead of the greeting when `accept_from` does not name it
/// (RFC 5321 §3.1: 554); the connection is closed behind it.
pub fn refusing_greeting(hostname: &str) -> Vec<u8> {
    let text =
        format!("{hostname} takes mail from its provider only; send it to the MX of the domain");
    Reply::plain(554, text).to_octets()
}

/// As [`busy_greeting`], for an address that has too many sessions already.
pub fn crowded_greeting(hostname: &str) -> Vec<u8> {
    let text = format!("{hostname}: too many connections from your address, try again later");
    Reply::plain(421, text).to_octets()
}

/// The code, the enhanced status code and the text, in one line.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        if let Some((subject, detail)) = self.status {
            write!(f, "{}.{subject}.{detail} ", self.code / 100)?;
        }
        f.write_str(&self.text.replace('\n', " "))
    }
}

/// What is not a refusal. None of these says that a message is kept: that one
/// is written where the receipt is (`Session::stored`).
impl Reply {
    /// Without an enhanced status code: greeting, HELO, EHLO (RFC 2034 §4) and
    /// 354, whose class RFC 3463 does not know.
    fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Reply {
        Reply {
            code,
            status: None,
            text: text.into(),
        }
    }

    pub(super) fn coded(
        code: u16,
        subject: u8,
        detail: u8,
        text: impl Into<Cow<'static, str>>,
    ) -> Reply {
        Reply {
            code,
            status: Some((subject, detail)),
            text: text.into(),
        }
    }

    pub(super) fn greeting(hostname: &str) -> Reply {
        Reply::plain(220, format!("{hostname} ESMTP postroom"))
    }

    pub(super) fn helo(hostname: &str) -> Reply {
        Reply::plain(250, format!("{hostname} is ready for mail"))
    }

    /// The extensions (RFC 5321 §4.1.1.1). No AUTH: nothing is relayed.
    pub(super) fn ehlo(settings: &Settings, start_tls: Option<&str>) -> Reply {
        let text = format!(
            "{} is ready for mail\nPIPELINING\nSIZE {}\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\n\
             CHUNKING\n{}LIMITS RCPTMAX={}\nHELP",
            settings.hostname,
            settings.max_message_size,
            start_tls.unwrap_or_default(),
            settings.max_recipients,
        );
        Reply::plain(250, text)
    }

    pub(super) fn start_content() -> Reply {
        Reply::plain(354, "send the message, then a line with a dot")
    }

    pub(super) fn chunk_taken(octets: u64) -> Reply {
        Reply::coded(250, 0, 0, format!("{octets} octets taken"))
    }

    pub(super) fn sender_accepted() -> Reply {
        Reply::coded(250, 1, 0, "sender accepted")
    }

    pub(super) fn recipient_accepted() -> Reply {
        Reply::coded(250, 1, 5, "recipient accepted")
    }

    pub(super) fn done() -> Reply {
        Reply::coded(250, 0, 0, "done")
    }

    pub(super) fn not_verified() -> Reply {
        let text = "addresses are judged at RCPT; send mail and see";
        Reply::coded(252, 0, 0, text)
    }

    pub(super) fn help() -> Reply {
        let text = "this hub receives mail for its own domains\n\
                    HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS QUIT\n\
                    to send mail elsewhere, set the outgoing server to your provider's";
        Reply::coded(214, 0, 0, text)
    }

    pub(super) fn ready_for_tls() -> Reply {
        Reply::coded(220, 0, 0, "ready for TLS")
    }

    pub(super) fn goodbye(hostname: &str) -> Reply {
        Reply::coded(221, 0, 0, format!("{hostname} closes"))
    }

    pub(super) fn code(&self) -> u16 {
        self.code
    }

    fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        self.write(&mut octets, Letters::Ascii);
        octets
    }

    /// Appends the reply, as many lines as it needs.
    pub(super) fn write(&self, out: &mut Vec<u8>, letters: Letters) {
        let mut lines = Vec::new();
        for line in self.text.split('\n') {
            wrap(&printable(line, letters), &mut lines);
        }
        let last = lines.len().saturating_sub(1);
        for (at, line) in lines.iter().enumerate() {
            let separator = if at == last { ' ' } else { '-' };
            let mut head = format!("{}{separator}", self.code);
            if let Some((subject, detail)) = self.status {
                head.push_str(&format!("{}.{subject}.{detail} ", self.code / 100));
            }
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// The text with everything escaped that a reply line must not hold.
fn printable(text: &str, letters: Letters) -> Cow<'_, str> {
    let good = |c: char| match letters {
        Letters::Ascii => c == ' ' || c.is_ascii_graphic(),
        Letters::Utf8 => !c.is_control(),
    };
    if text.chars().all(good) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::new();
    for c in text.chars() {
        if good(c) {
            escaped.push(c);
        } else {
            escaped.push_str(&format!("\\x{{{:02X}}}", u32::from(c)));
        }
    }
    Cow::Owned(escaped)
}

/// Cuts a text into lines that fit, at spaces where there are any.
fn wrap(text: &str, lines: &mut Vec<String>) {
    let mut rest = text;
    while rest.len() > TEXT_OCTETS_MAX {
        let head = rest.get(..rest.floor_char_boundary(TEXT_OCTETS_MAX));
        let head = head.unwrap_or_default();
        let at = head.rfind(' ').map_or(head.len(), |space| space + 1);
        let (line, after) = rest.split_at(at);
        lines.push(line.to_string());
        rest = after;
    }
    lines.push(rest.to_string());
}

#[cfg(test)]
mod tests;
