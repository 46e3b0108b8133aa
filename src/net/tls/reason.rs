//! What OpenSSL says, in few words.

use std::error::Error;
use std::io;

use openssl::error::ErrorStack;

/// An end of the connection in the middle of a handshake.
const CLOSED: &str = "the peer closed the connection";

/// The reasons in an error stack without its source files and line numbers.
pub(super) fn of_stack(stack: &ErrorStack) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for reason in stack.errors().iter().filter_map(|error| error.reason()) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    if reasons.is_empty() {
        return "OpenSSL gives no reason".to_owned();
    }
    reasons.join(", ")
}

/// The reasons in the error of a handshake.
pub(super) fn of_handshake(error: &openssl::ssl::Error) -> String {
    if let Some(stack) = error.ssl_error() {
        return of_stack(stack);
    }
    match error.io_error() {
        Some(error) => error.to_string(),
        None => CLOSED.to_owned(),
    }
}

/// The reasons in an error of native-tls, which holds those of OpenSSL as its source.
pub(super) fn of_native(error: &native_tls::Error) -> String {
    match error.source() {
        Some(source) => match (
            source.downcast_ref::<ErrorStack>(),
            source.downcast_ref::<io::Error>(),
        ) {
            (Some(stack), _) => of_stack(stack),
            (_, Some(error)) => error.to_string(),
            _ => source.to_string(),
        },
        None if error.to_string() == "unexpected EOF" => CLOSED.to_owned(),
        None => error.to_string(),
    }
}

/// Why the peer's certificate was not trusted, if that is what the error says. native-tls tells it
/// in its text alone, in parentheses at the end.
pub(super) fn of_distrust(error: &native_tls::Error) -> Option<String> {
    let text = error.to_string();
    let (_, reason) = text.rsplit_once(" (")?;
    let reason = reason.strip_suffix(')')?;
    text.contains("certificate verify failed")
        .then(|| reason.to_owned())
}
