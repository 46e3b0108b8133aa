//! The threads that read: each with a connection of its own.
//!
//! A question is one closure, and ends with it: no read transaction and no
//! open BLOB outlives a call, since a sleeping PC would keep the log from ever
//! starting anew. Files of large bodies are read here as well.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::thread::{self, JoinHandle};

use async_channel::{Receiver, Sender, bounded};
use rusqlite::{Connection, TransactionBehavior};

use super::error::{OpenError, StoreError};
use super::schema::{self, Purpose};

/// Reading threads: a slow list of one PC must not hold up the others' log-ins.
const THREADS: usize = 2;
/// Questions that may wait.
const QUEUE: usize = 256;

type Question = Box<dyn FnOnce(&mut Connection) + Send>;

/// Asks the reading threads; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Readers(Sender<Question>);

impl Readers {
    /// Has `work` done in one read transaction.
    pub async fn ask<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = bounded(1);
        let question: Question = Box::new(move |db| {
            let answer = db
                .transaction_with_behavior(TransactionBehavior::Deferred)
                .map_err(StoreError::from)
                .and_then(|view| work(&view));
            // A caller who has gone away needs no answer.
            let _ = reply.try_send(answer);
        });
        self.0
            .send(question)
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.recv().await.map_err(|_| StoreError::Closed)?
    }
}

/// The threads.
#[derive(Debug)]
pub(super) struct ReaderThreads {
    readers: Readers,
    threads: Vec<JoinHandle<()>>,
}

impl ReaderThreads {
    pub fn start(path: &Path) -> Result<ReaderThreads, OpenError> {
        let (questions, received) = bounded(QUEUE);
        let mut started = ReaderThreads {
            readers: Readers(questions),
            threads: Vec::with_capacity(THREADS),
        };
        for number in 1..=THREADS {
            let db = schema::connect(path, Purpose::Read).map_err(OpenError::database(path))?;
            let received = received.clone();
            let thread = thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || run(db, &received))
                .map_err(OpenError::Thread)?;
            started.threads.push(thread);
        }
        Ok(started)
    }

    pub fn readers(&self) -> Readers {
        self.readers.clone()
    }

    pub fn close(&mut self) {
        self.readers.0.close();
        for thread in self.threads.drain(..) {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for ReaderThreads {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(mut db: Connection, questions: &Receiver<Question>) {
    while let Ok(question) = questions.recv_blocking() {
        // A panic is a mistake of ours: the caller hears that the store is
        // closed, the transaction ends with the question, the thread goes on.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| question(&mut db)));
    }
}
