//! Copies the log into the database, beside the writer and out of its way.
//!
//! PASSIVE: it waits for nobody and holds nobody up.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use async_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use super::counters::Counters;
use super::error::{OpenError, StoreError};
use super::schema::{self, Purpose};

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

fn run(path: &std::path::Path, asked: &Receiver<Option<Sender<()>>>, counters: &Counters) {
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

fn checkpoint(path: &std::path::Path, open: &mut Option<Connection>) -> rusqlite::Result<()> {
    let db = match open {
        Some(db) => db,
        none => none.insert(schema::connect(path, Purpose::Checkpoint)?),
    };
    pragma(db, "PRAGMA wal_checkpoint(PASSIVE)").map(|_| ())
}

/// Runs a checkpoint pragma: pages in the log, and how many of them are copied.
pub(super) fn pragma(db: &Connection, sql: &str) -> rusqlite::Result<(i64, i64)> {
    db.prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
