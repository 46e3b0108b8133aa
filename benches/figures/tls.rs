//! A client's side of TLS, with a new session each time or the last one again.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use openssl::ssl::{
    SslConnector, SslMethod, SslSession, SslSessionCacheMode, SslStream, SslVerifyMode,
};

use crate::Outcome;

/// The name that clients ask for.
const HOST: &str = "post.example.com";

/// What all sessions of one kind share.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    connector: SslConnector,
    /// The session to go on with; none where each is new.
    kept: Option<Arc<Mutex<Option<SslSession>>>>,
    begun: AtomicU64,
    resumed: AtomicU64,
}

impl Client {
    /// Each session is a new one, as with a PC just switched on.
    pub fn anew() -> Outcome<Client> {
        Client::new(None)
    }

    /// Goes on with the last session where the server lets it.
    pub fn resuming() -> Outcome<Client> {
        Client::new(Some(Arc::default()))
    }

    fn new(kept: Option<Arc<Mutex<Option<SslSession>>>>) -> Outcome<Client> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        // Both servers have the same certificate; whose it is costs neither of them.
        builder.set_verify(SslVerifyMode::NONE);
        if let Some(kept) = kept.clone() {
            builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
            builder.set_new_session_callback(move |_, session| {
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
            });
        }
        Ok(Client(Arc::new(Shared {
            connector: builder.build(),
            kept,
            begun: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
        })))
    }

    /// The handshake.
    pub fn begin(&self, stream: TcpStream) -> Outcome<SslStream<TcpStream>> {
        let mut configuration = self.0.connector.configure()?;
        configuration.set_verify_hostname(false);
        let mut ssl = configuration.into_ssl(HOST)?;
        if let Some(kept) = &self.0.kept
            && let Some(session) = &*kept.lock().unwrap_or_else(PoisonError::into_inner)
        {
            // SAFETY: the session was made by this very connector's context.
            unsafe { ssl.set_session(session) }?;
        }
        let mut stream = SslStream::new(ssl, stream)?;
        stream.connect()?;
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        let resumed = u64::from(stream.ssl().session_reused());
        self.0.resumed.fetch_add(resumed, Ordering::Relaxed);
        Ok(stream)
    }

    /// Of a hundred sessions, those that were resumed.
    pub fn percent_resumed(&self) -> f64 {
        let resumed = self.0.resumed.load(Ordering::Relaxed);
        let begun = self.0.begun.load(Ordering::Relaxed);
        100.0 * resumed as f64 / begun as f64
    }
}
