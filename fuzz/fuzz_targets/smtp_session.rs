//! What a peer may send to an SMTP session.
#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroom::smtp::check_invariants(input, Instant::now()));
