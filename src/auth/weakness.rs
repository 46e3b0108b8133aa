//! Passwords that a person chose and that somebody else guesses soon. A new one is not to be so;
//! one that the PCs of an office have had for years may be taken over, with a warning: that is the
//! caller's to decide.

use thiserror::Error;

/// Fewer characters are tried out by whoever gets hold of the hash, and often without it.
const CHARACTERS_MIN: usize = 8;

/// Why a password is guessed soon.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
pub enum Weakness {
    /// It is too short.
    #[error("it has fewer than {CHARACTERS_MIN} characters")]
    Short,
    /// It is what everybody tries first.
    #[error("it is the user's own name")]
    OwnName,
}

/// What is weak about the password of the user of this name, if anything is.
pub fn weakness(password: &str, user: &str) -> Option<Weakness> {
    if password.trim().to_lowercase() == user.to_lowercase() {
        return Some(Weakness::OwnName);
    }
    (password.chars().count() < CHARACTERS_MIN).then_some(Weakness::Short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_password_and_the_own_name_are_weak() {
        for (password, expected) in [
            ("kurz", Some(Weakness::Short)),
            ("größere", Some(Weakness::Short)),
            ("anna", Some(Weakness::OwnName)),
            ("Frau-Schmidt", Some(Weakness::OwnName)),
            ("größer-8", None),
            ("frau-schmidt-1", None),
        ] {
            let user = match expected {
                Some(Weakness::OwnName) => password.to_uppercase(),
                _ => "anna".to_string(),
            };
            assert_eq!(weakness(password, &user), expected, "{password}");
        }
    }
}
