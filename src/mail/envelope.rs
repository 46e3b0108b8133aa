//! The envelope: who sent a message and who is to have it (RFC 5321 §2.3.1).

use std::fmt;

use super::address::Address;

/// Where reports about a message go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReversePath {
    /// `<>`: nowhere, for the message is such a report itself.
    Null,
    /// To this address.
    Address(Address),
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => f.write_str("<>"),
            ReversePath::Address(address) => write!(f, "<{address}>"),
        }
    }
}

/// Somebody who is to have the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// `<postmaster>` without a domain, which every server must take
    /// (RFC 5321 §4.5.1).
    Postmaster,
    /// An address.
    Address(Address),
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::Postmaster => f.write_str("postmaster"),
            Recipient::Address(address) => address.fmt(f),
        }
    }
}

/// What a transaction says of its message before the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// From MAIL.
    pub reverse_path: ReversePath,
    /// From each RCPT that was accepted, in their order.
    pub recipients: Vec<Recipient>,
}
