//! What an -ERR means: by its response code, and where a server has none, by
//! its words.

use super::capabilities::Capabilities;
use super::error::Error;
use super::limits::Security;
use super::login::Credentials;
use super::reply::{Refusal, ResponseCode};

/// Parts of refusals as real servers write them, in small letters. A wrong
/// guess here costs a misleading word in the report and nothing else.
const LOCKED: [&str; 6] = [
    "is locked",
    "lock busy",
    "unable to lock",
    "in use",
    "already open",
    "another session",
];
const PASSING: [&str; 5] = [
    "temporar",
    "try again later",
    "too many",
    "unavailable",
    "rate limit",
];
const WANTS_TLS: [&str; 5] = ["plaintext", "cleartext", "non-secure", "encrypt", "ssl/tls"];
const WANTS_OAUTH2: [&str; 4] = [
    "oauth",
    "basic authentication is disabled",
    "basic auth is disabled",
    "modern authentication",
];

/// A refusal of which the response code alone says what it means.
pub(super) fn by_code(refusal: &Refusal, delay: Option<std::time::Duration>) -> Option<Error> {
    let refusal = refusal.clone();
    match refusal.code? {
        ResponseCode::Auth => None,
        ResponseCode::InUse => Some(Error::MailboxLocked(refusal)),
        ResponseCode::LoginDelay => Some(Error::TooSoon { refusal, delay }),
        ResponseCode::SysTemp => Some(Error::Temporary(refusal)),
        ResponseCode::SysPerm => Some(Error::Permanent(refusal)),
    }
}

/// -ERR instead of a greeting.
pub(super) fn unwelcome(refusal: Refusal) -> Error {
    by_code(&refusal, None).unwrap_or(Error::Unwelcome(refusal))
}

/// -ERR during the log-in. `detail` is what a SASL challenge told before it.
pub(super) fn of_log_in(
    refusal: Refusal,
    detail: String,
    security: Security,
    credentials: &Credentials,
    capabilities: &Capabilities,
) -> Error {
    if let Some(error) = by_code(&refusal, capabilities.login_delay) {
        return error;
    }
    let text = refusal.text.to_ascii_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if security == Security::Clear && says(&WANTS_TLS) {
        return Error::TlsWanted(refusal);
    }
    if matches!(credentials, Credentials::XOAuth2 { .. }) {
        return Error::TokenRefused { refusal, detail };
    }
    if says(&WANTS_OAUTH2) {
        return Error::OAuth2Wanted(refusal.to_string());
    }
    match refusal.code {
        None if says(&LOCKED) => Error::MailboxLocked(refusal),
        None if says(&PASSING) => Error::Temporary(refusal),
        _ => Error::LoginRefused(refusal),
    }
}
