//! Passwords and tokens, kept no longer than they are needed.

use std::fmt;
use std::hint::black_box;

/// A password or a token: not shown by Debug, overwritten when dropped.
#[derive(Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the octets over.
    pub fn new(octets: impl Into<Vec<u8>>) -> Secret {
        Secret(octets.into())
    }

    /// What is kept secret.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        overwrite(&mut self.0);
    }
}

/// Overwrites octets that nobody reads any more.
pub(crate) fn overwrite(octets: &mut [u8]) {
    octets.fill(0);
    // Keeps the compiler from leaving out a write that nobody reads.
    black_box(octets);
}
