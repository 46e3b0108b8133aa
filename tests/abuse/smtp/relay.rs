//! Every spelling of a recipient that is known to have fooled a server: only
//! addresses of ours are taken, and each reaches the one whose it is. The
//! spellings that the machine refuses by itself also stand in
//! `src/smtp/tests/relay.rs`.

use super::{office, smtp_from, stranger};
use crate::mail::id_of;

/// What follows `RCPT TO:`, and who gets it; or how it is refused.
const SPELLINGS: [(&str, &str); 117] = [
    (
        "<user@elsewhere.example>",
        "550 5.7.1 this hub only receives",
    ),
    ("user@elsewhere.example", "550 5.7.1 this hub only receives"),
    (
        "<@example.com:user@elsewhere.example>",
        "550 5.7.1 this hub only receives",
    ),
    (
        "<@a.example,@example.com:user@elsewhere.example>",
        "550 5.7.1 this hub only receives",
    ),
    ("<user@[127.0.0.1]>", "550 5.7.1 this hub only receives"),
    ("<user@[IPv6:::1]>", "550 5.7.1 this hub only receives"),
    (
        "<user@[ipv6:::ffff:127.0.0.1]>",
        "550 5.7.1 this hub only receives",
    ),
    ("<anna@[127.0.0.1]>", "550 5.7.1 this hub only receives"),
    ("<anna@[0.0.0.0]>", "550 5.7.1 this hub only receives"),
    ("<anna@127.0.0.1>", "550 5.7.1 this hub only receives"),
    ("<anna@localhost>", "550 5.7.1 this hub only receives"),
    (
        "<anna@post.example.com>",
        "550 5.7.1 this hub only receives",
    ),
    ("<anna@sub.example.com>", "550 5.7.1 this hub only receives"),
    (
        "<anna@example.com.elsewhere.example>",
        "550 5.7.1 this hub only receives",
    ),
    ("<anna@notexample.com>", "550 5.7.1 this hub only receives"),
    ("<anna@com>", "550 5.7.1 this hub only receives"),
    (
        "<postmaster@elsewhere.example>",
        "550 5.7.1 this hub only receives",
    ),
    (
        "<\"anna@example.com\"@elsewhere.example>",
        "550 5.7.1 this hub only receives",
    ),
    (
        "<\"anna\\\"@example.com\"@elsewhere.example>",
        "550 5.7.1 this hub only receives",
    ),
    (
        "<anna%example.com@elsewhere.example>",
        "550 5.7.1 this hub only receives",
    ),
    (
        "<anna@xn--exmple-cua.com>",
        "550 5.7.1 this hub only receives",
    ),
    (
        "<anna@ex\u{430}mple.com>",
        "550 5.7.1 this hub only receives",
    ),
    (
        "<anna@example.c\u{43e}m>",
        "550 5.7.1 this hub only receives",
    ),
    (
        "<anna@\u{435}xample.com>",
        "550 5.7.1 this hub only receives",
    ),
    ("<user%elsewhere.example@example.com>", "550 5.1.1 "),
    ("<elsewhere.example!user@example.com>", "550 5.1.1 "),
    ("<\"user@elsewhere.example\"@example.com>", "550 5.1.1 "),
    ("<\"<user@elsewhere.example>\"@example.com>", "550 5.1.1 "),
    ("<\"bob@example.com\"@example.com>", "550 5.1.1 "),
    ("<bob%example.com@example.com>", "550 5.1.1 "),
    ("<example.com!bob@example.com>", "550 5.1.1 "),
    ("<anna%40elsewhere.example@example.com>", "550 5.1.1 "),
    ("<\"anna \"@example.com>", "550 5.1.1 "),
    ("<\" anna\"@example.com>", "550 5.1.1 "),
    ("<\"an na\"@example.com>", "550 5.1.1 "),
    ("<.anna@example.com>", "550 5.1.1 "),
    ("<anna.@example.com>", "550 5.1.1 "),
    ("<an..na@example.com>", "550 5.1.1 "),
    ("<-anna@example.com>", "550 5.1.1 "),
    ("<anna=bob@example.com>", "550 5.1.1 "),
    ("</etc/passwd@example.com>", "550 5.1.1 "),
    ("<|id@example.com>", "550 5.1.1 "),
    ("<../bob@example.com>", "550 5.1.1 "),
    ("<anna`id`@example.com>", "550 5.1.1 "),
    ("<*@example.com>", "550 5.1.1 "),
    ("<=?utf-8?q?anna?=@example.com>", "550 5.1.1 "),
    ("<\u{430}nna@example.com>", "550 5.1.1 "),
    ("<an\u{ad}na@example.com>", "550 5.1.1 "),
    ("<anna\u{200b}@example.com>", "550 5.1.1 "),
    ("<\u{202e}anna@example.com>", "550 5.1.1 "),
    ("<\u{ff41}nna@example.com>", "550 5.1.1 "),
    ("<user@elsewhere.example@example.com>", "501 5.1.3 "),
    ("<anna@example.com@elsewhere.example>", "501 5.1.3 "),
    ("<anna@example.com:elsewhere.example>", "501 5.1.3 "),
    ("<anna@example.com,user@elsewhere.example>", "501 5.1.3 "),
    ("<anna@example.com;user@elsewhere.example>", "501 5.1.3 "),
    ("<elsewhere.example!user>", "501 5.1.3 "),
    ("<user%elsewhere.example>", "501 5.1.3 "),
    ("<anna>", "501 5.1.3 "),
    ("<\"anna\">", "501 5.1.3 "),
    ("<\"postmaster\">", "501 5.1.3 "),
    ("<>", "501 5.1.3 "),
    ("<@>", "501 5.1.3 "),
    ("<@example.com>", "501 5.1.3 "),
    ("<anna@>", "501 5.1.3 "),
    ("<postmaster@>", "501 5.1.3 "),
    ("<anna@.example.com>", "501 5.1.3 "),
    ("<anna@example.com..>", "501 5.1.3 "),
    ("<anna@ example.com>", "501 5.1.3 "),
    ("<anna @example.com>", "501 5.1.3 "),
    ("<(x)anna@example.com>", "501 5.1.3 "),
    ("<anna(x)@example.com>", "501 5.1.3 "),
    ("<anna@(x)example.com>", "501 5.1.3 "),
    ("<anna@example.com(x)>", "501 5.1.3 "),
    ("<\"a\".\"nna\"@example.com>", "501 5.1.3 "),
    ("<\"a\"nna@example.com>", "501 5.1.3 "),
    ("<anna@\"example.com\">", "501 5.1.3 "),
    ("<anna@[example.com]>", "501 5.1.3 "),
    ("<anna@example.com/>", "501 5.1.3 "),
    ("<anna@elsewhere.example#example.com>", "501 5.1.3 "),
    ("<$(id)@example.com>", "501 5.1.3 "),
    ("<anna\0@example.com>", "500 5.5.2 "),
    ("<anna@example.com\0>", "500 5.5.2 "),
    ("<anna@example.com\0.elsewhere.example>", "500 5.5.2 "),
    ("<\"anna\0\"@example.com>", "500 5.5.2 "),
    ("<anna@exam\rple.com>", "500 5.5.2 "),
    ("<anna@example.com><user@elsewhere.example>", "501 5.5.4 "),
    ("<anna@example.com>,<user@elsewhere.example>", "501 5.5.4 "),
    ("<anna+\"@elsewhere.example>", "501 5.5.4 "),
    ("<<anna@example.com>>", "501 5.5.4 "),
    (
        "<anna@example.com> ORCPT=rfc822;user@elsewhere.example",
        "555 5.5.4 ",
    ),
    ("<anna@example.com> NOTIFY=SUCCESS", "555 5.5.4 "),
    ("anna@example.com user@elsewhere.example", "555 5.5.4 "),
    ("<anna@example.com>", "anna"),
    ("anna@example.com", "anna"),
    ("<ANNA@EXAMPLE.COM>", "anna"),
    ("<anna@example.com.>", "anna"),
    ("<anna@example.com >", "anna"),
    ("< anna@example.com>", "anna"),
    ("<\"anna\"@example.com>", "anna"),
    ("<\"an\\na\"@example.com>", "anna"),
    ("<anna+user%elsewhere.example@example.com>", "anna"),
    ("<\"anna+@elsewhere.example\"@example.com>", "anna"),
    ("<@elsewhere.example:anna@example.com>", "anna"),
    ("<@a.example,@b.example:anna@example.com>", "anna"),
    ("<anna@example\u{ff0e}com>", "anna"),
    ("<anna@example\u{3002}com>", "anna"),
    ("<anna@\u{ff45}xample.com>", "anna"),
    ("<anna@EXAMPLE.COM\u{ad}>", "anna"),
    ("<postmaster>", "anna"),
    ("<POSTMASTER>", "anna"),
    ("<PostMaster@Example.com>", "anna"),
    ("<\"postmaster\"@example.com>", "anna"),
    ("<@example.com:bob@example.com>", "bob"),
    ("<\"bob\"@example.com>", "bob"),
    ("<b\u{4f}b@example.com>", "bob"),
    ("<bob+anna@example.com>", "bob"),
];

#[test]
fn no_spelling_reaches_another_domain_or_another_user() {
    let office = office();
    let hub = office.serve();
    let mut smtp = smtp_from(&hub, stranger());
    for (spelling, expected) in SPELLINGS {
        smtp.say("MAIL FROM:<x@elsewhere.example> SMTPUTF8", "250 *");
        let answer = smtp.say(&format!("RCPT TO:{spelling}"), "*");
        if expected.starts_with('5') {
            assert!(answer.starts_with(expected), "{spelling:?}: {answer}");
            smtp.say("DATA", "554 5.5.1 *");
        } else {
            assert!(answer.starts_with("250 "), "{spelling:?}: {answer}");
            smtp.say("DATA", "354 *");
            smtp.send(b".\r\n");
            let id = id_of(&smtp.expect("250 2.0.0 kept as *"));
            let story = office.good(&["why", &id]);
            let mailboxes = story
                .lines()
                .filter_map(|line| line.strip_prefix("mailbox "));
            let mailboxes: Vec<&str> = mailboxes.map(str::trim).collect();
            assert_eq!(mailboxes, [expected], "{spelling:?}");
        }
        // A stranger's session ends after some errors, and who tries names is
        // slowed: somebody else each time.
        smtp.say("QUIT", "221 *");
        smtp = smtp_from(&hub, stranger());
    }
}

#[test]
fn letters_beyond_ascii_need_smtputf8_and_utf8() {
    let office = office();
    let hub = office.serve();
    let paths: [&[u8]; 6] = [
        b"\xffanna@example.com",
        b"\xc0\xafanna@example.com",
        b"\xe4nna@example.com",
        b"anna@ex\xe4mple.com",
        b"anna@example.com\xff",
        b"anna@example\xef\xbc\x8ecom",
    ];
    for (number, path) in paths.iter().enumerate() {
        for parameter in ["", " SMTPUTF8"] {
            let is_utf8 = number == 5;
            let mut smtp = smtp_from(&hub, stranger());
            smtp.say(
                &format!("MAIL FROM:<x@elsewhere.example>{parameter}"),
                "250 *",
            );
            smtp.send(&[b"RCPT TO:<", *path, b">\r\n"].concat());
            let taken = is_utf8 && !parameter.is_empty();
            smtp.expect(if taken { "250 *" } else { "553 5.6.7 *" });
        }
    }
}
