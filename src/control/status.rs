//! How the hub is, for people (`postroom status`) and programs (`--json`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that `postroom status` shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The running hub; none: no hub runs, and the rest was read from the disk.
    pub hub: Option<HubState>,
    /// The accounts at providers, as a running hub polls them.
    #[serde(default)]
    pub providers: Vec<ProviderState>,
    /// Every mailbox, the unclaimed tray and sealed ones included.
    pub mailboxes: Vec<MailboxState>,
    /// The disk of the data folder.
    pub disk: Disk,
}

/// What only a running hub knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HubState {
    /// When it was started, in seconds since 1970.
    pub since: i64,
    /// Its name in greetings.
    pub hostname: String,
    /// Memory that is its own, in octets (proportional set size).
    pub memory_octets: Option<u64>,
    /// What it listens on.
    pub listeners: Vec<ListenerState>,
    /// Who is connected.
    pub sessions: Vec<SessionState>,
    /// Its certificate, where TLS is offered.
    pub certificate: Option<CertificateState>,
    /// Log-ins that failed since the start.
    pub failed_logins: u64,
    /// Transactions committed since the start, each with one sync of the disk.
    pub commits: u64,
    /// Changes that they carried.
    pub changes: u64,
    /// More of the commits.
    #[serde(default)]
    pub store: StoreState,
    /// What its sessions have done since the start.
    #[serde(default)]
    pub figures: FiguresState,
    /// What is wrong now, as far as the hub knows, in sentences; not the accounts at
    /// providers.
    #[serde(default)]
    pub troubles: Vec<String>,
    /// The last warnings and errors of the log, oldest first, one of a kind; they may
    /// be over.
    pub recent_errors: Vec<String>,
}

/// The work of the store since the start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StoreState {
    /// Transactions that could not be committed.
    pub failed_commits: u64,
    /// Changes that wait for their commit now.
    pub waiting_changes: u64,
    /// Times that the log of the database was copied into it.
    pub checkpoints: u64,
    /// How long commits took, which is mostly the sync of the disk: how many took
    /// at most so many seconds. Ascending; each counts those before it as well.
    pub commit_times: Vec<TimeBucket>,
    /// All of them together, in seconds.
    pub commit_seconds: f64,
}

/// How many took at most so long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeBucket {
    /// In seconds.
    pub at_most: f64,
    /// So many.
    pub count: u64,
}

/// What the sessions have done since the start. Numbers by name have each name
/// from the start on, at zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FiguresState {
    /// Messages taken in by SMTP.
    pub received_messages: u64,
    /// Their octets.
    pub received_octets: u64,
    /// Recipients and messages that SMTP refused, by reason: `busy`,
    /// `closed_address`, `content`, `foreign_domain`, `just_gone`, `no_room`,
    /// `store_failed`, `unknown_recipient`.
    pub refusals: BTreeMap<String, u64>,
    /// Messages that PCs have read to their end.
    pub retrieved_messages: u64,
    /// Octets of messages sent to PCs.
    pub retrieved_octets: u64,
    /// Messages that PCs have collected.
    pub collected_messages: u64,
    /// Log-ins of PCs, by result: `disabled`, `good`, `in_use`, `unavailable`, `wrong`.
    pub logins: BTreeMap<String, u64>,
    /// Sessions that have begun, by protocol: `pop3`, `smtp`.
    pub sessions: BTreeMap<String, u64>,
    /// Connections turned away before a session, by protocol.
    pub turned_away: BTreeMap<String, u64>,
    /// TLS handshakes that did not come to their end.
    pub failed_handshakes: u64,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerState {
    /// `smtp`, `smtps`, `pop3`, `pop3s` or `metrics`.
    pub name: String,
    /// Address and port.
    pub address: String,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// `smtp`, `pop3`, or `fetch` for one with a provider.
    pub protocol: String,
    /// The other end.
    pub peer: String,
    /// Who is logged in.
    pub user: Option<String>,
    /// When it began, in seconds since 1970.
    pub since: i64,
}

/// The certificate in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateState {
    /// Whom it names.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// Days until it expires; negative: it has.
    pub days_left: i64,
    /// When it does, in seconds since 1970.
    #[serde(default)]
    pub expires_at: i64,
}

/// An account at a provider. Times are seconds since 1970; counts begin with the
/// hub.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProviderState {
    /// Its name in postroom.toml.
    pub name: String,
    /// The provider's server.
    pub host: String,
    /// A poll is under way.
    pub polling: bool,
    /// When the last poll began.
    pub last_poll: Option<i64>,
    /// When the last poll came to its end that did.
    pub last_success: Option<i64>,
    /// Why the last poll failed; none: it did not.
    pub last_error: Option<String>,
    /// When the next poll is due.
    pub next_poll: Option<i64>,
    /// Messages in the mailbox behind the last poll that listed them.
    pub left: Option<u64>,
    /// Messages fetched.
    pub fetched: u64,
    /// Their octets.
    pub fetched_octets: u64,
    /// Of these, unclaimed ones.
    pub unclaimed: u64,
    /// Messages removed at the provider.
    pub removed: u64,
    /// What is wrong now, in sentences.
    pub troubles: Vec<String>,
}

/// A mailbox with its totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxState {
    /// Whose; none: the unclaimed tray.
    pub user: Option<String>,
    /// Waiting to be collected.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Collected and restorable.
    pub collected_messages: u64,
    /// Their octets.
    pub collected_octets: u64,
    /// Since when directory.toml does not name the user.
    pub missing_since: Option<i64>,
    /// Who in directory.toml has the password entry of a user whom it does not name: the
    /// same person, by another name.
    #[serde(default)]
    pub now_called: Option<String>,
    /// When the user was removed.
    pub sealed_at: Option<i64>,
    /// When a PC last logged in to it; none: never.
    #[serde(default)]
    pub last_login: Option<i64>,
    /// When the oldest message came that waits.
    #[serde(default)]
    pub waiting_since: Option<i64>,
}

/// The disk of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Octets that are free.
    pub free: u64,
    /// Octets in all.
    pub total: u64,
    /// Less than `keep_free` is free: no mail is taken in.
    pub short: bool,
}
