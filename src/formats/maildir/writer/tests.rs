//! A Maildir that is written, and who else may be at it.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn put(maildir: &mut MaildirWriter, key: &str, content: &[u8], seen: Seen) {
    let name = Name {
        at: 1_795_425_300,
        key: key.to_string(),
        host: "post".to_string(),
    };
    let mut file = maildir.begin(name, LineEnds::Unix).unwrap();
    file.write(content).unwrap();
    maildir.add(file, seen).unwrap();
}

fn names(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for part in ["cur", "new", "tmp"] {
        let files = fs::read_dir(root.join(part)).unwrap();
        names.extend(files.map(|it| {
            let name = it.unwrap().file_name();
            format!("{part}/{}", name.to_string_lossy())
        }));
    }
    names.sort();
    names
}

#[test]
fn a_message_gets_its_name_when_it_is_settled_and_is_known_at_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mail");
    let mut maildir = MaildirWriter::open(&root).unwrap();
    put(&mut maildir, "a", b"A: b\r\n\r\nc\r\n", Seen::No);
    put(&mut maildir, "b", b"A: b\r\n", Seen::Yes);
    assert_eq!(names(&root), ["tmp/1795425300.a", "tmp/1795425300.b"]);
    maildir.settle().unwrap();
    let (a, b) = ("1795425300.a.post,S=8,W=11", "1795425300.b.post,S=5,W=6");
    assert_eq!(names(&root), [format!("cur/{b}:2,S"), format!("new/{a}")]);
    assert_eq!(fs::read(root.join("new").join(a)).unwrap(), b"A: b\n\nc\n");
    let known = ["a", "lost"].map(|key| (key.to_string(), "k3j".to_string()));
    maildir.finish(&known, 7).unwrap();
    let list = fs::read_to_string(root.join(UIDLIST)).unwrap();
    assert_eq!(list, format!("3 V7 N2\n1 Pk3j :{a}\n"));

    // `finish` has let go of it.
    let mut again = MaildirWriter::open(&root).unwrap();
    assert_eq!(
        (again.base("a"), again.base("b"), again.base("c")),
        (Some(a), Some(b), None)
    );
    again.note_seen("a").unwrap();
    again.note_seen("a").unwrap();
    again.note_seen("b").unwrap();
    assert_eq!(
        names(&root),
        [format!("cur/{a}:2,S"), format!("cur/{b}:2,S")]
    );
}

#[test]
fn what_was_not_finished_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let maildir = MaildirWriter::open(folder.path()).unwrap();
    let name = Name {
        at: 1,
        key: "a".to_string(),
        host: "post".to_string(),
    };
    let mut file = maildir.begin(name, LineEnds::Unix).unwrap();
    file.write(b"A: b\r\r\n").unwrap();
    assert!(file.is_ambiguous());
    drop(file);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "x").unwrap();
    let why = MaildirWriter::open(folder.path()).unwrap_err();
    assert!(
        why.to_string().contains("neither empty nor a Maildir"),
        "{why}"
    );
    assert!(!folder.path().join("cur").exists());
}

#[test]
fn links_that_lie_in_a_maildir_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "kept").unwrap();
    let root = folder.path().join("mail");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(root.join(part)).unwrap();
    }
    symlink(&secret, root.join("tmp").join("1795425300.a")).unwrap();
    symlink(&secret, root.join("tmp").join(UIDLIST)).unwrap();
    let mut maildir = MaildirWriter::open(&root).unwrap();
    put(&mut maildir, "a", b"A: b\r\n", Seen::No);
    let known = [("a".to_string(), "k3j".to_string())];
    maildir.finish(&known, 7).unwrap();
    assert_eq!(fs::read(&secret).unwrap(), b"kept");
    assert_eq!(names(&root), ["new/1795425300.a.post,S=5,W=6"]);

    for part in ["cur", "new", "tmp", ""] {
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(root.join(part), &elsewhere).unwrap();
        let link = folder.path().join("mail").join(part);
        symlink(&elsewhere, link.components().as_path()).unwrap();
        let why = MaildirWriter::open(&folder.path().join("mail/")).unwrap_err();
        assert!(matches!(why, MaildirError::Link(_)), "{part}: {why}");
        fs::remove_file(link.components().as_path()).unwrap();
        fs::rename(&elsewhere, root.join(part)).unwrap();
    }
}

#[test]
fn one_export_at_a_time_writes_into_a_maildir() {
    let folder = tempfile::tempdir().unwrap();
    let maildir = MaildirWriter::open(folder.path()).unwrap();
    let why = MaildirWriter::open(folder.path()).unwrap_err();
    assert!(
        why.to_string().contains("another export writes into"),
        "{why}"
    );
    drop(maildir);
    MaildirWriter::open(folder.path()).unwrap();
}
