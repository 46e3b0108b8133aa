//! TLS, both ways, over any stream.
//!
//! - [`accept()`] with a [`ServerTls`]: the listening side, on async-openssl, because native-tls cannot
//!   speak TLS 1.3 as a server and takes a key that does not belong to its certificate.
//! - [`connect()`]: the outgoing side, on async-native-tls.
//! - [`OfficeCa`]: the office's own certificates. [`Certificate`]: what `status` and `check` tell.
//!
//! Nothing here resolves a name, opens a connection, asks the clock for a date or writes a log: the
//! time is an argument, and what deserves a line is returned. Whatever reads or writes files blocks,
//! so the hub calls it before it serves, or on a thread for such work.
//!
//! After STARTTLS or STLS the caller passes the stream only if its own buffer is empty: what a client
//! sent in plain behind the command must not count as sent under TLS (RFC 3207 §4.2, RFC 2595 §4).

mod stream;
mod accept;
mod hello;
mod server;
mod connect;
mod certificate;
mod names;
mod chain;
mod office_ca;
mod files;
mod reason;

pub use accept::{AcceptError, TlsSession, TlsStream, accept};
pub use certificate::{
    Certificate, CertificateError, Fingerprint, FingerprintError, SubjectName, Validity,
};
pub use chain::{Chain, follow_chain};
pub use connect::{ClientStream, ConnectError, TrustedRoots, connect};
pub use files::FileError;
pub use names::{names_for_a_try, names_for_others, names_now};
pub use office_ca::{
    CA_CERTIFICATE_FILE, CA_KEY_FILE, CERTIFICATE_FILE, CaError, KEY_FILE, OfficeCa,
};
pub use server::{CertificateWarning, ServerTls, ServerTlsError};
pub use stream::Secured;

#[cfg(test)]
mod tests;
