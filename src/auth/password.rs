//! Password hashes as directory.toml holds them, and new passwords.
//!
//! A hash is parsed once and checked against every limit there and then: a [`PasswordHash`] that
//! exists can be verified. Texts of errors never repeat the value, because it may be a password that
//! somebody wrote there in plain.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, Version};
use openssl::rand::rand_bytes;
use serde::Deserialize;
use thiserror::Error;

use super::memory::{OutOfMemory, WorkingMemory};

/// The longest password in octets: `PASS` and it must fit a POP3 command line of 255 octets
/// (RFC 2449 §4).
pub const MAX_PASSWORD: usize = 240;

/// The most memory that a hash made elsewhere may ask for, in KiB. A Raspberry Pi verifies it on two
/// threads at once, beside its mail.
const MAX_MEMORY_KIB: u32 = 64 * 1024;
/// The most passes that a hash made elsewhere may ask for: with 64 MiB some seconds on a Pi.
const MAX_PASSES: u32 = 10;
/// The fewest octets of output that a hash made elsewhere may have: 128 bits.
const MIN_OUTPUT: usize = 16;
/// What we hash with: argon2id, 19 MiB, 2 passes, 1 lane (OWASP's recommendation).
const OURS: Params = Params::DEFAULT;
/// Octets of random salt (RFC 9106 §3.1).
const SALT: usize = 16;

/// Kinds of hashes that other programs write. Only these are named in an error: anything else after
/// a `$` may be part of a password.
const OTHER_KINDS: &[&str] = &[
    "1",
    "2a",
    "2b",
    "2x",
    "2y",
    "5",
    "6",
    "7",
    "y",
    "gy",
    "apr1",
    "argon2i",
    "argon2d",
    "scrypt",
    "pbkdf2",
    "pbkdf2-sha256",
    "pbkdf2-sha512",
];

/// What a user's password is checked against: a PHC string `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
///
/// Cheap to clone. Its `Debug` form shows the parameters only.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct PasswordHash(Arc<Parsed>);

struct Parsed {
    text: String,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// Why a text is no password hash that postroom can verify.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PasswordHashError {
    /// It does not begin with `$`: perhaps a password in plain.
    #[error(
        "expected a password hash that begins with \"$argon2id$\", found something else, perhaps the \
         password itself; set it with `postroom user passwd NAME`, which writes the hash"
    )]
    NotAHash,
    /// A hash of another kind.
    #[error(
        "expected an argon2id hash (\"$argon2id$v=19$…\"), found one of the kind \"{kind}\", which \
         postroom cannot verify; set the password anew with `postroom user passwd NAME`"
    )]
    OtherKind {
        /// The kind as it is written.
        kind: String,
    },
    /// It begins well and does not parse.
    #[error(
        "expected a whole argon2id hash, \"$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH\", found one that \
         is cut off or altered ({reason}); set the password anew with `postroom user passwd NAME`"
    )]
    Malformed {
        /// What does not fit.
        reason: String,
    },
    /// It would take too much memory or time to verify.
    #[error(
        "expected an argon2id hash with m at most {MAX_MEMORY_KIB} and t at most {MAX_PASSES}, found \
         m={memory_kib} and t={passes}, which takes too much memory or time at each log-in; set the \
         password anew with `postroom user passwd NAME`"
    )]
    TooCostly {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
    },
}

/// Why a password cannot be set.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PasswordError {
    /// Nothing, or spaces alone.
    #[error("the password is blank; it needs characters other than spaces")]
    Blank,
    /// Longer than [`MAX_PASSWORD`].
    #[error("the password has {octets} octets; at most {MAX_PASSWORD} fit a POP3 command")]
    TooLong {
        /// Its length.
        octets: usize,
    },
    /// A line end, a tab or another character that mail programs cannot send.
    #[error(
        "the password contains a control character (a tab or line end?), which mail programs cannot send; leave it out"
    )]
    ControlCharacter,
    /// No memory for the hash.
    #[error(
        "there is not enough memory to hash a password (19 MiB); close other programs and try again"
    )]
    OutOfMemory,
    /// The source of random numbers failed.
    #[error("the system gives no random numbers: {0}")]
    NoRandomness(String),
    /// argon2 refused; its reason.
    #[error("the password cannot be hashed: {0}")]
    Unhashable(String),
}

/// Hashes a new password as we do it: argon2id, 19 MiB, 2 passes, 1 lane, random salt.
///
/// Takes 14 ms here and about 100 ms on a Raspberry Pi: not for the thread of the sessions. The octets are
/// hashed as they are, without any normal form, because a POP3 client sends its own octets, too.
///
/// # Errors
/// If the password cannot be sent by a mail program, or memory or random numbers are missing.
pub fn hash_password(password: &str) -> Result<PasswordHash, PasswordError> {
    hash_password_with(OURS, password)
}

impl PasswordHash {
    /// Parses a PHC string and checks that we can and will verify it.
    ///
    /// # Errors
    /// Each says what was expected; none repeats the value.
    pub fn parse(text: &str) -> Result<PasswordHash, PasswordHashError> {
        check_kind(text)?;
        let malformed = |reason: &dyn fmt::Display| PasswordHashError::Malformed {
            reason: reason.to_string(),
        };
        let hash = phc::PasswordHash::new(text).map_err(|error| malformed(&error))?;
        if hash.version != Some(Version::V0x13.into()) {
            return Err(malformed(&"its version is not v=19"));
        }
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(malformed(&"the salt or the hash is missing"));
        };
        if output.len() < MIN_OUTPUT {
            return Err(malformed(&"the hash is shorter than 16 octets"));
        }
        let params = Params::try_from(&hash).map_err(|error| malformed(&error))?;
        if params.m_cost() > MAX_MEMORY_KIB || params.t_cost() > MAX_PASSES {
            return Err(PasswordHashError::TooCostly {
                memory_kib: params.m_cost(),
                passes: params.t_cost(),
            });
        }
        // The same limits argon2 holds, so that no log-in meets them first.
        if salt.len() < argon2::MIN_SALT_LEN {
            return Err(malformed(&"the salt is shorter than 8 octets"));
        }
        Ok(PasswordHash(Arc::new(Parsed {
            text: text.to_owned(),
            params,
            salt: salt.to_vec(),
            output: output.as_bytes().to_vec(),
        })))
    }

    /// The PHC string, as it is written in directory.toml.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// SHA-256 of the PHC string in hex. It tells a user's entry from a later one of the same name,
    /// because every new hash has a new salt; nobody learns the hash from it.
    pub fn fingerprint(&self) -> String {
        data_encoding::HEXLOWER.encode(&openssl::sha::sha256(self.0.text.as_bytes()))
    }

    /// Whether it was made with the parameters that [`hash_password`] uses now. Only then does the
    /// time of a refusal not tell the user from an unknown one.
    pub fn has_our_parameters(&self) -> bool {
        same_cost(&self.0.params, &OURS)
    }

    /// Whether `password` is the right one. Blocks for as long as one hash takes.
    pub(super) fn matches(
        &self,
        password: &[u8],
        memory: &mut WorkingMemory,
    ) -> Result<bool, PasswordError> {
        let Parsed { params, salt, .. } = &*self.0;
        let expected = &self.0.output;
        let mut output = vec![0; expected.len()];
        compute(params, password, salt, &mut output, memory)?;
        Ok(openssl::memcmp::eq(&output, expected))
    }
}

/// Spends the time and memory of one hash with our parameters, for a user who does not exist.
pub(super) fn verify_nobody(
    password: &[u8],
    memory: &mut WorkingMemory,
) -> Result<(), PasswordError> {
    compute(
        &OURS,
        password,
        &[0; SALT],
        &mut [0; Params::DEFAULT_OUTPUT_LEN],
        memory,
    )
}

/// [`hash_password`] with other parameters, which lets tests be quick.
pub(super) fn hash_password_with(
    params: Params,
    password: &str,
) -> Result<PasswordHash, PasswordError> {
    check_password(password)?;
    let mut salt = [0; SALT];
    fill_random(&mut salt)?;
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    let mut memory = WorkingMemory::default();
    compute(
        &params,
        password.as_bytes(),
        &salt,
        &mut output,
        &mut memory,
    )?;
    // The unpadded standard alphabet, as the PHC format has it.
    let base64 = data_encoding::BASE64_NOPAD;
    let text = format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        params.m_cost(),
        params.t_cost(),
        params.p_cost(),
        base64.encode(&salt),
        base64.encode(&output),
    );
    Ok(PasswordHash(Arc::new(Parsed {
        text,
        params,
        salt: salt.to_vec(),
        output: output.to_vec(),
    })))
}

fn compute(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    memory: &mut WorkingMemory,
) -> Result<(), PasswordError> {
    let blocks = memory.blocks(params.block_count())?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password, salt, output, blocks)
        .map_err(|error| PasswordError::Unhashable(error.to_string()))
}

fn check_kind(text: &str) -> Result<(), PasswordHashError> {
    let Some(rest) = text.strip_prefix('$') else {
        return Err(PasswordHashError::NotAHash);
    };
    match rest.split_once('$') {
        Some(("argon2id", _)) => Ok(()),
        Some((kind, _)) if OTHER_KINDS.contains(&kind) => Err(PasswordHashError::OtherKind {
            kind: kind.to_owned(),
        }),
        _ => Err(PasswordHashError::NotAHash),
    }
}

fn check_password(password: &str) -> Result<(), PasswordError> {
    if password.trim().is_empty() {
        return Err(PasswordError::Blank);
    }
    if password.len() > MAX_PASSWORD {
        return Err(PasswordError::TooLong {
            octets: password.len(),
        });
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordError::ControlCharacter);
    }
    Ok(())
}

fn same_cost(one: &Params, other: &Params) -> bool {
    (one.m_cost(), one.t_cost(), one.p_cost()) == (other.m_cost(), other.t_cost(), other.p_cost())
}

pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), PasswordError> {
    rand_bytes(bytes).map_err(|error| PasswordError::NoRandomness(error.to_string()))
}

impl From<OutOfMemory> for PasswordError {
    fn from(OutOfMemory: OutOfMemory) -> PasswordError {
        PasswordError::OutOfMemory
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordHashError;

    fn from_str(text: &str) -> Result<PasswordHash, PasswordHashError> {
        PasswordHash::parse(text)
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = PasswordHashError;

    fn try_from(text: String) -> Result<PasswordHash, PasswordHashError> {
        PasswordHash::parse(&text)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params = &self.0.params;
        let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
        write!(formatter, "PasswordHash(argon2id, m={m}, t={t}, p={p})")
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &PasswordHash) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for PasswordHash {}

impl Hash for PasswordHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests;
