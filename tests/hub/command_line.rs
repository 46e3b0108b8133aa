//! What the program says when something is in its way: one clear line and an
//! exit code.

use std::net::TcpListener;

use crate::hub::Office;

#[test]
fn a_second_hub_on_the_same_folder_is_refused() {
    let office = Office::new();
    let _hub = office.serve();
    let why = office.run(&["serve"]).bad();
    assert!(why.starts_with("postroom: the data folder "), "{why}");
    assert!(why.contains("is in use by another postroom"), "{why}");
    assert!(why.contains("systemctl stop postroom"), "{why}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let office = Office::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let settings = office.read("postroom.toml");
    office.write(
        "postroom.toml",
        &settings.replacen("127.0.0.1:0", &address, 1),
    );
    let why = office.run(&["serve"]).bad();
    let expected = format!("postroom: cannot listen for smtp on {address}: ");
    assert!(why.starts_with(&expected), "{why}");
    assert!(why.contains("another program listens there"), "{why}");
    let found = office.run(&["check"]);
    assert_eq!(found.code, Some(1));
    let found = String::from_utf8(found.out).unwrap();
    assert!(
        found.contains(&format!("ERROR    cannot listen for smtp on {address}")),
        "{found}"
    );
}

#[test]
fn serve_does_not_run_as_root_unasked() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: not run as root");
        return;
    }
    let office = Office::new();
    let settings = office.read("postroom.toml");
    let unasked = settings.replacen("allow_root = true\n", "", 1);
    office.write("postroom.toml", &unasked);
    let why = office.run(&["serve"]).bad();
    assert!(
        why.starts_with("postroom: serve does not run as root: "),
        "{why}"
    );
    assert!(why.contains("allow_root = true"), "{why}");
}

#[test]
fn files_that_are_missing_or_bad_are_named_with_their_line() {
    let office = Office::new();
    let missing = office.run(&["--config", "nowhere.toml", "serve"]).bad();
    assert!(
        missing.starts_with("postroom: nowhere.toml: cannot be read: ")
            && missing.contains("\"postroom init\" writes a first one"),
        "{missing}"
    );
    let cases = [
        (
            "postroom.toml",
            "hostname = \"post.example.com\"",
            "hostname = \"post",
            "postroom.toml:",
        ),
        (
            "postroom.toml",
            "domains = [\"example.com\"]",
            "domains = []",
            "at least one domain",
        ),
        (
            "postroom.toml",
            "\n[smtp]\n",
            "\n[smtp]\nlisten_on = 25\n",
            "listen_on",
        ),
        (
            "postroom.toml",
            "\n[routing]\n",
            "\n[routing]\nunknown_user = \"nobody\"\n",
            "nobody",
        ),
        (
            "directory.toml",
            "\npostmaster = [\"anna\"]",
            "\npostmaster = [\"zoe\"]",
            "zoe",
        ),
    ];
    for (file, from, to, expected) in cases {
        let good = office.read(file);
        office.edit(file, from, to);
        for command in ["serve", "check"] {
            let done = office.run(&[command]);
            assert_eq!(done.code, Some(1), "{command} {to}");
            let said = String::from_utf8_lossy(&done.out).into_owned() + &done.err;
            let line = said.lines().find(|line| line.contains(expected));
            let line = line.unwrap_or_else(|| panic!("{command} {to}: {said}"));
            assert!(line.contains(".toml:"), "{line}");
            assert!(!said.contains("panicked"), "{said}");
        }
        office.write(file, &good);
    }
    drop(office.serve());
}

#[test]
fn a_directory_without_users_does_not_serve_and_says_what_to_do() {
    let office = Office::without_users();
    let why = office.run(&["serve"]).bad();
    assert!(
        why.contains("\"postroom user add NAME\" makes the first one"),
        "{why}"
    );
}

#[test]
fn exit_codes_tell_done_from_not_done_and_from_not_understood() {
    let office = Office::new();
    let code = |arguments: &[&str]| office.run(arguments).code;
    assert_eq!(code(&["status"]), Some(0));
    assert_eq!(code(&["check"]), Some(0));
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["user", "add", "anna", "--password-stdin"]), Some(1));
    assert_eq!(code(&["user", "remove", "zoe"]), Some(1));
    assert_eq!(code(&["mail", "list", "zoe"]), Some(1));
    assert_eq!(code(&["mail", "show", "rubbish"]), Some(1));
    assert_eq!(
        code(&["mail", "restore", "anna", "--since", "yesterday"]),
        Some(1)
    );
    assert_eq!(
        code(&["init", "--dir", ".", "--domain", "example.com"]),
        Some(1)
    );
    assert_eq!(code(&[]), Some(2));
    assert_eq!(code(&["server"]), Some(2));
    assert_eq!(code(&["unclaimed", "delete"]), Some(2));
}

#[test]
fn check_finds_a_running_hub_good_from_a_pcs_side() {
    let office = Office::new();
    let _hub = office.serve();
    let found = office.good(&["check"]);
    assert!(
        found.contains("ok       the hub runs, 0 sessions"),
        "{found}"
    );
    let trusted = "ok       a PC that connects to post.example.com on 127.0.0.1:";
    assert_eq!(found.matches(trusted).count(), 2, "{found}");
    assert!(found.ends_with("\n0 errors, 0 warnings\n"), "{found}");
}
