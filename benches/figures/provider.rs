//! Dovecot as the provider, with a mailbox to be fetched, and the way there: a
//! proxy that holds every octet back for half a round trip.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpStream as Connection;

use crate::Outcome;

/// The account at the provider.
pub const USER: &str = "office";
/// Its password.
pub const PASSWORD: &str = "provider";
/// How long Dovecot may take to start and to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Debian's user that owns nothing: Dovecot serves nobody's mail as root.
const NOBODY: u32 = 65534;
/// Octets that the proxy takes at once.
const CHUNK_OCTETS: usize = 65_536;

/// A running Dovecot; ends with its drop.
pub struct Dovecot {
    /// Not below the target folder, which may be closed to `nobody`.
    folder: tempfile::TempDir,
    _master: Master,
    /// Where it listens, without TLS.
    pub address: SocketAddr,
    /// Accounts so far.
    accounts: usize,
}

impl Dovecot {
    /// Starts it; none where it is not installed.
    pub fn start() -> Outcome<Option<Dovecot>> {
        let folder = tempfile::Builder::new().prefix("provider-").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        give(folder.path())?;
        let port = free_port()?;
        let config = folder.path().join("dovecot.conf");
        fs::write(&config, settings(folder.path(), port))?;
        let mut command = unprivileged("dovecot");
        command.arg("-F").arg("-c").arg(&config);
        let child = match command.stdin(Stdio::null()).stderr(Stdio::null()).spawn() {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            child => child?,
        };
        let dovecot = Dovecot {
            folder,
            _master: Master(child),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            accounts: 0,
        };
        wait_for(dovecot.address)?;
        Ok(Some(dovecot))
    }

    /// A new account with these messages, and its name.
    pub fn account(&mut self, messages: &[Vec<u8>]) -> Outcome<String> {
        self.accounts += 1;
        let name = format!("{USER}{}", self.accounts);
        let mailbox = self.mailbox(&name);
        fs::create_dir(&mailbox)?;
        for part in ["cur", "new", "tmp"] {
            fs::create_dir(mailbox.join(part))?;
            give(&mailbox.join(part))?;
        }
        give(&mailbox)?;
        for (number, message) in messages.iter().enumerate() {
            let path = mailbox.join(format!("new/{}.M1.provider", 1_700_000_000 + number));
            fs::write(&path, message)?;
            give(&path)?;
        }
        Ok(name)
    }

    /// How many messages an account has left.
    pub fn left(&self, account: &str) -> Outcome<usize> {
        let count = |part| -> io::Result<usize> {
            Ok(fs::read_dir(self.mailbox(account).join(part))?.count())
        };
        Ok(count("new")? + count("cur")?)
    }

    fn mailbox(&self, account: &str) -> PathBuf {
        self.folder.path().join(account)
    }
}

/// Dovecot's first process, which ends the others; ends with its drop.
pub struct Master(pub Child);

impl Drop for Master {
    fn drop(&mut self) {
        // If it does not end, nothing else is left to do, and nobody to tell.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let until = Instant::now() + PATIENCE;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until Dovecot takes connections there.
pub fn wait_for(address: SocketAddr) -> Outcome<()> {
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > until {
            return Err("Dovecot does not start".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let (user, group) = match geteuid().is_root() {
        true => ("nobody".to_string(), "nogroup".to_string()),
        false => (id("-un"), id("-gn")),
    };
    format!(
        "protocols = pop3\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\n\
         base_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = {folder}/log\n\
         default_internal_user = {user}\ndefault_internal_group = {group}\n\
         default_login_user = {user}\nfirst_valid_uid = 1\nmail_location = maildir:~\n\
         service anvil {{\n  chroot =\n}}\n\
         service pop3-login {{\n  chroot =\n  inet_listener pop3 {{\n    port = {port}\n  }}\n\
         \x20 inet_listener pop3s {{\n    port = 0\n  }}\n}}\n\
         passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
         userdb {{\n  driver = static\n\
         \x20 args = uid={user} gid={group} home={folder}/%u allow_all_users=yes\n}}\n"
    )
}

/// What `id` says of who runs this.
fn id(option: &str) -> String {
    let said = Command::new("id").arg(option).output();
    said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_string())
        .unwrap_or_default()
}

/// A program that runs as `nobody` where this is run by root.
pub fn unprivileged(program: &str) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]);
    command.arg(program);
    command
}

/// To whom [`unprivileged`] programs run as.
pub fn give(path: &Path) -> io::Result<()> {
    match geteuid().is_root() {
        true => chown(path, Some(NOBODY), Some(NOBODY)),
        false => Ok(()),
    }
}

/// A port of loopback where nothing listens yet.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Starts a proxy to `target` that adds this round trip: half of it in each
/// direction, and a whole one before the connection stands, as the handshake of
/// TCP takes. It lasts as long as the program.
pub fn delaying(target: SocketAddr, round_trip: Duration) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let listener = smol::Async::new(listener)?;
    std::thread::spawn(move || {
        let tasks = smol::LocalExecutor::new();
        smol::block_on(tasks.run(async {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that ends is the affair of those at its ends.
                tasks
                    .spawn(carry(client.into(), target, round_trip))
                    .detach();
            }
        }));
    });
    Ok(address)
}

async fn carry(client: Connection, target: SocketAddr, round_trip: Duration) -> io::Result<()> {
    smol::Timer::after(round_trip).await;
    let server = Connection::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let there = pump(client.clone(), server.clone(), round_trip / 2);
    let back = pump(server, client, round_trip / 2);
    smol::future::zip(there, back).await;
    Ok(())
}

/// Everything that comes arrives `delay` later, however much is on its way.
async fn pump(mut from: Connection, mut to: Connection, delay: Duration) {
    let (sender, receiver) = async_channel::unbounded::<(Instant, Vec<u8>)>();
    let take = async {
        let mut chunk = vec![0; CHUNK_OCTETS];
        while let Ok(octets @ 1..) = from.read(&mut chunk).await {
            let taken = chunk.get(..octets).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + delay, taken)).await.is_err() {
                break;
            }
        }
        sender.close();
    };
    let give = async {
        while let Ok((due, chunk)) = receiver.recv().await {
            if due > Instant::now() {
                smol::Timer::at(due).await;
            }
            if to.write_all(&chunk).await.is_err() {
                break;
            }
        }
        // The other side hears of the end, if it is still there.
        let _ = to.shutdown(std::net::Shutdown::Write);
        receiver.close();
    };
    smol::future::zip(take, give).await;
}
