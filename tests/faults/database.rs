//! A database that another program holds, damages, or takes away.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;
use rustix::io::Errno;

use crate::hub::{Hub, Office, at_once};
use crate::interpose::{Action, Rule, call, place};
use crate::mail::{log_in, waiting};
use crate::{faulty_hub, large, send_and_see, small, told, told_once};

/// Another program with the database of this office.
fn another_program(office: &Office) -> Connection {
    Connection::open(office.path("data/postroom.db")).unwrap()
}

/// An office with mail in its database, whose hub has ended.
fn office_with_mail() -> Office {
    let office = Office::new();
    let mut hub = office.serve();
    for _ in 0..60 {
        assert!(send_and_see(&hub, &small()).starts_with("250 "));
    }
    assert!(send_and_see(&hub, &large()).starts_with("250 "));
    assert!(hub.stop().success());
    office
}

#[test]
fn database_that_another_program_locks() {
    let office = Office::new();
    let hub = office.serve();
    assert!(send_and_see(&hub, &small()).starts_with("250 "));
    let other = another_program(&office);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for content in [small(), large()] {
        let reply = send_and_see(&hub, &content);
        assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    }
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("RETR 1", "+OK*");
    pop3.multi_line();
    pop3.say("DELE 1", "+OK*");
    pop3.say("QUIT", "-ERR [SYS/TEMP] *");
    let said =
        "[ERROR] store failed while keeping a message: another program holds the database locked";
    told_once(&hub, said);
    other.execute_batch("ROLLBACK").unwrap();
    assert!(send_and_see(&hub, &large()).starts_with("250 "));
    assert_eq!(waiting(&hub, "anna"), 2);
}

#[test]
fn database_that_cannot_be_read_for_a_while() {
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    send_and_see(&hub, &large());
    let broken = Action::Fail(Errno::IO.raw_os_error());
    faults.order(&[Rule::always(
        broken,
        call::READ,
        place::DATABASE | place::LOG,
    )]);
    // What SQLite still has in memory it serves.
    for _ in 0..3 {
        let reply = send_and_see(&hub, &small());
        assert!(
            reply.starts_with("250 ") || reply.starts_with("451 4.3.0 "),
            "{reply}"
        );
    }
    faults.lift();
    assert!(send_and_see(&hub, &small()).starts_with("250 "));
    assert!(waiting(&hub, "anna") >= 2);
}

/// What the hub says that does not start.
fn refusal(office: &Office) -> String {
    office.run(&["serve"]).bad()
}

fn overwrite(file: &Path, at: u64, octets: usize) {
    let file = File::options().write(true).open(file).unwrap();
    file.write_all_at(&vec![0xa5; octets], at).unwrap();
}

#[test]
fn database_that_is_damaged_at_the_start() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage, &str); 6] = [
        ("its header", |path| overwrite(path, 0, 100), "is damaged"),
        (
            "its first page",
            |path| overwrite(path, 100, 3000),
            "is damaged",
        ),
        (
            "cut in half",
            |path| {
                let file = File::options().write(true).open(path).unwrap();
                file.set_len(file.metadata().unwrap().len() / 2).unwrap();
            },
            "is damaged",
        ),
        (
            "emptied",
            |path| drop(File::create(path).unwrap()),
            "the database it belongs to is gone",
        ),
        (
            "another program's",
            |path| {
                fs::remove_file(path).unwrap();
                let other = Connection::open(path).unwrap();
                other.execute_batch("CREATE TABLE recipe (x)").unwrap();
            },
            "is not a store of postroom",
        ),
        (
            "a folder",
            |path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            },
            "postroom.db",
        ),
    ];
    at_once(cases, |(name, damage, expected)| {
        let office = office_with_mail();
        let path = office.path("data/postroom.db");
        let kept = fs::read(&path).unwrap();
        damage(&path);
        let why = refusal(&office);
        assert!(why.contains(expected), "{name}: {why}");
        assert_eq!(crate::body_files(&office), 1, "{name}");
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        }
        fs::write(&path, kept).unwrap();
        assert_eq!(waiting(&office.serve(), "anna"), 61, "{name}");
    });
}

#[test]
fn database_with_garbage_in_its_middle() {
    let office = office_with_mail();
    let path = office.path("data/postroom.db");
    let octets = fs::metadata(&path).unwrap().len();
    overwrite(&path, octets / 2 / 4096 * 4096, octets as usize / 3);
    let hub = match refusal_or_hub(&office) {
        Err(why) => return assert!(why.contains("is damaged"), "{why}"),
        Ok(hub) => hub,
    };
    let mut pop3 = log_in(&hub, "anna");
    let count = pop3.say("STAT", "*");
    for number in 1..=61 {
        if pop3.say(&format!("RETR {number}"), "*").starts_with("+OK") {
            pop3.multi_line();
        }
    }
    hub.wait_for_log("the database is damaged");
    assert!(
        told(&hub, "the database is damaged") < 5,
        "{count} {}",
        hub.log()
    );
}

fn refusal_or_hub(office: &Office) -> Result<Hub, String> {
    let checked = office.run(&["mail", "list", "anna"]);
    match checked.code {
        Some(0) => Ok(office.serve()),
        _ => Err(checked.bad()),
    }
}

#[test]
fn log_of_the_database_with_garbage_in_it() {
    let office = Office::new();
    let mut hub = office.serve();
    assert!(send_and_see(&hub, &small()).starts_with("250 "));
    hub.kill();
    let log = office.path("data/postroom.db-wal");
    let octets = fs::metadata(&log).unwrap().len();
    overwrite(&log, octets - 2000, 2000);
    let hub = office.serve();
    assert!(waiting(&hub, "anna") <= 1);
    assert!(send_and_see(&hub, &small()).starts_with("250 "));
}

#[test]
fn database_that_is_moved_away_while_the_hub_runs() {
    let office = Office::new();
    let mut hub = office.serve();
    send_and_see(&hub, &small());
    let (path, aside) = (office.path("data/postroom.db"), office.path("aside"));
    fs::rename(&path, &aside).unwrap();
    for content in [small(), large()] {
        let reply = send_and_see(&hub, &content);
        assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    }
    told_once(
        &hub,
        "[ERROR] store failed while keeping a message: the database has been moved away",
    );
    // Another one in its place is none of ours.
    fs::copy(&aside, &path).unwrap();
    let reply = send_and_see(&hub, &small());
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    assert_eq!(waiting(&hub, "anna"), 1);
    fs::rename(&aside, &path).unwrap();
    assert!(send_and_see(&hub, &small()).starts_with("250 "));
    assert!(hub.stop().success());
    assert_eq!(waiting(&office.serve(), "anna"), 2);
}

#[test]
fn database_that_is_gone_at_the_start() {
    // Killed, its log has mail that the database has not: SQLite would remove it.
    let stop = |hub: &mut Hub| assert!(hub.stop().success());
    for end in [Hub::kill, stop] {
        let office = Office::new();
        let mut hub = office.serve();
        assert!(send_and_see(&hub, &small()).starts_with("250 "));
        end(&mut hub);
        let (path, aside) = (office.path("data/postroom.db"), office.path("aside"));
        fs::rename(&path, &aside).unwrap();
        for _ in 0..2 {
            let why = refusal(&office);
            assert!(why.contains("the database it belongs to is gone"), "{why}");
        }
        fs::rename(&aside, &path).unwrap();
        assert_eq!(waiting(&office.serve(), "anna"), 1);
    }
}
