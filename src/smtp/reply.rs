//! Replies and their text (RFC 5321 §4.2, RFC 2034, RFC 3463).
//!
//! One function for each thing that can be said. The class of an enhanced
//! status code is taken from the reply code, so that the two cannot disagree.

use std::borrow::Cow;
use std::fmt;

use crate::mail::{Domain, Recipient};
use crate::wire::{LineFault, LineFaultKind};

use super::Settings;

/// RFC 5321 §4.5.3.1.5, the line end counted.
const LINE_OCTETS_MAX: usize = 512;
/// The longest text of one line: without `550-5.255.255 ` and the line end.
const TEXT_OCTETS_MAX: usize = LINE_OCTETS_MAX - 14 - 2;
/// More domains than this are counted, not named.
const DOMAINS_NAMED_MAX: usize = 5;

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

/// A reply that says no, for a while (4xx) or for good (5xx): the only kind
/// that is not made by the session itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Reply);

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

impl Refusal {
    fn new(code: u16, subject: u8, detail: u8, text: impl Into<Cow<'static, str>>) -> Refusal {
        debug_assert!((400..600).contains(&code));
        Refusal(Reply::coded(code, subject, detail, text))
    }

    /// 550 5.1.1: nobody has this address.
    pub fn user_unknown(recipient: &Recipient) -> Refusal {
        Refusal::new(550, 1, 1, format!("there is no {recipient} here"))
    }

    /// 550 5.2.1: the administrator takes no mail for this address.
    pub fn address_closed(recipient: &Recipient) -> Refusal {
        Refusal::new(550, 2, 1, format!("{recipient} takes no mail"))
    }

    /// 450 4.2.1: the address was there within the last hour; should its
    /// removal have been a slip, no mail is lost.
    pub fn recently_gone(recipient: &Recipient) -> Refusal {
        let text = format!("{recipient} is not available now, try again later");
        Refusal::new(450, 2, 1, text)
    }

    /// 550 5.7.1: the domain is not ours, and this hub relays for nobody. Named
    /// are the way out and the domains that are received for.
    pub fn foreign_domain(ours: &[Domain]) -> Refusal {
        let named = ours.get(..DOMAINS_NAMED_MAX).unwrap_or(ours);
        let names: Vec<&str> = named.iter().map(Domain::as_str).collect();
        let mut domains = names.join(", ");
        let others = ours.len() - named.len();
        if others > 0 {
            domains.push_str(&format!(" and {others} more"));
        }
        let text = format!(
            "this hub only receives for {domains}; set the outgoing server to your provider's"
        );
        Refusal::new(550, 7, 1, text)
    }

    /// 550 5.7.1: `accept_from` does not name this peer.
    pub fn peer_not_accepted() -> Refusal {
        let text = "this hub does not take mail from your address; send it to the MX of the domain";
        Refusal::new(550, 7, 1, text)
    }

    /// 452 4.3.1: the disk is nearly full.
    pub fn storage_short() -> Refusal {
        Refusal::new(452, 3, 1, "no room for mail now, try again later")
    }

    /// 451 4.3.0: the store failed; the log says why.
    pub fn store_failed() -> Refusal {
        let text = "the message could not be kept, try again later";
        Refusal::new(451, 3, 0, text)
    }

    /// 421 4.3.2: nothing more in this session, which ends behind it.
    pub fn busy() -> Refusal {
        Refusal::new(421, 3, 2, "too busy, try again later")
    }

    /// The reply code.
    pub fn code(&self) -> u16 {
        self.0.code
    }

    pub(super) fn into_reply(self) -> Reply {
        self.0
    }
}

/// The code, the enhanced status code and the text, in one line.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.0.code)?;
        if let Some((subject, detail)) = self.0.status {
            write!(f, "{}.{subject}.{detail} ", self.0.code / 100)?;
        }
        f.write_str(&self.0.text.replace('\n', " "))
    }
}

/// What the session itself refuses.
impl Refusal {
    pub(super) fn unknown_command() -> Refusal {
        Refusal::new(500, 5, 2, "unknown command; HELP lists those there are")
    }

    pub(super) fn line_too_long(octets_max: usize) -> Refusal {
        let text = format!("line too long: a command has at most {octets_max} octets");
        Refusal::new(500, 5, 2, text)
    }

    pub(super) fn control_octet() -> Refusal {
        let text = "a command line has a control character (a lone CR, a NUL or the like) in it";
        Refusal::new(500, 5, 2, text)
    }

    pub(super) fn bare_line_feed_command() -> Refusal {
        let text = "the line ends in LF alone; lines end in CR LF (RFC 5321 2.3.8)";
        Refusal::new(500, 5, 2, text)
    }

    pub(super) fn web_request() -> Refusal {
        Refusal::new(421, 7, 0, "this is a mail server, not a web server")
    }

    pub(super) fn usage(usage: &'static str) -> Refusal {
        Refusal::new(501, 5, 4, format!("write it so: {usage}"))
    }

    pub(super) fn chunk_size() -> Refusal {
        let text = "BDAT without a size that can be read: where its octets end is not known, \
                    so the session ends here";
        Refusal::new(501, 5, 4, text)
    }

    pub(super) fn sender_syntax(why: impl fmt::Display) -> Refusal {
        Refusal::new(501, 1, 7, format!("the sender is no address: {why}"))
    }

    pub(super) fn recipient_syntax(why: impl fmt::Display) -> Refusal {
        Refusal::new(501, 1, 3, format!("the recipient is no address: {why}"))
    }

    pub(super) fn address_needs_utf8() -> Refusal {
        let text = "an address has letters beyond ASCII, which need SMTPUTF8 and UTF-8";
        Refusal::new(553, 6, 7, text)
    }

    pub(super) fn parameter_unknown() -> Refusal {
        let text = "unknown parameter; EHLO lists the extensions there are";
        Refusal::new(555, 5, 4, text)
    }

    pub(super) fn parameter_syntax(name: &'static str) -> Refusal {
        let text = format!("the parameter {name} has no such value, or stands twice");
        Refusal::new(501, 5, 4, text)
    }

    pub(super) fn binary_mime() -> Refusal {
        let text = "BODY=BINARYMIME is not offered; use 8BITMIME";
        Refusal::new(504, 5, 4, text)
    }

    pub(super) fn too_large(octets_max: u64) -> Refusal {
        let text = format!("the message is too large: at most {octets_max} octets are taken");
        Refusal::new(552, 3, 4, text)
    }

    pub(super) fn too_many_recipients(recipients_max: usize) -> Refusal {
        let text = format!(
            "no more recipients in this transaction (at most {recipients_max}); \
             send the message to the others in another one"
        );
        Refusal::new(452, 5, 3, text)
    }

    pub(super) fn line_fault(fault: LineFault) -> Refusal {
        let found = match fault.kind {
            LineFaultKind::BareLineFeed => "LF without CR",
            LineFaultKind::BareCarriageReturn => "CR without LF",
        };
        let text = format!(
            "line {} of the message has {found}; lines end in CR LF (RFC 5321 2.3.8)",
            fault.line
        );
        Refusal::new(550, 6, 0, text)
    }

    pub(super) fn loops(received: usize, by_us: usize) -> Refusal {
        let text = format!(
            "the message runs in a loop: {received} Received lines, {by_us} of them from here"
        );
        Refusal::new(554, 4, 6, text)
    }

    pub(super) fn out_of_order(text: &'static str) -> Refusal {
        Refusal::new(503, 5, 1, text)
    }

    pub(super) fn no_recipients() -> Refusal {
        Refusal::new(554, 5, 1, "no recipient was accepted")
    }

    pub(super) fn not_offered(text: &'static str) -> Refusal {
        Refusal::new(502, 5, 1, text)
    }

    pub(super) fn timed_out(hostname: &str) -> Refusal {
        let text = format!("{hostname} has waited too long and closes");
        Refusal::new(421, 4, 2, text)
    }

    pub(super) fn shutting_down(hostname: &str) -> Refusal {
        let text = format!("{hostname} is going down, try again later");
        Refusal::new(421, 3, 2, text)
    }

    pub(super) fn enough(hostname: &str, of_what: &'static str) -> Refusal {
        let text = format!("{hostname}: too many {of_what} in one session; connect again");
        Refusal::new(421, 7, 0, text)
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
