//! The questions, on a terminal.

use super::{files, loopback_ports};
use crate::hub::Office;
use crate::provider::{Fault, Provider};
use crate::terminal::Terminal;

/// It has ended, the cursor is there again, and no file.
fn is_interrupted(person: &mut Terminal, office: &Office) {
    person
        .sees("\x1b[?25h")
        .sees("interrupted; nothing is written");
    assert_eq!(person.ends(), Some(130), "{:?}", person.screen);
    assert_eq!(files(office), Vec::<String>::new());
}

#[test]
fn wrong_answers_are_asked_again_with_the_reason() {
    let _ports = loopback_ports();
    let office = Office::empty();
    let mut person = Terminal::of(&office, &["setup", "--loopback"]);
    person.sees("Nothing is written before");
    person.answers("Domain of the office", "our example");
    person.sees("is no domain name such as example.com");
    person.answers("Domain of the office", "our.example");
    person.answers("Name of this machine for the PCs [post.our.example]", "");
    // The second of three.
    person.sees("How does the mail come?").types("\x1b[B\r");
    person.answers("Networks, or everybody [everybody]", "192.0.2.0/99");
    person.sees("“192.0.2.0/99” is no network");
    person.answers("Networks, or everybody [everybody]", "192.0.2.0/24");
    person.answers("Names (such as anna bob)", "anna an/na");
    person.answers("Names (such as anna bob)", "anna bob");
    person.answers("Further addresses of anna", "bob");
    person.answers("Further addresses of anna", "info, anna.smith");
    person.answers("Further addresses of bob", "");
    person.sees("Make up good ones?").types("n");
    person.answers_unseen("Password of anna", "secret-anna");
    person.answers_unseen("The same again", "secret-ana");
    person.sees("The two are not the same.");
    person.answers_unseen("Password of anna", "secret-anna");
    person.answers_unseen("The same again", "secret-anna");
    person.answers_unseen("Password of bob", "secret-bob");
    person.answers_unseen("The same again", "secret-bob");
    person.answers("Who gets it? [anna]", "bob");
    person.answers("reject, unclaimed or a name", "zoe");
    person.sees("nobody named “zoe”");
    person.answers("reject, unclaimed or a name", "unclaimed");
    person.answers("outgoing server, or Enter", "smtp.provider.example");
    person.sees("Port and protection").types("\r");
    person.answers("User name there [{address}]", "");
    person.sees("Outside the office, too?").types("n");
    person.answers("Name and telephone", "Bob, extension 12");
    person
        .sees("people      anna, bob")
        .sees("Write it?")
        .types("y");
    person.sees("0 errors, 0 warnings");
    assert_eq!(person.ends(), Some(0), "{:?}", person.screen);
    // Neither while it was typed; only where the passwords are shown.
    assert_eq!(
        person.screen.matches("secret-bob").count(),
        1,
        "{}",
        person.screen
    );
    let settings = office.read("postroom.toml");
    for line in [
        "\nunknown_user = \"unclaimed\"\n",
        "\naccept_from = [\"192.0.2.0/24\"]\n",
        "\nask = \"Bob, extension 12\"\n",
        "\noutgoing_port = 465\n",
    ] {
        assert!(settings.contains(line), "{line} in {settings}");
    }
    let directory = office.read("directory.toml");
    assert!(
        directory.contains("addresses = [\"info\", \"anna.smith\"]"),
        "{directory}"
    );
    assert!(directory.contains("postmaster = [\"bob\"]"), "{directory}");
}

/// Answers up to the mailbox.
pub fn up_to_the_mailbox(person: &mut Terminal, domain: &str, address: &str) {
    person.answers("Domain of the office", domain);
    person.answers("Name of this machine for the PCs", "");
    person.sees("How does the mail come?").types("\r");
    person.answers("Names (such as anna bob)", "anna");
    person.answers("Further addresses of anna", address);
    person.sees("Make up good ones?").types("y");
    person.answers("reject, unclaimed or a name", "");
    person.answers("outgoing server, or Enter", "");
    person.sees("Outside the office, too?").types("n");
    person.answers("Name and telephone", "");
}

#[test]
fn a_wrong_password_at_the_provider_is_told_and_asked_again() {
    let _ports = loopback_ports();
    let provider = Provider::new();
    provider.fault(Fault::Answers("PASS", "-ERR [AUTH] not that one"));
    let office = Office::empty();
    let port = format!("--provider-port={}", provider.port());
    let flags = ["setup", "--loopback", "--provider-tls=none", &port];
    let mut person = Terminal::of(&office, &flags);
    up_to_the_mailbox(&mut person, "our.example", "");
    person.answers("POP3 server", "127.0.0.1");
    person.answers("User name there", "office");
    person.answers_unseen("Password there (not shown)", "HUNTER2");
    person.sees("That did not work").sees("[AUTH] not");
    provider.mend();
    person.sees("What now?").types("\r");
    // What was good is there already.
    person.answers("POP3 server [127.0.0.1]", "");
    person.answers("User name there [office]", "");
    person.answers_unseen("Password there (not shown; Enter alone", "secret");
    person.sees("logged in at 127.0.0.1");
    person.sees("Write it?").types("y");
    person.sees(" errors, ");
    assert_eq!(person.ends(), Some(0), "{:?}", person.screen);
    assert!(!person.screen.contains("HUNTER2"));
    assert_eq!(office.read("secrets/main"), "secret");
}

#[test]
fn another_port_and_protection_are_tried_with_the_same_answers() {
    let _ports = loopback_ports();
    let provider = Provider::new();
    let office = Office::empty();
    let port = provider.port().to_string();
    let wrong = format!("--provider-port={port}");
    let flags = ["setup", "--loopback", "--provider-tls=implicit", &wrong];
    let mut person = Terminal::of(&office, &flags);
    up_to_the_mailbox(&mut person, "our.example", "");
    person.answers("POP3 server", "127.0.0.1");
    person.answers("User name there", "office");
    person.answers_unseen("Password there", "HUNTER2");
    person.sees("That did not work");
    person.sees("What now?").types("\x1b[B\r");
    person.sees("Protection").types("\x1b[B\x1b[B\r");
    person.answers("Port [110]", "0").sees("a port is a number");
    person.answers("Port [110]", &port);
    // Nothing else is asked.
    person.sees("logged in at 127.0.0.1");
    person.sees("Write it?").types("y");
    person.sees(" errors, ");
    assert_eq!(person.ends(), Some(0), "{:?}", person.screen);
    assert_eq!(
        person.screen.matches("Password there").count(),
        2,
        "{:?}",
        person.screen
    );
    assert_eq!(office.read("secrets/main"), "HUNTER2");
}

#[test]
fn ctrl_c_and_a_no_leave_nothing() {
    let office = Office::empty();
    let answered = [
        "setup",
        "--loopback",
        "--domain=our.example",
        "--hostname=post.our.example",
        "--mail=smtp",
        "--accept-from=everybody",
        "--user=anna",
        "--unknown=reject",
        "--outgoing-host=",
        "--ask=",
    ];
    let mut person = Terminal::of(&office, &answered);
    person.sees("Outside the office, too?").types("n");
    person.sees("Write it?").types("\x03");
    is_interrupted(&mut person, &office);

    let mut person = Terminal::of(&office, &answered);
    person.sees("Outside the office, too?").types("n");
    person.sees("Write it?").types("n");
    assert_eq!(person.ends(), Some(1));
    assert!(
        person.screen.contains("nothing is written"),
        "{}",
        person.screen
    );
    assert_eq!(files(&office), Vec::<String>::new());

    // In the midst of a line, and of a password.
    let mut person = Terminal::of(&office, &["setup", "--loopback"]);
    person.sees("Domain of the office").types("our.ex\x03");
    is_interrupted(&mut person, &office);
    let mut flags = answered.to_vec();
    flags.extend([
        "--mail=mailbox",
        "--provider-host=127.0.0.1",
        "--provider-user=office",
    ]);
    flags.retain(|flag| !["--mail=smtp", "--accept-from=everybody"].contains(flag));
    let mut person = Terminal::of(&office, &flags);
    person.sees("Outside the office, too?").types("n");
    person.sees("Password there").types("\x03");
    is_interrupted(&mut person, &office);
}
