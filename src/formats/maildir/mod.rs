//! Maildir: a file for each message, in `new` until a mail program has shown it,
//! in `cur` from then on, and in `tmp` while it is written.

mod name;
mod uidlist;
mod writer;

pub use name::{Name, flags};
pub use uidlist::UidList;
pub use writer::{LineEnds, MaildirError, MaildirFile, MaildirWriter, Seen};
