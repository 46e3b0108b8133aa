//! What is over is no warning of `postroom check`; what lasts is one until it is mended.

use std::fs::File;
use std::io::Write;

use serde_json::Value;

use crate::check::{bad, check};
use crate::hub::{Hub, Office, eventually};
use crate::mail::{pass, send};

fn notes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    let notes = findings.filter(|finding| finding["severity"] == "note");
    notes.map(|note| note["text"].as_str().unwrap()).collect()
}

fn told(hub: &Hub, text: &str) -> usize {
    hub.log().lines().filter(|line| line.contains(text)).count()
}

fn recent(office: &Office) -> Vec<String> {
    let status = office.status();
    let lines = status["hub"]["recent_errors"].as_array().unwrap().iter();
    lines
        .map(|line| line.as_str().unwrap().to_string())
        .collect()
}

#[test]
fn work_of_every_day_leaves_nothing_that_should_be_looked_at() {
    let office = Office::new();
    let hub = office.serve();
    assert!(pass(&hub, "anna", "mistyped").starts_with("-ERR"));
    for _ in 0..2 {
        office.add_user("temp");
        office.good(&["user", "remove", "temp"]);
    }
    office.good(&["user", "rename", "bob", "robert"]);
    office.good(&["alias", "set", "sales", "anna"]);
    office.good(&["alias", "remove", "sales"]);
    hub.wait_for_log("[INFO] user removed user=temp");
    hub.wait_for_log("[INFO] user renamed from=bob to=robert");
    let (code, report) = check(&office);
    assert_eq!(code, Some(0), "{report:#}");
    assert!(
        notes(&report)
            .iter()
            .any(|note| note.contains("log-in failed peer=")),
        "{report:#}"
    );
    let recent = recent(&office);
    assert_eq!(recent.len(), 1, "{recent:?}");
    // Once for each time that it went, whatever is read anew and started.
    assert_eq!(
        told(&hub, "address temp@example.com has gone"),
        2,
        "{}",
        hub.log()
    );
    assert_eq!(
        told(&hub, "address bob@example.com has gone"),
        1,
        "{}",
        hub.log()
    );
    drop(hub);
    let hub = office.serve();
    office.good(&["alias", "set", "info", "anna"]);
    hub.wait_for_log("[INFO] reloaded ");
    assert_eq!(
        told(&hub, "has gone from directory.toml"),
        0,
        "{}",
        hub.log()
    );
}

#[test]
fn guessing_is_one_note_with_its_number() {
    let office = Office::new();
    let hub = office.serve();
    for name in ["anna", "bob", "root"] {
        assert!(pass(&hub, name, "guess").starts_with("-ERR"));
    }
    let (code, report) = check(&office);
    assert_eq!(code, Some(0), "{report:#}");
    let guesses = notes(&report);
    let mut guesses = guesses.iter().filter(|note| note.contains("log-in failed"));
    let guess = guesses.next().unwrap();
    assert!(
        guess.contains("user=\"root\"") && guess.contains(" (3 like this since 20"),
        "{guess}"
    );
    assert_eq!(guesses.next(), None);
}

#[test]
fn a_user_who_was_taken_out_by_hand_is_a_warning_until_the_user_is_removed() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "waiting");
    let directory = office.read("directory.toml");
    let (above, bob) = directory.split_once("[users.bob]").unwrap();
    let (_, below) = bob.split_once("\n[aliases]").unwrap();
    office.write("directory.toml", &format!("{above}\n[aliases]{below}"));
    hub.wait_for_log("[INFO] user bob is no longer in directory.toml");
    let (code, report) = check(&office);
    assert_eq!(code, Some(3), "{report:#}");
    let found = bad(&report, "mail");
    let text = found[0]["text"].as_str().unwrap();
    assert!(
        text.starts_with("bob is not in directory.toml since "),
        "{text}"
    );
    let mend = found[0]["mend"].as_str().unwrap();
    assert!(mend.contains("postroom user remove bob"), "{mend}");
    office.good(&["user", "remove", "bob"]);
    let (code, report) = check(&office);
    assert_eq!(code, Some(0), "{report:#}");
}

#[test]
fn settings_that_the_hub_does_not_take_are_a_warning_until_they_are_mended() {
    let office = Office::new();
    let hub = office.serve();
    let whole = office.read("directory.toml");
    let mut file = File::create(office.path("directory.toml")).unwrap();
    let cut = whole.split("[users.bob]").next().unwrap();
    file.write_all(cut.as_bytes()).unwrap();
    drop(file);
    hub.wait_for_log("looks cut off");
    let troubles = |report: &Value| bad(report, "hub").len();
    eventually("it is told", || troubles(&check(&office).1) == 1);
    assert!(
        office
            .good(&["status"])
            .contains("\nTROUBLE     not reloaded, ")
    );
    office.write("directory.toml", &whole);
    eventually("it is over", || check(&office).0 == Some(0));

    office.set("limits", "connections = 77");
    eventually("it waits for the next start", || {
        let (code, report) = check(&office);
        let found = bad(&report, "hub");
        code == Some(3)
            && found[0]["text"]
                .to_string()
                .contains("[limits] has changed")
    });
    hub.signal(rustix::process::Signal::HUP);
    eventually("it is read again", || told(&hub, "[INFO] reloaded ") > 2);
    assert_eq!(told(&hub, "takes effect at the next start"), 1);
    drop(hub);
    let _hub = office.serve();
    assert_eq!(check(&office).0, Some(0));
}

#[test]
fn mail_that_an_edit_has_sealed_is_a_warning_that_leads_to_it() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "waiting");
    let directory = office.read("directory.toml");
    let (above, bob) = directory.split_once("[users.bob]").unwrap();
    let (_, below) = bob.split_once("\n[aliases]").unwrap();
    office.write("directory.toml", &format!("{above}\n[aliases]{below}"));
    hub.wait_for_log("[INFO] user bob is no longer in directory.toml");
    // Somebody else's entry, as it seems: anna's.
    let (_, entry) = above.split_once("[users.anna]").unwrap();
    let hash = entry
        .lines()
        .find(|line| line.starts_with("password"))
        .unwrap();
    office.write(
        "directory.toml",
        &format!("{above}\n[users.bob]\n{hash}\n\n[aliases]{below}"),
    );
    hub.wait_for_log("[ERROR] user bob came back to directory.toml with another password entry");
    let (code, report) = check(&office);
    assert_eq!(code, Some(3), "{report:#}");
    let found = bad(&report, "hub");
    assert_eq!(found.len(), 1, "{report:#}");
    assert!(
        found[0]["text"]
            .to_string()
            .contains("the old mailbox is sealed")
    );
    assert!(found[0]["mend"].to_string().contains("docs/log.md"));
    assert!(
        notes(&report).iter().any(|note| note
            .starts_with("a mailbox of an earlier bob is sealed since ")
            && note.ends_with(", and 1 message waits in it")),
        "{report:#}"
    );
    // What it says can be done.
    assert!(office.good(&["mail", "list", "bob"]).contains("waiting"));
    drop(hub);
    let _hub = office.serve();
    assert_eq!(check(&office).0, Some(0));
}
