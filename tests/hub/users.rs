//! Users come, change their names and go; a mailbox belongs to a person.

use crate::hub::{Office, at_once, run};
use crate::mail::{log_in, pass, rcpt, send, unique_ids, waiting};

/// The mailboxes of a name in `status --json`: messages, and whether sealed.
fn mailboxes(office: &Office, user: &str) -> Vec<(u64, bool)> {
    let status = office.status();
    let all = status["mailboxes"].as_array().unwrap();
    let of_user = all.iter().filter(|mailbox| mailbox["user"] == user);
    of_user
        .map(|mailbox| {
            let messages = mailbox["messages"].as_u64().unwrap();
            (messages, !mailbox["sealed_at"].is_null())
        })
        .collect()
}

#[test]
fn a_renamed_user_keeps_the_mailbox() {
    // The name as it stands in the file, and as a person types it.
    at_once(
        [("bob", true), ("bob", false), ("BOB", true), ("BOB", false)],
        |(old, hub_runs)| {
            let office = Office::new();
            let mut hub = office.serve();
            send(&hub, &["bob@example.com"], "before");
            let before = unique_ids(&hub, "bob");
            if !hub_runs {
                assert!(hub.stop().success());
            }
            office.good(&["user", "rename", old, "robert"]);
            if !hub_runs {
                hub = office.serve();
            }
            assert_eq!(mailboxes(&office, "robert"), [(1, false)], "{old}");
            assert_eq!(mailboxes(&office, "bob"), []);
            let reply = pass(&hub, "robert", "secret-bob");
            assert!(reply.starts_with("+OK 1 message"), "{reply}");
            assert!(pass(&hub, "bob", "secret-bob").starts_with("-ERR [AUTH]"));
            assert!(rcpt(&hub, "bob@example.com").starts_with("450 4.2.1 "));
            send(&hub, &["robert@example.com"], "after");
            let mut pop3 = hub.pop3();
            pop3.expect("+OK *");
            pop3.say("USER robert", "+OK*");
            pop3.say("PASS secret-bob", "+OK 2 messages*");
            pop3.say("UIDL 1", &format!("+OK 1 {}", before[0]));
        },
    );
}

#[test]
fn a_session_of_a_renamed_user_ends_without_update() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "stays");
    let mut pop3 = log_in(&hub, "bob");
    pop3.say("DELE 1", "+OK*");
    office.good(&["user", "rename", "bob", "robert"]);
    pop3.expect_close();
    assert_eq!(mailboxes(&office, "robert"), [(1, false)]);
}

#[test]
fn a_removed_users_mailbox_is_sealed_and_a_new_one_of_that_name_is_empty() {
    at_once(
        [("bob", true), ("bob", false), ("BOB", true), ("BOB", false)],
        |(name, hub_runs)| {
            let office = Office::new();
            let mut hub = office.serve();
            let id = send(&hub, &["bob@example.com"], "private");
            if !hub_runs {
                assert!(hub.stop().success());
            }
            let said = office.good(&["user", "remove", name]);
            assert!(said.contains("is sealed"), "{said}");
            assert_eq!(mailboxes(&office, "bob"), [(1, true)], "{name}");
            let status = office.good(&["status"]);
            assert!(status.contains("sealed, the user was removed"), "{status}");
            office.add_user("bob");
            if !hub_runs {
                hub = office.serve();
            }
            let mut now = mailboxes(&office, "bob");
            now.sort();
            assert_eq!(now, [(0, false), (1, true)]);
            assert_eq!(waiting(&hub, "bob"), 0);
            let listed = office.good(&["mail", "list", "bob"]);
            assert!(
                listed.contains(&id) && listed.contains("sealed"),
                "{listed}"
            );
            // Nothing is thrown away: a person may give it to whom it is due.
            office.good(&["unclaimed", "give", &id, "anna"]);
            assert_eq!(waiting(&hub, "anna"), 1);
        },
    );
}

#[test]
fn removal_of_a_user_who_was_taken_out_of_the_file_by_hand() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "private");
    let directory = office.read("directory.toml");
    let (without_bob, _) = directory.split_once("[users.bob]").unwrap();
    office.put("directory.toml", without_bob);
    // The log says which command ends it.
    hub.wait_for_log("postroom user remove bob");
    office.good(&["user", "remove", "BOB"]);
    assert_eq!(mailboxes(&office, "bob"), [(1, true)]);
    let why = office.run(&["user", "remove", "bob"]).bad();
    assert!(why.contains("there is no user bob"), "{why}");
}

#[test]
fn rename_to_somebody_else_of_a_user_who_is_gone() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "private");
    office.edit("directory.toml", "[users.bob]", "[users.robert]");
    hub.wait_for_log("user bob is no longer in directory.toml");
    let why = office.run(&["user", "rename", "bob", "anna"]).bad();
    assert!(why.contains("there is no user bob"), "{why}");
    assert_eq!(
        mailboxes(&office, "bob"),
        [(1, false)],
        "anna has no part in it"
    );
    office.good(&["user", "rename", "BOB", "robert"]);
    assert_eq!(mailboxes(&office, "robert"), [(1, false)]);
    assert_eq!(mailboxes(&office, "bob"), []);
}

#[test]
fn a_session_of_a_removed_user_ends() {
    let office = Office::new();
    let hub = office.serve();
    let mut pop3 = log_in(&hub, "bob");
    office.good(&["user", "remove", "bob"]);
    pop3.expect_close();
    assert!(pass(&hub, "bob", "secret-bob").starts_with("-ERR [AUTH]"));
}

#[test]
fn a_command_holds_when_it_has_ended() {
    let office = Office::new();
    let hub = office.serve();
    office.add_user("carla");
    assert_eq!(waiting(&hub, "carla"), 0);
    office.good(&["alias", "set", "sales", "carla", "bob"]);
    send(&hub, &["sales@example.com"], "for both");
    assert_eq!((waiting(&hub, "carla"), waiting(&hub, "bob")), (1, 1));
    let passwd = office.command(&["user", "passwd", "carla", "--password-stdin"]);
    run(passwd, b"other\n").good();
    assert!(pass(&hub, "carla", "secret-carla").starts_with("-ERR [AUTH]"));
    assert!(pass(&hub, "carla", "other").starts_with("+OK 1 message"));
    let list = office.good(&["alias", "list"]);
    assert!(list.contains("carla, bob"), "{list}");
}

#[test]
fn log_in_is_by_name_or_by_any_address() {
    let office = Office::new();
    office.edit(
        "directory.toml",
        "[users.bob]\n",
        "[users.bob]\naddresses = [\"bob.miller\", \"office@example.com\"]\n",
    );
    let hub = office.serve();
    for name in [
        "bob",
        "BOB",
        "bob@example.com",
        "Bob.Miller@Example.com",
        "office@example.com",
    ] {
        let reply = pass(&hub, name, "secret-bob");
        assert!(reply.starts_with("+OK 0 messages"), "{name}: {reply}");
    }
}

#[test]
fn status_shows_what_an_administrator_wants_to_know() {
    let office = Office::new();
    let mut hub = office.serve();
    send(&hub, &["anna@example.com"], "waits");
    let mut pop3 = log_in(&hub, "anna");
    let status = office.status();
    let running = &status["hub"];
    assert_eq!(running["hostname"], "post.example.com");
    let listeners = running["listeners"].as_array().unwrap();
    let names: Vec<_> = listeners
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["smtp", "smtps", "pop3", "pop3s"]);
    let session = &running["sessions"][0];
    assert_eq!(
        (&session["protocol"], &session["user"]),
        (&"pop3".into(), &"anna".into())
    );
    assert!(running["memory_octets"].as_u64().unwrap() > 1_000_000);
    assert!(running["certificate"]["days_left"].as_i64().unwrap() > 300);
    assert_eq!(running["recent_errors"].as_array().unwrap().len(), 0);
    assert!(status["disk"]["free"].as_u64().unwrap() > 0);
    assert_eq!(status["disk"]["short"], false);
    assert_eq!(mailboxes(&office, "anna"), [(1, false)]);
    let text = office.good(&["status"]);
    for expected in [
        "listening   127.0.0.1:",
        "sessions    1",
        "pop3 127.0.0.1 anna since",
        "(unclaimed)",
        "disk        ",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    pop3.say("QUIT", "+OK*");
    drop(pop3);
    assert!(hub.stop().success());
    let status = office.status();
    assert!(status["hub"].is_null());
    assert_eq!(mailboxes(&office, "anna"), [(1, false)]);
    assert!(office.good(&["status"]).contains(": no hub runs"));
}

#[test]
fn a_rename_that_the_running_hub_cannot_take_in_says_so() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "before");
    // A certificate is no part of the directory, but of what the hub reloads.
    office.put("tls/cert.pem", "rubbish");
    let said = office.run(&["user", "rename", "bob", "robert"]).bad();
    assert!(said.contains("cannot read its files"), "{said}");
    assert!(said.contains("cert.pem"), "{said}");
    assert_eq!(mailboxes(&office, "robert"), [(1, false)]);
}

#[test]
fn a_disabled_user_cannot_collect_and_loses_no_mail() {
    let office = Office::new();
    let hub = office.serve();
    let mut pop3 = log_in(&hub, "bob");
    let said = office.good(&["user", "disable", "BOB"]);
    assert!(said.contains("postroom user enable bob"), "{said}");
    // Whoever is logged in with a stolen password is not any more.
    pop3.expect_close();
    let refused = pass(&hub, "bob", "secret-bob");
    assert!(
        refused.starts_with("-ERR [AUTH] this account is disabled"),
        "{refused}"
    );
    // Who does not know the password learns nothing of it.
    let wrong = pass(&hub, "bob", "something else");
    assert!(wrong.starts_with("-ERR [AUTH] wrong user name"), "{wrong}");
    send(&hub, &["bob@example.com"], "meanwhile");
    let listed = office.good(&["user", "list"]);
    let bob = listed.lines().find(|line| line.starts_with("bob"));
    assert!(bob.is_some_and(|bob| bob.ends_with("disabled")), "{listed}");
    office.good(&["user", "enable", "bob"]);
    assert_eq!(waiting(&hub, "bob"), 1);
    assert!(!office.read("directory.toml").contains("\ndisabled"));
}

#[test]
fn what_a_removed_user_left_stays_until_it_is_erased() {
    at_once([true, false], |hub_runs| {
        let office = Office::new();
        let mut hub = office.serve();
        send(&hub, &["bob@example.com"], "of bob alone");
        send(&hub, &["bob@example.com", "anna@example.com"], "of both");
        if !hub_runs {
            assert!(hub.stop().success());
        }
        let why = office.run(&["user", "erase", "bob", "--yes"]).bad();
        assert!(why.contains("no removed user bob"), "{why}");
        let said = office.good(&["user", "remove", "bob"]);
        assert!(said.contains("2 messages"), "{said}");
        assert!(said.contains("postroom user erase bob"), "{said}");
        // Nobody is asked here, so nothing is erased without being told to.
        let why = office.run(&["user", "erase", "bob"]).bad();
        assert!(why.contains("add --yes"), "{why}");
        assert_eq!(mailboxes(&office, "bob"), [(2, true)]);
        let said = office.good(&["user", "erase", "bob", "--yes"]);
        assert!(said.contains("2 messages, 1 of which"), "{said}");
        assert_eq!(mailboxes(&office, "bob"), []);
        if !hub_runs {
            hub = office.serve();
        }
        assert_eq!(waiting(&hub, "anna"), 1);
    });
}

#[test]
fn a_rename_says_that_the_mail_program_must_be_told() {
    let office = Office::new();
    let said = office.good(&["user", "rename", "bob", "robert"]);
    assert!(
        said.contains("is now robert, and so the user name is for the mail program"),
        "{said}"
    );
    assert!(
        said.contains("Mail for bob is refused after an hour"),
        "{said}"
    );
}

#[test]
fn a_rename_to_other_capitals_says_that_nothing_changes_for_mail_and_log_in() {
    let office = Office::new();
    let said = office.good(&["user", "rename", "bob", "Bob"]);
    assert!(said.contains("capitals make no difference"), "{said}");
    assert!(!said.contains("refused"), "{said}");
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "comes");
    assert_eq!(waiting(&hub, "bob"), 1);
}

#[test]
fn a_blank_password_is_refused_and_a_weak_one_is_warned_of() {
    let office = Office::new();
    let set = |name: &str, password: &str| {
        let command = office.command(&["user", "passwd", name, "--password-stdin"]);
        run(command, format!("{password}\n").as_bytes())
    };
    let before = office.read("directory.toml");
    for blank in ["", "   ", "\t"] {
        set("bob", blank).bad();
        let add = office.command(&["user", "add", "carla", "--password-stdin"]);
        run(add, format!("{blank}\n").as_bytes()).bad();
    }
    assert_eq!(office.read("directory.toml"), before);
    for (weak, reason) in [
        ("kurz", "fewer than 8 characters"),
        ("BOB", "the user's own name"),
    ] {
        let done = set("bob", weak);
        assert!(done.err.contains(reason), "{done:?}");
        assert!(done.err.contains("postroom user passwd bob"), "{done:?}");
        done.good();
    }
    let done = set("bob", "long-enough");
    assert_eq!(done.err, "", "{done:?}");
}
