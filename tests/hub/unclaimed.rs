//! Mail that is nobody's: `unknown_user` in its three forms, and what a person
//! does with the unclaimed.

use crate::hub::{Office, at_once, eventually};
use crate::mail::{behind_trace, collect, message, rcpt, send, waiting};

fn office_with(unknown_user: &str) -> Office {
    let office = Office::new();
    office.set("routing", &format!("unknown_user = \"{unknown_user}\""));
    office
}

/// The ids in a list, in its order.
fn listed(office: &Office) -> Vec<String> {
    let list = office.good(&["unclaimed", "list"]);
    let lines = list.lines().skip(1);
    let ids = lines.filter_map(|line| line.split(' ').next());
    ids.map(str::to_string).collect()
}

#[test]
fn unclaimed_mail_is_listed_shown_given_and_deleted() {
    at_once([true, false], |hub_runs| {
        let office = office_with("unclaimed");
        let mut hub = office.serve();
        let given = send(&hub, &["ana@example.com"], "a slip of the pen");
        let deleted = send(&hub, &["nobody@example.com"], "deleted");
        let old = send(&hub, &["nobody@example.com"], "deleted by age");
        if !hub_runs {
            assert!(hub.stop().success());
        }
        assert_eq!(listed(&office), [&given, &deleted, &old].map(String::clone));
        let shown = office.octets(&["unclaimed", "show", &given]);
        assert_eq!(
            behind_trace(&shown),
            message("a slip of the pen").as_bytes()
        );

        let why = office.run(&["unclaimed", "give", &given, "zoe"]).bad();
        assert_eq!(why, "postroom: directory.toml has no user zoe");
        // Not to Anna, the postmaster, who is told of unclaimed mail as well.
        office.good(&["unclaimed", "give", &given, "bob"]);
        office.run(&["unclaimed", "give", &given, "bob"]).bad();
        let story = office.good(&["why", &given]);
        assert!(
            story.contains("mailbox     bob") && story.contains("given by hand"),
            "{story}"
        );

        office.good(&["unclaimed", "delete", &deleted]);
        office.run(&["unclaimed", "delete", &deleted]).bad();
        office.good(&["unclaimed", "delete", "--older", "1"]);
        assert_eq!(listed(&office), [old]);
        // Ages count in seconds.
        eventually("all is older than now", || {
            office.good(&["unclaimed", "delete", "--older", "0"]);
            office.good(&["unclaimed", "list"]) == "no mail\n"
        });
        if !hub_runs {
            hub = office.serve();
        }
        let collected = collect(&hub, "bob");
        assert_eq!(collected.len(), 1);
        assert_eq!(
            behind_trace(&collected[0]),
            message("a slip of the pen").as_bytes()
        );
    });
}

#[test]
fn only_unclaimed_mail_can_be_given_or_deleted_as_such() {
    let office = office_with("unclaimed");
    let hub = office.serve();
    let bobs = send(&hub, &["bob@example.com"], "for bob");
    let why = office.run(&["unclaimed", "give", &bobs, "anna"]).bad();
    assert!(why.contains("neither unclaimed nor"), "{why}");
    office.run(&["unclaimed", "delete", &bobs]).bad();
    assert_eq!((waiting(&hub, "anna"), waiting(&hub, "bob")), (0, 1));
}

#[test]
fn a_catch_all_takes_all_but_the_exceptions() {
    let office = office_with("bob");
    office.set("routing", "reject = [\"info\", \"old@example.com\"]");
    let hub = office.serve();
    send(&hub, &["whoever@example.com"], "caught");
    assert_eq!(waiting(&hub, "bob"), 1);
    for closed in [
        "info@example.com",
        "INFO@Example.COM",
        "old@example.com",
        "info+x@example.com",
    ] {
        let reply = rcpt(&hub, closed);
        assert!(reply.starts_with("550 5.2.1 "), "{closed}: {reply}");
    }
    assert!(rcpt(&hub, "whoever@elsewhere.example").starts_with("550 5.7.1 "));
    let why = office.run(&["user", "remove", "bob"]).bad();
    assert!(why.contains("bob"), "{why}");
}

#[test]
fn postmaster_is_always_there_in_any_form() {
    let office = Office::new();
    let hub = office.serve();
    let forms = [
        "postmaster",
        "PostMaster",
        "postmaster@example.com",
        "POSTMASTER@Example.Com",
    ];
    for form in forms {
        send(&hub, &[form], form);
    }
    assert_eq!(waiting(&hub, "anna"), forms.len());
    drop(hub);
    // Nobody is postmaster: that mail is unclaimed, never refused.
    office.good(&["alias", "remove", "postmaster"]);
    let hub = office.serve();
    for form in forms {
        send(&hub, &[form], form);
    }
    assert_eq!(waiting(&hub, "anna"), forms.len());
    assert_eq!(listed(&office).len(), forms.len());
}

#[test]
fn no_spelling_makes_it_an_open_relay() {
    at_once(["reject", "unclaimed", "bob"], |unknown_user| {
        let office = office_with(unknown_user);
        office.be_in_the_world();
        let hub = office.serve();
        for foreign in [
            "x@elsewhere.example",
            "@example.com:x@elsewhere.example",
            "x@[192.0.2.1]",
            "x@[127.0.0.1]",
            "x@sub.example.com",
            "x@example.com.elsewhere.example",
            "x@example.org",
        ] {
            let reply = rcpt(&hub, foreign);
            assert!(
                reply.starts_with("550 5.7.1 this hub only receives"),
                "{foreign}: {reply}"
            );
        }
        for ours in [
            "x%elsewhere.example@example.com",
            "elsewhere.example!x@example.com",
            "\"x@elsewhere.example\"@example.com",
        ] {
            let reply = rcpt(&hub, ours);
            let refused = reply.starts_with("550 5.1.1 ");
            assert_eq!(refused, unknown_user == "reject", "{ours}: {reply}");
        }
    });
}
