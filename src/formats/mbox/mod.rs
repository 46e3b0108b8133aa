//! mbox: many messages in one file, each behind a line that begins with "From ".
//!
//! There are four dialects (mboxo, mboxrd, mboxcl, mboxcl2), and nothing in a
//! file says which. Written is mboxrd, the only one that loses nothing; read
//! are all, with care for the places where they differ (see [`MboxReader`]).

mod from_line;
mod reader;
mod writer;

pub use from_line::FromLine;
pub use reader::{MboxReader, Part};
pub use writer::MboxWriter;
