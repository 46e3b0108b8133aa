use std::os::unix::fs::PermissionsExt;

use super::super::tests::subject_names;
use super::*;

fn now() -> SystemTime {
    // With a fraction, which certificates do not hold.
    SystemTime::UNIX_EPOCH + Duration::new(1_800_000_000, 700_000_000)
}

fn office() -> (tempfile::TempDir, OfficeCa) {
    let folder = tempfile::tempdir().unwrap();
    let ca = OfficeCa::create(&folder.path().join("tls"), "example.com", now()).unwrap();
    (folder, ca)
}

fn text(certificate: &X509) -> String {
    String::from_utf8(certificate.to_text().unwrap()).unwrap()
}

#[test]
fn the_ca_signs_server_certificates_and_no_further_ca() {
    let (_folder, ca) = office();
    let text = text(&ca.certificate);
    for expected in [
        "Version: 3",
        "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical\n                Certificate Sign\n",
        "X509v3 Subject Key Identifier",
        "prime256v1",
        "ecdsa-with-SHA256",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let certificate = ca.certificate().unwrap();
    assert!(certificate.is_self_signed() && ca.issued(&certificate));
    assert_eq!(certificate.subject(), "example.com office CA");
    assert_eq!(certificate.days_left(now()), 3652);
}

#[test]
fn a_server_certificate_has_every_name_and_what_apple_demands() {
    let (_folder, ca) = office();
    let names = subject_names(&["post.example.com", "post", "192.0.2.1", "2001:db8::1"]);
    let certificate = ca.issue(&names, now()).unwrap();
    assert_eq!(certificate.names(), names);
    assert_eq!(certificate.subject(), "post.example.com");
    assert_eq!(certificate.issuer(), "example.com office CA");
    assert!(ca.issued(&certificate) && !certificate.is_self_signed());
    let life = certificate
        .not_after()
        .duration_since(certificate.not_before())
        .unwrap();
    assert!(life <= 397 * DAY && life > 396 * DAY, "{life:?}");
    let text = text(&X509::from_der(&certificate.x509().to_der().unwrap()).unwrap());
    for expected in [
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "TLS Web Server Authentication",
        "DNS:post.example.com, DNS:post, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1",
        "X509v3 Authority Key Identifier",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn keys_are_private_and_certificates_are_not() {
    let (folder, ca) = office();
    ca.issue(&subject_names(&["post.example.com"]), now())
        .unwrap();
    for (file, mode) in [
        (CA_CERTIFICATE_FILE, 0o644),
        (CA_KEY_FILE, 0o600),
        (CERTIFICATE_FILE, 0o644),
        (KEY_FILE, 0o600),
    ] {
        let metadata = fs::metadata(folder.path().join("tls").join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{file}");
    }
    assert_eq!(fs::read_dir(folder.path().join("tls")).unwrap().count(), 4);
    let chain = fs::read(folder.path().join("tls").join(CERTIFICATE_FILE)).unwrap();
    assert_eq!(X509::stack_from_pem(&chain).unwrap().len(), 2);
}

#[test]
fn a_ca_that_pcs_may_trust_is_never_overwritten() {
    let (folder, ca) = office();
    let again = OfficeCa::create(&folder.path().join("tls"), "example.com", now());
    assert!(matches!(again, Err(CaError::AlreadyThere { .. })));
    let loaded = OfficeCa::load(&folder.path().join("tls")).unwrap().unwrap();
    assert_eq!(
        loaded.certificate().unwrap().fingerprint(),
        ca.certificate().unwrap().fingerprint()
    );
}

#[test]
fn a_ca_whose_making_was_interrupted_is_made_again() {
    let (folder, _ca) = office();
    let folder = folder.path().join("tls");
    fs::remove_file(folder.join(CA_CERTIFICATE_FILE)).unwrap();
    assert!(OfficeCa::load(&folder).unwrap().is_none());
    OfficeCa::create(&folder, "example.com", now()).unwrap();
    assert!(OfficeCa::load(&folder).unwrap().is_some());
}

#[test]
fn a_folder_without_a_ca_is_no_error_and_a_damaged_one_is() {
    let empty = tempfile::tempdir().unwrap();
    assert!(OfficeCa::load(empty.path()).unwrap().is_none());
    let (folder, _ca) = office();
    let (other, _ca) = office();
    let key = folder.path().join("tls").join(CA_KEY_FILE);
    let foreign = fs::read(other.path().join("tls").join(CA_KEY_FILE)).unwrap();
    for (content, expected) in [
        (foreign, "does not belong to ca.pem"),
        (b"garbage".to_vec(), "holds no private key"),
        (Vec::new(), "is empty"),
    ] {
        fs::write(&key, content).unwrap();
        let error = OfficeCa::load(&folder.path().join("tls"))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains(expected) && error.contains("ca-key.pem"),
            "{error}"
        );
    }
    fs::remove_file(&key).unwrap();
    assert!(OfficeCa::load(&folder.path().join("tls")).is_err());
}

#[test]
fn a_certificate_is_renewed_in_its_last_third_with_its_names_and_key() {
    let (folder, ca) = office();
    let names = subject_names(&["post.example.com", "192.0.2.1"]);
    let first = ca.issue(&names, now()).unwrap();
    let key = fs::read(folder.path().join("tls").join(KEY_FILE)).unwrap();
    for (day, due) in [
        (0, false),
        (200, false),
        (262, false),
        (265, true),
        (396, true),
        (500, true),
    ] {
        assert_eq!(first.renewal_due(now() + DAY * day), due, "day {day}");
    }
    assert!(
        ca.renew_if_due(&first, None, now() + 200 * DAY)
            .unwrap()
            .is_none()
    );
    // A clock that is years behind makes nothing anew.
    assert!(
        ca.renew_if_due(&first, None, now() - 2000 * DAY)
            .unwrap()
            .is_none()
    );
    // One that was made by a clock that was ahead is of no use until then.
    let ahead = ca
        .renew_if_due(&first, None, now() + 700 * DAY)
        .unwrap()
        .unwrap();
    assert_eq!(ahead.validity(now()), Validity::NotYet);
    let first = ca.renew_if_due(&ahead, None, now()).unwrap().unwrap();
    assert_eq!(first.validity(now()), Validity::Valid);
    let renewed = ca
        .renew_if_due(&first, None, now() + 270 * DAY)
        .unwrap()
        .unwrap();
    assert_eq!(renewed.names(), names);
    assert_ne!(renewed.fingerprint(), first.fingerprint());
    assert_eq!(
        fs::read(folder.path().join("tls").join(KEY_FILE)).unwrap(),
        key
    );
    assert!(!renewed.renewal_due(now() + 270 * DAY));
}

#[test]
fn a_certificate_of_somebody_else_is_not_renewed() {
    let (_folder, ca) = office();
    let (_other_folder, other) = office();
    // The other CA has the same name and another key.
    let foreign = other
        .issue(&subject_names(&["post.example.com"]), now())
        .unwrap();
    assert_eq!(foreign.issuer(), "example.com office CA");
    assert!(!ca.issued(&foreign));
    assert!(
        ca.renew_if_due(&foreign, None, now() + 390 * DAY)
            .unwrap()
            .is_none()
    );
}

#[test]
fn no_certificate_outlives_the_ca() {
    let (_folder, ca) = office();
    let names = subject_names(&["post.example.com"]);
    let late = ca.issue(&names, now() + 3600 * DAY).unwrap();
    assert_eq!(late.not_after(), ca.certificate().unwrap().not_after());
    let too_late = ca.issue(&names, now() + 3700 * DAY);
    assert!(matches!(too_late, Err(CaError::Expired { .. })));
}

#[test]
fn names_of_every_length_are_possible_but_none_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{0}.{0}.{0}.example.com", "a".repeat(60));
    let ca = OfficeCa::create(folder.path(), &long, now()).unwrap();
    assert_eq!(ca.certificate().unwrap().subject(), "postroom office CA");
    assert!(matches!(ca.issue(&[], now()), Err(CaError::NoNames)));
    let certificate = ca.issue(&subject_names(&[&long]), now()).unwrap();
    assert_eq!(certificate.subject(), "postroom");
    assert!(certificate.covers(&long.parse().unwrap()));
}

#[test]
fn a_server_key_that_cannot_be_read_is_named_and_not_overwritten() {
    let (folder, ca) = office();
    let path = folder.path().join("tls").join(KEY_FILE);
    fs::write(&path, "garbage").unwrap();
    let error = ca
        .issue(&subject_names(&["post.example.com"]), now())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("key.pem: this file holds no private key"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"garbage");
}
