//! A provider's mailbox, fetched and split, over a way with a round trip:
//! beside the bare wire, and beside fetchmail.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::office::Office;
use crate::pop3::Collector;
use crate::provider::{Dovecot, PASSWORD, delaying, give, unprivileged};
use crate::table::{Table, ratio};
use crate::{Outcome, Plan};

/// Messages of an account.
pub const MESSAGES: usize = 1_000;
const MESSAGE_OCTETS: usize = 10_000;
/// Whom they are for.
pub const USERS: usize = 20;
/// Why nothing can be fetched.
pub const NO_DOVECOT: &str = "not installed (Debian package dovecot-pop3d)";
/// Round trips in milliseconds, and of how many messages fetchmail's time is
/// taken: it needs about four of them for each.
const WAYS: [(u64, usize); 3] = [(0, 200), (20, 40), (50, 20)];

/// Of so few messages as well, for what a poll costs by itself.
const FEWEST: usize = 5;

/// Seconds for all messages.
#[derive(Default)]
pub struct Works {
    /// All RETR and DELE sent ahead, and what comes thrown away.
    pub wire: Vec<f64>,
    /// `postroom fetch`.
    pub hub: Vec<f64>,
    /// Empty where it is not installed.
    pub fetchmail: Vec<f64>,
}

/// The provider, and the office that fetches.
pub struct Scene {
    /// The provider.
    pub dovecot: Dovecot,
    /// What comes into each of its accounts.
    pub messages: Vec<Vec<u8>>,
    office: Office,
    folder: PathBuf,
}

/// In an office of its own, below `folder`.
pub fn measure(folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    let title = format!("{MESSAGES} messages of 10 KB for {USERS} users from Dovecot, no TLS");
    table.part(&title);
    let Some(mut scene) = Scene::make(folder)? else {
        table.remark("fetching", &format!("NOT MEASURED: {NO_DOVECOT}"));
        return Ok(());
    };
    for (round_trip_ms, few) in WAYS {
        let way = scene.way(round_trip_ms)?;
        let mut works = Works::default();
        for _ in 0..plan.fetch_works {
            scene.work(way, few, &mut works)?;
        }
        works.report(round_trip_ms, few, table);
    }
    Ok(())
}

impl Scene {
    /// None where Dovecot is not installed.
    pub fn make(folder: &Path) -> Outcome<Option<Scene>> {
        let Some(dovecot) = Dovecot::start()? else {
            return Ok(None);
        };
        Ok(Some(Scene {
            dovecot,
            messages: (0..MESSAGES).map(message).collect(),
            office: Office::make(folder)?,
            folder: folder.to_path_buf(),
        }))
    }

    /// A way to the provider with this round trip.
    pub fn way(&self, round_trip_ms: u64) -> Outcome<SocketAddr> {
        delaying(self.dovecot.address, Duration::from_millis(round_trip_ms))
    }

    /// One work of each; fetchmail's time is reckoned from that for `few`.
    pub fn work(&mut self, way: SocketAddr, few: usize, works: &mut Works) -> Outcome<()> {
        let account = self.filled(MESSAGES)?;
        works.wire.push(wire(way, &account)?);
        self.expect_empty(&account)?;
        let account = self.filled(MESSAGES)?;
        works.hub.push(hub(&self.office, way, &account)?);
        self.expect_empty(&account)?;
        if let (Some(fewest), Some(some)) =
            (self.fetchmail(way, FEWEST)?, self.fetchmail(way, few)?)
        {
            // What a poll costs without mail counts once.
            let each = (some - fewest) / (few - FEWEST) as f64;
            works
                .fetchmail
                .push(fewest + each * (MESSAGES - FEWEST) as f64);
        }
        Ok(())
    }

    /// Seconds of fetchmail for so many messages.
    fn fetchmail(&mut self, way: SocketAddr, messages: usize) -> Outcome<Option<f64>> {
        let account = self.filled(messages)?;
        let seconds = fetchmail(&self.office, &self.folder, way, &account)?;
        if seconds.is_some() {
            self.expect_empty(&account)?;
        }
        Ok(seconds)
    }

    /// A new account that Dovecot has looked through, as one that is polled often.
    pub fn filled(&mut self, messages: usize) -> Outcome<String> {
        let messages = self.messages.get(..messages).unwrap_or(&self.messages);
        let account = self.dovecot.account(messages)?;
        let mut session = Session::log_in(self.dovecot.address, &account)?;
        session.send("LIST\r\nUIDL\r\nQUIT\r\n")?;
        session.listing()?;
        session.listing()?;
        session.line()?;
        Ok(account)
    }

    /// All is fetched.
    pub fn expect_empty(&self, account: &str) -> Outcome<()> {
        match self.dovecot.left(account)? {
            0 => Ok(()),
            left => Err(format!("{left} messages are left at the provider").into()),
        }
    }
}

impl Works {
    fn report(&self, round_trip_ms: u64, few: usize, table: &mut Table) {
        let name =
            format!("{round_trip_ms} ms of round trip: the wire, all RETR and DELE sent ahead");
        table.figure(&name, "s", &self.wire, "");
        let beside = ratio(&self.hub, &self.wire, "the wire");
        let name = "    postroom fetch: stored, split, removed there";
        table.figure(name, "s", &self.hub, &beside);
        let name = format!("    fetchmail to the hub by SMTP, reckoned from {few} messages");
        match self.fetchmail.is_empty() {
            true => table.remark(
                &name,
                "NOT MEASURED: not installed (Debian package fetchmail)",
            ),
            false => {
                let beside = ratio(&self.fetchmail, &self.hub, "postroom");
                table.figure(&name, "s", &self.fetchmail, &beside);
            }
        }
    }
}

fn message(number: usize) -> Vec<u8> {
    let head = format!(
        "Return-Path: <friend@elsewhere.example>\nX-Envelope-To: user{}@example.com\n\
         Received: from mail.elsewhere.example (mail.elsewhere.example [192.0.2.1])\n\
         \tby localhost with ESMTP id {number}; Mon, 2 Nov 2026 10:00:00 +0100\n\
         From: friend@elsewhere.example\nTo: us@example.com\nSubject: Message {number}\n\
         Date: Mon, 2 Nov 2026 10:00:00 +0100\nMessage-ID: <{number}@elsewhere.example>\n\n",
        number % USERS + 1
    );
    let mut message = head.into_bytes();
    while message.len() < MESSAGE_OCTETS {
        message.extend_from_slice(
            b"A line as people write them, of some seventy octets, again and again.\n",
        );
    }
    message
}

/// What the way allows: one client that waits for no answer where it need not,
/// and throws away what it gets.
fn wire(way: SocketAddr, account: &str) -> Outcome<f64> {
    let began = Instant::now();
    let mut session = Session::log_in(way, account)?;
    session.send("UIDL\r\n")?;
    let messages = session.listing()?;
    let mut commands = session.stream.get_ref().try_clone()?;
    let retrieve: String = (1..=messages)
        .map(|number| format!("RETR {number}\r\n"))
        .collect();
    let sender = std::thread::spawn(move || commands.write_all(retrieve.as_bytes()));
    for _ in 0..messages {
        session.listing()?;
    }
    sender.join().map_err(|_| "the sender panicked")??;
    let remove: String = (1..=messages)
        .map(|number| format!("DELE {number}\r\n"))
        .collect();
    session.send(&format!("{remove}QUIT\r\n"))?;
    for _ in 0..=messages {
        session.line()?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// The command by itself, from its start to its end.
fn hub(office: &Office, way: SocketAddr, account: &str) -> Outcome<f64> {
    office.empty()?;
    office.set_beside(&format!(
        "[[provider]]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         user = \"{account}\"\npassword = \"{PASSWORD}\"\nleave_on_server = \"0 days\"\n\
         mode = \"envelope\"\nenvelope_header = \"X-Envelope-To\"\n",
        way.port()
    ))?;
    let began = Instant::now();
    office.run(&["fetch"])?;
    let seconds = began.elapsed().as_secs_f64();
    office.set_beside("")?;
    expect_split(office, MESSAGES / USERS)?;
    Ok(seconds)
}

fn expect_split(office: &Office, each: usize) -> Outcome<()> {
    let hub = office.start()?;
    let address = hub.address("pop3")?;
    for number in 1..=USERS {
        let mut collector = Collector::log_in(address, &format!("user{number}"))?;
        let came = collector.count()?;
        if came != each {
            return Err(format!("user{number} has {came} messages, not {each}").into());
        }
        collector.quit()?;
    }
    hub.stop()
}

/// fetchmail, which hands on to the hub by SMTP; none where it is not installed.
fn fetchmail(
    office: &Office,
    folder: &Path,
    way: SocketAddr,
    account: &str,
) -> Outcome<Option<f64>> {
    let hub = office.start()?;
    let home = tempfile::Builder::new().prefix("fetchmail-").tempdir()?;
    give(home.path())?;
    let settings = home.path().join("fetchmailrc");
    write_for_client(
        &settings,
        &format!(
            "set no bouncemail\npoll 127.0.0.1 protocol pop3 service {} no dns\n\
             envelope \"X-Envelope-To\" localdomains example.com\n\
             user \"{account}\" password \"{PASSWORD}\" is * here fetchall no keep no rewrite\n\
             sslproto '' smtphost \"127.0.0.1/{}\" smtpaddress example.com\n",
            way.port(),
            hub.address("smtp")?.port()
        ),
    )?;
    let mut command = unprivileged("fetchmail");
    command
        .env("HOME", home.path())
        .env("FETCHMAILHOME", home.path())
        .arg("--fetchmailrc")
        .arg(&settings);
    let seconds = time_client(command, &folder.join("fetchmail.log"));
    hub.stop()?;
    seconds
}

/// Settings with a password in them, which a client takes only if they are its own.
pub fn write_for_client(settings: &Path, words: &str) -> Outcome<()> {
    fs::write(settings, words)?;
    fs::set_permissions(settings, fs::Permissions::from_mode(0o600))?;
    Ok(give(settings)?)
}

/// Seconds that a client of the provider takes to its end; none where it is not
/// installed.
pub fn time_client(mut command: Command, log: &Path) -> Outcome<Option<f64>> {
    let output = fs::File::create(log)?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let began = Instant::now();
    let done = command.status();
    let seconds = began.elapsed().as_secs_f64();
    match done {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        // setpriv cannot run it.
        Ok(status) if status.code() == Some(127) => Ok(None),
        Ok(status) if status.success() => Ok(Some(seconds)),
        Ok(status) => {
            let said = fs::read_to_string(log)?;
            Err(format!("{}: {status}: {said}", log.display()).into())
        }
        Err(why) => Err(why.into()),
    }
}

/// A client of the provider that knows the least that it needs.
struct Session {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Session {
    fn log_in(address: SocketAddr, account: &str) -> Outcome<Session> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut session = Session {
            stream: BufReader::with_capacity(1 << 16, stream),
            line: Vec::new(),
        };
        session.line()?;
        session.send(&format!("USER {account}\r\n"))?;
        session.line()?;
        session.send(&format!("PASS {PASSWORD}\r\n"))?;
        session.line()?;
        Ok(session)
    }

    fn send(&mut self, commands: &str) -> Outcome<()> {
        Ok(self.stream.get_mut().write_all(commands.as_bytes())?)
    }

    /// An answer of one line.
    fn line(&mut self) -> Outcome<()> {
        self.read()?;
        match self.line.starts_with(b"+OK") {
            true => Ok(()),
            false => Err(format!("Dovecot says {:?}", String::from_utf8_lossy(&self.line)).into()),
        }
    }

    /// An answer of many lines, and how many.
    fn listing(&mut self) -> Outcome<usize> {
        self.line()?;
        let mut lines = 0;
        loop {
            self.read()?;
            if self.line == b".\r\n" {
                return Ok(lines);
            }
            lines += 1;
        }
    }

    fn read(&mut self) -> Outcome<()> {
        self.line.clear();
        match self.stream.read_until(b'\n', &mut self.line)? {
            0 => Err("Dovecot has ended the connection".into()),
            _ => Ok(()),
        }
    }
}
