//! Messages that are made to take long or to need much: delivered or refused,
//! sent by SMTP and fetched from a provider, and listed afterwards, while
//! another session is served.

use std::time::{Duration, Instant};

use super::{LAN, begin_data, most_memory, office, smtp_from};
use crate::hub::{EFFECT_LIMIT, Hub, Office};
use crate::mail::{behind_trace, log_in, waiting};
use crate::provider::Provider;

/// More than any of these messages may cost, each of up to 40 MB.
const GROWTH_MAX: u64 = 24_000_000;
/// A command has 30 s; one of these must not need a large part of it.
const COMMAND_LIMIT: Duration = Duration::from_secs(15);

/// A value that makes a decoder of RFC 2047 words look for the end of each
/// beginning behind all others: cubic in mailparse, which takes half a second
/// for 990 octets of it without optimisation.
fn hostile_words(octets: usize) -> String {
    let pairs = octets / 6;
    " =?".repeat(pairs) + &"?=x".repeat(pairs)
}

fn hostile_fields(octets: usize) -> String {
    let value = hostile_words(octets);
    format!("Subject:{value}\r\nFrom:{value}\r\nTo:{value}\r\n\r\ntext\r\n")
}

/// A name, and a message.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let numbered: String = (0..100_000).map(|at| format!("X-{at}: y\r\n")).collect();
    let nested =
        |at: usize| format!("Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n");
    let nested: String = (0..100_000).map(nested).collect();
    let folded = format!("Subject: x\r\n{}\r\n", " =?utf-8?q?x?=\r\n".repeat(100_000));
    let texts = [
        ("words of 990 octets", hostile_fields(990)),
        ("words of 16 KB", hostile_fields(16 << 10)),
        ("words of 64 KB", hostile_fields(64 << 10)),
        ("words of 1 MB", hostile_fields(1 << 20)),
        ("100,000 fields", numbered + "\r\n"),
        (
            "100,000 subjects",
            "Subject: =?utf-8?q?x?=\r\n".repeat(100_000) + "\r\n",
        ),
        ("100,000 folds", folded),
        ("1,000,000 empty lines", "\r\n".repeat(1_000_000)),
        (
            "a line of 40 MB",
            format!("Subject: {}\r\n\r\n", "y".repeat(40_000_000)),
        ),
        (
            "4,000,000 addresses",
            format!("To: {}\r\n\r\n", "a@b,".repeat(4_000_000)),
        ),
        ("100,000 levels of MIME", nested),
        ("300,000 colons", ":".repeat(300_000) + "\r\n\r\n"),
        ("300,000 lines of a space", " \r\n".repeat(300_000) + "\r\n"),
    ];
    texts.map(|(name, text)| (name, text.into_bytes())).into()
}

/// What people and programs ask of the mail, each within its time.
fn look_at(office: &Office, hub: &Hub, commands: &[&[&str]]) {
    for command in commands {
        let begun = Instant::now();
        office.good(command);
        let took = begun.elapsed();
        assert!(took < COMMAND_LIMIT, "{command:?} took {took:?}");
    }
    smtp_from(hub, LAN).say("QUIT", "221 *");
}

#[test]
fn bombs_that_are_sent_are_kept_shown_and_collected() {
    let office = office();
    let hub = office.serve();
    let before = most_memory(&hub);
    let mut other = smtp_from(&hub, LAN);
    for (name, bomb) in bombs() {
        let begun = Instant::now();
        let mut smtp = smtp_from(&hub, LAN);
        begin_data(&mut smtp);
        smtp.send(&bomb);
        smtp.send(b".\r\n");
        let id = crate::mail::id_of(&smtp.expect("250 2.0.0 kept as *"));
        smtp.say("QUIT", "221 *");
        look_at(&office, &hub, &[&["mail", "list", "anna"], &["why", &id]]);
        let shown = office.octets(&["mail", "show", &id]);
        assert!(behind_trace(&shown) == bomb, "{name} is kept otherwise");
        other.say("NOOP", "250 *");
        println!("{name}: {:?}", begun.elapsed());
    }
    let grown = most_memory(&hub) - before;
    println!("bombs that are sent: the hub grew by {grown} octets");
    assert!(grown < GROWTH_MAX, "{grown}");
    // Read at one go: a client that looks for line ends as it reads would take
    // far longer than the hub.
    let mut pop3 = log_in(&hub, "anna");
    let commands: String = (1..=bombs().len())
        .map(|at| format!("RETR {at}\r\n"))
        .collect();
    pop3.send(format!("{commands}QUIT\r\n").as_bytes());
    let said = pop3.until_close().len();
    assert!(
        said > bombs().iter().map(|(_, bomb)| bomb.len()).sum(),
        "{said}"
    );
}

#[test]
fn a_mailbox_of_hostile_fields_is_listed_while_others_are_served() {
    let office = office();
    let hub = office.serve();
    let mut smtp = smtp_from(&hub, LAN);
    for _ in 0..100 {
        begin_data(&mut smtp);
        smtp.send(hostile_fields(990).as_bytes());
        smtp.send(b".\r\n");
        smtp.expect("250 2.0.0 kept as *");
    }
    // As many at once as the hub has threads, and more.
    crate::hub::at_once(0..6, |_| {
        look_at(&office, &hub, &[&["mail", "list", "anna"]]);
    });
}

#[test]
fn ten_thousand_received_lines_are_a_loop() {
    let office = office();
    let hub = office.serve();
    let mut smtp = smtp_from(&hub, LAN);
    begin_data(&mut smtp);
    smtp.send("Received: from a by b; x\r\n".repeat(10_000).as_bytes());
    smtp.send(b"\r\n.\r\n");
    smtp.expect("554 5.4.6 *");
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn bombs_that_are_fetched_are_somebodys_or_nobodys() {
    let received = "Received: from mx.elsewhere.example ([203.0.113.7])\r\n\
        \tby mx.provider.example with ESMTP id 1; Sun, 22 Nov 2026 10:00:01 +0000\r\n";
    let hops = "Received: from a by b; x\r\n".repeat(10_000);
    let mut letters: Vec<Vec<u8>> = bombs().into_iter().map(|(_, bomb)| bomb).collect();
    // The pretended provider takes long for the largest.
    letters.retain(|letter| letter.len() < 10_000_000);
    letters.push(hops.into_bytes());
    letters.push(format!("{received}To: anna@example.com\r\n\r\n").into_bytes());
    letters.extend((0..20).map(|_| {
        // Rules are asked for each: it is nobody's otherwise.
        format!("{received}{}", hostile_fields(990)).into_bytes()
    }));
    let count = letters.len();
    for mode in ["guess", "envelope"] {
        let provider = Provider::with(&letters);
        let office = office();
        account(&office, &provider, mode);
        rules(&office);
        let hub = office.serve();
        let before = most_memory(&hub);
        let begun = Instant::now();
        let fetched = office.good(&["fetch"]);
        println!(
            "{mode}: {count} fetched in {:?}: {fetched}",
            begun.elapsed()
        );
        assert_eq!(provider.held(), 0, "{mode}: {fetched}");
        look_at(
            &office,
            &hub,
            &[
                &["unclaimed", "list"],
                &["mail", "list", "anna"],
                &["status"],
            ],
        );
        let grown = most_memory(&hub) - before;
        println!("{mode}: the hub grew by {grown} octets");
        assert!(grown < GROWTH_MAX, "{mode}: {grown}");
    }
    // None of the waits above is longer than an effect may take.
    assert!(EFFECT_LIMIT < COMMAND_LIMIT);
}

fn account(office: &Office, provider: &Provider, mode: &str) {
    let port = provider.port();
    let header = match mode {
        "envelope" => "envelope_header = \"X-Envelope-To\"\n",
        _ => "",
    };
    let text = office.read("postroom.toml");
    let account = format!(
        "\n[[provider]]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n\
         user = \"office\"\npassword = \"secret\"\npoll = \"1 day\"\nleave_on_server = \"0 days\"\n\
         mode = \"{mode}\"\n{header}trusted_hosts = [\"provider.example\"]\n"
    );
    office.write("postroom.toml", &(text + &account));
}

/// Every rule decodes the field that it looks at.
fn rules(office: &Office) {
    let rule = |at: usize| {
        let header = ["Subject", "From", "To"][at % 3];
        format!("\n[[rules]]\nheader = \"{header}\"\ncontains = \"nowhere-{at}\"\nto = [\"bob\"]\n")
    };
    let rules: String = (0..30).map(rule).collect();
    let text = office.read("directory.toml");
    office.write("directory.toml", &(text + &rules));
}
