//! One connection: octets in and out, each with its time limit.
//!
//! Nothing in smol has a limit of its own, so that every read, write and
//! handshake passes here. Each of them also ends when the session is
//! interrupted, even one that waits for a peer that is asleep.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use smol::channel::Receiver;
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use smol::net::TcpStream;
use smol::{Timer, future};

use super::executor::Turns;
use super::sessions::{Activity, Interruption, Session};
use super::tls::{
    self, AcceptError, Certificate, ClientStream, ConnectError, ServerTls, TlsStream, TrustedRoots,
};

/// A piece of output must be taken within this time: a peer that does not read
/// may not hold a session, and a maildrop, for ever.
pub const WRITE_LIMIT: Duration = Duration::from_secs(60);
/// A TLS handshake must be over within this time.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// How long the end of the connection may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// Octets written at once under one [`WRITE_LIMIT`]: large, for each write costs a
/// system call, and small enough that a slow line takes a piece in time (64 KiB
/// in 60 s is 8.7 kbit/s).
const PIECE_OCTETS: usize = 64 * 1024;
/// The system asks a silent peer whether it is still there after this time…
const KEEPALIVE_AFTER: Duration = Duration::from_secs(120);
/// … this often, before it gives the connection up.
const KEEPALIVE_PROBES: u32 = 4;

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// This many octets came.
    Octets(usize),
    /// The time is over.
    TimeOut,
    /// The peer is gone, or has half closed.
    Closed,
    /// The session is to end.
    Interrupted(Interruption),
}

/// Why output did not get out.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The peer takes nothing.
    #[error("the peer takes no octets")]
    TimeOut,
    /// The connection broke.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// The session is to end.
    #[error("interrupted")]
    Interrupted(Interruption),
}

/// A connection in the clear or under TLS.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// The hub is the client.
    ClientTls(Box<ClientStream<TcpStream>>),
    /// A handshake failed: there is nothing to read or write any more.
    Gone,
}

/// A connection of one session.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    peer: SocketAddr,
    local: SocketAddr,
    activity: Arc<Activity>,
    interrupted: Receiver<Interruption>,
    /// Set once the session was told to end, for it is told once only.
    to_end: Option<Interruption>,
    turns: Turns,
    /// [`WRITE_LIMIT`], which a test has no time for.
    write_limit: Duration,
}

impl Connection {
    /// Takes over a connection that was accepted, or that the hub has opened. Its
    /// socket is [prepared](prepare).
    ///
    /// # Errors
    /// The connection is broken already.
    pub fn new(stream: TcpStream, peer: SocketAddr, session: &Session) -> io::Result<Connection> {
        Ok(Connection {
            local: stream.local_addr()?,
            stream: Stream::Plain(stream),
            peer,
            activity: Arc::clone(&session.activity),
            interrupted: session.interrupted.clone(),
            to_end: None,
            turns: Turns::default(),
            write_limit: WRITE_LIMIT,
        })
    }

    /// The other end.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// This end.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Reads what is there, or waits for it until `until`.
    pub async fn read(&mut self, buffer: &mut [u8], until: Instant) -> Input {
        let (stream, turns) = (&mut self.stream, &mut self.turns);
        let read = async {
            turns.next().await;
            let read = match stream {
                Stream::Plain(stream) => stream.read(buffer).await,
                Stream::Tls(stream) => stream.read(buffer).await,
                Stream::ClientTls(stream) => stream.read(buffer).await,
                Stream::Gone => Ok(0),
            };
            match read {
                Ok(0) | Err(_) => Input::Closed,
                Ok(octets) => Input::Octets(octets),
            }
        };
        let too_long = async {
            Timer::at(until).await;
            Input::TimeOut
        };
        let interrupted =
            async { Input::Interrupted(interruption(&self.interrupted, &mut self.to_end).await) };
        let input = future::or(read, future::or(interrupted, too_long)).await;
        if matches!(input, Input::Octets(_)) {
            self.activity.note();
        }
        input
    }

    /// Writes all of `octets`.
    ///
    /// # Errors
    /// The peer does not take them in time, is gone, or the session is to end.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), OutputError> {
        for piece in octets.chunks(PIECE_OCTETS) {
            let (stream, turns) = (&mut self.stream, &mut self.turns);
            let write = async {
                turns.next().await;
                match stream {
                    Stream::Plain(stream) => stream.write_all(piece).await?,
                    Stream::Tls(stream) => {
                        stream.write_all(piece).await?;
                        stream.flush().await?;
                    }
                    Stream::ClientTls(stream) => {
                        stream.write_all(piece).await?;
                        stream.flush().await?;
                    }
                    Stream::Gone => return Err(io::Error::from(io::ErrorKind::NotConnected).into()),
                }
                Ok(())
            };
            let interrupted = async {
                let to_end = interruption(&self.interrupted, &mut self.to_end).await;
                Err(OutputError::Interrupted(to_end))
            };
            let too_long = async {
                Timer::after(self.write_limit).await;
                Err(OutputError::TimeOut)
            };
            future::or(write, future::or(interrupted, too_long)).await?;
            self.activity.note();
        }
        Ok(())
    }

    /// Shakes hands. Returns the version and cipher of TLS.
    ///
    /// # Errors
    /// The peer and the hub found no common ground, or not in time. The
    /// connection is of no use then.
    pub async fn start_tls(&mut self, certificate: &ServerTls) -> Result<String, AcceptError> {
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(AcceptError::Failed {
                reason: "TLS is on already".to_string(),
            });
        };
        let accepted = tls::accept(stream, certificate, HANDSHAKE_LIMIT);
        let stream = match self.unless_interrupted(accepted).await {
            Some(accepted) => accepted?,
            None => {
                return Err(AcceptError::Failed {
                    reason: "the session was to end".to_string(),
                });
            }
        };
        let description = stream.session().to_string();
        self.stream = Stream::Tls(Box::new(stream));
        Ok(description)
    }

    /// Shakes hands as the client of `server_name`. Returns the server's
    /// certificate.
    ///
    /// # Errors
    /// The server is not the one that is trusted, speaks no TLS, or not in
    /// time. The connection is of no use then.
    pub async fn connect_tls(
        &mut self,
        server_name: &str,
        roots: &TrustedRoots,
    ) -> Result<Certificate, ConnectError> {
        let failed = |reason: &str| ConnectError::Failed {
            server: server_name.to_string(),
            reason: reason.to_string(),
        };
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(failed("TLS is on already"));
        };
        let connected = tls::connect(stream, server_name, roots, HANDSHAKE_LIMIT);
        let stream = match self.unless_interrupted(connected).await {
            Some(connected) => connected?,
            None => return Err(failed("the session was to end")),
        };
        let certificate = stream.certificate().clone();
        self.stream = Stream::ClientTls(Box::new(stream));
        Ok(certificate)
    }

    /// Waits until the time is over or the session is to end; what comes
    /// meanwhile stays unread. For a pause that the hub makes.
    pub async fn pause(&mut self, time: Duration) {
        if !time.is_zero() {
            self.unless_interrupted(Timer::after(time)).await;
        }
    }

    /// What `task` comes to; `None` if the session is to end first.
    pub async fn unless_interrupted<T>(&mut self, task: impl Future<Output = T>) -> Option<T> {
        let task = async { Some(task.await) };
        let interrupted = async {
            interruption(&self.interrupted, &mut self.to_end).await;
            None
        };
        future::or(task, interrupted).await
    }

    /// Ends the connection in order, if the peer lets us. What it still sends is
    /// read and dropped: closing over unread octets makes the system send a
    /// reset, which can overtake the last reply.
    pub async fn close(mut self) {
        let close = async {
            match &mut self.stream {
                Stream::Plain(stream) => drain(stream).await,
                Stream::Tls(stream) => drain(stream).await,
                Stream::ClientTls(stream) => drain(stream).await,
                Stream::Gone => Ok(()),
            }
        };
        within(CLOSE_LIMIT, close).await;
    }
}

/// Sets what each connection needs: on a socket that the hub has opened, or on a
/// listening one for the connections that arrive from then on, for Linux hands these
/// options down (five calls less for each session).
///
/// # Errors
/// The connection is broken already.
pub fn prepare(socket: impl AsFd) -> io::Result<()> {
    // A reply must not wait for the acknowledgement of the one before it.
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, KEEPALIVE_AFTER)?;
    sockopt::set_tcp_keepintvl(&socket, KEEPALIVE_AFTER / KEEPALIVE_PROBES)?;
    sockopt::set_tcp_keepcnt(&socket, KEEPALIVE_PROBES)?;
    Ok(())
}

/// Sends the end of our side and waits for the peer's.
async fn drain(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.close().await?;
    let mut dropped = [0; 1024];
    let mut turns = Turns::default();
    while stream.read(&mut dropped).await? > 0 {
        turns.next().await;
    }
    Ok(())
}

/// Resolves when the session is to end.
async fn interruption(
    interrupted: &Receiver<Interruption>,
    to_end: &mut Option<Interruption>,
) -> Interruption {
    if let Some(interruption) = *to_end {
        return interruption;
    }
    // The table of sessions is gone only when the hub is.
    let interruption = interrupted.recv().await.unwrap_or(Interruption::Shutdown);
    *to_end = Some(interruption);
    interruption
}

/// The outcome of `task`, if it comes in time.
pub async fn within<T>(limit: Duration, task: impl Future<Output = T>) -> Option<T> {
    let task = async { Some(task.await) };
    let too_long = async {
        Timer::after(limit).await;
        None
    };
    future::or(task, too_long).await
}

#[cfg(test)]
mod tests;
