//! What a provider's POP3 server may say to the hub.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroom::fetch::check_invariants(input, std::time::Instant::now()));
