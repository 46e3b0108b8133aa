//! Who may do what, and how much of it: plaintext log-in, wrong passwords,
//! connections, the provider's networks.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::hub::{Hub, Office, at_once, ca, eventually};
use crate::mail::{collect, ehlo, greet, log_in, send, send_in};
use crate::talk::Talk;

/// Whether a password is taken without TLS and with it.
fn log_ins(office: &Office, hub: &Hub) -> (bool, bool) {
    let mut clear = hub.pop3();
    clear.expect("+OK *");
    clear.say("CAPA", "+OK*");
    let capabilities = String::from_utf8(clear.multi_line()).unwrap();
    let in_clear = clear.say("USER anna", "*").starts_with("+OK");
    // What is announced is what is accepted.
    assert_eq!(capabilities.contains("\r\nUSER\r\n"), in_clear);
    assert_eq!(capabilities.contains("\r\nSASL PLAIN LOGIN\r\n"), in_clear);
    let pass = clear.say("PASS secret-anna", "*");
    assert_eq!(pass.starts_with("+OK"), in_clear, "{pass}");
    if !in_clear {
        assert!(
            pass.starts_with("-ERR [AUTH] log-in without encryption is refused"),
            "{pass}"
        );
        clear.say("STLS", "+OK*");
        let mut tls = clear.start_tls(&ca(office));
        tls.say("USER anna", "+OK*");
        let pass = tls.say("PASS secret-anna", "*");
        return (false, pass.starts_with("+OK"));
    }
    clear.say("QUIT", "+OK*");
    let mut tls = Talk::connect(hub.address("pop3s")).start_tls(&ca(office));
    tls.expect("+OK *");
    tls.say("USER anna", "+OK*");
    (true, tls.say("PASS secret-anna", "*").starts_with("+OK"))
}

#[test]
fn plaintext_log_in_is_for_those_whom_the_policy_names() {
    at_once(
        [
            ("never", true, false),
            ("never", false, false),
            ("lan", true, true),
            ("lan", false, false),
            ("always", true, true),
            ("always", false, true),
        ],
        |(policy, on_lan, expected)| {
            let office = Office::new();
            office.set("pop3", &format!("plaintext_login = \"{policy}\""));
            if !on_lan {
                office.be_in_the_world();
            }
            let hub = office.serve();
            let found = log_ins(&office, &hub);
            assert_eq!(found, (expected, true), "{policy}, on the LAN: {on_lan}");
        },
    );
}

#[test]
fn wrong_passwords_wait_and_right_ones_do_not() {
    let office = Office::new();
    let hub = office.serve();
    // Warm: the first success costs a hash.
    drop(log_in(&hub, "bob"));
    let mut wrong = hub.pop3();
    wrong.expect("+OK *");
    // Each failure waits twice as long as the one before.
    for (name, wait) in [("anna", 1), ("nobody", 2)] {
        let wait = Duration::from_secs(wait);
        wrong.say(&format!("USER {name}"), "+OK*");
        let since = Instant::now();
        wrong.send(b"PASS wrong\r\n");
        let right = Instant::now();
        eventually("bob is in", || {
            let mut pop3 = hub.pop3();
            pop3.expect("+OK *");
            pop3.say("USER bob", "+OK*");
            pop3.say("PASS secret-bob", "*").starts_with("+OK")
        });
        let waited = right.elapsed();
        assert!(waited < wait, "{waited:?}");
        wrong.expect("-ERR [AUTH] wrong user name or password");
        assert!(since.elapsed() >= wait, "{:?}", since.elapsed());
    }
    let line = hub.wait_for_log("log-in failed peer=127.0.0.1 user=\"nobody\"");
    assert!(
        line.contains("[WARN]") && line.contains("answered-after=2.0s"),
        "{line}"
    );
    // Right at last, in the session that was wrong before.
    wrong.say("USER anna", "+OK*");
    wrong.say("PASS secret-anna", "+OK 0 messages*");
    assert_eq!(office.status()["hub"]["failed_logins"], 2);
}

#[test]
fn an_address_has_so_many_connections_and_the_hub_lives_on() {
    let office = Office::new();
    office.be_in_the_world();
    office.set("limits", "connections_per_address = 3");
    let hub = office.serve();
    let mut open: Vec<Talk> = (0..3).map(|_| hub.smtp()).collect();
    open.iter_mut().for_each(greet);
    for _ in 0..20 {
        let mut smtp = hub.smtp();
        smtp.expect("421 post.example.com: too many connections from your address*");
        smtp.expect_close();
        let mut pop3 = hub.pop3();
        pop3.expect("-ERR [SYS/TEMP] too many connections*");
        pop3.expect_close();
    }
    // Under TLS there is no word for it, but an end.
    let turned_away = Talk::connect(hub.address("pop3s")).try_tls(&ca(&office));
    assert!(turned_away.is_err());
    hub.wait_for_log("turned away peer=127.0.0.1 listener=smtp");
    open.iter_mut().for_each(|smtp| {
        smtp.say("NOOP", "250 *");
    });
    drop(open.pop());
    eventually("there is a place again", || {
        let line = hub.smtp().line();
        line.is_some_and(|line| line.starts_with("220 "))
    });
}

#[test]
fn all_connections_together_are_bounded_too() {
    let office = Office::new();
    office.set("limits", "connections = 8");
    let hub = office.serve();
    let mut open: Vec<Talk> = (0..8).map(|_| hub.smtp()).collect();
    open.iter_mut().for_each(greet);
    hub.smtp()
        .expect("421 post.example.com is too busy, try again later");
    hub.pop3().expect("-ERR [SYS/TEMP] too many connections*");
    open.iter_mut().for_each(|smtp| {
        smtp.say("QUIT", "221 *");
    });
    eventually("there is a place again", || {
        let line = hub.smtp().line();
        line.is_some_and(|line| line.starts_with("220 "))
    });
}

#[test]
fn mail_is_taken_from_the_provider_and_the_lan_only_where_accept_from_says_so() {
    let office = Office::new();
    office.be_in_the_world();
    office.set("smtp", "accept_from = [\"198.51.100.0/24\"]");
    let hub = office.serve();
    let mut smtp = hub.smtp();
    smtp.expect("554 post.example.com takes mail from its provider only*");
    smtp.expect_close();
    hub.wait_for_log("neither accept_from nor lan names it");
    // A PC may come from anywhere.
    hub.pop3().expect("+OK *");

    office.edit("postroom.toml", "198.51.100.0/24", "127.0.0.0/8");
    eventually("the provider is known", || {
        hub.smtp()
            .line()
            .is_some_and(|line| line.starts_with("220 "))
    });
    send(&hub, &["anna@example.com"], "from the provider");
}

#[test]
fn without_a_certificate_no_tls_is_offered() {
    let office = Office::new();
    office.without_tls();
    let hub = office.serve();
    let mut smtp = hub.smtp();
    smtp.expect("220 *");
    assert!(!ehlo(&mut smtp).concat().contains("STARTTLS"));
    smtp.say("STARTTLS", "502 5.5.1 *");
    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    pop3.say("STLS", "-ERR*");
    pop3.say("USER anna", "+OK*");
    pop3.say("PASS secret-anna", "+OK*");
    assert!(office.status()["hub"]["certificate"].is_null());
}

#[test]
fn a_disk_without_room_refuses_mail_for_now_and_lets_pcs_collect() {
    let office = Office::new();
    let mut hub = office.serve();
    send(&hub, &["anna@example.com"], "from better times");
    assert!(hub.stop().success());
    office.set("store", "keep_free = \"1000 TB\"");
    let hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    smtp.say("MAIL FROM:<>", "452 4.3.1 *");
    hub.wait_for_log("the disk has less room than keep_free");
    assert_eq!(office.status()["disk"]["short"], true);
    assert_eq!(collect(&hub, "anna").len(), 1);
}

#[test]
fn a_listener_of_both_families_knows_an_ipv4_peer_as_such() {
    let office = Office::new();
    let settings = office.read("postroom.toml");
    office.write("postroom.toml", &settings.replace("127.0.0.1:0", "[::]:0"));
    office.set("", "lan = [\"127.0.0.0/8\"]");
    let hub = office.serve();
    let by_ipv4 = |listener: &str| {
        let port = hub.address(listener).port();
        Talk::connect(SocketAddr::from(([127, 0, 0, 1], port)))
    };
    let mut smtp = by_ipv4("smtp");
    greet(&mut smtp);
    send_in(&mut smtp, &["anna@example.com"], b"by IPv4\r\n");
    let mut pop3 = by_ipv4("pop3");
    pop3.expect("+OK *");
    pop3.say("USER anna", "+OK*");
    pop3.say("PASS secret-anna", "+OK 1 message*");
    pop3.say("RETR 1", "+OK*");
    let message = String::from_utf8(pop3.multi_line()).unwrap();
    assert!(
        message.contains("from pc.example ([127.0.0.1])"),
        "{message}"
    );
}
