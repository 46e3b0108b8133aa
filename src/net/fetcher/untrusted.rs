//! A provider whose certificate is not trusted: what he shows, for the person who may
//! say that it is his. It takes a second handshake, since one that fails keeps the
//! certificate for itself; there is no session in it, and so no password.

use super::look_once;
use super::report::{Hint, PollError};
use super::settings::Provider;
use crate::net::sessions::Sessions;
use crate::net::tls::{Certificate, ConnectError, TrustedRoots};

/// The same outcome; a certificate that was not trusted is shown in it.
pub(super) async fn shown<T>(
    outcome: Result<T, PollError>,
    provider: &Provider,
    sessions: &Sessions,
) -> Result<T, PollError> {
    let Err(PollError::Tls(ConnectError::NotTrusted { server, reason, .. }, _)) = outcome else {
        return outcome;
    };
    let why = ConnectError::NotTrusted {
        server,
        reason,
        shown: certificate(provider, sessions).await.map(Box::new),
    };
    let hint = Hint::on_tls(&why, provider);
    Err(PollError::Tls(why, hint))
}

async fn certificate(provider: &Provider, sessions: &Sessions) -> Option<Certificate> {
    let provider = Provider {
        trust: TrustedRoots::Nobody,
        ..provider.clone()
    };
    match look_once(&provider, sessions).await {
        Err(PollError::Tls(ConnectError::Shown { certificate, .. }, _)) => Some(*certificate),
        _ => None,
    }
}
