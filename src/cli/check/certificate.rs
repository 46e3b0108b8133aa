//! The certificate: its key, names, dates and issuers, and certbot's newer one.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::files::is_closed_to_a_guest;
use super::finding::{Finding, Findings, Topic};
use crate::config::{Configuration, Tls};
use crate::net::networks::own_addresses;
use crate::net::tls::{
    CA_CERTIFICATE_FILE, Certificate, Chain, ServerTls, SubjectName, follow_chain,
};

/// Where certbot keeps what is in force, for root alone.
const CERTBOT: &str = "/etc/letsencrypt/live";
/// The system's own roots; without them no chain can be followed.
const ROOTS: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];
/// Made later than ours by this much, it is a renewed one.
const RENEWED_BY: Duration = Duration::from_secs(24 * 60 * 60);

pub fn look(configuration: &Configuration, findings: &mut Findings<'_>) {
    let Some(files) = &configuration.tls else {
        return findings.add(
            Finding::warning(
                Topic::Certificate,
                "TLS is not offered: postroom.toml has no [tls]; passwords cross the LAN in clear, and from elsewhere \
                 nobody can log in",
            )
            .mend("postroom init in another folder makes a certificate and its office CA; or use certbot's"),
        );
    };
    if is_closed_to_a_guest(&files.key, configuration) {
        let text =
            "the certificate was not looked at: its key is for root and the hub's user alone";
        return findings.add(Finding::note(Topic::Certificate, text).mend("sudo postroom check"));
    }
    let tls = match ServerTls::load(&files.certificate, &files.key) {
        Ok(tls) => tls,
        Err(why) => return findings.add(Finding::error(Topic::Certificate, why)),
    };
    let now = SystemTime::now();
    let hostname = SubjectName::Dns(configuration.hostname.as_str().to_string());
    let warnings = tls.warnings(&hostname, now);
    if warnings.is_empty() {
        findings.add(good(files, &tls.certificate(), now));
    }
    for warning in warnings {
        findings.add(Finding::warning(Topic::Certificate, warning));
    }
    findings.add(look_at_chain(files));
    if let Some(moved) = look_at_addresses(&tls.certificate(), &addresses_for_others()) {
        findings.add(moved);
    }
    let newer = renewed(Path::new(CERTBOT), &tls.certificate(), &hostname);
    if let Some(newer) = newer {
        findings.add(newer_at_certbot(files, &newer));
    }
}

fn good(files: &Tls, certificate: &Certificate, now: SystemTime) -> Finding {
    let names = certificate.names();
    let names: Vec<String> = names.iter().map(SubjectName::to_string).collect();
    Finding::good(
        Topic::Certificate,
        format!(
            "{}: {} days left, for {}",
            files.certificate.display(),
            certificate.days_left(now),
            names.join(", ")
        ),
    )
}

/// A certificate of the office CA names the addresses that the machine had when it
/// was made. Without any of them by now the machine has moved.
fn look_at_addresses(certificate: &Certificate, own: &[IpAddr]) -> Option<Finding> {
    let names = certificate.names();
    let named = names.iter().filter_map(|name| match name {
        SubjectName::Address(address) if !address.is_loopback() => Some(*address),
        _ => None,
    });
    let named: Vec<IpAddr> = named.collect();
    if named.is_empty() || own.is_empty() || named.iter().any(|address| own.contains(address)) {
        return None;
    }
    let listed = |addresses: &[IpAddr]| {
        let listed: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        listed.join(", ")
    };
    let text = format!(
        "the certificate is for {}, and this machine has {} by now: PCs that were set up with an address, not with the \
         name, do not trust it",
        listed(&named),
        listed(own)
    );
    Some(Finding::note(Topic::Certificate, text).mend("set them up with the hub's name"))
}

/// Of this machine in its networks.
fn addresses_for_others() -> Vec<IpAddr> {
    let mut own = own_addresses();
    own.retain(|address| !address.is_loopback());
    own
}

fn look_at_chain(files: &Tls) -> Finding {
    let path = &files.certificate;
    let ca = path.parent().map(|folder| folder.join(CA_CERTIFICATE_FILE));
    let ca = ca.filter(|ca| ca.is_file());
    let ca_pem = ca.and_then(|ca| fs::read(ca).ok());
    let has_roots = ROOTS.iter().any(|roots| Path::new(roots).exists());
    match follow_chain(path, ca_pem.as_deref()) {
        Err(why) => Finding::error(Topic::Certificate, why),
        Ok(Chain::IssuerMissing { .. }) if !has_roots => Finding::note(
            Topic::Certificate,
            "whether PCs trust the certificate's issuer was not looked at: this machine knows none",
        )
        .mend("apt-get install ca-certificates"),
        Ok(chain) => judge(chain, path),
    }
}

fn judge(chain: Chain, path: &Path) -> Finding {
    let path = path.display();
    let bad = |text: String| Finding::warning(Topic::Certificate, format!("{path}: {text}"));
    let whole = "put the whole chain into this file, for certbot it is fullchain.pem";
    match chain {
        Chain::TrustedByAll => {
            Finding::good(Topic::Certificate, format!("{path}: PCs trust its issuer"))
        }
        Chain::TrustedByOfficeCa => Finding::good(
            Topic::Certificate,
            format!("{path}: PCs that have imported {CA_CERTIFICATE_FILE} trust it"),
        ),
        Chain::SelfSigned => bad("signed with its own key, so that every PC asks about it".to_string())
            .mend("postroom init in another folder makes an office CA, which PCs import once; or use certbot"),
        Chain::OutOfOrder => bad("the certificates in it do not follow each other".to_string()).mend(
            "the hub's own certificate first, then its issuer, then that one's; without others: for certbot it is \
             fullchain.pem",
        ),
        Chain::IssuerMissing { issuer } => {
            bad(format!("its chain ends below {issuer}, which PCs do not know")).mend(whole)
        }
        Chain::Untrusted { reason } => bad(format!("PCs do not trust it: {reason}")).mend(whole),
    }
}

/// A certificate of certbot's for the same name that ends later than ours.
fn renewed(live: &Path, own: &Certificate, hostname: &SubjectName) -> Option<PathBuf> {
    // Only root may look; whoever may not finds nothing.
    let lineages = fs::read_dir(live).into_iter().flatten().flatten();
    let files = lineages.map(|lineage| lineage.path().join("fullchain.pem"));
    let mut newer = files.filter(|file| {
        let found = file.is_file().then(|| fs::read(file).ok()).flatten();
        let found = found.and_then(|pem| Certificate::from_pem(&pem).ok());
        found.is_some_and(|found| {
            found.covers(hostname) && found.not_after() > own.not_after() + RENEWED_BY
        })
    });
    newer.next()
}

fn newer_at_certbot(files: &Tls, newer: &Path) -> Finding {
    Finding::warning(
        Topic::Certificate,
        format!(
            "certbot has a newer certificate for the same name, {}, and the hub shows an older copy",
            newer.display()
        ),
    )
    .mend(format!(
        "copy it and its privkey.pem to {} and {} (a hook in /etc/letsencrypt/renewal-hooks/deploy does that at each \
         renewal)",
        files.certificate.display(),
        files.key.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::{CERTIFICATE_FILE, KEY_FILE, OfficeCa};

    fn office(names: &str, now: SystemTime) -> (tempfile::TempDir, Tls) {
        let folder = tempfile::tempdir().unwrap();
        let ca = OfficeCa::create(folder.path(), "example.com", now).unwrap();
        ca.issue(&[names.parse().unwrap()], now).unwrap();
        let files = Tls {
            certificate: folder.path().join(CERTIFICATE_FILE),
            key: folder.path().join(KEY_FILE),
        };
        (folder, files)
    }

    #[test]
    fn a_chain_is_followed_up_to_who_signed_it() {
        let (folder, files) = office("post.example.com", SystemTime::now());
        let follow = |ca: Option<&[u8]>| follow_chain(&files.certificate, ca).unwrap();
        let ca = fs::read(folder.path().join(CA_CERTIFICATE_FILE)).unwrap();
        assert_eq!(follow(Some(&ca)), Chain::TrustedByOfficeCa);
        let unknown = follow(None);
        assert!(
            matches!(unknown, Chain::IssuerMissing { .. }),
            "{unknown:?}"
        );
        // The issuer first, as a file that was put together by hand may have it.
        let chain = fs::read_to_string(&files.certificate).unwrap();
        let (own, issuer) = chain.split_at(chain.rfind("-----BEGIN").unwrap());
        fs::write(&files.certificate, format!("{issuer}{own}")).unwrap();
        assert_eq!(follow(Some(&ca)), Chain::OutOfOrder);
        fs::write(&files.certificate, own).unwrap();
        assert_eq!(follow(Some(&ca)), Chain::TrustedByOfficeCa);
        assert!(matches!(follow(None), Chain::IssuerMissing { .. }));
        fs::write(&files.certificate, &ca).unwrap();
        assert_eq!(follow(None), Chain::SelfSigned);
    }

    #[test]
    fn a_machine_that_has_moved_is_told() {
        let (_folder, files) = office("192.0.2.7", SystemTime::now());
        let certificate = Certificate::from_pem(&fs::read(&files.certificate).unwrap()).unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let told = |own: &[IpAddr]| look_at_addresses(&certificate, own).is_some();
        assert!(told(&[ip("192.0.2.8")]));
        assert!(!told(&[ip("192.0.2.8"), ip("192.0.2.7")]));
        assert!(!told(&[]));
    }

    #[test]
    fn a_newer_certificate_of_certbots_is_found() {
        let now = SystemTime::now();
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        let (_old, files) = office("post.example.com", now - month);
        let (new, _) = office("post.example.com", now);
        let (other, _) = office("www.example.com", now);
        let own = Certificate::from_pem(&fs::read(&files.certificate).unwrap()).unwrap();
        let live = tempfile::tempdir().unwrap();
        let put = |name: &str, from: &Path| {
            fs::create_dir(live.path().join(name)).unwrap();
            let to = live.path().join(name).join("fullchain.pem");
            fs::copy(from.join(CERTIFICATE_FILE), &to).unwrap();
            to
        };
        let hostname = SubjectName::Dns("post.example.com".to_string());
        put("www.example.com", other.path());
        assert_eq!(renewed(live.path(), &own, &hostname), None);
        let expected = put("post.example.com", new.path());
        assert_eq!(renewed(live.path(), &own, &hostname), Some(expected));
        assert_eq!(renewed(Path::new("/nowhere"), &own, &hostname), None);
    }
}
