//! What a provider's POP3 server may say to the hub.
#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroom::fetch::check_invariants(
    input,
    Instant::now()
));
