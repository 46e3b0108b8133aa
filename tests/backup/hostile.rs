//! Archives that somebody made up to write where they should not.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use tar::{EntryType, Header};

use crate::hub::Office;
use crate::{NewBox, Shelf, names};

const HEAD: &str = "{\"postroom_backup\":1,\"made_at\":\"2026-11-23T09:00:00Z\",\"program\":\"0.1.0\",\
    \"hostname\":\"post.example.com\",\"store\":\"00000000000000000000000000000000\",\"last_entry\":0,\"state\":\"state-1\",\"data_dir\":\"data\",\"allow_root\":true}\n";

/// One entry as it is told, whatever tar's own writer would say to the name.
fn entry(archive: &mut Vec<u8>, name: &str, kind: EntryType, link: &str, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o777);
    header.set_entry_type(kind);
    let fields = header.as_old_mut();
    fields.name[..name.len()].copy_from_slice(name.as_bytes());
    fields.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    archive.write_all(header.as_bytes()).unwrap();
    archive.write_all(content).unwrap();
    archive.resize(archive.len().next_multiple_of(512), 0);
}

fn archive(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut archive = Vec::new();
    entry(
        &mut archive,
        "head.json",
        EntryType::Regular,
        "",
        HEAD.as_bytes(),
    );
    build(&mut archive);
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// What names and kinds are refused.
fn tricks() -> Vec<(&'static str, EntryType, &'static str)> {
    let file = EntryType::Regular;
    vec![
        ("../outside", file, ""),
        ("bodies/../../outside", file, ""),
        ("/tmp/outside-of-postroom", file, ""),
        ("bodies/outside", file, ""),
        ("state-1/settings/../../../../outside", file, ""),
        ("state-1/outside", file, ""),
        ("lock", file, ""),
        (
            "bodies/aaaaaaaaaaaaaaaaaaaaaaaaaa",
            EntryType::Symlink,
            "/etc/passwd",
        ),
        (
            "bodies/aaaaaaaaaaaaaaaaaaaaaaaaaa",
            EntryType::Link,
            "/etc/passwd",
        ),
        ("bodies", EntryType::Symlink, "/tmp"),
        ("bodies/", EntryType::Directory, ""),
        ("bodies/aaaaaaaaaaaaaaaaaaaaaaaaaa", EntryType::Fifo, ""),
        ("bodies/aaaaaaaaaaaaaaaaaaaaaaaaaa", EntryType::Char, ""),
        ("long", EntryType::GNULongName, ""),
        ("long", EntryType::XHeader, ""),
        (
            "bodies/aaaaaaaaaaaaaaaaaaaaaaaaaa",
            EntryType::GNUSparse,
            "",
        ),
    ]
}

#[test]
fn names_and_links_that_lead_elsewhere_are_refused_and_nothing_is_made() {
    let office = Office::without_users();
    let shelf = Shelf::new();
    for (name, kind, link) in tricks() {
        let content = match kind {
            EntryType::Regular => &b"x"[..],
            _ => b"",
        };
        let made = archive(|archive| entry(archive, name, kind, link, content));
        fs::write(shelf.path("evil.tar"), made).unwrap();
        let why = office.run(&["verify", &shelf.text("evil.tar")]).bad();
        assert!(
            why.contains("holds a file that no backup has"),
            "{name}: {why}"
        );
        let other = NewBox::new();
        let why = other.run(&["restore", &shelf.text("evil.tar")]).bad();
        assert!(
            why.contains("holds a file that no backup has"),
            "{name}: {why}"
        );
        assert!(!other.path("outside").exists() && !other.path("etc/outside").exists());
        assert!(!Path::new("/tmp/outside-of-postroom").exists());
        assert!(!other.path("etc/postroom.toml").exists());
    }
}

#[test]
fn the_same_file_twice_and_files_without_a_manifest_are_refused() {
    let office = Office::without_users();
    let shelf = Shelf::new();
    let body = "bodies/aaaaaaaaaaaaaaaaaaaaaaaaaa";
    let regular = EntryType::Regular;
    let twice = archive(|archive| {
        entry(archive, body, regular, "", b"one");
        entry(archive, body, regular, "", b"two");
    });
    let no_manifest = archive(|archive| entry(archive, body, regular, "", b"one"));
    let mut no_head = Vec::new();
    entry(&mut no_head, body, regular, "", b"one");
    let bad_manifest = archive(|archive| entry(archive, "manifest.jsonl", regular, "", b"{}\n"));
    for (octets, expected) in [
        (twice, "holds a file that no backup has"),
        (no_manifest, "it has no manifest"),
        (no_head, "its first file is not head.json"),
        (bad_manifest, "its manifest is none of postroom's"),
        (vec![b'x'; 5000], "it is no tar"),
        (vec![0; 5000], "there is nothing in it"),
        (Vec::new(), "there is nothing in it"),
    ] {
        fs::write(shelf.path("evil.tar"), octets).unwrap();
        let why = office.run(&["verify", &shelf.text("evil.tar")]).bad();
        assert!(why.contains(expected), "{expected}: {why}");
        NewBox::new()
            .run(&["restore", &shelf.text("evil.tar")])
            .bad();
    }
}

#[test]
fn a_backup_that_names_a_data_folder_elsewhere_is_refused() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    office.good(&["backup", &shelf.folder("b")]);
    let manifest = shelf.path("b/manifest.jsonl");
    let good = fs::read_to_string(&manifest).unwrap();
    for place in ["../elsewhere", "data/../../elsewhere", ".", "", "/"] {
        let named = format!("\"data_dir\":\"{place}\"");
        let text = good.replace("\"data_dir\":\"data\"", &named);
        let (before, _) = text.trim_end().rsplit_once('\n').unwrap();
        let lines = format!("{before}\n");
        let digest = openssl::sha::sha256(lines.as_bytes());
        let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        let files = lines.lines().count() - 2;
        let end = format!("{{\"files\":{files},\"sha256\":\"{digest}\"}}\n");
        fs::write(&manifest, lines + &end).unwrap();
        let other = NewBox::new();
        let why = other.run(&["restore", &shelf.text("b")]).bad();
        assert!(why.contains("leads somewhere else"), "{place}: {why}");
        assert!(!other.path("elsewhere").exists());
        assert!(!other.path("etc").exists());
    }
}

#[test]
fn a_file_that_is_planted_beside_an_archive_is_neither_written_nor_used() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    let (tar, part) = (shelf.text("b.tar"), shelf.path("b.tar.part"));
    let precious = shelf.path("precious");
    fs::write(&precious, "precious").unwrap();
    let plants: [fn(&Path, &Path); 4] = [
        |precious, part| symlink(precious, part).unwrap(),
        |precious, part| symlink(precious.with_file_name("new"), part).unwrap(),
        |precious, part| fs::hard_link(precious, part).unwrap(),
        |_, part| fs::create_dir(part).unwrap(),
    ];
    for plant in plants {
        plant(&precious, &part);
        let why = office.run(&["backup", &tar]).bad();
        assert!(why.contains("b.tar.part is in the way"), "{why}");
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert_eq!(shelf.names(), ["b.tar.part", "precious"]);
        fs::remove_file(&part)
            .or_else(|_| fs::remove_dir(&part))
            .unwrap();
    }
    // Keys must not go into what others may read, nor to who has it open already.
    fs::write(&part, "left").unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(0o666)).unwrap();
    let mut open = fs::File::open(&part).unwrap();
    office.good(&["backup", &tar]);
    assert_eq!(fs::metadata(&tar).unwrap().mode() & 0o777, 0o600);
    let mut seen = String::new();
    open.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "left");
    // Nor is a folder followed that leads elsewhere.
    let elsewhere = shelf.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("postroom.db"), "precious").unwrap();
    symlink(&elsewhere, shelf.path("b.tar.db.part")).unwrap();
    office.run(&["backup", &tar]).bad();
    assert_eq!(names(&elsewhere), ["postroom.db"]);
    office.good(&["verify", &tar]);
}
