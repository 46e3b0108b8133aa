//! The page for monitoring programs: what it says, and to whom.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fetching::{add_account, letter, poll};
use crate::hub::{Hub, Office, eventually};
use crate::mail::{collect, greet, message, pass, rcpt, send};
use crate::provider::Provider;
use crate::talk::Talk;

const PAGE: &str = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
/// As many as there are places.
const CONNECTIONS_MAX: usize = 4;

fn watched() -> Office {
    let office = Office::new();
    office.set("metrics", "listen = [\"127.0.0.1:0\"]");
    office
}

fn ask(hub: &Hub, request: &str) -> String {
    let mut http = Talk::connect(hub.address("metrics"));
    http.send(request.as_bytes());
    String::from_utf8(http.until_close()).unwrap()
}

fn page(hub: &Hub) -> String {
    let answer = ask(hub, PAGE);
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let format = "content-type: text/plain; version=0.0.4; charset=utf-8";
    assert!(head.contains(format), "{head}");
    text.to_string()
}

fn value(page: &str, metric: &str) -> String {
    let line = page.lines().find_map(|line| line.strip_prefix(metric));
    let line = line.unwrap_or_else(|| panic!("no {metric} in\n{page}"));
    line.trim().to_string()
}

#[test]
fn what_has_happened_is_counted_exactly() {
    let provider = Provider::with([letter("bob", "fetched"), letter("nobody", "strays")]);
    let office = watched();
    add_account(&office, &provider, &[]);
    let hub = office.serve();
    let first = page(&hub);
    assert!(!first.contains("postroom_provider_up{"), "{first}");
    send(&hub, &["anna@example.com"], "received");
    assert!(rcpt(&hub, "zoe@example.com").starts_with("550 "));
    assert!(rcpt(&hub, "zoe@elsewhere.example").starts_with("550 "));
    poll(&office);
    assert!(pass(&hub, "anna", "wrong").starts_with("-ERR"));
    let collected = collect(&hub, "anna");
    let octets = collected[0].len() as u64;
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let page = page(&hub);
    let content = message("received").len().to_string();
    for (metric, expected) in [
        ("postroom_received_messages_total", "1"),
        ("postroom_received_bytes_total", content.as_str()),
        (
            "postroom_smtp_refusals_total{reason=\"unknown_recipient\"}",
            "1",
        ),
        (
            "postroom_smtp_refusals_total{reason=\"foreign_domain\"}",
            "1",
        ),
        ("postroom_smtp_refusals_total{reason=\"content\"}", "0"),
        ("postroom_retrieved_messages_total", "1"),
        ("postroom_retrieved_bytes_total", &octets.to_string()),
        ("postroom_collected_messages_total", "1"),
        ("postroom_logins_total{result=\"good\"}", "1"),
        ("postroom_logins_total{result=\"wrong\"}", "1"),
        ("postroom_logins_total{result=\"in_use\"}", "0"),
        ("postroom_sessions_total{protocol=\"pop3\"}", "2"),
        ("postroom_sessions_total{protocol=\"smtp\"}", "4"),
        ("postroom_sessions_open{protocol=\"smtp\"}", "1"),
        (
            "postroom_connections_turned_away_total{protocol=\"smtp\"}",
            "0",
        ),
        ("postroom_fetched_messages_total{provider=\"main\"}", "2"),
        ("postroom_fetched_unclaimed_total{provider=\"main\"}", "1"),
        ("postroom_provider_up{provider=\"main\"}", "1"),
        ("postroom_provider_left_messages{provider=\"main\"}", "0"),
        ("postroom_mailboxes", "2"),
        ("postroom_waiting_messages", "1"),
        ("postroom_unclaimed_messages", "1"),
        ("postroom_restorable_messages", "1"),
        ("postroom_commit_queue_changes", "0"),
        ("postroom_commits_failed_total", "0"),
        ("postroom_disk_short", "0"),
    ] {
        assert_eq!(
            value(&page, &format!("{metric} ")),
            expected,
            "{metric} in\n{page}"
        );
    }
    let commits = value(&page, "postroom_commit_duration_seconds_count ");
    let buckets = "postroom_commit_duration_seconds_bucket{le=\"+Inf\"} ";
    assert_eq!(value(&page, buckets), commits);
    assert!(commits.parse::<u64>().unwrap() >= 3);
    assert!(!page.contains("anna") && !page.contains("@"), "{page}");
    agrees_with_status(&office, &page);
}

/// `status --json` has what the page has.
fn agrees_with_status(office: &Office, page: &str) {
    let status = office.status();
    let figures = &status["hub"]["figures"];
    let number = |metric: &str| -> Value { value(page, metric).parse::<u64>().unwrap().into() };
    for (told, metric) in [
        (
            &figures["received_messages"],
            "postroom_received_messages_total ",
        ),
        (
            &figures["collected_messages"],
            "postroom_collected_messages_total ",
        ),
        (
            &figures["logins"]["wrong"],
            "postroom_logins_total{result=\"wrong\"} ",
        ),
        (
            &figures["refusals"]["foreign_domain"],
            "postroom_smtp_refusals_total{reason=\"foreign_domain\"} ",
        ),
        (
            &status["hub"]["certificate"]["expires_at"],
            "postroom_certificate_expiry_time_seconds ",
        ),
    ] {
        assert_eq!(*told, number(metric), "{metric}");
    }
    assert!(status["hub"]["store"]["commit_times"].is_array());
}

#[test]
fn nobody_listens_unless_it_is_switched_on() {
    let office = Office::new();
    let _hub = office.serve();
    let listeners = office.status()["hub"]["listeners"].to_string();
    assert!(!listeners.contains("metrics"), "{listeners}");
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let office = Office::new();
    office.set("metrics", "listen = [\"0.0.0.0:0\"]");
    let why = office.run(&["serve"]).bad();
    assert!(why.contains("expected a loopback address"), "{why}");
}

#[test]
fn another_listen_line_waits_for_the_next_start() {
    let office = Office::new();
    let hub = office.serve();
    office.set("metrics", "listen = [\"127.0.0.1:0\"]");
    hub.wait_for_log(
        "[metrics] listen has changed in postroom.toml; that takes effect at the next start",
    );
}

#[test]
fn there_is_one_page_and_it_is_only_read() {
    let office = watched();
    let hub = office.serve();
    let head = ask(&hub, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("GET /metrics/../etc/passwd HTTP/1.0\r\n\r\n", "404"),
        (
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "405",
        ),
        ("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("EHLO post\r\n\r\n", "400"),
        ("GET /metrics HTTP/9.9\r\n\r\n", "400"),
    ] {
        let answer = ask(&hub, request);
        let code = answer.split(' ').nth(1);
        assert_eq!(code, Some(expected), "{request:?}: {answer}");
    }
    // Both of one request alone, and the second is not read.
    assert_eq!(ask(&hub, &PAGE.repeat(2)).matches("200 OK").count(), 1);
    page(&hub);
}

#[test]
fn clients_that_send_rubbish_or_nothing_cost_little_and_end() {
    let office = watched();
    let mut hub = office.serve();
    for rubbish in [
        vec![0u8; 200_000],
        b"GET /metrics HTTP/1.1\r\nX: ".repeat(10_000),
    ] {
        let mut http = Talk::connect(hub.address("metrics"));
        http.flood(&rubbish, 1);
        let answer = String::from_utf8_lossy(&http.until_close()).into_owned();
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    let silent: Vec<Talk> = (0..CONNECTIONS_MAX)
        .map(|_| Talk::connect(hub.address("metrics")))
        .collect();
    eventually("the places are taken", || ask(&hub, PAGE).is_empty());
    for mut silent in silent {
        silent.until_close();
    }
    page(&hub);
    // Nor does one hold up the end of the hub.
    let _silent = Talk::connect(hub.address("metrics"));
    let since = Instant::now();
    assert_eq!(hub.stop().code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(4));
}
