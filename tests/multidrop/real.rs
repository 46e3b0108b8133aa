//! Our own cases: real messages from ../shared/mail/messages, changed as a
//! table says, and the mailboxes that must get them.
//!
//! `hand.tsv` was written by hand. `natural.tsv` leaves the messages as they
//! are but for one or two recipients, who become people of ours; whose
//! addresses these are was worked out by another program (Python's `email`).
//!
//! Columns: id, mode, copies, message, edits, expected, reason. Edits are
//! parted by ` || `, copies of one message by ` >> `:
//! ```text
//! rename A -> B      everywhere in the message
//! set NAME: VALUE    the only field of this name
//! drop NAME          all fields of this name
//! end LINE           below the header block
//! top LINE           above everything; so do:
//! out [for X]        the provider's edge took it from outside
//! in [for X]         the provider's store took it from the edge
//! fake [for X]       what a sender forges: the same as `out`
//! liar [for X]       the edge took it from a client that calls itself the edge
//! stranger [for X]   a host that is not the provider's took it from outside
//! ```

use std::fs;

use postroom::route::multidrop::Copies;

use crate::office::{account, deliver, directory, shared_mail};

#[test]
fn every_case_of_our_own_is_right() {
    let Some(folder) = shared_mail() else { return };
    let directory = directory();
    let mut wrong = Vec::new();
    let mut count = 0;
    for table in [include_str!("hand.tsv"), include_str!("natural.tsv")] {
        for line in table.lines().skip(1) {
            let columns: Vec<&str> = line.split('\t').collect();
            let [id, mode, copies, message, edits, expected, reason] = columns.as_slice() else {
                panic!("not seven columns: {line}");
            };
            let copies = match *copies {
                "per-recipient" => Copies::PerRecipient,
                "per-message" => Copies::PerMessage,
                other => panic!("{id}: {other}"),
            };
            let account = account(mode, &["provider.example"], copies);
            let message = fs::read(folder.join("messages").join(message)).unwrap();
            let copies: Vec<Vec<u8>> = edits
                .split(" >> ")
                .map(|edits| edit(message.clone(), edits))
                .collect();
            let got = deliver(&account, &directory, &copies);
            count += 1;
            if got != *expected {
                wrong.push(format!("{id} ({reason}): {got}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 350, "{count}");
}

fn edit(mut message: Vec<u8>, edits: &str) -> Vec<u8> {
    for edit in edits.split(" || ") {
        let (verb, rest) = edit.split_once(' ').unwrap_or((edit, ""));
        match verb {
            "rename" => {
                let (old, new) = rest.split_once(" -> ").unwrap();
                message = replace(&message, old.as_bytes(), new.as_bytes());
            }
            "drop" => drop_fields(&mut message, rest),
            "set" => {
                drop_fields(&mut message, rest.split_once(':').unwrap().0);
                add_below(&mut message, &unescape(rest));
            }
            "end" => add_below(&mut message, &unescape(rest)),
            "top" => add_above(&mut message, &unescape(rest)),
            host => add_above(&mut message, received(host, rest).as_bytes()),
        }
    }
    message
}

fn received(host: &str, for_clause: &str) -> String {
    let hop = match host {
        "out" | "fake" => "from out.example (out.example [203.0.113.7]) by mx.provider.example",
        "in" => "from mx.provider.example ([10.0.0.5]) by store.provider.example",
        "liar" => "from mx.provider.example ([203.0.113.7]) by mx.provider.example",
        "stranger" => "from out.example (out.example [203.0.113.7]) by mx.elsewhere.example",
        other => panic!("no edit: {other}"),
    };
    format!("Received: {hop} with ESMTP id 1 {for_clause}; Fri, 07 Jun 2024 10:00:00 +0200")
}

/// `\r`, `\n`, `\t` and `\x..` are octets.
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (octet, length) = match rest.get(..2) {
            Some("\\r") => (Some(b'\r'), 2),
            Some("\\n") => (Some(b'\n'), 2),
            Some("\\t") => (Some(b'\t'), 2),
            Some("\\x") => (u8::from_str_radix(&rest[2..4], 16).ok(), 4),
            _ => (None, c.len_utf8()),
        };
        match octet {
            Some(octet) => octets.push(octet),
            None => octets.extend_from_slice(&rest.as_bytes()[..length]),
        }
        rest = &rest[length..];
    }
    octets
}

fn replace(message: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = message;
    while let Some(at) = memchr::memmem::find(rest, old) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    result.extend_from_slice(rest);
    result
}

fn add_above(message: &mut Vec<u8>, line: &[u8]) {
    *message = [line, b"\r\n", message].concat();
}

fn add_below(message: &mut Vec<u8>, line: &[u8]) {
    let end = header_end(message);
    let (head, body) = message.split_at(end);
    *message = [head, line, b"\r\n", body].concat();
}

/// Where the empty line begins, or the end.
fn header_end(message: &[u8]) -> usize {
    let mut at = 0;
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        if line == b"\n" || line == b"\r\n" {
            break;
        }
        at += line.len();
    }
    at
}

fn drop_fields(message: &mut Vec<u8>, name: &str) {
    let end = header_end(message);
    let (head, body) = message.split_at(end);
    let mut kept = Vec::new();
    let mut dropping = false;
    for line in head.split_inclusive(|&octet| octet == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let is_name = String::from_utf8_lossy(line);
            let is_name = is_name
                .split_once(':')
                .map(|(name, _)| name.trim().to_string());
            dropping = is_name.is_some_and(|found| found.eq_ignore_ascii_case(name));
        }
        if !dropping {
            kept.extend_from_slice(line);
        }
    }
    *message = [&kept, body].concat();
}
