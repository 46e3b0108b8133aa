//! The client's side: for the provider, and for `check`, which looks at our own listener as a PC
//! would.
//!
//! The end of the stream proves nothing here: without TLS's own closing it looks the same, so
//! whether everything arrived must come from the protocol above.

use std::fmt;
use std::time::Duration;

use async_native_tls::TlsConnector;
use native_tls::{Protocol, TlsConnector as Builder};
use smol::Timer;
use smol::future::FutureExt;
use smol::io::{AsyncRead, AsyncWrite};
use thiserror::Error;

use super::stream::Secured;
use super::{Certificate, CertificateError, Fingerprint, reason};

/// Whom to trust as the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedRoots {
    /// Whoever has a certificate for the server's name from a CA that the system trusts.
    System,
    /// Whoever has a certificate for the server's name from one of these CAs (PEM), and no other.
    Pem(Vec<u8>),
    /// Whoever shows exactly this certificate, whatever its name, dates and issuer.
    Pinned(Fingerprint),
    /// Nobody: there is no session, but the certificate comes back, as
    /// [`ConnectError::Shown`].
    Nobody,
}

/// A stream under TLS, as the client has it.
pub type ClientStream<S> = Secured<async_native_tls::TlsStream<S>, Certificate>;

/// Why no TLS session came about.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The server was too slow.
    #[error("{server}: no TLS session within {} s", limit.as_secs())]
    TimedOut {
        /// The server's name.
        server: String,
        /// The time limit.
        limit: Duration,
    },
    /// The roots to trust cannot be read.
    #[error("the certificates to trust cannot be read: {0}")]
    Roots(String),
    /// The server's certificate is for another name, expired, or from a CA that is not trusted.
    #[error("{server}: its certificate is not trusted: {reason}")]
    NotTrusted {
        /// The server's name.
        server: String,
        /// What the check of the certificate found.
        reason: String,
        /// The certificate, where somebody has looked at it by [`TrustedRoots::Nobody`]:
        /// a check that fails keeps it for itself.
        shown: Option<Box<Certificate>>,
    },
    /// The server speaks no TLS, or none that we speak, or the connection broke.
    #[error("{server}: no TLS session: {reason}")]
    Failed {
        /// The server's name.
        server: String,
        /// What OpenSSL or the connection said.
        reason: String,
    },
    /// The server showed another certificate than the pinned one.
    #[error(
        "{server}: its certificate has the SHA-256 fingerprint {found}, expected {expected}; if the server has a \
         new certificate, ask its owner for the fingerprint and set that"
    )]
    OtherCertificate {
        /// The server's name.
        server: String,
        /// The pinned one.
        expected: Fingerprint,
        /// The one that it showed.
        found: Fingerprint,
    },
    /// The server showed this one, and nobody was to be trusted.
    #[error("{server}: its certificate was looked at, and that was all")]
    Shown {
        /// The server's name.
        server: String,
        /// What it showed.
        certificate: Box<Certificate>,
    },
    /// The server showed no certificate that can be read.
    #[error("{server}: {reason}")]
    Certificate {
        /// The server's name.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Makes the client's handshake on `stream` with the server `server_name` (a host name in A-labels or
/// an address), for at most `limit`.
///
/// Loads the system's roots each time, also to leave them out: 31 ms of CPU, on a thread for what
/// takes long.
///
/// # Errors
/// If there is no session after `limit`, or the server is not the one that is trusted. Nothing but
/// the handshake was sent then.
pub async fn connect<S>(
    stream: S,
    server_name: &str,
    roots: &TrustedRoots,
    limit: Duration,
) -> Result<ClientStream<S>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let server = || server_name.to_owned();
    let trusted = roots.clone();
    let connector = smol::unblock(move || connector(&trusted)).await?;
    let handshake = async {
        let stream = connector.connect(server_name, stream).await;
        stream.map_err(|error| failure(server(), &error))
    };
    let timeout = async {
        Timer::after(limit).await;
        Err(ConnectError::TimedOut {
            server: server(),
            limit,
        })
    };
    let stream = handshake.or(timeout).await?;
    let certificate = peer_certificate(&stream).map_err(|reason| ConnectError::Certificate {
        server: server(),
        reason,
    })?;
    match *roots {
        TrustedRoots::Pinned(expected) if certificate.fingerprint() != expected => {
            Err(ConnectError::OtherCertificate {
                server: server(),
                expected,
                found: certificate.fingerprint(),
            })
        }
        TrustedRoots::Nobody => Err(ConnectError::Shown {
            server: server(),
            certificate: Box::new(certificate),
        }),
        _ => Ok(Secured {
            stream,
            found: certificate,
        }),
    }
}

impl<S> ClientStream<S> {
    /// The certificate that the server showed.
    pub fn certificate(&self) -> &Certificate {
        &self.found
    }
}

fn connector(roots: &TrustedRoots) -> Result<TlsConnector, ConnectError> {
    let unreadable = |error: &dyn fmt::Display| ConnectError::Roots(error.to_string());
    let mut builder = Builder::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    match roots {
        TrustedRoots::System => {}
        TrustedRoots::Pem(pem) => {
            let roots = native_tls::Certificate::stack_from_pem(pem).map_err(|e| unreadable(&e))?;
            if roots.is_empty() {
                return Err(unreadable(&"there is no certificate in PEM among them"));
            }
            builder.disable_built_in_roots(true);
            for root in roots {
                builder.add_root_certificate(root);
            }
        }
        // The fingerprint, compared after the handshake, is stronger than what these would check;
        // and who trusts nobody goes no further.
        TrustedRoots::Pinned(_) | TrustedRoots::Nobody => {
            builder.danger_accept_invalid_certs(true);
            builder.danger_accept_invalid_hostnames(true);
        }
    }
    Ok(TlsConnector::from(builder))
}

fn failure(server: String, error: &native_tls::Error) -> ConnectError {
    match reason::of_distrust(error) {
        Some(reason) => ConnectError::NotTrusted {
            server,
            reason,
            shown: None,
        },
        None => {
            let reason = reason::of_native(error);
            ConnectError::Failed { server, reason }
        }
    }
}

fn peer_certificate<S>(stream: &async_native_tls::TlsStream<S>) -> Result<Certificate, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let certificate = stream
        .peer_certificate()
        .map_err(|error| error.to_string())?;
    let certificate = certificate.ok_or("it showed no certificate")?;
    let der = certificate.to_der().map_err(|error| error.to_string())?;
    Certificate::from_der(&der).map_err(|error: CertificateError| error.to_string())
}
