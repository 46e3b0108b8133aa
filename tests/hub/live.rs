//! Files that change while the hub runs.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::hub::{Office, at_once, eventually};
use crate::mail::{greet, log_in, pass, rcpt, send, waiting};

#[test]
fn a_user_added_by_hand_can_log_in_soon() {
    let office = Office::new();
    let hub = office.serve();
    assert!(rcpt(&hub, "carla@example.com").starts_with("550 5.1.1 "));
    let directory = office.read("directory.toml");
    let hash = |line: &&str| line.starts_with("password = \"$argon2id$v=");
    let password = directory.lines().find(hash).unwrap();
    office.write(
        "directory.toml",
        &format!("{directory}\n[users.carla]\n{password}\n"),
    );
    hub.wait_for_log("[INFO] reloaded ");
    let reply = pass(&hub, "carla", "secret-anna");
    assert!(reply.starts_with("+OK 0 messages"), "{reply}");
    assert!(rcpt(&hub, "carla@example.com").starts_with("250 "));
}

#[test]
fn a_change_while_the_hub_starts_is_not_missed() {
    at_once((0..60).step_by(6), |millis| {
        let office = Office::new();
        let before = office.read("directory.toml");
        let hub = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(millis));
                office.put(
                    "directory.toml",
                    &before.replace("[users.bob]", "[users.bert]"),
                );
            });
            office.serve()
        });
        eventually("the change is seen", || {
            rcpt(&hub, "bert@example.com").starts_with("250 ")
        });
    });
}

#[test]
fn files_that_editors_replace_are_seen_each_time() {
    let office = Office::new();
    let hub = office.serve();
    let before = office.read("directory.toml");
    for name in ["bert", "ben", "bill"] {
        let text = before.replace("[users.bob]", &format!("[users.{name}]"));
        office.put("directory.toml", &text);
        eventually(name, || {
            rcpt(&hub, &format!("{name}@example.com")).starts_with("250 ")
        });
    }
}

#[test]
fn a_directory_under_another_name_is_followed() {
    let office = Office::new();
    let hub = office.serve();
    let directory = office.read("directory.toml");
    office.write(
        "people.toml",
        &directory.replace("[users.bob]", "[users.bert]"),
    );
    office.set("", "directory = \"people.toml\"");
    eventually("the other file is read", || {
        rcpt(&hub, "bert@example.com").starts_with("250 ")
    });
    office.edit("people.toml", "[users.bert]", "[users.ben]");
    eventually("the other file is watched", || {
        rcpt(&hub, "ben@example.com").starts_with("250 ")
    });
}

#[test]
fn a_bad_edit_is_refused_with_file_and_line_and_the_last_good_one_stays() {
    let office = Office::new();
    let hub = office.serve();
    let good = office.read("directory.toml");
    office.edit("directory.toml", "[users.bob]", "[users.bob");
    let line = hub.wait_for_log("not reloaded");
    let number = good.lines().position(|line| line == "[users.bob]").unwrap() + 1;
    assert!(
        line.contains("[ERROR] not reloaded, the last good settings stay in force: "),
        "{line}"
    );
    assert!(
        line.contains(&format!("directory.toml:{number}: ")),
        "{line}"
    );
    assert!(rcpt(&hub, "bob@example.com").starts_with("250 "));
    assert!(pass(&hub, "bob", "secret-bob").starts_with("+OK"));
    let errors = office.status()["hub"]["recent_errors"].to_string();
    assert!(errors.contains("not reloaded"), "{errors}");

    office.write("directory.toml", &good.replace("bob", "bert"));
    hub.wait_for_log("[INFO] reloaded ");
    assert!(rcpt(&hub, "bert@example.com").starts_with("250 "));
}

#[test]
fn a_bad_setting_keeps_a_good_directory_out_too() {
    let office = Office::new();
    let hub = office.serve();
    office.set("pop3", "plaintext_login = \"maybe\"");
    let line = hub.wait_for_log("not reloaded");
    assert!(line.contains("never, lan or always"), "{line}");
    // The command says so, instead of pretending.
    let why = office.run(&["alias", "set", "sales", "anna"]).bad();
    assert!(why.contains("plaintext_login"), "{why}");
    assert!(rcpt(&hub, "sales@example.com").starts_with("550 5.1.1 "));
}

#[test]
fn an_address_that_was_removed_is_answered_450_and_told() {
    let office = Office::new();
    let hub = office.serve();
    let directory = office.read("directory.toml");
    let (above, bob) = directory.split_once("[users.bob]").unwrap();
    let (_, below) = bob.split_once("\n[aliases]").unwrap();
    office.write("directory.toml", &format!("{above}\n[aliases]{below}"));
    hub.wait_for_log("[INFO] address bob@example.com has gone");
    hub.wait_for_log("[INFO] reloaded ");
    let reply = rcpt(&hub, "bob@example.com");
    assert!(reply.starts_with("450 4.2.1 "), "{reply}");
    let warning = hub.wait_for_log("refused for now recipient=");
    assert!(warning.contains("bob@example.com"), "{warning}");
    assert!(pass(&hub, "bob", "secret-bob").starts_with("-ERR [AUTH]"));

    // Put back: as if it had never gone.
    office.write("directory.toml", &directory);
    eventually("bob is back", || {
        rcpt(&hub, "bob@example.com").starts_with("250 ")
    });
}

#[test]
fn an_emptied_directory_is_refused() {
    let office = Office::new();
    let hub = office.serve();
    for emptied in ["", "# nobody\n", "[users]\n"] {
        let before = hub.log().matches("not reloaded").count();
        office.write("directory.toml", emptied);
        eventually("the empty file is seen", || {
            hub.log().matches("not reloaded").count() > before
        });
        assert!(rcpt(&hub, "anna@example.com").starts_with("250 "));
    }
    let line = hub.wait_for_log("not reloaded");
    assert!(line.contains("directory.toml: it has no users"), "{line}");
    drop(log_in(&hub, "anna"));
}

#[test]
fn sessions_under_way_keep_their_settings_and_new_ones_have_the_new() {
    let office = Office::new();
    let hub = office.serve();
    let mut early = hub.smtp();
    greet(&mut early);
    office.set("smtp", "max_message_size = \"1 MB\"");
    hub.wait_for_log("[INFO] reloaded ");
    early.say("MAIL FROM:<> SIZE=2000000", "250 *");
    let mut late = hub.smtp();
    greet(&mut late);
    late.say("MAIL FROM:<> SIZE=2000000", "552 5.3.4 *");
}

#[test]
fn what_only_a_restart_changes_is_said() {
    let office = Office::new();
    let hub = office.serve();
    office.edit(
        "postroom.toml",
        "data_dir = \"data\"",
        "data_dir = \"elsewhere\"",
    );
    let warning = hub.wait_for_log("takes effect at the next start");
    assert!(warning.contains("[WARN] data_dir has changed"), "{warning}");
    send(&hub, &["anna@example.com"], "still in the old place");
    assert_eq!(waiting(&hub, "anna"), 1);
}

#[test]
fn sighup_reads_the_files_and_opens_the_log_anew() {
    let office = Office::new();
    office.set("log", "file = \"postroom.log\"");
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "one");
    let old = office.read("postroom.log");
    assert!(old.contains("[INFO] received "), "{old}");

    // As logrotate does.
    fs::rename(office.path("postroom.log"), office.path("postroom.log.1")).unwrap();
    let id = send(&hub, &["anna@example.com"], "two");
    assert!(office.read("postroom.log.1").contains(&id));
    assert!(!office.path("postroom.log").exists());
    hub.signal(Signal::HUP);
    hub.wait_for_log("[INFO] reloaded ");
    let id = send(&hub, &["anna@example.com"], "three");
    assert!(office.read("postroom.log").contains(&id));
    assert!(!office.read("postroom.log.1").contains(&id));
}
