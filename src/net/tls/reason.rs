//! What OpenSSL says, in few words.

use openssl::error::ErrorStack;

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
        None => "the peer closed the connection".to_owned(),
    }
}
