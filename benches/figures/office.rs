//! An office of its own for the figures, and the hub that serves it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postroom::control::Status;
use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::process::Process;

/// The password of every user.
pub const PASSWORD: &str = "figures";
/// Users `NAME1`, `NAME2` and so on of each kind.
const USERS: [(&str, usize); 2] = [("user", 20), ("empty", 10)];
/// How long the hub may take to start and to end.
const PATIENCE: Duration = Duration::from_secs(10);

const SETTINGS: &str = "hostname = \"post.example.com\"\ndomains = [\"example.com\"]\n\
    data_dir = \"data\"\ndirectory = \"directory.toml\"\n\
    lan = [\"127.0.0.0/8\"]\nallow_root = true\n\n\
    [smtp]\nlisten = [\"127.0.0.1:0\"]\nlisten_tls = [\"127.0.0.1:0\"]\n\n\
    [pop3]\nlisten = [\"127.0.0.1:0\"]\nlisten_tls = [\"127.0.0.1:0\"]\n\n\
    [store]\nkeep_free = \"100 MB\"\n\n\
    [tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n";

/// The files of an office.
pub struct Office {
    folder: PathBuf,
}

/// A running hub; ends with its drop.
pub struct Hub {
    child: Child,
    config: PathBuf,
    /// From the start of the program to "ready".
    pub ready_after: Duration,
}

impl Office {
    /// Makes the files: the certificate of `postroom init`, thirty users, and
    /// ports that the system chooses.
    pub fn make(folder: &Path) -> Outcome<Office> {
        Office::make_for(folder, &USERS)
    }

    /// The same with other users: `NAME1`, `NAME2` and so on of each kind.
    pub fn make_for(folder: &Path, users: &[(&str, usize)]) -> Outcome<Office> {
        let office = Office {
            folder: folder.to_path_buf(),
        };
        let init = program()
            .arg("init")
            .arg("--dir")
            .arg(folder)
            .args(["--domain", "example.com", "--hostname", "post.example.com"])
            .output()?;
        if !init.status.success() {
            return Err(format!("init: {}", String::from_utf8_lossy(&init.stderr)).into());
        }
        fs::write(office.config(), SETTINGS)?;
        let hash = postroom::auth::hash_password(PASSWORD)?;
        let users: String = users
            .iter()
            .flat_map(|&(kind, count)| (1..=count).map(move |number| format!("{kind}{number}")))
            .map(|name| format!("[users.{name}]\npassword = \"{}\"\n\n", hash.as_str()))
            .collect();
        fs::write(folder.join("directory.toml"), users)?;
        Ok(office)
    }

    /// Where the hub keeps the mail.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Where its certificate is.
    pub fn tls(&self) -> PathBuf {
        self.folder.join("tls")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("postroom.toml")
    }

    /// Throws away all mail; no hub may run.
    pub fn empty(&self) -> Outcome<()> {
        fs::remove_dir_all(self.data_dir())?;
        let mut folder = fs::DirBuilder::new();
        Ok(folder.mode(0o700).create(self.data_dir())?)
    }

    /// The settings, and these blocks beside them.
    pub fn set_beside(&self, blocks: &str) -> Outcome<()> {
        Ok(fs::write(self.config(), format!("{SETTINGS}\n{blocks}"))?)
    }

    /// Runs a command to its end, which must be a good one.
    pub fn run(&self, arguments: &[&str]) -> Outcome<()> {
        let output = program()
            .arg("--config")
            .arg(self.config())
            .args(arguments)
            .output()?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let [out, err] = [output.stdout, output.stderr];
                let said = [String::from_utf8_lossy(&out), String::from_utf8_lossy(&err)];
                Err(format!("postroom {arguments:?}: {}", said.concat()).into())
            }
        }
    }

    /// Starts the hub and waits until it is ready. Its log goes to a file.
    pub fn start(&self) -> Outcome<Hub> {
        self.start_by(program())
    }

    /// The same with a library that the system puts between the hub and itself.
    pub fn start_over(&self, library: &Path) -> Outcome<Hub> {
        let mut command = program();
        command.env("LD_PRELOAD", library);
        self.start_by(command)
    }

    fn start_by(&self, mut command: Command) -> Outcome<Hub> {
        crate::interruption::check()?;
        // Not beside the configuration: the hub watches that folder, and would look
        // up at each line that it writes itself.
        let logs = self.folder.join("logs");
        fs::create_dir_all(&logs)?;
        let log = logs.join("log");
        let began = Instant::now();
        let mut child = command
            .arg("--config")
            .arg(self.config())
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let hub = Hub {
            child,
            config: self.config(),
            ready_after: began.elapsed(),
        };
        if line.trim_end() != "ready" {
            let log = fs::read_to_string(log).unwrap_or_default();
            return Err(format!("the hub does not start: {line}{log}").into());
        }
        Ok(hub)
    }
}

impl Hub {
    /// Its process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// What `postroom status --json` says.
    pub fn status(&self) -> Outcome<Status> {
        let output = program()
            .arg("--config")
            .arg(&self.config)
            .args(["status", "--json"])
            .output()?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Transactions committed since the start: a sync each.
    pub fn commits(&self) -> Outcome<f64> {
        let status = self.status()?;
        Ok(status.hub.ok_or("status finds no hub")?.commits as f64)
    }

    /// Where it listens for `smtp`, `smtps`, `pop3` or `pop3s`.
    pub fn address(&self, listener: &str) -> Outcome<SocketAddr> {
        let hub = self.status()?.hub.ok_or("status finds no hub")?;
        let found = hub.listeners.iter().find(|found| found.name == listener);
        Ok(found.ok_or("no such listener")?.address.parse()?)
    }

    /// Waits until all sessions are over.
    pub fn wait_for_rest(&self) -> Outcome<()> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let sessions = self.status()?.hub.map_or(0, |hub| hub.sessions.len());
            if sessions == 0 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("sessions do not end".into())
    }

    /// Ends it as systemd would, and says so if it does not end well.
    pub fn stop(mut self) -> Outcome<()> {
        match self.end() {
            Some(status) if status.success() => Ok(()),
            other => Err(format!("the hub did not end well: {other:?}").into()),
        }
    }

    fn end(&mut self) -> Option<std::process::ExitStatus> {
        let pid = Pid::from_child(&self.child);
        let until = Instant::now() + PATIENCE;
        kill_process(pid, Signal::TERM).ok()?;
        while Instant::now() < until {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.end().is_none() {
            // Nothing else is left to do, and nobody to tell.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The program that `cargo bench` has just built.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_postroom"))
}
