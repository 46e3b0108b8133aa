//! The loop that accepts connections on a socket.
//!
//! The loop outlives every error: it turns away whom the limits keep out with
//! the protocol's own words, rests when the system has no descriptors left, and
//! ends only with the hub.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smol::io::AsyncWriteExt;
use smol::net::{TcpListener, TcpStream};
use smol::{Executor, Timer};

use super::connection::{Connection, within};
use super::limits::{Admitted, TurnedAway};
use super::listen::{Listen, Protocol, Security};
use super::office::{Office, Settings};
use super::outage::Outage;
use super::{pop3_server, smtp_server};
use crate::journal::{self, Flood};
use crate::{pop3, smtp};

/// After an error of accept, which would come again at once.
const REST: Duration = Duration::from_millis(100);
/// What is said to a connection that is turned away fits the socket's buffer.
const FAREWELL_LIMIT: Duration = Duration::from_millis(200);

/// Lines a minute about connections that were turned away, for each listener.
const TURNED_AWAY_MAX: u32 = 10;

/// Accepts connections until the task is dropped.
pub async fn accept_loop(
    listen: Listen,
    socket: TcpListener,
    office: Arc<Office>,
    executor: Arc<Executor<'static>>,
) {
    let turned_away = Flood::of(TURNED_AWAY_MAX);
    let mut outage = Outage::default();
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                if let Some(after) = outage.over(Instant::now()) {
                    journal::accepting_again(listen.name(), after);
                }
                if let Some(admitted) = admit(&listen, &stream, peer, &office, &turned_away).await {
                    let session = serve(listen, stream, peer, Arc::clone(&office), admitted);
                    executor.spawn(session).detach();
                }
            }
            Err(why) => {
                if outage.failed(Instant::now()) {
                    journal::accepting_nothing(listen.name(), &why);
                }
                Timer::after(REST).await;
            }
        }
    }
}

/// The permit of this connection; without one it has been told why.
async fn admit(
    listen: &Listen,
    stream: &TcpStream,
    peer: SocketAddr,
    office: &Office,
    turned_away: &Flood,
) -> Option<Admitted> {
    let address = peer.ip().to_canonical();
    let settings = office.settings.now();
    let note = |why: &str| {
        office.figures.turned_away.of(listen.protocol).count();
        if let Some(before) = turned_away.next(Instant::now()) {
            journal::turned_away(address, listen.name(), why, before);
        }
    };
    if listen.protocol == Protocol::Smtp && !settings.takes_mail_from(address) {
        let why = "neither accept_from nor lan names it";
        note(why);
        farewell(listen, stream, &smtp::refusing_greeting(&settings.hostname)).await;
        return None;
    }
    match office.admission.admit(address, settings.standing(address)) {
        Ok(admitted) => Some(admitted),
        Err(why) => {
            note(&why.to_string());
            let words = match (listen.protocol, why) {
                (Protocol::Pop3, _) => pop3::TOO_BUSY.to_vec(),
                (Protocol::Smtp, TurnedAway::Full(_)) => smtp::busy_greeting(&settings.hostname),
                (Protocol::Smtp, TurnedAway::TooManyOfAddress(_)) => {
                    smtp::crowded_greeting(&settings.hostname)
                }
            };
            farewell(listen, stream, &words).await;
            None
        }
    }
}

/// Says a last word in the clear; under TLS there is no way to.
async fn farewell(listen: &Listen, stream: &TcpStream, words: &[u8]) {
    if listen.security == Security::Plain {
        let mut stream = stream.clone();
        within(FAREWELL_LIMIT, stream.write_all(words)).await;
    }
}

/// One connection from its first octet to its last.
async fn serve(
    listen: Listen,
    stream: TcpStream,
    peer: SocketAddr,
    office: Arc<Office>,
    admitted: Admitted,
) {
    let settings: Arc<Settings> = office.settings.now();
    office.figures.sessions.of(listen.protocol).count();
    let session = office
        .sessions
        .open(listen.protocol_name(), peer.ip().to_canonical());
    let Ok(mut connection) = Connection::new(stream, peer, &session) else {
        return;
    };
    let mut tls_session = None;
    if listen.security == Security::Tls {
        let Some(tls) = &settings.tls else {
            return;
        };
        match connection.start_tls(tls).await {
            Ok(description) => tls_session = Some(description),
            Err(why) => {
                office.figures.failed_handshakes.count();
                journal::handshake_failed(peer.ip().to_canonical(), &why);
                return;
            }
        }
    }
    match listen.protocol {
        Protocol::Smtp => {
            smtp_server::serve(office, settings, connection, tls_session, session).await;
        }
        Protocol::Pop3 => {
            pop3_server::serve(office, settings, connection, listen.security, session).await;
        }
    }
    drop(admitted);
}
