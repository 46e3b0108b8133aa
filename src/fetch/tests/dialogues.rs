//! The dialogue files against the machine, roles turned: `S` lines are what the
//! server says, `C` lines what the client must have written when it is the
//! server's turn (in one write, if the input was not cut).
//!
//! Their settings: `security tls|starttls|clear`, `log-in
//! offered|user|plain|apop|xoauth2|xoauth2-initial`, `user NAME`, `password
//! WORD`, `token WORD` (none: there is no token), `pipelining
//! offered|by-test|off`, `unique-ids needed`, `known ID` (committed by an
//! earlier session), `leave on`, `top on` (headers alone), `keep N` (this
//! message is not committed), `whole only` (not to be cut), `arrives N…` (the
//! messages that must arrive), `ends TEXT` (how it must end).

use std::time::Instant;

use super::hub::{receipt, settings};
use crate::dialogue::{Dialogue, Event, dialogues, fits};
use crate::fetch::{
    Arrived, Credentials, Listing, PasswordMethod, Pipelining, Removal, Secret, Security, Session,
    Settings, Step, Task, TokenLine, WithoutUniqueIds,
};

#[test]
fn every_dialogue_goes_as_written_however_it_is_cut() {
    for dialogue in dialogues("fetch") {
        let whole = play(&dialogue, usize::MAX);
        if dialogue.setting("whole").is_none() {
            for octets in [1, 2, 3, 7, 20] {
                let cut = play(&dialogue, octets);
                assert_eq!(whole, cut, "{}: {octets} octets at once", dialogue.name);
            }
        }
    }
}

/// What came of it: the messages that arrived.
fn play(dialogue: &Dialogue, piece_octets: usize) -> Vec<(u32, Vec<u8>)> {
    let mut visit = Visit::new(dialogue);
    visit.go_on();
    let mut events = dialogue.events.iter().peekable();
    while let Some((number, event)) = events.next() {
        let place = format!("{}.dialogue:{number}", dialogue.name);
        match event {
            Event::Send(octets) => {
                let mut expected = octets.clone();
                while let Some((_, Event::Send(more))) = events.peek() {
                    expected.extend_from_slice(more);
                    events.next();
                }
                let written = std::mem::take(&mut visit.written);
                assert_eq!(shown(&written), shown(&expected), "{place}");
            }
            Event::Expect(line) => {
                assert_eq!(shown(&visit.written), "", "{place}: written too early");
                let mut said = format!("{line}\r\n").into_bytes();
                while let Some((_, Event::Expect(more))) = events.peek() {
                    said.extend_from_slice(format!("{more}\r\n").as_bytes());
                    events.next();
                }
                for piece in said.chunks(piece_octets.min(said.len())) {
                    visit.session.receive(piece);
                    visit.go_on();
                }
            }
            Event::Close => {
                visit.session.connection_closed();
                visit.go_on();
            }
            Event::Skip => panic!("{place}: S~ has no meaning here"),
        }
    }
    assert_eq!(
        shown(&visit.written),
        "",
        "{}: written at the end",
        dialogue.name
    );
    let arrived: Vec<_> = visit
        .arrived
        .iter()
        .map(|(number, _)| number.to_string())
        .collect();
    let expected = dialogue.setting("arrives").unwrap_or_default();
    assert_eq!(arrived.join(" "), expected, "{}", dialogue.name);
    let ending = visit.ending.unwrap_or("open".to_owned());
    let expected = dialogue.setting("ends").expect("`@ ends` is missing");
    assert!(fits(expected, &ending), "{}: {ending}", dialogue.name);
    visit.arrived
}

fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

struct Visit<'a> {
    dialogue: &'a Dialogue,
    session: Session,
    now: Instant,
    /// Not expected yet.
    written: Vec<u8>,
    content: Vec<u8>,
    arrived: Vec<(u32, Vec<u8>)>,
    ending: Option<String>,
}

impl Visit<'_> {
    fn new(dialogue: &Dialogue) -> Visit<'_> {
        let now = Instant::now();
        Visit {
            dialogue,
            session: Session::new(session_settings(dialogue), now),
            now,
            written: Vec::new(),
            content: Vec::new(),
            arrived: Vec::new(),
            ending: None,
        }
    }

    fn go_on(&mut self) {
        loop {
            match self.session.next(self.now) {
                Step::NeedInput { .. } => return,
                Step::Send(octets) => self.written.extend_from_slice(octets),
                Step::StartTls => self.session.tls_started(),
                Step::TokenRequested => match self.dialogue.setting("token") {
                    Some(token) => self.session.token(&Secret::new(token)),
                    None => self.session.token_failed(),
                },
                Step::Listed(listing) => {
                    let tasks = self.plan(&listing);
                    self.session.plan(tasks);
                }
                Step::ContentBegins { .. } => self.content.clear(),
                Step::Content(octets) => self.content.extend_from_slice(octets),
                Step::MessageComplete(arrived) => self.answer(arrived),
                Step::TopComplete { number, .. } => {
                    self.arrived.push((number, self.content.clone()));
                }
                Step::ContentDiscarded { .. }
                | Step::RetrievalRefused { .. }
                | Step::RemovalRefused { .. } => {}
                Step::NeedAnswer => panic!("all are answered"),
                Step::Close(ending) => {
                    self.ending = Some(ending.to_string());
                    return;
                }
            }
        }
    }

    fn says(&self, name: &str, value: &str) -> bool {
        let mut settings = self.dialogue.settings.iter();
        settings.any(|(key, it)| key == name && it == value)
    }

    fn plan(&self, listing: &Listing) -> Vec<Task> {
        let mut tasks = Vec::new();
        for scan in listing.scans() {
            let unique_id = String::from_utf8_lossy(scan.unique_id.unwrap_or_default());
            let number = scan.number;
            match self.says("known", &unique_id) {
                true if self.says("leave", "on") => {}
                true => tasks.push(Task::Remove(Removal::of_committed(number, &receipt()))),
                false if self.says("top", "on") => tasks.push(Task::Top { number }),
                false => tasks.push(Task::retrieve(&scan)),
            }
        }
        tasks
    }

    fn answer(&mut self, arrived: Arrived) {
        let number = arrived.number();
        self.arrived.push((number, self.content.clone()));
        let kept = self.says("keep", &number.to_string());
        match kept || self.says("leave", "on") {
            true => self.session.leave(arrived),
            false => self.session.stored(arrived, &receipt()),
        }
    }
}

fn session_settings(dialogue: &Dialogue) -> Settings {
    let mut settings = settings();
    let word = dialogue.setting("password").unwrap_or("secret-office");
    let mut method = Some(PasswordMethod::Offered);
    let mut token_line = TokenLine::Own;
    for (name, value) in &dialogue.settings {
        match (name.as_str(), value.as_str()) {
            ("security", "tls") => settings.security = Security::Tls,
            ("security", "starttls") => settings.security = Security::StlsRequired,
            ("security", "clear") => settings.security = Security::Clear,
            ("log-in", "offered") => method = Some(PasswordMethod::Offered),
            ("log-in", "user") => method = Some(PasswordMethod::UserPass),
            ("log-in", "plain") => method = Some(PasswordMethod::Plain),
            ("log-in", "apop") => method = Some(PasswordMethod::Apop),
            ("log-in", "xoauth2") => method = None,
            ("log-in", "xoauth2-initial") => {
                method = None;
                token_line = TokenLine::Initial;
            }
            ("user", user) => settings.user = user.to_owned(),
            ("pipelining", "offered") => settings.pipelining = Pipelining::Offered,
            ("pipelining", "by-test") => settings.pipelining = Pipelining::ByTest,
            ("pipelining", "off") => settings.pipelining = Pipelining::Off,
            ("unique-ids", "needed") => settings.without_unique_ids = WithoutUniqueIds::Refuse,
            ("password" | "token" | "known" | "keep" | "arrives" | "ends", _)
            | ("leave" | "top", "on")
            | ("whole", "only") => {}
            other => panic!("{}: unknown setting {other:?}", dialogue.name),
        }
    }
    settings.credentials = match method {
        Some(method) => Credentials::Password {
            password: Secret::new(word),
            method,
        },
        None => Credentials::XOAuth2 { token_line },
    };
    settings
}
