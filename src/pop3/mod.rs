//! The POP3 server session: octets and time in, steps out.
//!
//! RFC 1939 with CAPA and response codes (RFC 2449, 3206), STLS (RFC 2595),
//! AUTH PLAIN and LOGIN (RFC 5034) and UTF8 (RFC 6856). Not offered: APOP (it
//! needs passwords in the clear), LANG, LAST.
//!
//! The machine never touches a socket, a file, the clock or the log, and it
//! never learns whose maildrop it shows. `net/pop3_server` drives it with one
//! loop: `receive` what was read, then `next` until it wants input again, and
//! every question is answered by a method of [`Session`] before the next
//! `next`.
//!
//! ```text
//!            ┌───────────── refused, cancelled ──────────────┐
//!            ▼                                               │
//!   ──▶ Authorization ──AUTH──▶ Sasl ──────────────▶ LoginRequested
//!        │   ▲   │                                       ▲   │
//!      STLS  │   └────────────────PASS───────────────────┘   │ maildrop opened
//!        ▼   │                                               ▼
//!     TlsRequested                                      Transaction ──QUIT──▶ Update
//!                                                            │                  │
//!    QUIT, time-out, too many errors: from every state       ▼                  ▼
//!    ────────────────────────────────────────────────────▶ Closed ◀─────────────┘
//!
//!   Transaction:   Commands ──first command that needs it──▶ ListingRequested ──▶ Commands
//!                  Commands ──LIST, UIDL──▶ Scanning ──▶ Commands
//!                  Commands ──RETR, TOP──▶ Opening ──▶ Sending ──▶ Commands
//! ```
//!
//! Only Update removes messages: a session that ends in any other way, the
//! autologout included, leaves the maildrop as it was (RFC 1939 §3, §6).

mod session;
mod step;
mod limits;
mod authorization;
mod sasl;
mod transaction;
mod maildrop;
mod multiline;
mod command;
mod fault;
mod reply;
#[cfg(any(test, fuzzing))]
mod invariants;
#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
pub use invariants::check_invariants;
pub use limits::{Limits, PlaintextLogin, Security, Settings};
pub use maildrop::{InvalidUniqueId, ScanListing};
pub use reply::TOO_BUSY;
pub use session::Session;
pub use step::{Ending, Login, LoginRefusal, Step};
