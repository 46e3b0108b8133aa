use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;

use super::super::tests::{Office, load, subject_names};
use super::super::{CERTIFICATE_FILE, KEY_FILE, OfficeCa};
use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn write_key(office: &Office, pem: &[u8]) {
    let path = office.folder.path().join(KEY_FILE);
    fs::write(&path, pem).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

fn error_of(office: &Office) -> String {
    load(office.folder.path()).err().unwrap().to_string()
}

#[test]
fn what_is_no_certificate_is_refused_with_path_and_remedy() {
    let office = Office::new(&["post.example.com"]);
    let path = office.folder.path().join(CERTIFICATE_FILE);
    let key = fs::read(office.folder.path().join(KEY_FILE)).unwrap();
    let pem = fs::read(&path).unwrap();
    let der = office.tls.certificate().x509().to_der().unwrap();
    for (content, expected) in [
        (Vec::new(), "this file is empty"),
        (b"garbage".to_vec(), "found something else"),
        (key, "found a private key"),
        (
            pem.get(..200).unwrap().to_vec(),
            "found a certificate, perhaps cut off",
        ),
        (der, "found binary data"),
    ] {
        fs::write(&path, content).unwrap();
        let error = error_of(&office);
        assert!(
            error.contains(expected) && error.contains("/cert.pem: "),
            "{error}"
        );
    }
    fs::remove_file(&path).unwrap();
    assert!(error_of(&office).contains("there is no such file"));
}

#[test]
fn what_is_no_key_is_refused_with_path_and_remedy() {
    let office = Office::new(&["post.example.com"]);
    let path = office.folder.path().join(KEY_FILE);
    let certificate = fs::read(office.folder.path().join(CERTIFICATE_FILE)).unwrap();
    let pem = fs::read(&path).unwrap();
    let key = PKey::private_key_from_pem(&pem).unwrap();
    let encrypted = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret");
    for (content, expected) in [
        (Vec::new(), "this file is empty"),
        (b"garbage".to_vec(), "found something else"),
        (certificate, "found a certificate"),
        (
            pem.get(..100).unwrap().to_vec(),
            "found a private key, perhaps cut off",
        ),
        (encrypted.unwrap(), "protected by a passphrase"),
    ] {
        write_key(&office, &content);
        let error = error_of(&office);
        assert!(
            error.contains(expected) && error.contains("/key.pem: "),
            "{error}"
        );
    }
}

#[test]
fn a_key_that_everybody_can_read_is_refused() {
    let office = Office::new(&["post.example.com"]);
    let path = office.folder.path().join(KEY_FILE);
    for (mode, accepted) in [
        (0o600, true),
        (0o400, true),
        (0o640, true),
        (0o644, false),
        (0o602, false),
    ] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(load(office.folder.path()).is_ok(), accepted, "{mode:o}");
    }
    assert!(error_of(&office).contains("(mode 0602); run `chmod o= "));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let office = Office::new(&["post.example.com"]);
    let other = Office::new(&["post.example.com"]);
    write_key(
        &office,
        &fs::read(other.folder.path().join(KEY_FILE)).unwrap(),
    );
    let error = error_of(&office);
    assert!(
        error.contains("does not belong to the first certificate in"),
        "{error}"
    );
    write_key(
        &office,
        &Rsa::generate(2048).unwrap().private_key_to_pem().unwrap(),
    );
    assert!(error_of(&office).contains("does not belong"));
}

#[test]
fn keys_are_read_in_every_form_that_programs_write() {
    let rsa = Rsa::generate(2048).unwrap();
    let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
    let ec = EcKey::generate(&group).unwrap();
    for (label, pem) in [
        ("BEGIN RSA PRIVATE KEY", rsa.private_key_to_pem().unwrap()),
        (
            "BEGIN PRIVATE KEY",
            PKey::from_rsa(rsa)
                .unwrap()
                .private_key_to_pem_pkcs8()
                .unwrap(),
        ),
        ("BEGIN EC PRIVATE KEY", ec.private_key_to_pem().unwrap()),
        (
            "BEGIN PRIVATE KEY",
            PKey::from_ec_key(ec)
                .unwrap()
                .private_key_to_pem_pkcs8()
                .unwrap(),
        ),
    ] {
        assert!(String::from_utf8_lossy(&pem).contains(label));
        let office = Office::new(&["post.example.com"]);
        write_key(&office, &pem);
        office
            .ca
            .issue(&subject_names(&["post.example.com"]), SystemTime::now())
            .unwrap();
        assert!(load(office.folder.path()).is_ok(), "{label}");
    }
}

#[test]
fn a_key_that_is_too_short_is_refused_with_the_reason() {
    let office = Office::new(&["post.example.com"]);
    write_key(
        &office,
        &Rsa::generate(1024).unwrap().private_key_to_pem().unwrap(),
    );
    office
        .ca
        .issue(&subject_names(&["post.example.com"]), SystemTime::now())
        .unwrap();
    let error = error_of(&office);
    assert!(
        error.contains("cannot be used: ee key too small"),
        "{error}"
    );
}

#[test]
fn an_expired_certificate_is_served_and_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let issued = SystemTime::now() - 800 * DAY;
    let ca = OfficeCa::create(folder.path(), "example.com", issued).unwrap();
    ca.issue(&subject_names(&["post.example.com"]), issued)
        .unwrap();
    let tls = load(folder.path()).unwrap();
    let warn = |day: u32| {
        let warnings = tls.warnings(&"post.example.com".parse().unwrap(), issued + DAY * day);
        warnings
            .iter()
            .map(CertificateWarning::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let ends = OffsetDateTime::from(issued + DAY * 396).date();
    assert_eq!(warn(0), "");
    assert_eq!(warn(380), "");
    assert!(
        warn(385).contains(&format!("expires on {ends};")),
        "{}",
        warn(385)
    );
    assert!(
        warn(400).contains(&format!("expired on {ends},")),
        "{}",
        warn(400)
    );
    let early = tls.warnings(&"post.example.com".parse().unwrap(), issued - 30 * DAY);
    assert!(
        matches!(*early, [CertificateWarning::NotYetValid { .. }]),
        "{early:?}"
    );
}

#[test]
fn a_certificate_for_another_name_is_warned_of() {
    let office = Office::new(&["post.example.com", "192.0.2.1"]);
    for (name, warnings) in [
        ("post.example.com", 0),
        ("192.0.2.1", 0),
        ("mail.example.com", 1),
    ] {
        let found = office
            .tls
            .warnings(&name.parse().unwrap(), SystemTime::now());
        assert_eq!(found.len(), warnings, "{name}: {found:?}");
    }
}
