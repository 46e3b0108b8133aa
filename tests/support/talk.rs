//! A client's end of a line protocol, in the clear or under TLS. Every read is
//! bounded in time; what is not as expected fails the test with what was said.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslStream};
use rustix::net::{self, AddressFamily, SocketType, sockopt};

use crate::dialogue::fits;

/// Longer than the longest delay of a refused log-in.
const READ_LIMIT: Duration = Duration::from_secs(20);
/// Nothing was said, if nothing came for so long.
const QUIET: Duration = Duration::from_millis(30);

/// A conversation.
pub struct Talk {
    stream: Stream,
    unread: Vec<u8>,
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl Talk {
    pub fn connect(address: SocketAddr) -> Talk {
        Talk::try_connect(address).unwrap()
    }

    /// The same where the server may be gone.
    pub fn try_connect(address: SocketAddr) -> io::Result<Talk> {
        TcpStream::connect_timeout(&address, READ_LIMIT).and_then(Talk::over)
    }

    /// From another address of this machine: every one in 127.0.0.0/8 is.
    pub fn connect_from(address: SocketAddr, own: impl Into<IpAddr>) -> Talk {
        let own = own.into();
        let family = match own {
            IpAddr::V4(_) => AddressFamily::INET,
            IpAddr::V6(_) => AddressFamily::INET6,
        };
        let socket = net::socket(family, SocketType::STREAM, None).unwrap();
        net::bind(&socket, &SocketAddr::new(own, 0)).unwrap();
        net::connect(&socket, &address).unwrap();
        Talk::over(TcpStream::from(socket)).unwrap()
    }

    fn over(stream: TcpStream) -> io::Result<Talk> {
        stream.set_read_timeout(Some(READ_LIMIT))?;
        stream.set_write_timeout(Some(READ_LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Talk {
            stream: Stream::Clear(stream),
            unread: Vec::new(),
        })
    }

    /// Another end of the same connection in the clear, to send while this one
    /// reads.
    pub fn second(&self) -> Talk {
        Talk {
            stream: Stream::Clear(self.tcp().try_clone().unwrap()),
            unread: Vec::new(),
        }
    }

    /// Shakes hands as a PC that has imported this CA.
    pub fn start_tls(self, ca: &Path) -> Talk {
        self.try_tls(ca).unwrap()
    }

    /// The same where the handshake may fail.
    pub fn try_tls(self, ca: &Path) -> Result<Talk, String> {
        assert_eq!(self.unread, b"", "said before the handshake");
        let Stream::Clear(stream) = self.stream else {
            panic!("TLS is on already");
        };
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        builder.set_ca_file(ca).unwrap();
        let stream = builder.build().connect("post.example.com", stream);
        Ok(Talk {
            stream: Stream::Tls(Box::new(stream.map_err(|why| why.to_string())?)),
            unread: Vec::new(),
        })
    }

    /// Sends octets as they are. A server that is gone is seen when reading.
    pub fn send(&mut self, octets: &[u8]) {
        let _ = match &mut self.stream {
            Stream::Clear(stream) => stream.write_all(octets),
            Stream::Tls(stream) => stream.write_all(octets),
        };
    }

    /// Sends much while it reads what comes, in the clear: so many lines.
    pub fn flood(&mut self, octets: &[u8], lines: usize) -> String {
        let mut sender = self.tcp().try_clone().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || sender.write_all(octets));
            let line_ends = |octets: &[u8]| octets.iter().filter(|&&octet| octet == b'\n').count();
            let mut found = 0;
            while found < lines {
                let known = self.unread.len();
                let read = self.read().expect("the server is silent");
                assert!(read > 0, "closed after {found} lines");
                found += line_ends(&self.unread[known..]);
            }
        });
        String::from_utf8(std::mem::take(&mut self.unread)).unwrap()
    }

    /// Says nothing more, and still listens.
    pub fn half_close(&mut self) {
        // Fails only where the server has closed already.
        let _ = self.tcp().shutdown(Shutdown::Write);
    }

    /// Breaks off without a farewell: what is under way is lost.
    pub fn reset(self) {
        sockopt::set_socket_linger(self.tcp(), Some(Duration::ZERO)).unwrap();
    }

    /// Neither says nor hears anything more.
    pub fn hang_up(&mut self) {
        // Fails only where the server has closed already.
        let _ = self.tcp().shutdown(Shutdown::Both);
    }

    /// The next line without its end; none when the server has closed.
    pub fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if self.read().expect("the server is silent") == 0 {
                assert_eq!(self.unread, b"", "closed within a line");
                return None;
            }
        }
    }

    /// The next line, which must fit; that line.
    pub fn expect(&mut self, pattern: &str) -> String {
        let line = self.line();
        let line = line.unwrap_or_else(|| panic!("expected {pattern:?}, closed"));
        assert!(fits(pattern, &line), "expected {pattern:?}, said {line:?}");
        line
    }

    /// Sends a line; the line that answers must fit.
    pub fn say(&mut self, command: &str, pattern: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes());
        let line = self.line();
        let line = line.unwrap_or_else(|| panic!("{command:?}: expected {pattern:?}, closed"));
        assert!(
            fits(pattern, &line),
            "{command:?}: expected {pattern:?}, said {line:?}"
        );
        line
    }

    /// The rest of a multi-line response of POP3, with its dots unstuffed.
    pub fn multi_line(&mut self) -> Vec<u8> {
        self.try_multi_line().expect("closed within a response")
    }

    /// The same; none when the server closes within it.
    pub fn try_multi_line(&mut self) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let mut done = 0;
        loop {
            let unread = &self.unread[done..];
            if let Some(end) = unread.windows(2).position(|two| two == b"\r\n") {
                let line = &unread[..end + 2];
                done += line.len();
                match line.strip_prefix(b".") {
                    Some(b"\r\n") => {
                        self.unread.drain(..done);
                        return Some(content);
                    }
                    Some(stuffed) => content.extend_from_slice(stuffed),
                    None => content.extend_from_slice(line),
                }
            } else {
                self.unread.drain(..done);
                done = 0;
                if self.read().expect("the server is silent") == 0 {
                    return None;
                }
            }
        }
    }

    /// The server must close here, and say nothing before.
    pub fn expect_close(&mut self) {
        assert_eq!(self.line(), None);
    }

    /// What the server still says, up to where it closes.
    pub fn until_close(&mut self) -> Vec<u8> {
        while self.read().expect("the server does not close") > 0 {}
        std::mem::take(&mut self.unread)
    }

    /// The server must neither say anything now nor close.
    pub fn expect_quiet(&mut self, place: &str) {
        let unread = String::from_utf8_lossy(&self.unread);
        assert_eq!(unread, "", "{place}: also said");
        self.tcp().set_read_timeout(Some(QUIET)).unwrap();
        let read = self.read();
        self.tcp().set_read_timeout(Some(READ_LIMIT)).unwrap();
        let said = String::from_utf8_lossy(&self.unread);
        assert!(read.is_err(), "{place}: read {read:?}: {said}");
    }

    /// Octets read; 0 at the end. A reset connection is closed, too: a server
    /// that closes with input unread resets it.
    fn read(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.stream {
            Stream::Clear(stream) => stream.read(&mut buffer),
            Stream::Tls(stream) => stream.read(&mut buffer),
        };
        match read {
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                Ok(count)
            }
            Err(why) if why.kind() == io::ErrorKind::ConnectionReset => Ok(0),
            Err(why) => Err(why),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Clear(stream) => stream,
            Stream::Tls(stream) => stream.get_ref(),
        }
    }
}
