//! What the disk of the tests forgets, and what it keeps.

use super::*;

const FILE: Synced = Synced::File(7);

fn disk(calls: &[Call]) -> Disk {
    let mut disk = Disk::default();
    let opened = Call::Opened {
        path: "bodies/a".to_string(),
        file: 7,
        emptied: false,
    };
    for call in std::iter::once(&opened).chain(calls) {
        disk.take(call, &mut Random::seeded(1));
    }
    disk
}

fn begins(what: Synced) -> Call {
    Call::SyncBegins { thread: 1, what }
}

fn ends(what: Synced, failed: bool) -> Call {
    Call::SyncEnds {
        thread: 1,
        what,
        failed,
    }
}

fn written(octets: &[u8]) -> Call {
    Call::Written {
        file: 7,
        is_database: false,
        offset: 0,
        octets: octets.to_vec(),
    }
}

/// Its content, if the file is there at all.
fn found(disk: &Disk, left: Left) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    disk.cut(left, &mut Random::seeded(1), folder.path());
    fs::read(folder.path().join("bodies/a")).ok()
}

#[test]
fn what_was_never_synced_is_gone() {
    let disk = disk(&[written(b"new")]);
    assert_eq!(found(&disk, Left::Nothing), None);
    assert_eq!(found(&disk, Left::Everything), Some(b"new".to_vec()));
}

#[test]
fn a_file_without_its_folder_is_gone_and_a_name_alone_is_empty() {
    let file_alone = disk(&[written(b"new"), begins(FILE), ends(FILE, false)]);
    assert_eq!(found(&file_alone, Left::Nothing), None);
    let bodies = Synced::Bodies;
    let name_alone = disk(&[written(b"new"), begins(bodies), ends(bodies, false)]);
    assert_eq!(found(&name_alone, Left::Nothing), Some(Vec::new()));
}

#[test]
fn what_is_written_while_a_sync_runs_is_not_synced_by_it() {
    let bodies = Synced::Bodies;
    let calls = [
        begins(bodies),
        ends(bodies, false),
        begins(FILE),
        written(b"new"),
        ends(FILE, false),
    ];
    assert_eq!(found(&disk(&calls), Left::Nothing), Some(Vec::new()));
}

#[test]
fn what_a_failed_sync_was_about_no_later_one_saves() {
    let bodies = Synced::Bodies;
    let mut disk = disk(&[begins(bodies), ends(bodies, false)]);
    // Enough pieces that chance does not spare them all.
    for _ in 0..64 {
        let call = Call::Written {
            file: 7,
            is_database: false,
            offset: disk.files[0].pieces.len(),
            octets: b"x".to_vec(),
        };
        disk.take(&call, &mut Random::seeded(1));
    }
    for call in [
        begins(FILE),
        ends(FILE, true),
        begins(FILE),
        ends(FILE, false),
    ] {
        disk.take(&call, &mut Random::seeded(1));
    }
    let found = found(&disk, Left::Everything).unwrap();
    assert!(found.iter().filter(|octet| **octet == b'x').count() < 64);
}
