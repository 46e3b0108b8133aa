//! The hub as systemd starts it: sockets that are passed, and what it is told.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::hub::Office;
use crate::mail::{log_in, send, waiting};

/// Opens sockets, writes their ports into postroom.toml, becomes the hub. What
/// the hub does not take over it could not open: its ports are taken.
const PASS_SOCKETS: &str = r#"
import os, socket, sys
names = ("SMTP", "SMTPS", "POP3", "POP3S")
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
settings = open("postroom.toml").read()
for name, one in zip(names, sockets):
    settings = settings.replace('"%s"' % name, '"127.0.0.1:%d"' % one.getsockname()[1])
open("postroom.toml", "w").write(settings)
copies = [os.dup(one.fileno()) for one in sockets]
high = [os.dup2(one, 100 + at) for at, one in enumerate(copies)]
# systemd does not pass them in our order.
for at, one in enumerate(reversed(high)):
    os.dup2(one, 3 + at)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(names))
os.closerange(3 + len(names), 200)
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn sockets_that_systemd_passes_are_used() {
    let office = Office::new();
    let mut settings = office.read("postroom.toml");
    // In the order of the file: the two of [smtp], the two of [pop3].
    for name in ["SMTP", "SMTPS", "POP3", "POP3S"] {
        settings = settings.replacen("127.0.0.1:0", name, 1);
    }
    office.write("postroom.toml", &settings);
    let mut python = Command::new("python3");
    let arguments = ["-c", PASS_SOCKETS, env!("CARGO_BIN_EXE_postroom"), "serve"];
    python
        .args(arguments)
        .current_dir(office.path(""))
        .env("POSTROOM_CONFIG", "postroom.toml");
    let hub = office.serve_by(python);
    send(&hub, &["anna@example.com"], "through a passed socket");
    assert_eq!(waiting(&hub, "anna"), 1);
    let settings = office.read("postroom.toml");
    for listener in ["smtp", "smtps", "pop3", "pop3s"] {
        let address = hub.address(listener).to_string();
        assert!(
            settings.contains(&address),
            "{listener} is on {address}: {settings}"
        );
    }
    assert!(!hub.log().contains("[WARN]"));
}

#[test]
fn systemd_is_told_of_the_start_of_the_end_and_that_the_hub_lives() {
    let office = Office::new();
    let path = office.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let told = || {
        let mut buffer = [0; 1024];
        let octets = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..octets].to_vec()).unwrap()
    };
    let mut command = office.command(&["serve"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000");
    let mut hub = office.serve_by(command);
    let mut messages = Vec::new();
    while messages.iter().filter(|one| *one == "WATCHDOG=1\n").count() < 3 {
        messages.push(told());
    }
    assert!(messages.contains(&"READY=1\n".to_string()), "{messages:?}");
    drop(log_in(&hub, "anna"));
    assert!(hub.stop().success());
    socket.set_nonblocking(true).unwrap();
    let mut last = String::new();
    let mut buffer = [0; 1024];
    while let Ok(octets) = socket.recv(&mut buffer) {
        last.push_str(std::str::from_utf8(&buffer[..octets]).unwrap());
    }
    assert!(last.contains("STOPPING=1\n"), "{last}");
}

#[test]
fn under_systemd_the_log_has_priorities_and_no_times() {
    let office = Office::new();
    let mut command = office.command(&["serve"]);
    command.env("JOURNAL_STREAM", "8:12345");
    let hub = office.serve_by(command);
    hub.wait_for_log("ready after");
    let log = hub.log();
    let first = log.lines().next().unwrap();
    assert!(first.starts_with("<6>listening on 127.0.0.1:"), "{log}");
}
