//! The pretended driver: two users, the messages of
//! `tests/dialogues/pop3/maildrop`, and faults to order.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::pop3::{
    Ending, Limits, Login, LoginRefusal, PlaintextLogin, ScanListing, Security, Session, Settings,
    Step,
};

/// What the driver has, and what goes wrong.
#[derive(Debug, Clone)]
pub struct Office {
    pub messages: Vec<Vec<u8>>,
    pub fault: Option<Fault>,
    /// Octets per piece of content.
    pub piece_octets: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Login(LoginRefusal),
    /// The first time it is asked for.
    Listing,
    Message {
        index: usize,
    },
    ContentBreaks {
        index: usize,
    },
    /// The content ends 5 octets early, as if that were its end.
    ContentShort {
        index: usize,
    },
    Update,
}

impl Office {
    /// The sample messages.
    pub fn of_samples() -> Office {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/pop3/maildrop");
        let sample = |number: usize| fs::read(folder.join(format!("{number}.eml"))).unwrap();
        Office::of((1..=4).map(sample).collect())
    }

    pub fn of(messages: Vec<Vec<u8>>) -> Office {
        Office {
            messages,
            fault: None,
            piece_octets: 64 * 1024,
        }
    }

    fn octets(&self, index: usize) -> u64 {
        let message = &self.messages[index];
        let unfinished = !message.is_empty() && !message.ends_with(b"\n");
        message.len() as u64 + if unfinished { 2 } else { 0 }
    }

    fn octets_in_all(&self) -> u64 {
        (0..self.messages.len()).map(|at| self.octets(at)).sum()
    }

    fn listing(&self) -> ScanListing {
        let mut listing = ScanListing::with_capacity(self.messages.len());
        for index in 0..self.messages.len() {
            let unique_id = format!("sample-unique-id-{index:07}");
            listing.push(self.octets(index), &unique_id).unwrap();
        }
        listing
    }
}

/// Settings of a session in the office's network.
pub fn settings() -> Settings {
    Settings {
        hostname: "post.example.com".to_owned(),
        limits: Limits::default(),
        security: Security::StlsOffered,
        plaintext_login: PlaintextLogin::Allowed,
    }
}

/// A client's visit.
pub struct Visit {
    pub session: Session,
    pub office: Office,
    pub now: Instant,
    /// Each write of the session.
    pub writes: Vec<Vec<u8>>,
    /// Names of the questions, in order.
    pub questions: Vec<&'static str>,
    pub removed: Option<Vec<usize>>,
    pub ending: Option<Ending>,
    open: Option<(usize, usize)>,
}

impl Visit {
    pub fn new(settings: Settings, office: Office) -> Visit {
        let now = Instant::now();
        let mut visit = Visit {
            session: Session::new(settings, now),
            office,
            now,
            writes: Vec::new(),
            questions: Vec::new(),
            removed: None,
            ending: None,
            open: None,
        };
        visit.go_on();
        visit
    }

    /// A visit that has logged in, its writes and questions forgotten.
    pub fn logged_in(office: Office) -> Visit {
        let mut visit = Visit::new(settings(), office);
        visit.says("USER anna\r\nPASS secret-anna\r\n");
        visit.writes.clear();
        visit.questions.clear();
        visit
    }

    /// Hands in what the client sends; the octets that the session answers.
    pub fn says(&mut self, octets: impl AsRef<[u8]>) -> String {
        let before = self.writes.len();
        self.session.receive(octets.as_ref());
        self.go_on();
        String::from_utf8_lossy(&self.writes[before..].concat()).into_owned()
    }

    /// Until the session wants input, or is closed.
    pub fn go_on(&mut self) {
        loop {
            match self.session.next(self.now) {
                Step::NeedInput { .. } => return,
                Step::Close(ending) => {
                    self.ending = Some(ending);
                    return;
                }
                Step::Send(octets) => self.writes.push(octets.to_vec()),
                Step::StartTls => {
                    self.questions.push("tls");
                    self.session.tls_started();
                }
                Step::LoginRequested(login) => self.log_in(&login),
                Step::ListingRequested => self.list(),
                Step::MessageRequested { index } => self.open(index),
                Step::ContentWanted => self.read(),
                Step::ContentEnough => {
                    self.questions.push("enough");
                    self.open = None;
                }
                Step::UpdateRequested(removed) => self.update(removed),
            }
        }
    }

    fn log_in(&mut self, login: &Login) {
        self.questions.push("login");
        let known = [
            ("anna", "secret-anna"),
            ("bob", " two  words "),
            ("jürgen", "Grüße"),
        ];
        let given = (login.name.as_str(), login.password.octets());
        let right = known
            .iter()
            .any(|(name, word)| given == (*name, word.as_bytes()));
        match self.office.fault {
            _ if !right => self.session.login_refused(LoginRefusal::Credentials),
            Some(Fault::Login(refusal)) => self.session.login_refused(refusal),
            _ => {
                let messages = self.office.messages.len() as u64;
                let octets = self.office.octets_in_all();
                self.session.maildrop_opened(messages, octets);
            }
        }
    }

    fn list(&mut self) {
        self.questions.push("listing");
        if self
            .office
            .fault
            .take_if(|it| *it == Fault::Listing)
            .is_some()
        {
            return self.session.listing_failed();
        }
        self.session.listing(self.office.listing());
    }

    fn open(&mut self, index: usize) {
        self.questions.push("message");
        assert!(self.open.is_none(), "a message is open already");
        if self.office.fault == Some(Fault::Message { index }) {
            return self.session.message_failed();
        }
        self.open = Some((index, 0));
        self.session.message_opened();
    }

    fn read(&mut self) {
        let (index, at) = self.open.expect("no message is open");
        let message = &self.office.messages[index];
        let fault = self.office.fault;
        let end = match fault {
            Some(Fault::ContentBreaks { index: broken }) if broken == index => message.len() / 2,
            Some(Fault::ContentShort { index: short }) if short == index => message.len() - 5,
            _ => message.len(),
        };
        let until = end.min(at.saturating_add(self.office.piece_octets));
        if at < until {
            self.open = Some((index, until));
            return self.session.content(&message[at..until]);
        }
        self.open = None;
        if matches!(fault, Some(Fault::ContentBreaks { .. })) && end < message.len() {
            self.session.content_failed();
        } else {
            self.session.content_complete();
        }
    }

    fn update(&mut self, removed: Vec<usize>) {
        self.questions.push("update");
        if self.office.fault == Some(Fault::Update) {
            return self.session.update_failed();
        }
        self.removed = Some(removed);
        self.session.updated();
    }
}
