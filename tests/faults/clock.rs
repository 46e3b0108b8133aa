//! A clock that is set forward and back by a year, while the hub runs and
//! between two runs, or that stands in 1970.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::hub::{Hub, Office, ca};
use crate::interpose::{Interposed, YEAR};
use crate::mail::{behind_trace, collect, greet, rcpt, send, unique_ids, waiting};
use crate::talk::Talk;
use crate::{faulty_hub, small, told, told_once};

const AHEAD: i64 = YEAR.as_secs() as i64;
const JUMPS: [i64; 4] = [AHEAD, 0, -AHEAD, 0];

/// So many seconds ahead from the start on.
fn hub_ahead(office: &Office, faults: &Interposed, seconds: i64) -> Hub {
    faults.set_clock_ahead(seconds);
    let mut command = office.command(&["serve"]);
    faults.preload(&mut command);
    office.serve_by(command)
}

/// Behind today by so much that it is 1970, a minute after its beginning.
fn in_1970() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    60 - now.as_secs() as i64
}

fn is_trusted(hub: &Hub, office: &Office) -> bool {
    Talk::connect(hub.address("pop3s"))
        .try_tls(&ca(office))
        .is_ok()
}

#[test]
fn clock_that_jumps_between_two_runs_ends_nothing_early() {
    let office = Office::new();
    let mut hub = office.serve();
    send(&hub, &["anna@example.com"], "collected");
    assert_eq!(collect(&hub, "anna").len(), 1);
    send(&hub, &["bob@example.com"], "waits");
    let directory = office.read("directory.toml");
    let (above, bob) = directory.split_once("[users.bob]").unwrap();
    let (_, below) = bob.split_once("\n[aliases]").unwrap();
    office.put("directory.toml", &format!("{above}\n[aliases]{below}"));
    hub.wait_for_log("address bob@example.com has gone");
    assert!(hub.stop().success());
    let faults = Interposed::new();
    for seconds in JUMPS {
        let mut hub = hub_ahead(&office, &faults, seconds);
        assert!(
            rcpt(&hub, "bob@example.com").starts_with("450 4.2.1 "),
            "{seconds}"
        );
        let listed = office.good(&["mail", "list", "anna"]);
        assert!(listed.contains("collected"), "{seconds}: {listed}");
        assert_eq!(told(&hub, "swept"), 0);
        assert!(hub.stop().success());
    }
    office.put("directory.toml", &directory);
    let hub = office.serve();
    assert_eq!(waiting(&hub, "bob"), 1);
    let said = office.good(&["mail", "restore", "anna", "--since", "3 days"]);
    assert!(said.starts_with("1 message is back"), "{said}");
}

#[test]
fn clock_that_jumps_while_the_hub_runs() {
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    let directory = office.read("directory.toml");
    let more = directory.replace("[users.bob]\n", "[users.bob]\naddresses = [\"robert\"]\n");
    office.put("directory.toml", &more);
    hub.wait_for_log("[INFO] reloaded ");
    office.put("directory.toml", &directory);
    hub.wait_for_log("address robert@example.com has gone");
    let mut early = hub.smtp();
    greet(&mut early);
    let mut ids = Vec::new();
    for seconds in JUMPS {
        faults.set_clock_ahead(seconds);
        ids.push(send(&hub, &["anna@example.com"], "jumped"));
        let gone = rcpt(&hub, "robert@example.com");
        assert!(gone.starts_with("450 4.2.1 "), "{seconds}: {gone}");
        // Sessions neither end early nor stay for a year.
        early.say("NOOP", "250 *");
    }
    let mut sorted = ids.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), ids.len(), "an id names one message");
    assert_eq!(unique_ids(&hub, "anna").len(), JUMPS.len());
    assert_eq!(collect(&hub, "anna").len(), JUMPS.len());
}

#[test]
fn own_certificate_when_the_clock_jumps() {
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    assert!(is_trusted(&hub, &office));
    // By then it has expired, and is renewed; what is made then is of no use now.
    for (seconds, renewals) in [(2 * AHEAD, 1), (0, 2)] {
        faults.set_clock_ahead(seconds);
        crate::hub::eventually("it is renewed", || {
            told(&hub, "the server certificate is renewed by the office's CA") == renewals
        });
    }
    assert!(is_trusted(&hub, &office));
    // A clock that stands before the office itself makes nothing.
    faults.set_clock_ahead(in_1970());
    hub.wait_for_log("this certificate is not valid yet; set the clock");
    faults.set_clock_ahead(0);
    assert!(is_trusted(&hub, &office));
    assert_eq!(told(&hub, "renewed by the office's CA"), 2);
    told_once(&hub, "this certificate is not valid yet");
}

#[test]
fn clock_that_stands_in_1970_at_the_start() {
    let office = Office::new();
    let mut first = office.serve();
    let before = send(&first, &["anna@example.com"], "today");
    assert!(first.stop().success());
    let faults = Interposed::new();
    let hub = hub_ahead(&office, &faults, in_1970());
    assert!(hub.log().contains("1970-01-01T00:01"));
    told_once(
        &hub,
        "this certificate is not valid yet; set the clock of this machine",
    );
    let then = send(&hub, &["anna@example.com"], "in 1970");
    faults.set_clock_ahead(0);
    let after = send(&hub, &["anna@example.com"], "today again");
    assert!(before < then && then < after, "{before} {then} {after}");
    let messages = collect(&hub, "anna");
    assert_eq!(messages.len(), 3);
    let text = String::from_utf8(messages[1].clone()).unwrap();
    assert!(text.contains(", 01 Jan 1970 00:0"), "{text}");
    assert_ne!(behind_trace(&messages[0]), small());
    assert!(is_trusted(&hub, &office));
}
