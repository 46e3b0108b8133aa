//! One SMTP session, receiving: octets and time in, steps out (RFC 5321).
//!
//! Pure: no socket, no clock, no log. It never decides who has an address here
//! and never keeps a message; it asks, and whoever drives it (`net`, a test, a
//! fuzzer) answers. `250` to a message needs a [`Receipt`](crate::store::Receipt),
//! which only the store's commit makes: nothing else in here can say it.
//!
//! ```text
//!  Greeting
//!     │ 220
//!     ▼            MAIL                  accept_sender
//!  Commands(Idle) ──────▶ SenderAsked ──────────────────▶ Commands(Open) ◀─┐
//!   ▲  ▲   ▲ ▲               │                              │  │           │
//!   │  │   │ └─refuse_sender─┘                  RCPT        │  │  accept_recipient
//!   │  │   │                   RecipientAsked ◀─────────────┘  │  refuse_recipient
//!   │  │   │                        └──────────────────────────┼───────────┘
//!   │  │   │ refuse_content                     DATA, BDAT     │
//!   │  │   └───(Skipping)── ContentAsked ◀─────────────────────┘
//!   │  │ RSET                 │ accept_content
//!   │  │ EHLO                 ▼      BDAT
//!   │  │ (Discarding)     Receiving ◀────── Commands(Chunks)
//!   │  └──────────────┐       ▼                  ▲
//!   │  refusal        └─── Arrived ──────────────┘ not the last BDAT
//!   │                         │ the end
//!   │     stored, refused     ▼
//!   └──────────────────── Committing
//!
//!  anywhere: StartingTls ─tls_started─▶ Commands(Idle);  Closing ─▶ the end
//! ```
//! A BDAT that comes where none may is skipped to its end and then answered,
//! and the transaction is over (RFC 3030 §2). Content that was handed out and
//! will not be kept is always called back by [`Step::ContentDiscarded`].
//!
//! Decided here, where the RFCs leave it open:
//! * BDAT with a size that cannot be read is answered and closes: its octets
//!   cannot be told from commands, and the way on would be a smuggler's.
//! * Octets in the clear behind STARTTLS close the connection, instead of being
//!   dropped: no honest client sends them, but for one that does not wait for
//!   220, and that one would hang.
//! * ETRN and EXPN are 502: neither is offered, and mail is collected by POP3.
//! * A text behind HELO is never judged; none at all will do.

mod session;
mod step;
mod limits;
mod refusal;
mod state;
mod answers;
mod commands;
mod receiving;
mod reply;
mod command;
mod path;
mod content;
mod clock;
#[cfg(any(test, fuzzing))]
mod invariants;

#[cfg(any(test, fuzzing))]
pub use invariants::check_invariants;
pub use limits::{Limits, Settings, Trust};
pub use refusal::Refusal;
pub use reply::{busy_greeting, crowded_greeting, refusing_greeting};
pub use session::Session;
pub use step::{Discard, Ending, Step};

#[cfg(test)]
mod tests;
