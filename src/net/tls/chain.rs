//! Whether a PC can follow a certificate up to one that it trusts.

use std::path::Path;

use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509StoreContext, X509VerifyResult};

use super::certificate::is_signed_by;
use super::server::{ServerTlsError, read_chain};

/// What a chain of certificates comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chain {
    /// Up to a root that this machine knows: PCs need import nothing.
    TrustedByAll,
    /// Up to the office's own CA, which PCs import once.
    TrustedByOfficeCa,
    /// Signed with its own key, so that nobody can trust it but by itself.
    SelfSigned,
    /// The certificates of the file do not follow each other.
    OutOfOrder,
    /// It ends below this issuer, which nobody knows.
    IssuerMissing {
        /// The issuer's name.
        issuer: String,
    },
    /// OpenSSL does not follow it for another reason.
    Untrusted {
        /// In OpenSSL's words.
        reason: String,
    },
}

/// Follows the chain of a certificate file; `office_ca` is the office's own CA in
/// PEM, if it has one. Dates are not looked at.
///
/// # Errors
/// The file cannot be read.
pub fn follow_chain(certificate: &Path, office_ca: Option<&[u8]>) -> Result<Chain, ServerTlsError> {
    let (own, issuers) = read_chain(certificate)?;
    let all: Vec<&X509> = std::iter::once(&own).chain(&issuers).collect();
    let follows = |pair: &[&X509]| match pair {
        [one, next] => is_signed_by(one, next),
        _ => true,
    };
    if !all.windows(2).all(follows) {
        return Ok(Chain::OutOfOrder);
    }
    let office_ca = office_ca.and_then(|pem| X509::from_pem(pem).ok());
    let last = all.last().copied().unwrap_or(&own);
    if office_ca.is_some_and(|ca| is_signed_by(last, &ca)) {
        return Ok(Chain::TrustedByOfficeCa);
    }
    if issuers.is_empty() && is_signed_by(&own, &own) {
        return Ok(Chain::SelfSigned);
    }
    let verdict = verify(&own, &issuers)?;
    Ok(match verdict {
        X509VerifyResult::OK => Chain::TrustedByAll,
        _ if is_missing_issuer(verdict) => Chain::IssuerMissing {
            issuer: super::Certificate::from_x509(last.clone())?.issuer(),
        },
        other => Chain::Untrusted {
            reason: other.error_string().to_string(),
        },
    })
}

/// OpenSSL's numbers for "unable to get issuer certificate", the same "locally",
/// "unable to verify the first certificate" and "self-signed certificate in chain".
fn is_missing_issuer(verdict: X509VerifyResult) -> bool {
    matches!(verdict.as_raw(), 2 | 19 | 20 | 21)
}

fn verify(own: &X509, issuers: &[X509]) -> Result<X509VerifyResult, ServerTlsError> {
    let mut store = X509StoreBuilder::new()?;
    store.set_default_paths()?;
    // Dates have words of their own.
    store.set_flags(X509VerifyFlags::NO_CHECK_TIME)?;
    let mut stack = Stack::new()?;
    for issuer in issuers {
        stack.push(issuer.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    let verdict = context.init(&store.build(), own, &stack, |context| {
        context.verify_cert()?;
        Ok(context.error())
    })?;
    Ok(verdict)
}
