//! The hub around the polls: it is stopped, it is killed, it has two accounts,
//! it is asked twice.

use std::thread;
use std::time::{Duration, Instant};

use super::{
    add_account, any_poll, assert_delivered, assert_moved, bad_poll, five, letter, office, poll,
};
use crate::hub::{Office, at_once, eventually};
use crate::provider::{Fault, Provider};

/// Much less than any wait for a server.
const PROMPTLY: Duration = Duration::from_secs(5);

/// `postroom fetch` on its way, while the test does something else.
fn beside<T>(office: &Office, while_it_runs: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let fetching = scope.spawn(|| any_poll(office));
        let done = while_it_runs();
        fetching.join().unwrap();
        done
    })
}

#[test]
fn killed_between_commit_and_dele() {
    at_once(["\"off\"", "\"auto\""], |pipelining| {
        let provider = Provider::with([letter("bob", "late")]);
        let office = office(&provider, &[("pipelining", pipelining)]);
        let mut hub = office.serve();
        provider.fault(Fault::Holds("DELE"));
        beside_killed(&office, || {
            provider.wait_for("DELE");
            hub.kill();
            provider.mend();
        });
        eventually("the provider sees it", || provider.open() == 0);
        let hub = office.serve();
        // In a window QUIT is on its way already, and counts.
        let removed = pipelining == "\"auto\"";
        assert_eq!(provider.held(), usize::from(!removed));
        poll(&office);
        let last = provider.last();
        assert!(last.has("DELE") != removed && !last.has("RETR"), "{last:?}");
        assert_moved(&office, &hub, &provider, &[letter("bob", "late")]);
    });
}

/// The command fails as it likes when its hub dies.
fn beside_killed(office: &Office, kill: impl FnOnce()) {
    thread::scope(|scope| {
        let fetching = scope.spawn(|| office.run(&["fetch"]));
        kill();
        let done = fetching.join().unwrap();
        assert!(matches!(done.code, Some(0 | 1)), "{done:?}");
    });
}

#[test]
fn killed_at_any_command() {
    let provider = Provider::new();
    let office = office(&provider, &[("pipelining", "\"off\"")]);
    let mut sent = Vec::new();
    let moments = [
        "UIDL", "RETR 1", "RETR 3", "DELE 1", "DELE 2", "DELE 5", "QUIT",
    ];
    for (round, moment) in moments.into_iter().enumerate() {
        for user in ["anna", "bob", "anna", "bob", "anna"] {
            let octets = letter(user, &format!("k{round}-{}", sent.len()));
            provider.put(&octets);
            sent.push(octets);
        }
        let mut hub = office.serve();
        let sessions = provider.sessions();
        provider.fault(Fault::Holds(moment));
        beside_killed(&office, || {
            eventually(moment, || {
                let mailbox = provider.mailbox();
                let now = mailbox.records.iter().skip(sessions);
                now.flat_map(|record| &record.commands)
                    .any(|line| line.starts_with(moment))
            });
            hub.kill();
            provider.mend();
        });
        poll(&office);
        assert_eq!(provider.held(), 0, "{moment}");
    }
    assert_delivered(&office, &office.serve(), &sent);
}

#[test]
fn a_hub_stops_while_the_provider_stalls() {
    let whole = {
        let provider = Provider::with(five());
        let office = office(&provider, &[]);
        poll(&office);
        provider.last().answers_end
    };
    // In the greeting, at the log-in, in the listing, within a message.
    for octets in [1, whole[1] + 1, whole[4] - 4, whole[6] + 300] {
        let provider = Provider::with(five());
        let office = office(&provider, &[]);
        let mut hub = office.serve();
        provider.fault(Fault::StallAfter(octets));
        beside_killed(&office, || {
            eventually("it stalls", || {
                let records = &provider.mailbox().records;
                records.last().is_some_and(|it| it.octets_sent == octets)
            });
            let since = Instant::now();
            assert!(hub.stop().success(), "{}", hub.log());
            assert!(since.elapsed() < PROMPTLY, "{:?}", since.elapsed());
        });
        provider.mend();
        poll(&office);
        assert_moved(&office, &office.serve(), &provider, &five());
    }
}

#[test]
fn a_hub_stops_while_token_command_hangs() {
    let provider = Provider::with(five());
    let offers = "+OK\r\nSASL XOAUTH2\r\nUIDL\r\n.";
    provider.fault(Fault::Answers("CAPA", offers));
    let office = office(&provider, &[]);
    let begun = office.path("begun");
    let command = format!("\ntoken_command = \"touch {}; sleep 300\"", begun.display());
    office.edit("postroom.toml", "\npassword = \"secret\"", &command);
    let mut hub = office.serve();
    beside_killed(&office, || {
        eventually("the command runs", || begun.exists());
        let since = Instant::now();
        assert!(hub.stop().success(), "{}", hub.log());
        assert!(since.elapsed() < PROMPTLY, "{:?}", since.elapsed());
    });
    // The poll was stopped, which is nobody's fault.
    assert!(!hub.log().contains("failed"), "{}", hub.log());
}

#[test]
fn a_hub_serves_others_while_the_provider_stalls() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let mut hub = office.serve();
    provider.fault(Fault::StallAfter(5));
    beside_killed(&office, || {
        eventually("it stalls", || provider.sessions() == 1);
        crate::mail::send(&hub, &["anna@example.com"], "meanwhile");
        assert_eq!(crate::mail::collect(&hub, "anna").len(), 1);
        office.status();
        hub.stop();
    });
}

#[test]
fn a_hub_polls_by_itself_soon_after_its_start() {
    let provider = Provider::with(five());
    let office = office(&provider, &[("office_hours", ""), ("poll", "\"1 day\"")]);
    let hub = office.serve();
    eventually("all has come", || provider.held() == 0);
    assert_moved(&office, &hub, &provider, &five());
    assert_eq!(provider.sessions(), 1);
    // An account that is new comes by a reload, and has its first poll as well.
    let second = Provider::with([letter("anna", "second")]);
    let other = [
        ("name", "\"other\""),
        ("user", "\"other\""),
        ("office_hours", ""),
    ];
    add_account(&office, &second, &other);
    eventually("that has come, too", || second.held() == 0);
    assert_eq!(
        provider.sessions(),
        1,
        "the other account goes on as it was"
    );
}

#[test]
fn an_account_that_is_taken_out_while_it_stalls() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let mut hub = office.serve();
    provider.fault(Fault::StallAfter(5));
    beside(&office, || {
        eventually("it stalls", || provider.sessions() == 1);
        let text = office.read("postroom.toml");
        let (without, _) = text.rsplit_once("\n[[provider]]").unwrap();
        // Put in its place: written in place, the file would look cut off.
        office.put("postroom.toml", &format!("{without}\n"));
    });
    assert!(office.status()["providers"].as_array().unwrap().is_empty());
    let why = office.run(&["fetch"]).bad();
    assert!(why.contains("[[provider]]"), "{why}");
    assert!(hub.stop().success());
}

#[test]
fn two_accounts_at_once() {
    let first = Provider::with(five());
    let second = Provider::with([letter("anna", "other-1"), letter("bob", "other-2")]);
    let office = office(&first, &[]);
    add_account(
        &office,
        &second,
        &[("name", "\"other\""), ("user", "\"other\"")],
    );
    let hub = office.serve();
    office.good(&["fetch", "other"]);
    assert_eq!((first.sessions(), second.held()), (0, 0));
    first.fault(Fault::Answers("PASS", "-ERR [AUTH] no"));
    second.put(letter("bob", "other-3"));
    let said = bad_poll(&office);
    assert!(said.contains("main") && said.contains("other"), "{said}");
    assert_eq!((first.held(), second.held()), (5, 0));
    first.mend();
    poll(&office);
    let others = ["anna", "bob", "bob"].into_iter().zip(1..);
    let others = others.map(|(user, number)| letter(user, &format!("other-{number}")));
    let all: Vec<_> = five().into_iter().chain(others).collect();
    assert_moved(&office, &hub, &first, &all);
    let unknown = office.run(&["fetch", "third"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.err.contains("third"), "{unknown:?}");
}

#[test]
fn the_same_unique_ids_in_two_accounts() {
    let first = Provider::with(five());
    let letters = [letter("anna", "a"), letter("bob", "b")];
    let second = Provider::with(&letters);
    let office = office(&first, &[]);
    let other = [("name", "\"other\""), ("user", "\"other\"")];
    add_account(&office, &second, &other);
    poll(&office);
    let hub = office.serve();
    let all = [five(), letters.to_vec()].concat();
    assert_moved(&office, &hub, &first, &all);
    assert_eq!(second.held(), 0);
}

#[test]
fn two_who_ask_at_once() {
    let provider = Provider::with(five());
    let office = office(&provider, &[("leave_on_server", "\"7 days\"")]);
    let hub = office.serve();
    provider.fault(Fault::Holds("UIDL"));
    thread::scope(|scope| {
        let asking = [0; 3].map(|_| scope.spawn(|| poll(&office)));
        provider.wait_for("UIDL");
        thread::sleep(Duration::from_millis(200));
        assert_eq!(provider.most_open(), 1);
        provider.mend();
        for it in asking {
            it.join().unwrap();
        }
    });
    assert_eq!(provider.most_open(), 1);
    assert_eq!(provider.count("RETR"), 5);
    assert_delivered(&office, &hub, &five());
}

#[test]
fn an_account_that_is_changed_while_it_stalls() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let hub = office.serve();
    provider.fault(Fault::StallAfter(5));
    beside(&office, || {
        eventually("it stalls", || provider.sessions() == 1);
        provider.mend();
        office.edit(
            "postroom.toml",
            "\npassword = \"secret\"",
            "\npassword = \"new\"",
        );
        // The poll that stalls ends, and with it the command.
    });
    poll(&office);
    assert!(provider.last().has("PASS new"), "{:?}", provider.last());
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn status_says_how_the_provider_is() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let hub = office.serve();
    poll(&office);
    provider.fault(Fault::Answers("PASS", "-ERR [AUTH] expired"));
    bad_poll(&office);
    let status = office.status();
    let account = &status["providers"][0];
    assert_eq!(account["name"], "main", "{status:#}");
    assert!(account.to_string().contains("expired"), "{status:#}");
    let text = office.good(&["status"]);
    assert!(text.contains("main") && text.contains("expired"), "{text}");
    hub.wait_for_log("expired");
    provider.mend();
    poll(&office);
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn a_password_file_that_comes_after_the_section_that_names_it_is_taken() {
    let provider = Provider::with(five());
    let office = Office::new();
    let hub = office.serve();
    let late = [("password", ""), ("password_file", "\"late\"")];
    add_account(&office, &provider, &late);
    eventually("the file is refused", || hub.log().contains("not reloaded"));
    let said = bad_poll(&office);
    assert!(said.contains("late cannot be read"), "{said}");
    office.write("late", "secret\n");
    eventually("the account is taken", || {
        office.run(&["fetch"]).code == Some(0)
    });
    assert_moved(&office, &hub, &provider, &five());
}
