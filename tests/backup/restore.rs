//! All the way to another box.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::hub::{Office, run};
use crate::mail::{collect, log_in, message, send, unique_ids, waiting};
use crate::{NewBox, Shelf, names, send_large};

#[test]
fn a_box_is_rebuilt_from_the_backup_alone() {
    let office = Office::new();
    let shelf = Shelf::new();
    fs::create_dir(office.path("secrets")).unwrap();
    office.write("secrets/main", "provider's password\n");
    let provider = "\n[[provider]]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none\"\nuser = \"office\"\n\
        password_file = \"secrets/main\"\nmode = \"single\"\nto = \"anna\"\n";
    office.write("postroom.toml", &(office.read("postroom.toml") + provider));
    let hub = office.serve();
    send(&hub, &["anna@example.com", "bob@example.com"], "to both");
    send_large(&hub, "anna@example.com", "large");
    send(&hub, &["bob@example.com"], "collected");
    let collected = collect(&hub, "bob");
    let ids = unique_ids(&hub, "anna");
    office.good(&["backup", &shelf.folder("b")]);
    office.good(&["backup", &shelf.text("b.tar")]);
    let stream = office.octets(&["backup", "-"]);
    let waits = collect(&hub, "anna");
    drop(hub);

    for from in [shelf.text("b"), shelf.text("b.tar"), "-".to_string()] {
        let other = NewBox::new();
        let restore = other.command(&["restore", &from]);
        let said = run(restore, if from == "-" { &stream } else { b"" }).good();
        assert!(
            said.starts_with("restored: the mail of post.example.com as it was on 20"),
            "{said}"
        );
        assert!(said.contains("systemctl start postroom"), "{said}");
        for file in [
            "postroom.toml",
            "directory.toml",
            "tls/cert.pem",
            "tls/key.pem",
            "tls/ca.pem",
            "tls/ca-key.pem",
            "secrets/main",
        ] {
            let here = fs::read(other.path("etc").join(file)).unwrap();
            assert_eq!(here, fs::read(office.path(file)).unwrap(), "{file}");
        }
        let hub = other.serve();
        assert_eq!(unique_ids(&hub, "anna"), ids);
        assert_eq!(collect(&hub, "anna"), waits);
        assert_eq!(waiting(&hub, "bob"), 0);
        let back = other
            .run(&["mail", "restore", "bob", "--since", "1 day"])
            .good();
        assert!(back.starts_with("2 messages are back"), "{back}");
        assert_eq!(collect(&hub, "bob"), collected);
        assert_eq!(
            names(&other.path("etc")),
            ["data", "directory.toml", "postroom.toml", "secrets", "tls"]
        );
        assert!(!names(&other.path("etc/data")).contains(&"restore.part".to_string()));
        other.run(&["verify"]).good();
    }
}

#[test]
fn unique_ids_that_the_old_box_gave_out_later_are_never_given_again() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "before");
    office.good(&["backup", &shelf.text("b.tar")]);
    for number in 0..5 {
        send(&hub, &["anna@example.com"], &format!("after {number}"));
    }
    let given = unique_ids(&hub, "anna");
    drop(hub);
    let other = NewBox::new();
    other.run(&["restore", &shelf.text("b.tar")]).good();
    let hub = other.serve();
    for number in 0..5 {
        send(&hub, &["anna@example.com"], &format!("elsewhere {number}"));
    }
    let ids = unique_ids(&hub, "anna");
    assert_eq!(ids.first(), given.first());
    assert!(
        ids.iter().skip(1).all(|id| !given.contains(id)),
        "{ids:?} {given:?}"
    );
}

#[test]
fn the_mail_alone_comes_to_a_box_that_has_settings() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "hello");
    office.good(&["backup", &shelf.text("b.tar")]);
    drop(hub);
    let other = Office::new();
    let (settings, users) = (other.read("postroom.toml"), other.read("directory.toml"));
    let why = other.run(&["restore", &shelf.text("b.tar")]).bad();
    assert!(
        why.contains("never overwrites settings") && why.contains("--mail-only"),
        "{why}"
    );
    // As it might be after a password was forgotten.
    let restore = [
        "restore",
        &shelf.text("b.tar"),
        "--mail-only",
        "--same-person",
        "anna",
    ];
    other.good(&restore);
    assert_eq!(
        (other.read("postroom.toml"), other.read("directory.toml")),
        (settings, users)
    );
    let mut hub = other.serve();
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("RETR 1", "+OK*");
    assert!(pop3.multi_line().ends_with(message("hello").as_bytes()));
    let why = other
        .run(&["restore", &shelf.text("b.tar"), "--mail-only"])
        .bad();
    assert!(why.contains("stop it first"), "{why}");
    hub.stop();
    let before = fs::read(other.path("data/postroom.db")).unwrap();
    let why = other
        .run(&["restore", &shelf.text("b.tar"), "--mail-only"])
        .bad();
    assert!(why.contains("holds a store already"), "{why}");
    assert_eq!(fs::read(other.path("data/postroom.db")).unwrap(), before);
}

#[test]
fn another_data_folder_is_written_into_the_settings() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "hello");
    office.good(&["backup", &shelf.folder("b")]);
    drop(hub);
    let other = NewBox::new();
    let data = other.path("a larger disk/mail");
    other
        .run(&[
            "restore",
            &shelf.text("b"),
            "--data-dir",
            data.to_str().unwrap(),
        ])
        .good();
    assert!(data.join("postroom.db").exists());
    assert_eq!(waiting(&other.serve(), "anna"), 1);
    assert!(!other.path("etc/data").exists());
}

#[test]
fn files_that_lay_elsewhere_are_put_aside_and_told() {
    let office = Office::new();
    let shelf = Shelf::new();
    fs::rename(office.path("tls"), shelf.path("certbot")).unwrap();
    let settings = office.read("postroom.toml");
    let place = shelf.text("certbot");
    let moved = settings.replace("\"tls/cert.pem\"", &format!("\"{place}/cert.pem\""));
    office.write(
        "postroom.toml",
        &moved.replace("\"tls/key.pem\"", &format!("\"{place}/key.pem\"")),
    );
    drop(office.serve());
    office.good(&["backup", &shelf.text("b.tar")]);
    fs::remove_dir_all(shelf.path("certbot")).unwrap();
    let other = NewBox::new();
    let said = other.run(&["restore", &shelf.text("b.tar")]).good();
    let now = other
        .path("etc/elsewhere")
        .join(place.trim_start_matches('/'))
        .join("key.pem");
    assert!(now.exists(), "{said}");
    assert!(
        said.contains(&format!(
            "was {place}/key.pem, and is now {}",
            now.display()
        )),
        "{said}"
    );
    assert!(!shelf.path("certbot").exists());
}

#[test]
fn mail_without_its_database_and_other_settings_are_in_the_way() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    office.good(&["backup", &shelf.text("b.tar")]);
    let other = NewBox::new();
    fs::create_dir_all(other.path("etc/data/bodies")).unwrap();
    let body = other.path("etc/data/bodies/abcdefghijklmnopqrstuvwxyz");
    fs::write(&body, "mail").unwrap();
    let why = other.run(&["restore", &shelf.text("b.tar")]).bad();
    assert!(why.contains("holds mail whose database is gone"), "{why}");
    assert!(body.exists());
    fs::remove_file(&body).unwrap();
    fs::write(other.path("etc/directory.toml"), "# mine\n").unwrap();
    let why = other.run(&["restore", &shelf.text("b.tar")]).bad();
    assert!(why.contains("directory.toml is there already"), "{why}");
    assert_eq!(names(&other.path("etc")), ["data", "directory.toml"]);
    assert!(!other.path("etc/data/postroom.db").exists());
    fs::remove_file(other.path("etc/directory.toml")).unwrap();
    other.run(&["restore", &shelf.text("b.tar")]).good();
}

#[test]
fn a_folder_of_other_things_is_never_taken_over() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    office.good(&["backup", &shelf.text("b.tar")]);
    let other = NewBox::new();
    let srv = other.path("srv");
    fs::create_dir(&srv).unwrap();
    fs::set_permissions(&srv, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(srv.join("photos"), "precious").unwrap();
    let restore = |from: &str, to: &std::path::Path| {
        other.run(&[
            "restore",
            &shelf.text(from),
            "--data-dir",
            to.to_str().unwrap(),
        ])
    };
    let why = restore("b.tar", &srv).bad();
    assert!(why.contains("other things than the mail of a hub"), "{why}");
    assert_eq!(names(&srv), ["photos"]);
    assert_eq!(fs::metadata(&srv).unwrap().mode() & 0o777, 0o755);
    // One of its own that cannot be used is as it was, too.
    fs::remove_file(srv.join("photos")).unwrap();
    fs::write(srv.join("restore.part"), "a file in the way").unwrap();
    restore("b.tar", &srv).bad();
    assert_eq!(fs::metadata(&srv).unwrap().mode() & 0o777, 0o755);
    fs::remove_file(srv.join("restore.part")).unwrap();
    let mut octets = fs::read(shelf.path("b.tar")).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(shelf.path("bad.tar"), octets).unwrap();
    restore("bad.tar", &srv).bad();
    assert_eq!(fs::metadata(&srv).unwrap().mode() & 0o777, 0o755);
    // The folders above a new one are no secret: the hub must get through.
    let new = other.path("new/disk/mail");
    restore("b.tar", &new).good();
    let mode = |path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(other.path("new/disk")), mode(new)), (0o755, 0o700));
}
