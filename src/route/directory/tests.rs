//! The cases of routing, as tables.

use super::*;
use crate::route::{OwnAddress, StoredPassword};

/// A file in short: `user: address address`, `alias > target target`.
fn entries(domains: &[&str], lines: &[&str]) -> Entries {
    let mut entries = Entries {
        domains: domains.iter().map(|d| Domain::parse(d).unwrap()).collect(),
        ..Entries::default()
    };
    for line in lines {
        let words = |text: &str| {
            text.split_whitespace()
                .map(String::from)
                .collect::<Vec<_>>()
        };
        if let Some((name, targets)) = line.split_once('>') {
            entries.aliases.push(Alias {
                name: name.trim().to_string(),
                targets: words(targets),
            });
            continue;
        }
        let (name, addresses) = line.split_once(':').unwrap_or((line, ""));
        let addresses = words(addresses).into_iter();
        entries.users.push(User {
            access: Default::default(),
            name: name.to_string(),
            password: StoredPassword::new("$argon2id$"),
            addresses: addresses.map(|a| OwnAddress::parse(&a).unwrap()).collect(),
        });
    }
    entries
}

fn directory(lines: &[&str]) -> Directory {
    Directory::new(entries(&["example.com", "bücher.example"], lines)).unwrap()
}

fn recipient(text: &str) -> Recipient {
    match text {
        "postmaster" => Recipient::Postmaster,
        text => Recipient::Address(Address::parse(text).unwrap()),
    }
}

/// A route in one line: `anna (user anna), bob (alias sales)`.
fn show(route: &Route) -> String {
    match route {
        Route::Deliver(targets) => {
            let one = |target: &Target| format!("{} ({})", target.user, target.why);
            targets.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Route::Unclaimed { why } => format!("unclaimed: {why}"),
        Route::Refused(refusal) => format!("{refusal:?}"),
    }
}

fn check(directory: &Directory, cases: &[(&str, &str)]) {
    for (address, expected) in cases {
        let route = directory.route(&recipient(address), Duration::ZERO);
        assert_eq!(show(&route), *expected, "{address}");
    }
}

const OFFICE: [&str; 7] = [
    "anna: anna.smith info@example.com",
    "Bob",
    "carl: info@bücher.example",
    "sales > anna Bob",
    "team > sales carl",
    "all > TEAM sales anna",
    "postmaster > anna",
];

#[test]
fn no_spelling_makes_the_hub_a_relay() {
    check(
        &directory(&OFFICE),
        &[
            ("anna@elsewhere.example", "NotOurs"),
            ("postmaster@elsewhere.example", "NotOurs"),
            ("anna@sub.example.com", "NotOurs"),
            ("anna@[127.0.0.1]", "NotOurs"),
            ("postmaster@[127.0.0.1]", "NotOurs"),
            ("anna%elsewhere.example@example.com", "UnknownUser"),
            ("elsewhere.example!anna@example.com", "UnknownUser"),
            ("\"anna@elsewhere.example\"@example.com", "UnknownUser"),
            ("\"anna \"@example.com", "UnknownUser"),
            ("anna-x@example.com", "UnknownUser"),
            ("+anna@example.com", "UnknownUser"),
            ("nobody@example.com", "UnknownUser"),
        ],
    );
}

#[test]
fn an_address_leads_to_its_users_with_the_reason() {
    check(
        &directory(&OFFICE),
        &[
            ("anna@example.com", "anna (user anna)"),
            ("ANNA@EXAMPLE.COM", "anna (user anna)"),
            ("Anna+shop+x@example.com", "anna (user anna)"),
            ("\"anna\"@example.com", "anna (user anna)"),
            ("anna@bücher.example", "anna (user anna)"),
            ("anna@XN--BCHER-KVA.example", "anna (user anna)"),
            ("bob@example.com", "Bob (user Bob)"),
            (
                "Anna.Smith@example.com",
                "anna (address anna.smith of anna)",
            ),
            (
                "info@example.com",
                "anna (address info@example.com of anna)",
            ),
            (
                "info@xn--bcher-kva.example",
                "carl (address info@bücher.example of carl)",
            ),
            ("sales@example.com", "anna (alias sales), Bob (alias sales)"),
            (
                "Sales+2026@example.com",
                "anna (alias sales), Bob (alias sales)",
            ),
            (
                "team@example.com",
                "carl (alias team), anna (alias team via sales), Bob (alias team via sales)",
            ),
            (
                "all@example.com",
                "anna (alias all; alias all via sales), carl (alias all via team), \
                 Bob (alias all via sales)",
            ),
        ],
    );
}

#[test]
fn postmaster_is_always_there() {
    let forms = [
        "postmaster",
        "PostMaster@example.com",
        "postmaster+x@bücher.example",
    ];
    let to_alias = directory(&OFFICE);
    let to_user = directory(&["postmaster", "anna"]);
    let to_address = directory(&["anna: postmaster"]);
    let to_nobody = directory(&["anna"]);
    for form in forms {
        check(&to_alias, &[(form, "anna (alias postmaster)")]);
        check(&to_user, &[(form, "postmaster (user postmaster)")]);
        check(&to_address, &[(form, "anna (address postmaster of anna)")]);
        let unclaimed = "unclaimed: postmaster, for whom there is no user and no alias";
        check(&to_nobody, &[(form, unclaimed)]);
    }
    let bound = directory(&["anna: postmaster@example.com"]);
    check(
        &bound,
        &[(
            "postmaster",
            "anna (address postmaster@example.com of anna)",
        )],
    );
}

#[test]
fn what_is_nobodys_follows_the_policy() {
    let mut entries = entries(&["example.com", "two.example"], &["anna: info@example.com"]);
    entries.unknown_user = UnknownUser::Unclaimed;
    let unclaimed = Directory::new(entries.clone()).unwrap();
    check(
        &unclaimed,
        &[
            ("x@example.com", "unclaimed: unknown address x@example.com"),
            ("x@elsewhere.example", "NotOurs"),
            (
                "info@two.example",
                "unclaimed: unknown address info@two.example",
            ),
        ],
    );
    entries.unknown_user = UnknownUser::CatchAll("Anna".to_string());
    entries.reject = ["spam", "old@two.example", "info", "anna@two.example"]
        .map(|text| OwnAddress::parse(text).unwrap())
        .to_vec();
    let catch_all = Directory::new(entries).unwrap();
    check(
        &catch_all,
        &[
            ("x@example.com", "anna (catch-all anna)"),
            (
                "anna%elsewhere.example@example.com",
                "anna (catch-all anna)",
            ),
            ("x@elsewhere.example", "NotOurs"),
            ("spam@example.com", "Rejected"),
            ("Spam+x@two.example", "Rejected"),
            ("spam@elsewhere.example", "NotOurs"),
            ("old@two.example", "Rejected"),
            ("old@example.com", "anna (catch-all anna)"),
            (
                "info@example.com",
                "anna (address info@example.com of anna)",
            ),
            ("info@two.example", "Rejected"),
            ("anna@two.example", "Rejected"),
            ("anna@example.com", "anna (user anna)"),
            (
                "postmaster",
                "unclaimed: postmaster, for whom there is no user and no alias",
            ),
        ],
    );
}

#[test]
fn an_address_that_has_just_gone_is_not_refused_for_good() {
    let gone = Duration::from_secs(1_000_000);
    let departed = ["dora@example.com", "anna@example.com", "dora@left.example"];
    let departed = departed.map(|address| (address.to_string(), gone));
    let all = entries(&["example.com"], &["anna"]);
    let directory = Directory::new(all.clone())
        .unwrap()
        .with_departed(departed.clone());
    let hour = Duration::from_secs(3600);
    let second = Duration::from_secs(1);
    for (address, now, expected) in [
        ("Dora+x@example.com", gone, "RecentlyGone"),
        ("dora@example.com", gone + hour - second, "RecentlyGone"),
        ("dora@example.com", gone + hour, "UnknownUser"),
        ("dora@example.com", gone - second, "RecentlyGone"),
        ("dora@left.example", gone, "RecentlyGone"),
        ("dora@left.example", gone + hour, "NotOurs"),
        ("dora@other.example", gone, "NotOurs"),
        ("erik@example.com", gone, "UnknownUser"),
        ("anna@example.com", gone, "anna (user anna)"),
    ] {
        let route = directory.route(&recipient(address), now);
        assert_eq!(show(&route), expected, "{address} at {now:?}");
    }
    let policies = [
        UnknownUser::Unclaimed,
        UnknownUser::CatchAll("anna".to_string()),
    ];
    for unknown_user in policies {
        let entries = Entries {
            unknown_user,
            ..all.clone()
        };
        let directory = Directory::new(entries)
            .unwrap()
            .with_departed(departed.clone());
        let route = directory.route(&recipient("dora@example.com"), gone);
        assert!(
            !matches!(route, Route::Refused(_)),
            "kept, so there is no need to wait"
        );
    }
}

#[test]
fn people_log_in_by_name_or_address_and_aliases_do_not() {
    let directory = directory(&OFFICE);
    for (name, expected) in [
        ("", None),
        ("@", None),
        ("sales", None),
        ("sales@example.com", None),
        ("postmaster", None),
        ("anna@elsewhere.example", None),
        ("info", None),
        ("anna smith", None),
        ("anna", Some("anna")),
        ("ANNA", Some("anna")),
        ("bob", Some("Bob")),
        ("anna@example.com", Some("anna")),
        ("anna@bücher.example", Some("anna")),
        ("anna.smith", Some("anna")),
        ("Anna.Smith@xn--bcher-kva.example", Some("anna")),
        ("info@example.com", Some("anna")),
        ("info@bücher.example", Some("carl")),
    ] {
        let user = directory.login(name).map(|user| user.name.as_str());
        assert_eq!(user, expected, "{name:?}");
    }
}

#[test]
fn all_addresses_are_whole() {
    let mut entries = entries(
        &["example.com", "two.example"],
        &["Anna: info@two.example", "sales > anna"],
    );
    entries.reject = vec![OwnAddress::parse("sales@two.example").unwrap()];
    assert_eq!(
        Directory::new(entries).unwrap().all_addresses(),
        [
            "anna@example.com",
            "anna@two.example",
            "info@two.example",
            "sales@example.com"
        ]
    );
}

fn fault(lines: &[&str]) -> (Place, String) {
    let error = Directory::new(entries(&["example.com", "two.example"], lines)).unwrap_err();
    (error.place.clone(), error.to_string())
}

#[test]
fn an_address_has_one_holder() {
    let one_holder = "an address belongs to one user or one alias; for several users make an alias";
    for (lines, place, clash) in [
        (
            ["anna", "ANNA"],
            Place::User(1),
            "user ANNA clashes with user anna",
        ),
        (
            ["anna: bob", "bob"],
            Place::User(1),
            "user bob clashes with address bob of anna",
        ),
        (
            ["anna", "Anna > anna"],
            Place::Alias(0),
            "alias Anna clashes with user anna",
        ),
        (
            ["anna: sales", "sales > anna"],
            Place::Alias(0),
            "alias sales clashes with address sales of anna",
        ),
        (
            ["anna: info", "bob: Info@example.com"],
            Place::UserAddress {
                user: 1,
                address: 0,
            },
            "address Info@example.com of bob clashes with address info of anna",
        ),
        (
            ["anna: info@example.com", "bob: x info"],
            Place::UserAddress {
                user: 1,
                address: 1,
            },
            "address info of bob clashes with address info@example.com of anna",
        ),
    ] {
        assert_eq!(fault(&lines), (place, format!("{clash}: {one_holder}")));
    }
    let own = [
        "anna: Anna info info@example.com INFO anna@example.com",
        "bob: info2@example.com",
    ];
    Directory::new(entries(&["example.com"], &own)).unwrap();
    let apart = ["anna: info@example.com", "bob: info@two.example"];
    Directory::new(entries(&["example.com", "two.example"], &apart)).unwrap();
}

#[test]
fn aliases_lead_to_somebody() {
    for (lines, place, message) in [
        (
            ["anna", "sales >", "x > anna"],
            Place::Alias(0),
            "alias sales has no targets; name a user or an alias, or remove it",
        ),
        (
            ["anna: a.smith", "sales > anna dora", "x > anna"],
            Place::AliasTarget {
                alias: 0,
                target: 1,
            },
            "alias sales: there is no user and no alias \"dora\"",
        ),
        (
            ["anna: a.smith", "sales > anna", "x > A.Smith"],
            Place::AliasTarget {
                alias: 1,
                target: 0,
            },
            "alias x: there is no user and no alias \"A.Smith\"; it is an address of anna, so \
             write \"anna\"",
        ),
        (
            ["anna", "sales > anna@two.example", "x > anna"],
            Place::AliasTarget {
                alias: 0,
                target: 0,
            },
            "alias sales: there is no user and no alias \"anna@two.example\"; it is an address of \
             anna, so write \"anna\"",
        ),
        (
            ["anna", "sales > a@elsewhere.example", "x > anna"],
            Place::AliasTarget {
                alias: 0,
                target: 0,
            },
            "alias sales: there is no user and no alias \"a@elsewhere.example\"; targets are users \
             and aliases of this directory, not addresses elsewhere",
        ),
        (
            ["anna", "sales > anna sales", "x > anna"],
            Place::Alias(0),
            "aliases in a loop: sales -> sales; take one of them out of another's targets",
        ),
        (
            ["anna", "sales > X", "x > anna Sales"],
            Place::Alias(0),
            "aliases in a loop: sales -> x -> sales; take one of them out of another's targets",
        ),
    ] {
        assert_eq!(fault(&lines), (place, message.to_string()), "{lines:?}");
    }
    let (_, message) = fault(&["anna", "in > anna a", "a > b", "b > anna c", "c > a"]);
    assert!(
        message.starts_with("aliases in a loop: a -> b -> c -> a;"),
        "{message}"
    );
}

#[test]
fn many_ways_through_the_aliases_stay_few_reasons() {
    let mut lines = vec!["anna".to_string()];
    lines.extend((0..200).map(|n| format!("a{n} > b{n} c{n}")));
    lines.extend((0..200).map(|n| format!("b{n} > a{}", n + 1)));
    lines.extend((0..200).map(|n| format!("c{n} > a{}", n + 1)));
    lines.push("a200 > anna".to_string());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let directory = directory(&lines);
    let Route::Deliver(targets) = directory.route(&recipient("a0@example.com"), Duration::ZERO)
    else {
        panic!("an alias delivers");
    };
    assert_eq!(targets.len(), 1);
    assert!(targets[0].why.len() < 4000);
}

#[test]
fn a_long_chain_of_aliases_needs_no_stack() {
    let mut lines = vec!["anna".to_string(), "a0 > anna".to_string()];
    lines.extend((1..800).map(|n| format!("a{n} > a{}", n - 1)));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    directory(&lines);
}

#[test]
fn passwords_are_not_shown() {
    let mut entries = entries(&["example.com"], &["anna"]);
    entries.users[0].password = StoredPassword::new("$argon2id$secret");
    let directory = Directory::new(entries).unwrap();
    assert!(!format!("{directory:?}").contains("secret"));
    assert_eq!(directory.users()[0].password.as_str(), "$argon2id$secret");
}
