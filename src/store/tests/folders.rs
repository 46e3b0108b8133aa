use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::support::*;

use super::super::folder::FILES;
use super::super::*;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folder_and_files_are_private() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    office.deliver(&["anna"], &large());
    let data = office.data().to_path_buf();
    for folder in [data.clone(), data.join("bodies")] {
        assert_eq!(mode(&folder), 0o700, "{folder:?}");
    }
    let body = data.join("bodies").join(office.body_files().remove(0));
    let files = [
        "lock",
        "reserve",
        "postroom.db",
        "postroom.db-wal",
        "postroom.db-shm",
    ];
    for file in files.map(|name| data.join(name)).into_iter().chain([body]) {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
    // A folder and a database that somebody opened to all are closed again.
    office.store = None;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(data.join("postroom.db"), fs::Permissions::from_mode(0o644)).unwrap();
    office.reopen();
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("postroom.db")), 0o600);
}

#[test]
fn a_second_hub_on_the_same_folder_is_told_who_has_it_and_what_to_do() {
    let mut office = office();
    let error = Store::open(&office.settings, office.now)
        .unwrap_err()
        .to_string();
    let process = format!("(process {})", std::process::id());
    assert!(
        error.contains(&process) && error.contains("data_dir"),
        "{error}"
    );
    office.reopen();
}

#[test]
fn a_store_is_closed_when_its_last_clone_is() {
    let mut office = office();
    let clone = office.store().clone();
    office.store = None;
    assert!(Store::open(&office.settings, office.now).is_err());
    clone.close();
    assert!(
        !office.data().join("postroom.db-wal").exists(),
        "the log is copied"
    );
    office.reopen();
}

#[test]
fn a_file_in_the_place_of_the_data_folder_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, "").unwrap();
    let error = Store::open(&Settings::new(&path), start()).unwrap_err();
    assert!(matches!(error, OpenError::NotAFolder(_)), "{error}");
}

#[test]
fn a_link_to_a_folder_of_ours_is_followed() {
    let folder = tempfile::TempDir::new().unwrap();
    let target = folder.path().join("large-disk");
    fs::create_dir(&target).unwrap();
    let link = folder.path().join("data");
    symlink(&target, &link).unwrap();
    let store = Store::open(&Settings::new(&link), start()).unwrap();
    assert_eq!(store.data_dir(), fs::canonicalize(&target).unwrap());
    assert_eq!(mode(&target), 0o700);
}

#[test]
fn a_link_that_leads_nowhere_to_itself_or_to_a_file_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("data"));
    fs::write(&file, "mine").unwrap();
    for target in [&folder.path().join("nowhere"), &link, &file] {
        symlink(target, &link).unwrap();
        let error = Store::open(&Settings::new(&link), start()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(link.to_str().unwrap()), "{error}");
        fs::remove_file(&link).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read(file).unwrap(), b"mine");
}

#[test]
fn a_link_inside_the_data_folder_is_refused() {
    for name in FILES.into_iter().chain(["bodies"]) {
        let folder = tempfile::TempDir::new().unwrap();
        let (data, target) = (folder.path().join("data"), folder.path().join("target"));
        fs::create_dir(&data).unwrap();
        for shape in ["a file", "a folder", "nothing"] {
            match shape {
                "a file" => fs::write(&target, "mine").unwrap(),
                "a folder" => fs::create_dir(&target).unwrap(),
                _ => {}
            }
            let link = data.join(name);
            symlink(&target, &link).unwrap();
            let error = Store::open(&Settings::new(&data), start()).unwrap_err();
            let is_told = matches!(&error, OpenError::LinkInside(path) if *path == link);
            assert!(is_told, "{name}, {shape}: {error}");
            match shape {
                "a file" => {
                    assert_eq!(fs::read(&target).unwrap(), b"mine");
                    fs::remove_file(&target).unwrap();
                }
                "a folder" => fs::remove_dir(&target).unwrap(),
                _ => assert!(!target.exists()),
            }
            fs::remove_file(link).unwrap();
        }
    }
}

#[test]
fn a_pipe_or_a_folder_in_the_place_of_a_file_is_refused() {
    for name in FILES {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(name);
        for is_folder in [true, false] {
            match is_folder {
                true => fs::create_dir(&path).unwrap(),
                false => {
                    let (kind, mode) = (FileType::Fifo, Mode::RUSR | Mode::WUSR);
                    mknodat(CWD, &path, kind, mode, 0).unwrap();
                }
            }
            let error = Store::open(&Settings::new(folder.path()), start()).unwrap_err();
            assert!(matches!(error, OpenError::NotAFile(_)), "{name}: {error}");
            if is_folder {
                fs::remove_dir(&path).unwrap();
            }
        }
    }
}

#[test]
fn a_folder_of_another_user_is_refused() {
    // Only root can give a folder away, and only root is fooled by this test.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(12345), None).unwrap();
    let error = Store::open(&Settings::new(folder.path()), start()).unwrap_err();
    assert!(
        matches!(error, OpenError::NotOurs { owner: 12345, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("sudo -u '#12345'"), "{error}");
}

#[test]
fn a_newer_store_is_refused_with_the_way_out() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    office.store = None;
    let path = office.data().join("postroom.db");
    let db = schema::connect(&path, Purpose::Write).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let error = Store::open(&office.settings, office.now)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("layout is 99") && error.contains("newer version"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    fs::write(
        folder.path().join("postroom.db"),
        "not a database, just text\n".repeat(99),
    )
    .unwrap();
    let error = Store::open(&Settings::new(folder.path()), start()).unwrap_err();
    assert!(error.to_string().contains("database"), "{error}");
}

#[test]
fn the_settings_that_durability_rests_on_are_in_force() {
    let office = office();
    let path = office.data().join("postroom.db");
    let db = schema::connect(&path, Purpose::Write).unwrap();
    let text = |name: &str| -> String {
        let value: rusqlite::types::Value =
            db.pragma_query_value(None, name, |row| row.get(0)).unwrap();
        format!("{value:?}")
    };
    assert_eq!(text("journal_mode"), "Text(\"wal\")");
    assert_eq!(text("synchronous"), "Integer(2)");
    assert_eq!(text("auto_vacuum"), "Integer(2)");
    assert_eq!(text("wal_autocheckpoint"), "Integer(0)");
    assert_eq!(text("foreign_keys"), "Integer(1)");
}

#[test]
fn a_database_that_was_moved_away_does_not_take_the_large_bodies_with_it() {
    let mut office = office();
    office.deliver(&["anna"], &large());
    office.store = None;
    let (path, aside) = (office.data().join("postroom.db"), office.data().join("old"));
    fs::rename(&path, &aside).unwrap();
    // Twice: the first try must not leave a database that the next one trusts.
    for _ in 0..2 {
        let error = Store::open(&office.settings, office.now).unwrap_err();
        assert!(matches!(error, OpenError::DatabaseGone { .. }), "{error}");
    }
    assert_eq!(office.body_files().len(), 1);
    fs::rename(&aside, &path).unwrap();
    office.store = Some(Store::open(&office.settings, office.now).unwrap());
    assert!(office.content(office.listing("anna")[0].entry).is_ok());
}

#[test]
fn a_database_that_another_program_holds_at_the_start_costs_no_reserve() {
    let mut office = office();
    office.deliver(&["anna"], b"Subject: one\r\n\r\n");
    office.store = None;
    let reserve = office.data().join("reserve");
    assert!(reserve.exists());
    let other = rusqlite::Connection::open(office.data().join("postroom.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = Store::open(&office.settings, office.now).unwrap_err();
    let is_told = matches!(error, OpenError::Database(StoreError::Locked));
    assert!(is_told, "{error}");
    assert!(reserve.exists());
    other.execute_batch("ROLLBACK").unwrap();
    office.store = Some(Store::open(&office.settings, office.now).unwrap());
    assert_eq!(office.listing("anna").len(), 1);
}

#[test]
fn a_store_that_is_there_removes_what_a_restore_left_and_needs_it_gone() {
    let mut office = office();
    let id = office.deliver(&["anna"], &large());
    let part = office.data().join(RESTORING);
    fs::create_dir_all(part.join("state-1/settings")).unwrap();
    fs::write(part.join("state-1/settings/3"), "a key").unwrap();
    office.reopen();
    assert!(!part.exists());
    assert_eq!(office.listing("anna")[0].message, id);
    fs::write(&part, "no folder").unwrap();
    office.store = None;
    let error = Store::open(&office.settings, office.now).unwrap_err();
    assert!(matches!(error, OpenError::RestoreLeft { .. }), "{error}");
    assert!(error.to_string().contains("remove it as root"), "{error}");
}
