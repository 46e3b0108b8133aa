//! What can be wrong with a directory, and where.

use thiserror::Error;

use super::entries::OwnAddressError;

/// Which entry an error is about, so that the caller can point at its line.
/// Numbers count the [`super::Entries`]' lists from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A user's name.
    User(usize),
    /// One of a user's further addresses.
    UserAddress {
        /// Which user.
        user: usize,
        /// Which of its addresses.
        address: usize,
    },
    /// An alias's name.
    Alias(usize),
    /// One of an alias's targets.
    AliasTarget {
        /// Which alias.
        alias: usize,
        /// Which of its targets.
        target: usize,
    },
    /// What becomes of mail that is nobody's.
    UnknownUser,
    /// One of the refused addresses.
    Reject(usize),
}

/// A directory that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{fault}")]
pub struct DirectoryError {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: DirectoryFault,
}

/// What is wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DirectoryFault {
    /// A user's name would not be a safe name everywhere.
    #[error(
        "user name {0:?}: expected 1 to 64 letters (a-z), digits, \".\", \"_\" or \"-\", beginning \
         with a letter or a digit; other spellings can stand in addresses = [...]"
    )]
    UserName(String),
    /// A name that `unknown_user` gives another meaning.
    #[error(
        "user name \"{0}\": it has a meaning of its own in unknown_user = \"{0}\"; choose another \
         name and put \"{0}\" into its addresses"
    )]
    ReservedName(String),
    /// An alias's name is no local part.
    #[error("alias name \"{name}\": {reason}")]
    AliasName {
        /// As written.
        name: String,
        /// What is wrong with it.
        reason: OwnAddressError,
    },
    /// An alias's name has a domain.
    #[error(
        "alias name \"{0}\": an alias holds in every domain, so write it without \"@\" and what \
         follows; an address in one domain only goes into a user's addresses"
    )]
    AliasWithDomain(String),
    /// An address is claimed twice.
    #[error(
        "{address} clashes with {holder}: an address belongs to one user or one alias; for several \
         users make an alias"
    )]
    Claimed {
        /// The address, with who claims it: `address info of bob`.
        address: String,
        /// Who has it: `user anna`.
        holder: String,
    },
    /// An address in a domain that is not ours.
    #[error(
        "address \"{address}\": {domain} is none of this hub's domains; add it to domains in \
         postroom.toml, or leave \"@{domain}\" out"
    )]
    ForeignDomain {
        /// As written.
        address: String,
        /// Its domain.
        domain: String,
    },
    /// An alias that leads nowhere.
    #[error("alias {0} has no targets; name a user or an alias, or remove it")]
    NoTargets(String),
    /// A target that does not exist.
    #[error("alias {alias}: there is no user and no alias \"{target}\"{hint}")]
    UnknownTarget {
        /// The alias.
        alias: String,
        /// The target as written.
        target: String,
        /// Where the name was found instead, if anywhere; begins with "; ".
        hint: String,
    },
    /// Aliases that lead back to themselves.
    #[error("aliases in a loop: {0}; take one of them out of another's targets")]
    Loop(String),
    /// The catch-all is no user.
    #[error("unknown_user = \"{name}\": expected reject, unclaimed or the name of a user; {found}")]
    UnknownCatchAll {
        /// As written.
        name: String,
        /// What there is instead.
        found: String,
    },
    /// `reject` names what belongs to somebody.
    #[error("reject = \"{address}\": it belongs to {holder}; take it out of one of the two")]
    RejectsHeld {
        /// As written.
        address: String,
        /// Who has it.
        holder: String,
    },
    /// `reject` names postmaster.
    #[error("reject = \"{0}\": every mail server must take mail for postmaster (RFC 5321 §4.5.1)")]
    RejectsPostmaster(String),
}
