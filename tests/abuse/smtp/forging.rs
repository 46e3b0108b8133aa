//! Text of strangers in the log, in trace lines and on the terminal: none of it
//! is a line of its own, and none of it moves a cursor.

use super::{begin_data, is_unfit, office, smtp_from, stranger};
use crate::hub::{Hub, Office};
use crate::mail::ehlo;
use crate::talk::Talk;

const FORGED_LINE: &str = "2026-11-23T00:00:00.000Z [INFO] delivered 0000000000000 to=bob";

/// What might end a line, hide a part of it, turn it round, or fill a disk.
fn texts() -> Vec<String> {
    let ends = [
        "\r", "\n", "\r\n", "\0", "\u{85}", "\u{2028}", "\u{2029}", "\x0b", "\x0c", "\x1e",
    ];
    let ends = ends.map(|end| format!("a{end}{FORGED_LINE}"));
    let others = [
        "\x1b[2J\x1b[31mred",
        "\u{9b}2J",
        "\u{202e}moc.live",
        "\u{2066}x\u{2069}",
        "\x7f\x08\x08",
        "%s%n%x%d",
        "${jndi:x}",
        "\" peer=127.0.0.1 x=\"",
        "\\\" \\u{a}",
        "=?utf-8?q?=0A=1B[2J?=",
    ];
    let long = ["x", "\u{1f600}", "\u{301}"].map(|piece| piece.repeat(1_000 / piece.len()));
    let others = others.map(String::from);
    ends.into_iter().chain(others).chain(long).collect()
}

/// Everything that a stranger may write, with this text in it. What is answered
/// is not judged here: some of it is refused.
fn say_everywhere(hub: &Hub, text: &str) {
    let commands = [
        format!("HELO {text}"),
        format!("EHLO {text}"),
        text.to_string(),
        format!("MAIL FROM:<{text}@elsewhere.example> SMTPUTF8"),
        format!("MAIL FROM:<\"{text}\"@elsewhere.example> SMTPUTF8"),
        format!("MAIL FROM:<x@{text}.example> SMTPUTF8"),
    ];
    for command in &commands {
        for recipient in [
            format!("<{text}@example.com>"),
            format!("<\"{text}\"@example.com>"),
            format!("<x@{text}.example>"),
        ] {
            let mut smtp = smtp_from(hub, stranger());
            smtp.send(format!("{command}\r\nMAIL FROM:<> SMTPUTF8\r\n").as_bytes());
            smtp.send(format!("RCPT TO:{recipient}\r\n").as_bytes());
            smtp.send(b"RCPT TO:<nobody@example.com>\r\nRCPT TO:<anna@example.com>\r\nQUIT\r\n");
            smtp.until_close();
        }
    }
    // And a message that is kept, with the text where it may stand.
    let mut smtp = Talk::connect_from(hub.address("smtp"), stranger());
    smtp.expect("220 *");
    ehlo(&mut smtp);
    // Line by line, if it has several.
    smtp.send(format!("HELO {text}\r\nNOOP\r\n").as_bytes());
    while smtp.expect("*") != "250 2.0.0 done" {}
    begin_data(&mut smtp);
    let text = text.replace(['\r', '\n'], "\r\n");
    smtp.send(format!("From: {text}\r\nSubject: {text}\r\n\r\n.\r\n").as_bytes());
    smtp.expect("250 2.0.0 kept as *");
}

#[test]
fn the_log_has_its_own_lines_only() {
    let office = office();
    let hub = office.serve();
    for text in texts() {
        say_everywhere(&hub, &text);
    }
    hub.wait_for_log("received");
    let log = hub.log();
    for line in log.lines() {
        assert!(!line.contains(is_unfit), "{line:?}");
        assert!(line.chars().count() < 1_000, "{line}");
        assert!(!line.starts_with(FORGED_LINE), "{line}");
        let (time, rest) = line.split_once(' ').unwrap_or_default();
        assert!(time.ends_with('Z') && rest.starts_with('['), "{line}");
    }
    // The forged line is there, within another one.
    assert!(log.contains("delivered 0000000000000"));
}

#[test]
fn trace_lines_are_written_by_the_hub_alone() {
    let office = office();
    let hub = office.serve();
    for text in texts() {
        say_everywhere(&hub, &text);
    }
    for id in ids(&office, "anna") {
        let shown = String::from_utf8_lossy(&office.octets(&["mail", "show", &id])).into_owned();
        let (trace, _) = shown.split_once("From: ").unwrap();
        let lines: Vec<&str> = trace.split_terminator("\r\n").collect();
        let begins = [
            "Return-Path: <",
            "Delivered-To: anna@",
            "Received: from ",
            "\tby post.",
            "\tid ",
        ];
        assert_eq!(lines.len(), begins.len() + 1, "{trace}");
        for (line, begin) in lines.iter().zip(begins) {
            assert!(line.starts_with(begin), "{trace}");
        }
        assert!(
            !trace.contains(FORGED_LINE)
                && !trace
                    .replace("\r\n\t", "")
                    .replace("\r\n", "")
                    .contains(is_unfit),
            "{trace:?}"
        );
    }
}

#[test]
fn what_a_command_prints_obeys_no_stranger() {
    let office = office();
    let hub = office.serve();
    for text in texts() {
        say_everywhere(&hub, &text);
    }
    let list = office.good(&["mail", "list", "anna"]);
    assert_eq!(list.lines().count(), 1 + texts().len(), "{list}");
    assert!(!list.replace('\n', "").contains(is_unfit), "{list:?}");
    for id in ids(&office, "anna") {
        let why = office.good(&["why", &id]);
        assert!(!why.replace('\n', "").contains(is_unfit), "{why:?}");
    }
}

fn ids(office: &Office, user: &str) -> Vec<String> {
    let list = office.good(&["mail", "list", user]);
    let ids = list
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next());
    ids.map(str::to_string).collect()
}
