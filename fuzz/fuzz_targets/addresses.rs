//! Addresses, Received lines and header blocks as anybody may write them.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroom::mail::check_invariants(input));
