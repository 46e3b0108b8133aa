//! Who gets it: [`postroom::route::Directory`].

use std::time::Duration;

use divan::{Bencher, black_box};
use postroom::mail::{Address, Domain, Recipient};
use postroom::route::{Directory, Entries, StoredPassword, User};

/// An office of so many people.
fn directory(users: usize) -> Directory {
    let entries = Entries {
        domains: Domain::parse("example.com").into_iter().collect(),
        users: (0..users)
            .map(|number| User {
                access: Default::default(),
                name: format!("user{number}"),
                password: StoredPassword::new("$argon2id$"),
                addresses: Vec::new(),
            })
            .collect(),
        ..Entries::default()
    };
    Directory::new(entries).unwrap_or_else(|why| panic!("{why}"))
}

fn recipient(text: &str) -> Recipient {
    Recipient::Address(Address::parse(text).unwrap_or_else(|why| panic!("{why}")))
}

#[divan::bench(args = [10, 300])]
fn a_user(bencher: Bencher, users: usize) {
    let (directory, recipient) = (directory(users), recipient("User7+list@EXAMPLE.com"));
    bencher.bench_local(|| directory.route(black_box(&recipient), Duration::ZERO));
}

#[divan::bench(args = [10, 300])]
fn nobody(bencher: Bencher, users: usize) {
    let (directory, recipient) = (directory(users), recipient("nobody@example.com"));
    bencher.bench_local(|| directory.route(black_box(&recipient), Duration::ZERO));
}
