//! Files of large messages that cannot be written, synced, named or read.

use std::fs;

use rustix::io::Errno;

use crate::hub::{Office, at_once, eventually};
use crate::interpose::{Action, Rule, call, place};
use crate::mail::{behind_trace, collect, id_of, log_in, waiting};
use crate::{body_files, faulty_hub, large, reply_to_mail, send_and_see, small, told_once};

const BROKEN: Action = Action::Fail(Errno::IO.raw_os_error());

#[test]
fn body_that_cannot_be_put_on_the_disk() {
    let cases = [
        (call::OPEN, place::BODY),
        (call::WRITE, place::BODY),
        (call::SYNC, place::BODY),
        (call::RENAME, place::BODY),
        (call::SYNC, place::BODIES),
    ];
    at_once(cases, |(calls, places)| {
        let case = format!("call {calls}, place {places}");
        let office = Office::new();
        let (hub, faults) = faulty_hub(&office);
        // Once: a sync that is tried again succeeds, and proves nothing.
        faults.order(&[Rule::once(BROKEN, calls, places, 0)]);
        let reply = send_and_see(&hub, &large());
        assert!(reply.starts_with("451 4.3.0 "), "{case}: {reply}");
        assert_eq!(faults.acted(0), 1, "{case}");
        eventually("nothing is left behind", || body_files(&office) == 0);
        assert_eq!(waiting(&hub, "anna"), 0, "{case}");
        let line = hub.wait_for_log("[ERROR] store failed while keeping a message: cannot ");
        assert!(
            line.contains("a file of the store: Input/output error"),
            "{line}"
        );

        assert!(send_and_see(&hub, &large()).starts_with("250 "), "{case}");
        told_once(&hub, "store works again: keeping a message");
        faults.order(&[Rule::always(BROKEN, calls, places)]);
        for _ in 0..3 {
            assert!(send_and_see(&hub, &large()).starts_with("451 "), "{case}");
            assert!(send_and_see(&hub, &small()).starts_with("250 "), "{case}");
        }
        faults.lift();
        assert_eq!(collect(&hub, "anna").len(), 4, "{case}");
    });
}

#[test]
fn file_of_an_erased_message_that_cannot_be_removed() {
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    let id = id_of(&send_and_see(&hub, &large()));
    faults.order(&[Rule::always(BROKEN, call::UNLINK, place::BODY)]);
    office.good(&["mail", "erase", "--yes", &id]);
    assert_eq!((waiting(&hub, "anna"), body_files(&office)), (0, 1));
    drop(hub);
    drop(office.serve());
    assert_eq!(body_files(&office), 0);
}

#[test]
fn body_that_cannot_be_opened_is_refused_and_the_rest_is_served() {
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    let id = id_of(&send_and_see(&hub, &large()));
    send_and_see(&hub, &small());
    let denied = Action::Fail(Errno::ACCESS.raw_os_error());
    faults.order(&[Rule::always(denied, call::OPEN, place::BODY)]);
    for _ in 0..2 {
        let mut pop3 = log_in(&hub, "anna");
        pop3.say("RETR 1", "-ERR [SYS/TEMP] *");
        pop3.say("TOP 1 0", "-ERR [SYS/TEMP] *");
        pop3.say("LIST 1", "+OK 1 *");
        pop3.say("RETR 2", "+OK*");
        assert_eq!(behind_trace(&pop3.multi_line()), small());
        pop3.say("QUIT", "+OK*");
    }
    told_once(
        &hub,
        &format!(
            "[ERROR] store failed while reading a message: the content of message {id} cannot be read"
        ),
    );
    let why = office.run(&["mail", "show", &id]).bad();
    assert!(
        why.contains(&id) && why.contains("Permission denied"),
        "{why}"
    );
    faults.lift();
    assert_eq!(behind_trace(&collect(&hub, "anna")[0]), large());
}

#[test]
fn body_that_breaks_off_does_not_stop_the_mailbox() {
    for after in [0, 2] {
        let office = Office::new();
        let (hub, faults) = faulty_hub(&office);
        send_and_see(&hub, &large());
        send_and_see(&hub, &small());
        faults.order(&[Rule::once(BROKEN, call::READ, place::BODY, after)]);
        let mut pop3 = log_in(&hub, "anna");
        pop3.send(b"RETR 1\r\n");
        match after {
            // Nothing has been sent of it yet.
            0 => drop(pop3.expect("-ERR [SYS/TEMP] *")),
            _ => {
                // Half a message must not look like a whole one.
                let read = pop3.until_close();
                assert!(read.len() > 100_000 && !read.ends_with(b"\r\n.\r\n"));
                let mut pop3 = log_in(&hub, "anna");
                pop3.say("RETR 1", "-ERR [SYS/TEMP] *");
                pop3.say("RETR 2", "+OK*");
                assert_eq!(behind_trace(&pop3.multi_line()), small());
            }
        }
        told_once(&hub, "[ERROR]");
    }
}

#[test]
fn body_file_that_has_grown() {
    let office = Office::new();
    let hub = office.serve();
    let id = id_of(&send_and_see(&hub, &large()));
    let file = fs::read_dir(office.path("data/bodies")).unwrap().next();
    let path = file.unwrap().unwrap().path();
    fs::write(&path, [large(), small()].concat()).unwrap();
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("RETR 1", "-ERR [SYS/TEMP] *");
    hub.wait_for_log(&format!("the content of message {id} is damaged"));
    fs::write(&path, large()).unwrap();
    pop3.say("RETR 1", "+OK*");
}

/// Each call about each place fails for a while, in one hub that must outlive
/// it all.
#[test]
fn every_call_of_the_store_that_fails_in_turn() {
    const CALLS: [i32; 8] = [
        call::OPEN,
        call::WRITE,
        call::SYNC,
        call::RENAME,
        call::UNLINK,
        call::TRUNCATE,
        call::MKDIR,
        call::READ,
    ];
    const PLACES: [i32; 5] = [
        place::DATABASE,
        place::LOG,
        place::BODY,
        place::BODIES,
        place::FOLDER,
    ];
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    let mut kept = 0;
    for (calls, places) in CALLS
        .into_iter()
        .flat_map(|calls| PLACES.map(|places| (calls, places)))
    {
        faults.order(&[Rule::always(BROKEN, calls, places)]);
        for content in [small(), large()] {
            let reply = send_and_see(&hub, &content);
            kept += usize::from(reply.starts_with("250 "));
            let is_good = reply.starts_with("250 ") || reply.starts_with("451 4.3.0 ");
            assert!(is_good, "{calls} {places}: {reply}");
        }
        faults.lift();
        assert!(reply_to_mail(&hub).starts_with("250 "), "{calls} {places}");
        let reply = send_and_see(&hub, &small());
        assert!(reply.starts_with("250 "), "{calls} {places}: {reply}");
        kept += 1;
    }
    assert_eq!(waiting(&hub, "anna"), kept);
    drop(hub);
    let hub = office.serve();
    // A failed sync may have kept what was refused.
    assert!(collect(&hub, "anna").len() >= kept);
}
