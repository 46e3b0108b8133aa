//! How the hub ends when it is told to.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::hub::{Office, at_once};
use crate::mail::{greet, log_in, send, send_in, waiting};

/// The promise; the rest of it is for the store.
const OUT_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn sigterm_ends_idle_sessions_and_the_hub_in_time() {
    at_once([Signal::TERM, Signal::INT], |signal| {
        let office = Office::new();
        let mut hub = office.serve();
        send(&hub, &["anna@example.com"], "stays");
        let mut pop3 = log_in(&hub, "anna");
        pop3.say("DELE 1", "+OK*");
        let mut smtp = hub.smtp();
        greet(&mut smtp);
        let mut in_data = hub.smtp();
        greet(&mut in_data);
        in_data.say("MAIL FROM:<>", "250 *");
        in_data.say("RCPT TO:<anna@example.com>", "250 *");
        in_data.say("DATA", "354 *");
        in_data.send(b"half a message\r\n");
        let mut before_login = hub.pop3();
        before_login.expect("+OK *");

        let since = Instant::now();
        hub.signal(signal);
        smtp.expect("421 4.3.2 post.example.com is going down*");
        smtp.expect_close();
        pop3.expect_close();
        before_login.expect_close();
        while let Some(line) = in_data.line() {
            assert!(line.starts_with("421 "), "{line}");
        }
        let ended = hub.wait_for_end(OUT_WITHIN);
        assert!(since.elapsed() < OUT_WITHIN);
        assert_eq!(ended.code(), Some(0));
        hub.wait_for_log("[INFO] stopped");

        let hub = office.serve();
        assert_eq!(waiting(&hub, "anna"), 1, "a mark without QUIT is lost");
    });
}

#[test]
fn a_peer_that_reads_nothing_does_not_hold_the_end_up() {
    let office = Office::new();
    let mut hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let large = "a line of a large message\r\n".repeat(800_000);
    send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    let mut deaf = log_in(&hub, "anna");
    deaf.send(b"RETR 1\r\n");
    deaf.expect("+OK*");
    let since = Instant::now();
    assert!(hub.stop().success());
    assert!(since.elapsed() < OUT_WITHIN, "{:?}", since.elapsed());
}

#[test]
fn nobody_gets_in_while_the_hub_ends_and_the_port_is_free_behind_it() {
    let office = Office::new();
    let mut hub = office.serve();
    let address = hub.address("smtp");
    let open = log_in(&hub, "anna");
    assert!(hub.stop().success());
    drop(open);
    let settings = office.read("postroom.toml");
    let same_port = settings.replacen("127.0.0.1:0", &address.to_string(), 1);
    office.write("postroom.toml", &same_port);
    let hub = office.serve();
    assert_eq!(hub.address("smtp"), address);
}

#[test]
fn the_store_is_closed_when_the_hub_ends_right_after_a_session() {
    for _ in 0..5 {
        let office = Office::new();
        let mut hub = office.serve();
        send(&hub, &["anna@example.com"], "stays");
        assert!(hub.stop().success());
        // SQLite removes its log when the last connection closes in order.
        assert!(!office.path("data/postroom.db-wal").exists());
    }
}
