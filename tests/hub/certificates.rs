//! The certificate: from the office's CA, replaced, broken.

use std::fs;

use crate::hub::{Hub, Office, ca, eventually};
use crate::mail::{ehlo, greet, send_in};
use crate::talk::Talk;

/// Whether a PC that trusts the CA of `office` gets through.
fn is_trusted_by(hub: &Hub, office: &Office) -> bool {
    let talk = Talk::connect(hub.address("pop3s")).try_tls(&ca(office));
    talk.is_ok_and(|mut talk| talk.expect("+OK *").starts_with("+OK"))
}

fn copy(from: &Office, to: &Office, file: &str) {
    fs::copy(from.path(file), to.path(file)).unwrap();
}

#[test]
fn every_way_into_tls_shows_a_certificate_that_pcs_trust() {
    let office = Office::new();
    let hub = office.serve();
    let ca = ca(&office);
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    smtp.say("STARTTLS", "220 *");
    let mut smtp = smtp.start_tls(&ca);
    assert!(!ehlo(&mut smtp).concat().contains("STARTTLS"));
    send_in(&mut smtp, &["anna@example.com"], b"by STARTTLS\r\n");
    let mut smtps = Talk::connect(hub.address("smtps")).start_tls(&ca);
    greet(&mut smtps);
    send_in(&mut smtps, &["anna@example.com"], b"by implicit TLS\r\n");

    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    pop3.say("STLS", "+OK*");
    let mut pop3 = pop3.start_tls(&ca);
    pop3.say("USER anna", "+OK*");
    pop3.say("PASS secret-anna", "+OK 2 messages*");
    for number in 1..=2 {
        pop3.say(&format!("RETR {number}"), "+OK*");
        let message = String::from_utf8(pop3.multi_line()).unwrap();
        assert!(message.contains("with ESMTPS (TLSv1.3 "), "{message}");
    }
    pop3.say("QUIT", "+OK*");
    assert!(is_trusted_by(&hub, &office));
}

#[test]
fn a_replaced_certificate_is_served_to_new_sessions() {
    let (office, other) = (Office::new(), Office::without_users());
    let hub = office.serve();
    let mut early = Talk::connect(hub.address("pop3s")).start_tls(&ca(&office));
    early.expect("+OK *");
    assert!(!is_trusted_by(&hub, &other));
    copy(&other, &office, "tls/cert.pem");
    copy(&other, &office, "tls/key.pem");
    eventually("the new certificate is served", || {
        is_trusted_by(&hub, &other)
    });
    hub.wait_for_log("[INFO] reloaded ");
    early.say("NOOP", "+OK*");
}

#[test]
fn a_rubbish_certificate_is_refused_and_the_old_one_stays() {
    let (office, other) = (Office::new(), Office::without_users());
    let hub = office.serve();
    fs::write(office.path("tls/cert.pem"), "rubbish").unwrap();
    let line = hub.wait_for_log("not reloaded");
    assert!(line.contains("tls/cert.pem"), "{line}");
    assert!(is_trusted_by(&hub, &office));
    // A certificate whose key is another.
    copy(&other, &office, "tls/cert.pem");
    eventually("the key that does not fit is seen", || {
        hub.log().matches("not reloaded").count() == 2
    });
    let log = hub.log();
    let line = log
        .lines()
        .rfind(|line| line.contains("not reloaded"))
        .unwrap();
    assert!(line.contains("key"), "{line}");
    assert!(is_trusted_by(&hub, &office));
}

#[test]
fn a_hub_whose_certificate_is_no_good_does_not_start() {
    let office = Office::new();
    let other = Office::without_users();
    copy(&other, &office, "tls/key.pem");
    let why = office.run(&["serve"]).bad();
    assert!(
        why.starts_with("postroom: ") && why.contains("tls/key.pem"),
        "{why}"
    );
    fs::remove_file(office.path("tls/cert.pem")).unwrap();
    let why = office.run(&["serve"]).bad();
    assert!(why.contains("tls/cert.pem"), "{why}");
}

#[test]
fn a_hub_with_another_name_gets_a_certificate_of_that_name_from_the_office_ca() {
    let office = Office::new();
    let hub = office.serve();
    let settings = office.read("postroom.toml");
    let line = settings.lines().find(|line| line.starts_with("hostname"));
    let renamed = settings.replace(line.unwrap(), "hostname = \"hub.example.com\"");
    office.put("postroom.toml", &renamed);
    hub.wait_for_log("the server certificate is renewed by the office's CA");
    let pem = fs::read(office.path("tls/cert.pem")).unwrap();
    let certificate = openssl::x509::X509::from_pem(&pem).unwrap();
    let names = certificate.subject_alt_names().unwrap();
    let names: Vec<&str> = names.iter().filter_map(|name| name.dnsname()).collect();
    assert_eq!(names, ["hub.example.com", "post.example.com", "localhost"]);
    assert!(is_trusted_by(&hub, &office));
}
