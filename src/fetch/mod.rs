//! The POP3 client session: how mail is fetched from a provider. Octets and
//! time in, steps out.
//!
//! RFC 1939 with CAPA, response codes and PIPELINING (RFC 2449, 3206), STLS
//! (RFC 2595), AUTH PLAIN (RFC 5034) and XOAUTH2 (which has no RFC), APOP on
//! request; UTF8 (RFC 6856) wherever a server offers it.
//!
//! The machine never touches a socket, a file, the clock or the log. It does
//! not know which messages are already here, nor whose they are: it shows the
//! listing, and its driver (`net/fetcher`) answers with tasks. DELE is sent for
//! a [`Removal`] alone, and that one is made from a
//! [`Receipt`](crate::store::Receipt) alone: a message that is not committed
//! cannot be removed at the provider.
//!
//! ```text
//!  Greeting ──(no TLS yet, TLS wanted)──▶ StlsAsked ──▶ TlsRequested
//!     │                                                     │ tls_started
//!     ▼                                                     ▼
//!  Capabilities(BeforeLogin) ◀──────────────────────────────┘
//!     │  (UTF8 offered: by way of Utf8Asked)
//!     │        └──XOAUTH2──▶ TokenRequested ──token──┐
//!     ▼                                              ▼
//!  LogIn(Exchange) ◀─────────────────────────────────┘
//!     │        └──PIPELINING not seen yet──▶ Capabilities(AfterLogin)
//!     ▼                                              ▼
//!  Listing(UIDL, LIST) ◀─────────────────────────────┘
//!     │ Listed
//!     ▼
//!  PlanAwaited ──plan──▶ Transfer ──QUIT answered──▶ Closed
//!
//!  Transfer:   RETR, TOP ─+OK─▶ ContentBegins, Content…, MessageComplete or TopComplete
//!                        ─-ERR─▶ RetrievalRefused
//!              stored(Arrived, Receipt) ─▶ DELE;   leave(Arrived) ─▶ stays there
//!              no task and no answer left ─▶ QUIT
//!
//!  anywhere: input ended, time over, what no server says ─▶ (ContentDiscarded) ─▶ Closed
//! ```
//!
//! Decided here, where the RFCs leave it open:
//! * With STLS wanted it is the first command, before CAPA: what a server tells
//!   in the clear could come from anybody, and after TLS it is asked anew.
//! * Messages may be answered later than they came, in any order, so that the
//!   store can commit many at once while the next ones arrive.
//! * UIDL and LIST leave in one write where pipelining is known or tried out:
//!   that is the test of [`Pipelining::ByTest`], and it costs nothing.
//! * A unique-id that two messages of one listing share names neither of them
//!   (the second would be taken for known, and removed unread).
//! * Only `CRLF . CRLF` ends a message. A bare LF is repaired, but never taken
//!   for the line end before a final dot: a sender could forge replies by it.
//! * A removal counts when QUIT is answered; until then nothing is said of it.

mod session;
mod step;
mod limits;
mod error;
mod reply;
mod output;
mod capabilities;
mod greeting;
mod login;
mod refusal;
mod listing;
mod reading;
mod transfer;
mod content;
mod clock;
#[cfg(any(test, fuzzing))]
mod invariants;
#[cfg(test)]
mod tests;

pub use crate::wire::Secret;
pub use capabilities::Capabilities;
pub use error::{Awaited, Error, Remedy, Stranger};
#[cfg(any(test, fuzzing))]
pub use invariants::check_invariants;
pub use limits::{Limits, Pipelining, Security, Settings, WithoutUniqueIds};
pub use listing::{Faults, Listing, Scan};
pub use login::{Credentials, PasswordMethod, TokenLine};
pub use reply::{Refusal, ResponseCode};
pub use session::Session;
pub use step::{Arrived, Ending, Removal, Step, Summary, Task};
