//! Mail in files, as other programs keep it: mbox, Maildir, single messages.
//!
//! Octets in, messages out, and the other way round; a piece at a time, so that
//! a file of any size needs little memory. What files here hold ends its lines
//! as Unix does; everywhere else in this program a message has CRLF. Nothing
//! here knows a mailbox of ours or the hub. Called by `control` (what a message
//! is known by) and by the commands `export` and `import`.

mod unix_lines;
mod likeness;
mod letter;
mod found;
pub mod mbox;
pub mod maildir;

pub use found::{Found, Kind, find};
pub use letter::{Letter, LetterHead};
pub use likeness::{Likeness, LikenessDigest};
pub use unix_lines::UnixLines;
