//! Whose a fetched message is, whatever its header block says.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroom::route::multidrop::check_invariants(input));
