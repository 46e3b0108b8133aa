//! The questions, on a terminal that script(1) makes.
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

use tempfile::TempDir;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{files, loopback_ports};
use crate::hub::{Office, eventually};
use crate::provider::{Fault, Provider};

const LIMIT: Duration = Duration::from_secs(30);

/// A command on a terminal, and what it drew.
struct Terminal {
    process: Child,
    keys: ChildStdin,
    /// Holds the name of the terminal.
    folder: TempDir,
    drawn: Receiver<Vec<u8>>,
    /// All of it.
    screen: String,
    /// Up to here it was looked at.
    seen: usize,
}

impl Terminal {
    fn of(office: &Office, arguments: &[&str]) -> Terminal {
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
    fn sees(&mut self, text: &str) -> &mut Terminal {
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

    fn types(&mut self, keys: &str) -> &mut Terminal {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    /// A question, and the answer with Enter.
    fn answers(&mut self, question: &str, answer: &str) -> &mut Terminal {
        self.sees(question).types(&format!("{answer}\n"))
    }

    /// A question whose answer is not shown.
    fn answers_unseen(&mut self, question: &str, answer: &str) -> &mut Terminal {
        self.sees(question);
        let name = fs::read_to_string(self.folder.path().join("tty")).unwrap();
        eventually("nothing is shown", || {
            let mut stty = Command::new("stty");
            let set = stty.args(["-a", "-F", name.trim()]).output().unwrap();
            String::from_utf8_lossy(&set.stdout).contains(" -echo ")
        });
        self.types(&format!("{answer}\n"))
    }

    /// It has ended, the cursor is there again, and no file.
    fn is_interrupted(&mut self, office: &Office) {
        self.sees("\x1b[?25h")
            .sees("interrupted; nothing is written");
        assert_eq!(self.ends(), Some(130), "{:?}", self.screen);
        assert_eq!(files(office), Vec::<String>::new());
    }

    /// What the command ended with.
    fn ends(&mut self) -> Option<i32> {
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

#[test]
fn wrong_answers_are_asked_again_with_the_reason() {
    let _ports = loopback_ports();
    let office = Office::empty();
    let mut person = Terminal::of(&office, &["setup", "--loopback"]);
    person.sees("Nothing is written before");
    person.answers("Domain of the office", "our example");
    person.sees("is no domain name such as example.com");
    person.answers("Domain of the office", "our.example");
    person.answers("Name of this machine for the PCs [post.our.example]", "");
    // The second of three.
    person.sees("How does the mail come?").types("\x1b[B\r");
    person.answers("Networks, or everybody [everybody]", "192.0.2.0/99");
    person.sees("“192.0.2.0/99” is no network");
    person.answers("Networks, or everybody [everybody]", "192.0.2.0/24");
    person.answers("Names (such as anna bob)", "anna an/na");
    person.answers("Names (such as anna bob)", "anna bob");
    person.answers("Further addresses of anna", "bob");
    person.answers("Further addresses of anna", "info, anna.smith");
    person.answers("Further addresses of bob", "");
    person.sees("Make up good ones?").types("n");
    person.answers_unseen("Password of anna", "secret-anna");
    person.answers_unseen("The same again", "secret-ana");
    person.sees("The two are not the same.");
    person.answers_unseen("Password of anna", "secret-anna");
    person.answers_unseen("The same again", "secret-anna");
    person.answers_unseen("Password of bob", "secret-bob");
    person.answers_unseen("The same again", "secret-bob");
    person.answers("Who gets it? [anna]", "bob");
    person.answers("reject, unclaimed or a name", "zoe");
    person.sees("nobody named “zoe”");
    person.answers("reject, unclaimed or a name", "unclaimed");
    person.answers("outgoing server, or Enter", "smtp.provider.example");
    person.sees("Port and protection").types("\r");
    person.answers("User name there [{address}]", "");
    person.sees("Outside the office, too?").types("n");
    person.answers("Name and telephone", "Bob, extension 12");
    person
        .sees("people      anna, bob")
        .sees("Write it?")
        .types("y");
    person.sees("0 errors, 0 warnings");
    assert_eq!(person.ends(), Some(0), "{:?}", person.screen);
    // Neither while it was typed; only where the passwords are shown.
    assert_eq!(
        person.screen.matches("secret-bob").count(),
        1,
        "{}",
        person.screen
    );
    let settings = office.read("postroom.toml");
    for line in [
        "\nunknown_user = \"unclaimed\"\n",
        "\naccept_from = [\"192.0.2.0/24\"]\n",
        "\nask = \"Bob, extension 12\"\n",
        "\noutgoing_port = 465\n",
    ] {
        assert!(settings.contains(line), "{line} in {settings}");
    }
    let directory = office.read("directory.toml");
    assert!(
        directory.contains("addresses = [\"info\", \"anna.smith\"]"),
        "{directory}"
    );
    assert!(directory.contains("postmaster = [\"bob\"]"), "{directory}");
}

/// Answers up to the mailbox.
fn up_to_the_mailbox(person: &mut Terminal) {
    person.answers("Domain of the office", "our.example");
    person.answers("Name of this machine for the PCs", "");
    person.sees("How does the mail come?").types("\r");
    person.answers("Names (such as anna bob)", "anna");
    person.answers("Further addresses of anna", "");
    person.sees("Make up good ones?").types("y");
    person.answers("reject, unclaimed or a name", "");
    person.answers("outgoing server, or Enter", "");
    person.sees("Outside the office, too?").types("n");
    person.answers("Name and telephone", "");
}

#[test]
fn a_wrong_password_at_the_provider_is_told_and_asked_again() {
    let _ports = loopback_ports();
    let provider = Provider::new();
    provider.fault(Fault::Answers("PASS", "-ERR [AUTH] not that one"));
    let office = Office::empty();
    let port = format!("--provider-port={}", provider.port());
    let flags = ["setup", "--loopback", "--provider-tls=none", &port];
    let mut person = Terminal::of(&office, &flags);
    up_to_the_mailbox(&mut person);
    person.answers("POP3 server", "127.0.0.1");
    person.answers("User name there", "office");
    person.answers_unseen("Password there (not shown)", "HUNTER2");
    person.sees("That did not work").sees("[AUTH] not");
    provider.mend();
    person.sees("What now?").types("\r");
    // What was good is there already.
    person.answers("POP3 server [127.0.0.1]", "");
    person.answers("User name there [office]", "");
    person.answers_unseen("Password there (not shown)", "secret");
    person.sees("logged in at 127.0.0.1");
    person.sees("Write it?").types("y");
    person.sees(" errors, ");
    assert_eq!(person.ends(), Some(0), "{:?}", person.screen);
    assert!(!person.screen.contains("HUNTER2"));
    assert_eq!(office.read("secrets/main"), "secret");
}

#[test]
fn ctrl_c_and_a_no_leave_nothing() {
    let office = Office::empty();
    let answered = [
        "setup",
        "--loopback",
        "--domain=our.example",
        "--hostname=post.our.example",
        "--mail=smtp",
        "--accept-from=everybody",
        "--user=anna",
        "--unknown=reject",
        "--outgoing-host=",
        "--ask=",
    ];
    let mut person = Terminal::of(&office, &answered);
    person.sees("Outside the office, too?").types("n");
    person.sees("Write it?").types("\x03");
    person.is_interrupted(&office);

    let mut person = Terminal::of(&office, &answered);
    person.sees("Outside the office, too?").types("n");
    person.sees("Write it?").types("n");
    assert_eq!(person.ends(), Some(1));
    assert!(
        person.screen.contains("nothing is written"),
        "{}",
        person.screen
    );
    assert_eq!(files(&office), Vec::<String>::new());

    // In the midst of a line, and of a password.
    let mut person = Terminal::of(&office, &["setup", "--loopback"]);
    person.sees("Domain of the office").types("our.ex\x03");
    person.is_interrupted(&office);
    let mut flags = answered.to_vec();
    flags.extend([
        "--mail=mailbox",
        "--provider-host=127.0.0.1",
        "--provider-user=office",
    ]);
    flags.retain(|flag| !["--mail=smtp", "--accept-from=everybody"].contains(flag));
    let mut person = Terminal::of(&office, &flags);
    person.sees("Outside the office, too?").types("n");
    person.sees("Password there").types("\x03");
    person.is_interrupted(&office);
}
