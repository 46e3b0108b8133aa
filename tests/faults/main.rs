//! A hub whose machine fails it: the disk, the clock, the threads, the names,
//! the files that it reads. Each module has the faults of one kind, each test
//! is named by its fault. What must hold in all of them: the peer hears a
//! temporary refusal, the log says it once and in plain words, nothing that
//! was acknowledged is lost, and when the cause is gone the hub goes on
//! without a new start.

mod bodies;
mod certificates;
mod clock;
mod configuration;
mod database;
mod disk_full;
mod disk_really_full;
mod found;
mod names;
mod read_only;
mod slow_disk;
mod threads;

#[path = "../support/dialogue.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod dialogue;
#[path = "../support/hub.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod hub;
#[path = "../support/interpose.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod interpose;
#[path = "../support/mail.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod mail;
#[path = "../support/provider.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod provider;
#[path = "../support/talk.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod talk;

use std::fs;
use std::path::Path;
use std::process::Command;

use hub::{Hub, Office};
use interpose::Interposed;
use mail::greet;
use talk::Talk;

/// A hub whose calls to the system can be made to fail.
fn faulty_hub(office: &Office) -> (Hub, Interposed) {
    let faults = Interposed::new();
    let mut command = office.command(&["serve"]);
    faults.preload(&mut command);
    (office.serve_by(command), faults)
}

/// Too large for the database: its body has a file.
fn large() -> Vec<u8> {
    b"a line of a large message\r\n".repeat(9000)
}

fn small() -> Vec<u8> {
    b"Subject: small\r\n\r\na line\r\n".to_vec()
}

/// A session in which a message for Anna has got as far as its content.
fn begun(hub: &Hub) -> Talk {
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    smtp.say("MAIL FROM:<kate@elsewhere.example>", "250 *");
    smtp.say("RCPT TO:<anna@example.com>", "250 *");
    smtp
}

/// The reply to content, by BDAT.
fn reply_to(smtp: &mut Talk, content: &[u8]) -> String {
    smtp.send(format!("BDAT {} LAST\r\n", content.len()).as_bytes());
    smtp.send(content);
    smtp.expect("*")
}

/// The reply to a whole message for Anna, in a session of its own.
fn send_and_see(hub: &Hub, content: &[u8]) -> String {
    reply_to(&mut begun(hub), content)
}

/// The reply to MAIL, in a session of its own.
fn reply_to_mail(hub: &Hub) -> String {
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    smtp.say("MAIL FROM:<>", "*")
}

/// How many lines of the log have this text, of those that came so far.
fn told(hub: &Hub, text: &str) -> usize {
    hub.log().lines().filter(|line| line.contains(text)).count()
}

/// The log says this, and does not say it again.
fn told_once(hub: &Hub, text: &str) {
    hub.wait_for_log(text);
    assert_eq!(told(hub, text), 1, "{text}:\n{}", hub.log());
}

/// Files in bodies/.
fn body_files(office: &Office) -> usize {
    fs::read_dir(office.path("data/bodies")).unwrap().count()
}

/// Says in which folder the test that runs anew has a disk of its own.
const OWN_DISK: &str = "POSTROOM_TEST_DISK";

/// Runs a test anew in a process whose temporary files lie on a disk of so many
/// megabytes, which nobody else sees. For root alone: elsewhere the test is left
/// out, and says so.
fn on_a_disk_of_its_own(name: &str, megabytes: u32, test: impl FnOnce(&Path)) {
    if let Some(disk) = std::env::var_os(OWN_DISK) {
        return test(Path::new(&disk));
    }
    let can = Command::new("unshare").args(["-m", "true"]).output();
    if !can.is_ok_and(|done| done.status.success()) {
        eprintln!("{name}: left out, for this user may not mount a disk");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=\"$1\",mode=700 tmpfs \"$0\" && shift && exec \"$@\"";
    let done = Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-c", mount])
        .arg(folder.path())
        .arg(format!("{megabytes}m"))
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(OWN_DISK, folder.path())
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let why = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}{why}");
    assert!(said.contains("1 passed"), "{said}{why}");
}
