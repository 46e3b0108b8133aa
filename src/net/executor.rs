//! The threads that all sessions share.
//!
//! `smol::spawn` would run everything on a single thread; these are a thread
//! for each core, four at most, for a small office needs no more.

use std::future::Future;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use smol::channel::{self, Sender};

/// More threads would wait for the same disk.
const THREADS_MAX: usize = 4;

/// At least as many as the hub starts, with those of the libraries under it.
const THREADS_NEEDED: usize = 32;

/// Whether the system gives as many threads as a hub needs. Asked before the
/// first of them: the libraries that watch files and sockets end in a panic,
/// with nothing said in plain words, where theirs is refused.
///
/// # Errors
/// The system's.
pub fn look_for_threads() -> std::io::Result<()> {
    let (running, stopped) = channel::bounded::<()>(1);
    let threads: std::io::Result<Vec<_>> = (0..THREADS_NEEDED)
        .map(|_| {
            let stopped = stopped.clone();
            let wait = move || stopped.recv_blocking().is_ok();
            thread::Builder::new().stack_size(64 << 10).spawn(wait)
        })
        .collect();
    drop(running);
    for thread in threads? {
        // They do nothing that could fail.
        let _ = thread.join();
    }
    // The threads for blocking work are kept from the first one on; without one,
    // and with none to be had, whoever asks would turn in a circle.
    smol::block_on(smol::unblock(|| ()));
    Ok(())
}

/// Runs tasks until it is dropped.
pub struct Executor {
    tasks: Arc<smol::Executor<'static>>,
    /// The threads run until this is closed.
    running: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Executor {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start() -> std::io::Result<Executor> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let tasks = Arc::new(smol::Executor::new());
        let (running, stopped) = channel::bounded::<()>(1);
        let mut threads = Vec::new();
        for number in 1..=cores.min(THREADS_MAX) {
            let (tasks, stopped) = (Arc::clone(&tasks), stopped.clone());
            let run = move || {
                // Ends with an error when the sender is gone, as it is meant to.
                let _ = smol::block_on(tasks.run(stopped.recv()));
            };
            let name = format!("session-{number}");
            threads.push(thread::Builder::new().name(name).spawn(run)?);
        }
        Ok(Executor {
            tasks,
            running,
            threads,
        })
    }

    /// The executor that tasks are spawned on.
    pub fn tasks(&self) -> Arc<smol::Executor<'static>> {
        Arc::clone(&self.tasks)
    }

    /// Runs a task that nobody waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task).detach();
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.running.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so through the panic hook.
            let _ = thread.join();
        }
    }
}
