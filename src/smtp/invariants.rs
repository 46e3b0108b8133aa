//! x
/// Stub.
pub fn check_invariants(_octets: &[u8]) {}
