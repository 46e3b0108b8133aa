//! A client under TLS from an address of its own, which stops where it is told
//! to and stays there.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use openssl::ssl::SslStream;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::Outcome;
use crate::office::PASSWORD;
use crate::tls;

/// What the hub may take for any reply: longer than a message waits for memory.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections of one address: fewer than the 200 that the LAN may have.
const OF_ONE_ADDRESS: usize = 100;

/// One for all: to make it reads the certificates of the system.
fn tls() -> Outcome<&'static tls::Client> {
    static TLS: OnceLock<tls::Client> = OnceLock::new();
    if let Some(made) = TLS.get() {
        return Ok(made);
    }
    let made = tls::Client::anew()?;
    Ok(TLS.get_or_init(|| made))
}

/// One session under TLS from its first octet.
pub struct Client {
    stream: SslStream<TcpStream>,
}

impl Client {
    /// Connects, the `number`-th of many, and reads the greeting.
    pub fn connect(address: SocketAddr, number: usize) -> Outcome<Client> {
        let home = u8::try_from(2 + number / OF_ONE_ADDRESS)?;
        let from = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, home), 0);
        let stream = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&stream, &from)?;
        connect(&stream, &address)?;
        let stream = TcpStream::from(stream);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let stream = tls()?.begin(stream)?;
        let mut client = Client { stream };
        client.line()?;
        Ok(client)
    }

    /// Connects to POP3 and logs in.
    pub fn log_in(address: SocketAddr, number: usize, user: &str) -> Outcome<Client> {
        let mut client = Client::connect(address, number)?;
        client.ask(&format!("USER {user}"), "+OK")?;
        client.ask(&format!("PASS {PASSWORD}"), "+OK")?;
        Ok(client)
    }

    /// RETR, of which only the first line is read.
    pub fn begin_to_retrieve(&mut self) -> Outcome<()> {
        self.ask("RETR 1", "+OK")
    }

    /// A transaction up to its content.
    pub fn begin_message(&mut self, users: &[String]) -> Outcome<()> {
        self.ask("HELO elsewhere.example", "250")?;
        self.ask("MAIL FROM:<>", "250")?;
        for user in users {
            self.ask(&format!("RCPT TO:<{user}@example.com>"), "250")?;
        }
        self.ask("DATA", "354")
    }

    /// So many octets of content, and not its end.
    pub fn send_content(&mut self, octets: usize) -> Outcome<()> {
        let line = b"A line of a message such as people write to each other, again.\r\n";
        let piece = line.repeat(512);
        for _ in 0..octets / piece.len() {
            self.stream.write_all(&piece)?;
        }
        let rest = octets % piece.len() / line.len() * line.len();
        Ok(self.stream.write_all(&piece[..rest])?)
    }

    /// The end of the content, and the answer that it is kept.
    pub fn end_message(&mut self) -> Outcome<()> {
        self.ask(".", "250")
    }

    fn ask(&mut self, command: &str, answer: &str) -> Outcome<()> {
        self.stream.write_all(format!("{command}\r\n").as_bytes())?;
        let line = self.line()?;
        match line.starts_with(answer) {
            true => Ok(()),
            false => Err(format!("{command}: {line}").into()),
        }
    }

    /// Octet by octet: what comes behind the line stays unread.
    fn line(&mut self) -> Outcome<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut octet = [0];
            if self.stream.read(&mut octet)? == 0 {
                return Err("the hub has closed".into());
            }
            line.extend_from_slice(&octet);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_string())
    }
}
