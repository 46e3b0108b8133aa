//! The socket in the data folder, through which commands speak to the hub:
//! whatever is sent there, mail goes on. That only the hub's own user may
//! connect stands in `tests/hub/command_line.rs`.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::{LAN, most_memory, office, smtp_from};
use crate::hub::Office;

fn connect(office: &Office) -> UnixStream {
    let stream = UnixStream::connect(office.path("data/control")).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// What is answered to these octets.
fn answer(office: &Office, octets: &[u8]) -> String {
    let mut stream = connect(office);
    // A hub that has had enough closes before it has read all.
    let _ = stream.write_all(octets);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn requests_that_are_none() {
    let office = office();
    let hub = office.serve();
    let nested = format!("{{\"request\":\"mail-show\",\"id\":{}", "[".repeat(10_000));
    let endless = format!(
        "{{\"request\":\"mail-show\",\"id\":\"{}",
        "x".repeat(1_000_000)
    );
    let requests: [&[u8]; 12] = [
        b"",
        b"\n",
        b"{}\n",
        b"{\"request\":\"status\"",
        b"{\"request\":\"no-such\"}\n",
        b"{\"request\":\"mail-show\"}\n",
        b"{\"request\":\"mail-show\",\"id\":\"../../directory.toml\"}\n",
        b"{\"request\":\"mail-show\",\"id\":\"\\u0000\"}\n",
        b"{\"request\":\"mail-show\",\"id\":7}\n",
        b"\0\0\0\n",
        nested.as_bytes(),
        endless.as_bytes(),
    ];
    for request in requests {
        let answer = answer(&office, request);
        let shown = request[..request.len().min(60)].escape_ascii();
        assert!(
            answer.starts_with("{\"answer\":\"failed\","),
            "{shown}: {answer}"
        );
        assert!(
            answer.len() < 1_000 && answer.ends_with("}\n"),
            "{shown}: {answer}"
        );
    }
    // No UTF-8: nothing can be answered.
    assert_eq!(answer(&office, b"\xff\xfe\n"), "");
    // The second request of a connection is not read.
    let twice = answer(
        &office,
        b"{\"request\":\"reload\"}\n{\"request\":\"reload\"}\n",
    );
    assert_eq!(twice.lines().count(), 1, "{twice}");
    smtp_from(&hub, LAN).say("QUIT", "221 *");
}

#[test]
fn a_thousand_connections_that_say_nothing_or_half_of_a_request() {
    let office = office();
    let hub = office.serve();
    let before = most_memory(&hub);
    let mut open: Vec<UnixStream> = (0..1_000).map(|_| connect(&office)).collect();
    for half in open.iter_mut().step_by(2) {
        half.write_all(b"{\"request\":").unwrap();
    }
    // The next one is answered all the same, and so is mail.
    office.status();
    smtp_from(&hub, LAN).say("QUIT", "221 *");
    let grown = most_memory(&hub) - before;
    assert!(grown < 32_000_000, "{grown}");
    // Each is given up; none is answered.
    for mut stream in open {
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    }
}

#[test]
fn commands_that_go_away_before_they_are_answered() {
    let office = office();
    let hub = office.serve();
    for _ in 0..100 {
        connect(&office)
            .write_all(b"{\"request\":\"mail-list\",\"user\":\"anna\"}\n")
            .unwrap();
    }
    office.status();
    assert!(!hub.log().contains("internal error"), "{}", hub.log());
}
