//! A PC that polls and collects, and a server that only talks, to compare
//! others with.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;
use openssl::ssl::SslStream;

use crate::Outcome;
use crate::office::PASSWORD;
use crate::tls;

/// What the server may take for any reply before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Read at once: a client of a bench must not be what a drain waits for.
const READ_OCTETS: usize = 64 * 1024;
/// How an answer of many lines ends (RFC 1939 §3).
const END: &[u8] = b"\r\n.\r\n";

/// A way in.
#[derive(Clone)]
pub struct Door {
    /// Where the server listens.
    pub address: SocketAddr,
    /// With TLS from the first octet on.
    pub tls: Option<tls::Client>,
}

impl Door {
    /// Without TLS.
    pub fn plain(address: SocketAddr) -> Door {
        Door { address, tls: None }
    }

    /// With TLS from the first octet on.
    pub fn tls(address: SocketAddr, client: tls::Client) -> Door {
        let tls = Some(client);
        Door { address, tls }
    }
}

/// What octets go through: TCP, or TLS on it.
trait Stream: Read + Write + Send {
    /// Says that nothing more comes. OpenSSL takes a session that did not end so
    /// for a bad one, with which none can go on.
    fn end(&mut self);
}

impl Stream for TcpStream {
    fn end(&mut self) {}
}

impl Stream for SslStream<TcpStream> {
    fn end(&mut self) {
        // The server has said good-bye and may be gone.
        let _ = self.shutdown();
    }
}

/// One session.
pub struct Collector {
    stream: BufReader<Box<dyn Stream>>,
    line: String,
}

impl Collector {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Outcome<Collector> {
        Collector::enter(&Door::plain(address))
    }

    /// Connects, with TLS if the door has it.
    pub fn enter(door: &Door) -> Outcome<Collector> {
        let stream = TcpStream::connect(door.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let stream: Box<dyn Stream> = match &door.tls {
            None => Box::new(stream),
            Some(client) => Box::new(client.begin(stream)?),
        };
        let mut collector = Collector {
            stream: BufReader::with_capacity(READ_OCTETS, stream),
            line: String::new(),
        };
        collector.expect_ok()?;
        Ok(collector)
    }

    /// Connects and logs in.
    pub fn log_in(address: SocketAddr, user: &str) -> Outcome<Collector> {
        Collector::log_in_at(&Door::plain(address), user)
    }

    /// The same, with TLS if the door has it.
    pub fn log_in_at(door: &Door, user: &str) -> Outcome<Collector> {
        let mut collector = Collector::enter(door)?;
        collector.ask(&format!("USER {user}\r\n"))?;
        collector.ask(&format!("PASS {PASSWORD}\r\n"))?;
        Ok(collector)
    }

    /// One command with a reply of one line.
    pub fn ask(&mut self, command: &str) -> Outcome<()> {
        self.stream.get_mut().write_all(command.as_bytes())?;
        self.expect_ok()
    }

    /// One command with a reply of many lines; the octets of them.
    pub fn ask_for_lines(&mut self, command: &str) -> Outcome<usize> {
        self.ask(command)?;
        self.skip_lines()
    }

    /// How long a command takes; LIST and UIDL until the final dot.
    pub fn time(&mut self, command: &str) -> Outcome<Duration> {
        let began = Instant::now();
        self.ask(&format!("{command}\r\n"))?;
        if matches!(command, "LIST" | "UIDL") {
            self.skip_lines()?;
        }
        Ok(began.elapsed())
    }

    /// Messages, by STAT.
    pub fn count(&mut self) -> Outcome<usize> {
        self.ask("STAT\r\n")?;
        let count = self.line.split(' ').nth(1).ok_or("STAT says nothing")?;
        Ok(count.parse()?)
    }

    /// QUIT.
    pub fn quit(mut self) -> Outcome<()> {
        self.ask("QUIT\r\n")?;
        self.stream.get_mut().end();
        Ok(())
    }

    fn expect_ok(&mut self) -> Outcome<()> {
        self.read_line()?;
        match self.line.starts_with("+OK") {
            true => Ok(()),
            false => Err(format!("POP3: expected +OK, got {:?}", self.line).into()),
        }
    }

    fn read_line(&mut self) -> Outcome<()> {
        self.line.clear();
        match self.stream.read_line(&mut self.line)? {
            0 => Err("POP3: the connection ended".into()),
            _ => Ok(()),
        }
    }

    /// Reads up to the final dot, without a look at the lines before it.
    fn skip_lines(&mut self) -> Outcome<usize> {
        // What the end may have begun with: the line before was read whole.
        let mut seam = b"\r\n".to_vec();
        let mut octets = 0;
        loop {
            let chunk = self.stream.fill_buf()?;
            let (begin, rest) = chunk.split_at(chunk.len().min(END.len()));
            let carried = seam.len();
            seam.extend_from_slice(begin);
            let end = match memmem::find(&seam, END) {
                Some(at) => Some(at + END.len() - carried),
                None => memmem::find(chunk, END).map(|at| at + END.len()),
            };
            seam.extend(rest.iter().skip(rest.len().saturating_sub(END.len())));
            seam.drain(..seam.len().saturating_sub(END.len() - 1));
            let used = end.unwrap_or(chunk.len());
            if used == 0 {
                return Err("POP3: the connection ended".into());
            }
            self.stream.consume(used);
            octets += used;
            if end.is_some() {
                return Ok(octets);
            }
        }
    }
}

/// What a PC does each minute: connects, logs in, finds nothing new.
pub fn poll(address: SocketAddr, user: &str) -> Outcome<()> {
    poll_at(&Door::plain(address), user)
}

/// The same, with TLS if the door has it.
pub fn poll_at(door: &Door, user: &str) -> Outcome<()> {
    let mut collector = Collector::log_in_at(door, user)?;
    collector.ask("STAT\r\n")?;
    collector.quit()
}

/// What a PC does each minute that leaves its mail here: it compares the lists
/// with what it has.
pub fn list(door: &Door, user: &str) -> Outcome<()> {
    let mut collector = Collector::log_in_at(door, user)?;
    collector.ask("STAT\r\n")?;
    collector.ask_for_lines("LIST\r\n")?;
    collector.ask_for_lines("UIDL\r\n")?;
    collector.quit()
}

/// What a PC does that has been off: takes all mail, one answer after the other
/// as Outlook does, and has it removed. Returns how many messages it took.
pub fn drain(door: &Door, user: &str) -> Outcome<usize> {
    let mut collector = Collector::log_in_at(door, user)?;
    let messages = collector.count()?;
    collector.ask_for_lines("UIDL\r\n")?;
    for number in 1..=messages {
        collector.ask_for_lines(&format!("RETR {number}\r\n"))?;
    }
    for number in 1..=messages {
        collector.ask(&format!("DELE {number}\r\n"))?;
    }
    collector.quit()?;
    Ok(messages)
}

/// Each client works from a thread of its own: what they have done in all, and
/// how long the last of them took.
pub fn at_once<Client: Sync>(
    clients: &[Client],
    work: impl Fn(&Client) -> Outcome<u64> + Sync,
) -> Outcome<(f64, Duration)> {
    let began = Instant::now();
    let done = thread::scope(|scope| -> Outcome<u64> {
        let work = &work;
        let threads: Vec<_> = clients
            .iter()
            .map(|client| scope.spawn(move || work(client)))
            .collect();
        let mut done = 0;
        for thread in threads {
            done += thread.join().map_err(|_| "a client panicked")??;
        }
        Ok(done)
    })?;
    Ok((done as f64, began.elapsed()))
}

/// The same session over and over, and how often.
pub fn repeat_for(time: Duration, mut session: impl FnMut() -> Outcome<()>) -> Outcome<u64> {
    let until = Instant::now() + time;
    let mut sessions = 0;
    while Instant::now() < until {
        session()?;
        sessions += 1;
    }
    Ok(sessions)
}

/// Starts a server that says `+OK` to everything and knows nothing: what the
/// system and this program alone can do. Its threads last as long as the program.
pub fn talker(threads: usize) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    for _ in 0..threads {
        let listener = listener.try_clone()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is the client's affair.
                let _ = talk(stream);
            }
        });
    }
    Ok(address)
}

fn talk(stream: TcpStream) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::from("greeting");
    while !line.is_empty() {
        stream.get_mut().write_all(b"+OK 0 0\r\n")?;
        if line.starts_with("QUIT") {
            break;
        }
        line.clear();
        stream.read_line(&mut line)?;
    }
    Ok(())
}
