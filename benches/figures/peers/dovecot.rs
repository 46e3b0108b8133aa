//! Dovecot as an office would run it: a master of root's, Debian's defaults,
//! mail in the Maildirs of one user of the system.
//!
//! Only its ports, its folders and its log are elsewhere, and the passwords
//! stand in its configuration, where they cost least.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use crate::Outcome;
use crate::office::PASSWORD;
use crate::pop3::Door;
use crate::process::Process;
use crate::provider::{Master, free_port, give, wait_for};
use crate::tls::Client;

use super::rates::CLIENTS;

/// How log-ins are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As installed: two processes for each log-in, which end with it.
    Default,
    /// What its manual calls the high-performance mode.
    Tuned,
}

/// A running Dovecot; ends with its drop.
pub struct Server {
    master: Master,
    _run: tempfile::TempDir,
    /// Its POP3 without TLS.
    pub pop3: Door,
    pop3s: std::net::SocketAddr,
}

/// Why there can be no Dovecot here; none if there can be one.
pub fn what_is_missing() -> Option<&'static str> {
    if !geteuid().is_root() {
        return Some("Dovecot's master needs root");
    }
    let found = Command::new("dovecot").arg("--version").output().is_ok();
    let has_pop3 = Path::new("/usr/lib/dovecot/pop3").exists();
    match found && has_pop3 {
        true => None,
        false => Some("not installed (Debian package dovecot-pop3d)"),
    }
}

impl Server {
    /// Starts it on Maildirs that [`Maildir::make`] has made in `mail`, with the
    /// certificate of the office in `tls`.
    pub fn start(form: Form, mail: &Path, tls: &Path) -> Outcome<Server> {
        crate::interruption::check()?;
        let run = tempfile::Builder::new().prefix("dovecot-").tempdir()?;
        let (pop3, pop3s) = (free_port()?, free_port()?);
        let config = run.path().join("dovecot.conf");
        let words = settings(run.path(), [pop3, pop3s], mail, tls) + &form.settings();
        fs::write(&config, words)?;
        let mut command = Command::new("dovecot");
        command.arg("-F").arg("-c").arg(&config);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let at = |port: u16| (std::net::Ipv4Addr::LOCALHOST, port).into();
        let server = Server {
            master: Master(child),
            _run: run,
            pop3: Door::plain(at(pop3)),
            pop3s: at(pop3s),
        };
        wait_for(server.pop3.address)?;
        Ok(server)
    }

    /// Its first process.
    pub fn process(&self) -> Process {
        Process(self.master.0.id())
    }

    /// Its POP3 with TLS.
    pub fn pop3s(&self, client: &Client) -> Door {
        Door::tls(self.pop3s, client.clone())
    }
}

impl Form {
    /// As its manual has it: one process for each core serves all log-ins, and a
    /// mail process, kept ready, serves one user after the other.
    fn settings(self) -> String {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match self {
            Form::Default => String::new(),
            Form::Tuned => format!(
                "service pop3-login {{\n  service_count = 0\n  process_min_avail = {cores}\n}}\n\
                 service pop3 {{\n  service_count = 256\n  process_min_avail = {CLIENTS}\n}}\n"
            ),
        }
    }
}

fn settings(run: &Path, [pop3, pop3s]: [u16; 2], mail: &Path, tls: &Path) -> String {
    let (run, mail, tls) = (run.display(), mail.display(), tls.display());
    format!(
        "protocols = pop3\nlisten = 127.0.0.1\n\
         base_dir = {run}/run\nstate_dir = {run}/state\nlog_path = {run}/log\n\
         mail_location = maildir:~\nfirst_valid_uid = 1\nmail_privileged_group = mail\n\
         ssl = yes\nssl_cert = <{tls}/cert.pem\nssl_key = <{tls}/key.pem\n\
         disable_plaintext_auth = no\nauth_mechanisms = plain\n\
         passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
         userdb {{\n  driver = static\n\
         \x20 args = uid=nobody gid=nogroup home={mail}/%u allow_all_users=yes\n}}\n\
         service pop3-login {{\n  inet_listener pop3 {{\n    port = {pop3}\n  }}\n\
         \x20 inet_listener pop3s {{\n    port = {pop3s}\n    ssl = yes\n  }}\n}}\n"
    )
}

/// A user's mail, filled as Dovecot's own delivery would name it.
pub struct Maildir {
    current: PathBuf,
    messages: usize,
}

impl Maildir {
    /// An empty one, in place of what was there.
    pub fn make(mail: &Path, user: &str) -> Outcome<Maildir> {
        let folder = mail.join(user);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        give(&folder)?;
        for part in ["cur", "new", "tmp"] {
            fs::create_dir(folder.join(part))?;
            give(&folder.join(part))?;
        }
        Ok(Maildir {
            current: folder.join("cur"),
            messages: 0,
        })
    }

    /// One message more, its lines ended by LF.
    pub fn put(&mut self, content: &[u8]) -> Outcome<()> {
        let path = self.next(content);
        fs::write(&path, content)?;
        Ok(give(&path)?)
    }

    /// So many messages with the content of the file at `original`, by links to
    /// it: for mail that nobody reads, of which only the names count.
    pub fn link(&mut self, original: &Path, messages: usize) -> Outcome<()> {
        let content = fs::read(original)?;
        for _ in 0..messages {
            fs::hard_link(original, self.next(&content))?;
        }
        Ok(())
    }

    /// How many messages are left.
    pub fn left(&self) -> Outcome<usize> {
        Ok(fs::read_dir(&self.current)?.count())
    }

    /// With the size in octets, and that with CRLF, in its name: Dovecot need not
    /// read a message to know them.
    fn next(&mut self, content: &[u8]) -> PathBuf {
        let (size, number) = (content.len(), self.messages);
        let with_crlf = size + memchr::memchr_iter(b'\n', content).count();
        let time = 1_700_000_000 + number;
        self.messages += 1;
        let name = format!("{time}.M{number}P1.office,S={size},W={with_crlf}:2,");
        self.current.join(name)
    }
}
