//! A client that comes back goes on with its session: no certificates, no signature, which a small
//! box feels when PCs poll every minute.
//!
//! Outside the library because a client that resumes needs `SslRef::set_session`, which the openssl
//! crate declares unsafe, and the library forbids unsafe code.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_openssl::SslStream;
use openssl::ssl::{
    SslConnector, SslMethod, SslOptions, SslSession, SslSessionCacheMode, SslVersion,
};
use postroom::net::tls::{
    CA_CERTIFICATE_FILE, CERTIFICATE_FILE, KEY_FILE, OfficeCa, ServerTls, TlsSession, accept,
};
use smol::block_on;
use smol::future::zip;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::unix::UnixStream;

/// A mail program that keeps its last session.
struct Client {
    connector: SslConnector,
    kept: Arc<Mutex<Option<SslSession>>>,
}

impl Client {
    fn new(roots: &Path, version: SslVersion, options: SslOptions) -> Client {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        builder.set_ca_file(roots).unwrap();
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        builder.set_options(options);
        builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
        let kept = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&kept);
        builder.set_new_session_callback(move |_, session| {
            *keep.lock().unwrap() = Some(session);
        });
        Client {
            connector: builder.build(),
            kept,
        }
    }

    /// One session: a greeting, as the server of both protocols sends it, and the end.
    fn visit(&self, tls: &ServerTls) -> TlsSession {
        let (near, far) = UnixStream::pair().unwrap();
        let server = async {
            let mut stream = accept(near, tls, Duration::from_secs(20)).await.unwrap();
            stream.write_all(b"+OK\r\n").await.unwrap();
            stream.close().await.unwrap();
            stream.session()
        };
        let client = async {
            let mut ssl = self
                .connector
                .configure()
                .unwrap()
                .into_ssl("post.example.com")
                .unwrap();
            if let Some(session) = &*self.kept.lock().unwrap() {
                // SAFETY: the session was made by this very connector's context.
                unsafe { ssl.set_session(session) }.unwrap();
            }
            let mut stream = SslStream::new(ssl, far).unwrap();
            Pin::new(&mut stream).connect().await.unwrap();
            let mut greeting = Vec::new();
            stream.read_to_end(&mut greeting).await.unwrap();
            assert_eq!(greeting, b"+OK\r\n");
            // OpenSSL takes a session that was not closed properly for a bad one. The server may be
            // gone by now.
            let _ = stream.close().await;
        };
        block_on(zip(server, client)).0
    }
}

#[test]
fn sessions_are_resumed_with_tickets_and_without_and_not_after_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let ca = OfficeCa::create(folder.path(), "example.com", now).unwrap();
    ca.issue(&["post.example.com".parse().unwrap()], now)
        .unwrap();
    let path = |file: &str| folder.path().join(file);
    let tls = ServerTls::load(&path(CERTIFICATE_FILE), &path(KEY_FILE)).unwrap();
    for (version, options) in [
        (SslVersion::TLS1_2, SslOptions::empty()),
        (SslVersion::TLS1_2, SslOptions::NO_TICKET),
        (SslVersion::TLS1_3, SslOptions::empty()),
    ] {
        let client = Client::new(&path(CA_CERTIFICATE_FILE), version, options);
        let visits: Vec<_> = (0..3).map(|_| client.visit(&tls).resumed).collect();
        assert_eq!(visits, [false, true, true], "{version:?} {options:?}");
        tls.reload().unwrap();
        assert!(
            !client.visit(&tls).resumed,
            "{version:?} {options:?} after a reload"
        );
        assert!(
            client.visit(&tls).resumed,
            "{version:?} {options:?} after that"
        );
    }
}
