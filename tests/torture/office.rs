//! The office that is tortured: users, aliases, accounts at providers, and the
//! hub that is killed under them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};

use crate::account::{self, Circumstances};
use crate::found::{self, Depth, Found};
use crate::hub::Office;
use crate::interpose::Interposed;
use crate::ledger::{Ledger, TRAY, Way};
use crate::letters::{self, Token};
use crate::provider::{Fault, Provider};

/// Who has a PC here.
pub const USERS: [&str; 4] = ["anna", "bob", "carol", "dora"];

/// What people write to, and in whose mailboxes it arrives.
pub const ADDRESSES: [(&str, &[&str]); 9] = [
    ("anna", &["anna"]),
    ("Bob+invoices", &["bob"]),
    ("carol", &["carol"]),
    ("dora", &["dora"]),
    ("sales", &["anna", "bob"]),
    ("everybody", &["anna", "bob", "carol", "dora"]),
    ("postmaster", &["anna"]),
    ("nobody", &[TRAY]),
    ("no.one.either", &[TRAY]),
];

/// More than this many octets, and the provider "moves" keeps the letter.
pub const FETCHED_OCTETS_MAX: usize = 250_000;

/// The start of a hub, and its end when it is told to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of the accounts: all is moved, all stays for a week, no UIDL.
const ACCOUNTS: [(&str, &str, &[Fault]); 3] = [
    (
        "moves",
        "leave_on_server = \"0 days\"\nmax_message_size = \"250 kB\"",
        &[],
    ),
    ("stays", "leave_on_server = \"7 days\"", &[]),
    (
        "nameless",
        "leave_on_server = \"0 days\"",
        &[Fault::Lacks("UIDL")],
    ),
];

pub struct Tortured {
    pub office: Office,
    pub interposed: Interposed,
    pub providers: Vec<Provider>,
    ledger: Mutex<Ledger>,
    sweeps: bool,
}

/// A hub that is ready.
pub struct Running {
    process: Child,
    log: Log,
    pub smtp: SocketAddr,
    pub pop3: SocketAddr,
}

type Log = Arc<Mutex<String>>;

/// How a start ended.
pub enum Started {
    Ready(Running),
    Killed,
}

impl Tortured {
    /// `sweeps`: what was collected goes at the next start.
    pub fn new(first_token: Token, sweeps: bool) -> Tortured {
        let office = Office::without_users();
        office.without_tls();
        let settings = office.read("postroom.toml");
        let own = format!("{}:0", own_address());
        office.write("postroom.toml", &settings.replace("127.0.0.1:0", &own));
        USERS.iter().for_each(|user| office.add_user(user));
        office.good(&["alias", "set", "sales", "anna", "bob"]);
        office.good(&["alias", "set", "everybody", "sales", "carol", "dora"]);
        office.set("routing", "unknown_user = \"unclaimed\"");
        if sweeps {
            office.set("store", "keep_collected_max = \"1 kB\"");
        }
        let providers = ACCOUNTS.map(|(name, settings, faults)| {
            let provider = Provider::new();
            faults
                .iter()
                .for_each(|fault| provider.fault(fault.clone()));
            let account = account(name, provider.port(), settings);
            let text = office.read("postroom.toml");
            office.write("postroom.toml", &format!("{text}\n{account}"));
            provider
        });
        Tortured {
            office,
            interposed: Interposed::new(),
            providers: providers.into(),
            ledger: Mutex::new(Ledger::beginning_at(first_token)),
            sweeps,
        }
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    pub fn data(&self) -> PathBuf {
        self.office.path("data")
    }

    /// Starts the hub, and waits until it is ready or was killed.
    ///
    /// # Errors
    /// It does neither: what it said.
    pub fn start(&self) -> Result<Started, String> {
        let mut command = self.office.command(&["serve"]);
        self.interposed.preload(&mut command);
        start(command)
    }

    /// The account of a hub that runs and has nothing to do.
    pub fn settle(&self, depth: Depth, all_fetched: bool) {
        let mut ledger = self.ledger();
        let found = self.look(&mut ledger, depth);
        let around = Circumstances {
            at_provider: self.at_provider(),
            sweeps: self.sweeps,
            all_fetched,
        };
        account::settle(&mut ledger, &found, &around);
        drop(ledger);
        self.settle_files();
    }

    /// Where the hub sweeps, a file may go while its row is read: then once more.
    fn look(&self, ledger: &mut Ledger, depth: Depth) -> Found {
        let since = Instant::now();
        loop {
            let found = found::read(&self.data(), ledger, depth);
            if found.wrong.is_empty() || !self.sweeps || since.elapsed() > PATIENCE {
                return found;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn settle_files(&self) {
        let since = Instant::now();
        loop {
            let wrong = found::wrong_files(&self.data());
            // Where the hub sweeps, its files go a moment after their rows.
            if wrong.is_empty() || !self.sweeps || since.elapsed() > PATIENCE {
                return self.ledger().violations.extend(wrong);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Letters that wait to be fetched, or stay where they are.
    fn at_provider(&self) -> BTreeSet<Token> {
        let mailboxes = self.providers.iter().map(Provider::mailbox);
        let tokens = mailboxes.flat_map(|mailbox| {
            let messages = mailbox.messages.iter();
            messages
                .filter_map(|message| letters::token_of(&message.octets))
                .collect::<Vec<_>>()
        });
        tokens.collect()
    }

    /// A letter comes to one of the providers.
    pub fn provide(&self, account: usize, address: &str, mailboxes: &[&str], size: usize) {
        let head = format!(
            "X-Envelope-To: {address}@example.com\r\n\
             Received: from mx.elsewhere.example (mx.elsewhere.example [203.0.113.7])\r\n\
             \tby mx.provider.example with ESMTP id 1; Sun, 22 Nov 2026 10:00:01 +0000\r\n"
        );
        let too_large = account == 0 && size > FETCHED_OCTETS_MAX;
        let mailboxes = mailboxes.iter().map(|it| it.to_string()).collect();
        let provider = &self.providers[account];
        let mut ledger = self.ledger();
        let (_, octets) = ledger.letter(size, &head, mailboxes, Way::Provided { too_large });
        provider.put(octets);
    }
}

/// An address of the loopback that nobody else listens on: the ports of a hub that
/// is dead are free for anybody, and its clients may still come.
fn own_address() -> Ipv4Addr {
    static OFFICES: AtomicU32 = AtomicU32::new(0);
    let office = OFFICES.fetch_add(1, Ordering::Relaxed);
    let part = |number: u32| 1 + (number % 250) as u8;
    let process = std::process::id();
    Ipv4Addr::new(127, part(process), part(process / 250), part(office))
}

fn account(name: &str, port: u16, settings: &str) -> String {
    // Polls come when they are asked for, in no other hour.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let day = days[(now.as_secs() / 86_400 + 3) as usize % 7];
    format!(
        "[[provider]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n\
         user = \"{name}\"\npassword = \"secret\"\noffice_hours = \"{day} 00:00-24:00\"\n\
         mode = \"envelope\"\nenvelope_header = \"X-Envelope-To\"\n\
         trusted_hosts = [\"provider.example\"]\n{settings}\n"
    )
}

/// Starts a hub by this command.
pub fn start(mut command: Command) -> Result<Started, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let (out, err) = (process.stdout.take().unwrap(), process.stderr.take());
    let log = Log::default();
    let kept = Arc::clone(&log);
    let logging = thread::spawn(move || {
        for line in BufReader::new(err.unwrap()).lines().map_while(Result::ok) {
            let mut log = kept.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
    let (said, hears) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let _ = said.send(line);
        }
    });
    let first = hears.recv_timeout(PATIENCE);
    let mut running = Running {
        process,
        log,
        smtp: SocketAddr::from(([0; 4], 0)),
        pop3: SocketAddr::from(([0; 4], 0)),
    };
    match first {
        Ok(_) => {
            running.smtp = running.address("smtp");
            running.pop3 = running.address("pop3");
            Ok(Started::Ready(running))
        }
        Err(RecvTimeoutError::Timeout) => {
            Err(format!("neither ready nor dead:\n{}", running.log()))
        }
        Err(RecvTimeoutError::Disconnected) => {
            let ended = running.process.wait().unwrap();
            let _ = logging.join();
            match ended.signal() {
                Some(9) => Ok(Started::Killed),
                _ => Err(format!("it does not start ({ended}):\n{}", running.log())),
            }
        }
    }
}

impl Running {
    /// What it listens on, as it logs before it is ready.
    fn address(&self, name: &str) -> SocketAddr {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let log = self.log();
            let ending = format!(" for {name}");
            let line = log.lines().find(|line| line.ends_with(&ending));
            let words = line.and_then(|line| line.split_once("listening on "));
            if let Some(address) = words.and_then(|(_, rest)| rest.split(' ').next()) {
                return address.parse().unwrap();
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("{name} is nowhere in {}", self.log());
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits for its end, so long at most.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let since = Instant::now();
        loop {
            let ended = self.process.try_wait().unwrap();
            if ended.is_some() || since.elapsed() > limit {
                return ended;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
