//! The vocabulary of mail: addresses, the envelope, trace lines, headers.
//!
//! Pure types that parse instead of validate: an [`Address`] that exists is
//! one. Nothing here knows a protocol, a mailbox or a file. The only room that
//! uses mailparse, and only on a header block that is capped first.

mod address;
mod digest;
mod envelope;
mod fields;
mod header;
mod hop;
mod id;
mod notice;
mod scan;
mod summary;
mod trace;
mod words;
#[cfg(any(test, fuzzing))]
mod invariants;

pub use address::{Address, AddressError, Domain, LocalPart};
pub use digest::MessageDigest;
pub use envelope::{Envelope, Recipient, ReversePath};
pub use fields::{FIELDS_MAX, Field, HEADER_OCTETS_MAX, HeaderBlock};
pub use header::{HeaderScanner, HopCount};
pub use hop::{Hop, HopSource, is_private};
pub use id::{IdError, QueueId, QueueIds};
#[cfg(any(test, fuzzing))]
pub use invariants::check_invariants;
pub use notice::{Notice, is_direction_mark};
pub use scan::addresses;
pub use summary::Summary;
pub use trace::{Peer, Received, Transmission, delivered_to, return_path};
