//! What a directory is made from, as the administrator wrote it.

use std::fmt;

use thiserror::Error;

use crate::mail::{Address, AddressError, Domain, LocalPart};

/// A user's password as directory.toml holds it: an argon2id string. Held
/// here and handed on; [`crate::auth`] reads it. Never shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword(String);

impl StoredPassword {
    /// Wraps the string, whatever it says.
    pub fn new(text: impl Into<String>) -> StoredPassword {
        StoredPassword(text.into())
    }

    /// The string as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredPassword(..)")
    }
}

/// Why a text does not name an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OwnAddressError {
    /// Not an address and not a local part.
    #[error(transparent)]
    Syntax(#[from] AddressError),
    /// `anna+shop`: a tag is ignored, so this would be `anna`.
    #[error("a \"+tag\" is ignored in addresses of ours; write the part before the +")]
    Tag,
}

/// An address of ours: `anna.smith` in every domain of ours, or
/// `info@example.com` in that domain only.
#[derive(Debug, Clone)]
pub struct OwnAddress {
    written: String,
    local_part: String,
    domain: Option<Domain>,
}

impl OwnAddress {
    /// Parses `local-part` or `local-part@domain`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<OwnAddress, OwnAddressError> {
        let (local_part, domain) = match Address::parse(text) {
            Ok(address) => (address.local_part, Some(address.domain)),
            Err(AddressError::NoDomain) => (LocalPart::parse(text)?, None),
            Err(error) => return Err(error.into()),
        };
        let folded = local_part.folded();
        if folded.len() != local_part.as_str().to_lowercase().len() {
            return Err(OwnAddressError::Tag);
        }
        Ok(OwnAddress {
            written: text.to_string(),
            local_part: folded,
            domain,
        })
    }

    /// The local part as it compares: folded.
    pub fn local_part(&self) -> &str {
        &self.local_part
    }

    /// The one domain that it holds in; none: every domain of ours.
    pub fn domain(&self) -> Option<&Domain> {
        self.domain.as_ref()
    }
}

/// As the administrator wrote it.
impl fmt::Display for OwnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Two that name the same address are equal, however they are written.
impl PartialEq for OwnAddress {
    fn eq(&self, other: &OwnAddress) -> bool {
        (&self.local_part, &self.domain) == (&other.local_part, &other.domain)
    }
}

impl Eq for OwnAddress {}

/// Somebody with a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Letters, digits, `.`, `_`, `-`; an address in every domain of ours and
    /// a name to log in with. Its case is kept and never matters.
    pub name: String,
    /// What a log-in is checked against.
    pub password: StoredPassword,
    /// Further addresses.
    pub addresses: Vec<OwnAddress>,
    /// Whether the user may collect mail.
    pub access: Access,
}

/// Whether a user may collect mail. Mail comes in for all users alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// With the password.
    #[default]
    Allowed,
    /// Not until the administrator says so again; the mail waits.
    Disabled,
}

/// A name that stands for users and for other aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// A local part, in every domain of ours.
    pub name: String,
    /// Names of users and aliases.
    pub targets: Vec<String>,
}

/// What becomes of mail to an address of ours that is nobody's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum UnknownUser {
    /// Refused while the sender is still there to be told: no typing error is
    /// lost in a mailbox that nobody reads. The default.
    #[default]
    Reject,
    /// Kept as unclaimed, for the administrator to give away.
    Unclaimed,
    /// Delivered to this user.
    CatchAll(String),
}

/// Everything that a [`super::Directory`] is made from.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    /// The domains that are ours; the first one is that of a bare postmaster.
    pub domains: Vec<Domain>,
    /// Who has a mailbox.
    pub users: Vec<User>,
    /// Names for several of them.
    pub aliases: Vec<Alias>,
    /// What becomes of the rest.
    pub unknown_user: UnknownUser,
    /// Addresses that are refused even with a catch-all.
    pub reject: Vec<OwnAddress>,
}
