//! A client's end of a connection to a hub that may be killed at any moment:
//! what breaks off is no failure here, only silence is.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::round::Work;

/// A hub that lives answers within this.
const SILENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether the hub is to live at all: a connection that was
/// made while it died may never be told of its end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The hub has gone, or has closed the connection.
#[derive(Debug)]
pub struct Gone;

pub struct Wire<'a> {
    work: &'a Work,
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire<'_> {
    pub fn connect(address: SocketAddr, work: &Work) -> Result<Wire<'_>, Gone> {
        let stream = TcpStream::connect_timeout(&address, SILENCE).map_err(|_| Gone)?;
        stream.set_read_timeout(Some(LOOK_EVERY)).unwrap();
        stream.set_write_timeout(Some(SILENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Ok(Wire {
            work,
            stream,
            unread: Vec::new(),
        })
    }

    pub fn send(&mut self, octets: impl AsRef<[u8]>) -> Result<(), Gone> {
        self.stream.write_all(octets.as_ref()).map_err(|_| Gone)
    }

    /// The next line without its end.
    pub fn line(&mut self) -> Result<String, Gone> {
        let line = self.octets_of_line()?;
        Ok(String::from_utf8_lossy(&line[..line.len() - 2]).into_owned())
    }

    /// The last line of an SMTP reply.
    pub fn reply(&mut self) -> Result<String, Gone> {
        loop {
            let line = self.line()?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }

    /// Sends a line; the reply to it.
    pub fn say(&mut self, line: &str) -> Result<String, Gone> {
        self.send(format!("{line}\r\n"))?;
        self.reply()
    }

    /// The rest of a multi-line response of POP3, with its dots unstuffed.
    pub fn multi_line(&mut self) -> Result<Vec<u8>, Gone> {
        let mut content = Vec::new();
        loop {
            let line = self.octets_of_line()?;
            match line.strip_prefix(b".") {
                Some(b"\r\n") => return Ok(content),
                Some(stuffed) => content.extend_from_slice(stuffed),
                None => content.extend_from_slice(&line),
            }
        }
    }

    fn octets_of_line(&mut self) -> Result<Vec<u8>, Gone> {
        let mut looked = 0;
        loop {
            let new = &self.unread[looked..];
            if let Some(at) = new.windows(2).position(|two| two == b"\r\n") {
                return Ok(self.unread.drain(..looked + at + 2).collect());
            }
            looked = self.unread.len().saturating_sub(1);
            self.read()?;
        }
    }

    fn read(&mut self) -> Result<(), Gone> {
        let mut buffer = [0; 16 * 1024];
        let since = Instant::now();
        while !self.work.is_over() {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Gone),
                Ok(count) => {
                    self.unread.extend_from_slice(&buffer[..count]);
                    return Ok(());
                }
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    assert!(since.elapsed() < SILENCE, "the hub is silent");
                }
                Err(_) => return Err(Gone),
            }
        }
        Err(Gone)
    }
}
