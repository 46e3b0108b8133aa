//! An office at work whose hub is recorded: mail comes in by SMTP and from a
//! provider, a PC collects, and every message says of itself what it is.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::hub::{Hub, Office, eventually};
use crate::interpose::{Interposed, Rule};
use crate::mail::{greet, id_of, send_in};
use crate::provider::{Fault, Provider};
use crate::random::Random;
use crate::talk::Talk;

const SENDERS: usize = 3;
/// Of each sender, until the hub is killed or all is sent.
const SESSIONS: usize = 5;
/// Messages that the provider has at each poll.
const FETCHED: usize = 10;
/// Of each sender where the log is to be filled: 24 MB in all.
const LARGE_MESSAGES: usize = 70;
/// Of a message that is just small enough for the database.
const LARGE_LINES: usize = 1_700;
/// In the database when a checkpoint has been made.
const COPIED_OCTETS: u64 = 8 << 20;
const LINE: &str = "a line of seventy octets, as people and programs like to write them..\r\n";

/// A message as it was sent.
pub struct Message {
    pub users: Vec<&'static str>,
    pub content: Vec<u8>,
}

/// All that was sent, by the name that each message has in its subject.
#[derive(Default)]
pub struct Sent {
    pub messages: BTreeMap<String, Message>,
    /// The names of those that were answered, by their ids.
    pub ids: BTreeMap<String, String>,
    /// What Anna's PC removed in each session, by its QUIT.
    pub removed: Vec<Vec<String>>,
    /// What lay at the provider in each of its sessions, in the order of LIST.
    pub listed: Vec<Vec<String>>,
}

/// The office with everything around it.
pub struct Working {
    pub office: Office,
    pub interposed: Interposed,
    pub provider: Provider,
    sent: Mutex<Sent>,
    named: AtomicUsize,
    chance: Mutex<Random>,
}

impl Working {
    pub fn new(seed: u64) -> Working {
        let office = Office::new();
        // So little that the sweep has work at every start.
        office.set("store", "keep_collected_max = \"1 MB\"");
        let provider = Provider::new();
        let text = office.read("postroom.toml");
        let account = format!(
            "\n[[provider]]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             user = \"office\"\npassword = \"secret\"\npoll = \"1 day\"\n\
             leave_on_server = \"0 days\"\nmode = \"envelope\"\n\
             envelope_header = \"X-Envelope-To\"\n",
            provider.port()
        );
        office.write("postroom.toml", &format!("{text}{account}"));
        Working {
            office,
            interposed: Interposed::new(),
            provider,
            sent: Mutex::default(),
            named: AtomicUsize::new(0),
            chance: Mutex::new(Random::seeded(seed)),
        }
    }

    /// A hub whose calls are recorded.
    pub fn serve(&self) -> Hub {
        let mut command = self.office.command(&["serve"]);
        self.interposed.preload_recording(&mut command);
        self.office.serve_by(command)
    }

    /// One message to both.
    pub fn send_one(&self, hub: &Hub) {
        let (name, content) = self.message(vec!["anna", "bob"], "");
        let mut smtp = hub.smtp();
        greet(&mut smtp);
        let id = send_in(
            &mut smtp,
            &["anna@example.com", "bob@example.com"],
            &content,
        );
        self.sent.lock().unwrap().ids.insert(id, name);
    }

    /// More mail than the log of the database takes without a checkpoint: three
    /// senders, each with messages that just fit into the database. Then a kill,
    /// once much of it has been copied.
    pub fn fill_the_log(&self) {
        let mut hub = self.serve();
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    let mut smtp = hub.smtp();
                    greet(&mut smtp);
                    for _ in 0..LARGE_MESSAGES {
                        let (name, content) = self.message_of(LARGE_LINES, vec!["bob"], "");
                        let id = send_in(&mut smtp, &["bob@example.com"], &content);
                        self.sent.lock().unwrap().ids.insert(id, name);
                    }
                });
            }
        });
        let database = self.office.path("data/postroom.db");
        eventually("the log is copied", || {
            fs::metadata(&database).unwrap().len() > COPIED_OCTETS
        });
        hub.kill();
    }

    /// Everything at once, and a kill: where a rule wants it, or at the end.
    pub fn work_and_be_killed(&self, rules: &[Rule]) {
        let mut hub = self.serve();
        self.interposed.order(rules);
        let (smtp, pop3) = (hub.address("smtp"), hub.address("pop3"));
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| (0..SESSIONS).for_each(|_| self.send_some(smtp)));
            }
            scope.spawn(|| (0..4).for_each(|_| self.collect(pop3)));
            self.put_at_provider();
            // It may fail where a rule makes it.
            self.office.run(&["fetch", "main"]);
        });
        hub.kill();
        self.interposed.lift();
    }

    /// A poll by the command, without a hub, recorded; whether it succeeded.
    pub fn fetch(&self) -> bool {
        let mut command = self.office.command(&["fetch", "main"]);
        self.interposed.preload_recording(&mut command);
        crate::hub::run(command, b"").code == Some(0)
    }

    /// The same with rules that are in force from its first RETR on.
    pub fn fetch_disturbed(&self, rules: &[Rule]) -> bool {
        self.provider.fault(Fault::Holds("RETR"));
        let succeeded = thread::scope(|scope| {
            let fetching = scope.spawn(|| self.fetch());
            self.provider.wait_for("RETR");
            self.interposed.order(rules);
            self.provider.mend();
            fetching.join().unwrap()
        });
        self.interposed.lift();
        succeeded
    }

    /// A start under these rules that must fail; what it said.
    pub fn serve_badly(&self, rules: &[Rule]) -> String {
        let mut command = self.office.command(&["serve"]);
        self.interposed.preload_recording(&mut command);
        self.interposed.order(rules);
        let said = crate::hub::run(command, b"").err;
        self.interposed.lift();
        said
    }

    /// What has been sent and seen, when all is over.
    pub fn into_sent(self) -> (Sent, Interposed) {
        let mut sent = self.sent.into_inner().unwrap();
        let names_at = |record: &crate::provider::Record| record.listed.clone();
        let records = &self.provider.mailbox().records;
        let logged_in = records.iter().filter(|record| record.has("PASS"));
        sent.listed = logged_in.map(names_at).collect();
        (sent, self.interposed)
    }

    pub fn put_at_provider(&self) {
        for _ in 0..FETCHED {
            let user = ["anna", "bob"][self.below(2)];
            let (name, content) = self.message(
                vec![user],
                &format!("X-Envelope-To: {user}@example.com\r\n"),
            );
            self.provider.mailbox().put_as(&name, content);
        }
    }

    /// A message of a size that chance gives it: most in the database, some in
    /// files of their own.
    fn message(&self, users: Vec<&'static str>, head: &str) -> (String, Vec<u8>) {
        let lines = match self.below(10) {
            0..5 => self.below(60),
            5..8 => self.below(1_400),
            _ => 2_000 + self.below(1_500),
        };
        self.message_of(lines, users, head)
    }

    fn message_of(&self, lines: usize, users: Vec<&'static str>, head: &str) -> (String, Vec<u8>) {
        let number = self.named.fetch_add(1, Ordering::SeqCst);
        let name = format!("message-{number}");
        let content = format!("{head}Subject: {name}\r\n\r\n{}", LINE.repeat(lines)).into_bytes();
        let message = Message {
            users,
            content: content.clone(),
        };
        self.sent
            .lock()
            .unwrap()
            .messages
            .insert(name.clone(), message);
        (name, content)
    }

    /// A few messages in one session, until the hub is gone.
    fn send_some(&self, smtp: std::net::SocketAddr) {
        let Ok(mut smtp) = Talk::try_connect(smtp) else {
            return;
        };
        smtp.send(b"HELO pc\r\n");
        if smtp.line().is_none() || smtp.line().is_none() {
            return;
        }
        for _ in 0..8 {
            let users = match self.below(3) {
                0 => vec!["anna"],
                1 => vec!["bob"],
                _ => vec!["anna", "bob"],
            };
            let recipients = users
                .iter()
                .map(|user| format!("RCPT TO:<{user}@example.com>\r\n"));
            let recipients: String = recipients.collect();
            let replies = users.len() + 2;
            let (name, content) = self.message(users, "");
            let head = format!(
                "MAIL FROM:<>\r\n{recipients}BDAT {} LAST\r\n",
                content.len()
            );
            smtp.send(head.as_bytes());
            smtp.send(&content);
            let said: Vec<String> = (0..replies).map_while(|_| smtp.line()).collect();
            match said.last() {
                Some(kept) if said.len() == replies => {
                    if kept.starts_with("250 ") {
                        self.sent.lock().unwrap().ids.insert(id_of(kept), name);
                    }
                }
                _ => return,
            }
        }
    }

    /// Anna's PC takes half of what waits; it may be cut off at any point.
    fn collect(&self, pop3: std::net::SocketAddr) {
        let Ok(mut pop3) = Talk::try_connect(pop3) else {
            return;
        };
        pop3.send(b"USER anna\r\nPASS secret-anna\r\nSTAT\r\n");
        let said: Vec<String> = (0..4).map_while(|_| pop3.line()).collect();
        let Some(stat) = said.get(3).filter(|stat| stat.starts_with("+OK ")) else {
            return;
        };
        let count: usize = stat.split(' ').nth(1).unwrap().parse().unwrap();
        let mut names = Vec::new();
        for number in 1..=count.div_ceil(2) {
            pop3.send(format!("RETR {number}\r\nDELE {number}\r\n").as_bytes());
            if !pop3.line().is_some_and(|line| line.starts_with("+OK")) {
                return;
            }
            let Some(content) = pop3.try_multi_line() else {
                return;
            };
            names.extend(name_of(&content));
            if !pop3.line().is_some_and(|line| line.starts_with("+OK")) {
                return;
            }
        }
        // Noted before it is said: the hub may do it and never answer.
        self.sent.lock().unwrap().removed.push(names);
        pop3.send(b"QUIT\r\n");
        // Whether it was done, the record says.
        pop3.line();
    }

    fn below(&self, end: usize) -> usize {
        self.chance.lock().unwrap().index(end)
    }
}

/// What a message is called, if it is one of ours.
pub fn name_of(content: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&content[..content.len().min(2_000)]).into_owned();
    let subject = head
        .lines()
        .find_map(|line| line.strip_prefix("Subject: message-"))?;
    Some(format!("message-{subject}"))
}
