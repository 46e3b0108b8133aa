//! What commands ask of a hub, and how they reach it.
//!
//! A running hub answers on a Unix socket in its data folder (0600: whoever may
//! read the mail may ask). Without a running hub a command takes the folder's
//! lock and does the same work on the store itself: [`perform()`] serves both.
//!
//! One request a connection: a line of JSON there, a line of JSON back; after
//! [`Answer::Content`] the octets of the message follow. Only an export and an
//! import are conversations ([`transfer`]).

mod alone;
mod client;
mod exposition;
mod messages;
mod perform;
mod server;
mod status;
pub mod transfer;
mod unclaimed;

pub use alone::{ANSWER_COMMAND, answer_on_standard_input};
pub use client::{AskError, Reply, ask, ask_running};
pub use exposition::exposition;
pub use messages::{
    Answer, FetchedAccount, MailLine, Request, RuleLine, Story, StoryEntry, seconds,
};
pub use perform::{Outcome, perform, status};
pub use server::{Answering, listen, serve};
pub use status::{
    CertificateState, Disk, FiguresState, HubState, ListenerState, MailboxState, ProviderState,
    SessionState, Status, StoreState, TimeBucket,
};
pub use transfer::{
    Ended, ExportEntry, ExportPart, ExportRequest, Exporting, Gone, ImportHead, ImportReply,
    Importing, Known, Mailboxes, Transfer,
};

/// The socket's name in the data folder.
pub const SOCKET: &str = "control";
