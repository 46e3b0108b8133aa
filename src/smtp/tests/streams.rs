//! Any stream of octets and any order of commands.

use super::*;

/// Lines that lead far into the machine, good and bad.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(vec![
        "EHLO pc\r\n",
        "HELO\r\n",
        "MAIL FROM:<x@example.org>\r\n",
        "MAIL FROM:<x@example.org>\r\nRCPT TO:<anna@example.com>\r\n",
        "MAIL FROM:<> SMTPUTF8 SIZE=5\r\n",
        "MAIL FROM:<nobody@example.org>\r\n",
        "MAIL FROM: <a@b> FOO=1\r\n",
        "RCPT TO:<anna@example.com>\r\n",
        "RCPT TO:<nobody@example.com>\r\n",
        "RCPT TO:<j\u{fc}@example.com>\r\n",
        "RCPT TO:postmaster\r\n",
        "DATA\r\n",
        "BDAT 4\r\nab\r\n",
        "BDAT 3\r\na\nb",
        "BDAT 0 LAST\r\n",
        "BDAT 8 LAST\r\nfirst\r\n.",
        "BDAT 2 LAST\r\na\r",
        "BDAT 9999 LAST\r\n",
        "BDAT x\r\n",
        "text\r\n",
        "Received: by post.example.com\r\n",
        "bare\n",
        ".\r\n",
        "\n.\r\n",
        "\r\n.\r\n",
        "\r",
        "RSET\r\n",
        "NOOP\r\n",
        "VRFY x\r\n",
        "HELP\r\n",
        "STARTTLS\r\n",
        "FOO\r\n",
        "QUIT\r\n",
    ]);
    prop_oneof![
        16 => fixed.prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// Commands that have one reply each, whatever stands before them, as long as
/// no content is under way.
fn command() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "EHLO pc",
        "MAIL FROM:<x@example.org>",
        "MAIL FROM:<x@example.org> SIZE=99999999999",
        "MAIL FROM:<",
        "RCPT TO:<anna@example.com>",
        "RCPT TO:<nobody@example.com>",
        "RCPT TO:<x>",
        "BDAT 6\r\nQUIT\r",
        "BDAT 6 LAST\r\nQUIT\r",
        "BDAT 6 X\r\nQUIT\r",
        "BDAT 0",
        "RSET",
        "NOOP",
        "VRFY x",
        "EXPN x",
        "ETRN x",
        "HELP",
        "AUTH PLAIN",
        "STARTTLS",
        "FOO",
        "",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_invariants_hold_for_any_octets(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        check_invariants(&octets, Instant::now());
    }

    #[test]
    fn the_invariants_hold_for_any_lines(
        beginning in any::<[u8; 2]>(),
        lines in prop::collection::vec(line(), 0..40),
    ) {
        let mut octets = beginning.to_vec();
        octets.extend(lines.concat());
        check_invariants(&octets, Instant::now());
    }

    #[test]
    fn each_command_has_one_reply(commands in prop::collection::vec(command(), 0..40)) {
        let limits = Limits { errors_max: 1000, ..Limits::of(Trust::World) };
        let mut office = Office::new(settings(), limits, Trust::World, None);
        office.pump();
        office.said.clear();
        let mut octets = String::new();
        for command in &commands {
            octets.push_str(command);
            // A BDAT ends with its octets, whose last one is this LF.
            octets.push_str(if command.ends_with('\r') { "\n" } else { "\r\n" });
        }
        let said = office.talk(&octets);
        let replies = said.lines().filter(|line| line.as_bytes()[3] == b' ').count();
        prop_assert_eq!(replies, commands.len(), "{}", said);
    }
}

#[test]
fn pipelining_without_end_is_answered_in_bounded_pieces() {
    let mut office = Office::open(Trust::Lan);
    office.session.receive("HELP\r\n".repeat(10_000).as_bytes());
    let mut replies = 0;
    while let Step::Send(octets) = office.session.next(office.now) {
        assert!(octets.len() <= 4096 + 512, "{}", octets.len());
        replies += octets.windows(4).filter(|four| *four == b"214 ").count();
    }
    assert_eq!(replies, 10_000);
}
