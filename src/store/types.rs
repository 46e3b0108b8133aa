//! The words of the store: ids, what goes in, what comes out.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::body::Body;
use crate::mail::QueueId;

/// A user's place in the store. It belongs to this number, not to the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(pub(super) i64);

impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One message in one mailbox. Ascends in the order of delivery; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(super) i64);

/// What UIDL shows: names one message for ever (RFC 1939 §7).
///
/// 128 random bits, drawn when the entry is made and stored with it. Written
/// as 26 lower-case letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId(pub(super) [u8; 16]);

impl UniqueId {
    pub(super) fn draw() -> Result<UniqueId, openssl::error::ErrorStack> {
        let mut octets = [0; 16];
        openssl::rand::rand_bytes(&mut octets)?;
        Ok(UniqueId(octets))
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        data_encoding::BASE32_DNSSEC.encode_display(&self.0).fmt(f)
    }
}

/// Proof that a message is committed: only the store's commit makes one, and
/// only with one may a sender be told `250` or a provider `DELE`.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    queue_id: QueueId,
    without_mailbox: Vec<String>,
}

impl Receipt {
    pub(super) fn of_commit(queue_id: QueueId, without_mailbox: Vec<String>) -> Receipt {
        Receipt {
            queue_id,
            without_mailbox,
        }
    }

    /// The message that is committed.
    pub fn queue_id(&self) -> QueueId {
        self.queue_id
    }

    /// The users who were removed or renamed while the message arrived. What was
    /// for them is unclaimed.
    pub fn without_mailbox(&self) -> &[String] {
        &self.without_mailbox
    }

    /// A receipt without a commit, for the tests of the protocol machines.
    #[cfg(any(test, fuzzing))]
    pub fn for_test(queue_id: QueueId) -> Receipt {
        Receipt::of_commit(queue_id, Vec::new())
    }
}

/// Whose mailbox an entry goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MailboxName {
    /// The open mailbox of this user; made if there is none.
    User(String),
    /// The tray of mail whose recipient could not be decided.
    Unclaimed,
}

impl MailboxName {
    /// The user's name; none for the unclaimed tray.
    pub fn user(&self) -> Option<&str> {
        match self {
            MailboxName::User(name) => Some(name),
            MailboxName::Unclaimed => None,
        }
    }
}

/// A message to deliver: its content once, and an entry for each mailbox.
#[derive(Debug)]
pub struct NewMessage {
    /// From [`super::Store::next_id`].
    pub id: QueueId,
    pub received_at: SystemTime,
    /// The way in, as the log names it: "smtp", or a provider account.
    pub source: String,
    /// As in MAIL FROM, with its brackets: "<>" or "<a@b.example>".
    pub reverse_path: String,
    pub body: Body,
    /// At least one, and one for each mailbox at most.
    pub entries: Vec<NewEntry>,
}

/// A message's entry in one mailbox.
#[derive(Debug, Clone)]
pub struct NewEntry {
    pub mailbox: MailboxName,
    /// The trace lines, each with its CRLF, that this mailbox sees above the body.
    pub trace: Vec<u8>,
    /// The reason of this delivery, shown by `postroom why`.
    pub why: String,
}

/// A mailbox as one POP3 session sees it: what is waiting at log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maildrop {
    pub mailbox: MailboxId,
    pub messages: u64,
    /// What STAT shows.
    pub octets: u64,
    /// The newest entry that belongs to this maildrop; later ones wait for the next log-in.
    pub up_to: EntryId,
}

/// One line of LIST and UIDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    pub entry: EntryId,
    /// The message, for the log.
    pub message: QueueId,
    /// What RETR sends, without byte-stuffing and the line with the final dot.
    pub octets: u64,
    pub unique_id: UniqueId,
}

/// A mailbox with its totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxSummary {
    pub id: MailboxId,
    /// None for the unclaimed tray.
    pub user: Option<String>,
    /// Waiting to be collected.
    pub messages: u64,
    pub octets: u64,
    /// Collected and still restorable.
    pub collected_messages: u64,
    pub collected_octets: u64,
    /// Since when the directory does not list the user.
    pub missing_since: Option<SystemTime>,
    /// Set when the user was removed: the mailbox is nobody's now.
    pub sealed_at: Option<SystemTime>,
    /// When a PC last opened it.
    pub last_login: Option<SystemTime>,
    /// When the oldest message came that waits.
    pub waiting_since: Option<SystemTime>,
}

/// An entry as `postroom mail list` and `unclaimed list` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRow {
    pub id: QueueId,
    pub entry: EntryId,
    pub unique_id: UniqueId,
    pub received_at: SystemTime,
    pub delivered_at: SystemTime,
    pub collected_at: Option<SystemTime>,
    pub source: String,
    pub reverse_path: String,
    pub why: String,
    /// As in [`Scan`].
    pub octets: u64,
    /// The first octets of the body, at most [`super::HEAD_OCTETS`], or why
    /// they cannot be read.
    pub head: Result<Vec<u8>, super::StoreError>,
}

/// All that the store knows of one message, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: QueueId,
    pub received_at: SystemTime,
    pub source: String,
    pub reverse_path: String,
    /// Of the body alone.
    pub octets: u64,
    /// The name in the folder `bodies`, where the body has a file of its own.
    pub body_file: Option<String>,
    pub entries: Vec<RecordEntry>,
}

/// One mailbox's entry of a [`Record`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry {
    pub entry: EntryId,
    pub mailbox: MailboxId,
    /// None for the unclaimed tray.
    pub user: Option<String>,
    /// The user was removed; the mailbox is nobody's now.
    pub sealed: bool,
    pub unique_id: UniqueId,
    pub octets: u64,
    pub trace: Vec<u8>,
    pub why: String,
    pub delivered_at: SystemTime,
    pub collected_at: Option<SystemTime>,
    pub restored_at: Option<SystemTime>,
}

/// Which part of a mailbox to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What waits to be collected.
    Waiting,
    /// What was collected and is still restorable.
    Collected,
    Both,
}

/// Which unclaimed mail to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclaimed {
    Message(QueueId),
    /// All delivered to the tray before this time.
    Before(SystemTime),
}

/// What the comparison of the directory with the mailboxes changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// New users; each has an empty mailbox now.
    pub created: Vec<String>,
    /// Users whom the directory no longer lists. Their mailboxes wait for them.
    pub missing: Vec<String>,
    /// Users who are back with the password entry they had: the same mailbox.
    pub returned: Vec<String>,
    /// Names that came back as somebody else: the old mailbox is sealed, the
    /// new one starts empty.
    pub sealed: Vec<String>,
    /// Addresses gone within the last hour of running, and since when on the
    /// clock of [`super::Store::running_time`].
    pub departed: Vec<(String, Duration)>,
    /// Those of them that were still there at the comparison before.
    pub leaving: Vec<String>,
}

/// What one [`super::Store::sweep`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Collected entries removed because their time was over.
    pub by_age: u64,
    /// … because collected mail took more room than `keep_collected_max`.
    pub by_size: u64,
    /// … because the disk had less room than `keep_free`.
    pub by_free_space: u64,
    /// Messages that no mailbox refers to any more and that are gone now.
    pub messages: Vec<QueueId>,
    /// Octets of those messages.
    pub octets: u64,
    /// Records of fetched messages that their provider has not listed for 30 days.
    pub forgotten: u64,
    /// Ages are not trusted at present: the clock has jumped within the last
    /// hour, so nothing went for its age or size.
    pub clock_unsettled: bool,
}

/// Counters since the store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Transactions committed; each costs one sync of the write-ahead log.
    pub commits: u64,
    /// Changes that these carried (deliveries, QUITs, commands).
    pub changes: u64,
    /// Transactions that could not be committed.
    pub failed_commits: u64,
    pub checkpoints: u64,
    /// Changes that wait for their commit now.
    pub waiting: u64,
    /// How long the commits took.
    pub commit_times: CommitTimes,
    /// The last failure, in words.
    pub last_error: Option<String>,
}

/// How long commits took, which is mostly the sync of the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitTimes {
    /// So many took at most each of [`CommitTimes::BOUNDS`] and longer than the
    /// bound before it; the last number is of those beyond all of them.
    pub counts: Vec<u64>,
    /// Of all of them together.
    pub total: Duration,
}

impl CommitTimes {
    /// From a fast disk (0.05 ms) over an SD card (20 ms) to one that is ill.
    pub const BOUNDS: [Duration; 12] = [
        Duration::from_micros(100),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_millis(2),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(20),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_secs(5),
    ];
}
