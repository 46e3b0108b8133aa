//! A sender of mail: one persistent SMTP session.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::disk::MESSAGE_OCTETS;

/// What the hub may take for any reply before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// One session.
pub struct Sender {
    stream: BufReader<TcpStream>,
    /// MAIL, RCPT and DATA in one write (RFC 2920 §3.1).
    group: String,
    line: String,
}

impl Sender {
    /// Connects and says EHLO.
    pub fn connect(address: SocketAddr, recipient: &str) -> Outcome<Sender> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let group = format!(
            "MAIL FROM:<friend@elsewhere.example>\r\nRCPT TO:<{recipient}@example.com>\r\nDATA\r\n"
        );
        let mut sender = Sender {
            stream: BufReader::new(stream),
            group,
            line: String::new(),
        };
        sender.expect("220")?;
        sender.write(b"EHLO elsewhere.example\r\n")?;
        sender.expect("250")?;
        Ok(sender)
    }

    /// Sends until the time is over, and returns how many were acknowledged.
    /// A message's end and the next one's commands go out in one write, as RFC
    /// 2920 allows: one round trip each.
    pub fn send_for(mut self, time: Duration) -> Outcome<u64> {
        let until = Instant::now() + time;
        let last = message();
        let mut next = last.clone();
        next.extend_from_slice(self.group.as_bytes());
        self.begin()?;
        let mut messages = 0;
        while Instant::now() < until {
            self.write(&next)?;
            self.expect("250")?;
            messages += 1;
            self.expect_begun()?;
        }
        self.write(&last)?;
        self.expect("250")?;
        self.write(b"QUIT\r\n")?;
        self.expect("221")?;
        Ok(messages + 1)
    }

    /// Sends one message after the other and returns how long each took, from
    /// MAIL to the reply that it is kept.
    pub fn time_each(mut self, time: Duration) -> Outcome<Vec<Duration>> {
        let until = Instant::now() + time;
        let message = message();
        let mut times = Vec::new();
        while Instant::now() < until {
            let began = Instant::now();
            self.begin()?;
            self.write(&message)?;
            self.expect("250")?;
            times.push(began.elapsed());
        }
        Ok(times)
    }

    /// Sends a message's content without its end, and leaves it so.
    pub fn stop_midway(&mut self) -> Outcome<()> {
        self.begin()?;
        let message = message();
        let content = message.strip_suffix(b".\r\n").unwrap_or(&message);
        self.write(content)
    }

    /// Begins a message and sends so many octets of it, and not its end.
    pub fn send_part(&mut self, octets: usize) -> Outcome<()> {
        self.begin()?;
        let line = b"A line of a message such as people write to each other.\r\n";
        self.write(&line.repeat(octets / line.len()))
    }

    fn begin(&mut self) -> Outcome<()> {
        let group = self.group.clone();
        self.write(group.as_bytes())?;
        self.expect_begun()
    }

    fn expect_begun(&mut self) -> Outcome<()> {
        self.expect("250")?;
        self.expect("250")?;
        self.expect("354")
    }

    fn write(&mut self, octets: &[u8]) -> Outcome<()> {
        Ok(self.stream.get_mut().write_all(octets)?)
    }

    /// Reads one reply, whatever its lines.
    fn expect(&mut self, code: &str) -> Outcome<()> {
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line)?;
            if !self.line.starts_with(code) {
                return Err(format!("SMTP: expected {code}, got {:?}", self.line).into());
            }
            if self.line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

/// A message of 4 KB with its final dot.
fn message() -> Vec<u8> {
    let mut message = b"From: friend@elsewhere.example\r\nTo: us@example.com\r\n\
        Subject: A figure\r\n\r\n"
        .to_vec();
    while message.len() < MESSAGE_OCTETS {
        message.extend_from_slice(b"A line of a message such as people write to each other.\r\n");
    }
    message.extend_from_slice(b".\r\n");
    message
}
