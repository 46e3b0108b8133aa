//! A command on a terminal that script(1) makes, and a person before it.
//!
//! A password is typed once the terminal shows none: what came before that is
//! thrown away, as on any log-in.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::hub::{Office, eventually};

const LIMIT: Duration = Duration::from_secs(30);

/// A command on a terminal, and what it drew.
pub struct Terminal {
    process: Child,
    keys: ChildStdin,
    /// Holds the name of the terminal.
    folder: TempDir,
    drawn: Receiver<Vec<u8>>,
    /// All of it.
    pub screen: String,
    /// Up to here it was looked at.
    seen: usize,
}

impl Terminal {
    pub fn of(office: &Office, arguments: &[&str]) -> Terminal {
        let program = office.command(&[]);
        let words = std::iter::once(program.get_program()).chain(program.get_args());
        let words = words.map(|word| word.to_str().unwrap());
        let line: Vec<&str> = words.chain(arguments.iter().copied()).collect();
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("tty");
        let line = format!(
            "stty cols 80; tty > {}; exec {}",
            name.display(),
            line.join(" ")
        );
        let mut command = Command::new("script");
        command
            .args([
                "--quiet",
                "--return",
                "--flush",
                "--command",
                &line,
                "/dev/null",
            ])
            .current_dir(office.path(""))
            .env("POSTROOM_CONFIG", "postroom.toml")
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut process = command.spawn().unwrap();
        let keys = process.stdin.take().unwrap();
        let mut out = process.stdout.take().unwrap();
        let (sender, drawn) = mpsc::channel();
        thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut octets) {
                if sender.send(octets[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            process,
            keys,
            folder,
            drawn,
            screen: String::new(),
            seen: 0,
        }
    }

    /// Waits for the text behind what was seen before.
    pub fn sees(&mut self, text: &str) -> &mut Terminal {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.screen[self.seen..].find(text) {
                self.seen += at + text.len();
                return self;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.drawn.recv_timeout(left) {
                Ok(octets) => self.screen.push_str(&String::from_utf8_lossy(&octets)),
                Err(why) => panic!("no {text:?} ({why}) behind {:?}", &self.screen),
            }
        }
    }

    pub fn types(&mut self, keys: &str) -> &mut Terminal {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    /// A question, and the answer with Enter.
    pub fn answers(&mut self, question: &str, answer: &str) -> &mut Terminal {
        self.sees(question).types(&format!("{answer}\n"))
    }

    /// A question whose answer is not shown.
    pub fn answers_unseen(&mut self, question: &str, answer: &str) -> &mut Terminal {
        self.sees(question);
        let name = fs::read_to_string(self.folder.path().join("tty")).unwrap();
        eventually("nothing is shown", || {
            let mut stty = Command::new("stty");
            let set = stty.args(["-a", "-F", name.trim()]).output().unwrap();
            String::from_utf8_lossy(&set.stdout).contains(" -echo ")
        });
        self.types(&format!("{answer}\n"))
    }

    /// What the command ended with.
    pub fn ends(&mut self) -> Option<i32> {
        let until = Instant::now() + LIMIT;
        while Instant::now() < until {
            if let Some(ended) = self.process.try_wait().unwrap() {
                while let Ok(octets) = self.drawn.recv_timeout(Duration::from_millis(200)) {
                    self.screen.push_str(&String::from_utf8_lossy(&octets));
                }
                return ended.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end: {:?}", self.screen);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail where it has ended.
        let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        let _ = self.process.wait();
    }
}
