//! Copies the log into the database, beside the writer and out of its way.
//!
//! PASSIVE: it waits for nobody and holds nobody up. The writer asks for it, and
//! takes part only when the log would grow without bound. At the start the log
//! that a crash left is copied before anything else happens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use super::counters::Counters;
use super::error::{OpenError, StoreError};
use super::schema::{self, Purpose};

/// Pages in the log that make a checkpoint worth its syncs (16 MB).
const CHECKPOINT_PAGES: i64 = 4_000;
/// Pages in the log at which the writer itself makes it start anew (64 MB):
/// beside a writer that never pauses, the other thread's checkpoints never end.
const RESTART_PAGES: i64 = 16_000;
/// How much the log grows between two tries, when somebody reads for long.
const RETRY_PAGES: i64 = 4_000;
/// How long the writer waits for the other thread to finish.
const PATIENCE: Duration = Duration::from_secs(2);

/// The writer's eye on the size of the log.
#[derive(Debug)]
pub(super) struct LogWatch {
    wanted: CheckpointWanted,
    /// Pages at the last call for a checkpoint of this log.
    woken_at: i64,
    restart_at: i64,
}

impl LogWatch {
    pub fn new(wanted: CheckpointWanted) -> LogWatch {
        LogWatch {
            wanted,
            woken_at: 0,
            restart_at: RESTART_PAGES,
        }
    }

    /// Has the log copied into the database when it has grown; between two
    /// transactions of the writer.
    pub fn look(&mut self, db: &Connection) {
        // Only asks: NOOP copies nothing.
        let Ok(log) = pragma(db, "PRAGMA wal_checkpoint(NOOP)") else {
            return;
        };
        if log.pages < self.woken_at {
            // It has begun anew.
            self.woken_at = 0;
            self.restart_at = RESTART_PAGES;
        }
        if log.pages > self.restart_at {
            self.restart_at = if restart(db) {
                RESTART_PAGES
            } else {
                log.pages + RETRY_PAGES
            };
        } else if log.pages - log.copied.max(self.woken_at) > CHECKPOINT_PAGES {
            self.woken_at = log.pages;
            self.wanted.wake();
        }
    }
}

/// Copies what the other thread has left and lets the log begin anew. Mail
/// waits meanwhile: it comes faster than the disk can take it.
fn restart(db: &Connection) -> bool {
    let until = Instant::now() + PATIENCE;
    loop {
        match pragma(db, "PRAGMA wal_checkpoint(RESTART)") {
            Ok(log) if !log.busy => return true,
            Ok(_) if Instant::now() < until => thread::sleep(Duration::from_millis(1)),
            _ => return false,
        }
    }
}

/// Copies what a crash left in the log into the database, and empties the log.
///
/// A commit that was written and never synced, or whose sync failed, is found
/// like any other by the next process, and a later sync of the log would say
/// nothing of it: the system forgets what it could not write. In the database
/// it is written anew and synced before anything is built on it.
pub(super) fn settle(db: &Connection, path: &Path) -> Result<(), OpenError> {
    let is_settled = match pragma(db, "PRAGMA wal_checkpoint(TRUNCATE)") {
        Ok(log) => !log.busy || log.copied == log.pages,
        Err(error) if StoreError::from(&error) == StoreError::Full => false,
        Err(error) => return Err(OpenError::database(path)(error)),
    };
    // There is no room for it, or another program reads what it would replace (a
    // backup?). People must be able to collect and delete; with a sync that has
    // failed before, too, that is one fault more than this can help.
    if !is_settled {
        sync_log(path).map_err(|error| OpenError::Database(StoreError::file("sync", &error)))?;
    }
    Ok(())
}

fn sync_log(database: &Path) -> std::io::Result<()> {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    std::fs::File::open(log)?.sync_data()
}

/// Asks the thread for a checkpoint; asking twice is asking once.
#[derive(Debug, Clone)]
pub(super) struct CheckpointWanted(Sender<Option<Sender<()>>>);

impl CheckpointWanted {
    pub fn wake(&self) {
        // Full: it has been asked already. Closed: the store ends, and the last
        // connection makes a checkpoint of its own.
        let _ = self.0.try_send(None);
    }

    /// Returns when a checkpoint has been made, or has failed: the log keeps
    /// everything then.
    pub async fn run(&self) -> Result<(), StoreError> {
        let (reply, answer) = bounded(1);
        self.0
            .send(Some(reply))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.recv().await.map_err(|_| StoreError::Closed)
    }
}

/// The thread.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wanted: CheckpointWanted,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub fn start(path: PathBuf, counters: Arc<Counters>) -> Result<Checkpointer, OpenError> {
        let (wanted, asked) = bounded(1);
        let thread = thread::Builder::new()
            .name("store-checkpoint".into())
            .stack_size(256 << 10)
            .spawn(move || run(&path, &asked, &counters))
            .map_err(OpenError::Thread)?;
        Ok(Checkpointer {
            wanted: CheckpointWanted(wanted),
            thread: Some(thread),
        })
    }

    pub fn wanted(&self) -> CheckpointWanted {
        self.wanted.clone()
    }

    pub fn close(&mut self) {
        self.wanted.0.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn run(path: &Path, asked: &Receiver<Option<Sender<()>>>, counters: &Counters) {
    let mut open: Option<Connection> = None;
    while let Ok(reply) = asked.recv_blocking() {
        let done = checkpoint(path, &mut open);
        match done {
            Ok(()) => {
                counters.checkpoints.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                // The log keeps everything; the next call tries anew.
                counters.note_error(&StoreError::from(error));
                open = None;
            }
        }
        if let Some(reply) = reply {
            // A caller who has gone away needs no answer.
            let _ = reply.try_send(());
        }
    }
}

fn checkpoint(path: &Path, open: &mut Option<Connection>) -> rusqlite::Result<()> {
    let db = match open {
        Some(db) => db,
        none => none.insert(schema::connect(path, Purpose::Checkpoint)?),
    };
    pragma(db, "PRAGMA wal_checkpoint(PASSIVE)").map(|_| ())
}

struct Log {
    /// Somebody else kept the checkpoint from finishing.
    busy: bool,
    pages: i64,
    /// How many of the pages are in the database, too.
    copied: i64,
}

fn pragma(db: &Connection, sql: &str) -> rusqlite::Result<Log> {
    db.prepare_cached(sql)?.query_row([], |row| {
        Ok(Log {
            busy: row.get(0)?,
            pages: row.get(1)?,
            copied: row.get(2)?,
        })
    })
}
