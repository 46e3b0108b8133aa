//! A PC that polls, and a server that only talks, to compare the hub with.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::office::PASSWORD;

/// What the hub may take for any reply before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// One session.
pub struct Collector {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Collector {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Outcome<Collector> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut collector = Collector {
            stream: BufReader::new(stream),
            line: String::new(),
        };
        collector.expect_ok()?;
        Ok(collector)
    }

    /// Connects and logs in.
    pub fn log_in(address: SocketAddr, user: &str) -> Outcome<Collector> {
        let mut collector = Collector::connect(address)?;
        collector.ask(&format!("USER {user}\r\n"))?;
        collector.ask(&format!("PASS {PASSWORD}\r\n"))?;
        Ok(collector)
    }

    /// One command with a reply of one line.
    pub fn ask(&mut self, command: &str) -> Outcome<()> {
        self.stream.get_mut().write_all(command.as_bytes())?;
        self.expect_ok()
    }

    /// How long a command takes; `multiline` ones until the final dot.
    pub fn time(&mut self, command: &str) -> Outcome<Duration> {
        let began = Instant::now();
        self.ask(&format!("{command}\r\n"))?;
        if matches!(command, "LIST" | "UIDL") {
            while self.line != ".\r\n" {
                self.read_line()?;
            }
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
        self.ask("QUIT\r\n")
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
}

/// What a PC does each minute: connects, logs in, finds nothing new.
pub fn poll(address: SocketAddr, user: &str) -> Outcome<()> {
    let mut collector = Collector::log_in(address, user)?;
    collector.ask("STAT\r\n")?;
    collector.quit()
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
