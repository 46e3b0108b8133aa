use super::*;

/// What becomes of the lines of UIDL and LIST.
fn listing(unique_ids: Option<&[&str]>, sizes: &[&str]) -> Listing {
    let mut listing = Listing::default();
    if let Some(lines) = unique_ids {
        listing.unique_ids_begin();
        for line in lines {
            listing.read_unique_id(line.as_bytes());
        }
        listing.unique_ids_end();
    }
    for line in sizes {
        listing.read_size(line.as_bytes());
    }
    listing.finish();
    listing
}

fn check(unique_ids: &[&str], sizes: &[&str], expected: &str) {
    assert_eq!(
        shown(&listing(Some(unique_ids), sizes)),
        expected,
        "{unique_ids:?} {sizes:?}"
    );
}

fn shown(listing: &Listing) -> String {
    let scans = listing.scans().map(|scan| {
        let octets = scan.octets.map_or("?".to_owned(), |it| it.to_string());
        let unique_id = scan.unique_id.map_or("?".into(), String::from_utf8_lossy);
        format!("{} {unique_id} {octets}", scan.number)
    });
    scans.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_listing_out_of_order_or_with_gaps_keeps_its_numbers() {
    check(&["1 a", "2 b"], &["1 10", "2 20"], "1 a 10, 2 b 20");
    check(
        &["3 c", "1 a", "7 g"],
        &["7 70", "3 30", "1 10"],
        "1 a 10, 3 c 30, 7 g 70",
    );
    check(&["2 b"], &["1 10", "2 20"], "1 ? 10, 2 b 20");
    check(
        &["5 e", "2 b"],
        &["9 90", "5 50", "1 10", "2 20"],
        "1 ? 10, 2 b 20, 5 e 50, 9 ? 90",
    );
    check(&["1 a", "2 b"], &[], "1 a ?, 2 b ?");
    check(&[], &["2 20", "1 10", "2 21"], "1 ? 10, 2 ? 20");
    check(&[], &[], "");
}

#[test]
fn lines_that_are_no_listing_are_passed_over() {
    let lines = ["", "x", "0 a", "-1 a", "+2 b", "4294967296 z", "3x c", "9"];
    let listing = listing(
        Some(&lines),
        &["1", "1 x", "1 10x", "1 -1", " 2  20 octets"],
    );
    assert_eq!(shown(&listing), "2 ? 20, 9 ? ?");
    assert_eq!(listing.faults().unreadable_lines, 7 + 4);
}

#[test]
fn a_unique_id_that_two_messages_share_names_neither() {
    check(&["1 a", "2 b", "3 a"], &[], "1 ? ?, 2 b ?, 3 ? ?");
    let found = listing(Some(&["1 a", "2 a", "3 a", "4 b", "5 b", "6 c"]), &[]);
    assert_eq!(found.faults().repeated_unique_ids, 5);
    assert_eq!(
        listing(Some(&["1", "2"]), &[]).faults().repeated_unique_ids,
        0
    );
}

#[test]
fn two_names_for_one_number_are_none() {
    check(&["1 a", "1 b", "2 c"], &[], "1 ? ?, 2 c ?");
    check(&["1 a", "1 a"], &[], "1 a ?");
    check(&["1 a", "2 b", "1 b"], &[], "1 ? ?, 2 b ?");
}

#[test]
fn unique_ids_are_kept_as_they_are_up_to_255_octets() {
    check(&["1 a b", "2 a c"], &[], "1 a b ?, 2 a c ?");
    let long = "x".repeat(255);
    check(&[&format!("1 {long}")], &[], &format!("1 {long} ?"));
    check(&[&format!("1 {long}y")], &[], "1 ? ?");
    let mut listing = Listing::default();
    listing.read_unique_id(b"1 \xff\x01");
    listing.unique_ids_end();
    let scan = listing.scans().next().unwrap();
    assert_eq!(scan.unique_id, Some(&b"\xff\x01"[..]));
}

#[test]
fn sizes_beyond_4_gib_are_told_as_4_gib() {
    check(
        &[],
        &["1 99999999999", "2 4294967295"],
        "1 ? 4294967294, 2 ? 4294967294",
    );
}

#[test]
fn a_million_messages_are_kept_compact_and_further_ones_counted() {
    let mut listing = Listing::default();
    listing.unique_ids_begin();
    for number in 1..=LISTING_MESSAGES_MAX + 5 {
        listing.read_unique_id(format!("{number} {number:016x}").as_bytes());
    }
    listing.unique_ids_end();
    for number in 1..=LISTING_MESSAGES_MAX + 5 {
        listing.read_size(format!("{number} 1234").as_bytes());
    }
    listing.finish();
    assert_eq!(listing.len(), LISTING_MESSAGES_MAX);
    assert_eq!(listing.faults().omitted, 5);
    assert_eq!(size_of::<Entry>(), 16);
    let octets = listing.entries.capacity() * 16 + listing.unique_ids.capacity();
    assert!(octets <= 33_000_000, "{octets} octets");
}

#[test]
fn unique_ids_have_a_limit_together() {
    let mut listing = Listing::default();
    let long = "x".repeat(240);
    for number in 1..=200_000 {
        listing.read_unique_id(format!("{number} {number}{long}").as_bytes());
    }
    assert!(listing.unique_ids.len() <= UNIQUE_IDS_OCTETS_MAX);
    assert_eq!(listing.len() + listing.faults().omitted, 200_000);
    assert!(listing.faults().omitted > 0);
}
