//! postroom: the post room of a small office. Mail comes in by SMTP, is split by
//! recipient, and waits until each PC collects its own by POP3.
//!
//! This page is the map. Read the modules in the order below; each begins with
//! what it does and what it never does.
//!
//! # What flows through it
//!
//! ```text
//!  the world ──SMTP──▶ smtp session ─┐
//!                       │            ├─▶ delivery ─▶ store ─▶ pop3 session ──POP3──▶ office PCs
//!           route: whose is it?      │                 │
//!                       │            │                 └─ Receipt: committed and synced;
//!  provider's ──POP3──▶ fetch session┘                    "250", and DELE at the provider, need one
//!  one mailbox          (multidrop)
//! ```
//! A reader who follows one message walks forwards: [`net::listener`] →
//! [`net::smtp_server`] → [`smtp::Session`] → [`route::Directory`] →
//! [`delivery::Incoming`] → [`store::Store`]; or [`net::fetcher`] →
//! [`fetch::Session`] → [`delivery::Fetched`] → [`route::multidrop`] →
//! [`store::Store`]; and later [`store::Store`] → [`net::pop3_server`] →
//! [`pop3::Session`]. Calls go downwards or return; there are no call-backs to
//! chase, but for one: whom a guess leads to is settled inside the commit
//! ([`store::Store::deliver_fetched`]).
//!
//! # Rooms
//!
//! A module uses lower floors only; a test (`tests/layering.rs`) reads the `use`
//! lines and holds this, and where each library may be named.
//!
//! ```text
//!  6  cli                   arguments, one file for each command, exit codes
//!  5  backup                copies for another disk, and the way back
//!     hub, control          opens, connects, starts, reloads, polls; the socket that commands speak to
//!     sheet                 a person's settings for the mail program, as text and as a page to print
//!  4  config                files → the settings types that the rooms declare; edit, init, watch, import
//!  3  net                   sockets, TLS, threads, limits; a driver for each protocol, and when to poll; figures
//!     auth                  password hashes, the memory of good log-ins, delays of bad ones
//!  2  delivery              the one door between intake and store
//!  1  smtp  pop3  fetch     protocol machines without I/O: octets and time in, steps out
//!     route                 who gets a message; whose a fetched one is (multidrop)
//!     store                 where mail is kept (SQLite)
//!     formats               mail in files of other programs: mbox, Maildir, single messages
//!  0  wire                  lines, dots, the end of data, waits, secrets
//!     mail                  addresses, envelope, header block, trace lines, ids, the hub's own notices
//!     files                 files and folders of other people: no link that leads elsewhere is followed
//!
//!     journal               from floor 2 up: one function for each event, the mail log
//!     logging               where log lines go
//! ```
//! Rooms of one floor do not know each other, but for three: `smtp` and `fetch`
//! name [`store::Receipt`], so that `250` and the provider's DELE without a commit
//! do not compile; `net` asks `auth`; `hub` and `control` work together.
//!
//! # Promises
//!
//! Each has a test that fails when it is broken.
//!
//! 1. **Commit, then answer.** `250` to a message needs a [`store::Receipt`], and
//!    only the store's commit makes one.
//! 2. **A fetched message arrives exactly once.** It is committed together with
//!    its unique-id at the provider, kept for each host and user; where that
//!    cannot be trusted, its octets tell.
//! 3. **No message goes to a wrong user; none is thrown away.** What cannot be
//!    decided is *unclaimed*, kept with its evidence.
//! 4. **A message's octets are never rewritten.** Trace lines are put in front.
//!    One exception: from the LAN and from a provider a bare LF becomes CRLF on
//!    the way in.
//! 5. **The hub is no open relay**, and sends nothing to anybody: what it has to
//!    say it puts into a mailbox here.
//! 6. **A unique-id names one message for ever**: 128 random bits, stored.
//! 7. **Every limit has a name, a default and a reason**, and the sum of the
//!    limits fits the memory budget.
//! 8. **Protocol code does no I/O and reads no clock.**
//! 9. **A slip of the administrator loses no mail.** An empty directory is
//!    refused; an address that has just gone is answered 450 for an hour; a
//!    mailbox belongs to a person, not to a name.
//!
//! # States of a message
//!
//! What is on disk, and what a crash in this state leads to:
//!
//! | state | on disk | after a crash here |
//! |---|---|---|
//! | received, before the commit | nothing, or an orphan file | the sender saw no 250 and sends again; the file is swept at the start |
//! | committed, before 250 | message and entries | the sender may send again: one duplicate |
//! | fetched, before the commit | nothing, or an orphan file | it is still at the provider, and fetched at the next poll |
//! | committed, before DELE or QUIT at the provider | message, entries and unique-id | the next poll only removes it there |
//! | removed at the provider | message, entries and unique-id | the unique-id is forgotten once UIDL has not listed it for 30 days |
//! | retrieved by the PC | entry | nothing changes |
//! | DELE in a session without QUIT | entry | the mark is lost, as RFC 1939 wants |
//! | QUIT answered | entry marked collected, one transaction | restorable until `keep_collected` ends, then swept with its message |
#![forbid(unsafe_code)]

pub mod wire;
pub mod mail;
pub mod files;
pub mod smtp;
pub mod pop3;
pub mod fetch;
pub mod route;
pub mod store;
pub mod formats;
pub mod journal;
pub mod delivery;
pub mod auth;
pub mod net;
pub mod config;
pub mod backup;
pub mod control;
pub mod hub;
pub mod sheet;
pub mod cli;
pub mod logging;

/// Dialogue files, shared with the tests in `tests/`.
#[cfg(test)]
#[path = "../tests/support/dialogue.rs"]
mod dialogue;
/// What fuzzers begin with and what they found, for the tests beside the code.
#[cfg(test)]
#[path = "../tests/support/seeds.rs"]
mod seeds;
