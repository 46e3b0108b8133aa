//! One session with the pretended provider: it reads a client's lines, obeys
//! them or does what its faults say, and writes.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::MutexGuard;
use std::thread;
use std::time::{Duration, Instant};

use super::{Fault, Key, Mailbox, Message, Record, State};

/// How often a session looks whether the test has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest that anything is waited for: longer than the hub waits for an
/// answer.
const WAIT_LIMIT: Duration = Duration::from_secs(330);

const CAPABILITIES: [&str; 6] = [
    "TOP",
    "UIDL",
    "USER",
    "RESP-CODES",
    "PIPELINING",
    "IMPLEMENTATION pretended",
];

struct Session<'a> {
    stream: TcpStream,
    state: &'a State,
    /// Where in the records this one is.
    record: usize,
    input: Vec<u8>,
    /// Answers that have not been written.
    output: Vec<u8>,
    sent: usize,
    /// The mailbox as it was at the log-in.
    maildrop: Vec<Message>,
    deleted: BTreeSet<Key>,
    ending: Option<Ending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Close,
    /// Says nothing more, and does not close.
    Stall,
}

/// Serves one connection to its end.
pub(super) fn serve(stream: TcpStream, state: &State) {
    stream.set_read_timeout(Some(LOOK_EVERY)).unwrap();
    stream.set_write_timeout(Some(WAIT_LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    let record = {
        let mut mailbox = state.mailbox.lock().unwrap();
        mailbox.open += 1;
        mailbox.most_open = mailbox.most_open.max(mailbox.open);
        mailbox.records.push(Record::default());
        mailbox.records.len() - 1
    };
    let mut session = Session {
        stream,
        state,
        record,
        input: Vec::new(),
        output: Vec::new(),
        sent: 0,
        maildrop: Vec::new(),
        deleted: BTreeSet::new(),
        ending: None,
    };
    session.run();
    let mut mailbox = state.mailbox.lock().unwrap();
    if mailbox.has(&Fault::RemovesWithoutQuit) {
        mailbox.remove(&session.deleted);
    }
    mailbox.open -= 1;
    drop(mailbox);
    let _ = session.stream.shutdown(Shutdown::Both);
}

impl Session<'_> {
    fn run(&mut self) {
        let greeting = self.mailbox().faults.iter().find_map(|fault| match fault {
            Fault::Greets(lines) => Some(*lines),
            _ => None,
        });
        self.say(greeting.unwrap_or("+OK pretended ready\r\n"));
        self.flush();
        while self.ending.is_none() && self.read() {
            let mut together = 0;
            while let Some(line) = self.take_line() {
                together += 1;
                self.hear(&line, together);
                if self.ending.is_some() {
                    break;
                }
            }
            self.flush();
        }
        // Whoever stalls still keeps the connection.
        while self.ending == Some(Ending::Stall) && self.read() {
            self.input.clear();
        }
    }

    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.state.mailbox.lock().unwrap()
    }

    /// Whether the client said more.
    fn read(&mut self) -> bool {
        let since = Instant::now();
        let mut buffer = [0; 64 * 1024];
        while !self.state.has_ended() && since.elapsed() < WAIT_LIMIT {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    self.input.extend_from_slice(&buffer[..count]);
                    return true;
                }
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn take_line(&mut self) -> Option<String> {
        let end = self.input.windows(2).position(|two| two == b"\r\n")?;
        let line: Vec<u8> = self.input.drain(..end + 2).take(end).collect();
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    fn say(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }

    /// Writes the answers, as many of their octets as the faults leave.
    fn flush(&mut self) {
        let mut output = std::mem::take(&mut self.output);
        let limit = self.mailbox().faults.iter().find_map(|fault| match fault {
            Fault::CutAfter(octets) => Some((*octets, Ending::Close)),
            Fault::StallAfter(octets) => Some((*octets, Ending::Stall)),
            _ => None,
        });
        if let Some((octets, ending)) = limit
            && self.sent + output.len() >= octets
        {
            output.truncate(octets.saturating_sub(self.sent));
            self.ending = Some(ending);
        }
        self.sent += output.len();
        let sent = self.sent;
        let at = self.record;
        self.mailbox().records[at].octets_sent = sent;
        if self.stream.write_all(&output).is_err() {
            self.ending = Some(Ending::Close);
        }
    }

    /// A line of the client, the first of its write or a further one.
    fn hear(&mut self, line: &str, together: usize) {
        let (number, faults) = self.note_command(line, together);
        for fault in &faults {
            match fault {
                Fault::ForgetsPipelined if together > 1 => return,
                Fault::HangsUpOnPipelined if together > 1 => {
                    return self.ending = Some(Ending::Close);
                }
                Fault::CutBefore(cut) if *cut == number => {
                    return self.ending = Some(Ending::Close);
                }
                Fault::Answers(begins, answer) if line.starts_with(begins) => {
                    self.say(&format!("{answer}\r\n"));
                    return self.note_answer();
                }
                Fault::Holds(begins) if line.starts_with(begins) => {
                    self.flush();
                    self.wait_for_end_of(fault);
                }
                _ => {}
            }
        }
        let silence = faults.iter().find_map(|fault| match fault {
            Fault::ClosesAt(begins) if line.starts_with(begins) => Some(Ending::Close),
            Fault::StallsAt(begins) if line.starts_with(begins) => Some(Ending::Stall),
            _ => None,
        });
        let said = self.output.len();
        self.obey(line, &faults);
        if let Some(ending) = silence {
            self.output.truncate(said);
            self.ending = Some(ending);
        }
        self.note_answer();
    }

    /// Its number in the session, and what goes wrong now.
    fn note_command(&self, line: &str, together: usize) -> (usize, Vec<Fault>) {
        let mut mailbox = self.mailbox();
        let record = &mut mailbox.records[self.record];
        record.commands.push(line.to_string());
        record.most_together = record.most_together.max(together);
        (record.commands.len() - 1, mailbox.faults.clone())
    }

    fn note_answer(&mut self) {
        let (at, end) = (self.record, self.sent + self.output.len());
        self.mailbox().records[at].answers_end.push(end);
    }

    fn wait_for_end_of(&self, fault: &Fault) {
        let since = Instant::now();
        while self.mailbox().has(fault) && !self.state.has_ended() && since.elapsed() < WAIT_LIMIT {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn obey(&mut self, line: &str, faults: &[Fault]) {
        let mut words = line.split(' ');
        let command = words.next().unwrap_or_default().to_ascii_uppercase();
        let number = words.next().and_then(|word| word.parse().ok());
        let lacks = |name: &str| {
            let mut faults = faults.iter();
            faults.any(|fault| matches!(fault, Fault::Lacks(lacking) if *lacking == name))
        };
        if lacks(&command) {
            return self.say("-ERR unknown command\r\n");
        }
        match command.as_str() {
            "CAPA" => {
                let there = CAPABILITIES.iter().filter(|name| !lacks(name));
                let lines = there.map(|name| name.to_string()).collect();
                self.list(lines);
            }
            "USER" => self.say("+OK\r\n"),
            "PASS" => {
                let messages = self.mailbox().messages.clone();
                let empty = faults.contains(&Fault::ListsNothing);
                self.maildrop = if empty { Vec::new() } else { messages };
                let names = self.maildrop.iter().map(|it| it.unique_id.clone());
                let listed = names.collect();
                self.mailbox().records[self.record].listed = listed;
                self.say("+OK logged in\r\n");
            }
            "UIDL" => self.list_unique_ids(faults),
            "LIST" => self.list_sizes(faults),
            "RETR" | "TOP" | "DELE" => match self.message(number) {
                Some(message) => {
                    self.mailbox().obeyed(&command);
                    self.obey_for(&command, &message);
                }
                None => self.say("-ERR no such message\r\n"),
            },
            "NOOP" => self.say("+OK\r\n"),
            "QUIT" => {
                let at = self.record;
                let mut mailbox = self.mailbox();
                if !faults.contains(&Fault::RemovesNothing) {
                    mailbox.remove(&self.deleted);
                }
                mailbox.records[at].quit_answered = true;
                drop(mailbox);
                self.deleted.clear();
                self.say("+OK bye\r\n");
                self.ending = Some(Ending::Close);
            }
            _ => self.say("-ERR unknown command\r\n"),
        }
    }

    fn obey_for(&mut self, command: &str, message: &Message) {
        match command {
            "DELE" => {
                self.deleted.insert(message.key);
                self.say("+OK marked\r\n");
            }
            "TOP" => {
                let octets = &message.octets;
                let end = octets.windows(4).position(|four| four == b"\r\n\r\n");
                let head = end.map_or(&octets[..], |end| &octets[..end + 4]);
                self.content(head);
            }
            _ if message.endless => self.pour_out(message),
            _ => {
                let other = message.retrieved_as.as_ref();
                self.content(other.unwrap_or(&message.octets));
            }
        }
    }

    /// A multi-line answer with dots stuffed, and a line end where one lacks.
    fn content(&mut self, octets: &[u8]) {
        self.say("+OK message follows\r\n");
        let mut rest = octets;
        while !rest.is_empty() {
            let end = rest.windows(2).position(|two| two == b"\r\n");
            let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 2));
            if line.starts_with(b".") {
                self.output.push(b'.');
            }
            self.output.extend_from_slice(line);
            rest = after;
        }
        if !octets.is_empty() && !octets.ends_with(b"\r\n") {
            self.say("\r\n");
        }
        self.say(".\r\n");
    }

    /// Sends a message whose last line has no end, until the client has had
    /// enough.
    fn pour_out(&mut self, message: &Message) {
        self.say("+OK message follows\r\n");
        self.output.extend_from_slice(&message.octets);
        self.flush();
        let piece = [b'x'; 16 * 1024];
        let since = Instant::now();
        while since.elapsed() < WAIT_LIMIT && !self.state.has_ended() {
            if self.stream.write_all(&piece).is_err() {
                break;
            }
        }
        self.ending = Some(Ending::Close);
    }

    fn message(&self, number: Option<usize>) -> Option<Message> {
        let message = self.maildrop.get(number?.checked_sub(1)?)?;
        let there = !self.deleted.contains(&message.key);
        there.then(|| message.clone())
    }

    fn list_unique_ids(&mut self, faults: &[Fault]) {
        let by_number = faults.contains(&Fault::UniqueIdsAreNumbers);
        let anew = faults.contains(&Fault::Renumbers);
        let lines = self.numbered(|number, message| match (by_number, anew) {
            (true, _) => number.to_string(),
            (_, true) => format!("{}-{}", self.record, message.unique_id),
            _ => message.unique_id.clone(),
        });
        self.list(lines);
    }

    fn list_sizes(&mut self, faults: &[Fault]) {
        let all = faults.iter().find_map(|fault| match fault {
            Fault::Sizes(octets) => Some(*octets),
            _ => None,
        });
        let lines = self.numbered(|_, message| {
            let own = message.size.unwrap_or(message.octets.len() as u64);
            all.unwrap_or(own).to_string()
        });
        self.list(lines);
    }

    fn numbered(&self, text: impl Fn(usize, &Message) -> String) -> Vec<String> {
        let messages = self.maildrop.iter().enumerate();
        let there = messages.filter(|(_, message)| !self.deleted.contains(&message.key));
        there
            .map(|(at, message)| format!("{} {}", at + 1, text(at + 1, message)))
            .collect()
    }

    fn list(&mut self, lines: Vec<String>) {
        self.say("+OK\r\n");
        for line in lines {
            self.say(&format!("{line}\r\n"));
        }
        self.say(".\r\n");
    }
}
