//! Backups while mail comes in, is collected and is erased.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::hub::{Office, eventually, run};
use crate::interpose::call::OPEN;
use crate::interpose::place::BODY;
use crate::interpose::{Action, Interposed, Rule};
use crate::mail::{collect, greet, send_in};
use crate::{NewBox, Shelf, faults, large, names, send_large};

#[test]
fn what_was_acknowledged_before_is_in_it_whatever_goes_on() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    let (over, sent) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let (place, tar) = (shelf.folder("b"), shelf.text("b.tar"));
    let mut before = Vec::new();
    thread::scope(|scope| {
        for sender in 0..3 {
            let (hub, over, sent) = (&hub, &over, &sent);
            scope.spawn(move || {
                let mut smtp = hub.smtp();
                greet(&mut smtp);
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    let subject = format!("letter {sender}-{number}.");
                    let content = match number % 3 {
                        0 => large(&subject),
                        _ => format!("Subject: {subject}\r\n\r\nsmall\r\n").into_bytes(),
                    };
                    send_in(&mut smtp, &["anna@example.com"], &content);
                    sent.lock().unwrap().push(subject);
                    number += 1;
                }
            });
        }
        // Bob's mail comes, is collected, and is erased with its files.
        let (bobs_hub, bobs_office, is_over) = (&hub, &office, &over);
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let id = send_large(bobs_hub, "bob@example.com", "bob's");
                collect(bobs_hub, "bob");
                bobs_office.good(&["mail", "erase", "--yes", &id]);
            }
        });
        for round in 0..4 {
            before = sent.lock().unwrap().clone();
            office.good(&["backup", &place]);
            office.good(&["verify", &place]);
            if round == 2 {
                office.good(&["backup", &tar, "--verify"]);
                office.good(&["verify"]);
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    drop(hub);
    assert!(before.len() > 10, "{}", before.len());

    let other = NewBox::new();
    other.run(&["restore", &place]).good();
    let hub = other.serve();
    let mail: Vec<String> = collect(&hub, "anna")
        .into_iter()
        .map(|octets| String::from_utf8(octets).unwrap())
        .collect();
    for subject in before {
        let found = mail.iter().filter(|text| text.contains(&subject)).count();
        assert_eq!(found, 1, "{subject}");
    }
}

#[test]
fn mail_that_is_erased_while_bodies_are_copied_is_not_in_it() {
    let office = Office::new();
    let hub = office.serve();
    for format in ["b/", "b.tar"] {
        let shelf = Shelf::new();
        let place = shelf.text(format);
        let erased = send_large(&hub, "anna@example.com", "erased");
        send_large(&hub, "anna@example.com", "stays");
        let interposed = Interposed::new();
        let mut command = office.command(&["backup", &place]);
        interposed.preload(&mut command);
        interposed.order(&[Rule::once(Action::Stall, OPEN, BODY, 0).with("data/bodies/")]);
        thread::scope(|scope| {
            let backup = scope.spawn(|| run(command, b"").good());
            eventually("the first body is opened", || interposed.acted(0) > 0);
            office.good(&["mail", "erase", "--yes", &erased]);
            interposed.lift();
            let said = backup.join().unwrap();
            assert!(said.starts_with("backed up: 1 messages"), "{said}");
        });
        let good = office.good(&["verify", &place]);
        assert!(good.contains("1 messages"), "{good}");
        assert_eq!(collect(&hub, "anna").len(), 1);
        for id in ids(&office) {
            office.good(&["mail", "erase", "--yes", &id]);
        }
    }
}

fn ids(office: &Office) -> Vec<String> {
    let list = office.good(&["mail", "list", "anna"]);
    let lines = list.lines().skip(1);
    lines
        .map(|line| line.split(' ').next().unwrap().to_string())
        .collect()
}

#[test]
fn a_body_that_the_store_has_lost_is_told_and_keeps_no_backup_from_being_made() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    let id = send_large(&hub, "anna@example.com", "lost");
    send_large(&hub, "anna@example.com", "stays");
    drop(hub);
    let bodies = office.path("data/bodies");
    let mut lost = String::new();
    for name in names(&bodies) {
        if lost.is_empty() {
            std::fs::remove_file(bodies.join(&name)).unwrap();
            lost = name;
        }
    }
    let found = office.run(&["verify"]);
    let told = String::from_utf8(found.out).unwrap();
    assert_eq!(found.code, Some(1));
    assert!(
        told.contains(&format!("is missing: bodies/{lost}")),
        "{told}"
    );
    let place = shelf.folder("b");
    let done = office.run(&["backup", &place]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.err.contains("is lost in the store itself"),
        "{}",
        done.err
    );
    assert!(done.err.contains(&id) || names(&bodies).len() == 1);
    let said = faults(&office, &place);
    assert!(said.contains("was lost in the store already"), "{said}");
    // Lost in the backup is another thing.
    for name in names(&shelf.path("b/bodies")) {
        std::fs::remove_file(shelf.path("b/bodies").join(name)).unwrap();
    }
    assert!(faults(&office, &place).contains("is missing\n"));
}

#[test]
fn a_second_backup_into_the_same_place_waits_for_its_turn_in_words() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    for place in [shelf.folder("b"), shelf.text("b.tar")] {
        let interposed = Interposed::new();
        let mut command = office.command(&["backup", &place]);
        interposed.preload(&mut command);
        interposed.order(&[Rule::once(Action::Stall, OPEN, BODY, 0).with("data/bodies/")]);
        thread::scope(|scope| {
            let first = scope.spawn(|| run(command, b"").good());
            eventually("the first one is at work", || interposed.acted(0) > 0);
            let why = office.run(&["backup", &place]).bad();
            assert!(
                why.contains("another postroom command is at work on"),
                "{why}"
            );
            interposed.lift();
            first.join().unwrap();
        });
        office.good(&["verify", &place]);
    }
}
