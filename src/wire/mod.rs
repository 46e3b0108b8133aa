//! Lines and dots: what SMTP and POP3 have in common on the wire.
//!
//! Pure: octets in, octets out. Nothing here knows a command, a reply or a
//! socket. The protocol machines ([`crate::smtp`], [`crate::pop3`]) call it.

mod content;
mod dots;
mod line;

pub use content::{BareLineFeed, ContentDecoder, Decoded, Framing, LineFault, LineFaultKind};
pub use dots::DotStuffer;
pub use line::{LineBuffer, LineError};
