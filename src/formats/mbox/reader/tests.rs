use std::io::Cursor;

use super::*;
use crate::formats::mbox::MboxWriter;

/// The messages of a file; and all of its octets must be in its parts.
fn messages(file: &[u8]) -> Vec<String> {
    let mut reader = MboxReader::new(Cursor::new(file.to_vec()));
    let (mut messages, mut all): (Vec<Vec<u8>>, Vec<u8>) = (Vec::new(), Vec::new());
    while let Some(part) = reader.next_part().unwrap() {
        all.extend_from_slice(part.octets());
        match part {
            Part::Begin(..) => messages.push(Vec::new()),
            Part::Content(octets) => match messages.last_mut() {
                Some(message) => message.extend_from_slice(octets),
                None => messages.push(octets.to_vec()),
            },
            Part::Quote(_) | Part::Between(_) => {}
        }
    }
    assert_eq!(all, file);
    let text = |message: Vec<u8>| String::from_utf8_lossy(&message).into_owned();
    messages.into_iter().map(text).collect()
}

const FROM: &str = "From a@b Mon Nov 23 09:15:00 2026\n";

#[test]
fn messages_are_told_apart_and_lose_nothing_but_the_line_between_them() {
    let check = |file: String, expected: &[&str]| {
        assert_eq!(messages(file.as_bytes()), expected, "{file:?}");
        let dos = file.replace('\n', "\r\n");
        let expected: Vec<String> = expected.iter().map(|it| it.replace('\n', "\r\n")).collect();
        assert_eq!(messages(dos.as_bytes()), expected, "{dos:?}");
    };
    check(
        format!("{FROM}A: b\n\nc\n\n{FROM}D: e\n\nf\n\n"),
        &["A: b\n\nc\n", "D: e\n\nf\n"],
    );
    check(format!("\n{FROM}A: b\n\nc\n\n\n"), &["A: b\n\nc\n\n"]);
    // Without a body, with one empty line or two.
    check(
        format!("{FROM}A: b\n\n{FROM}A: c\n\n\n{FROM}A: d\n"),
        &["A: b\n", "A: c\n\n", "A: d\n"],
    );
    // Thunderbird.
    check(
        format!("From \nA: b\n\nc\n\nFrom \nA: d\n\n{FROM}e\n"),
        &["A: b\n\nc\n", "A: d\n", "e\n"],
    );
    // No empty line in front, or no date: text.
    check(
        format!("{FROM}A: b\n\nc\n{FROM}\nFrom me\n"),
        &[&format!("A: b\n\nc\n{FROM}\nFrom me\n")],
    );
    check("no mbox\n".to_string(), &["no mbox\n"]);
    check(String::new(), &[]);
}

#[test]
fn one_quotation_mark_goes_from_lines_that_were_quoted() {
    let file = format!("{FROM}A: b\n>From x\n\n>From c\n>>From d\n>From: e\n> From\n");
    let message = "A: b\nFrom x\n\nFrom c\n>From d\n>From: e\n> From\n";
    assert_eq!(messages(file.as_bytes()), [message]);
}

#[test]
fn a_content_length_counts_only_where_it_is_right() {
    let body = format!("c\n\n{FROM}d\n>From e\n");
    let right = format!("{FROM}Content-Length: {}\n\n{body}", body.len());
    let message = right.strip_prefix(FROM).unwrap();
    for end in ["", "\n", &format!("\n{FROM}x\n"), &format!("{FROM}x\n")] {
        let found = messages(format!("{right}{end}").as_bytes());
        assert_eq!(found[0], message, "{end:?}");
    }
    for length in [0, 1, 7, body.len() + 5, usize::MAX] {
        let wrong = format!("{FROM}Content-Length: {length}\n\n{body}\n{FROM}x\n");
        assert_eq!(messages(wrong.as_bytes()).len(), 3, "{length}");
    }
}

#[test]
fn a_content_length_of_the_message_itself_does_not_keep_a_quotation_mark() {
    // One octet is missing where the mark stands: the end that it tells looks right.
    let body = "c\nFrom d\n";
    for length in body.len() - 2..body.len() + 3 {
        let message = format!("Content-Length: {length}\n\n{body}");
        assert_eq!(
            messages(&written(&message)),
            [message.clone(), message],
            "{length}"
        );
    }
}

#[test]
fn a_line_longer_than_the_buffer_is_one_line() {
    let long = format!("{}{FROM}", "x".repeat(PIECE_OCTETS));
    let file = format!("{FROM}A: b\n\n{long}\n{FROM}c\n");
    assert_eq!(messages(file.as_bytes()).len(), 2);
}

/// The message twice in a file of ours.
fn written(message: &str) -> Vec<u8> {
    let mut writer = MboxWriter::new(Vec::new());
    for _ in 0..2 {
        writer
            .begin(&FromLine::read(FROM.as_bytes()).unwrap())
            .unwrap();
        writer.content(message.as_bytes()).unwrap();
        writer.end().unwrap();
    }
    writer.into_inner()
}

#[test]
fn whatever_is_written_is_read_again() {
    let pieces = ["From ", ">", FROM, "\n", "a", "A: b\n", "\n\n", ">From x\n"];
    let mut lengths = (0..).map(|it| it % 8);
    each_mixture(&pieces, |mixture| {
        // A length that is right, or nearly.
        let length = (mixture.len() + lengths.next().unwrap()).saturating_sub(4);
        let counted = format!("Content-Length: {length}\n\n{mixture}");
        for message in [mixture, &counted] {
            let ended = match message.is_empty() || message.ends_with('\n') {
                true => message.to_string(),
                false => format!("{message}\n"),
            };
            let found = messages(&written(message));
            assert_eq!(found, [ended.clone(), ended], "{message:?}");
        }
    });
}

#[test]
fn no_file_makes_it_panic_or_lose_an_octet() {
    let pieces = [
        FROM,
        "From ",
        ">",
        "\n",
        "\r\n",
        "\r",
        "Content-Length: 3\n",
        "Content-Length: 9999999999999999999\n",
        "x",
        "\0\u{fc}",
    ];
    each_mixture(&pieces, |file| {
        messages(file.as_bytes());
    });
}

/// Mixtures of the pieces, always the same ones.
fn each_mixture(pieces: &[&str], mut test: impl FnMut(&str)) {
    let mut state = 88172645463325252_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..4000 {
        let mixture: String = (0..next(14)).map(|_| pieces[next(pieces.len())]).collect();
        test(&mixture);
    }
}
