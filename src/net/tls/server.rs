//! The certificate that the listeners show: loaded, checked, and swapped while they serve.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    Ssl, SslAcceptor, SslContext, SslContextBuilder, SslMethod, SslMode, SslSessionCacheMode,
};
use openssl::x509::X509;
use thiserror::Error;
use time::OffsetDateTime;

use super::certificate::{Certificate, CertificateError, SubjectName, Validity};
use super::{FileError, files, reason};

/// Ties resumed sessions to this use of TLS; without it OpenSSL resumes none.
const SESSION_CONTEXT: &[u8] = b"postroom";
/// Sessions that the server itself remembers, for TLS 1.2 clients without tickets; about 1 KB each.
/// All others carry their session in a ticket, which costs us nothing.
const REMEMBERED_SESSIONS: i32 = 256;
/// Tickets sent after a TLS 1.3 handshake. A mail program opens one session at a time; each resumed
/// one brings the next ticket.
const TICKETS: usize = 1;
/// From so many days before its end on, a certificate is warned of.
const WARN_DAYS: i64 = 14;

/// The listening side's certificate and key. Cheap to clone; all clones see a reload.
#[derive(Clone)]
pub struct ServerTls {
    shared: Arc<Shared>,
}

struct Shared {
    certificate_path: PathBuf,
    key_path: PathBuf,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    context: SslContext,
    certificate: Certificate,
}

/// Why the listeners cannot use the certificate or key.
#[derive(Debug, Error)]
pub enum ServerTlsError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The certificate file holds something else.
    #[error(
        "{}: expected certificates in PEM (\"-----BEGIN CERTIFICATE-----\"), found {found}; correct [tls] certificate, for certbot it is fullchain.pem",
        path.display()
    )]
    NotACertificate {
        /// Its path.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
    /// The key file holds something else.
    #[error(
        "{}: expected a private key in PEM (\"-----BEGIN PRIVATE KEY-----\"), found {found}; correct [tls] key, for certbot it is privkey.pem",
        path.display()
    )]
    NotAKey {
        /// Its path.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
    /// The key needs a passphrase, which nobody can type at a start.
    #[error(
        "{}: this key is protected by a passphrase, which postroom cannot ask for; remove it with `openssl pkey -in KEY -out NEW`",
        path.display()
    )]
    KeyEncrypted {
        /// Its path.
        path: PathBuf,
    },
    /// Everybody on this machine can read the key.
    #[error("{}: every user of this machine can read or change this key (mode {mode:04o}); run `chmod o= {}`", path.display(), path.display())]
    KeyIsPublic {
        /// Its path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// They are not a pair.
    #[error(
        "{}: this key does not belong to the first certificate in {}; put the pair that was issued together into [tls], the server's own certificate first in its file",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// Path of the certificate.
        certificate: PathBuf,
        /// Path of the key.
        key: PathBuf,
    },
    /// OpenSSL does not take the certificate, for instance because its key is too short.
    #[error("{}: this certificate cannot be used: {reason}; have a new one issued", path.display())]
    Unusable {
        /// Its path.
        path: PathBuf,
        /// What OpenSSL said.
        reason: String,
    },
    /// OpenSSL itself failed.
    #[error("TLS cannot be set up: {0}")]
    OpenSsl(String),
}

/// What is wrong with a certificate that is served all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateWarning {
    /// Its end has passed.
    Expired {
        /// Path of the certificate.
        path: PathBuf,
        /// That end.
        not_after: SystemTime,
    },
    /// Its first day has not come.
    NotYetValid {
        /// Path of the certificate.
        path: PathBuf,
    },
    /// Its end is near.
    EndsSoon {
        /// Path of the certificate.
        path: PathBuf,
        /// That end.
        not_after: SystemTime,
    },
    /// PCs that connect to this name will refuse it.
    NameMissing {
        /// Path of the certificate.
        path: PathBuf,
        /// The name that is not in it.
        name: SubjectName,
    },
}

impl ServerTls {
    /// Loads a certificate chain and its key, EC or RSA, PKCS#8 or traditional PEM.
    ///
    /// An expired certificate is loaded, too: a hub that refused to start over it would take the
    /// mail of those away who use no TLS, and of those whose programs do not mind.
    /// [`ServerTls::warnings`] tells of it.
    ///
    /// # Errors
    /// If a file cannot be read or used, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<ServerTls, ServerTlsError> {
        Ok(ServerTls {
            shared: Arc::new(Shared {
                current: RwLock::new(Current::load(certificate, key)?),
                certificate_path: certificate.to_owned(),
                key_path: key.to_owned(),
            }),
        })
    }

    /// Reads both files anew; sessions from now on get what is in them, running ones keep theirs.
    /// Tickets get a new key each time, so that calling this daily keeps an old ticket key from
    /// being worth stealing.
    ///
    /// # Errors
    /// As for [`ServerTls::load`]; what was loaded last then stays in use.
    pub fn reload(&self) -> Result<(), ServerTlsError> {
        let Shared {
            certificate_path,
            key_path,
            current,
        } = &*self.shared;
        let new = Current::load(certificate_path, key_path)?;
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The certificate that sessions get at the moment.
    pub fn certificate(&self) -> Certificate {
        self.current().certificate
    }

    /// The path it was loaded from.
    pub fn certificate_path(&self) -> &Path {
        &self.shared.certificate_path
    }

    /// What a person should know about the certificate. `hostname` is what PCs connect to.
    pub fn warnings(&self, hostname: &SubjectName, now: SystemTime) -> Vec<CertificateWarning> {
        let certificate = self.certificate();
        let path = || self.shared.certificate_path.clone();
        let not_after = certificate.not_after();
        let mut warnings = Vec::new();
        match certificate.validity(now) {
            Validity::NotYet => warnings.push(CertificateWarning::NotYetValid { path: path() }),
            Validity::Expired => {
                warnings.push(CertificateWarning::Expired {
                    path: path(),
                    not_after,
                });
            }
            Validity::Valid if certificate.days_left(now) < WARN_DAYS => {
                warnings.push(CertificateWarning::EndsSoon {
                    path: path(),
                    not_after,
                });
            }
            Validity::Valid => {}
        }
        if !certificate.covers(hostname) {
            let name = hostname.clone();
            warnings.push(CertificateWarning::NameMissing { path: path(), name });
        }
        warnings
    }

    /// The state for one new session.
    pub(super) fn new_session(&self) -> Result<Ssl, ErrorStack> {
        Ssl::new(&self.current().context)
    }

    fn current(&self) -> Current {
        self.shared
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Current {
    fn load(certificate_path: &Path, key_path: &Path) -> Result<Current, ServerTlsError> {
        let (own, issuers) = read_chain(certificate_path)?;
        let key = read_key(key_path)?;
        if !own.public_key()?.public_eq(&key) {
            return Err(ServerTlsError::Mismatch {
                certificate: certificate_path.to_owned(),
                key: key_path.to_owned(),
            });
        }
        let context = context(&own, issuers, &key).map_err(|stack| ServerTlsError::Unusable {
            path: certificate_path.to_owned(),
            reason: reason::of_stack(&stack),
        })?;
        Ok(Current {
            context,
            certificate: Certificate::from_x509(own)?,
        })
    }
}

fn context(own: &X509, issuers: Vec<X509>, key: &PKey<Private>) -> Result<SslContext, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    save_memory(&mut builder);
    builder.set_session_id_context(SESSION_CONTEXT)?;
    builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
    builder.set_session_cache_size(REMEMBERED_SESSIONS);
    builder.set_num_tickets(TICKETS)?;
    builder.set_certificate(own)?;
    for issuer in issuers {
        builder.add_extra_chain_cert(issuer)?;
    }
    builder.set_private_key(key)?;
    builder.check_private_key()?;
    Ok(builder.build().into_context())
}

/// Lets an idle session give its two buffers of 17 KB back. The builder sets it as well; said here
/// because the memory of an office full of sleeping PCs rests on it.
fn save_memory(builder: &mut SslContextBuilder) {
    builder.set_mode(SslMode::RELEASE_BUFFERS);
}

pub(super) fn read_chain(path: &Path) -> Result<(X509, Vec<X509>), ServerTlsError> {
    let pem = files::read(path)?.octets;
    let not_a_certificate = || ServerTlsError::NotACertificate {
        path: path.to_owned(),
        found: found(&pem).to_owned(),
    };
    let chain = X509::stack_from_pem(&pem).map_err(|_| not_a_certificate())?;
    let mut chain = chain.into_iter();
    let own = chain.next().ok_or_else(not_a_certificate)?;
    Ok((own, chain.collect()))
}

fn read_key(path: &Path) -> Result<PKey<Private>, ServerTlsError> {
    let content = files::read(path)?;
    if content.mode & 0o006 != 0 {
        return Err(ServerTlsError::KeyIsPublic {
            path: path.to_owned(),
            mode: content.mode,
        });
    }
    // Without a callback OpenSSL would ask for a passphrase at the terminal.
    let mut encrypted = false;
    let key = PKey::private_key_from_pem_callback(&content.octets, |_| {
        encrypted = true;
        Ok(0)
    });
    match key {
        Ok(key) => Ok(key),
        Err(_) if encrypted => Err(ServerTlsError::KeyEncrypted {
            path: path.to_owned(),
        }),
        Err(_) => Err(ServerTlsError::NotAKey {
            path: path.to_owned(),
            found: found(&content.octets).to_owned(),
        }),
    }
}

/// What a file holds that should hold something else, in words for a person.
fn found(octets: &[u8]) -> &'static str {
    let holds = |label: &[u8]| octets.windows(label.len()).any(|window| window == label);
    if holds(b"PRIVATE KEY-----") {
        "a private key, perhaps cut off or altered"
    } else if holds(b"-----BEGIN CERTIFICATE-----") {
        "a certificate, perhaps cut off or altered"
    } else if holds(b"-----BEGIN CERTIFICATE REQUEST-----") {
        "a certificate request, which is not yet signed"
    } else if octets.first() == Some(&0x30) {
        "binary data (perhaps DER; convert it with openssl)"
    } else {
        "something else"
    }
}

impl From<ErrorStack> for ServerTlsError {
    fn from(stack: ErrorStack) -> ServerTlsError {
        ServerTlsError::OpenSsl(reason::of_stack(&stack))
    }
}

impl From<CertificateError> for ServerTlsError {
    fn from(error: CertificateError) -> ServerTlsError {
        ServerTlsError::OpenSsl(error.to_string())
    }
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateWarning::Expired { path, not_after } => write!(
                formatter,
                "{}: this certificate expired on {}, mail programs refuse it; renew it",
                path.display(),
                date(*not_after)
            ),
            CertificateWarning::NotYetValid { path } => write!(
                formatter,
                "{}: this certificate is not valid yet; set the clock of this machine, or have it issued anew",
                path.display()
            ),
            CertificateWarning::EndsSoon { path, not_after } => write!(
                formatter,
                "{}: this certificate expires on {}; renew it",
                path.display(),
                date(*not_after)
            ),
            CertificateWarning::NameMissing { path, name } => write!(
                formatter,
                "{}: this certificate is not for {name}, mail programs that connect to that name refuse it; \
                 have one issued for it",
                path.display()
            ),
        }
    }
}

/// The day of a time in UTC, as 2026-11-22.
fn date(time: SystemTime) -> time::Date {
    OffsetDateTime::from(time).date()
}

#[cfg(test)]
mod tests;
