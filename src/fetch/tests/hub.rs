//! The pretended driver: it remembers unique-ids and messages, as the store
//! does, and polls the pretended provider.

use std::collections::HashMap;
use std::time::Instant;

use super::provider::{Connection, Provider};
use crate::fetch::{
    Arrived, Credentials, Ending, Limits, Listing, PasswordMethod, Pipelining, Removal, Secret,
    Security, Session, Settings, Step, Summary, Task, WithoutUniqueIds,
};
use crate::mail::QueueId;
use crate::store::Receipt;

/// Settings of a session on a TLS connection.
pub fn settings() -> Settings {
    Settings {
        limits: Limits::default(),
        security: Security::Tls,
        user: "office".to_owned(),
        credentials: Credentials::Password {
            password: Secret::new("secret-office"),
            method: PasswordMethod::Offered,
        },
        pipelining: Pipelining::Offered,
        without_unique_ids: WithoutUniqueIds::Proceed,
    }
}

pub fn receipt() -> Receipt {
    Receipt::for_test(QueueId::from_u64(7))
}

/// When messages are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    AtOnce,
    /// When nothing else goes on, the last one first.
    Late,
}

pub struct Hub {
    /// Unique-ids of committed messages.
    pub known: HashMap<Vec<u8>, ()>,
    /// Each message that was committed, in order.
    pub stored: Vec<Vec<u8>>,
    pub answers: Answers,
    pub leave_on_server: bool,
    pub dry_run: bool,
    /// Octets handed in at once.
    pub piece_octets: usize,
    pub settings: fn() -> Settings,
}

/// What a poll was like.
#[derive(Debug)]
pub struct Poll {
    pub ending: Ending,
    pub summary: Summary,
    /// Each write of the session.
    pub writes: Vec<String>,
    /// Steps that are reports: `refused 2`, `not removed 3`, `discarded 1`.
    pub reports: Vec<String>,
    /// Of TOP.
    pub tops: Vec<Vec<u8>>,
    pub began: Instant,
    pub ended: Instant,
    /// Times at which the client had nothing to do but to wait for an answer to
    /// what it wrote.
    pub round_trips: usize,
}

impl Poll {
    /// All commands in order.
    pub fn commands(&self) -> String {
        self.writes.concat()
    }
}

impl Hub {
    pub fn new() -> Hub {
        Hub {
            known: HashMap::new(),
            stored: Vec::new(),
            answers: Answers::AtOnce,
            leave_on_server: false,
            dry_run: false,
            piece_octets: usize::MAX,
            settings,
        }
    }

    fn plan(&self, listing: &Listing) -> Vec<Task> {
        let mut tasks = Vec::new();
        for scan in listing.scans() {
            let known = scan.unique_id.is_some_and(|it| self.known.contains_key(it));
            match known {
                _ if self.dry_run => tasks.push(Task::Top {
                    number: scan.number,
                }),
                true if self.leave_on_server => {}
                true => {
                    let removal = Removal::of_committed(scan.number, &receipt());
                    tasks.push(Task::Remove(removal));
                }
                false => tasks.push(Task::retrieve(&scan)),
            }
        }
        tasks
    }

    fn commit(&mut self, message: Vec<u8>, unique_id: Option<&Vec<u8>>) {
        match unique_id {
            Some(unique_id) => {
                self.known.insert(unique_id.clone(), ());
                self.stored.push(message);
            }
            // Known by its octets.
            None if self.stored.contains(&message) => {}
            None => self.stored.push(message),
        }
    }

    /// One session, to its end.
    pub fn poll(&mut self, provider: &mut Provider) -> Poll {
        let began = Instant::now();
        let mut now = began;
        let mut session = Session::new((self.settings)(), now);
        let mut connection = Connection::default();
        let mut from_server = connection.greeting(provider);
        let mut waiting: Vec<Arrived> = Vec::new();
        let mut unique_ids: HashMap<u32, Vec<u8>> = HashMap::new();
        let mut message = Vec::new();
        let mut poll = Poll {
            ending: Ending::Complete,
            summary: Summary::default(),
            writes: Vec::new(),
            reports: Vec::new(),
            tops: Vec::new(),
            began,
            ended: now,
            round_trips: 0,
        };
        let mut fresh = false;
        loop {
            match session.next(now) {
                Step::NeedInput { until } => {
                    let piece: Vec<u8> = {
                        let most = from_server.len().min(self.piece_octets);
                        from_server.drain(..most).collect()
                    };
                    poll.round_trips += usize::from(std::mem::take(&mut fresh));
                    match piece.is_empty() {
                        false => session.receive(&piece),
                        true if connection.closed => session.connection_closed(),
                        true => now = until,
                    }
                }
                Step::Send(octets) => {
                    poll.writes.push(String::from_utf8_lossy(octets).into());
                    fresh = true;
                    from_server.extend(connection.answer(provider, octets));
                }
                Step::StartTls => session.tls_started(),
                Step::TokenRequested => session.token(&Secret::new("token")),
                Step::Listed(listing) => {
                    for scan in listing.scans() {
                        if let Some(unique_id) = scan.unique_id {
                            unique_ids.insert(scan.number, unique_id.to_vec());
                        }
                    }
                    let tasks = self.plan(&listing);
                    session.plan(tasks);
                }
                Step::ContentBegins { .. } => message.clear(),
                Step::Content(octets) => message.extend_from_slice(octets),
                Step::MessageComplete(arrived) => {
                    assert_eq!(arrived.octets(), message.len() as u64);
                    let whole = std::mem::take(&mut message);
                    self.commit(whole, unique_ids.get(&arrived.number()));
                    waiting.push(arrived);
                    if self.answers == Answers::AtOnce {
                        self.answer(&mut session, &mut waiting);
                    }
                }
                Step::NeedAnswer => self.answer(&mut session, &mut waiting),
                Step::TopComplete { .. } => poll.tops.push(message.clone()),
                Step::ContentDiscarded { number } => {
                    poll.reports.push(format!("discarded {number}"));
                }
                Step::RetrievalRefused { number, .. } => {
                    poll.reports.push(format!("refused {number}"));
                }
                Step::RemovalRefused { number, .. } => {
                    poll.reports.push(format!("not removed {number}"));
                }
                Step::Close(ending) => {
                    poll.ending = ending.clone();
                    break;
                }
            }
        }
        poll.summary = session.summary();
        poll.ended = now;
        poll
    }

    fn answer(&self, session: &mut Session, waiting: &mut Vec<Arrived>) {
        assert!(!waiting.is_empty(), "no message is unanswered");
        while let Some(arrived) = waiting.pop() {
            match self.leave_on_server {
                true => session.leave(arrived),
                false => session.stored(arrived, &receipt()),
            }
        }
    }
}
