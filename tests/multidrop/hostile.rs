//! Headers that want to hurt: nothing panics, nothing takes long, and folding
//! changes nothing.

use std::time::{Duration, Instant};

use postroom::mail::{HEADER_OCTETS_MAX, HeaderBlock};
use postroom::route::multidrop::{Copies, CopyDigest, decide};
use proptest::prelude::*;

use crate::office::{account, deliver, directory};

const MODES: [&str; 5] = [
    "envelope X-Envelope-To office-",
    "envelope Received",
    "envelope Delivered-To",
    "guess",
    "single alice",
];

#[test]
fn a_hostile_header_of_256_kib_is_decided_in_time() {
    let directory = directory();
    let line = |line: &str| format!("{line}\r\n").repeat(HEADER_OCTETS_MAX / (line.len() + 2));
    let long = |name: &str, piece: &str| {
        format!(
            "{name}: {}\r\n",
            piece.repeat((HEADER_OCTETS_MAX - 64) / piece.len())
        )
    };
    let mut blocks = vec![
        line("Received: from a by b"),
        line(
            "Received: from a.provider.example ([203.0.113.1]) by b.provider.example for <alice@example.com>; x",
        ),
        line("Received: ("),
        line("To: alice@example.com"),
        line("Resent-To: alice@example.com"),
        line("X-Envelope-To: <"),
        line("x"),
        line(" x"),
        line(":"),
    ];
    let pieces = [
        "(",
        "<",
        "\"",
        "\\",
        "@",
        ",",
        ":",
        ";",
        "a@b,",
        "\\\"",
        "(\"",
        "<\"",
        "alice@example.com,",
        "alice+x@example.com\r\n ",
        "=?utf-8?q?",
        "\r\n\t",
        "for <a@b> ",
        "by ",
        "([",
        "<\"(",
        "nosuch@example.com,",
    ];
    for name in [
        "To",
        "Received",
        "X-Envelope-To",
        "Delivered-To",
        "Resent-To",
        "Subject",
    ] {
        blocks.extend(pieces.iter().map(|piece| long(name, piece)));
    }
    for block in &blocks {
        let start = Instant::now();
        let headers = HeaderBlock::read(block.as_bytes());
        for mode in MODES {
            let account = account(mode, &["provider.example"], Copies::PerRecipient);
            let _ = decide(&account, &directory, &headers);
        }
        let _ = CopyDigest::begin(&headers).finish();
        // Five decisions, without optimisation, on a loaded machine; what is
        // quadratic takes minutes.
        let took = start.elapsed();
        let shown: String = block.chars().take(60).collect();
        assert!(took < Duration::from_secs(10), "{shown:?} took {took:?}");
    }
}

/// Header-like text: names that count, and signs that confuse.
fn header() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "To",
        "Cc",
        "Received",
        "X-Envelope-To",
        "Delivered-To",
        "Resent-To",
        "Resent-From",
        "Message-ID",
        "To ",
    ]);
    let word = prop_oneof![
        Just("alice@example.com".to_string()),
        Just("<bob@example.com>".to_string()),
        Just("from x.example ([203.0.113.1])".to_string()),
        Just("by mx.provider.example".to_string()),
        Just("for <carol@example.com>;".to_string()),
        Just("\"a, b\"".to_string()),
        Just("(x (y))".to_string()),
        "[<>()\",;:@\\\\a-c.é ]{0,6}",
    ];
    let value = prop::collection::vec(word, 0..5).prop_map(|words| words.join(" "));
    let field = (name, value).prop_map(|(name, value)| format!("{name}: {value}\r\n"));
    prop::collection::vec(field, 0..10).prop_map(|fields| fields.concat())
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let directory = directory();
        for mode in MODES {
            let account = account(mode, &["provider.example"], Copies::PerRecipient);
            deliver(&account, &directory, &[octets.clone(), octets.clone()]);
        }
    }

    /// Every message is somebody's or unclaimed (`deliver` holds that), and
    /// however its lines are folded, the same people get it.
    #[test]
    fn decisions_do_not_depend_on_folding(header in header(), seed in any::<u64>()) {
        let directory = directory();
        let mut bits = seed;
        let folded: String = header
            .lines()
            .map(|line| {
                let mut folded = String::new();
                for (at, c) in line.char_indices() {
                    bits = bits.rotate_left(7) ^ at as u64;
                    let in_value = line.find(": ").is_some_and(|colon| at > colon);
                    match c {
                        ' ' if in_value && bits % 3 == 0 => folded.push_str("\r\n\t"),
                        ' ' if in_value && bits % 3 == 1 => folded.push_str("\n  "),
                        c => folded.push(c),
                    }
                }
                folded + "\r\n"
            })
            .collect();
        for mode in MODES {
            let account = account(mode, &["provider.example"], Copies::PerRecipient);
            let decided = |header: &str| decide(&account, &directory, &HeaderBlock::read(header.as_bytes()));
            prop_assert_eq!(decided(&header), decided(&folded), "{}", header);
        }
    }

    /// What stands below the boundary changes nothing in mode `envelope`.
    #[test]
    fn nothing_below_the_boundary_counts_for_an_envelope(forged in header(), own in 0..3) {
        let directory = directory();
        let boundary = "Received: from x.example ([203.0.113.1]) by mx.provider.example; x\r\n";
        let own = ["", "X-Envelope-To: alice@example.com\r\n", "Delivered-To: nosuch@example.com\r\n"][own as usize];
        for mode in &MODES[..3] {
            let account = account(mode, &["provider.example"], Copies::PerRecipient);
            let real = format!("{own}{boundary}");
            let users = |header: &str| {
                let decision = decide(&account, &directory, &HeaderBlock::read(header.as_bytes()));
                decision.targets
            };
            prop_assert_eq!(users(&real), users(&format!("{real}{forged}")), "{}", forged);
        }
    }
}
