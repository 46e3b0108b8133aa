//! `postroom check`: what it finds, what it says to do, and how it ends.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::hub::{Done, Office};
use crate::mail::{log_in, send};

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub fn check(office: &Office) -> (Option<i32>, Value) {
    let done = office.run(&["check", "--json"]);
    (done.code, serde_json::from_slice(&done.out).unwrap())
}

/// The findings of a topic that are worse than a note.
pub fn bad<'a>(report: &'a Value, topic: &str) -> Vec<&'a Value> {
    let findings = report["findings"].as_array().unwrap().iter();
    let is_bad = |finding: &&Value| {
        finding["topic"] == topic
            && (finding["severity"] == "warning" || finding["severity"] == "error")
    };
    findings.filter(is_bad).collect()
}

fn words(done: &Done) -> String {
    String::from_utf8(done.out.clone()).unwrap()
}

#[test]
fn the_report_for_programs_has_all_topics_and_its_exit_code() {
    let office = Office::new();
    let _hub = office.serve();
    let (code, report) = check(&office);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(
        (&report["errors"], &report["warnings"]),
        (&0.into(), &0.into())
    );
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    for topic in [
        "configuration",
        "clock",
        "directory",
        "files",
        "certificate",
        "hostname",
        "memory",
        "hub",
        "disk",
        "polls",
        "disk-speed",
    ] {
        let findings = report["findings"].as_array().unwrap();
        let has = findings.iter().any(|finding| finding["topic"] == topic);
        assert!(has, "{topic} in {report:#}");
    }
}

#[test]
fn a_warning_alone_ends_with_3_and_says_what_to_do() {
    let office = Office::new();
    fs::set_permissions(office.path("data"), Permissions::from_mode(0o755)).unwrap();
    let done = office.run(&["check"]);
    let said = words(&done);
    assert_eq!(done.code, Some(3), "{said}");
    assert!(
        said.contains("holds the mail, and others can look into it\n         chmod 700 "),
        "{said}"
    );
    assert!(said.ends_with("\n0 errors, 1 warnings\n"), "{said}");
    office.without_tls();
    let (code, report) = check(&office);
    assert_eq!(code, Some(3));
    assert_eq!(bad(&report, "certificate").len(), 1, "{report:#}");
}

#[test]
fn settings_that_cannot_be_read_are_an_error_for_programs_too() {
    let office = Office::new();
    office.edit("postroom.toml", "\n[smtp]\n", "\n[smtp]\nlisten_on = 25\n");
    let (code, report) = check(&office);
    assert_eq!((code, &report["errors"]), (Some(1), &1.into()));
    let text = report["findings"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("postroom.toml:") && text.contains("listen_on"),
        "{text}"
    );
}

#[test]
fn whoever_has_the_port_is_named_with_its_process() {
    let office = Office::new();
    let _other = office.take_port();
    let (code, report) = check(&office);
    assert_eq!(code, Some(1));
    let found = bad(&report, "ports");
    assert_eq!(found.len(), 1, "{report:#}");
    let own = format!(", process {}", std::process::id());
    assert!(
        found[0]["text"].as_str().unwrap().ends_with(&own),
        "{found:?}"
    );
    assert!(found[0]["mend"].as_str().unwrap().contains("stop it"));
}

#[test]
fn a_hub_that_was_not_restarted_after_a_change_of_its_ports_is_told() {
    let office = Office::new();
    let hub = office.serve();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let settings = office.read("postroom.toml");
    office.put(
        "postroom.toml",
        &settings.replacen("127.0.0.1:0", &free.to_string(), 1),
    );
    hub.wait_for_log("takes effect at the next start");
    let (code, report) = check(&office);
    assert_eq!(code, Some(3), "{report:#}");
    let found = bad(&report, "ports");
    assert!(
        found[0]["text"]
            .as_str()
            .unwrap()
            .contains("does not listen on"),
        "{found:?}"
    );
}

#[test]
fn looking_makes_no_store_and_leaves_nothing_behind() {
    let office = Office::new();
    let names = || {
        let found = fs::read_dir(office.path("data")).unwrap();
        found
            .map(|entry| entry.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    office.good(&["check"]);
    assert!(names().is_empty(), "{:?}", names());
}

#[test]
fn a_pc_that_has_not_polled_for_a_week_is_named_also_without_a_hub() {
    let office = Office::new();
    let mut hub = office.serve();
    send(&hub, &["anna@example.com"], "waiting");
    let mut pc = log_in(&hub, "anna");
    pc.say("QUIT", "+OK*");
    hub.stop();
    let (_, report) = check(&office);
    assert!(bad(&report, "polls").is_empty(), "{report:#}");
    let since = SystemTime::now() - WEEK - DAY;
    let millis = since.duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let database = rusqlite::Connection::open(office.path("data/postroom.db")).unwrap();
    database
        .execute(
            "UPDATE mailbox SET last_login = ?1 WHERE user = 'anna'",
            [millis],
        )
        .unwrap();
    drop(database);
    let (code, report) = check(&office);
    assert_eq!(code, Some(3), "{report:#}");
    let found = bad(&report, "polls");
    let text = found[0]["text"].as_str().unwrap();
    assert!(
        text.starts_with("anna has not polled since ") && text.ends_with("; 1 message waits"),
        "{text}"
    );
    let hub = office.serve();
    assert_eq!(check(&office).0, Some(3));
    let mut pc = log_in(&hub, "anna");
    pc.say("QUIT", "+OK*");
    assert_eq!(check(&office).0, Some(0));
}

#[test]
fn the_last_poll_is_shown_and_survives_the_end_of_the_hub() {
    let office = Office::new();
    let mut hub = office.serve();
    let last = |office: &Office| {
        let status = office.status();
        let mailboxes = status["mailboxes"].as_array().unwrap().clone();
        let anna = mailboxes
            .iter()
            .find(|found| found["user"] == "anna")
            .unwrap();
        anna["last_login"].as_i64()
    };
    assert_eq!(last(&office), None);
    let commits = || office.status()["hub"]["commits"].as_u64().unwrap();
    let before = commits();
    for _ in 0..50 {
        let mut pc = log_in(&hub, "anna");
        pc.say("QUIT", "+OK*");
    }
    // The hub's own upkeep makes a few.
    assert!(commits() - before < 10, "a poll writes nothing");
    let told = last(&office).unwrap();
    assert!(office.good(&["status"]).contains("LAST POLL"));
    hub.stop();
    assert_eq!(last(&office), Some(told));
    let _hub = office.serve();
    assert_eq!(last(&office), Some(told));
}

#[test]
fn mail_that_waits_for_a_disabled_user_is_told_and_no_poll_is_missed() {
    let office = Office::new();
    let hub = office.serve();
    office.good(&["user", "disable", "bob"]);
    send(&hub, &["bob@example.com"], "waiting");
    let (code, report) = check(&office);
    assert_eq!(code, Some(0), "{report:#}");
    let findings = report["findings"].to_string();
    assert!(
        findings.contains("bob is disabled, and 1 message waits"),
        "{findings}"
    );
    assert!(
        findings.contains("users who have never logged in: anna\""),
        "{findings}"
    );
}
