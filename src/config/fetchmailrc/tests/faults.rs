//! Files that are none, and texts that would like to be lines.

use std::path::Path;

use super::super::import;

#[test]
fn what_is_no_fetchmailrc_is_refused_with_its_line_and_without_its_text() {
    for (rc, expected) in [
        (
            "garbage",
            "1: expected an option, poll, skip, defaults or set, and here stands some text",
        ),
        (
            "\n\npoll",
            "3: expected a text behind poll (in quotes, if it is a word or a number), and the file ends here",
        ),
        (
            "poll 110",
            "1: expected a text behind poll (in quotes, if it is a word or a number), and here stands a number",
        ),
        (
            "poll keep",
            "1: expected a text behind poll (in quotes, if it is a word or a number), and here stands the word keep",
        ),
        (
            "poll a port x",
            "1: expected a number behind port, without quotes, and here stands some text",
        ),
        (
            "poll a port \"110\"",
            "1: expected a number behind port, without quotes, and here stands some text",
        ),
        (
            "poll a proto pop3\nuser x pass\n",
            "2: expected a text behind password",
        ),
        (
            "poll a user x pass my secret",
            "1: expected an option, poll, skip, defaults or set, and here stands some text",
        ),
        (
            "poll a\nuser x pass 'my secret\n",
            "2: the quote that begins here is not closed",
        ),
        (
            "poll a\nuser x pass \"my secret\n",
            "2: the quote that begins here is not closed",
        ),
        (
            "poll a user x proto pop3",
            "1: protocol is an option of the server and stands behind those of a user",
        ),
        (
            "poll a user x keep\n no dns",
            "2: dns is an option of the server and stands behind those of a user",
        ),
        (
            "poll a keep user x",
            "1: expected the options of a user behind user, not in front of it, and here stands the word user",
        ),
        (
            "poll a user x y pass z",
            "1: expected here behind several names of a user",
        ),
        ("poll a user x is a b there", "1: expected an option, poll"),
        ("poll a user x is", "1: expected a text behind is"),
        ("poll a user x is a= ", "1: expected a text behind ="),
        (
            "poll a = b",
            "1: expected an option, poll, skip, defaults or set, and here stands a =",
        ),
        (
            "poll a user x no limit",
            "1: expected an option that can be switched off behind no",
        ),
        (
            "poll a user x no",
            "1: expected the word of an option behind no",
        ),
        ("set daemon x", "1: expected a number behind daemon"),
        (
            "set keep",
            "1: expected a word such as daemon or postmaster behind set",
        ),
        (
            "set",
            "1: expected a word such as daemon or postmaster behind set, and the file ends here",
        ),
        ("poll a envelope 1", "1: expected a text behind envelope"),
        ("poll a aka", "1: expected a text behind aka"),
        (
            "poll a user x antispam y",
            "1: expected a number behind antispam",
        ),
        ("keep", "1: expected an option, poll"),
        ("\u{0}\u{1}", "1: expected an option, poll"),
    ] {
        let error = import(rc.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{rc:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn no_text_of_the_file_becomes_a_line_of_its_own() {
    let rc =
        "poll 'a\n[x]\n' proto pop3 localdomains 'b\nc = 1' user 'u\n\"' pass 'p\nq' is 'x\ny=1' *";
    let import = import(rc.as_bytes()).unwrap();
    assert!(import.accounts[0].password.is_none());
    let text = import.to_toml(Path::new("a\nb"), Path::new("secrets"));
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table.keys().collect::<Vec<_>>(), ["provider"]);
    assert!(text.contains("password: it is empty or has more than one line"));
}

#[test]
fn nothing_breaks_it() {
    use proptest::prelude::*;
    let word = prop_oneof![
        "poll |skip |user |is |to |pass |keep |no |set |daemon |envelope |aka |here |there |defaults ",
        "[a-z0-9'\"\\\\=#,;\n ]{0,6}",
        "\\PC{0,4}",
    ];
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(words in prop::collection::vec(word, 0..30))| {
        if let Ok(import) = import(words.concat().as_bytes()) {
            let text = import.to_toml(Path::new("rc"), Path::new("secrets"));
            prop_assert!(text.parse::<toml::Table>().is_ok(), "{text}");
        }
    });
}
