//! `import-fetchmailrc`: from a .fetchmailrc to a configuration that loads.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::hub::Office;

const RC: &str = "set daemon 600\npoll pop.provider.example proto pop3 no dns\n  \
                  localdomains example.com envelope X-Envelope-To\n  \
                  user office there with pass 's3cret word' is * here options ssl\n";

#[test]
fn a_fetchmailrc_becomes_a_configuration_that_loads() {
    let office = Office::new();
    office.write("rc", RC);
    let import = ["import-fetchmailrc", "rc", "--write-passwords", "secrets"];
    let printed = office.good(&import);
    assert!(!printed.contains("s3cret"), "{printed}");
    let settings = office.read("postroom.toml");
    office.write("postroom.toml", &format!("{settings}\n{printed}"));
    office.good(&["unclaimed", "list"]);
    let password = office.path("secrets/pop.provider.example");
    assert_eq!(fs::read(&password).unwrap(), b"s3cret word");
    assert_eq!(
        fs::metadata(&password).unwrap().permissions().mode() & 0o137,
        0
    );
    let again = office.run(&import).bad();
    assert!(
        again.contains("secrets/pop.provider.example exists already"),
        "{again}"
    );
}

#[test]
fn without_a_folder_the_passwords_are_left_to_a_person() {
    let office = Office::new();
    office.write("rc", RC);
    let printed = office.good(&["import-fetchmailrc", "rc"]);
    assert!(!printed.contains("s3cret"), "{printed}");
    assert!(
        printed.contains("password_file = \"secrets/pop.provider.example\""),
        "{printed}"
    );
    assert!(
        printed.contains("cat > 'secrets/pop.provider.example'"),
        "{printed}"
    );
    assert!(!office.path("secrets").exists());
}

#[test]
fn a_fault_is_told_with_file_and_line() {
    let office = Office::new();
    for (rc, expected) in [
        (
            "poll a\nuser b pass 'c\n",
            "postroom: rc:2: the quote that begins here is not closed",
        ),
        (
            "poll a\n\nuser b proto pop3",
            "postroom: rc:3: protocol is an option of the server",
        ),
    ] {
        office.write("rc", rc);
        let why = office.run(&["import-fetchmailrc", "rc"]).bad();
        assert!(why.starts_with(expected), "{why}");
    }
    let why = office.run(&["import-fetchmailrc", "nothing"]).bad();
    assert!(
        why.starts_with("postroom: nothing: cannot be read: "),
        "{why}"
    );
    office.write("rc", &"#".repeat(1 << 21));
    let why = office.run(&["import-fetchmailrc", "rc"]).bad();
    assert!(why.ends_with("it is larger than 1 MB"), "{why}");
}
