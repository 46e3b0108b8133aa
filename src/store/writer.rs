//! The one thread that writes to the database.
//!
//! All that waits goes into one transaction, so that one sync of the log serves
//! many messages; nothing waits for a batch to fill. Each change has its own
//! savepoint: a bad one fails alone. Answers go out after the commit, never
//! before. A transaction that could not be committed is an error for everybody
//! in it, and its connection is closed: after a failed sync nobody knows what
//! the disk holds, and a second try that succeeds would prove nothing.
//!
//! Called by the face of the store alone. Knows nothing of mail.

use std::os::unix::fs::MetadataExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use async_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use super::change::{Change, Outcome, Task, Urgency, Verdict};
use super::checkpoint::{CheckpointWanted, LogWatch};
use super::counters::Counters;
use super::error::{OpenError, StoreError};
use super::logins::{self, Login, Logins};
use super::savepoint::{Failure, apply_alone, run_cached};
use super::schema::{self, Purpose};
use super::shrink::{self, GivenBack};
use super::space::{self, Reserve};

/// Changes that may wait for the writer; those who bring more wait themselves.
const QUEUE: usize = 256;
/// Most changes in one transaction: bounds how long the first of them waits.
const BATCH_CHANGES: usize = 256;
/// Most octets of bodies in one transaction.
const BATCH_OCTETS: usize = 8 << 20;
enum Order {
    Change(Box<dyn Change>),
    /// Give free pages back to the disk, this many at most.
    GiveBack(u32, Sender<Result<GivenBack, StoreError>>),
}

/// The callers' end.
#[derive(Debug)]
pub(super) struct Writer {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection that is migrated.
    pub fn start(
        db: Connection,
        path: PathBuf,
        reserve: Reserve,
        full: Arc<AtomicBool>,
        checkpoint: CheckpointWanted,
        counters: Arc<Counters>,
        logins: Arc<Logins>,
    ) -> Result<Writer, OpenError> {
        let (orders, received) = bounded(QUEUE);
        let desk = Desk {
            db: Some(db),
            file: identity(&path),
            path,
            reserve,
            full,
            log: LogWatch::new(checkpoint),
            counters,
            logins,
        };
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || desk.run(&received))
            .map_err(OpenError::Thread)?;
        Ok(Writer {
            orders,
            thread: Some(thread),
        })
    }

    /// Has `work` done in the next transaction and returns once that is on
    /// disk. `settled` runs on the writer's thread, also if the caller is gone.
    pub async fn change<T, W, S>(
        &self,
        urgency: Urgency,
        octets: usize,
        work: W,
        settled: S,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
        S: FnOnce(Outcome<'_, T>) + Send + 'static,
    {
        let (reply, answer) = bounded(1);
        let task = Task {
            octets,
            urgency,
            work,
            made: None,
            settled,
            reply,
        };
        let order = Order::Change(Box::new(task));
        self.orders
            .send(order)
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.recv().await.map_err(|_| StoreError::Closed)?
    }

    /// Upkeep that needs nothing done afterwards.
    pub async fn upkeep<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.change(Urgency::Upkeep, 0, work, |_| ()).await
    }

    /// Gives at most `pages` free pages back to the disk.
    pub async fn give_back(&self, pages: u32) -> Result<GivenBack, StoreError> {
        let (reply, answer) = bounded(1);
        let order = Order::GiveBack(pages, reply);
        self.orders
            .send(order)
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.recv().await.map_err(|_| StoreError::Closed)?
    }

    /// Changes that wait for the thread.
    pub fn waiting(&self) -> usize {
        self.orders.len()
    }

    /// Lets what waits be committed, then ends the thread.
    pub fn close(&mut self) {
        self.orders.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// The thread's end.
struct Desk {
    /// None after a failed commit, until a new connection opens.
    db: Option<Connection>,
    path: PathBuf,
    /// The file that the store was opened with.
    file: Option<FileIdentity>,
    reserve: Reserve,
    /// Set here, cleared by the sweep: no intake while it is.
    full: Arc<AtomicBool>,
    log: LogWatch,
    counters: Arc<Counters>,
    /// Saved with what is committed anyway.
    logins: Arc<Logins>,
}

impl Desk {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut next = orders.recv_blocking().ok();
        while let Some(order) = next.take() {
            match order {
                Order::Change(first) => {
                    let (batch, left_over) = gather(first, orders);
                    next = left_over;
                    self.commit_or_start_anew(batch);
                    self.look_at_log();
                }
                Order::GiveBack(pages, reply) => {
                    let answer = self.give_back(pages);
                    // A caller who has gone away needs no answer.
                    let _ = reply.try_send(answer);
                }
            }
            if next.is_none() {
                next = orders.recv_blocking().ok();
            }
        }
        self.save_last_logins();
    }

    /// A change that panics is a mistake of ours: its batch is rolled back and
    /// hears that the store is closed, and the next one finds a new connection.
    fn commit_or_start_anew(&mut self, batch: Vec<Box<dyn Change>>) {
        let done = panic::catch_unwind(AssertUnwindSafe(|| self.commit(batch)));
        if done.is_err() {
            self.db = None;
        }
    }

    fn commit(&mut self, mut batch: Vec<Box<dyn Change>>) {
        if self.full.load(Ordering::Relaxed) {
            batch = refuse_intake(batch);
        }
        let failed = self.attempt(batch);
        if failed.is_empty() {
            return;
        }
        // The disk is full. Once more, with the reserve given back and without
        // the intake: a QUIT and the sweep must not hang on a full disk.
        self.use_reserve();
        for change in self.attempt(refuse_intake(failed)) {
            change.settle(Verdict::RolledBack(StoreError::Full));
        }
    }

    fn use_reserve(&mut self) {
        self.full.store(true, Ordering::Relaxed);
        if let Err(error) = self.reserve.release() {
            self.counters
                .note_error(&StoreError::file("remove", &error));
        }
    }

    /// One transaction. Returns the changes that found the disk full and may be
    /// tried again; all others are settled.
    fn attempt(&mut self, batch: Vec<Box<dyn Change>>) -> Vec<Box<dyn Change>> {
        if batch.is_empty() {
            return batch;
        }
        if identity(&self.path) != self.file {
            // The connection stays: what is in it is there until the hub ends.
            self.counters.note_error(&StoreError::Gone);
            for change in batch {
                change.settle(Verdict::RolledBack(StoreError::Gone));
            }
            return Vec::new();
        }
        let logins = self.logins_due();
        let db = match self.connection() {
            Ok(db) => db,
            Err(error) => return self.fail(batch, error, Verdict::RolledBack),
        };
        if let Err(error) = run_cached(db, "BEGIN IMMEDIATE") {
            return self.fail(batch, error, Verdict::RolledBack);
        }
        let mut applied = Vec::with_capacity(batch.len());
        let mut waiting = batch.into_iter();
        while let Some(mut change) = waiting.next() {
            match apply_alone(db, change.as_mut()) {
                Ok(()) => applied.push(change),
                Err(Failure::Alone(error)) => change.settle(Verdict::RolledBack(error)),
                Err(Failure::Transaction(error)) => {
                    applied.push(change);
                    applied.extend(waiting);
                    return self.fail(applied, error, Verdict::RolledBack);
                }
            }
        }
        if let Err(error) = logins::save(db, &logins) {
            return self.fail(applied, error, Verdict::RolledBack);
        }
        let began = Instant::now();
        if let Err(error) = run_cached(db, "COMMIT") {
            // What is on disk is not known now.
            return self.fail(applied, error, |error| {
                Verdict::Uncertain(StoreError::Uncertain(error.to_string()))
            });
        }
        self.counters.note_commit(applied.len(), began.elapsed());
        self.logins.saved(&logins);
        for change in applied {
            // A panic is a mistake of ours, and of this change alone: the others
            // are committed, and must hear it, or their files would go.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| change.settle(Verdict::Committed)));
        }
        Vec::new()
    }

    /// The transaction failed. Returns what is to be tried once more: all of it
    /// on a full disk, which wrote no commit mark either.
    fn fail(
        &mut self,
        batch: Vec<Box<dyn Change>>,
        error: StoreError,
        verdict: fn(StoreError) -> Verdict,
    ) -> Vec<Box<dyn Change>> {
        let error = self.explained(error);
        self.note_failure(&error);
        if error == StoreError::Full {
            return batch;
        }
        for change in batch {
            change.settle(verdict(error.clone()));
        }
        Vec::new()
    }

    /// None on a full disk: mail has the room, and nobody was promised these.
    fn logins_due(&self) -> Vec<Login> {
        match self.full.load(Ordering::Relaxed) {
            true => Vec::new(),
            false => self.logins.due(),
        }
    }

    /// One commit when the store ends, if anybody has logged in.
    fn save_last_logins(&mut self) {
        let unsaved = self.logins.unsaved();
        let is_full = self.full.load(Ordering::Relaxed);
        if unsaved.is_empty() || is_full || identity(&self.path) != self.file {
            return;
        }
        let saved = self.connection().and_then(|db| {
            run_cached(db, "BEGIN IMMEDIATE")?;
            logins::save(db, &unsaved)?;
            run_cached(db, "COMMIT")
        });
        if let Err(error) = saved {
            self.note_failure(&error);
        }
    }

    fn explained(&self, error: StoreError) -> StoreError {
        let folder = self.path.parent().unwrap_or(&self.path);
        error.asked_of_the_disk(|| space::probe(folder))
    }

    fn note_failure(&mut self, error: &StoreError) {
        self.counters.failed_commits.fetch_add(1, Ordering::Relaxed);
        self.counters.note_error(error);
        // Closing rolls back what is open. The next batch opens anew.
        self.db = None;
    }

    fn connection(&mut self) -> Result<&Connection, StoreError> {
        match &mut self.db {
            Some(db) => Ok(db),
            none => Ok(none.insert(schema::connect(&self.path, Purpose::Write)?)),
        }
    }

    fn give_back(&mut self, pages: u32) -> Result<GivenBack, StoreError> {
        let mut given = self.try_give_back(pages);
        if given.as_ref().err() == Some(&StoreError::Full) {
            // Even this needs room, or the sweep would end here each time.
            self.use_reserve();
            given = self.try_give_back(pages);
        }
        self.look_at_log();
        given
    }

    fn try_give_back(&mut self, pages: u32) -> Result<GivenBack, StoreError> {
        let given = shrink::give_back(self.connection()?, pages).map_err(StoreError::from);
        let given = given.map_err(|error| self.explained(error));
        if let Err(error) = &given {
            self.note_failure(error);
        }
        given
    }

    fn look_at_log(&mut self) {
        if let Some(db) = &self.db {
            self.log.look(db);
        }
    }
}

/// Which file a path leads to. SQLite would go on writing into one that has been
/// moved away, and mail that is acknowledged there is lost at the next start.
type FileIdentity = (u64, u64);

fn identity(path: &Path) -> Option<FileIdentity> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Answers intake that the disk is full; the rest may go on.
fn refuse_intake(batch: Vec<Box<dyn Change>>) -> Vec<Box<dyn Change>> {
    let (upkeep, intake): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .partition(|change| change.urgency() == Urgency::Upkeep);
    for change in intake {
        change.settle(Verdict::RolledBack(StoreError::Full));
    }
    upkeep
}

/// What waits right now, within bounds; and an order that came between.
fn gather(
    first: Box<dyn Change>,
    orders: &Receiver<Order>,
) -> (Vec<Box<dyn Change>>, Option<Order>) {
    let mut octets = first.octets();
    let mut batch = vec![first];
    while batch.len() < BATCH_CHANGES && octets < BATCH_OCTETS {
        match orders.try_recv() {
            Ok(Order::Change(change)) => {
                octets = octets.saturating_add(change.octets());
                batch.push(change);
            }
            Ok(other) => return (batch, Some(other)),
            Err(_) => break,
        }
    }
    (batch, None)
}
