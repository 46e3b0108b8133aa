//! Who guesses names and passwords.

use std::net::{IpAddr, Ipv4Addr};

use crate::hub::{Hub, Office, eventually};
use crate::mail::pass;
use crate::talk::Talk;

/// A wrong log-in whose refusal is not waited for; a hub writes its line at once.
fn guess(hub: &Hub, from: IpAddr, name: &str) -> Talk {
    let mut pop3 = Talk::connect_from(hub.address("pop3"), from);
    pop3.expect("+OK *");
    pop3.say(&format!("USER {name}"), "+OK*");
    pop3.send(b"PASS wrong\r\n");
    pop3
}

fn failures(hub: &Hub) -> usize {
    hub.log().matches("log-in failed ").count()
}

/// How long the refusal of the last failure is held back.
fn last_delay(hub: &Hub) -> String {
    let log = hub.log();
    let line = log.lines().rfind(|line| line.contains("log-in failed "));
    line.unwrap().rsplit(' ').next().unwrap().to_string()
}

#[test]
fn delay_that_tells_whose_an_address_is() {
    let office = Office::new();
    office.edit(
        "directory.toml",
        "\n[users.anna]\n",
        "\n[users.anna]\naddresses = [\"a.smith\"]\n",
    );
    let hub = office.serve();
    let mut said = 0;
    let mut held = Vec::new();
    let mut fail = |from: u8, name: &str| {
        held.push(guess(&hub, Ipv4Addr::new(127, 0, 0, from).into(), name));
        said += 1;
        eventually("the failure is logged", || failures(&hub) == said);
        last_delay(&hub)
    };
    // Who is tried from one address under one name, and then from a second one
    // under another: the delay is the same for users and for nobody.
    for (at, [user, nobody], [another, of_nobody]) in [
        (10, ["a.smith", "z.jones"], ["anna", "zoe"]),
        (20, ["bob", "max"], ["bob@example.com", "max@example.com"]),
        (30, ["anna+a", "zoe+a"], ["anna+b", "zoe+b"]),
    ] {
        for _ in 0..4 {
            fail(at, user);
            fail(at + 1, nobody);
        }
        assert_eq!(fail(at + 2, another), fail(at + 3, of_nobody), "{user}");
    }
}

#[test]
fn attacker_behind_the_same_address_as_the_office() {
    let office = Office::new();
    let hub = office.serve();
    let own = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut attack: Vec<Talk> = (0..30).map(|_| guess(&hub, own, "anna")).collect();
    eventually("all have failed", || failures(&hub) == 30);
    assert!(pass(&hub, "anna", "secret-anna").starts_with("+OK"));
    assert!(pass(&hub, "bob", "secret-bob").starts_with("+OK"));
    // The last guess is held back for 15 s: anna was not.
    attack.last_mut().unwrap().expect_quiet("the last guess");
}

#[test]
fn many_addresses_that_guess_one_users_password() {
    let office = Office::new();
    let hub = office.serve();
    let from = |last: u8| IpAddr::V4(Ipv4Addr::new(127, 0, 1, last));
    let _attack: Vec<Talk> = (1..=10)
        .map(|last| guess(&hub, from(last), "anna"))
        .collect();
    eventually("all have failed", || failures(&hub) == 10);
    let _next = guess(&hub, from(11), "anna");
    eventually("the next has failed", || failures(&hub) == 11);
    assert_eq!(last_delay(&hub), "answered-after=15.0s");
    let mut anna = Talk::connect_from(hub.address("pop3"), from(12));
    anna.expect("+OK *");
    anna.say("USER anna", "+OK*");
    anna.say("PASS secret-anna", "+OK*");
    assert_eq!(office.status()["hub"]["failed_logins"], 11);
}

#[test]
fn passwords_that_are_nearly_right() {
    let office = Office::without_users();
    let password = " Gr\u{fc}n \"und\" 'blau\\ ";
    let add = office.command(&["user", "add", "anna", "--password-stdin"]);
    crate::hub::run(add, format!("{password}\n").as_bytes()).good();
    let hub = office.serve();
    let mut wrong = vec![
        password.trim().as_bytes().to_vec(),
        password.trim_start().as_bytes().to_vec(),
        password.trim_end().as_bytes().to_vec(),
        password.to_lowercase().into_bytes(),
        password.replace('\u{fc}', "u\u{308}").into_bytes(),
        password.replace('\u{fc}', "\\xfc").into_bytes(),
        password.replace('"', "").into_bytes(),
        format!("{password}\0").into_bytes(),
        b"\0".to_vec(),
        b" ".to_vec(),
    ];
    let latin: Vec<u8> = password.chars().map(|c| u8::try_from(c).unwrap()).collect();
    wrong.push(latin);
    wrong.push(vec![b'x'; 500]);
    let count = wrong.len();
    let held: Vec<Talk> = wrong
        .into_iter()
        .map(|wrong| {
            let mut pop3 = hub.pop3();
            pop3.expect("+OK *");
            pop3.say("USER anna", "+OK*");
            pop3.send(&[b"PASS ", wrong.as_slice(), b"\r\n"].concat());
            pop3
        })
        .collect();
    eventually("each is refused", || failures(&hub) == count);
    assert!(pass(&hub, "anna", password).starts_with("+OK"));
    drop(held);
}

#[test]
fn names_that_are_nearly_a_users() {
    let office = Office::new();
    let hub = office.serve();
    let wrong = [
        "anna@elsewhere.example",
        "anna@",
        "@example.com",
        "anna@example.com@example.com",
        "example.com",
        "postmaster",
        "ann",
        "anna\0",
        "anna bob",
        "anna%example.com",
        "a\u{308}nna",
        "\u{ff41}nna",
        "../anna",
    ];
    let held: Vec<Talk> = wrong
        .iter()
        .map(|name| {
            let mut pop3 = hub.pop3();
            pop3.expect("+OK *");
            pop3.say(&format!("USER {name}"), "+OK*");
            pop3.send(b"PASS secret-anna\r\n");
            pop3
        })
        .collect();
    eventually("each is refused", || failures(&hub) == wrong.len());
    for right in ["anna", "ANNA", "anna@EXAMPLE.com", "anna+shop", " anna "] {
        assert!(
            pass(&hub, right, "secret-anna").starts_with("+OK"),
            "{right}"
        );
    }
    drop(held);
}
