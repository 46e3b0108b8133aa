//! A hub of a test's own: its folder, its settings, its process.
//!
//! An [`Office`] is what `postroom init` and `user add` make in a temporary
//! folder; commands run on it with and without a hub. A [`Hub`] is the real
//! binary serving it on ports that the system chose; it ends with its drop.
//! Every wait is bounded, so that a hub that hangs fails its test.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::talk::Talk;

/// Any command, and the start of a hub.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// How long a log line or another effect may take to come.
pub const EFFECT_LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The folder of a hub.
pub struct Office {
    folder: TempDir,
    /// What its commands are run from by [`user::HUBS_USER`]; none: they are run
    /// as whoever runs the tests.
    program: Option<user::Program>,
}

#[path = "user.rs"]
pub mod user;

/// How a command ended.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

/// A running hub.
pub struct Hub {
    process: Child,
    /// Everything that it wrote to stderr until now.
    log: Arc<Mutex<String>>,
    listeners: HashMap<String, SocketAddr>,
}

impl Office {
    /// Users anna and bob, with the passwords `secret-anna` and `secret-bob`.
    pub fn new() -> Office {
        let office = Office::without_users();
        office.add_user("anna");
        office.add_user("bob");
        office
    }

    /// As `init` leaves it, but on free ports and with leave to run as root.
    pub fn without_users() -> Office {
        let office = Office {
            folder: tempfile::tempdir().unwrap(),
            program: None,
        };
        let init = ["init", "--domain", "example.com", "--loopback"];
        let names = ["--hostname", "post.example.com", "--dir", "."];
        let arguments: Vec<&str> = init.into_iter().chain(names).collect();
        run(office.command(&arguments), b"").good();
        let settings = office.read("postroom.toml");
        let mut section = "";
        let on_free_ports = settings.lines().map(|line| {
            if line.starts_with('[') {
                section = line;
            }
            let name = line.trim_start_matches('#').split(" =").next();
            match name {
                // The metrics stay switched off.
                Some(name @ ("listen" | "listen_tls")) if section != "[metrics]" => {
                    format!("{name} = [\"127.0.0.1:0\"]\n")
                }
                _ => format!("{line}\n"),
            }
        });
        let allowed = "allow_root = true\n".to_string();
        let settings: String = [allowed].into_iter().chain(on_free_ports).collect();
        office.write("postroom.toml", &settings);
        office
    }

    /// A folder with nothing in it. Root's tests give it to the hub's user, who then
    /// runs all commands: a hub does not run as root.
    pub fn empty() -> Office {
        let folder = tempfile::tempdir().unwrap();
        let program = rustix::process::geteuid().is_root().then(|| {
            user::give(folder.path(), user::HUBS_USER);
            user::Program::for_all()
        });
        Office { folder, program }
    }

    /// What its commands run.
    pub fn program(&self) -> PathBuf {
        match &self.program {
            Some(program) => program.path(),
            None => PathBuf::from(env!("CARGO_BIN_EXE_postroom")),
        }
    }

    /// Has the first listener want this port, which another program has.
    pub fn take_port(&self) -> TcpListener {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap().to_string();
        let settings = self.read("postroom.toml");
        self.write(
            "postroom.toml",
            &settings.replacen("127.0.0.1:0", &address, 1),
        );
        other
    }

    /// Adds a user with the password `secret-NAME`.
    pub fn add_user(&self, name: &str) {
        let password = format!("secret-{name}\n");
        let add = self.command(&["user", "add", name, "--password-stdin"]);
        run(add, password.as_bytes()).good();
    }

    /// A file of the office.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Makes a folder, which is whose the office is.
    pub fn make_folder(&self, folder: &str) -> PathBuf {
        let path = self.path(folder);
        fs::create_dir(&path).unwrap();
        if self.program.is_some() {
            user::give(&path, user::HUBS_USER);
        }
        path
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Writes a file in place, as a simple editor does.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Puts a new file in the place of the old one, as a careful editor does.
    pub fn put(&self, file: &str, text: &str) {
        self.write("new", text);
        fs::rename(self.path("new"), self.path(file)).unwrap();
    }

    /// Replaces text that must be there once.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
        self.write(file, &text.replace(from, to));
    }

    /// Puts a setting into a section of postroom.toml; `""` is the top.
    pub fn set(&self, section: &str, setting: &str) {
        match section {
            "" => {
                let text = self.read("postroom.toml");
                self.write("postroom.toml", &format!("{setting}\n{text}"));
            }
            section => {
                let head = format!("\n[{section}]\n");
                self.edit("postroom.toml", &head, &format!("{head}{setting}\n"));
            }
        }
    }

    /// The network is nobody's LAN: loopback is the world.
    pub fn be_in_the_world(&self) {
        self.set("", "lan = [\"192.0.2.0/24\"]");
    }

    /// Offers no TLS.
    pub fn without_tls(&self) {
        let text = self.read("postroom.toml");
        let starts = ["listen_tls", "[tls]", "certificate", "key"];
        let plain = text
            .lines()
            .filter(|line| !starts.iter().any(|start| line.starts_with(start)));
        let plain: String = plain.map(|line| format!("{line}\n")).collect();
        self.write("postroom.toml", &plain);
        self.set("pop3", "listen_tls = []");
    }

    /// The program with these arguments, in the office's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.program {
            Some(program) => program.run_by(user::HUBS_USER),
            None => Command::new(env!("CARGO_BIN_EXE_postroom")),
        };
        command
            .current_dir(self.folder.path())
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET")
            .env("POSTROOM_CONFIG", "postroom.toml")
            .args(arguments);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        run(self.command(arguments), b"")
    }

    /// Runs a command that must do what it is told; what it printed.
    pub fn good(&self, arguments: &[&str]) -> String {
        self.run(arguments).good()
    }

    /// The same, octet by octet.
    pub fn octets(&self, arguments: &[&str]) -> Vec<u8> {
        let done = self.run(arguments);
        assert_eq!(done.code, Some(0), "{done:?}");
        done.out
    }

    /// `postroom status --json`.
    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.good(&["status", "--json"])).unwrap()
    }

    /// Starts the hub and waits until it is ready.
    pub fn serve(&self) -> Hub {
        self.serve_by(self.command(&["serve"]))
    }

    /// Serves an office that lies elsewhere, by its postroom.toml.
    pub fn serve_elsewhere(&self, settings: &Path) -> Hub {
        let command = |arguments: &[&str]| {
            let mut command = self.command(arguments);
            command.env("POSTROOM_CONFIG", settings);
            command
        };
        let hub = Hub::start(command(&["serve"]));
        let status = run(command(&["status", "--json"]), b"").good();
        hub.at(&serde_json::from_str(&status).unwrap())
    }

    /// The same with a command that becomes the hub.
    pub fn serve_by(&self, command: Command) -> Hub {
        let hub = Hub::start(command);
        let status = self.status();
        hub.at(&status)
    }
}

impl Hub {
    /// With the addresses that `status` tells.
    fn at(mut self, status: &serde_json::Value) -> Hub {
        let listeners = status["hub"]["listeners"].as_array().unwrap();
        self.listeners = listeners
            .iter()
            .map(|listener| {
                let text = |name: &str| listener[name].as_str().unwrap();
                (text("name").to_string(), text("address").parse().unwrap())
            })
            .collect();
        self
    }

    fn start(mut command: Command) -> Hub {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (ready_in, ready) = mpsc::channel();
        let (out, err) = (process.stdout.take().unwrap(), process.stderr.take());
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = ready_in.send(line);
            }
        });
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            let mut lines = BufReader::new(err.unwrap());
            let mut line = Vec::new();
            while lines
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                kept.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        let hub = Hub {
            process,
            log,
            listeners: HashMap::new(),
        };
        match ready.recv_timeout(COMMAND_LIMIT) {
            Ok(line) => assert_eq!(line, "ready"),
            Err(why) => panic!("the hub is not ready ({why}):\n{}", hub.log()),
        }
        hub
    }

    /// The address of `smtp`, `smtps`, `pop3` or `pop3s`.
    pub fn address(&self, listener: &str) -> SocketAddr {
        self.listeners[listener]
    }

    /// An SMTP session, before its greeting.
    pub fn smtp(&self) -> Talk {
        Talk::connect(self.address("smtp"))
    }

    /// A POP3 session, before its greeting.
    pub fn pop3(&self) -> Talk {
        Talk::connect(self.address("pop3"))
    }

    /// The log until now.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a log line that contains the text; that line.
    pub fn wait_for_log(&self, text: &str) -> String {
        let found = || {
            let log = self.log();
            log.lines()
                .find(|line| line.contains(text))
                .map(str::to_string)
        };
        let since = Instant::now();
        loop {
            if let Some(line) = found() {
                return line;
            }
            let log = self.log();
            assert!(since.elapsed() < EFFECT_LIMIT, "no {text:?} in:\n{log}");
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// SIGTERM, and the wait for the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_for_end(EFFECT_LIMIT)
    }

    /// SIGKILL: the end without a chance to do anything.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn wait_for_end(&mut self, limit: Duration) -> ExitStatus {
        let ended = wait_for(&mut self.process, limit);
        ended.unwrap_or_else(|| panic!("the hub does not end:\n{}", self.log()))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("-- the hub's log:\n{}", self.log());
        }
    }
}

impl Done {
    /// What a command printed that did what it was told.
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        String::from_utf8(self.out).unwrap()
    }

    /// What a command said that could not do it, in one line.
    pub fn bad(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        self.err.trim_end().to_string()
    }
}

/// Runs a command to its end, with this input.
pub fn run(mut command: Command, input: &[u8]) -> Done {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = pipes.stderr(Stdio::piped()).spawn().unwrap();
    feed(process.stdin.take().unwrap(), input);
    let out = read_aside(process.stdout.take().unwrap());
    let err = read_aside(process.stderr.take().unwrap());
    let Some(ended) = wait_for(&mut process, COMMAND_LIMIT) else {
        let _ = process.kill();
        panic!("{command:?} does not end");
    };
    Done {
        code: ended.code(),
        out: out.join().unwrap(),
        err: String::from_utf8_lossy(&err.join().unwrap()).into_owned(),
    }
}

/// A command may end without reading its input.
fn feed(mut pipe: ChildStdin, input: &[u8]) {
    let _ = pipe.write_all(input);
}

fn read_aside(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut octets = Vec::new();
        pipe.read_to_end(&mut octets).unwrap();
        octets
    })
}

fn wait_for(process: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let since = Instant::now();
    while since.elapsed() < limit {
        if let Some(ended) = process.try_wait().unwrap() {
            return Some(ended);
        }
        thread::sleep(Duration::from_millis(2));
    }
    None
}

/// Looks until it holds; `what` says what is missing.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < EFFECT_LIMIT, "never: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// Tests several cases beside each other, for they mostly wait.
pub fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            let test = &test;
            scope.spawn(move || test(case));
        }
    });
}

/// The CA that PCs of this office import.
pub fn ca(office: &Office) -> PathBuf {
    office.path("tls/ca.pem")
}
