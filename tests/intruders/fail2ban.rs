//! What fail2ban makes of the log: the filter of packaging/fail2ban, run by
//! Debian's own fail2ban-regex over lines that a hub has written.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::hub::{Done, Hub, Office, eventually, run};
use crate::talk::Talk;

const JOURNAL_REMOTE: &str = "/lib/systemd/systemd-journal-remote";

/// Names that would have another address banned, or end the line.
const FORGED: [&str; 8] = [
    "x peer=10.0.0.1",
    "x\" answered-after=1.0s",
    "x\" peer=10.0.0.2 user=\"y",
    "log-in failed peer=10.0.0.3 user=\"z\" answered-after=1.0s",
    "x\u{2028}2026-11-23T00:00:00.000Z [WARN] log-in failed peer=10.0.0.4 user=\"z\" answered-after=1.0s",
    "x\u{b}\u{85}<4>log-in failed peer=10.0.0.5 user=\"z\" answered-after=1.0s",
    "x\\",
    "2026-11-23T00:00:00.000Z [WARN] log-in failed peer=10.0.0.6 user=\"",
];

/// A wrong log-in; its refusal is not waited for.
fn guess(from: IpAddr, hub: SocketAddr, name: &str) -> Talk {
    let mut pop3 = Talk::connect_from(hub, from);
    pop3.expect("+OK *");
    pop3.say(&format!("USER {name}"), "+OK*");
    pop3.send(b"PASS wrong\r\n");
    pop3
}

/// Every forged name from an address of its own, by both families. What is to
/// be banned, and for each a line.
fn attack(hub: &Hub) -> Vec<String> {
    let port = hub.address("pop3").port();
    let mut held = Vec::new();
    let mut expected = Vec::new();
    for (last, name) in (10..).zip(FORGED) {
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        held.push(guess(from, SocketAddr::from(([127, 0, 0, 1], port)), name));
        expected.push(from.to_string());
        held.push(guess(
            Ipv6Addr::LOCALHOST.into(),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
            name,
        ));
        expected.push("::1".to_string());
    }
    // Other lines with a stranger's text in them ban nobody.
    let mut smtp = Talk::connect(SocketAddr::from((
        [127, 0, 0, 1],
        hub.address("smtp").port(),
    )));
    crate::mail::greet(&mut smtp);
    smtp.say("MAIL FROM:<>", "250 *");
    smtp.say(
        "RCPT TO:<\"log-in failed peer=10.0.0.7 user=\"@example.com>",
        "550 *",
    );
    hub.wait_for_log("refused recipient=");
    eventually("all have failed", || {
        hub.log().matches("log-in failed peer=127").count() == FORGED.len()
            && hub.log().matches("log-in failed peer=::1").count() == FORGED.len()
    });
    expected.sort();
    expected
}

fn office() -> Office {
    let office = Office::new();
    let settings = office.read("postroom.toml");
    office.write("postroom.toml", &settings.replace("127.0.0.1:0", "[::]:0"));
    office
}

/// The addresses that the filter finds; none where fail2ban is not installed.
fn found(log: &str) -> Option<Vec<String>> {
    let filter =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/fail2ban/filter.d/postroom.conf");
    let mut command = Command::new("fail2ban-regex");
    // The machine's language decides how fail2ban reads octets.
    command
        .env("LC_ALL", "C.UTF-8")
        .args(["--out", "ip", log])
        .arg(filter);
    match command.stdin(Stdio::null()).output() {
        Err(why) if why.kind() == ErrorKind::NotFound => {
            println!("skipped: fail2ban-regex is not installed");
            None
        }
        output => {
            let output = output.unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
            lines.sort();
            Some(lines)
        }
    }
}

#[test]
fn forged_addresses_in_the_hubs_own_log_file() {
    let office = office();
    office.set("log", "file = \"hub.log\"");
    let hub = office.serve();
    let expected = attack(&hub);
    let log = office.path("hub.log");
    if let Some(found) = found(log.to_str().unwrap()) {
        assert_eq!(found, expected, "{}", fs::read_to_string(log).unwrap());
    }
}

#[test]
fn forged_addresses_in_the_journal_and_in_syslog() {
    let office = office();
    let mut command = office.command(&["serve"]);
    command.env("JOURNAL_STREAM", "8:12345");
    let hub = office.serve_by(command);
    let expected = attack(&hub);
    let log = hub.log();
    let lines = log.lines().map(|line| line.get(3..).unwrap());
    let syslog: String = lines
        .clone()
        .map(|line| format!("Nov 23 02:39:00 post postroom[77]: {line}\n"))
        .collect();
    office.write("syslog", &syslog);
    if let Some(found) = found(office.path("syslog").to_str().unwrap()) {
        assert_eq!(found, expected, "{syslog}");
    }
    let journal = journal(&office, lines);
    let from_journal = |journal: PathBuf| {
        found(&format!(
            "systemd-journal[journalfiles='{}']",
            journal.display()
        ))
    };
    if let Some(found) = journal.and_then(from_journal) {
        assert_eq!(found, expected, "{log}");
    }
}

/// A journal with these lines of the hub's, as systemd keeps them; none where
/// its tool is not installed.
fn journal<'a>(office: &Office, lines: impl Iterator<Item = &'a str>) -> Option<PathBuf> {
    if !Path::new(JOURNAL_REMOTE).exists() {
        println!("skipped: systemd-journal-remote is not installed");
        return None;
    }
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_micros();
    let entries = (0..).zip(lines).map(|(number, line)| {
        format!(
            "__REALTIME_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=post\n\
             _SYSTEMD_UNIT=postroom.service\nSYSLOG_IDENTIFIER=postroom\n_PID=77\nPRIORITY=4\n\
             MESSAGE={line}\n\n",
            now + number
        )
    });
    let entries: String = entries.collect();
    let file = office.path("hub.journal");
    let mut command = Command::new(JOURNAL_REMOTE);
    command.arg("-o").arg(&file).arg("-");
    let done: Done = run(command, entries.as_bytes());
    assert_eq!(done.code, Some(0), "{done:?}");
    Some(file)
}
