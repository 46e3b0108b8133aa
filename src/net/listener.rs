//! The loop that accepts connections on a socket.
//!
//! The loop outlives every error: it turns away whom the limits keep out with
//! the protocol's own words, rests when the system has no descriptors left, and
//! ends only with the hub.

use std::net::{IpAddr, SocketAddr};
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
use crate::journal;
use crate::{pop3, smtp};

/// After an error of accept, which would come again at once.
const REST: Duration = Duration::from_millis(100);
/// What is said to a connection that is turned away fits the socket's buffer.
const FAREWELL_LIMIT: Duration = Duration::from_millis(200);

/// Lines about connections that were turned away, in each [`NOTES_EVERY`]: a
/// flood of connections must not become a flood of the log.
const NOTES_MAX: u32 = 10;
/// See [`NOTES_MAX`].
const NOTES_EVERY: Duration = Duration::from_secs(60);

/// Accepts connections until the task is dropped.
pub async fn accept_loop(
    listen: Listen,
    socket: TcpListener,
    office: Arc<Office>,
    executor: Arc<Executor<'static>>,
) {
    let mut notes = Notes::new(Instant::now());
    let mut outage = Outage::default();
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                if let Some(after) = outage.over(Instant::now()) {
                    journal::accepting_again(listen.name(), after);
                }
                if let Some(admitted) = admit(&listen, &stream, peer, &office, &mut notes).await {
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
    notes: &mut Notes,
) -> Option<Admitted> {
    let address = peer.ip().to_canonical();
    let settings = office.settings.now();
    if listen.protocol == Protocol::Smtp && !settings.takes_mail_from(address) {
        let why = "neither accept_from nor lan names it";
        notes.turned_away(address, listen, why);
        farewell(listen, stream, &smtp::refusing_greeting(&settings.hostname)).await;
        return None;
    }
    match office.admission.admit(address, settings.standing(address)) {
        Ok(admitted) => Some(admitted),
        Err(why) => {
            notes.turned_away(address, listen, &why.to_string());
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

/// What the log has been told of connections that were turned away.
struct Notes {
    since: Instant,
    said: u32,
    unsaid: u64,
}

impl Notes {
    fn new(now: Instant) -> Notes {
        Notes {
            since: now,
            said: 0,
            unsaid: 0,
        }
    }

    fn turned_away(&mut self, peer: IpAddr, listen: &Listen, why: &str) {
        if let Some(unsaid) = self.next(Instant::now()) {
            journal::turned_away(peer, listen.name(), why, unsaid);
        }
    }

    /// How many had no line, where this one may have one.
    fn next(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.since) >= NOTES_EVERY {
            self.since = now;
            self.said = 0;
        }
        if self.said == NOTES_MAX {
            self.unsaid += 1;
            return None;
        }
        self.said += 1;
        Some(std::mem::take(&mut self.unsaid))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_connections_is_no_flood_of_the_log() {
        let start = Instant::now();
        let mut notes = Notes::new(start);
        let said = (0..100_000).filter(|_| notes.next(start).is_some()).count();
        assert_eq!(said, NOTES_MAX as usize);
        assert_eq!(notes.next(start + NOTES_EVERY), Some(99_990));
        assert_eq!(notes.next(start + NOTES_EVERY), Some(0));
    }
}
