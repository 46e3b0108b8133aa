//! A disk that has become read-only, as a failing one does.

use rustix::io::Errno;

use crate::hub::{Office, eventually};
use crate::interpose::{Action, Rule, call, place};
use crate::mail::{behind_trace, log_in, waiting};
use crate::{
    body_files, faulty_hub, large, on_a_disk_of_its_own, send_and_see, small, told, told_once,
};

const CHANGES: i32 = call::WRITE | call::TRUNCATE | call::RENAME | call::UNLINK | call::MKDIR;

/// Every change of the data folder is refused.
fn read_only() -> [Rule; 3] {
    let failing = Action::Fail(Errno::ROFS.raw_os_error());
    [
        Rule::always(failing, CHANGES, place::STORE),
        Rule::always(failing, call::OPEN, place::OTHER).with("/data/reserve"),
        Rule::always(failing, call::OPEN, place::OTHER).with("/data/probe"),
    ]
}

#[test]
fn disk_that_becomes_read_only() {
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    assert!(send_and_see(&hub, &large()).starts_with("250 "));
    faults.order(&read_only());
    for content in [small(), large(), small(), large()] {
        let reply = send_and_see(&hub, &content);
        assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    }
    // What is there is read; what is to be removed is not said to be.
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("RETR 1", "+OK*");
    assert_eq!(behind_trace(&pop3.multi_line()), large());
    pop3.say("DELE 1", "+OK*");
    pop3.say("QUIT", "-ERR [SYS/TEMP] *");
    assert_eq!(waiting(&hub, "anna"), 1);
    let said = "store failed while keeping a message: the disk is mounted read-only";
    told_once(&hub, said);
    // The commit that was under way, what came behind it, QUIT.
    eventually("all is told", || told(&hub, "[ERROR]") > 2);
    assert_eq!(told(&hub, "[ERROR]"), 3, "{}", hub.log());
    assert!(
        office.status()["hub"]["recent_errors"]
            .to_string()
            .contains("read-only")
    );

    faults.lift();
    for content in [small(), large()] {
        assert!(send_and_see(&hub, &content).starts_with("250 "));
    }
    told_once(&hub, "[INFO] store works again: keeping a message");
    assert_eq!(waiting(&hub, "anna"), 3);
    drop(hub);
    drop(office.serve());
    assert_eq!(body_files(&office), 2);
}

#[test]
fn disk_that_is_read_only_at_the_start() {
    on_a_disk_of_its_own(
        "read_only::disk_that_is_read_only_at_the_start",
        40,
        |disk| {
            let office = Office::new();
            office.set("store", "keep_free = \"1 MB\"");
            let mut hub = office.serve();
            assert!(send_and_see(&hub, &small()).starts_with("250 "));
            hub.stop();
            let remount = |how: &str| {
                let mut mount = std::process::Command::new("mount");
                assert!(
                    mount
                        .args(["-o", how])
                        .arg(disk)
                        .status()
                        .unwrap()
                        .success()
                );
            };
            remount("remount,ro");
            let why = office.run(&["serve"]).bad();
            assert!(why.contains("Read-only file system"), "{why}");
            remount("remount,rw");
            assert_eq!(waiting(&office.serve(), "anna"), 1);
        },
    );
}
