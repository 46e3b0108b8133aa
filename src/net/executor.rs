//! The thread that all sessions share.
//!
//! One, however many cores there are: what a session computes takes
//! microseconds (a TLS handshake a millisecond or a few), and what can take longer
//! (the disk, passwords, the files of the configuration) has threads of its own.
//! smol's executor wakes a second thread for each task that begins, in case there
//! is more to do. With two threads a lone SMTP session cost 24 switches between
//! threads for each message, and costs 9 with one; ten sessions at once were no
//! faster on two cores, under TLS neither.
//!
//! So nothing here may go on for long without an await that others can use: see
//! [`Turns`].

use std::future::Future;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use smol::channel::{self, Sender};
use smol::future;

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

/// Turns of a loop that may always find its next step ready, as with a peer that
/// sends faster than we read: some of them, and others get their turn.
#[derive(Debug, Default)]
pub struct Turns(u32);

impl Turns {
    /// Turns in a row.
    const MANY: u32 = 16;

    /// To be awaited once in each turn.
    pub async fn next(&mut self) {
        self.0 = (self.0 + 1) % Turns::MANY;
        if self.0 == 0 {
            future::yield_now().await;
        }
    }
}

/// Runs tasks until it is dropped.
pub struct Executor {
    tasks: Arc<smol::Executor<'static>>,
    /// The thread runs until this is closed.
    running: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Executor {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start() -> std::io::Result<Executor> {
        let tasks = Arc::new(smol::Executor::new());
        let (running, stopped) = channel::bounded::<()>(1);
        let running_tasks = Arc::clone(&tasks);
        let run = move || {
            // Ends with an error when the sender is gone, as it is meant to.
            let _ = smol::block_on(running_tasks.run(stopped.recv()));
        };
        let thread = thread::Builder::new().name("sessions".into()).spawn(run)?;
        Ok(Executor {
            tasks,
            running,
            thread: Some(thread),
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
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so through the panic hook.
            let _ = thread.join();
        }
    }
}
