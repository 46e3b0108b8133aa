//! One change to the database, from its caller to the writer and back.
//!
//! Knows nothing of threads or transactions: the writer applies it, perhaps
//! more than once, and settles it exactly once.

use async_channel::Sender;
use rusqlite::Connection;

use super::error::StoreError;

/// Whether a change may use the last of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Brings mail in: refused while the disk is full.
    Intake,
    /// Removes, marks or repairs: may use the reserve.
    Upkeep,
}

/// What became of a change, told on the writer's thread before its caller hears.
pub(super) enum Outcome<'a, T> {
    Committed(&'a mut T),
    /// Rolled back: nothing of it is on disk.
    RolledBack,
    /// The commit failed half-way: a restart may find it done.
    Uncertain,
}

/// One change with its way back to the caller.
pub(super) trait Change: Send {
    fn octets(&self) -> usize;
    fn urgency(&self) -> Urgency;
    /// May be called again after the transaction was rolled back.
    fn apply(&mut self, db: &Connection) -> Result<(), StoreError>;
    fn settle(self: Box<Self>, verdict: Verdict);
}

pub(super) enum Verdict {
    Committed,
    RolledBack(StoreError),
    Uncertain(StoreError),
}

pub(super) struct Task<T, W, S> {
    pub octets: usize,
    pub urgency: Urgency,
    pub work: W,
    pub made: Option<T>,
    pub settled: S,
    pub reply: Sender<Result<T, StoreError>>,
}

impl<T, W, S> Change for Task<T, W, S>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T, StoreError> + Send,
    S: FnOnce(Outcome<'_, T>) + Send,
{
    fn octets(&self) -> usize {
        self.octets
    }

    fn urgency(&self) -> Urgency {
        self.urgency
    }

    fn apply(&mut self, db: &Connection) -> Result<(), StoreError> {
        self.made = None;
        self.made = Some((self.work)(db)?);
        Ok(())
    }

    fn settle(self: Box<Self>, verdict: Verdict) {
        let answer = match (verdict, self.made) {
            (Verdict::Committed, Some(mut made)) => {
                (self.settled)(Outcome::Committed(&mut made));
                Ok(made)
            }
            // A change is settled as committed only after `apply` made its answer.
            (Verdict::Committed, None) => Err(StoreError::Closed),
            (Verdict::RolledBack(error), _) => {
                (self.settled)(Outcome::RolledBack);
                Err(error)
            }
            (Verdict::Uncertain(error), _) => {
                (self.settled)(Outcome::Uncertain);
                Err(error)
            }
        };
        // A caller who has gone away needs no answer.
        let _ = self.reply.try_send(answer);
    }
}
