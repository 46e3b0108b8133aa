use std::fs as plain;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

#[test]
fn a_link_is_replaced_and_what_it_leads_to_stays() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open_itself(temporary.path()).unwrap();
    let secret = temporary.path().join("secret");
    for write in [
        |folder: &Folder| folder.new_file("mail"),
        |folder: &Folder| folder.new_file_alone("mail").map(Option::unwrap),
    ] {
        plain::write(&secret, "kept").unwrap();
        let _ = plain::remove_file(temporary.path().join("mail"));
        symlink(&secret, temporary.path().join("mail")).unwrap();
        assert!(folder.read("mail").is_err());
        write(&folder).unwrap().write_all(b"mail").unwrap();
        assert_eq!(plain::read(&secret).unwrap(), b"kept");
        let mail = plain::symlink_metadata(temporary.path().join("mail")).unwrap();
        assert!(mail.is_file() && mail.permissions().mode() & 0o777 == 0o600);
    }
}

#[test]
fn a_folder_that_is_a_link_is_not_opened() {
    let temporary = tempfile::tempdir().unwrap();
    plain::create_dir(temporary.path().join("there")).unwrap();
    symlink("there", temporary.path().join("link")).unwrap();
    let folder = Folder::open(temporary.path()).unwrap();
    assert!(folder.below("there").is_ok());
    assert!(folder.below("link").is_err());
    assert!(Folder::open_itself(&temporary.path().join("link")).is_err());
    assert!(Folder::open(&temporary.path().join("link")).is_ok());
}

#[test]
fn a_folder_goes_with_what_is_in_it_and_what_links_in_it_lead_to_stays() {
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    let folder = Folder::open(temporary.path()).unwrap();
    for name in ["kept", "going", "going/deeper"] {
        plain::create_dir(at(name)).unwrap();
        plain::write(at(name).join("file"), "").unwrap();
    }
    symlink(at("kept"), at("going/link")).unwrap();
    symlink(at("kept"), at("link")).unwrap();
    folder.remove_all("going").unwrap();
    assert!(folder.remove_all("link").is_err());
    assert!(!at("going").exists() && at("kept/file").exists());
    assert!(folder.remove_folder("kept").is_err());
}

#[test]
fn what_has_a_name_is_not_taken_for_a_new_folder_or_a_new_file() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path()).unwrap();
    let exists = |why: io::Error| why.kind() == io::ErrorKind::AlreadyExists;
    drop(folder.make_below("folder", 0o755).unwrap());
    assert!(exists(folder.make_below("folder", 0o755).unwrap_err()));
    drop(folder.create("file").unwrap());
    assert!(exists(folder.create("file").unwrap_err()));
    symlink("elsewhere", temporary.path().join("link")).unwrap();
    assert!(exists(folder.make_below("link", 0o755).unwrap_err()));
    assert!(exists(folder.create("link").unwrap_err()));
}

#[test]
fn a_folder_that_was_moved_away_is_not_in_its_place_and_still_itself() {
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    let root = Folder::open(temporary.path()).unwrap();
    let folder = root.below("there").unwrap();
    plain::write(at("there/mail"), "mail").unwrap();
    assert!(folder.is_in_its_place().unwrap());
    plain::rename(at("there"), at("elsewhere")).unwrap();
    assert!(!folder.is_in_its_place().unwrap());
    symlink("elsewhere", at("there")).unwrap();
    assert!(!folder.is_in_its_place().unwrap());
    assert_eq!(folder.octets("mail"), Some(4));
    folder.remove("mail").unwrap();
    root.remove_folder("elsewhere").unwrap();
    assert!(root.folder("elsewhere").is_err());
}

#[test]
fn a_lock_is_taken_once_and_nothing_else_lies_in_its_place() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path()).unwrap();
    let lock = folder.lock_file("lock").unwrap();
    assert!(lock.is_some() && folder.lock_file("lock").unwrap().is_none());
    drop(lock);
    assert!(folder.lock_file("lock").unwrap().is_some());
    symlink("secret", temporary.path().join("link")).unwrap();
    assert!(folder.lock_file("link").is_err());
    assert!(!temporary.path().join("secret").exists());
    assert_eq!(folder.octets("link"), None);
}

#[test]
fn a_file_has_one_writer_until_that_is_gone() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path()).unwrap();
    let mut one = folder.new_file_alone("mail").unwrap().unwrap();
    one.write_all(b"half").unwrap();
    assert!(folder.new_file_alone("mail").unwrap().is_none());
    let path = temporary.path().join("mail");
    assert_eq!(plain::read(&path).unwrap(), b"half");
    drop(one);
    assert!(folder.new_file_alone("mail").unwrap().is_some());
    assert_eq!(plain::read(&path).unwrap(), b"");
}
