//! Where mail is kept: the only room that knows SQLite.
//!
//! A message is stored once; each mailbox that it goes to has an entry, with
//! trace lines and a reason of its own. All writes go through one thread that
//! commits whatever waits together (`writer`); reads have threads of their
//! own (`reader`). The functions are async and need no particular executor.
//! Names no protocol, logs nothing, and changes no octet of a message.
//!
//! Called by `delivery` (mail in), `net` (maildrops, what a provider lists), `hub` and `cli`
//! (administration, the sweep, what is wrong); by `backup` for copies, beside whatever hub runs ([`Snapshot`]), and for
//! the way back ([`settle_persons`], [`take_new_identity`]).
//!
//! # States of a message: what a crash leaves, and who cleans up
//!
//! | state | on disk | after a crash here |
//! |---|---|---|
//! | arriving, up to 128 KiB | nothing | the sender saw no 250 and sends again |
//! | arriving, larger | `bodies/NAME.part` | removed by the next [`Store::open`] |
//! | complete, before the commit | `bodies/NAME`, synced, in a synced folder | removed by the next [`Store::open`] |
//! | **committed** (the log of the database is synced) | message and entries | kept; a sender that saw no 250 sends a duplicate |
//! | … fetched from a provider | and its unique-id there | the next poll only removes it there |
//! | retrieved by the PC, DELE without QUIT | entry | nothing changes |
//! | QUIT answered | entry marked collected, one transaction | restorable until swept |
//! | restored | a new entry in place of the old, one transaction | either the old one or the new one |
//! | mended (its content was lost) | its message with new content, one transaction | lost as before, or whole |
//! | swept, erased: before the commit | message and entries | swept again |
//! | … after it | perhaps `bodies/NAME` without a row | removed by the next [`Store::open`] |

mod types;
mod error;
mod time;
mod folder;
mod schema;
mod counters;
mod logins;
mod change;
mod shrink;
mod savepoint;
mod writer;
mod checkpoint;
mod reader;
mod disk;
mod body;
mod deliver;
mod provider;
mod maildrop;
mod maildrops;
mod clock;
mod space;
mod sweep;
mod upkeep;
mod mailboxes;
mod administration;
mod told;
mod commands;
mod identity;
mod snapshot;
mod persons;
mod inspect;
mod faulty;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, named_params};

use crate::mail::{QueueId, QueueIds};
use change::Urgency;
use checkpoint::Checkpointer;
use clock::{AgeClock, Kept};
use counters::Counters;
use disk::DiskThreads;
use folder::Folder;
use logins::Logins;
use reader::{ReaderThreads, Readers};
use schema::Purpose;
use space::Reserve;
use writer::Writer;

pub use body::{Body, BodyWriter, INLINE_OCTETS};
pub use error::{OpenError, StoreError};
pub use faulty::{FaultyBodies, faulty_bodies};
pub use folder::{Held, RESTORING, look, may_be_a_body, may_be_in_a_data_folder};
pub use identity::{Identity, Line, take_new_identity};
pub use inspect::{Counts, Fault, Inspection, inspect_copy, inspect_in_place};
pub use maildrop::{CHUNK_OCTETS, MessageReader};
pub use persons::{Person, Persons, Settled, settle_persons};
pub use provider::{
    Brought, Comparison, EarlierCopies, FetchedDelivery, FetchedId, FetchedKind, FetchedMark,
    FetchedMessage, Gone, Import, ImportedBefore, ImportedMessage, KnownMessage, KnownProvider,
    Lost, ProviderId,
};
pub use snapshot::{BodyRow, Live, Snapshot};
pub use space::{Disk, Room, Space, SpaceState};
pub use sweep::{Budget, Keep};
pub use time::Moment;
pub use told::UnclaimedNews;
pub use types::{
    CommitTimes, EntryId, Figures, MailRow, MailboxId, MailboxName, MailboxSummary, Maildrop,
    NewEntry, NewMessage, Part, Receipt, Reconciled, Record, RecordEntry, Scan, SweepReport,
    Unclaimed, UniqueId,
};

/// The most octets of a body that a listing shows.
pub const HEAD_OCTETS: usize = 8 << 10;

/// What the store needs to know to open.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Made if it is not there.
    pub data_dir: PathBuf,
    pub root: Root,
    pub keep: Keep,
    /// The disk that holds `data_dir`; a test may pretend another one.
    pub disk: Disk,
}

/// Whether the data folder may belong to root. Where the hub is not to run as
/// root, what a command of root's makes there is lost to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    MayOwn,
    Refused,
}

impl Settings {
    /// The defaults, in this folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Settings {
        Settings {
            data_dir: data_dir.into(),
            root: Root::MayOwn,
            keep: Keep::default(),
            disk: Disk::real(),
        }
    }
}

/// The store of one hub. Cheap to clone; the last clone that is dropped lets
/// the running commit finish and ends the threads.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ids: QueueIds,
    clock: Mutex<AgeClock>,
    keep: Mutex<Keep>,
    disk: Disk,
    bodies: Arc<Path>,
    reserve: Reserve,
    /// A commit found the disk full: no intake until the sweep finds room.
    full: Arc<AtomicBool>,
    counters: Arc<Counters>,
    logins: Arc<Logins>,
    writer: Writer,
    readers: ReaderThreads,
    files: DiskThreads,
    checkpointer: Checkpointer,
    /// Last, so that the lock is held until all threads have ended.
    folder: Folder,
}

/// Opening and closing.
impl Store {
    /// Opens the store, or makes a new one. Blocking.
    ///
    /// Takes the folder's lock, brings the database to this program's layout,
    /// removes what a crash left of unfinished messages, starts the threads.
    ///
    /// # Errors
    /// Each with a text that says how to mend it.
    pub fn open(settings: &Settings, now: Moment) -> Result<Store, OpenError> {
        let folder = Folder::open(&settings.data_dir, settings.root)?;
        let path = folder.database();
        let reserve = folder.reserve();
        let mut is_full = false;
        let Database {
            db,
            kept,
            last,
            logins,
        } = match Database::open(&folder) {
            // On a full disk not even the log of the database can be made.
            // One that is locked has all the room it needs.
            Err(OpenError::Database(why))
                if why != StoreError::Locked && reserve.exists() && reserve.release().is_ok() =>
            {
                is_full = true;
                Database::open(&folder)?
            }
            opened => opened?,
        };
        let full = Arc::new(AtomicBool::new(is_full));
        let counters = Arc::new(Counters::default());
        let logins = Arc::new(logins);
        let checkpointer = Checkpointer::start(path.clone(), Arc::clone(&counters))?;
        let readers = ReaderThreads::start(&path)?;
        let files = DiskThreads::start()?;
        let writer = Writer::start(
            db,
            path,
            reserve.clone(),
            Arc::clone(&full),
            checkpointer.wanted(),
            Arc::clone(&counters),
            Arc::clone(&logins),
        )?;
        let store = Inner {
            ids: QueueIds::starting_after(last),
            clock: Mutex::new(AgeClock::starting(kept, now)),
            keep: Mutex::new(settings.keep),
            disk: settings.disk.clone(),
            bodies: folder.bodies().into(),
            reserve,
            full,
            counters,
            logins,
            writer,
            readers,
            files,
            checkpointer,
            folder,
        };
        store.make_reserve();
        Ok(Store(Arc::new(store)))
    }

    /// Ends the store if this is the last clone of it: what waits is committed,
    /// the threads end, the folder's lock is given back. Blocking; so is
    /// dropping the last clone.
    pub fn close(self) {
        drop(self);
    }

    /// Other limits from now on, as after a change of the configuration.
    pub fn set_keep(&self, keep: Keep) {
        *self.0.keep.lock().unwrap_or_else(PoisonError::into_inner) = keep;
    }

    /// The folder that the store lives in, without links.
    pub fn data_dir(&self) -> &Path {
        self.0.folder.path()
    }

    /// What has happened since the store was opened.
    pub fn figures(&self) -> Figures {
        self.0.counters.figures(self.0.writer.waiting())
    }
}

/// Mail in.
impl Store {
    /// An id for a new message, above all that the store has ever held.
    pub fn next_id(&self, now: SystemTime) -> QueueId {
        self.0.ids.next(now)
    }

    /// Takes in the body of a new message.
    pub fn new_body(&self) -> BodyWriter {
        BodyWriter::new(Arc::clone(&self.0.bodies), self.0.files.queue())
    }

    /// Stores a message with its entries and returns once they are on disk.
    /// What is for a user without an open mailbox is unclaimed.
    ///
    /// Goes through even if the future is dropped before it is done.
    ///
    /// # Errors
    /// Nothing is stored then, with the exception of [`StoreError::Uncertain`];
    /// [`StoreError::Full`] asks the sender to try again later.
    pub async fn deliver(&self, message: NewMessage) -> Result<Receipt, StoreError> {
        deliver::check(&message.entries)?;
        let id = message.id;
        let traces: usize = message.entries.iter().map(|entry| entry.trace.len()).sum();
        let octets = message.body.octets_in_row() + traces;
        let settled = deliver::keep_file(&message.body, |_| true);
        let work = move |db: &Connection| deliver::deliver(db, &message.row(), &message.entries);
        let writer = &self.0.writer;
        let delivered = writer
            .change(Urgency::Intake, octets, work, settled)
            .await?;
        Ok(Receipt::of_commit(id, delivered.without_mailbox))
    }
}

impl Store {
    fn readers(&self) -> Readers {
        self.0.readers.readers()
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, AgeClock> {
        self.0.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers().ask(work).await
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer's connection is the last one, so that SQLite copies the log
        // when it closes; the files' threads end after it, since what it commits
        // may leave files to remove.
        self.readers.close();
        self.checkpointer.close();
        self.writer.close();
        self.files.close();
    }
}

/// The database, ready for the writer, and what it says for the start.
struct Database {
    db: Connection,
    kept: Kept,
    last: Option<QueueId>,
    logins: Logins,
}

impl Database {
    fn open(folder: &Folder) -> Result<Database, OpenError> {
        let path = folder.database();
        let refused = OpenError::database(&path);
        let mut db = schema::connect(&path, Purpose::Write).map_err(&refused)?;
        checkpoint::settle(&db, &path)?;
        if schema::is_new(&db).map_err(&refused)? {
            folder::refuse_bodies_of_another_database(folder.path())?;
        }
        schema::migrate(&mut db, folder.path())?;
        folder.sweep_orphans(|name| is_body_of_a_row(&db, name).map_err(&refused))?;
        let kept = sweep::read_clock(&db).map_err(&refused)?;
        let last = last_message(&db).map_err(&refused)?;
        let logins = Logins::read(&db).map_err(&refused)?;
        Ok(Database {
            db,
            kept,
            last,
            logins,
        })
    }
}

fn is_body_of_a_row(db: &Connection, name: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM message WHERE body_file = :name")?
        .exists(named_params! {":name": name})
}

/// The highest id that was ever stored.
fn last_message(db: &Connection) -> rusqlite::Result<Option<QueueId>> {
    let removed: i64 = db.query_row("SELECT last_message FROM clock", [], |row| row.get(0))?;
    let stored: Option<i64> = db
        .query_row("SELECT max(id) FROM message", [], |row| row.get(0))
        .optional()?
        .flatten();
    let last = stored.map_or(removed, |stored| stored.max(removed));
    Ok((last > 0).then(|| QueueId::from_u64(maildrop::count(last))))
}

#[cfg(test)]
mod tests;
