//! `postroom export`: a mailbox as files of other programs.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::hub::{Office, at_once};
use crate::mail::{collect, greet, send, send_in, unique_ids, waiting};

/// The files of a Maildir by their names below it, oldest first.
pub fn files(root: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for part in ["cur", "new", "tmp"] {
        for entry in fs::read_dir(root.join(part)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let content = fs::read(root.join(part).join(&name)).unwrap();
            let content = String::from_utf8(content).unwrap();
            files.push((format!("{part}/{name}"), content));
        }
    }
    files.sort_by(|one, other| one.0[4..].cmp(&other.0[4..]));
    files
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn a_maildir_holds_what_the_pc_gets_and_the_unique_ids_that_it_knows() {
    at_once([true, false], |hub_runs| {
        let office = Office::new();
        let mut hub = office.serve();
        let gone = send(&hub, &["anna@example.com"], "collected");
        let collected = collect(&hub, "anna");
        let id = send(&hub, &["anna@example.com", "bob@example.com"], "waits");
        let known = unique_ids(&hub, "anna");
        if !hub_runs {
            assert!(hub.stop().success());
        }
        let export = ["export", "Anna@example.com", "--maildir", "mail"];
        let said = office.good(&export);
        assert!(said.starts_with("exported 2 messages ("), "{said}");

        let files = files(&office.path("mail"));
        let [(first, old), (second, new)] = files.as_slice() else {
            panic!("{files:?}");
        };
        assert!(
            first.starts_with("cur/") && first.ends_with(":2,S"),
            "{first}"
        );
        assert!(first.contains(&format!(".{gone}V")), "{first}");
        assert!(
            second.starts_with("new/") && second.contains(&format!(".{id}V")),
            "{second}"
        );
        assert_eq!(*old, text(&collected[0]).replace("\r\n", "\n"));
        let list = office.read("mail/dovecot-uidlist");
        let base = &second[4..];
        assert!(
            list.contains(&format!(" P{} :{base}\n", known[0])),
            "{list}"
        );
        let at: i64 = base.split('.').next().unwrap().parse().unwrap();
        let file = fs::metadata(office.path("mail").join(second)).unwrap();
        assert_eq!(
            (file.mtime(), file.permissions().mode() & 0o777),
            (at, 0o600)
        );
        let folder = fs::metadata(office.path("mail/new")).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);

        // Once more, and nothing is there twice.
        assert!(
            office
                .good(&export)
                .contains("2 messages were there already")
        );
        assert_eq!(self::files(&office.path("mail")), files);
        assert_eq!(office.read("mail/dovecot-uidlist"), list);
        if !hub_runs {
            hub = office.serve();
        }
        let retrieved = collect(&hub, "anna");
        assert_eq!(*new, text(&retrieved[0]).replace("\r\n", "\n"));
        office.good(&export);
        let now = self::files(&office.path("mail"));
        assert_eq!(now[1].0, format!("cur/{base}:2,S"));
    });
}

#[test]
fn an_mbox_is_written_whole_and_over_no_other_file() {
    let office = Office::new();
    let hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let content = "Subject: quoted\r\n\r\nDear,\r\n\r\nFrom here on\r\n>From there\r\n";
    send_in(&mut smtp, &["anna@example.com"], content.as_bytes());
    send(&hub, &["anna@example.com"], "second");
    office.good(&["export", "anna", "--mbox", "anna.mbox"]);
    let mbox = office.read("anna.mbox");
    assert!(mbox.starts_with("From kate@elsewhere.example "), "{mbox}");
    assert!(
        mbox.contains("Subject: quoted\n\nDear,\n\n>From here on\n>>From there\n\nFrom kate@"),
        "{mbox}"
    );
    assert!(!mbox.contains('\r'));

    let again = office.run(&["export", "anna", "--mbox", "anna.mbox"]).bad();
    assert!(
        again.contains("is there already; --force writes over it"),
        "{again}"
    );
    office.write("anna.mbox", "something else");
    office.good(&["export", "anna", "--mbox", "anna.mbox", "--force"]);
    assert_eq!(office.read("anna.mbox"), mbox);
    let left = fs::read_dir(office.path("")).unwrap();
    let mut left = left.map(|it| it.unwrap().file_name().into_string().unwrap());
    assert!(!left.any(|name| name.ends_with(".part")));
}

#[test]
fn links_that_others_have_put_there_are_not_written_through() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "mail");
    office.good(&["export", "anna", "--maildir", "clean"]);
    let name = files(&office.path("clean"))[0].0[4..].to_string();
    let key: Vec<&str> = name.splitn(3, '.').take(2).collect();
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(office.path("anna").join(part)).unwrap();
    }
    office.write("secret", "kept");
    let links = ["anna/tmp/dovecot-uidlist", ".anna.mbox.part", "anna.mbox"];
    let message = format!("anna/tmp/{}", key.join("."));
    for link in links.into_iter().chain([message.as_str()]) {
        symlink(office.path("secret"), office.path(link)).unwrap();
    }
    office.good(&["export", "anna", "--maildir", "anna"]);
    office.good(&["export", "anna", "--mbox", "anna.mbox", "--force"]);
    assert_eq!(office.read("secret"), "kept");
    assert!(office.read("anna.mbox").contains("Subject: mail\n"));
    assert_eq!(files(&office.path("anna")), files(&office.path("clean")));

    symlink(office.path("clean"), office.path("led")).unwrap();
    let why = office.run(&["export", "anna", "--maildir", "led/"]).bad();
    assert!(
        why.contains("led is a link, and nothing is written"),
        "{why}"
    );
}

#[test]
fn two_exports_do_not_write_over_each_other() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "mail");
    // As another export has it, and as one leaves it that was killed.
    let other = File::create(office.path(".mail.part")).unwrap();
    other.lock().unwrap();
    let why = office.run(&["export", "anna", "--mbox", "mail"]).bad();
    assert!(
        why.contains("another export writes mail at present"),
        "{why}"
    );
    assert!(office.path(".mail.part").exists() && !office.path("mail").exists());
    drop(other);
    office.good(&["export", "anna", "--mbox", "mail"]);
    assert!(office.read("mail").contains("Subject: mail\n"));
    assert!(!office.path(".mail.part").exists());
}

#[test]
fn the_options_choose_what_is_exported() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "collected");
    collect(&hub, "anna");
    send(&hub, &["anna@example.com"], "waits");
    let exported = |options: &[&str]| {
        let all = ["export", "anna", "--mbox", "out", "--force"];
        office.good(&[&all, options].concat());
        let mbox = office.read("out");
        ["collected", "waits"].map(|it| mbox.contains(&format!("Subject: {it}\n")))
    };
    assert_eq!(exported(&[]), [true, true]);
    assert_eq!(exported(&["--waiting"]), [false, true]);
    assert_eq!(exported(&["--collected"]), [true, false]);
    assert_eq!(exported(&["--since", "1 day"]), [true, true]);
    assert_eq!(exported(&["--since", "2999-01-01"]), [false, false]);
}

#[test]
fn the_mail_of_a_removed_user_is_not_mixed_with_that_of_another_of_the_name() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["bob@example.com"], "of the first bob");
    office.good(&["user", "remove", "bob"]);
    let mbox = |options: &[&str]| {
        let all = ["export", "bob", "--mbox", "out", "--force"];
        office.good(&[&all, options].concat());
        office.read("out")
    };
    assert!(mbox(&[]).contains("of the first bob"));
    office.add_user("bob");
    send(&hub, &["bob@example.com"], "of the second bob");
    let second = mbox(&[]);
    assert!(second.contains("of the second bob") && !second.contains("of the first bob"));
    let first = mbox(&["--sealed"]);
    assert!(first.contains("of the first bob") && !first.contains("of the second bob"));
    let nobody = office.run(&["export", "nobody", "--mbox", "no"]).bad();
    assert!(nobody.contains("there is no user nobody"), "{nobody}");
    assert!(!office.path("no").exists());
}

#[test]
fn unclaimed_mail_is_exported_as_well() {
    let office = Office::new();
    office.set("routing", "unknown_user = \"unclaimed\"");
    let hub = office.serve();
    send(&hub, &["somebody@example.com"], "whose is it");
    office.good(&["export", "--unclaimed", "--maildir", "tray"]);
    let files = files(&office.path("tray"));
    assert_eq!(files.len(), 1);
    assert!(files[0].1.contains("Subject: whose is it\n"));
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn a_message_that_cannot_be_read_is_named_and_the_others_come() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "before");
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let large = format!("Subject: large\r\n\r\n{}", "text\r\n".repeat(50_000));
    let lost = send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    send(&hub, &["anna@example.com"], "behind");
    let bodies = fs::read_dir(office.path("data/bodies")).unwrap();
    for file in bodies {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    for kind in ["--maildir", "--mbox"] {
        let done = office.run(&["export", "anna", kind, &format!("out{kind}")]);
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(
            done.err
                .contains(&format!("message {lost} is not exported: ")),
            "{done:?}"
        );
        let said = String::from_utf8(done.out).unwrap();
        assert!(said.starts_with("exported 2 messages ("), "{said}");
    }
    assert_eq!(files(&office.path("out--maildir")).len(), 2);
    let mbox = office.read("out--mbox");
    assert!(mbox.contains("Subject: before\n") && mbox.contains("Subject: behind\n"));
    assert!(!mbox.contains("Subject: large"));
}

#[test]
fn an_export_without_a_target_names_both_kinds() {
    let office = Office::new();
    let done = office.run(&["export", "anna"]);
    assert_eq!(done.code, Some(2), "{done:?}");
    for flag in ["--maildir", "--mbox"] {
        assert!(done.err.contains(flag), "{}", done.err);
    }
    let both = office.run(&["export", "anna", "--maildir=a", "--mbox=b"]);
    assert_eq!(both.code, Some(2), "{both:?}");
}
