//! Certificates that expire, or are replaced by rubbish, while the hub serves.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use openssl::rsa::Rsa;

use crate::hub::{Hub, Office, ca, eventually};
use crate::interpose::{Action, Interposed, Rule, YEAR, call, place};
use crate::mail::greet;
use crate::talk::Talk;
use crate::{faulty_hub, send_and_see, small, told, told_once};

fn is_served(hub: &Hub, office: &Office) -> bool {
    let talk = Talk::connect(hub.address("pop3s")).try_tls(&ca(office));
    talk.is_ok_and(|mut talk| talk.expect("+OK *").starts_with("+OK"))
}

fn refusals(hub: &Hub) -> usize {
    told(hub, "not reloaded, the last good settings stay in force")
}

#[test]
fn certificate_and_key_that_are_replaced_by_rubbish() {
    let office = Office::new();
    let hub = office.serve();
    let (certificate, key) = (office.path("tls/cert.pem"), office.path("tls/key.pem"));
    let good = [fs::read(&certificate).unwrap(), fs::read(&key).unwrap()];
    let short_key = Rsa::generate(1024).unwrap().private_key_to_pem().unwrap();
    let half = |octets: &[u8]| octets[..octets.len() / 2].to_vec();
    // The file, what is in it now, what is said of it.
    let cases = [
        (&certificate, Vec::new(), "this file is empty"),
        (&certificate, half(&good[0][..600]), "perhaps cut off"),
        (&certificate, good[1].clone(), "found a private key"),
        (&key, Vec::new(), "this file is empty"),
        (&key, half(&good[1]), "perhaps cut off"),
        (&key, good[0].clone(), "found a certificate"),
        (&key, short_key, "this key does not belong to"),
    ];
    for (file, rubbish, expected) in cases {
        let before = refusals(&hub);
        fs::write(file, rubbish).unwrap();
        eventually("it is refused", || refusals(&hub) > before);
        let log = hub.log();
        let line = log.lines().rfind(|line| line.contains("not reloaded"));
        assert!(line.unwrap().contains(expected), "{expected}: {line:?}");
        assert!(is_served(&hub, &office), "{expected}");
        assert!(send_and_see(&hub, &small()).starts_with("250 "));
        assert_eq!(refusals(&hub), before + 1, "{}", hub.log());
        let reloads = told(&hub, "[INFO] reloaded ");
        fs::write(&certificate, &good[0]).unwrap();
        fs::write(&key, &good[1]).unwrap();
        eventually("it is mended", || told(&hub, "[INFO] reloaded ") > reloads);
        assert!(is_served(&hub, &office));
    }
    // Gone altogether, and readable for everybody.
    let before = refusals(&hub);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(&certificate).unwrap();
    eventually("it is refused", || refusals(&hub) > before);
    assert!(is_served(&hub, &office));
}

#[test]
fn certificate_of_others_that_expires_is_told_once_and_served() {
    let office = Office::new();
    // Without its CA it is somebody else's.
    fs::rename(office.path("tls/ca.pem"), office.path("ca.pem")).unwrap();
    let (hub, faults) = faulty_hub(&office);
    faults.set_clock_ahead(2 * YEAR.as_secs() as i64);
    hub.wait_for_log("[WARN] tls/cert.pem: this certificate expired on ");
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    assert!(send_and_see(&hub, &small()).starts_with("250 "));
    Talk::connect(hub.address("pop3s"))
        .start_tls(&office.path("ca.pem"))
        .expect("+OK *");
    told_once(&hub, "this certificate expired on ");
}

#[test]
fn renewal_that_cannot_be_written_leaves_the_old_certificate() {
    let office = Office::new();
    let old = office.read("tls/cert.pem");
    let faults = Interposed::new();
    let full = Action::Fail(rustix::io::Errno::NOSPC.raw_os_error());
    faults
        .order(&[Rule::always(full, call::OPEN | call::RENAME, place::OTHER).with("cert.pem.new")]);
    faults.set_clock_ahead(YEAR.as_secs() as i64 * 9 / 10);
    let mut command = office.command(&["serve"]);
    faults.preload(&mut command);
    let hub = office.serve_by(command);
    let line = hub.wait_for_log("[ERROR] the server certificate could not be renewed: ");
    assert!(
        line.contains("cert.pem") && line.contains("No space left"),
        "{line}"
    );
    assert_eq!(office.read("tls/cert.pem"), old);
    assert!(is_served(&hub, &office));
}
