//! The office's own certificate authority and the server certificate that it issues.
//!
//! A PC imports the CA's certificate once; the hub renews the server certificate in time, and no PC
//! notices. The CA can sign server certificates only, no further CA.
//!
//! ```text
//! ca.pem      0644  the CA's certificate, for the PCs          ten years
//! ca-key.pem  0600  its key
//! cert.pem    0644  server certificate, then the CA's          397 days (Apple refuses more than 825)
//! key.pem     0600  the server's key
//! ```
//! A renewal keeps the server's key: so it is one rename, and no crash leaves a certificate beside a
//! key that is not its own. `init` creates, the hub renews; certificates of others are never touched.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name};
use thiserror::Error;
use time::OffsetDateTime;
use time::macros::format_description;

use super::certificate::{Certificate, CertificateError, SubjectName, Validity, is_signed_by};
use super::{FileError, files, reason};

/// File of the CA's certificate, which PCs import.
pub const CA_CERTIFICATE_FILE: &str = "ca.pem";
/// File of the CA's key.
pub const CA_KEY_FILE: &str = "ca-key.pem";
/// File of the server certificate with its chain.
pub const CERTIFICATE_FILE: &str = "cert.pem";
/// File of the server's key.
pub const KEY_FILE: &str = "key.pem";

const CERTIFICATE_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;

const DAY: Duration = Duration::from_secs(86_400);
/// Ten years with their leap days: the PCs import the CA once in their life.
const CA_LIFE: Duration = DAY.saturating_mul(3653);
/// What public CAs gave last; below Apple's limit of 825 days for private ones.
const SERVER_LIFE: Duration = DAY.saturating_mul(397);
/// How much older a certificate is made than it is, for PCs whose clocks are slow.
const SLOW_CLOCKS: Duration = DAY;
/// The longest common name (RFC 5280 appendix A, ub-common-name).
const LONGEST_COMMON_NAME: usize = 64;

/// The office CA in its folder.
pub struct OfficeCa {
    folder: PathBuf,
    certificate: X509,
    key: PKey<Private>,
}

/// Why the office CA cannot be made, read or used.
#[derive(Debug, Error)]
pub enum CaError {
    /// There is one already; PCs may trust it.
    #[error(
        "{}: there is an office CA already, which PCs may have imported; to make another, move this file away first",
        path.display()
    )]
    AlreadyThere {
        /// Its certificate.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file does not hold what it should.
    #[error("{}: {reason}; restore this file from a backup, or make a new office CA with `postroom init` and import it on the PCs", path.display())]
    Damaged {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server's key is there and cannot be used.
    #[error("{}: this file holds no private key without a passphrase; move it away, and a new key is made", path.display())]
    DamagedServerKey {
        /// Its path.
        path: PathBuf,
    },
    /// A certificate needs a name.
    #[error("a server certificate needs at least one host name or address")]
    NoNames,
    /// The CA itself has expired.
    #[error("{}: the office CA has expired; move this file away, run `postroom init` for a new one and import it on the PCs", path.display())]
    Expired {
        /// Its certificate.
        path: PathBuf,
    },
    /// OpenSSL refused.
    #[error("cannot make the certificate: {0}")]
    Unmakeable(String),
}

impl OfficeCa {
    /// Makes an office CA for the office of `domain` in `folder`, which is created if need be.
    ///
    /// # Errors
    /// If there is one already, or the files cannot be written.
    pub fn create(folder: &Path, domain: &str, now: SystemTime) -> Result<OfficeCa, CaError> {
        let path = folder.join(CA_CERTIFICATE_FILE);
        if fs::exists(&path).unwrap_or(true) {
            return Err(CaError::AlreadyThere { path });
        }
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder);
        made.map_err(|source| FileError::Failed {
            verb: "make",
            path: folder.to_owned(),
            source,
        })?;
        let key = new_key()?;
        let certificate = ca_certificate(domain, &key, now)?;
        // The key first: a CA is there once its certificate is.
        let key_pem = key.private_key_to_pem_pkcs8()?;
        files::write(&folder.join(CA_KEY_FILE), &key_pem, KEY_MODE)?;
        files::write(&path, &certificate.to_pem()?, CERTIFICATE_MODE)?;
        Ok(OfficeCa {
            folder: folder.to_owned(),
            certificate,
            key,
        })
    }

    /// Makes an office CA and its first server certificate: both, or nothing.
    ///
    /// # Errors
    /// As for [`OfficeCa::create`] and [`OfficeCa::issue`].
    pub fn create_with_certificate(
        folder: &Path,
        domain: &str,
        names: &[SubjectName],
        now: SystemTime,
    ) -> Result<OfficeCa, CaError> {
        let files = [CERTIFICATE_FILE, KEY_FILE, CA_CERTIFICATE_FILE, CA_KEY_FILE];
        let mut new = files.map(|file| folder.join(file)).to_vec();
        new.retain(|file| !fs::exists(file).unwrap_or(true));
        let made =
            OfficeCa::create(folder, domain, now).and_then(|ca| ca.issue(names, now).map(|_| ca));
        if made.is_err() {
            // The first error is the one to tell.
            new.into_iter().for_each(|file| drop(fs::remove_file(file)));
        }
        made
    }

    /// Reads the office CA in `folder`; `None` if there is none, as in an office with certificates of
    /// its own.
    ///
    /// # Errors
    /// If it is there and cannot be used.
    pub fn load(folder: &Path) -> Result<Option<OfficeCa>, CaError> {
        let path = folder.join(CA_CERTIFICATE_FILE);
        let pem = match files::read(&path) {
            Err(FileError::Missing { .. }) => return Ok(None),
            content => content?.octets,
        };
        let certificate =
            X509::from_pem(&pem).map_err(|_| damaged(&path, "this file holds no certificate"))?;
        let key_path = folder.join(CA_KEY_FILE);
        let key = key_from_pem(&files::read(&key_path)?.octets)
            .map_err(|_| damaged(&key_path, "this file holds no private key"))?;
        let fits = certificate
            .public_key()
            .is_ok_and(|public| public.public_eq(&key));
        if !fits {
            return Err(damaged(
                &key_path,
                "this key does not belong to ca.pem beside it",
            ));
        }
        Ok(Some(OfficeCa {
            folder: folder.to_owned(),
            certificate,
            key,
        }))
    }

    /// The CA's own certificate.
    ///
    /// # Errors
    /// If its dates cannot be read, which a certificate that we made never causes.
    pub fn certificate(&self) -> Result<Certificate, CertificateError> {
        Certificate::from_x509(self.certificate.clone())
    }

    /// Whether it issued `certificate`.
    pub fn issued(&self, certificate: &Certificate) -> bool {
        is_signed_by(certificate.x509(), &self.certificate)
    }

    /// Issues a server certificate for `names` and writes it with its chain. The first name becomes
    /// the common name. The server's key is made if there is none.
    ///
    /// # Errors
    /// If the CA has expired or the files cannot be written; the old certificate then stays.
    pub fn issue(&self, names: &[SubjectName], now: SystemTime) -> Result<Certificate, CaError> {
        let first = names.first().ok_or(CaError::NoNames)?;
        let ca_ends = self.certificate()?.not_after();
        if ca_ends <= now {
            return Err(CaError::Expired {
                path: self.folder.join(CA_CERTIFICATE_FILE),
            });
        }
        let key = self.server_key()?;
        // No client accepts a certificate beyond its issuer's end.
        let ends = ca_ends.min(now + SERVER_LIFE - SLOW_CLOCKS);
        let subject = name_of(&first.to_string(), "postroom")?;
        let mut builder = builder(&key, &subject, now, ends)?;
        self.complete(&mut builder, names)?;
        let certificate = builder.build();
        let mut chain = certificate.to_pem()?;
        chain.extend(self.certificate.to_pem()?);
        files::write(
            &self.folder.join(CERTIFICATE_FILE),
            &chain,
            CERTIFICATE_MODE,
        )?;
        Ok(Certificate::from_x509(certificate)?)
    }

    /// Issues `current` anew, if this CA issued it and a third of its life or less is left, or if it
    /// is not valid yet; or if there are `other_names` for it. Without these it keeps its names.
    /// `None`: nothing was to do.
    ///
    /// # Errors
    /// As for [`OfficeCa::issue`].
    pub fn renew_if_due(
        &self,
        current: &Certificate,
        other_names: Option<Vec<SubjectName>>,
        now: SystemTime,
    ) -> Result<Option<Certificate>, CaError> {
        // Made by a clock that was ahead, and has gone back. A clock from before the
        // CA itself is wrong, and would make what is over when it is right again.
        let is_of_the_future =
            current.validity(now) == Validity::NotYet && now >= self.certificate()?.not_before();
        let is_due = current.renewal_due(now) || is_of_the_future || other_names.is_some();
        if !is_due || !self.issued(current) {
            return Ok(None);
        }
        let names = other_names.unwrap_or_else(|| current.names());
        self.issue(&names, now).map(Some)
    }

    fn server_key(&self) -> Result<PKey<Private>, CaError> {
        let path = self.folder.join(KEY_FILE);
        match files::read(&path) {
            Err(FileError::Missing { .. }) => {}
            content => {
                let key = key_from_pem(&content?.octets);
                return key.map_err(|_| CaError::DamagedServerKey { path });
            }
        }
        let key = new_key()?;
        files::write(&path, &key.private_key_to_pem_pkcs8()?, KEY_MODE)?;
        Ok(key)
    }

    /// Makes it a server certificate for `names`, signed by this CA.
    fn complete(&self, builder: &mut X509Builder, names: &[SubjectName]) -> Result<(), CaError> {
        let mut alternatives = SubjectAlternativeName::new();
        for name in names {
            match name {
                SubjectName::Dns(name) => alternatives.dns(name),
                SubjectName::Address(address) => alternatives.ip(&address.to_string()),
            };
        }
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let alternatives = alternatives.build(&context)?;
        let own_key = SubjectKeyIdentifier::new().build(&context)?;
        let issuer_key = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
        for extension in [alternatives, own_key, issuer_key] {
            builder.append_extension(extension)?;
        }
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(())
    }
}

fn ca_certificate(domain: &str, key: &PKeyRef<Private>, now: SystemTime) -> Result<X509, CaError> {
    let name = name_of(&format!("{domain} office CA"), "postroom office CA")?;
    let mut builder = builder(key, &name, now, now + CA_LIFE)?;
    builder.set_issuer_name(&name)?;
    builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().build()?)?;
    let own_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(own_key)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

/// What all our certificates have in common.
fn builder(
    key: &PKeyRef<Private>,
    subject: &X509Name,
    now: SystemTime,
    ends: SystemTime,
) -> Result<X509Builder, CaError> {
    let mut builder = X509Builder::new()?;
    // Version 3 is written as 2 (RFC 5280 §4.1.2.1).
    builder.set_version(2)?;
    builder.set_serial_number(&*BigNum::from_slice(&serial()?)?.to_asn1_integer()?)?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*asn1_time(now - SLOW_CLOCKS)?)?;
    builder.set_not_after(&*asn1_time(ends)?)?;
    Ok(builder)
}

/// 127 random bits: positive, and never drawn twice (RFC 5280 §4.1.2.2).
fn serial() -> Result<[u8; 16], CaError> {
    let mut serial = [0; 16];
    openssl::rand::rand_bytes(&mut serial)?;
    let [first, ..] = &mut serial;
    *first = *first & 0x7f | 0x40;
    Ok(serial)
}

/// A name that consists of a common name, or of `instead` where that would be too long.
fn name_of(common_name: &str, instead: &str) -> Result<X509Name, CaError> {
    let fits = common_name.chars().count() <= LONGEST_COMMON_NAME;
    let mut name = X509Name::builder()?;
    name.append_entry_by_nid(Nid::COMMONNAME, if fits { common_name } else { instead })?;
    Ok(name.build())
}

fn asn1_time(time: SystemTime) -> Result<Asn1Time, CaError> {
    let format = format_description!("[year][month][day][hour][minute][second]Z");
    let text = OffsetDateTime::from(time).format(format);
    let text = text.map_err(|error| CaError::Unmakeable(error.to_string()))?;
    Ok(Asn1Time::from_str_x509(&text)?)
}

fn new_key() -> Result<PKey<Private>, CaError> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}

fn key_from_pem(pem: &[u8]) -> Result<PKey<Private>, ErrorStack> {
    // Our keys have no passphrase. Without the callback, OpenSSL would ask for one at the terminal.
    PKey::private_key_from_pem_callback(pem, |_| Ok(0))
}

fn damaged(path: &Path, reason: &str) -> CaError {
    CaError::Damaged {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

impl From<ErrorStack> for CaError {
    fn from(stack: ErrorStack) -> CaError {
        CaError::Unmakeable(reason::of_stack(&stack))
    }
}

impl From<CertificateError> for CaError {
    fn from(error: CertificateError) -> CaError {
        CaError::Unmakeable(error.to_string())
    }
}

#[cfg(test)]
mod tests;
