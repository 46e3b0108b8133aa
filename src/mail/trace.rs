//! The lines that the hub puts in front of a message (RFC 5321 §4.4).
//!
//! Prepended, never rewritten: what the sender wrote stands below as it came.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::address::Domain;
use super::envelope::{Recipient, ReversePath};
use super::id::QueueId;

/// Who handed a message over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The connection's address.
    pub address: IpAddr,
    /// What it called itself in EHLO or HELO, which is never trusted; or the
    /// provider's server, as the settings name it.
    pub helo: String,
}

/// How a message came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transmission {
    /// Somebody brought it (RFC 3848, RFC 6531 §4.3).
    Smtp {
        /// EHLO was used, not HELO.
        extended: bool,
        /// MAIL named SMTPUTF8.
        utf8: bool,
        /// Version and cipher of TLS, as `TLSv1.3 TLS_AES_256_GCM_SHA384`.
        tls: Option<String>,
    },
    /// This hub fetched it from a provider.
    Pop3 {
        /// Whether under TLS.
        is_secured: bool,
    },
}

impl fmt::Display for Transmission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (extended, utf8, tls) = match self {
            Transmission::Smtp {
                extended,
                utf8,
                tls,
            } => (*extended, *utf8, tls),
            Transmission::Pop3 { is_secured: true } => return f.write_str("POP3 (TLS)"),
            Transmission::Pop3 { is_secured: false } => return f.write_str("POP3"),
        };
        let name = match (extended, utf8) {
            (false, _) => "SMTP",
            (true, false) => "ESMTP",
            (true, true) => "UTF8SMTP",
        };
        // RFC 3848 has no SMTPS: HELO after TLS is still plain SMTP by name.
        let secured = if tls.is_some() && extended { "S" } else { "" };
        write!(f, "{name}{secured}")?;
        match tls {
            Some(tls) => write!(f, " ({tls})"),
            None => Ok(()),
        }
    }
}

/// One Received line. Displayed with its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received<'a> {
    /// Who handed it over.
    pub peer: &'a Peer,
    /// This hub's name.
    pub hostname: &'a str,
    /// How it came.
    pub with: &'a Transmission,
    /// The message's id.
    pub id: QueueId,
    /// The recipient, if the message has one only: a second one would tell
    /// each of the other, blind copies included.
    pub only_recipient: Option<&'a Recipient>,
    /// When.
    pub at: SystemTime,
}

impl fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self.peer.address {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => format!("[{mapped}]"),
                None => format!("[IPv6:{address}]"),
            },
        };
        // A name that is none would make the line unreadable for programs: the
        // address stands for it then.
        match Domain::parse(&self.peer.helo) {
            Ok(name) => write!(f, "Received: from {name} ({address})")?,
            Err(_) => write!(f, "Received: from {address} ({address})")?,
        }
        write!(
            f,
            "\r\n\tby {} with {}\r\n\tid {}",
            self.hostname, self.with, self.id
        )?;
        if let Some(recipient) = self.only_recipient {
            write!(f, " for <{recipient}>")?;
        }
        write!(f, ";\r\n\t{}\r\n", date(self.at))
    }
}

/// `Return-Path: <…>` with its line end.
pub fn return_path(reverse_path: &ReversePath) -> String {
    format!("Return-Path: {reverse_path}\r\n")
}

/// `Delivered-To: …` with its line end.
pub fn delivered_to(recipient: &Recipient) -> String {
    format!("Delivered-To: {recipient}\r\n")
}

/// Date and time with zone (RFC 5322 §3.3), in UTC.
pub(super) fn date(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    // Fails only for years beyond 9999 or before 1900, which no clock that the
    // store accepts can show.
    at.format(&Rfc2822)
        .unwrap_or_else(|_| "Thu, 01 Jan 1970 00:00:00 +0000".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Address;
    use std::time::{Duration, UNIX_EPOCH};

    fn received(peer: Peer, with: Transmission, only_recipient: Option<Recipient>) -> String {
        Received {
            peer: &peer,
            hostname: "post.example.com",
            with: &with,
            id: QueueId::from_u64(1),
            only_recipient: only_recipient.as_ref(),
            at: UNIX_EPOCH + Duration::from_secs(1_795_380_000),
        }
        .to_string()
    }

    fn peer(address: &str, helo: &str) -> Peer {
        Peer {
            address: address.parse().unwrap(),
            helo: helo.to_string(),
        }
    }

    fn transmission(extended: bool, utf8: bool, tls: Option<&str>) -> Transmission {
        Transmission::Smtp {
            extended,
            utf8,
            tls: tls.map(str::to_string),
        }
    }

    #[test]
    fn a_received_line_names_peer_protocol_id_recipient_and_date() {
        let anna = Recipient::Address(Address::parse("anna@example.com").unwrap());
        let with = transmission(true, false, Some("TLSv1.3 TLS_AES_256_GCM_SHA384"));
        assert_eq!(
            received(peer("192.0.2.7", "mx.example.org"), with, Some(anna)),
            "Received: from mx.example.org ([192.0.2.7])\r\n\
             \tby post.example.com with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\
             \tid 0000000000001 for <anna@example.com>;\r\n\
             \tSun, 22 Nov 2026 20:40:00 +0000\r\n"
        );
    }

    #[test]
    fn a_fetched_message_says_from_where_and_by_pop3() {
        for (is_secured, with) in [(false, "with POP3\r\n"), (true, "with POP3 (TLS)\r\n")] {
            let provider = peer("192.0.2.7", "pop.provider.example");
            let line = received(provider, Transmission::Pop3 { is_secured }, None);
            assert!(line.starts_with("Received: from pop.provider.example ([192.0.2.7])\r\n"));
            assert!(line.contains(with), "{line}");
        }
    }

    #[test]
    fn a_helo_text_that_is_no_name_does_not_get_into_the_line() {
        let with = || transmission(false, false, None);
        for helo in ["", "a b", "x)\r\nX: y", "<script>", "[192.0.2.7]"] {
            let line = received(peer("192.0.2.7", helo), with(), None);
            assert!(
                line.starts_with("Received: from [192.0.2.7] ([192.0.2.7])\r\n\tby post"),
                "{line}"
            );
            assert!(line.contains("with SMTP\r\n"));
        }
    }

    #[test]
    fn an_ipv6_peer_is_written_as_a_literal() {
        let with = || transmission(true, true, None);
        let line = received(peer("2001:db8::1", "pc"), with(), None);
        assert!(line.starts_with("Received: from pc ([IPv6:2001:db8::1])\r\n"));
        assert!(line.contains("with UTF8SMTP\r\n"));
        let line = received(peer("::ffff:192.0.2.7", "pc"), with(), None);
        assert!(line.starts_with("Received: from pc ([192.0.2.7])\r\n"));
    }
}
