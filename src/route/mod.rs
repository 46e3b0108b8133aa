//! Who gets a message: users, aliases, the catch-all, postmaster.
//!
//! [`Directory`] is a snapshot, checked as a whole when it is made and never
//! changed; a new directory file makes a new one. Pure: no file, no clock, no
//! mailbox. Passwords are held here, unread. [`crate::delivery`] asks for the
//! way of each recipient, [`crate::net`] for the user of a log-in;
//! [`crate::config`] makes the snapshots. [`multidrop`] finds the recipients of
//! fetched mail in its headers.

mod directory;
mod entries;
mod claims;
mod aliases;
mod error;
pub mod multidrop;

pub use directory::{Directory, Refusal, Route, Target};
pub use entries::{
    Access, Alias, Entries, OwnAddress, OwnAddressError, StoredPassword, UnknownUser, User,
};
pub use error::{DirectoryError, DirectoryFault, Place};
