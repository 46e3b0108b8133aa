//! Peers that use all that the limits let them, and try to use more.

use std::fmt::Write;

use crate::hub::Office;
use crate::mail::{greet, send};
use crate::process::{peak, resident};

/// The least that `[limits] memory` may be.
const SMALL: usize = 8_000_000;
/// What the allocator may keep and split beside what is asked of it.
const MARGIN: usize = 4_000_000;

/// A list of forty people, each with the password of anna.
fn list_of_forty(office: &Office) {
    let directory = office.read("directory.toml");
    let mut lines = directory.lines();
    let hash = lines.find(|line| line.starts_with("password")).unwrap();
    let mut users = directory.clone();
    let mut names = Vec::new();
    for number in 0..40 {
        let name = format!("person{number:02}");
        write!(users, "\n[users.{name}]\n{hash}\n").unwrap();
        names.push(name);
    }
    office.write("directory.toml", &users);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    office.good(&[&["alias", "set", "all"][..], &names].concat());
}

#[test]
fn recipients_without_end_stay_within_the_memory() {
    let office = Office::new();
    list_of_forty(&office);
    office.set("limits", "memory = \"8 MB\"");
    office.be_in_the_world();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "first");
    let before = resident(hub.pid());
    let rcpt = format!("RCPT TO:<all+{}@example.com>\r\n", "x".repeat(60));
    let mut sessions = Vec::new();
    let (mut taken, mut put_off) = (0, 0);
    for _ in 0..12 {
        let mut smtp = hub.smtp();
        greet(&mut smtp);
        smtp.say("MAIL FROM:<>", "250 *");
        for _ in 0..10 {
            smtp.send(rcpt.repeat(100).as_bytes());
            for _ in 0..100 {
                match smtp.line().unwrap() {
                    line if line.starts_with("250 ") => taken += 1,
                    line if line.starts_with("452 4.5.3 ") => put_off += 1,
                    line => panic!("{line}"),
                }
            }
        }
        sessions.push(smtp);
    }
    let grown = peak(hub.pid()) - before;
    println!("{taken} recipients taken, {put_off} put off, {grown} octets more");
    assert!(taken > 0 && put_off > 0);
    assert!(grown < SMALL + MARGIN, "{grown} octets more");
    // The first of them sends to those that were taken; then there is room.
    let mut first = sessions.remove(0);
    first.say("BDAT 3 LAST\r\na", "250 2.0.0 kept as *");
    drop(sessions);
    let mut last = hub.smtp();
    greet(&mut last);
    last.say("MAIL FROM:<>", "250 *");
    last.send(rcpt.repeat(20).as_bytes());
    for _ in 0..20 {
        last.expect("250 *");
    }
    let told = hub.log().matches("452 4.5.3").count();
    assert!(told <= 12, "{told} lines of the log");
}
