//! Postfix that hands its mail to Dovecot's LMTP, into Maildirs, as an
//! administrator of virtual users would set them up: Debian's defaults, no
//! filters, no TLS at SMTP.
//!
//! Both run on files of their own below one folder, in the foreground, and end
//! with the drop. Nothing of the machine's own /etc/postfix, /etc/dovecot and
//! spool is read or written.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::side::Side;
use crate::Outcome;
use crate::intake::has_smtp_source;
use crate::office::PASSWORD;
use crate::process::Process;
use crate::provider::{free_port, give};

/// How long they may take to start and to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long mail may stay in the queue when no more comes.
const QUEUE_PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at the queue.
const LOOK: Duration = Duration::from_millis(5);
/// What a message is in until it is in its mailbox, in the order in which it
/// moves: a look in this order does not miss one that moves meanwhile.
const QUEUES: [&str; 3] = ["incoming", "active", "deferred"];
const MASTER: &str = "/usr/lib/postfix/sbin/master";
/// Debian's services, most of them chrooted.
const SERVICES: &str = "/usr/share/postfix/master.cf.dist";
/// What Debian copies into the chroot.
const IN_CHROOT: [&str; 5] = [
    "hosts",
    "resolv.conf",
    "services",
    "nsswitch.conf",
    "host.conf",
];

/// Both, running.
pub struct Postfix {
    folder: PathBuf,
    smtp: SocketAddr,
    pop3: SocketAddr,
    /// Postfix's master, then Dovecot's: mail is no longer taken when it cannot
    /// be handed on.
    servers: Vec<Child>,
}

impl Postfix {
    /// What is missing on this machine, in words; none: it can be started, and
    /// mail be sent to it.
    pub fn missing() -> Option<&'static str> {
        let needed = [
            (MASTER, "postfix is not installed"),
            (SERVICES, "postfix has no master.cf.dist"),
            ("/usr/sbin/dovecot", "dovecot-core is not installed"),
            ("/usr/lib/dovecot/lmtp", "dovecot-lmtpd is not installed"),
            ("/usr/lib/dovecot/pop3", "dovecot-pop3d is not installed"),
        ];
        let mut missing = needed.iter().filter(|(path, _)| !Path::new(path).exists());
        match missing.next() {
            Some((_, why)) => Some(why),
            // Debian's package postfix brings it as well, others may have it apart.
            None if !has_smtp_source() => Some("smtp-source is not installed"),
            None if !is_known_dovecot() => Some("this Dovecot is no 2.3: its settings are others"),
            None => None,
        }
    }

    /// Starts both with an empty queue and no mail, in a folder that must not be
    /// there yet and that everybody may pass through.
    pub fn start(folder: &Path) -> Outcome<Postfix> {
        Postfix::start_over(folder, None)
    }

    /// The same with a library that the system puts between each of their
    /// processes and itself.
    pub fn start_over(folder: &Path, library: Option<&Path>) -> Outcome<Postfix> {
        crate::interruption::check()?;
        make_open(folder)?;
        let (smtp, pop3) = (free_port()?, free_port()?);
        let config = make_postfix(folder, smtp, library)?;
        let dovecot = make_dovecot(folder, pop3, library)?;
        let mut peer = Postfix {
            folder: folder.to_path_buf(),
            smtp: (Ipv4Addr::LOCALHOST, smtp).into(),
            pop3: (Ipv4Addr::LOCALHOST, pop3).into(),
            servers: Vec::new(),
        };
        // -s: in the foreground, in a session of its own.
        let mut postfix = Command::new(MASTER);
        postfix.arg("-s").arg("-c").arg(config);
        peer.run(postfix, library)?;
        let mut server = Command::new("/usr/sbin/dovecot");
        server.arg("-F").arg("-c").arg(dovecot);
        peer.run(server, library)?;
        peer.wait_until_ready()?;
        Ok(peer)
    }

    fn run(&mut self, mut server: Command, library: Option<&Path>) -> Outcome<()> {
        if let Some(library) = library {
            server.env("LD_PRELOAD", library);
        }
        let said = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("said"))?;
        server.stdin(Stdio::null()).stdout(said.try_clone()?);
        self.servers.push(server.stderr(said).spawn()?);
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Outcome<()> {
        let until = Instant::now() + PATIENCE;
        let handover = self.folder.join("queue/private/dovecot-lmtp");
        while !(greets(self.smtp, "220") && greets(self.pop3, "+OK") && handover.exists()) {
            let mut servers = self.servers.iter_mut();
            let is_over = servers.any(|server| !matches!(server.try_wait(), Ok(None)));
            if is_over || Instant::now() > until {
                return Err(format!("the peer does not start: {}", self.said()).into());
            }
            sleep(LOOK);
        }
        Ok(())
    }

    /// What both have said and logged that is no success.
    fn said(&self) -> String {
        let logs = ["said", "postfix.log", "dovecot.log"].map(|log| self.folder.join(log));
        let logs = logs.map(|log| fs::read_to_string(log).unwrap_or_default());
        let lines = logs.iter().flat_map(|log| log.lines());
        let is_trouble = |line: &&str| {
            let marks = ["fatal", "Fatal", "Error", "error:", "warning", "Warning"];
            marks.iter().any(|mark| line.contains(mark)) || line.contains("deferred")
        };
        let trouble: Vec<&str> = lines.filter(is_trouble).take(5).collect();
        trouble.join("\n")
    }

    fn queue(&self, name: &str) -> PathBuf {
        self.folder.join("queue").join(name)
    }
}

impl Side for Postfix {
    fn smtp(&self) -> Outcome<SocketAddr> {
        Ok(self.smtp)
    }

    fn pop3(&self) -> Outcome<SocketAddr> {
        Ok(self.pop3)
    }

    fn masters(&self) -> Vec<Process> {
        self.servers.iter().map(|it| Process(it.id())).collect()
    }

    fn wait_until_kept(&self) -> Outcome<()> {
        let until = Instant::now() + QUEUE_PATIENCE;
        for name in QUEUES {
            while count_files(&self.queue(name))? > 0 {
                crate::interruption::check()?;
                if Instant::now() > until {
                    return Err(format!("mail stays in {name}: {}", self.said()).into());
                }
                sleep(LOOK);
            }
        }
        Ok(())
    }

    fn kept(&self) -> Outcome<usize> {
        let mut messages = 0;
        for user in fs::read_dir(self.folder.join("mail"))? {
            let maildir = user?.path().join("Maildir");
            messages += count_files(&maildir.join("new"))? + count_files(&maildir.join("cur"))?;
        }
        Ok(messages)
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Each ends what it started; nothing else is left to do, and nobody to tell.
        for server in &mut self.servers {
            let _ = kill_process(Pid::from_child(server), Signal::TERM);
        }
        for server in &mut self.servers {
            let until = Instant::now() + PATIENCE;
            while matches!(server.try_wait(), Ok(None)) && Instant::now() < until {
                sleep(LOOK);
            }
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn is_known_dovecot() -> bool {
    let said = Command::new("/usr/sbin/dovecot").arg("--version").output();
    said.is_ok_and(|said| said.stdout.starts_with(b"2.3."))
}

/// Whether a server is there and says this.
fn greets(address: SocketAddr, greeting: &str) -> bool {
    let Ok(stream) = TcpStream::connect(address) else {
        return false;
    };
    let mut line = String::new();
    stream.set_read_timeout(Some(PATIENCE)).is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok()
        && line.starts_with(greeting)
}

/// Files in a folder and in the folders in it; none where there is no folder.
fn count_files(folder: &Path) -> io::Result<usize> {
    let mut files = 0;
    let entries = match fs::read_dir(folder) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        files += match entry.file_type()?.is_dir() {
            true => count_files(&entry.path())?,
            false => 1,
        };
    }
    Ok(files)
}

/// Makes Postfix's queue and configuration, and returns the folder of the latter.
fn make_postfix(folder: &Path, port: u16, library: Option<&Path>) -> Outcome<PathBuf> {
    let user = id_of("/etc/passwd", "postfix")?;
    let dropping = id_of("/etc/group", "postdrop")?;
    let make = |path: &str, mode: u32, owner: Option<u32>, group: Option<u32>| {
        let path = folder.join(path);
        make_open(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        chown(&path, owner, group)
    };
    make("queue", 0o755, None, None)?;
    // Owners and modes of Postfix's own postfix-files.
    for queue in ["active", "bounce", "corrupt", "defer", "deferred"] {
        make(&format!("queue/{queue}"), 0o700, Some(user), None)?;
    }
    for queue in ["flush", "hold", "incoming", "private", "saved", "trace"] {
        make(&format!("queue/{queue}"), 0o700, Some(user), None)?;
    }
    make("queue/maildrop", 0o730, Some(user), Some(dropping))?;
    make("queue/public", 0o710, Some(user), Some(dropping))?;
    make("queue/pid", 0o755, None, None)?;
    make("queue/etc", 0o755, None, None)?;
    make("postfix-data", 0o700, Some(user), None)?;
    make("postfix", 0o755, None, None)?;
    for file in IN_CHROOT {
        match fs::copy(
            Path::new("/etc").join(file),
            folder.join("queue/etc").join(file),
        ) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why.into()),
            _ => {}
        }
    }
    let services = fs::read_to_string(SERVICES)?;
    let own = services.replace("\nsmtp      inet ", &format!("\n127.0.0.1:{port} inet "));
    if own == services {
        return Err(format!("{SERVICES} has no smtp service").into());
    }
    let config = folder.join("postfix");
    fs::write(config.join("master.cf"), own)?;
    fs::write(config.join("main.cf"), postfix_settings(folder, library))?;
    Ok(config)
}

/// Debian's main.cf for a new installation (/usr/share/postfix/main.cf.debian),
/// and what makes it a server of virtual users behind Dovecot.
fn postfix_settings(folder: &Path, library: Option<&Path>) -> String {
    let folder = folder.display();
    let import = match library {
        // What Postfix lets through by itself, as far as it matters here.
        Some(library) => format!(
            "import_environment = MAIL_CONFIG LD_PRELOAD={}\n",
            library.display()
        ),
        None => String::new(),
    };
    format!(
        "compatibility_level = 3.6\n\
         biff = no\nappend_dot_mydomain = no\n\
         smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)\n\
         queue_directory = {folder}/queue\ndata_directory = {folder}/postfix-data\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
         maillog_file = {folder}/postfix.log\nmaillog_file_prefixes = {folder}\n\
         myhostname = post.example.com\nmydestination =\n\
         alias_maps =\nalias_database =\nlocal_recipient_maps =\n\
         mynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
         virtual_mailbox_domains = example.com\n\
         virtual_transport = lmtp:unix:private/dovecot-lmtp\n\
         message_size_limit = 52428800\n{import}"
    )
}

/// Makes Dovecot's folders and configuration, and returns the latter.
fn make_dovecot(folder: &Path, port: u16, library: Option<&Path>) -> Outcome<PathBuf> {
    let mail = folder.join("mail");
    fs::create_dir(&mail)?;
    give(&mail)?;
    let config = folder.join("dovecot.conf");
    fs::write(&config, dovecot_settings(folder, port, library))?;
    Ok(config)
}

fn dovecot_settings(folder: &Path, port: u16, library: Option<&Path>) -> String {
    let folder = folder.display();
    let import = match library {
        Some(library) => format!("import_environment = TZ LD_PRELOAD={}\n", library.display()),
        None => String::new(),
    };
    format!(
        "protocols = pop3 lmtp\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\n\
         base_dir = {folder}/dovecot\nstate_dir = {folder}/dovecot-state\n\
         log_path = {folder}/dovecot.log\n{import}\
         mail_location = maildir:~/Maildir\nmail_uid = nobody\nmail_gid = nogroup\n\
         passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
         userdb {{\n  driver = static\n\
         \x20 args = uid=nobody gid=nogroup home={folder}/mail/%n allow_all_users=yes\n}}\n\
         service lmtp {{\n  unix_listener {folder}/queue/private/dovecot-lmtp {{\n\
         \x20   user = postfix\n    group = postfix\n    mode = 0600\n  }}\n}}\n\
         service pop3-login {{\n  inet_listener pop3 {{\n    port = {port}\n  }}\n\
         \x20 inet_listener pop3s {{\n    port = 0\n  }}\n}}\n"
    )
}

/// A folder that everybody may pass through, whatever the umask.
fn make_open(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

/// The number of a user or a group in such a file of the system's.
fn id_of(file: &str, name: &str) -> Outcome<u32> {
    let text = fs::read_to_string(file)?;
    let found = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1))?
    });
    Ok(found
        .ok_or_else(|| format!("{file} has no {name}"))?
        .parse()?)
}
