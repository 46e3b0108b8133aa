//! A name comes back under which mail waits: whose mail that is, a person says.

use crate::check::{bad, check};
use crate::hub::{Done, Hub, Office, at_once, run};
use crate::mail::{pass, send, waiting};
use crate::terminal::Terminal;

/// Takes bob out of the file, as an editor does.
fn without_bob(office: &Office) -> String {
    let directory = office.read("directory.toml");
    let (rest, _) = directory.split_once("[users.bob]").unwrap();
    rest.to_string()
}

/// An office whose bob has two messages, and has left the file.
fn bob_is_gone() -> (Office, Hub) {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "one");
    send(&hub, &["bob@example.com"], "two");
    office.put("directory.toml", &without_bob(&office));
    hub.wait_for_log("user bob is no longer in directory.toml");
    (office, hub)
}

/// `user add` of bob with a new password.
fn add(office: &Office, name: &str, flags: &[&str]) -> Done {
    let mut arguments = vec!["user", "add", name, "--password-stdin"];
    arguments.extend(flags);
    run(office.command(&arguments), b"another-secret\n")
}

/// Messages in the mailboxes of bob: open ones, and sealed ones.
fn messages(office: &Office) -> (Vec<u64>, Vec<u64>) {
    let status = office.status();
    let all = status["mailboxes"].as_array().unwrap().clone();
    let of_bob = all.into_iter().filter(|it| {
        let user = it["user"].as_str();
        user.is_some_and(|user| user.eq_ignore_ascii_case("bob"))
    });
    let (open, sealed): (Vec<_>, Vec<_>) = of_bob.partition(|it| it["sealed_at"].is_null());
    let count = |them: Vec<serde_json::Value>| {
        let counts = them.iter().map(|it| it["messages"].as_u64().unwrap());
        counts.collect()
    };
    (count(open), count(sealed))
}

#[test]
fn a_new_user_gets_no_mail_that_waits_without_a_persons_word() {
    let (office, _hub) = bob_is_gone();
    let before = office.read("directory.toml");
    let said = add(&office, "bob", &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let out = String::from_utf8(said.out).unwrap();
    assert!(out.contains("2 messages wait"), "{out}");
    for flag in ["--same-person", "--other-person"] {
        assert!(said.err.contains(flag), "{}", said.err);
    }
    assert_eq!(office.read("directory.toml"), before);
    assert_eq!(messages(&office), (vec![2], vec![]));
}

#[test]
fn the_same_person_has_the_mail_again_and_another_one_starts_empty() {
    at_once(
        [("bob", true), ("bob", false), ("BOB", true), ("BOB", false)],
        |(name, hub_runs)| {
            for (flag, waits, sealed) in
                [("--same-person", 2, vec![]), ("--other-person", 0, vec![2])]
            {
                let (office, mut hub) = bob_is_gone();
                if !hub_runs {
                    assert!(hub.stop().success());
                }
                add(&office, name, &[flag]).good();
                if !hub_runs {
                    hub = office.serve();
                }
                assert_eq!(messages(&office), (vec![waits], sealed), "{name} {flag}");
                let reply = pass(&hub, "bob", "another-secret");
                assert!(
                    reply.starts_with(&format!("+OK {waits} message")),
                    "{reply}"
                );
            }
        },
    );
}

#[test]
fn who_was_taken_out_while_no_hub_ran_is_asked_about_too() {
    let office = Office::new();
    let mut hub = office.serve();
    send(&hub, &["bob@example.com"], "one");
    assert!(hub.stop().success());
    office.put("directory.toml", &without_bob(&office));
    add(&office, "bob", &[]).bad();
    add(&office, "bob", &["--other-person"]).good();
    let _hub = office.serve();
    assert_eq!(messages(&office), (vec![0], vec![1]));
}

#[test]
fn who_has_no_mail_waiting_is_added_without_a_question() {
    let office = Office::new();
    let hub = office.serve();
    let why = add(&office, "carla", &["--same-person"]).bad();
    assert!(why.contains("no mail waits under the name carla"), "{why}");
    add(&office, "carla", &[]).good();
    add(&office, "dora", &["--other-person"]).good();
    assert!(pass(&hub, "carla", "another-secret").starts_with("+OK 0"));
    // One who is here is no question of whose the mail is.
    send(&hub, &["anna@example.com"], "hers");
    let why = add(&office, "anna", &["--other-person"]).bad();
    assert!(why.contains("there is a user anna already"), "{why}");
    assert_eq!(waiting(&hub, "anna"), 1);
}

#[test]
fn on_a_terminal_whose_the_mail_is_gets_asked() {
    for (answers, code, expected) in [
        (vec!["y"], 0, (vec![2], vec![])),
        (vec!["n", "y"], 0, (vec![0], vec![2])),
        (vec!["n", ""], 0, (vec![2], vec![])),
    ] {
        let (office, _hub) = bob_is_gone();
        let mut person = Terminal::of(&office, &["user", "add", "bob"]);
        person.sees("2 messages wait");
        for (question, answer) in ["is it the same person", "is it somebody else"]
            .iter()
            .zip(&answers)
        {
            person.answers(question, answer);
        }
        assert_eq!(person.ends(), Some(code), "{:?}", person.screen);
        let is_added = answers.contains(&"y");
        assert_eq!(person.screen.contains("the password is"), is_added);
        assert_eq!(messages(&office), expected, "{answers:?}");
    }
}

#[test]
fn a_rename_to_a_name_under_which_mail_waits_says_that_it_is_sealed() {
    let (office, _hub) = bob_is_gone();
    let said = office.good(&["user", "rename", "anna", "bob"]);
    assert!(
        said.contains("a mailbox of an earlier bob waited here (2 messages wait"),
        "{said}"
    );
    assert_eq!(messages(&office), (vec![0], vec![2]));
}

/// bob becomes robert in an editor, with the same password entry.
fn bob_is_renamed_by_hand(office: &Office) {
    office.edit("directory.toml", "[users.bob]", "[users.robert]");
}

#[test]
fn who_was_renamed_by_hand_is_found_by_the_password_entry() {
    for hub_sees_it in [true, false] {
        let office = Office::new();
        let mut hub = office.serve();
        send(&hub, &["bob@example.com"], "one");
        if hub_sees_it {
            bob_is_renamed_by_hand(&office);
            hub.wait_for_log("postroom user rename bob robert gives it to robert");
        } else {
            assert!(hub.stop().success());
            bob_is_renamed_by_hand(&office);
        }
        let (code, report) = check(&office);
        let found = bad(&report, "mail");
        assert_eq!((code, found.len()), (Some(3), 1), "{report:#}");
        let text = found[0]["text"].as_str().unwrap();
        assert!(
            text.contains("but robert with the same password entry; 1 message waits"),
            "{text}"
        );
        let mend = found[0]["mend"].as_str().unwrap();
        assert_eq!(mend, "postroom user rename bob robert gives it to robert");
        // Nobody else gets it without a word, and nothing is sealed.
        let why = add(&office, "bob", &[]).bad();
        assert!(why.contains("user rename bob robert"), "{why}");
        assert_eq!(messages(&office), (vec![1], vec![]));
        office.good(&["user", "rename", "bob", "robert"]);
        if !hub_sees_it {
            hub = office.serve();
        }
        assert!(pass(&hub, "robert", "secret-bob").starts_with("+OK 1 message"));
        assert_eq!(check(&office).0, Some(0));
    }
}

#[test]
fn the_word_of_whose_mail_it_is_holds_also_where_somebody_was_renamed_by_hand() {
    for (flag, expected) in [
        ("--same-person", (vec![1], vec![])),
        ("--other-person", (vec![0], vec![1])),
    ] {
        let office = Office::new();
        let hub = office.serve();
        send(&hub, &["bob@example.com"], "one");
        bob_is_renamed_by_hand(&office);
        hub.wait_for_log("robert has the same password entry");
        add(&office, "bob", &[flag]).good();
        assert_eq!(messages(&office), expected, "{flag}");
    }
}
