//! The server's side of a handshake, and the stream after it.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use async_openssl::SslStream;
use smol::Timer;
use smol::future::FutureExt;
use smol::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use thiserror::Error;

use super::hello::Opening;
use super::stream::Secured;
use super::{ServerTls, reason};

/// A stream under TLS, as the server has it. Its output is buffered.
pub type TlsStream<S> = Secured<SslStream<Opening<S>>, TlsSession>;

/// What was agreed on, for the Received line and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsSession {
    /// "TLSv1.2" or "TLSv1.3".
    pub protocol: &'static str,
    /// The cipher suite by its IANA name, as "TLS_AES_256_GCM_SHA384" (RFC 8314 §4.3 asks for this
    /// in the Received line).
    pub cipher: &'static str,
    /// Whether the client went on with an earlier session, which saves both the certificates.
    pub resumed: bool,
}

/// Why no TLS session came about.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AcceptError {
    /// The client was too slow.
    #[error("no TLS session within {} s", limit.as_secs())]
    TimedOut {
        /// The time limit.
        limit: Duration,
    },
    /// The client does not trust our certificate.
    #[error(
        "the mail program does not trust the certificate ({reason}); import the office CA on that PC, or let it \
         connect to a name that is in the certificate"
    )]
    NotTrusted {
        /// The alert that it sent.
        reason: String,
    },
    /// The client speaks something else.
    #[error(
        "the peer does not speak TLS ({reason}); its program is perhaps set to no encryption on a port with TLS"
    )]
    NotTls {
        /// What it was taken for.
        reason: String,
    },
    /// Anything else.
    #[error("the TLS handshake failed: {reason}")]
    Failed {
        /// What OpenSSL or the connection said.
        reason: String,
    },
}

/// Waits for the client's handshake on `stream`, for at most `limit`.
///
/// # Errors
/// If there is no session after `limit`, or the client and we do not agree. The stream is gone then.
pub async fn accept<S>(
    stream: S,
    tls: &ServerTls,
    limit: Duration,
) -> Result<TlsStream<S>, AcceptError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let setup = |stack: openssl::error::ErrorStack| AcceptError::Failed {
        reason: reason::of_stack(&stack),
    };
    let ssl = tls.new_session().map_err(setup)?;
    let mut stream = SslStream::new(ssl, Opening::new(stream)).map_err(setup)?;
    let handshake = async {
        if let Err(error) = Pin::new(&mut stream).accept().await {
            return Err(classify(reason::of_handshake(&error)));
        }
        // The last flight may still be buffered.
        let sent = stream.flush().await;
        sent.map_err(|error| AcceptError::Failed {
            reason: error.to_string(),
        })
    };
    let timeout = async {
        Timer::after(limit).await;
        Err(AcceptError::TimedOut { limit })
    };
    handshake.or(timeout).await?;
    let session = TlsSession::of(stream.ssl());
    Ok(Secured {
        stream,
        found: session,
    })
}

impl<S: Unpin> TlsStream<S> {
    /// What was agreed on.
    pub fn session(&self) -> TlsSession {
        self.found
    }
}

impl TlsSession {
    fn of(ssl: &openssl::ssl::SslRef) -> TlsSession {
        let cipher = ssl.current_cipher();
        TlsSession {
            protocol: ssl.version_str(),
            cipher: cipher.map_or("unknown", |cipher| {
                cipher.standard_name().unwrap_or_else(|| cipher.name())
            }),
            resumed: ssl.session_reused(),
        }
    }
}

impl fmt::Display for TlsSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.protocol, self.cipher)
    }
}

/// Tells the two mistakes that people make from all the rest, by OpenSSL's reasons.
fn classify(reason: String) -> AcceptError {
    const NOT_TRUSTED: [&str; 5] = [
        "alert unknown ca",
        "alert bad certificate",
        "alert certificate unknown",
        "alert certificate expired",
        "alert unsupported certificate",
    ];
    const NOT_TLS: [&str; 3] = [
        "http request",
        "https proxy request",
        "wrong version number",
    ];
    if NOT_TRUSTED.iter().any(|alert| reason.contains(alert)) {
        AcceptError::NotTrusted { reason }
    } else if NOT_TLS.iter().any(|sign| reason.contains(sign)) {
        AcceptError::NotTls { reason }
    } else {
        AcceptError::Failed { reason }
    }
}
