//! Side by side with Postfix, Dovecot and fetchmail: what `scripts/bench` runs.

pub mod comparison;
