//! What must hold for every text, as one function for fuzzers and tests.

use super::address::{Address, Domain, LocalPart};
use super::digest::MessageDigest;
use super::fields::{FIELDS_MAX, HEADER_OCTETS_MAX, HeaderBlock};
use super::header::HeaderScanner;
use super::hop::Hop;
use super::scan::addresses;
use super::summary::Summary;

/// What a field's line may show: 200 characters and the sign that it was cut.
const LINE_CHARS_MAX: usize = 201;
/// Input is made as long as this, so that what is not linear takes seconds; less
/// will do for code that is not optimised.
const LONG_OCTETS: usize = if cfg!(test) { 16 } else { 64 } * 1024;
/// The longest input that is repeated so: a few signs do, and many would take long.
const REPEATED_OCTETS_MAX: usize = 6;
const HOSTNAME: &str = "post.example.com";

/// Reads anything as an address, as a list of them, as a Received line and as
/// the beginning of a message.
///
/// The first octet chooses how pieces are cut, and whether the input is
/// repeated up to a length at which only a linear reader is done in time.
///
/// # Panics
/// When an invariant is broken: what is displayed parses to the same, nothing
/// grows beyond its limit or carries a line end on, and nothing depends on cuts,
/// line ends or the body.
pub fn check_invariants(input: &[u8]) {
    let (&choice, input) = input.split_first().unwrap_or((&0, &[]));
    let is_long = choice == u8::MAX && (1..=REPEATED_OCTETS_MAX).contains(&input.len());
    let long = is_long.then(|| input.repeat(LONG_OCTETS / input.len()));
    let input = long.as_deref().unwrap_or(input);
    let text = String::from_utf8_lossy(input);
    check_parsers(&text);
    check_list(&text);
    check_hop(&text);
    check_block(input);
    if !is_long {
        check_cuts(input, usize::from(choice).max(1));
    }
    let summary = Summary::of(input);
    for shown in [summary.from, summary.to, summary.subject] {
        assert!(!shown.contains(char::is_control), "not one line: {shown:?}");
    }
}

fn check_parsers(text: &str) {
    if let Ok(address) = Address::parse(text) {
        check_address(&address);
    }
    if let Ok(domain) = Domain::parse(text) {
        assert_eq!(Domain::parse(domain.as_str()), Ok(domain));
    }
    if let Ok(local_part) = LocalPart::parse(text) {
        let displayed = local_part.to_string();
        assert_eq!(LocalPart::parse(&displayed), Ok(local_part));
    }
}

fn check_address(address: &Address) {
    let displayed = address.to_string();
    assert!(!displayed.contains(char::is_control), "{displayed:?}");
    assert_eq!(Address::parse(&displayed).as_ref(), Ok(address));
    // Ours compare by it, and a folded name is one that folds no further.
    let folded = address.local_part.folded();
    assert!(!folded.is_empty(), "{displayed} folds to nothing");
}

fn check_list(text: &str) {
    let found = addresses(text);
    let separators = text.matches('@').count();
    assert!(found.len() <= separators, "addresses of nothing: {found:?}");
    found.iter().for_each(check_address);
    let displayed: Vec<String> = found.iter().map(Address::to_string).collect();
    let displayed = displayed.join(", ");
    assert_eq!(addresses(&displayed), found, "{displayed}");
}

fn check_hop(text: &str) {
    let hop = Hop::parse(text);
    let names_nothing = hop.source.is_none() && hop.by.is_none() && hop.recipients.is_empty();
    assert!(hop.readable || names_nothing, "unreadable, and read");
    hop.recipients.iter().for_each(check_address);
}

fn check_block(message: &[u8]) {
    let block = HeaderBlock::read(message);
    assert!(message.starts_with(block.octets()), "octets of its own");
    assert!(block.octets().len() <= HEADER_OCTETS_MAX);
    assert!(block.fields().len() <= FIELDS_MAX);
    for field in block.fields() {
        let words: Vec<&str> = field.text().split_ascii_whitespace().collect();
        assert_eq!(words.join(" "), field.text(), "not unfolded");
        let line = field.line();
        assert!(line.chars().count() <= LINE_CHARS_MAX, "too long: {line}");
        assert!(!line.contains(char::is_control), "not one line: {line:?}");
        let _ = field.decoded();
    }
    // Behind a CR, what is added would end another line than its own.
    if message.len() < HEADER_OCTETS_MAX / 2 && !message.ends_with(b"\r") {
        let whole = [message, b"\r\n\r\nTo: body@example.com\r\n\r\n"].concat();
        let with_body = HeaderBlock::read(&whole);
        assert_eq!(with_body.fields(), block.fields(), "the body counts");
    }
}

/// Content comes in pieces, cut anywhere.
fn check_cuts(message: &[u8], piece_octets: usize) {
    let whole = digest_and_hops(message, usize::MAX);
    for octets in [1, piece_octets] {
        let cut = digest_and_hops(message, octets);
        assert_eq!(cut, whole, "pieces of {octets} octets");
    }
}

fn digest_and_hops(message: &[u8], piece_octets: usize) -> ([u8; 32], super::HopCount) {
    let headers = HeaderBlock::read(message);
    let mut digest = MessageDigest::begin(&headers);
    let body = message.get(headers.octets().len()..).unwrap_or_default();
    let mut scanner = HeaderScanner::new(HOSTNAME);
    let pieces = |octets: usize| octets.min(message.len().max(1));
    for piece in body.chunks(pieces(piece_octets)) {
        digest.update(piece);
    }
    for piece in message.chunks(pieces(piece_octets)) {
        scanner.scan(piece);
    }
    let hops = scanner.hops();
    assert!(hops.by_us <= hops.received, "more by us than there are");
    (digest.finish(), hops)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invariants_hold_for_every_seed_and_what_is_mixed_from_them() {
        crate::seeds::replay("addresses", check_invariants);
    }
}
