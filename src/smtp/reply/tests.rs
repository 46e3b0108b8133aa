use super::*;
use crate::mail::{Address, Domain, Recipient};
use crate::smtp::Refusal;

fn written(reply: &Reply, letters: Letters) -> String {
    let mut octets = Vec::new();
    reply.write(&mut octets, letters);
    String::from_utf8(octets).unwrap()
}

fn recipient(address: &str) -> Recipient {
    Recipient::Address(Address::parse(address).unwrap())
}

#[test]
fn a_long_text_is_cut_into_lines_of_512_octets() {
    let address = format!(
        "{}@{}.example",
        "a".repeat(250),
        ["b".repeat(60).as_str(); 3].join(".")
    );
    for text in [
        Refusal::user_unknown(&recipient(&address)).into(),
        Reply::coded(550, 1, 1, "x".repeat(3000)),
        Reply::coded(550, 1, 1, "xy ".repeat(1000)),
        Reply::coded(550, 1, 1, "ü".repeat(1000)),
    ] {
        for letters in [Letters::Ascii, Letters::Utf8] {
            let written = written(&text, letters);
            let lines: Vec<&str> = written.split_terminator("\r\n").collect();
            let (last, others) = lines.split_last().unwrap();
            assert!(last.starts_with("550 5.1.1 "), "{last}");
            assert!(others.iter().all(|line| line.starts_with("550-5.1.1 ")));
            assert!(lines.iter().all(|line| line.len() <= 510), "{written}");
        }
    }
}

#[test]
fn letters_beyond_ascii_are_escaped_unless_the_transaction_has_smtputf8() {
    let refusal: Reply = Refusal::user_unknown(&recipient("jürgen@example.com")).into();
    assert_eq!(
        written(&refusal, Letters::Ascii),
        "550 5.1.1 there is no j\\x{FC}rgen@example.com here\r\n"
    );
    assert_eq!(
        written(&refusal, Letters::Utf8),
        "550 5.1.1 there is no jürgen@example.com here\r\n"
    );
}

#[test]
fn controls_never_get_into_a_line() {
    let refusal: Reply = Reply::coded(550, 1, 1, "a\r\n250 ok\x1b");
    let written = written(&refusal, Letters::Utf8);
    assert_eq!(written, "550-5.1.1 a\\x{0D}\r\n550 5.1.1 250 ok\\x{1B}\r\n");
}

#[test]
fn the_refusal_of_a_foreign_domain_names_the_way_out() {
    let ours: Vec<Domain> = ["example.com", "example.org"]
        .map(|domain| Domain::parse(domain).unwrap())
        .to_vec();
    assert_eq!(
        Refusal::foreign_domain(&ours[..1]).to_string(),
        "550 5.7.1 this hub only receives for example.com; \
         set the outgoing server to your provider's"
    );
    let many: Vec<Domain> = ours.iter().cycle().take(7).cloned().collect();
    assert!(
        Refusal::foreign_domain(&many)
            .to_string()
            .contains("example.com and 2 more; set")
    );
}

#[test]
fn greetings_that_refuse_have_no_enhanced_status_code() {
    let octets = busy_greeting("post.example.com");
    assert_eq!(
        octets,
        b"421 post.example.com is too busy, try again later\r\n"
    );
    assert!(crowded_greeting("post.example.com").starts_with(b"421 post.example.com: "));
}
