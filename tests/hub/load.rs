//! Many at once: everything arrives, once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::hub::{Hub, Office};
use crate::mail::{collect, greet, send_in, waiting};

const SENDERS: usize = 50;
const MESSAGES: usize = 20;
const USERS: usize = 10;

/// The name of a message, in its subject.
fn subjects(messages: &[Vec<u8>]) -> Vec<String> {
    let subject = |message: &Vec<u8>| {
        let text = String::from_utf8_lossy(message).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("Subject: "));
        line.unwrap().to_string()
    };
    messages.iter().map(subject).collect()
}

fn send_all(hub: &Hub, sender: usize) {
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    for number in 0..MESSAGES {
        let user = (sender + number) % USERS;
        let content = format!(
            "Subject: {sender}-{number}\r\n\r\n{}",
            "text\r\n".repeat(500)
        );
        send_in(
            &mut smtp,
            &[&format!("user{user}@example.com")],
            content.as_bytes(),
        );
    }
    smtp.say("QUIT", "221 *");
}

#[test]
fn fifty_senders_and_ten_pcs_at_once_lose_nothing_and_double_nothing() {
    let office = Office::new();
    (0..USERS).for_each(|user| office.add_user(&format!("user{user}")));
    let hub = office.serve();
    let done = AtomicBool::new(false);
    let collected: Vec<String> = thread::scope(|scope| {
        let pcs: Vec<_> = (0..USERS)
            .map(|user| {
                let (hub, done) = (&hub, &done);
                scope.spawn(move || {
                    let user = format!("user{user}");
                    let mut all = Vec::new();
                    loop {
                        // Looked at before the visit: what is there then is the last.
                        let was_done = done.load(Ordering::SeqCst);
                        all.extend(collect(hub, &user));
                        if was_done {
                            return subjects(&all);
                        }
                    }
                })
            })
            .collect();
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let hub = &hub;
                scope.spawn(move || send_all(hub, sender))
            })
            .collect();
        let sent: Vec<_> = senders
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        done.store(true, Ordering::SeqCst);
        assert!(sent.iter().all(Result::is_ok));
        pcs.into_iter().flat_map(|pc| pc.join().unwrap()).collect()
    });
    assert_eq!(collected.len(), SENDERS * MESSAGES);
    let distinct: BTreeSet<&String> = collected.iter().collect();
    assert_eq!(distinct.len(), SENDERS * MESSAGES);
    assert_eq!(waiting(&hub, "user0"), 0);
    let errors = office.status()["hub"]["recent_errors"].to_string();
    assert_eq!(errors, "[]");
}
