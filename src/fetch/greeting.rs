//! The first line of a server.

use super::error::{Error, Stranger};
use super::refusal;
use super::reply::{self, Reply, shown};

/// What the greeting tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Greeting {
    /// The time stamp for APOP, with its angle brackets (RFC 1939 §7).
    pub(super) time_stamp: Option<Vec<u8>>,
}

/// Reads the greeting.
pub(super) fn read(line: &[u8]) -> Result<Greeting, Error> {
    match reply::parse(line) {
        Some(Reply::Positive(text)) => Ok(Greeting {
            time_stamp: time_stamp(text),
        }),
        Some(Reply::Negative(refusal)) => Err(refusal::unwelcome(refusal)),
        Some(Reply::Challenge(_)) | None => Err(Error::NotPop3 {
            stranger: stranger(line),
            found: shown(line),
        }),
    }
}

fn stranger(line: &[u8]) -> Stranger {
    const BEGINNINGS: [(&[u8], Stranger); 7] = [
        (b"220 ", Stranger::Smtp),
        (b"220-", Stranger::Smtp),
        (b"421 ", Stranger::Smtp),
        (b"554 ", Stranger::Smtp),
        (b"* ", Stranger::Imap),
        (b"HTTP/", Stranger::Http),
        (b"<", Stranger::Http),
    ];
    let known = BEGINNINGS.iter().find(|(it, _)| line.starts_with(it));
    known.map_or(Stranger::Unknown, |(_, stranger)| *stranger)
}

/// The time stamp is a msg-id. Anything else is not hashed: with octets of his
/// choice in it, somebody on the way could work out the password from the
/// digests (CVE-2007-1558).
fn time_stamp(text: &[u8]) -> Option<Vec<u8>> {
    let begin = text.iter().position(|&octet| octet == b'<')?;
    let rest = text.get(begin..)?;
    let end = rest.iter().position(|&octet| octet == b'>')?;
    let stamp = rest.get(..=end)?;
    let inner = stamp.get(1..end)?;
    let at_signs = inner.iter().filter(|&&octet| octet == b'@').count();
    let well_formed = at_signs == 1 && !inner.starts_with(b"@") && !inner.ends_with(b"@");
    let visible = inner.iter().all(u8::is_ascii_graphic);
    (well_formed && visible).then(|| stamp.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let found = match read(line.as_bytes()) {
            Ok(greeting) => match greeting.time_stamp {
                Some(stamp) => String::from_utf8(stamp).unwrap(),
                None => "none".to_owned(),
            },
            Err(Error::NotPop3 { stranger, .. }) => format!("{stranger:?}"),
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected), "{line:?}: {found}");
    }

    #[test]
    fn what_is_no_pop3_server_is_named() {
        check("220 mx.example ESMTP", "Smtp");
        check("* OK [CAPABILITY IMAP4rev1] ready", "Imap");
        check("HTTP/1.1 400 Bad Request", "Http");
        check("SSH-2.0-OpenSSH", "Unknown");
        check("", "Unknown");
        check("+ huh", "Unknown");
    }

    #[test]
    fn a_server_that_refuses_says_why() {
        check("-ERR [SYS/TEMP] full", "the provider's server has a fault");
        check("-ERR [IN-USE] locked", "the mailbox is locked");
        check("-ERR go away", "the provider's server takes no session now");
    }

    #[test]
    fn a_time_stamp_is_taken_if_it_is_a_message_id() {
        check("+OK ready", "none");
        check(
            "+OK ready <1896.697170952@dbc.mtview.ca.us>",
            "<1896.697170952@dbc",
        );
        check("+OK <1@a> more", "<1@a>");
        for wrong in [
            "<>", "<1>", "<@a>", "<1@>", "<1@a@b>", "<1 @a>", "<1@ä>", "<1@a",
        ] {
            check(&format!("+OK {wrong}"), "none");
        }
    }
}
