//! Values as people and programs write them.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn show(found: Vec<Address>) -> String {
    let found: Vec<String> = found.iter().map(Address::to_string).collect();
    found.join(" ")
}

#[test]
fn addresses_are_found_however_they_are_written() {
    for (text, expected) in [
        ("", ""),
        (" , ; ,", ""),
        ("anna", ""),
        ("anna@example.com", "anna@example.com"),
        ("<anna@example.com>", "anna@example.com"),
        ("Anna <anna@example.com>", "anna@example.com"),
        (
            "\"Smith, Anna\" <anna@example.com>, bob@example.org",
            "anna@example.com bob@example.org",
        ),
        // Names, comments and words that look like addresses.
        ("\"bob@example.org\" <anna@example.com>", "anna@example.com"),
        ("bob@example.org <anna@example.com>", "anna@example.com"),
        ("anna@example.com (bob@example.org)", "anna@example.com"),
        (
            "anna@example.com (a (b) , bob@example.org)",
            "anna@example.com",
        ),
        (
            "anna@example.com (Bob (the \"real\" one, not bob@example.org))",
            "anna@example.com",
        ),
        (
            "anna@example.com (a \\) bob@example.org)",
            "anna@example.com",
        ),
        (
            "=?utf-8?q?bob=40example=2Eorg=2C?= <anna@example.com>",
            "anna@example.com",
        ),
        (
            "=?utf-8?b?Ym9iQGV4YW1wbGUub3JnLA==?= <anna@example.com>",
            "anna@example.com",
        ),
        (
            "x@example.org (a (b), bob@example.org, \"c)\" <anna@example.com>",
            "anna@example.com",
        ),
        ("an(x)na@example.com", "anna@example.com"),
        // Only a quoted text: it is the address.
        ("\"anna@example.com\"", "anna@example.com"),
        ("'anna@example.com'", "anna@example.com"),
        (
            "\"'anna@example.com'\" <anna@example.com>",
            "anna@example.com",
        ),
        // Groups.
        ("Undisclosed recipients:;", ""),
        ("<Undisclosed-Recipient:;@example.org>", ""),
        (
            "team: anna@example.com, Bob <bob@example.org>;",
            "anna@example.com bob@example.org",
        ),
        (
            "team: anna@example.com, bob@example.org; carol@example.net",
            "anna@example.com bob@example.org carol@example.net",
        ),
        ("team: anna@example.com", "anna@example.com"),
        ("a: b: anna@example.com;", "anna@example.com"),
        ("bob@example.org's: <anna@example.com>;", "anna@example.com"),
        // Quoted local parts, routes, literals.
        ("\"anna\"@example.com", "anna@example.com"),
        (
            "\"an na\"@example.com, bob@example.org",
            "\"an na\"@example.com bob@example.org",
        ),
        (
            "\"anna\"@example.com, <bob@example.org>",
            "anna@example.com bob@example.org",
        ),
        ("<\"a>b\"@example.com>", "\"a>b\"@example.com"),
        ("<\"a@b\"@example.com>", "\"a@b\"@example.com"),
        (
            "<@relay.example,@b.example:anna@example.com>",
            "anna@example.com",
        ),
        ("@relay.example:anna@example.com", "anna@example.com"),
        ("anna@[IPv6:2001:db8::1]", "anna@[IPv6:2001:db8::1]"),
        (
            "anna%example.com@relay.example",
            "anna%example.com@relay.example",
        ),
        // Missing and doubled brackets, commas, quotes.
        ("<anna@example.com", "anna@example.com"),
        ("anna@example.com>", "anna@example.com"),
        (
            "Anna <anna@example.com, Bob <bob@example.org>",
            "anna@example.com bob@example.org",
        ),
        ("<<anna@example.com>>", "anna@example.com"),
        (
            "<anna@example.com><bob@example.org>",
            "anna@example.com bob@example.org",
        ),
        (
            "<anna@example.com> <bob@example.org>",
            "anna@example.com bob@example.org",
        ),
        (
            "<anna@example.com, bob@example.org>",
            "anna@example.com bob@example.org",
        ),
        (
            "anna@example.com bob@example.org",
            "anna@example.com bob@example.org",
        ),
        (
            "anna@example.com; bob@example.org",
            "anna@example.com bob@example.org",
        ),
        ("Anna anna@example.com", "anna@example.com"),
        (
            "Anna <anna@example.com> Bob <bob@example.org>",
            "anna@example.com bob@example.org",
        ),
        (
            "\"Smith, A\" anna@example.com, Bob <bob@example.org>",
            "anna@example.com bob@example.org",
        ),
        (
            "\"Anna <anna@example.com>, bob@example.org",
            "anna@example.com bob@example.org",
        ),
        (
            "anna@example.com (Anna, bob@example.org",
            "anna@example.com bob@example.org",
        ),
        ("anna@example.com (Anna bob@example.org", "anna@example.com"),
        (
            "anna@example.com) bob@example.org",
            "anna@example.com bob@example.org",
        ),
        // One bad address does not hide the others.
        ("a..@@b, anna@example.com", "anna@example.com"),
        ("a b c <>, anna@example.com", "anna@example.com"),
        ("Anna <anna>, bob@example.org", "bob@example.org"),
        // What is put around an address.
        ("mailto:anna@example.com", "anna@example.com"),
        ("<mailto:anna@example.com>", "anna@example.com"),
        ("<MAILTO:anna@example.com?subject=x>", "anna@example.com"),
        ("SMTP:anna@example.com", "anna@example.com"),
        ("rfc822;anna@example.com", "anna@example.com"),
        ("anna @ example.com", "anna@example.com"),
        ("<anna @example.com>", "anna@example.com"),
        ("anna@example.com.", "anna@example.com"),
        ("< anna@example.com >", "anna@example.com"),
        // Beyond ASCII.
        (
            "Jürgen <jürgen@bücher.example>",
            "jürgen@xn--bcher-kva.example",
        ),
        ("M\u{fc}ller, Anna <anna@example.com>", "anna@example.com"),
    ] {
        assert_eq!(show(addresses(text)), expected, "{text:?}");
    }
}

#[test]
fn hostile_values_take_linear_time() {
    let times = 256 * 1024;
    for piece in [
        "(",
        ")",
        "<",
        ">",
        "\"",
        "\\",
        ",",
        ":",
        "@",
        "a",
        "a@b,",
        "<\"",
        "(\"",
        "<<\"",
        "a:",
        "\"<",
        "<a@b.c",
        "(a)",
        "\"a\"",
        "\"a\"@",
        "@:",
        "é",
        "<a,",
        "a (",
        "<(\"",
        "=?utf-8?q?a?=",
        "\\\"",
        "a@b ",
        "<a@b> ",
    ] {
        let text = piece.repeat(times / piece.len());
        let start = Instant::now();
        let _ = addresses(&text);
        // Without optimisation on a loaded machine; quadratic takes minutes.
        let took = start.elapsed();
        assert!(took < Duration::from_secs(30), "{piece:?} took {took:?}");
    }
}

#[test]
fn ten_thousand_addresses_are_all_found() {
    let list: Vec<String> = (0..10_000)
        .map(|n| format!("User {n} <u{n}@example.com>"))
        .collect();
    assert_eq!(addresses(&list.join(", ")).len(), 10_000);
    assert_eq!(Scanner::new(&list.join(" ")).scan().len(), 10_000);
}

proptest! {
    #[test]
    fn no_text_makes_it_fail(text in "[<>()\",;:@\\\\ a-c.é\\[\\]'=?]{0,80}") {
        let _ = addresses(&text);
    }

    /// Where mailparse is believed, our own scanner finds the same.
    #[test]
    fn both_readers_agree_on_plain_lists(
        list in prop::collection::vec(("[a-z]{1,8}", "[a-z]{1,8}\\.example", "[A-Za-z ]{0,8}"), 0..8)
    ) {
        let entry = |(local, domain, name): &(String, String, String)| match name.trim() {
            "" => format!("{local}@{domain}"),
            name => format!("{name} <{local}@{domain}>"),
        };
        let text = list.iter().map(entry).collect::<Vec<_>>().join(", ");
        prop_assert_eq!(addresses(&text), Scanner::new(&text).scan());
    }
}
