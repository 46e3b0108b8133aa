//! A system that gives no more threads.

use rustix::io::Errno;

use crate::hub::{Office, eventually, run};
use crate::interpose::{Action, Interposed, Rule, call, place};
use crate::mail::{log_in, rcpt, waiting};
use crate::names::add_account;
use crate::provider::Provider;
use crate::talk::Talk;
use crate::{faulty_hub, large, send_and_see, small};

const REFUSED: Action = Action::Fail(Errno::AGAIN.raw_os_error());

#[test]
fn threads_that_are_refused_at_the_start() {
    let office = Office::new();
    for after in [0, 1, 2, 5, 10, 20, 30] {
        let faults = Interposed::new();
        let rule = Rule::always(REFUSED, call::THREAD, place::OTHER);
        faults.order(&[Rule { after, ..rule }]);
        let mut command = office.command(&["serve"]);
        faults.preload(&mut command);
        let why = run(command, b"").bad();
        assert!(why.contains("too few threads"), "{after}: {why}");
    }
}

/// A hub that serves has all the threads that it needs.
#[test]
fn threads_that_are_refused_while_the_hub_runs() {
    let provider = Provider::with(["Subject: one\r\n\r\none\r\n"]);
    let office = Office::new();
    add_account(&office, &provider);
    let (hub, faults) = faulty_hub(&office);
    assert!(send_and_see(&hub, &small()).starts_with("250 "));
    faults.order(&[Rule::always(REFUSED, call::THREAD, place::OTHER)]);
    let directory = office.read("directory.toml");
    office.put(
        "directory.toml",
        &directory.replace("[users.bob]", "[users.bert]"),
    );
    let fetch = office.command(&["fetch"]);
    let fetched = run(fetch, b"");
    assert!(matches!(fetched.code, Some(0 | 1)), "{fetched:?}");
    for content in [small(), large()] {
        assert!(send_and_see(&hub, &content).starts_with("250 "));
    }
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("RETR 3", "+OK*");
    pop3.multi_line();
    let ca = crate::hub::ca(&office);
    Talk::connect(hub.address("pop3s"))
        .start_tls(&ca)
        .expect("+OK *");
    faults.lift();
    drop(pop3);
    eventually("the change is seen", || {
        rcpt(&hub, "bert@example.com").starts_with("250 ")
    });
    assert!(waiting(&hub, "anna") >= 3);
}
