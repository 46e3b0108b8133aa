//! What a client may send to a POP3 session.
#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroom::pop3::check_invariants(input, Instant::now()));
