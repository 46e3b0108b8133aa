//! A peer that speaks a dialogue up to a certain octet on the wire, and how it
//! leaves then. Under TLS the octets are those of the records, so that it can
//! leave within a handshake.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};
use rustix::net::sockopt;

use crate::dialogue::{Dialogue, Event};
use crate::hub::Office;

/// How long an answer is waited for before the peer goes on: some come late.
const ANSWER_WAIT: Duration = Duration::from_millis(30);
/// Longer than any answer is held back.
const END_WAIT: Duration = Duration::from_secs(20);

/// How a peer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// FIN in both directions.
    Close,
    /// RST.
    Reset,
    /// FIN in its own direction: it still reads to the end.
    HalfClose,
}

/// What a client of a dialogue writes, and whether it waits for an answer after
/// each write.
#[derive(Debug, Clone)]
pub struct Script {
    pub writes: Vec<Vec<u8>>,
    /// TLS from the first octet.
    pub implicit_tls: bool,
}

impl Script {
    pub fn of(dialogue: &Dialogue) -> Script {
        let mut writes = vec![Vec::new()];
        for (_, event) in &dialogue.events {
            match event {
                Event::Send(octets) => writes.last_mut().unwrap().extend_from_slice(octets),
                _ if !writes.last().unwrap().is_empty() => writes.push(Vec::new()),
                _ => {}
            }
        }
        writes.retain(|write| !write.is_empty());
        Script {
            writes,
            implicit_tls: matches!(dialogue.setting("tls"), Some("implicit" | "on")),
        }
    }

    /// Octets that its client writes, under TLS not counting the records'.
    pub fn octets(&self) -> usize {
        self.writes.iter().map(Vec::len).sum()
    }

    /// Whether it shakes hands somewhere.
    pub fn has_tls(&self) -> bool {
        self.implicit_tls || self.writes.iter().any(|write| begins_tls(write))
    }
}

fn begins_tls(write: &[u8]) -> bool {
    [&b"STARTTLS\r\n"[..], b"STLS\r\n"]
        .iter()
        .any(|command| write.eq_ignore_ascii_case(command))
}

/// Speaks until so many octets are written, and leaves; what the server said.
pub fn visit(address: SocketAddr, script: &Script, cut_at: usize, leaving: Leaving) -> Vec<u8> {
    let (line, mut said) = speak(address, script, cut_at);
    line.leave(leaving, &mut said);
    said
}

/// Speaks until so many octets are written, and stays, silent.
pub fn stall(address: SocketAddr, script: &Script, at: usize) -> Stalled {
    Stalled(speak(address, script, at).0)
}

/// A peer that stays; it leaves with its drop.
pub struct Stalled(#[expect(dead_code, reason = "held open")] Line);

fn speak(address: SocketAddr, script: &Script, cut_at: usize) -> (Line, Vec<u8>) {
    let mut said = Vec::new();
    let wire = Wire::connect(address, cut_at);
    let mut line = Line::Clear(wire);
    if script.implicit_tls {
        line = line.start_tls();
    }
    line.hear(&mut said);
    for write in &script.writes {
        if line.say(write).is_err() {
            break;
        }
        line.hear(&mut said);
        if begins_tls(write) && answered_well(&said) {
            line = line.start_tls();
        }
    }
    (line, said)
}

/// Adds so many users of four letters, each with the password of anna.
pub fn users_like_anna(office: &Office, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("u{number:03}")).collect();
    let directory = office.read("directory.toml");
    let mut lines = directory.lines();
    let hash = lines.find(|line| line.starts_with("password")).unwrap();
    let users: String = names
        .iter()
        .map(|name| format!("\n[users.{name}]\n{hash}\n"))
        .collect();
    office.write("directory.toml", &(directory.clone() + &users));
    names
}

/// Whether the last line agrees to a handshake.
fn answered_well(said: &[u8]) -> bool {
    let line = said.trim_ascii_end().rsplit(|&octet| octet == b'\n').next();
    line.is_some_and(|line| line.starts_with(b"220 ") || line.starts_with(b"+OK"))
}

enum Line {
    Clear(Wire),
    Tls(Box<SslStream<Wire>>),
    /// The handshake was cut.
    Cut(TcpStream),
}

impl Line {
    fn start_tls(self) -> Line {
        let Line::Clear(wire) = self else {
            return self;
        };
        let tcp = wire.tcp.try_clone().unwrap();
        tcp.set_read_timeout(Some(END_WAIT)).unwrap();
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        builder.set_verify(SslVerifyMode::NONE);
        match builder.build().connect("post.example.com", wire) {
            Ok(stream) => Line::Tls(Box::new(stream)),
            Err(_) => Line::Cut(tcp),
        }
    }

    fn say(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Line::Clear(wire) => wire.write_all(octets),
            Line::Tls(stream) => stream.write_all(octets),
            Line::Cut(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// One read of what is there, or comes soon.
    fn hear(&mut self, said: &mut Vec<u8>) {
        let _ = self.tcp().set_read_timeout(Some(ANSWER_WAIT));
        // Silence, or a server that has closed: both are seen later.
        let _ = self.read(said);
    }

    /// Reads until the server closes.
    fn hear_to_the_end(&mut self, said: &mut Vec<u8>) {
        let _ = self.tcp().set_read_timeout(Some(END_WAIT));
        loop {
            match self.read(said) {
                Ok(0) => return,
                Ok(_) => {}
                Err(why) => {
                    let late = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
                    let is_late = late.contains(&why.kind());
                    assert!(!is_late, "a half-closed connection stays open");
                    return;
                }
            }
        }
    }

    fn read(&mut self, said: &mut Vec<u8>) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let count = match self {
            Line::Clear(wire) => wire.read(&mut buffer)?,
            Line::Tls(stream) => stream.read(&mut buffer)?,
            Line::Cut(tcp) => return tcp.read(&mut buffer),
        };
        said.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    fn leave(mut self, leaving: Leaving, said: &mut Vec<u8>) {
        match leaving {
            Leaving::Close => {}
            Leaving::Reset => {
                sockopt::set_socket_linger(self.tcp(), Some(Duration::ZERO)).unwrap();
            }
            Leaving::HalfClose => {
                // A server that has closed already has no other end to close.
                let _ = self.tcp().shutdown(Shutdown::Write);
                self.hear_to_the_end(said);
            }
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Line::Clear(wire) => &wire.tcp,
            Line::Tls(stream) => &stream.get_ref().tcp,
            Line::Cut(tcp) => tcp,
        }
    }
}

/// A connection that takes so many octets and then no more.
struct Wire {
    tcp: TcpStream,
    left: usize,
}

impl Wire {
    fn connect(address: SocketAddr, left: usize) -> Wire {
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_write_timeout(Some(END_WAIT)).unwrap();
        Wire { tcp, left }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let now = octets.len().min(self.left);
        if now == 0 && !octets.is_empty() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.left -= now;
        self.tcp.write(&octets[..now])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
