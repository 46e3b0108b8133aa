//! Who may collect mail: password hashes, their verification, and what failures cost.
//!
//! - [`PasswordHash`] is what directory.toml holds; a hash that cannot be verified is refused when
//!   the file is read, so that it never surprises at a log-in.
//! - [`Verifier`] computes hashes on threads of its own and remembers successes, because office PCs
//!   poll every minute and a hash costs 14 ms here and about 100 ms on a Raspberry Pi.
//! - [`FailureLog`] says how long a refusal is held back. It refuses nobody and locks nobody out.
//!   [`GuessLog`] says the same of recipients that strangers guess.
//!
//! The room opens no sockets and no files and writes no log. It knows neither the directory nor a
//! protocol: the caller looks the user up, passes the stored hash, and answers. The configuration
//! parses hashes with it, the user commands make them, the drivers in `net` verify with it.

mod password;
mod weakness;
mod made_up;
mod verifier;
mod successes;
mod failures;
mod guesses;
mod memory;

pub use failures::{FailureCounts, FailureLog, HeldBack, Household};
pub use guesses::GuessLog;
pub use made_up::made_up_password;
pub use password::{MAX_PASSWORD, PasswordError, PasswordHash, PasswordHashError, hash_password};
pub use verifier::{Settings, Turn, Verdict, Verifier};
pub use weakness::{Weakness, weakness};
