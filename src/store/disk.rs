//! The threads that write and remove the files of large bodies.
//!
//! A bounded number of them: a slow disk makes senders wait, it does not make
//! threads. Four, because syncs that wait together are served together.

use std::panic::{self, AssertUnwindSafe};
use std::thread::{self, JoinHandle};

use async_channel::{Receiver, Sender, bounded};

use super::error::{OpenError, StoreError};

pub(super) const THREADS: usize = 4;
/// Jobs that may wait.
const QUEUE: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// Hands jobs to the disk threads; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct DiskQueue(Sender<Job>);

/// A job under way.
#[derive(Debug)]
pub(super) struct Pending<T>(Receiver<Result<T, StoreError>>);

impl<T> Pending<T> {
    pub async fn done(self) -> Result<T, StoreError> {
        self.0.recv().await.map_err(|_| StoreError::Closed)?
    }
}

impl DiskQueue {
    /// Queues the job and returns when it is queued, not when it is done.
    pub async fn start<T, W>(&self, work: W) -> Result<Pending<T>, StoreError>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = bounded(1);
        let job: Job = Box::new(move || {
            // A caller who has gone away needs no answer.
            let _ = reply.try_send(work());
        });
        self.0.send(job).await.map_err(|_| StoreError::Closed)?;
        Ok(Pending(answer))
    }

    /// Has this done soon, at once if the queue is full or closed.
    pub fn soon(&self, work: impl FnOnce() + Send + 'static) {
        if let Err(refused) = self.0.try_send(Box::new(work)) {
            (refused.into_inner())();
        }
    }
}

/// The threads.
#[derive(Debug)]
pub(super) struct DiskThreads {
    queue: DiskQueue,
    threads: Vec<JoinHandle<()>>,
}

impl DiskThreads {
    pub fn start() -> Result<DiskThreads, OpenError> {
        let (jobs, received) = bounded::<Job>(QUEUE);
        let mut started = DiskThreads {
            queue: DiskQueue(jobs),
            threads: Vec::with_capacity(THREADS),
        };
        for number in 1..=THREADS {
            let received = received.clone();
            let thread = thread::Builder::new()
                .name(format!("store-disk-{number}"))
                .stack_size(256 << 10)
                .spawn(move || {
                    while let Ok(job) = received.recv_blocking() {
                        // A panic is a mistake of ours: the caller hears that the
                        // store is closed, the thread goes on.
                        let _ = panic::catch_unwind(AssertUnwindSafe(job));
                    }
                })
                .map_err(OpenError::Thread)?;
            started.threads.push(thread);
        }
        Ok(started)
    }

    pub fn queue(&self) -> DiskQueue {
        self.queue.clone()
    }

    pub fn close(&mut self) {
        self.queue.0.close();
        for thread in self.threads.drain(..) {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for DiskThreads {
    fn drop(&mut self) {
        self.close();
    }
}
