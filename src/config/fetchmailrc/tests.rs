//! Files as people have them, and what they become; and files that are none.

use std::fs;
use std::path::Path;

use super::import;
use crate::config::Configuration;

mod faults;
mod said;

const BASE: &str = "hostname = \"post.example.com\"\ndomains = [\"example.com\"]\n\
                    data_dir = \"data\"\ndirectory = \"directory.toml\"\n";

/// The text for postroom.toml, which must load.
fn imported(rc: &str) -> String {
    let import = import(rc.as_bytes()).unwrap_or_else(|error| panic!("{rc}: {error}"));
    let text = import.to_toml(Path::new("rc"), Path::new("secrets"));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("secrets")).unwrap();
    for account in &import.accounts {
        fs::write(folder.path().join("secrets").join(&account.name), "x").unwrap();
    }
    let ca = include_str!("../../../tests/config/files/ca.pem");
    fs::write(folder.path().join("ca.pem"), ca).unwrap();
    let file = folder.path().join("postroom.toml");
    let whole = format!("{BASE}{text}");
    let read = Configuration::parse(&file, &whole).unwrap_or_else(|e| panic!("{rc}: {e}\n{text}"));
    let active = import.accounts.iter().filter(|account| account.is_active());
    assert_eq!(read.providers.len(), active.count(), "{rc}\n{text}");
    for line in text.lines() {
        let is_short = line.chars().count() <= 100 || !line.trim_start_matches("# ").contains(' ');
        assert!(is_short || !line.starts_with('#'), "{line}");
    }
    text
}

/// The settings without comments, a line for each account.
fn settings(rc: &str) -> String {
    let text = imported(rc);
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    lines
        .join("; ")
        .replace("[[provider]]; ", "\n")
        .trim()
        .replace("; \n", "\n")
}

/// The comments in one line.
fn comments(rc: &str) -> String {
    let text = imported(rc);
    let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
    let lines = lines.map(|line| line.trim_start_matches(['#', ' ']));
    lines.collect::<Vec<_>>().join(" ")
}

/// With what each account has anyway taken out.
fn short(rc: &str) -> String {
    let mut text = settings(rc);
    for usual in [
        "name = \"p.example\"; ",
        "host = \"p.example\"; ",
        "user = \"u\"; ",
        "password_file = \"secrets/p.example\"; ",
        "poll = \"5 min\"; ",
        "leave_on_server = \"7 days\"; ",
    ] {
        text = text.replace(usual, "");
    }
    text
}

const SINGLE: &str = "mode = \"single\"; to = \"u\"";

#[test]
fn an_office_with_one_mailbox_is_carried_over() {
    let rc = r#"
        # The office's mailbox
        set daemon 300
        set postmaster "anna"
        set no bouncemail
        poll pop.provider.example with proto POP3 and options no dns
            aka provider.example mx.other.example
            localdomains example.com example.org
            envelope "Delivered-To" qvirtual "office-"
          user 'office' there with password 'se cret"' is anna bob=bobby * here
            options ssl sslproto tls1.2+ sslcertck keep fetchall
    "#;
    assert_eq!(
        settings(rc),
        "name = \"pop.provider.example\"; host = \"pop.provider.example\"; tls = \"implicit\"; \
         user = \"office\"; password_file = \"secrets/pop.provider.example\"; poll = \"5 min\"; \
         leave_on_server = \"3650 days\"; mode = \"envelope\"; envelope_header = \"Delivered-To\"; \
         envelope_prefix = \"office-\"; trusted_hosts = [\"provider.example\", \"mx.other.example\"]"
    );
    let said = comments(rc);
    for part in [
        "line 10: poll pop.provider.example, user office",
        "set postmaster \"anna\" (line 4)",
        "no bouncemail (line 5): postroom writes to nobody",
        "localdomains: domains in postroom.toml must name [\"example.com\", \"example.org\"]",
        "bob = \"bobby\": in directory.toml put \"bob\" into addresses of the user \"bobby\"",
        "must have the users or aliases \"anna\"",
        "*: fetchmail passed any name on",
        "fetchall (line 11)",
        "no dns (line 6)",
    ] {
        let part = part.replace("bob =", "\"bob\" =");
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert!(!imported(rc).contains("se cret"));
    let accounts = import(rc.as_bytes()).unwrap().accounts;
    let password = accounts[0].password.as_ref().unwrap();
    assert_eq!(password.octets(), b"se cret\"");
}

#[test]
fn each_option_becomes_a_setting_or_a_word() {
    let poll = |server: &str, user: &str| {
        format!("poll p.example proto pop3 {server} user u pass x {user}\n")
    };
    for (server, user, expected) in [
        ("", "ssl", format!("tls = \"implicit\"; {SINGLE}")),
        ("", "", format!("tls = \"starttls\"; {SINGLE}")),
        ("", "no ssl", format!("tls = \"starttls\"; {SINGLE}")),
        ("", "sslproto ''", format!("tls = \"none\"; {SINGLE}")),
        ("", "sslproto auto", format!("tls = \"starttls\"; {SINGLE}")),
        (
            "",
            "ssl sslproto ''",
            format!("tls = \"implicit\"; {SINGLE}"),
        ),
        ("port 995", "", format!("tls = \"implicit\"; {SINGLE}")),
        (
            "port 1995",
            "ssl",
            format!("tls = \"implicit\"; port = 1995; {SINGLE}"),
        ),
        (
            "service 2110",
            "",
            format!("tls = \"starttls\"; port = 2110; {SINGLE}"),
        ),
        (
            "service \"2110\"",
            "",
            format!("tls = \"starttls\"; port = 2110; {SINGLE}"),
        ),
        ("service pop3s", "", format!("tls = \"implicit\"; {SINGLE}")),
        (
            "service 110",
            "ssl",
            format!("tls = \"implicit\"; port = 110; {SINGLE}"),
        ),
        ("port 0", "", format!("tls = \"starttls\"; {SINGLE}")),
        ("port 70000", "", format!("tls = \"starttls\"; {SINGLE}")),
        (
            "",
            "ssl sslcertfile ca.pem",
            format!("tls = \"implicit\"; ca = \"ca.pem\"; {SINGLE}"),
        ),
        (
            "",
            "sslproto '' sslcertfile ca.pem",
            format!("tls = \"none\"; {SINGLE}"),
        ),
        (
            "",
            "ssl is anna here",
            "tls = \"implicit\"; mode = \"single\"; to = \"anna\"".to_string(),
        ),
        (
            "",
            "ssl to x=bob here",
            "tls = \"implicit\"; mode = \"single\"; to = \"bob\"".to_string(),
        ),
        (
            "",
            "ssl is *",
            "tls = \"implicit\"; mode = \"guess\"".to_string(),
        ),
        (
            "",
            "ssl to a b",
            "tls = \"implicit\"; mode = \"guess\"".to_string(),
        ),
        (
            "no envelope",
            "ssl is *",
            "tls = \"implicit\"; mode = \"guess\"".to_string(),
        ),
        (
            "qvirtual a-",
            "ssl is *",
            "tls = \"implicit\"; mode = \"guess\"".to_string(),
        ),
        (
            "envelope Received",
            "ssl is *",
            "tls = \"implicit\"; mode = \"envelope\"; envelope_header = \"Received\"".to_string(),
        ),
        (
            "no envelope envelope 1 X-Envelope-To: qvirtual a-",
            "ssl is *",
            "tls = \"implicit\"; mode = \"envelope\"; envelope_header = \"X-Envelope-To\"; \
             envelope_prefix = \"a-\""
                .to_string(),
        ),
        (
            "aka p2.example local p3.example aka p3.example",
            "ssl is *",
            "tls = \"implicit\"; mode = \"guess\"; trusted_hosts = [\"p.example\", \"p2.example\"]"
                .to_string(),
        ),
        (
            "aka com 'a b' p.example",
            "ssl is *",
            "tls = \"implicit\"; mode = \"guess\"".to_string(),
        ),
        (
            "",
            "ssl limit 100000",
            format!("tls = \"implicit\"; {SINGLE}; max_message_size = \"100000 B\""),
        ),
        ("", "ssl limit 0", format!("tls = \"implicit\"; {SINGLE}")),
        (
            "",
            "ssl fetchlimit 20",
            format!("tls = \"implicit\"; {SINGLE}; max_messages_per_poll = 20"),
        ),
        (
            "",
            "ssl fetchlimit 0",
            format!("tls = \"implicit\"; {SINGLE}"),
        ),
        (
            "auth xoauth2",
            "ssl",
            format!("tls = \"implicit\"; method = \"auto\"; {SINGLE}"),
        ),
        (
            "auth password",
            "ssl",
            format!("tls = \"implicit\"; {SINGLE}"),
        ),
        (
            "proto apop",
            "ssl",
            format!("tls = \"implicit\"; method = \"apop\"; {SINGLE}"),
        ),
    ] {
        assert_eq!(short(&poll(server, user)), expected, "{server} | {user}");
    }
}

#[test]
fn polls_come_as_often_as_before() {
    for (rc, expected) in [
        (
            "set daemon 600 poll a proto pop3 user u ssl",
            "poll = \"10 min\"",
        ),
        (
            "set daemon = 90 poll a proto pop3 user u ssl",
            "poll = \"90 s\"",
        ),
        (
            "set daemon 300 poll a proto pop3 interval 3 user u ssl",
            "poll = \"15 min\"",
        ),
        (
            "set daemon 5 poll a proto pop3 user u ssl",
            "poll = \"30 s\"",
        ),
        (
            "set daemon 0 poll a proto pop3 user u ssl",
            "poll = \"5 min\"",
        ),
        (
            "set daemon 9999999999 poll a proto pop3 user u ssl",
            "poll = \"1440 min\"",
        ),
        (
            "poll a proto pop3 user u ssl keep",
            "leave_on_server = \"3650 days\"",
        ),
        (
            "poll a proto pop3 user u ssl nokeep",
            "leave_on_server = \"7 days\"",
        ),
    ] {
        assert!(settings(rc).contains(expected), "{rc}: {}", settings(rc));
    }
}

#[test]
fn several_servers_users_and_defaults() {
    let rc = "
        defaults proto pop3 timeout 10 user both pass common ssl keep
        poll one.example
        poll label via two.example no dns
            user anna there is anna here pass a nokeep
            user Bob.B there is bob here
            user bob.b pass z
        defaults proto apop
        server three.example port 110:
            is u there ssl, is anna;
    ";
    let got = settings(rc);
    let parts: Vec<Vec<&str>> = got.lines().map(|line| line.split("; ").collect()).collect();
    let has = |number: usize, expected: &[&str]| {
        for setting in expected {
            assert!(parts[number].contains(setting), "{number} {setting}: {got}");
        }
    };
    has(
        0,
        &[
            "name = \"one.example\"",
            "user = \"both\"",
            "leave_on_server = \"3650 days\"",
        ],
    );
    has(
        1,
        &[
            "name = \"anna\"",
            "host = \"two.example\"",
            "leave_on_server = \"7 days\"",
            "to = \"anna\"",
        ],
    );
    has(
        2,
        &[
            "name = \"bob.b\"",
            "user = \"Bob.B\"",
            "to = \"bob\"",
            "tls = \"implicit\"",
        ],
    );
    has(3, &["name = \"bob.b-2\"", "user = \"bob.b\""]);
    has(
        4,
        &[
            "method = \"apop\"",
            "port = 110",
            "user = \"u\"",
            "to = \"anna\"",
        ],
    );
    let passwords = import(rc.as_bytes()).unwrap().accounts;
    let passwords: Vec<String> = passwords
        .iter()
        .map(|account| match &account.password {
            Some(password) => String::from_utf8_lossy(password.octets()).into_owned(),
            None => "-".to_string(),
        })
        .collect();
    assert_eq!(passwords, ["common", "a", "common", "z", "-"]);
}

#[test]
fn a_user_is_named_in_every_way_of_the_grammar() {
    for (rc, user, to) in [
        ("user eric is esr", "eric", "esr"),
        ("user eric there is esr here", "eric", "esr"),
        ("user esr here is eric there", "eric", "esr"),
        ("username \"eric\" to 'esr'", "eric", "esr"),
        (
            "user \"e ric\", with password \"x\", is \"e.s.r\" here;",
            "e ric",
            "e.s.r",
        ),
        ("user eric to keep keep", "eric", "keep"),
        ("user \\101nna is 4711", "Anna", "4711"),
        ("user Se\\241ora\\32x is a", "Se\u{f1}ora x", "a"),
        ("user eric", "eric", "eric"),
    ] {
        // \241 is decimal, as fetchmail reads it.
        let rc = format!("poll a proto pop3 {}", rc.replace("\\241", "\\xf1"));
        let got = settings(&rc.replace("\\101", "\\0101").replace("\\0101", "\\x41"));
        assert!(got.contains(&format!("user = \"{user}\"")), "{rc}: {got}");
        assert!(got.contains(&format!("to = \"{to}\"")), "{rc}: {got}");
    }
    for (name, expected) in [
        ("..", "main"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("Pop.Example_1-x", "pop.example_1-x"),
        ("ä", "main"),
        ("/", "main"),
    ] {
        let import = import(format!("poll '{name}' via a proto pop3").as_bytes()).unwrap();
        assert_eq!(import.accounts[0].name, expected, "{name}");
    }
    let nobody = settings("poll a proto pop3 pass x is anna");
    assert!(nobody.contains("user = \"CHANGE-ME\"; "), "{nobody}");
    let nothing = settings("poll a proto pop3");
    assert!(nothing.contains("to = \"CHANGE-ME\""), "{nothing}");
}
