//! A pretended provider: a POP3 server on a port of its own, whose mailbox a
//! test fills, changes and reads, and whose faults it orders by name.
//!
//! It keeps what every client said to it, and counts what was done to each
//! message. It ends with its drop; nothing in it waits for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use crate::hub::eventually;

#[path = "provider_session.rs"]
mod session;

/// A message in the provider's mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// What it is known by in here, whatever UIDL calls it.
    key: Key,
    pub unique_id: String,
    pub octets: Vec<u8>,
    /// What LIST says, where that is not the number of octets.
    pub size: Option<u64>,
    /// What RETR sends, where that is something else.
    pub retrieved_as: Option<Vec<u8>>,
    /// RETR never comes to an end.
    pub endless: bool,
}

/// Names one message for ever.
type Key = u64;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This capability, or command, is not there.
    Lacks(&'static str),
    /// A command that begins so is not obeyed, and answered by this line.
    Answers(&'static str, &'static str),
    /// A command that begins so is obeyed, and the connection ends without an
    /// answer.
    ClosesAt(&'static str),
    /// A command that begins so is obeyed and never answered.
    StallsAt(&'static str),
    /// A command that begins so is obeyed when this fault has gone.
    Holds(&'static str),
    /// The first lines, instead of a greeting.
    Greets(&'static str),
    /// Of the commands in one write the first alone is obeyed.
    ForgetsPipelined,
    /// Two commands in one write end the connection behind the first answer.
    HangsUpOnPipelined,
    /// The connection breaks after so many octets of the server.
    CutAfter(usize),
    /// The connection breaks when this command of the session came, counted
    /// from 0, and before it is obeyed.
    CutBefore(usize),
    /// The server falls silent after so many octets.
    StallAfter(usize),
    /// LIST says this of every message.
    Sizes(u64),
    /// The mailbox looks empty.
    ListsNothing,
    /// Messages are removed also when QUIT never came.
    RemovesWithoutQuit,
    /// QUIT is answered by +OK, and nothing is removed.
    RemovesNothing,
    /// UIDL names each message anew in every session.
    Renumbers,
    /// UIDL names each message by its number.
    UniqueIdsAreNumbers,
}

/// What a client did in one session.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Its lines.
    pub commands: Vec<String>,
    /// The unique-ids of the maildrop, in its order.
    pub listed: Vec<String>,
    /// The most of them that came in one write.
    pub most_together: usize,
    /// How many octets it was sent.
    pub octets_sent: usize,
    /// Where the answers ended, in octets from the beginning.
    pub answers_end: Vec<usize>,
    /// Whether QUIT was answered by +OK.
    pub quit_answered: bool,
}

/// What the provider holds, and how it behaves.
#[derive(Debug, Default)]
pub struct Mailbox {
    pub messages: Vec<Message>,
    pub faults: Vec<Fault>,
    pub records: Vec<Record>,
    /// How often a command was obeyed for a message.
    counts: BTreeMap<String, usize>,
    keys: Key,
    open: usize,
    most_open: usize,
}

/// The running server.
pub struct Provider {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    mailbox: Mutex<Mailbox>,
    ended: AtomicBool,
    /// Of the sessions that are open.
    streams: Mutex<BTreeMap<usize, TcpStream>>,
}

impl Provider {
    /// An empty mailbox without faults.
    pub fn new() -> Provider {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let accepting = thread::spawn(move || shared.accept(&listener));
        Provider {
            address,
            state,
            accepting: Some(accepting),
        }
    }

    /// A provider with these messages.
    pub fn with<M: AsRef<[u8]>>(messages: impl IntoIterator<Item = M>) -> Provider {
        let provider = Provider::new();
        for message in messages {
            provider.put(message);
        }
        provider
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A message comes, under a unique-id of its own.
    pub fn put(&self, octets: impl AsRef<[u8]>) {
        self.mailbox().put(octets);
    }

    /// What it holds; sessions wait meanwhile.
    pub fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.state.mailbox.lock().unwrap()
    }

    /// From now on this goes wrong as well.
    pub fn fault(&self, fault: Fault) {
        self.mailbox().faults.push(fault);
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        self.mailbox().faults.clear();
    }

    /// Messages that it holds.
    pub fn held(&self) -> usize {
        self.mailbox().messages.len()
    }

    /// How often a command was obeyed for a message.
    pub fn count(&self, command: &str) -> usize {
        let counts = &self.mailbox().counts;
        counts.get(command).copied().unwrap_or(0)
    }

    /// Sessions until now.
    pub fn sessions(&self) -> usize {
        self.mailbox().records.len()
    }

    /// What the last client did.
    pub fn last(&self) -> Record {
        self.mailbox().records.last().unwrap().clone()
    }

    /// Sessions that are open.
    pub fn open(&self) -> usize {
        self.mailbox().open
    }

    /// The most sessions that were open beside each other.
    pub fn most_open(&self) -> usize {
        self.mailbox().most_open
    }

    /// Waits until a command that begins so has come.
    pub fn wait_for(&self, command: &str) {
        eventually(&format!("{command} comes"), || {
            let mailbox = self.mailbox();
            let mut commands = mailbox.records.iter().flat_map(|record| &record.commands);
            commands.any(|line| line.starts_with(command))
        });
    }
}

impl Record {
    /// Whether a command that begins so came.
    pub fn has(&self, command: &str) -> bool {
        self.commands.iter().any(|line| line.starts_with(command))
    }
}

impl Mailbox {
    /// A message comes, under a unique-id of its own.
    pub fn put(&mut self, octets: impl AsRef<[u8]>) {
        let unique_id = format!("uid-{:05}", self.keys + 1);
        self.put_as(&unique_id, octets);
    }

    /// A message comes under this unique-id.
    pub fn put_as(&mut self, unique_id: &str, octets: impl AsRef<[u8]>) {
        self.keys += 1;
        self.messages.push(Message {
            key: self.keys,
            unique_id: unique_id.to_string(),
            octets: octets.as_ref().to_vec(),
            ..Message::default()
        });
    }

    fn has(&self, fault: &Fault) -> bool {
        self.faults.contains(fault)
    }

    fn obeyed(&mut self, command: &str) {
        *self.counts.entry(command.to_string()).or_default() += 1;
    }

    fn remove(&mut self, keys: &BTreeSet<Key>) {
        self.messages.retain(|message| !keys.contains(&message.key));
    }
}

impl State {
    fn accept(self: &Arc<State>, listener: &TcpListener) {
        let mut sessions: Vec<JoinHandle<()>> = Vec::new();
        for (number, stream) in listener.incoming().enumerate() {
            if self.ended.load(Ordering::SeqCst) {
                break;
            }
            let stream = stream.unwrap();
            let handle = stream.try_clone().unwrap();
            self.streams.lock().unwrap().insert(number, handle);
            let shared = Arc::clone(self);
            sessions.push(thread::spawn(move || {
                session::serve(stream, &shared);
                shared.streams.lock().unwrap().remove(&number);
            }));
            // A test may have thousands of sessions.
            let over = sessions.extract_if(.., |session| session.is_finished());
            over.for_each(|session| session.join().unwrap());
        }
        for session in sessions {
            session.join().unwrap();
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, then those that read.
        let _ = TcpStream::connect(self.address);
        for stream in self.state.streams.lock().unwrap().values() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        let ended = self.accepting.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(ended.is_some_and(|it| it.is_ok()), "the provider failed");
        }
    }
}
