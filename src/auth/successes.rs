//! The memory of good log-ins, so that a PC that polls every minute costs one hash a day.
//!
//! For each user one keyed digest of the last good log-in is kept: HMAC-SHA-256 under a key that
//! this process drew at its start, over user, stored hash and password. Neither the password nor
//! anything that could be tried against it outside this process is kept. Because the stored hash is
//! in the digest, a changed password or a user made anew is never matched by what was remembered:
//! nothing needs to be forgotten when the directory changes.
//!
//! Pure: the time is an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_priv_bytes;
use openssl::sign::Signer;

use super::PasswordHash;

/// A keyed digest of one log-in.
#[derive(Clone, Copy)]
pub(super) struct Proof([u8; 32]);

/// Makes [`Proof`]s with a key that no other process has.
pub(super) struct Prover {
    key: PKey<Private>,
}

/// Successes by user, at most `capacity`, each until it was not used for `keep`.
pub(super) struct Successes {
    keep: Duration,
    capacity: usize,
    users: HashMap<String, Remembered>,
}

struct Remembered {
    proof: Proof,
    used: Instant,
}

impl Prover {
    /// Draws the key.
    pub(super) fn new() -> Result<Prover, ErrorStack> {
        let mut key = [0; 32];
        rand_priv_bytes(&mut key)?;
        Ok(Prover {
            key: PKey::hmac(&key)?,
        })
    }

    /// The digest of one log-in. Each part is preceded by its length, so that no two different
    /// log-ins give the same octets.
    pub(super) fn prove(
        &self,
        user: &str,
        stored: &PasswordHash,
        password: &[u8],
    ) -> Result<Proof, ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        for part in [user.as_bytes(), stored.as_str().as_bytes(), password] {
            signer.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes())?;
            signer.update(part)?;
        }
        let mut proof = [0; 32];
        signer.sign(&mut proof)?;
        Ok(Proof(proof))
    }
}

impl Successes {
    pub(super) fn new(keep: Duration, capacity: usize) -> Successes {
        Successes {
            keep,
            capacity,
            users: HashMap::new(),
        }
    }

    /// Whether exactly this log-in succeeded lately. If so, it counts as used now.
    pub(super) fn recall(&mut self, user: &str, proof: &Proof, now: Instant) -> bool {
        let keep = self.keep;
        let Some(remembered) = self.users.get_mut(user) else {
            return false;
        };
        // Constant time is not needed for a keyed digest, but it costs nothing and needs no proof.
        let known =
            remembered.is_fresh(keep, now) && openssl::memcmp::eq(&remembered.proof.0, &proof.0);
        if known {
            remembered.used = now;
        }
        known
    }

    /// Remembers a success in place of the user's last one.
    pub(super) fn remember(&mut self, user: &str, proof: Proof, now: Instant) {
        if self.capacity == 0 {
            return;
        }
        if !self.users.contains_key(user) && self.users.len() >= self.capacity {
            self.make_room(now);
        }
        self.users
            .insert(user.to_owned(), Remembered { proof, used: now });
    }

    /// How many users are remembered, stale ones included.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Drops the stale ones, or, if there are none, the one that was not used for longest.
    fn make_room(&mut self, now: Instant) {
        let keep = self.keep;
        self.users
            .retain(|_, remembered| remembered.is_fresh(keep, now));
        if self.users.len() < self.capacity {
            return;
        }
        let oldest = self
            .users
            .iter()
            .min_by_key(|(_, remembered)| remembered.used);
        if let Some(user) = oldest.map(|(user, _)| user.clone()) {
            self.users.remove(&user);
        }
    }
}

impl Remembered {
    fn is_fresh(&self, keep: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.used) < keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::password::hash_password_with;
    use argon2::Params;

    const MINUTE: Duration = Duration::from_secs(60);

    fn quick_hash(password: &str) -> PasswordHash {
        hash_password_with(Params::new(8, 1, 1, None).unwrap(), password).unwrap()
    }

    #[test]
    fn only_the_same_user_hash_and_password_are_recalled() {
        let prover = Prover::new().unwrap();
        let (hash, other) = (quick_hash("secret"), quick_hash("secret"));
        let now = Instant::now();
        let mut successes = Successes::new(15 * MINUTE, 10);
        let proof = prover.prove("anna", &hash, b"secret").unwrap();
        assert!(!successes.recall("anna", &proof, now));
        successes.remember("anna", proof, now);
        assert!(successes.recall("anna", &proof, now));
        for (user, hash, password) in [
            ("anna", &hash, b"secreT"),
            ("anna", &other, b"secret"),
            ("bob", &hash, b"secret"),
        ] {
            let proof = prover.prove(user, hash, password).unwrap();
            assert!(!successes.recall(user, &proof, now), "{user}");
            assert!(!successes.recall("anna", &proof, now), "{user} as anna");
        }
        // Another process, and so another key, makes another proof of the same log-in.
        let foreign = Prover::new()
            .unwrap()
            .prove("anna", &hash, b"secret")
            .unwrap();
        assert!(!successes.recall("anna", &foreign, now));
    }

    #[test]
    fn a_success_is_forgotten_when_it_is_not_used() {
        let prover = Prover::new().unwrap();
        let hash = quick_hash("secret");
        let proof = prover.prove("anna", &hash, b"secret").unwrap();
        let mut now = Instant::now();
        let mut successes = Successes::new(15 * MINUTE, 10);
        successes.remember("anna", proof, now);
        for _ in 0..5 {
            now += 14 * MINUTE;
            assert!(successes.recall("anna", &proof, now));
        }
        now += 15 * MINUTE;
        assert!(!successes.recall("anna", &proof, now));
    }

    #[test]
    fn the_number_of_users_is_bounded_and_the_least_used_go_first() {
        let prover = Prover::new().unwrap();
        let hash = quick_hash("secret");
        let proof = |user: &str| prover.prove(user, &hash, b"secret").unwrap();
        let start = Instant::now();
        let mut successes = Successes::new(15 * MINUTE, 3);
        for (minute, user) in (0..).zip(["a", "b", "c"]) {
            successes.remember(user, proof(user), start + minute * MINUTE);
        }
        assert!(successes.recall("a", &proof("a"), start + 4 * MINUTE));
        successes.remember("d", proof("d"), start + 5 * MINUTE);
        assert_eq!(successes.len(), 3);
        assert!(!successes.recall("b", &proof("b"), start + 5 * MINUTE));
        assert!(successes.recall("a", &proof("a"), start + 5 * MINUTE));
    }
}
