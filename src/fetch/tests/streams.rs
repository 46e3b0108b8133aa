//! What no server should say.

use std::time::Instant;

use proptest::prelude::*;

use crate::fetch::check_invariants;

/// Input that gets further than random octets would.
fn server_input() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::sample::select(vec![
        "+OK",
        "+OK ready <1@a>",
        "-ERR",
        "-ERR [AUTH] no",
        "-ERR [IN-USE] locked",
        "-ERR [SYS/TEMP] later",
        "+",
        "+ eyJzdGF0dXMiOiI0MDEifQ==",
        ".",
        "..",
        "1 a",
        "2 b",
        "3 a",
        "9 z",
        "1 100",
        "2 4000000000",
        "PIPELINING",
        "SASL PLAIN XOAUTH2",
        "UIDL",
        "Subject: x",
        "",
        "* OK IMAP",
    ]);
    let piece = prop_oneof![
        12 => lines.prop_map(|line| format!("{line}\r\n").into_bytes()),
        6 => Just(b"+OK\r\nSubject: x\r\n\r\ntext\r\n.\r\n".to_vec()),
        3 => Just(b"+OK\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(b"\n".to_vec()),
        1 => (0..80_000_usize).prop_map(|octets| vec![b'x'; octets]),
    ];
    let pieces = prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat());
    (any::<[u8; 3]>(), pieces).prop_map(|(choices, input)| [choices.to_vec(), input].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_for_what_a_server_may_say(input in server_input()) {
        check_invariants(&input, Instant::now());
    }

    #[test]
    fn invariants_hold_for_any_octets(input in prop::collection::vec(any::<u8>(), 0..2000)) {
        check_invariants(&input, Instant::now());
    }
}
