//! Peers that read little or nothing, over real sockets.

use std::net::Ipv4Addr;

use super::super::sessions::Sessions;
use super::*;
use smol::net::TcpListener;

/// Stands for [`WRITE_LIMIT`].
const LIMIT: Duration = Duration::from_millis(400);
/// More than the buffers of a connection take.
const OCTETS: usize = 20_000_000;

/// A connection of the hub, and its peer.
async fn pair() -> (Connection, TcpStream, Session) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).await;
    let (stream, address) = listener.accept().await.unwrap();
    let peer = peer.unwrap();
    let session = Sessions::default().open("pop3", address.ip());
    let mut connection = Connection::new(stream, address, &session).unwrap();
    connection.write_limit = LIMIT;
    (connection, peer, session)
}

#[test]
fn what_a_prepared_listener_accepts_is_prepared_as_well() {
    smol::block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        prepare(&listener).unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (stream, _) = listener.accept().await.unwrap();
        assert!(sockopt::tcp_nodelay(&stream).unwrap());
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), KEEPALIVE_AFTER);
        assert_eq!(sockopt::tcp_keepcnt(&stream).unwrap(), KEEPALIVE_PROBES);
    });
}

#[test]
fn a_peer_that_never_reads_is_given_up() {
    smol::block_on(async {
        let (mut connection, _peer, _session) = pair().await;
        let written = within(100 * LIMIT, connection.write(&vec![b'x'; OCTETS])).await;
        assert!(
            matches!(written, Some(Err(OutputError::TimeOut))),
            "{written:?}"
        );
        // What it has not taken is no reason to wait for its farewell.
        assert!(within(5 * CLOSE_LIMIT, connection.close()).await.is_some());
    });
}

/// A peer that sends as fast as it can, until we hang up.
fn flooding(address: std::net::SocketAddr) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let octets = vec![b'x'; PIECE_OCTETS];
        while stream.write_all(&octets).is_ok() {}
    })
}

#[test]
fn a_peer_that_always_has_more_to_read_keeps_nobody_else_waiting() {
    smol::block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let flood = flooding(listener.local_addr().unwrap());
        let (stream, address) = listener.accept().await.unwrap();
        let session = Sessions::default().open("pop3", address.ip());
        let mut connection = Connection::new(stream, address, &session).unwrap();
        // Small reads, so that there is always more.
        let mut buffer = [0; 16];
        let until = Instant::now() + 100 * LIMIT;
        let read = async {
            while connection.read(&mut buffer, until).await == Input::Octets(16) {}
            "the peer stopped"
        };
        let other = async {
            Timer::after(LIMIT).await;
            "the other had its turn"
        };
        assert_eq!(future::or(read, other).await, "the other had its turn");
        assert!(within(5 * CLOSE_LIMIT, connection.close()).await.is_some());
        flood.join().unwrap();
    });
}

#[test]
fn a_peer_that_reads_single_octets_is_given_up() {
    smol::block_on(async {
        let (mut connection, mut peer, _session) = pair().await;
        let octets = vec![b'x'; OCTETS];
        let write = async { Some(connection.write(&octets).await) };
        let read = async {
            let mut octet = [0];
            while peer.read(&mut octet).await.is_ok_and(|read| read > 0) {
                Timer::after(LIMIT / 20).await;
            }
            None
        };
        let too_long = async {
            Timer::after(100 * LIMIT).await;
            None
        };
        let written = future::or(write, future::or(read, too_long)).await;
        assert!(
            matches!(written, Some(Err(OutputError::TimeOut))),
            "{written:?}"
        );
    });
}

#[test]
fn a_peer_that_reads_slowly_and_takes_each_piece_in_time_is_served() {
    smol::block_on(async {
        let (mut connection, mut peer, _session) = pair().await;
        connection.write_limit = 50 * LIMIT;
        let octets = vec![b'x'; OCTETS];
        let write = async {
            connection.write(&octets).await.unwrap();
            connection.close().await;
        };
        let read = async {
            let mut buffer = vec![0; PIECE_OCTETS];
            let mut count = 0;
            while count < octets.len() {
                count += peer.read(&mut buffer).await.unwrap();
                Timer::after(LIMIT / 400).await;
            }
            drop(peer);
        };
        let both = within(300 * LIMIT, future::zip(write, read)).await;
        assert!(both.is_some());
    });
}
