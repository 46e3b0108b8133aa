//! Lines, dots, waits and secrets: what SMTP and POP3 have in common on the wire.
//!
//! Pure: octets in, octets out. Nothing here knows a command, a reply or a
//! socket. The protocol machines ([`crate::smtp`], [`crate::pop3`],
//! [`crate::fetch`]) call it.

mod content;
mod dots;
mod line;
mod patience;
mod secret;
#[cfg(any(test, fuzzing))]
mod cuts;

pub use content::{BareLineFeed, ContentDecoder, Decoded, Framing, LineFault, LineFaultKind};
#[cfg(any(test, fuzzing))]
pub use cuts::Cuts;
pub use dots::DotStuffer;
pub use line::{LineBuffer, LineError};
pub use patience::{Allowance, Patience};
pub use secret::Secret;
pub(crate) use secret::overwrite;
