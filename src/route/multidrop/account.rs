//! What routing must know of a provider account.

use super::trusted::TrustedHosts;

/// The settings of one `[[provider]]` that say whose its mail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// This hub's name in its own Received lines, for the loop guard.
    pub hostname: String,
    /// How recipients are found.
    pub mode: Mode,
    /// Whose Received lines are the provider's own.
    pub trusted_hosts: TrustedHosts,
    /// What the provider stores of a message to several of us.
    pub copies: Copies,
}

/// How recipients are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The provider writes the recipient down. Exact; nothing else counts.
    Envelope {
        /// Where it writes it.
        header: EnvelopeHeader,
        /// What it puts in front of the local part; case does not matter.
        prefix: String,
    },
    /// From what the message shows.
    Guess,
    /// Everything goes to one user, or to the users of an alias.
    Single {
        /// The name of the user or alias.
        user: String,
    },
}

/// The header that holds the recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeHeader {
    /// The `for` clause of the provider's own Received lines.
    Received,
    /// The field of this name.
    Field(String),
}

impl EnvelopeHeader {
    /// From the setting `envelope_header`.
    pub fn named(name: &str) -> EnvelopeHeader {
        match name.trim() {
            name if name.eq_ignore_ascii_case("Received") => EnvelopeHeader::Received,
            name => EnvelopeHeader::Field(name.to_string()),
        }
    }

    /// The setting `envelope_header`.
    pub fn name(&self) -> &str {
        match self {
            EnvelopeHeader::Received => "Received",
            EnvelopeHeader::Field(name) => name,
        }
    }
}

/// What the provider stores of a message to several of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// One copy for each recipient.
    PerRecipient,
    /// One copy for all.
    PerMessage,
}
