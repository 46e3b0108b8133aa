//! Verifies passwords away from the executor.
//!
//! ```text
//! verify() ── remembered? ──▶ Correct, at once
//!     └─ place in one of two queues (waits while it is full) ─▶ "password" threads ─▶ Verdict
//! ```
//! Whoever has failed of late waits in the second queue, which has every fourth turn while somebody
//! waits in the first: a crowd that guesses does not keep a PC from its mail.
//!
//! Hashes are computed on one or two named threads, because each takes 19 MiB and tens of
//! milliseconds: more at once would starve the mail on a small box. A thread gives its memory back
//! after some idle seconds. An unknown user costs the same as a known one. The sessions of `net`
//! call this; how long a refusal is held back is [`super::FailureLog`]'s to say.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};

use super::PasswordHash;
use super::memory::WorkingMemory;
use super::password::{PasswordError, verify_nobody};
use super::successes::{Proof, Prover, Successes};
use crate::wire::Secret;

/// How a [`Verifier`] works; the default suits an office.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that hash, at least 1; each takes 19 MiB while it works. Default: 2 where there are
    /// four cores or more, or else 1.
    pub threads: usize,
    /// Log-ins that may wait in each queue, at least 1; further ones wait to get in. Default: 64.
    pub queue: usize,
    /// How long a success is remembered after its last use. Default: 15 minutes, longer than mail
    /// programs wait between two polls.
    pub remember_for: Duration,
    /// How many users' successes are remembered; 0 remembers none. Default: 10,000, about 1.5 MB.
    pub remembered_users: usize,
    /// How long a thread without work keeps its memory. Default: 5 s.
    pub release_after: Duration,
}

/// Which queue a log-in waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Before those who have failed of late.
    First,
    /// Behind those who have not.
    Later,
}

/// While somebody waits in the first queue, one log-in in so many comes from the second: behind an
/// address with an attacker there may be an office.
const LATER_ONE_IN: u32 = 4;

/// What came of a log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Correct,
    /// The password is wrong, or there is no such user.
    Wrong,
    /// It could not be found out: no memory, or the hub is about to end. This must not be answered
    /// as a wrong password, or people change a good one.
    Unavailable,
}

/// Verifies passwords. Cheap to clone; its threads end when the last clone is gone.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
    /// One message for each log-in that waits or is about to: a full channel makes further ones wait.
    places: PerTurn<Sender<()>>,
    /// Ends the threads with the last clone.
    _end: Arc<EndThreads>,
}

struct Shared {
    prover: Prover,
    successes: Mutex<Successes>,
    queue: Mutex<Queue>,
    work: Condvar,
    release_after: Duration,
}

#[derive(Default)]
struct Queue {
    jobs: PerTurn<VecDeque<Job>>,
    /// Jobs from the first queue since the last one from the second.
    first_in_a_row: u32,
    ended: bool,
}

#[derive(Clone, Default)]
struct PerTurn<T> {
    first: T,
    later: T,
}

struct Job {
    turn: Turn,
    user: String,
    password: Secret,
    /// The stored hash and what to remember if it fits; none for an unknown user.
    stored: Option<(PasswordHash, Proof)>,
    answer: Sender<Verdict>,
}

struct EndThreads(Arc<Shared>);

impl Default for Settings {
    fn default() -> Settings {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Settings {
            threads: if cores >= 4 { 2 } else { 1 },
            queue: 64,
            remember_for: Duration::from_secs(15 * 60),
            remembered_users: 10_000,
            release_after: Duration::from_secs(5),
        }
    }
}

impl Verifier {
    /// Starts the threads ("password 1", …).
    ///
    /// # Errors
    /// If a thread cannot be started or the system gives no random numbers for the process key.
    pub fn start(settings: &Settings) -> io::Result<Verifier> {
        let (first, first_taken) = async_channel::bounded(settings.queue.max(1));
        let (later, later_taken) = async_channel::bounded(settings.queue.max(1));
        let taken = PerTurn {
            first: first_taken,
            later: later_taken,
        };
        let successes = Successes::new(settings.remember_for, settings.remembered_users);
        let shared = Arc::new(Shared {
            prover: Prover::new().map_err(io::Error::other)?,
            successes: Mutex::new(successes),
            queue: Mutex::new(Queue::default()),
            work: Condvar::new(),
            release_after: settings.release_after,
        });
        // Made before the threads: if one cannot be started, those before it end again.
        let end = Arc::new(EndThreads(Arc::clone(&shared)));
        for number in 1..=settings.threads.max(1) {
            let (shared, taken) = (Arc::clone(&shared), taken.clone());
            thread::Builder::new()
                .name(format!("password {number}"))
                .spawn(move || shared.run_thread(&taken))?;
        }
        Ok(Verifier {
            shared,
            places: PerTurn { first, later },
            _end: end,
        })
    }

    /// Whether `password` is that of `user`, whose `stored` hash the caller found in the directory
    /// (`None`: there is no such user).
    ///
    /// `user` is the user's name, whatever address was used to log in, so that one user is
    /// remembered once. A remembered success is answered at once, everything else after a place in
    /// the queue and one hash. May be dropped at any point: then the hash is not computed if it was
    /// not begun.
    pub async fn verify(
        &self,
        user: &str,
        stored: Option<&PasswordHash>,
        password: &[u8],
        turn: Turn,
    ) -> Verdict {
        let stored = match stored {
            None => None,
            Some(hash) => {
                let Ok(proof) = self.shared.prover.prove(user, hash, password) else {
                    return Verdict::Unavailable;
                };
                if self.shared.recall(user, &proof) {
                    return Verdict::Correct;
                }
                Some((hash.clone(), proof))
            }
        };
        if self.places.of(turn).send(()).await.is_err() {
            return Verdict::Unavailable;
        }
        let (answer, verdict) = async_channel::bounded(1);
        self.shared.push(Job {
            turn,
            user: user.to_owned(),
            password: Secret::new(password),
            stored,
            answer,
        });
        verdict.recv().await.unwrap_or(Verdict::Unavailable)
    }

    /// How many users' successes are remembered, for `status`.
    pub fn remembered_users(&self) -> usize {
        lock(&self.shared.successes).len()
    }
}

impl Shared {
    fn recall(&self, user: &str, proof: &Proof) -> bool {
        lock(&self.successes).recall(user, proof, Instant::now())
    }

    fn push(&self, job: Job) {
        lock(&self.queue).push(job);
        self.work.notify_one();
    }

    fn run_thread(&self, taken: &PerTurn<Receiver<()>>) {
        let mut memory = WorkingMemory::default();
        while let Some(job) = self.next_job(&mut memory) {
            // The job's place in the queue is free again. There is always one: each job has sent it.
            let _ = taken.of(job.turn).try_recv();
            if job.answer.is_closed() {
                continue;
            }
            let verdict = self.judge(&job, &mut memory);
            // The session may have ended meanwhile.
            let _ = job.answer.try_send(verdict);
        }
    }

    /// Waits for a job; releases the memory when none comes. None: the thread ends.
    fn next_job(&self, memory: &mut WorkingMemory) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.ended {
                return None;
            }
            if let Some(job) = queue.pop() {
                return Some(job);
            }
            if !memory.is_held() {
                queue = self
                    .work
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.work.wait_timeout(queue, self.release_after);
            let (guard, wait) = waited.unwrap_or_else(PoisonError::into_inner);
            queue = guard;
            if wait.timed_out() && queue.is_empty() {
                memory.release();
            }
        }
    }

    fn judge(&self, job: &Job, memory: &mut WorkingMemory) -> Verdict {
        match &job.stored {
            None => match verify_nobody(job.password.octets(), memory) {
                Ok(()) => Verdict::Wrong,
                Err(_) => Verdict::Unavailable,
            },
            // A PC often opens several sessions at once: the first one's hash serves them all.
            Some((_, proof)) if self.recall(&job.user, proof) => Verdict::Correct,
            Some((hash, proof)) => {
                let outcome = hash.matches(job.password.octets(), memory);
                if outcome == Ok(true) {
                    lock(&self.successes).remember(&job.user, *proof, Instant::now());
                }
                verdict_of(&outcome)
            }
        }
    }
}

impl Queue {
    fn push(&mut self, job: Job) {
        match job.turn {
            Turn::First => self.jobs.first.push_back(job),
            Turn::Later => self.jobs.later.push_back(job),
        }
    }

    fn pop(&mut self) -> Option<Job> {
        let PerTurn { first, later } = &mut self.jobs;
        let is_laters = self.first_in_a_row + 1 >= LATER_ONE_IN && !later.is_empty();
        if !is_laters && let Some(job) = first.pop_front() {
            // Only those that somebody waited behind count.
            self.first_in_a_row += u32::from(!later.is_empty());
            return Some(job);
        }
        self.first_in_a_row = 0;
        later.pop_front()
    }

    fn is_empty(&self) -> bool {
        self.jobs.first.is_empty() && self.jobs.later.is_empty()
    }
}

impl<T> PerTurn<T> {
    fn of(&self, turn: Turn) -> &T {
        match turn {
            Turn::First => &self.first,
            Turn::Later => &self.later,
        }
    }
}

fn verdict_of(outcome: &Result<bool, PasswordError>) -> Verdict {
    match outcome {
        Ok(true) => Verdict::Correct,
        Ok(false) => Verdict::Wrong,
        Err(_) => Verdict::Unavailable,
    }
}

impl Drop for EndThreads {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.ended = true;
        // Those who still wait for an answer see their channel closed.
        queue.jobs = PerTurn::default();
        drop(queue);
        self.0.work.notify_all();
    }
}

/// A panic while a lock is held leaves nothing half done in here, so a poisoned lock is taken over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
