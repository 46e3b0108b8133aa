//! Handshakes between the two sides, and with clients that differ.

use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use async_openssl::SslStream;
use openssl::ssl::{SslConnector, SslMethod, SslVersion};
use smol::block_on;
use smol::future::zip;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::unix::UnixStream;
use tempfile::TempDir;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

/// An office CA with a certificate for these names, and what the listeners make of it.
pub(super) struct Office {
    pub(super) folder: TempDir,
    pub(super) ca: OfficeCa,
    pub(super) tls: ServerTls,
}

impl Office {
    pub(super) fn new(names: &[&str]) -> Office {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let ca = OfficeCa::create(folder.path(), "example.com", now).unwrap();
        ca.issue(&subject_names(names), now).unwrap();
        let tls = load(folder.path()).unwrap();
        Office { folder, ca, tls }
    }

    fn roots(&self) -> TrustedRoots {
        TrustedRoots::Pem(std::fs::read(self.folder.path().join(CA_CERTIFICATE_FILE)).unwrap())
    }
}

pub(super) fn subject_names(names: &[&str]) -> Vec<SubjectName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

pub(super) fn load(folder: &Path) -> Result<ServerTls, ServerTlsError> {
    ServerTls::load(&folder.join(CERTIFICATE_FILE), &folder.join(KEY_FILE))
}

type Accepted = Result<TlsStream<UnixStream>, AcceptError>;
type Connected = Result<ClientStream<UnixStream>, ConnectError>;

fn handshake(office: &Office, name: &str, roots: &TrustedRoots) -> (Accepted, Connected) {
    let (server, client) = UnixStream::pair().unwrap();
    block_on(zip(
        accept(server, &office.tls, LIMIT),
        connect(client, name, roots, LIMIT),
    ))
}

/// A client that speaks only `version`.
async fn connect_with(
    stream: UnixStream,
    version: SslVersion,
    roots: &Path,
) -> Result<SslStream<UnixStream>, openssl::ssl::Error> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_ca_file(roots).unwrap();
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    let configuration = builder.build().configure().unwrap();
    let ssl = configuration.into_ssl("post.example.com").unwrap();
    let mut stream = SslStream::new(ssl, stream).unwrap();
    Pin::new(&mut stream).connect().await?;
    stream.flush().await.unwrap();
    Ok(stream)
}

#[test]
fn handshakes_may_run_on_any_thread_of_the_executor() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let office = Office::new(&["post.example.com"]);
    let (server, client) = UnixStream::pair().unwrap();
    let roots = office.roots();
    let server = is_send(accept(server, &office.tls, LIMIT));
    let client = is_send(connect(client, "post.example.com", &roots, LIMIT));
    let (server, client) = block_on(zip(server, client));
    is_send((server.unwrap(), client.unwrap()));
}

#[test]
fn a_client_that_trusts_the_office_ca_connects_by_every_name() {
    let office = Office::new(&["post.example.com", "post", "192.0.2.1", "2001:db8::1"]);
    for name in [
        "post.example.com",
        "POST.example.com",
        "post",
        "192.0.2.1",
        "2001:db8::1",
    ] {
        let (server, client) = handshake(&office, name, &office.roots());
        let (server, client) = (server.unwrap(), client.unwrap());
        assert_eq!(server.session().protocol, "TLSv1.3", "{name}");
        assert!(
            server.session().cipher.starts_with("TLS_"),
            "{}",
            server.session()
        );
        assert_eq!(
            client.certificate().fingerprint(),
            office.tls.certificate().fingerprint()
        );
    }
}

#[test]
fn a_client_that_looks_for_another_name_refuses_and_both_sides_say_so() {
    let office = Office::new(&["post.example.com", "192.0.2.1"]);
    for name in ["other.example.com", "192.0.2.2"] {
        let (server, client) = handshake(&office, name, &office.roots());
        assert!(
            matches!(server, Err(AcceptError::NotTrusted { .. })),
            "{server:?}"
        );
        let error = client.unwrap_err().to_string();
        assert!(
            error.starts_with(name) && error.contains("mismatch"),
            "{error}"
        );
    }
}

#[test]
fn a_client_that_does_not_trust_the_office_ca_refuses_and_both_sides_say_so() {
    let office = Office::new(&["post.example.com"]);
    let other = Office::new(&["post.example.com"]);
    for roots in [other.roots(), TrustedRoots::System] {
        let (server, client) = handshake(&office, "post.example.com", &roots);
        assert!(
            matches!(server, Err(AcceptError::NotTrusted { .. })),
            "{server:?}"
        );
        assert!(
            matches!(client, Err(ConnectError::NotTrusted { .. })),
            "{client:?}"
        );
    }
    let roots = TrustedRoots::Pem(b"no certificate".to_vec());
    let (_, client) = handshake(&office, "post.example.com", &roots);
    assert!(matches!(client, Err(ConnectError::Roots(_))), "{client:?}");
}

#[test]
fn a_pinned_certificate_is_trusted_by_itself_and_no_other_is() {
    let office = Office::new(&["post.example.com"]);
    let pin = office.tls.certificate().fingerprint();
    let (server, client) = handshake(&office, "any.name", &TrustedRoots::Pinned(pin));
    assert!(server.is_ok() && client.is_ok());
    let other = Office::new(&["post.example.com"]);
    let (_, client) = handshake(&other, "post.example.com", &TrustedRoots::Pinned(pin));
    assert!(
        matches!(client, Err(ConnectError::OtherCertificate { .. })),
        "{client:?}"
    );
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let office = Office::new(&["post.example.com"]);
    let roots = office.folder.path().join(CA_CERTIFICATE_FILE);
    for (version, protocol, ciphers) in [
        (SslVersion::TLS1_2, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_"),
        (SslVersion::TLS1_3, "TLSv1.3", "TLS_AES_"),
    ] {
        let (server, client) = UnixStream::pair().unwrap();
        let (server, client) = block_on(zip(
            accept(server, &office.tls, LIMIT),
            connect_with(client, version, &roots),
        ));
        let session = server.unwrap().session();
        assert!(client.is_ok());
        assert_eq!((session.protocol, session.resumed), (protocol, false));
        assert!(session.cipher.starts_with(ciphers), "{session}");
    }
    let (server, client) = UnixStream::pair().unwrap();
    let (server, client) = block_on(zip(
        accept(server, &office.tls, LIMIT),
        connect_with(client, SslVersion::TLS1_1, &roots),
    ));
    assert!(server.is_err() && client.is_err());
}

#[test]
fn octets_pass_both_ways_while_neither_side_waits_for_the_other() {
    let office = Office::new(&["post.example.com"]);
    let (server, client) = handshake(&office, "post.example.com", &office.roots());
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    let content: Vec<u8> = (0..3_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let sender = async {
        client.write_all(&content).await.unwrap();
        client.close().await.unwrap();
    };
    let receiver = async {
        let mut received = Vec::new();
        server.read_to_end(&mut received).await.unwrap();
        received
    };
    let ((), received) = block_on(zip(sender, receiver));
    assert!(received == content);

    let (server, client) = handshake(&office, "post.example.com", &office.roots());
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    let sender = async {
        server.write_all(&content).await.unwrap();
        server.close().await.unwrap();
    };
    let receiver = async {
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        received
    };
    let ((), received) = block_on(zip(sender, receiver));
    assert!(received == content);
}

#[test]
fn a_silent_peer_ends_at_the_time_limit() {
    let office = Office::new(&["post.example.com"]);
    let (server, _client) = UnixStream::pair().unwrap();
    let accepted = block_on(accept(server, &office.tls, SHORT));
    assert_eq!(
        accepted.unwrap_err(),
        AcceptError::TimedOut { limit: SHORT }
    );
    let (_server, client) = UnixStream::pair().unwrap();
    let connected = block_on(connect(client, "post.example.com", &office.roots(), SHORT));
    assert!(
        matches!(connected, Err(ConnectError::TimedOut { .. })),
        "{connected:?}"
    );
}

#[test]
fn a_server_that_speaks_something_else_is_told_in_plain_words() {
    let office = Office::new(&["post.example.com"]);
    for (text, expected) in [
        ("220 post.example.com ESMTP\r\n", "wrong version number"),
        ("", "the peer closed the connection"),
    ] {
        let (mut server, client) = UnixStream::pair().unwrap();
        let talk = async {
            server.write_all(text.as_bytes()).await.unwrap();
            server.close().await.unwrap();
        };
        let roots = office.roots();
        let connect = connect(client, "post.example.com", &roots, LIMIT);
        let error = block_on(zip(connect, talk)).0.unwrap_err().to_string();
        let expected = format!("post.example.com: no TLS session: {expected}");
        assert_eq!(error, expected);
    }
}

#[test]
fn a_peer_that_speaks_something_else_is_told_from_one_that_leaves() {
    let office = Office::new(&["post.example.com"]);
    for (text, not_tls) in [
        ("EHLO pc.example\r\n", true),
        ("GET / HTTP/1.0\r\n\r\n", true),
        ("", false),
    ] {
        let (server, mut client) = UnixStream::pair().unwrap();
        let talk = async {
            client.write_all(text.as_bytes()).await.unwrap();
            client.close().await.unwrap();
        };
        let (accepted, ()) = block_on(zip(accept(server, &office.tls, LIMIT), talk));
        let error = accepted.unwrap_err();
        assert_eq!(
            matches!(error, AcceptError::NotTls { .. }),
            not_tls,
            "{text}: {error}"
        );
    }
}

#[test]
fn a_reload_is_for_new_sessions_and_running_ones_go_on() {
    let office = Office::new(&["post.example.com"]);
    let before = office.tls.certificate().fingerprint();
    let (server, client) = handshake(&office, "post.example.com", &office.roots());
    let (mut server, mut client) = (server.unwrap(), client.unwrap());

    office
        .ca
        .issue(&subject_names(&["new.example.com"]), SystemTime::now())
        .unwrap();
    let clone = office.tls.clone();
    clone.reload().unwrap();
    assert_ne!(office.tls.certificate().fingerprint(), before);
    let (accepted, connected) = handshake(&office, "new.example.com", &office.roots());
    assert!(accepted.is_ok() && connected.is_ok());

    let mut octet = [0];
    block_on(async {
        client.write_all(b"x").await.unwrap();
        client.flush().await.unwrap();
        server.read_exact(&mut octet).await.unwrap();
    });
    assert_eq!(&octet, b"x");
}

#[test]
fn a_failed_reload_leaves_the_old_certificate_in_use() {
    let office = Office::new(&["post.example.com"]);
    let path = office.folder.path().join(CERTIFICATE_FILE);
    let before = office.tls.certificate().fingerprint();
    let good = std::fs::read(&path).unwrap();
    let foreign = Office::new(&["post.example.com"]);
    let foreign = std::fs::read(foreign.folder.path().join(CERTIFICATE_FILE)).unwrap();
    let half = good.get(..good.len() / 4).unwrap().to_vec();
    for bad in [Vec::new(), b"garbage".to_vec(), half, foreign] {
        std::fs::write(&path, bad).unwrap();
        assert!(office.tls.reload().is_err());
        assert_eq!(office.tls.certificate().fingerprint(), before);
        let (accepted, connected) = handshake(&office, "post.example.com", &office.roots());
        assert!(accepted.is_ok() && connected.is_ok());
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        office.tls.reload(),
        Err(ServerTlsError::File(FileError::Missing { .. }))
    ));
}
