//! The settings of postroom.toml, checked: plain data for the hub.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use log::LevelFilter;

use crate::mail::Domain;
use crate::route::{OwnAddress, UnknownUser};

use crate::net::fetcher::Provider;
use crate::net::limits::Limits;
use crate::net::networks::Networks;
use crate::net::office::PlaintextPolicy;
use crate::net::tls::CA_KEY_FILE;
use crate::store::Keep;

use crate::files::folder_of;

/// Everything that postroom.toml says. Paths are absolute or relative to the
/// working folder, never to the file any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The file that was read.
    pub path: PathBuf,
    /// The name the hub goes by on the wire. No default: a guess would be in
    /// every trace line and in the certificate.
    pub hostname: Domain,
    /// The domains that are ours; at least one.
    pub domains: Vec<Domain>,
    /// Where mail is kept. Default `/var/lib/postroom`, where Debian keeps
    /// what services gather.
    pub data_dir: PathBuf,
    /// The users and aliases. Default `directory.toml`, beside this file.
    pub directory: PathBuf,
    /// The office's own network. Default `["auto"]`.
    pub lan: Networks,
    /// `[routing]`.
    pub routing: Routing,
    /// `[smtp]`.
    pub smtp: Smtp,
    /// `[pop3]`.
    pub pop3: Pop3,
    /// `[store]`.
    pub store: Keep,
    /// `[limits]`.
    pub limits: Limits,
    /// `[metrics] listen`: where the figures are, on loopback addresses. Default
    /// none: whoever has no monitoring program needs no open port.
    pub metrics: Vec<SocketAddr>,
    /// `[tls]`; none: TLS is not offered.
    pub tls: Option<Tls>,
    /// The `[[provider]]`s, in the order of the file.
    pub providers: Vec<Provider>,
    /// What else they say.
    pub(super) provider_notes: ProviderNotes,
    /// `[log]`.
    pub log: Log,
    /// `[sheet]`.
    pub sheet: Sheet,
    /// Whether `serve` may run as root. Default false: a hub that never was
    /// root has nothing to lose but mail.
    pub allow_root: bool,
}

/// What the `[[provider]]`s say beside what the fetcher is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ProviderNotes {
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Those of them that hold a password.
    pub secrets: Vec<PathBuf>,
    /// Whether a password stands in postroom.toml itself.
    pub has_password: bool,
    /// `to` of each account in mode single.
    pub to: Vec<Located<String>>,
    /// Settings without effect, each in a sentence.
    pub idle: Vec<String>,
}

/// A value and the line of postroom.toml that it stands in; 0 for a default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Counted from 1.
    pub line: usize,
}

/// `[routing]`: what becomes of mail for addresses that are nobody's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// Default reject: the sender learns of a typing error at once.
    pub unknown_user: Located<UnknownUser>,
    /// Addresses that are refused even with a catch-all. Default none.
    pub reject: Vec<Located<OwnAddress>>,
}

/// `[smtp]`: how mail comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// With STARTTLS where there is a certificate. Default `[::]:25`, which is
    /// IPv4 as well.
    pub listen: Vec<SocketAddr>,
    /// With TLS from the first octet. Default none: mail servers do not use it.
    pub listen_tls: Vec<SocketAddr>,
    /// Who may bring mail; none: everybody. Default none, as an MX needs.
    pub accept_from: Option<Networks>,
    /// In octets. Default 50 MB: what large providers take, and base64 makes a
    /// third more of every attachment.
    pub max_message_size: u64,
    /// For one message. Default 1000: ten times what RFC 5321 §4.5.3.1.8 asks
    /// for, so that a mailing list's message comes once.
    pub max_recipients: u32,
}

/// `[pop3]`: how mail goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pop3 {
    /// With STLS where there is a certificate. Default `[::]:110`.
    pub listen: Vec<SocketAddr>,
    /// With TLS from the first octet. Default `[::]:995` where there is a
    /// certificate, else none.
    pub listen_tls: Vec<SocketAddr>,
    /// Default lan: old mail programs work in the office, and no password
    /// crosses the world in clear.
    pub plaintext_login: PlaintextPolicy,
}

/// `[tls]`: the certificate that the listeners show. PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, its issuers below it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Default info: one story of a few lines for each message.
    pub level: LevelFilter,
    /// A file beside standard error. Default none: systemd keeps the log.
    pub file: Option<PathBuf>,
}

/// `[sheet]`: what settings sheets tell people beyond what the hub knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// Through whom people send. Default none: the sheet says to keep what they
    /// have, for the hub sends nothing.
    pub outgoing: Option<Outgoing>,
    /// The name under which PCs reach the hub from outside the office. Default
    /// none: they do not.
    pub away_host: Option<Domain>,
    /// Whom people ask. Default none.
    pub ask: Option<String>,
}

/// The provider's server for mail that people send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// A host name, or an address.
    pub host: String,
    /// Its port. Default 465, with STARTTLS 587.
    pub port: u16,
    /// Default implicit.
    pub security: OutgoingTls,
    /// What people log in there with: `{address}` and `{user}` stand for theirs.
    /// Default `{address}`, as most providers want it.
    pub user: String,
}

/// How the connection to the outgoing server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutgoingTls {
    /// TLS from the first octet.
    #[default]
    Implicit,
    /// By STARTTLS.
    StartTls,
}

impl Outgoing {
    /// Stands for the whole address of whoever the sheet is for.
    pub const ADDRESS: &'static str = "{address}";
    /// Stands for their user name.
    pub const USER: &'static str = "{user}";
}

impl OutgoingTls {
    /// The port that goes with it (RFC 8314 §3.3, RFC 6409 §3.1).
    pub fn port(self) -> u16 {
        match self {
            OutgoingTls::Implicit => 465,
            OutgoingTls::StartTls => 587,
        }
    }
}

impl Configuration {
    /// The names that PCs know the hub by.
    pub fn host_names(&self) -> Vec<String> {
        let away = self.sheet.away_host.iter();
        let names = std::iter::once(&self.hostname).chain(away);
        names.map(ToString::to_string).collect()
    }

    /// The files that the hub reads again when they change.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.path.clone(), self.directory.clone()];
        if let Some(tls) = &self.tls {
            files.extend([tls.certificate.clone(), tls.key.clone()]);
        }
        files.extend(self.provider_notes.files.iter().cloned());
        files
    }
}

impl Configuration {
    /// What is good to know of files that load, in sentences: passwords that
    /// others can read, settings without effect.
    pub fn warnings(&self) -> Vec<String> {
        let notes = &self.provider_notes;
        let own = notes.has_password.then_some(&self.path);
        let providers = own.into_iter().chain(&notes.secrets);
        let secrets = providers.map(|file| (file, "a password of a provider"));
        let hashes = [(&self.directory, "password hashes")];
        let folder = self.tls.as_ref().map(|tls| folder_of(&tls.certificate));
        let ca_key = folder.map(|folder| folder.join(CA_KEY_FILE));
        let ca_key = ca_key.iter().map(|file| (file, "the office CA's key"));
        let open = hashes.into_iter().chain(secrets).chain(ca_key);
        let mut warnings: Vec<String> = open.filter_map(open_to_all).collect();
        warnings.extend(notes.idle.iter().cloned());
        warnings
    }
}

/// What is wrong with a file that every user of this machine can read or change.
fn open_to_all((file, what): (&PathBuf, &str)) -> Option<String> {
    // One that is gone by now is the next load's fault.
    let mode = fs::metadata(file).ok()?.mode() & 0o777;
    let file = file.display();
    (mode & 0o007 != 0).then(|| {
        format!(
            "{file} holds {what}, and every user of this machine can read or change it \
             (mode {mode:04o}): chmod o= {file}"
        )
    })
}

impl Default for Smtp {
    fn default() -> Smtp {
        Smtp {
            listen: vec![SocketAddr::from(([0u16; 8], 25))],
            listen_tls: Vec::new(),
            accept_from: None,
            max_message_size: 50_000_000,
            max_recipients: 1000,
        }
    }
}

impl Pop3 {
    /// Where a hub with a certificate listens for POP3 over TLS by default.
    pub(super) fn default_listen_tls() -> Vec<SocketAddr> {
        vec![SocketAddr::from(([0u16; 8], 995))]
    }
}

impl Default for Pop3 {
    fn default() -> Pop3 {
        Pop3 {
            listen: vec![SocketAddr::from(([0u16; 8], 110))],
            listen_tls: Vec::new(),
            plaintext_login: PlaintextPolicy::Lan,
        }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log {
            level: LevelFilter::Info,
            file: None,
        }
    }
}
