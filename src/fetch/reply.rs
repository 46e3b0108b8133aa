//! What a server says in one line (RFC 1939 §3, RFC 2449 §8).

use std::fmt;

/// Octets of a server's text that are shown to people.
const SHOWN_OCTETS_MAX: usize = 300;

/// A response code in brackets (RFC 2449 §8, RFC 3206).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseCode {
    /// \[AUTH]: wrong credentials.
    Auth,
    /// \[IN-USE]: another session holds the mailbox.
    InUse,
    /// \[LOGIN-DELAY]: the last log-in was too short ago.
    LoginDelay,
    /// \[SYS/TEMP]: a fault of the server that will pass.
    SysTemp,
    /// \[SYS/PERM]: a fault of the server that a person must mend.
    SysPerm,
}

/// An -ERR, as it is shown to people: what came with it, without control
/// characters, cut to a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The response code, if the server gave a known one.
    pub code: Option<ResponseCode>,
    /// The server's text, the code included.
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.as_str() {
            "" => f.write_str("without a reason"),
            text => write!(f, "\"{text}\""),
        }
    }
}

/// The first line of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// `+OK`, and its text.
    Positive(&'a [u8]),
    /// `-ERR`.
    Negative(Refusal),
    /// `+` and a SASL challenge in BASE64.
    Challenge(&'a [u8]),
}

/// Reads the first line of an answer; `None` if it is none. The indicator is
/// written in capitals (RFC 1939 §3), but nothing depends on that.
pub(super) fn parse(line: &[u8]) -> Option<Reply<'_>> {
    if let Some(text) = strip_word(line, b"+OK") {
        return Some(Reply::Positive(text));
    }
    if let Some(text) = strip_word(line, b"-ERR") {
        return Some(Reply::Negative(Refusal {
            code: code(text),
            text: shown(text),
        }));
    }
    strip_word(line, b"+").map(Reply::Challenge)
}

/// What stands behind `word`, if it stands alone at the beginning.
fn strip_word<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(word.len())?;
    if !head.eq_ignore_ascii_case(word) {
        return None;
    }
    match rest.first() {
        None => Some(rest),
        Some(b' ' | b'\t') => Some(rest.trim_ascii()),
        Some(_) => None,
    }
}

fn code(text: &[u8]) -> Option<ResponseCode> {
    let end = text.iter().position(|&octet| octet == b']')?;
    let code = text.get(..end)?.strip_prefix(b"[")?;
    match code.to_ascii_uppercase().as_slice() {
        b"AUTH" => Some(ResponseCode::Auth),
        b"IN-USE" => Some(ResponseCode::InUse),
        b"LOGIN-DELAY" => Some(ResponseCode::LoginDelay),
        b"SYS/TEMP" => Some(ResponseCode::SysTemp),
        b"SYS/PERM" => Some(ResponseCode::SysPerm),
        _ => None,
    }
}

/// A server's text for people: one line, no control characters, not long.
pub(super) fn shown(text: &[u8]) -> String {
    let cut = text.get(..SHOWN_OCTETS_MAX);
    let mut shown: String = String::from_utf8_lossy(cut.unwrap_or(text))
        .trim()
        .chars()
        .map(|letter| match letter {
            _ if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect();
    if cut.is_some_and(|cut| cut.len() < text.len()) {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let found = match parse(line.as_bytes()) {
            None => "none".to_owned(),
            Some(Reply::Positive(text)) => format!("good {}", shown(text)),
            Some(Reply::Challenge(text)) => format!("challenge {}", shown(text)),
            Some(Reply::Negative(refusal)) => format!("bad {:?} {refusal}", refusal.code),
        };
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn what_is_no_reply_is_told_apart() {
        check("", "none");
        check("OK", "none");
        check("+OKAY", "none");
        check("-ERROR", "none");
        check("- ERR", "none");
        check(" +OK", "none");
        check("220 post ESMTP", "none");
    }

    #[test]
    fn replies_are_read_as_servers_write_them() {
        check("+OK", "good ");
        check("+OK 2 320", "good 2 320");
        check("+ok ready ", "good ready");
        check("+", "challenge ");
        check("+ ", "challenge ");
        check("+ eyJ9", "challenge eyJ9");
        check("-ERR", "bad None without a reason");
        check("-ERR no\x07 bell", "bad None \"no\u{fffd} bell\"");
        check("-ERR [AUTH] no", "bad Some(Auth) \"[AUTH] no\"");
        check("-ERR [in-use] no", "bad Some(InUse) \"[in-use] no\"");
        check(
            "-ERR [LOGIN-DELAY]",
            "bad Some(LoginDelay) \"[LOGIN-DELAY]\"",
        );
        check("-ERR [SYS/TEMP] x", "bad Some(SysTemp) \"[SYS/TEMP] x\"");
        check("-ERR [SYS/PERM] x", "bad Some(SysPerm) \"[SYS/PERM] x\"");
        check("-ERR [XYZZY] x", "bad None \"[XYZZY] x\"");
    }

    #[test]
    fn long_texts_are_cut() {
        let shown = shown("ä".repeat(400).as_bytes());
        assert_eq!(shown.chars().count(), 151);
        assert!(shown.ends_with('…'));
    }
}
