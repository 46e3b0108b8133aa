//! What an administrator, or an editor that was cut off, may leave in a file.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroom::config::check_invariants(input));
