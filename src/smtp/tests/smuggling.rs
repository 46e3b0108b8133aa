//! Nothing in a message's content is taken for a command, or for a second
//! message: all short texts out of the octets that line ends are made of.

use super::*;

const ALPHABET: [u8; 5] = *b"\r\n.\0x";
const TRUSTS: [Trust; 3] = [Trust::World, Trust::Provider, Trust::Lan];
const TRANSACTION: &str = "MAIL FROM:<x@example.org>\r\nRCPT TO:<anna@example.com>\r\n";

/// All texts of at most so many octets of [`ALPHABET`].
fn texts(octets_max: u32) -> impl Iterator<Item = Vec<u8>> {
    (0..=octets_max).flat_map(|octets| {
        (0..5_usize.pow(octets)).map(move |number| {
            let digit = |place| number / 5_usize.pow(place) % 5;
            (0..octets).map(|place| ALPHABET[digit(place)]).collect()
        })
    })
}

/// A session that has no limit on what it is sent.
fn patient(trust: Trust) -> Office {
    let limits = Limits {
        commands_max: u32::MAX,
        transactions_max: u32::MAX,
        ..Limits::of(trust)
    };
    let mut office = Office::new(settings(), limits, trust, None);
    office.pump();
    office.talk("EHLO pc\r\n");
    office
}

/// Whether the content holds the end of data itself: what follows is said by
/// the sender, not smuggled.
fn has_end(content: &[u8]) -> bool {
    let lines = [b"\r\n", content].concat();
    lines.windows(5).any(|five| five == b"\r\n.\r\n")
}

/// Whether a peer of this trust may send this.
fn is_good(content: &[u8], trust: Trust) -> bool {
    let before = |at: usize| at.checked_sub(1).and_then(|at| content.get(at));
    let octets = content.iter().enumerate();
    let mut faults = octets.filter(|&(at, octet)| match octet {
        b'\r' => content.get(at + 1) != Some(&b'\n'),
        b'\n' => before(at) != Some(&b'\r') && trust != Trust::Lan,
        _ => false,
    });
    faults.next().is_none()
}

/// The content with line ends of the LAN repaired, as it is to be stored.
fn repaired(content: &[u8]) -> Vec<u8> {
    let mut repaired = Vec::new();
    for &octet in content {
        if octet == b'\n' && repaired.last() != Some(&b'\r') {
            repaired.push(b'\r');
        }
        repaired.push(octet);
    }
    repaired
}

/// Without the dots that stuff lines.
fn unstuffed(content: &[u8]) -> Vec<u8> {
    let text: String = content.iter().map(|&octet| char::from(octet)).collect();
    let lines = text.split("\r\n");
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix('.').unwrap_or(line))
        .collect();
    lines.join("\r\n").bytes().collect()
}

/// Sends the content and a command behind it: one answer to each, and one
/// message or none.
fn check(office: &mut Office, wire: &[u8], piece: usize, chunks: usize, kept: Option<Vec<u8>>) {
    office.stored.clear();
    office.feed(wire, &mut || piece);
    let said = String::from_utf8(std::mem::take(&mut office.said)).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let shown = wire.escape_ascii();
    assert_eq!(lines.len(), chunks + 1, "{shown}: {said}");
    let answer = if kept.is_some() {
        "250 2.0.0 kept as "
    } else {
        "550 5.6.0 "
    };
    // After a refused chunk the next one finds no transaction.
    let answered = lines[..chunks].iter().any(|line| line.starts_with(answer));
    assert!(answered, "{shown}: {said}");
    assert_eq!(lines[chunks], "250 2.0.0 done", "{shown}: {said}");
    let kept = kept.map(|content| {
        format!("anna {}", content.escape_ascii())
            .trim()
            .to_string()
    });
    assert_eq!(office.stored, Vec::from_iter(kept), "{shown}");
}

fn check_data(trust: Trust, octets_max: u32, piece: usize) {
    let mut office = patient(trust);
    let (mut contents, mut ends) = (0, 0);
    for text in texts(octets_max) {
        let content = [&text[..], b"\r\nRSET\r\n"].concat();
        if has_end(&content) {
            ends += 1;
            continue;
        }
        contents += 1;
        office.talk(format!("{TRANSACTION}DATA\r\n"));
        let wire = [&content[..], b".\r\nNOOP\r\n"].concat();
        let kept = is_good(&content, trust).then(|| repaired(&unstuffed(&content)));
        check(&mut office, &wire, piece, 1, kept);
    }
    assert!(ends < contents / 10, "{ends} of {contents}");
}

#[test]
fn no_content_of_seven_octets_is_taken_for_the_end_of_data() {
    for trust in TRUSTS {
        check_data(trust, 7, usize::MAX);
    }
}

#[test]
fn no_content_that_comes_octet_by_octet_is_taken_for_the_end_of_data() {
    for trust in TRUSTS {
        check_data(trust, 5, 1);
    }
}

#[test]
fn no_content_of_a_chunk_is_taken_for_an_end_or_a_command() {
    for trust in TRUSTS {
        let mut office = patient(trust);
        for text in texts(5) {
            let content = [&text[..], b"\r\n.\r\nRSET\r\n"].concat();
            office.talk(TRANSACTION);
            let command = format!("BDAT {} LAST\r\n", content.len());
            let wire = [command.as_bytes(), &content, b"NOOP\r\n"].concat();
            let kept = is_good(&content, trust).then(|| repaired(&content));
            check(&mut office, &wire, usize::MAX, 1, kept);
        }
    }
}

#[test]
fn no_content_that_is_cut_into_two_chunks_is_taken_for_an_end_or_a_command() {
    for trust in TRUSTS {
        let mut office = patient(trust);
        for text in texts(3) {
            let content = [&text[..], b"\r\n.\r\nRSET\r\n"].concat();
            for cut in 0..=text.len() {
                let (first, last) = content.split_at(cut);
                office.talk(TRANSACTION);
                let first_command = format!("BDAT {}\r\n", first.len());
                let last_command = format!("BDAT {} LAST\r\n", last.len());
                let pieces: [&[u8]; 5] = [
                    first_command.as_bytes(),
                    first,
                    last_command.as_bytes(),
                    last,
                    b"NOOP\r\n",
                ];
                let kept = is_good(&content, trust).then(|| repaired(&content));
                check(&mut office, &pieces.concat(), usize::MAX, 2, kept);
            }
        }
    }
}
