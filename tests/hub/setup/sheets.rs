//! The settings sheets, made by `setup` and again by `user sheet`.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{office, set_up};
use crate::hub::Office;

const OUTGOING: [&str; 4] = [
    "--outgoing-host=smtp.provider.example",
    "--outgoing-user=office-{user}",
    "--away-host=home.our.example",
    "--ask=Bob <12> & co",
];

#[test]
fn a_sheet_says_what_the_certificate_holds_for() {
    let office = office();
    set_up(&office, &OUTGOING).good();
    let sheet = office.read("postroom-sheets/anna.txt");
    for expected in [
        "anna@our.example",
        "info@our.example",
        "secret-anna",
        "smtp.provider.example",
        "office-anna",
        "home.our.example",
        "Bob <12> & co",
    ] {
        assert!(sheet.contains(expected), "{expected:?} in {sheet}");
    }
    let html = office.read("postroom-sheets/anna.html");
    assert!(
        html.contains("Bob &lt;12&gt; &amp; co") && !html.contains("<12>"),
        "{html}"
    );

    let openssl = |file: &str, arguments: &[&str]| {
        let shown = Command::new("openssl")
            .args(["x509", "-noout", "-in"])
            .arg(office.path(file))
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(shown.stdout).unwrap()
    };
    let fingerprint = openssl("tls/ca.pem", &["-fingerprint", "-sha256"]);
    let (_, fingerprint) = fingerprint.trim().split_once('=').unwrap();
    let shown: String = sheet.split_whitespace().collect();
    let parts: String = fingerprint.split(':').collect::<Vec<_>>().join(":");
    let (first, second) = parts.split_at(16 * 3 - 1);
    assert!(
        shown.contains(&format!("{first}{}", &second[1..])),
        "{sheet}"
    );
    let names = openssl("tls/cert.pem", &["-ext", "subjectAltName"]);
    for name in ["post.our.example", "home.our.example"] {
        assert!(names.contains(&format!("DNS:{name}")), "{names}");
    }
}

#[test]
fn a_sheet_can_be_printed_again_and_does_not_know_the_password() {
    let office = office();
    set_up(&office, &OUTGOING).good();
    let sheet = office.good(&["user", "sheet", "ANNA"]);
    assert!(sheet.starts_with("Mail settings of anna\n"), "{sheet}");
    assert!(sheet.contains("postroom user passwd anna"), "{sheet}");
    assert!(!sheet.contains("secret-anna"), "{sheet}");
    let said = office.good(&["user", "sheet", "bob", "--html", "--output", "bob.html"]);
    assert_eq!(said, "written: bob.html\n");
    assert!(office.read("bob.html").starts_with("<!DOCTYPE html>"));
    let mode = office
        .path("bob.html")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = office.run(&["user", "sheet", "zoe"]).bad();
    assert!(said.contains("there is no user zoe"), "{said}");
    let said = office
        .run(&["user", "sheet", "bob", "--output", "no/folder"])
        .bad();
    assert!(said.contains("no/folder: "), "{said}");
    // setup had the certificate made for it; an edit does not.
    office.edit(
        "postroom.toml",
        "\"home.our.example\"",
        "\"villa.our.example\"",
    );
    let done = office.run(&["user", "sheet", "bob"]);
    assert!(
        done.err.contains("does not hold for villa.our.example"),
        "{done:?}"
    );
    assert_eq!(done.err.lines().count(), 1, "{done:?}");
}

#[test]
fn without_the_office_ca_nothing_is_to_be_imported() {
    let office = Office::new();
    let sheet = office.good(&["user", "sheet", "anna"]);
    assert!(
        sheet.contains("ca.pem") && sheet.contains("127.0.0.1"),
        "{sheet}"
    );
    // The certificate is of others now; what init left lies beside it.
    let key = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let made = Command::new("openssl")
        .args(key)
        .args([
            "-subj",
            "/CN=post.example.com",
            "-addext",
            "subjectAltName=DNS:post.example.com",
        ])
        .arg("-keyout")
        .arg(office.path("tls/key.pem"))
        .arg("-out")
        .arg(office.path("tls/cert.pem"))
        .output()
        .unwrap();
    assert!(made.status.success());
    let sheet = office.good(&["user", "sheet", "anna"]);
    assert!(!sheet.contains("ca.pem"), "{sheet}");
    office.without_tls();
    let sheet = office.good(&["user", "sheet", "anna"]);
    assert!(!sheet.contains("ca.pem"), "{sheet}");
    let line = sheet.lines().find(|line| line.contains("Security"));
    assert!(line.unwrap().ends_with("none"), "{sheet}");
}

#[test]
fn a_folder_that_others_can_look_into_gets_no_passwords() {
    let office = office();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(office.make_folder("open"), open).unwrap();
    let said = set_up(&office, &["--sheets=open"]).bad();
    assert!(said.contains("others can look into it"), "{said}");
    assert!(!office.path("postroom.toml").exists());
}
