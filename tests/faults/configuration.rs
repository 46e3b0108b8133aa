//! Files that are cut off while somebody writes them, after any octet.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use postroom::config::Configuration;
use postroom::mail::{Address, Recipient};
use postroom::route::{Directory, Refusal, Route};
use rustix::process::Signal;

use crate::hub::{Hub, Office, eventually};
use crate::mail::{log_in, pass, rcpt, send, waiting};
use crate::told;

const SETTINGS: &str = r#"
hostname = "post.example.com"
domains = ["example.com", "example.org"]
data_dir = "data"
lan = ["192.0.2.0/24"]

[routing]
unknown_user = "anna"
reject = ["old"]

[smtp]
accept_from = ["127.0.0.0/8"]
max_message_size = "20 MB"
max_recipients = 1000

[pop3]
plaintext_login = "never"

[[provider]]
name = "main"
host = "pop.provider.example"
user = "office"
password = "secret"
mode = "guess"
trusted_hosts = ["provider.example"]
"#;

const PEOPLE: &str = r#"
[users.anna]
password = "HASH"
addresses = ["anna.smith", "info@example.com"]

[users.bob]
password = "HASH"

[users."carla"]
password = "HASH"
addresses = ["carla.b"]

[aliases]
sales = ["anna", "bob"]
all = ["sales", "carla"]
postmaster = ["anna"]

[[rules]]
header = "List-Id"
contains = "announce.example.org"
to = ["bob"]
"#;

fn people() -> String {
    let salt_and_hash = "c2FsdHNhbHRzYWx0c2FsdA$eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg";
    let hash = format!("$argon2id$v=19$m=19456,t=2,p=1${salt_and_hash}");
    PEOPLE.replace("HASH", &hash)
}

fn parse(text: &str) -> Result<Configuration, String> {
    let read = Configuration::parse(Path::new("postroom.toml"), text);
    read.map_err(|why| why.to_string())
}

fn is_of_line(why: &str, file: &str) -> bool {
    let place = why.strip_prefix(file).unwrap_or_default();
    let rest = place.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
    place.starts_with(':') && rest.len() > 10
}

#[test]
fn settings_cut_off_after_every_octet() {
    let whole = parse(SETTINGS).unwrap();
    let mut good = 0;
    for end in 0..SETTINGS.len() {
        match parse(&SETTINGS[..end]) {
            Err(why) => assert!(is_of_line(&why, "postroom.toml"), "{end}: {why}"),
            // Nothing is relayed that was not, and nobody is answered for.
            Ok(cut) => {
                good += 1;
                assert_eq!(cut.domains, whole.domains, "{end}");
                assert_eq!(cut.hostname, whole.hostname, "{end}");
            }
        }
    }
    assert!(good > 20, "{good}");
}

/// Who gets mail for an address; none: it is put off for an hour.
fn targets(directory: &Directory, address: &str) -> Option<Vec<String>> {
    let recipient = Recipient::Address(Address::parse(address).unwrap());
    match directory.route(&recipient, Duration::ZERO) {
        Route::Deliver(targets) => Some(targets.into_iter().map(|target| target.user).collect()),
        // Put off, or kept where a person sees it.
        Route::Refused(Refusal::RecentlyGone) | Route::Unclaimed { .. } => None,
        other => panic!("{address}: {other:?}"),
    }
}

#[test]
fn directory_cut_off_after_every_octet_loses_no_address_and_gives_none_away() {
    let settings = parse(&SETTINGS.replace("unknown_user = \"anna\"", "")).unwrap();
    let text = people();
    let whole = settings.parse_directory(&text).unwrap();
    let addresses = whole.all_addresses();
    assert!(addresses.len() > 10);
    let mut good = 0;
    for end in 0..text.len() {
        let cut = match settings.parse_directory(&text[..end]) {
            Err(why) => {
                assert!(
                    why.to_string().starts_with("directory.toml:"),
                    "{end}: {why}"
                );
                continue;
            }
            Ok(cut) => cut,
        };
        good += 1;
        let left = cut.all_addresses();
        let gone = addresses.iter().filter(|address| !left.contains(address));
        let cut = cut.with_departed(gone.map(|address| (address.clone(), Duration::ZERO)));
        for address in &addresses {
            let all = targets(&whole, address).unwrap();
            let now = targets(&cut, address);
            let kept = now.is_none_or(|now| now == all);
            assert!(kept, "{address} after {end} octets");
        }
    }
    assert!(good > 20, "{good}");
}

/// Writes in place, as an editor that is slow, or dies.
fn write_beginning(path: &Path, text: &str) -> File {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).truncate(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn refusals(hub: &Hub) -> usize {
    told(hub, "not reloaded, the last good settings stay in force")
}

#[test]
fn directory_that_lost_its_end_while_the_hub_runs() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "before");
    let (path, whole) = (office.path("directory.toml"), office.read("directory.toml"));
    let bob = whole.find("[users.bob]").unwrap();
    let ends = [
        bob,
        bob + 5,
        whole.find("[aliases]").unwrap(),
        whole.len() - 3,
    ];
    for end in ends {
        let before = refusals(&hub);
        drop(write_beginning(&path, &whole[..end]));
        eventually("it is refused", || refusals(&hub) > before);
        assert!(rcpt(&hub, "bob@example.com").starts_with("250 "), "{end}");
        assert!(rcpt(&hub, "postmaster@example.com").starts_with("250 "));
        assert!(pass(&hub, "bob", "secret-bob").starts_with("+OK"), "{end}");
        assert_eq!(told(&hub, "has gone from directory.toml"), 0);
    }
    let line = hub.wait_for_log("looks cut off");
    assert!(line.contains("directory.toml:"), "{line}");
    // A file that was cut off as long as the hub was down is put off, as ever.
    drop(hub);
    drop(write_beginning(&path, &whole[..bob]));
    let hub = office.serve();
    assert!(rcpt(&hub, "bob@example.com").starts_with("450 4.2.1 "));
    drop(write_beginning(&path, &whole));
    eventually("bob is back", || {
        rcpt(&hub, "bob@example.com").starts_with("250 ")
    });
    assert_eq!(waiting(&hub, "bob"), 1);
}

#[test]
fn settings_that_lost_their_end_while_the_hub_runs() {
    let office = Office::new();
    office.without_tls();
    office.set("pop3", "plaintext_login = \"never\"");
    let hub = office.serve();
    let (path, whole) = (office.path("postroom.toml"), office.read("postroom.toml"));
    let refused = || {
        let mut pop3 = hub.pop3();
        pop3.expect("+OK *");
        pop3.say("USER anna", "-ERR *");
    };
    refused();
    // All of it parses, and lets passwords through in clear.
    let cut = &whole[..whole.find("[pop3]").unwrap()];
    drop(write_beginning(&path, cut));
    let line = hub.wait_for_log("looks cut off");
    let number = cut.lines().count() + 1;
    assert!(
        line.contains(&format!("postroom.toml:{number}: ")),
        "{line}"
    );
    refused();
    let why = office.run(&["alias", "set", "sales", "anna"]).bad();
    assert!(why.contains("looks cut off"), "{why}");
    // A person who means it says so.
    hub.signal(Signal::HUP);
    hub.wait_for_log("[INFO] reloaded ");
    drop(log_in(&hub, "anna"));
}

#[test]
fn files_that_are_written_in_two_halves() {
    let office = Office::new();
    let hub = office.serve();
    let whole = office.read("directory.toml");
    let half = whole.find("[users.bob]").unwrap();
    let longer = format!("{whole}\nsales = [\"anna\", \"bob\"]\n");
    let mut file = write_beginning(&office.path("directory.toml"), &longer[..half]);
    hub.wait_for_log("looks cut off");
    assert!(rcpt(&hub, "bob@example.com").starts_with("250 "));
    file.write_all(&longer.as_bytes()[half..]).unwrap();
    drop(file);
    eventually("the whole file is in force", || {
        rcpt(&hub, "sales@example.com").starts_with("250 ")
    });
    assert_eq!(told(&hub, "has gone from directory.toml"), 0);
}
