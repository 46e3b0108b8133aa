//! Commits that run beside the session, and how much may wait for them.

use std::future::Future;
use std::sync::Arc;

use smol::channel::{self, Receiver, Sender};
use smol::future;

use crate::fetch::Arrived;
use crate::net::limits::MESSAGE_OCTETS;
use crate::net::message_memory::MemoryGrant;
use crate::store::{FetchedDelivery, FetchedId, INLINE_OCTETS, Receipt, StoreError};

/// What a message holds beside its content: its task, header block and digests.
/// Without it a poll of a hundred thousand short messages would have ten thousand
/// of them under way.
const BESIDE_OCTETS: usize = 8 * 1024;

/// A commit that is over.
#[derive(Debug)]
pub(super) struct Committed {
    pub arrived: Arrived,
    pub octets: u64,
    pub outcome: Result<Done, StoreError>,
    held: usize,
}

/// What is committed.
#[derive(Debug)]
pub(super) enum Done {
    Delivered(FetchedDelivery),
    /// It was here already, under another name.
    Recognised {
        record: FetchedId,
        receipt: Receipt,
        is_over: bool,
    },
}

/// The commits of one poll.
#[derive(Debug)]
pub(super) struct Commits {
    sender: Sender<Committed>,
    receiver: Receiver<Committed>,
    under_way: usize,
    /// Octets of memory that messages hold until they are committed.
    held: usize,
    memory: MemoryGrant,
    memory_octets: usize,
}

impl Commits {
    pub fn new() -> Commits {
        let (sender, receiver) = channel::unbounded();
        Commits {
            sender,
            receiver,
            under_way: 0,
            held: 0,
            memory: MemoryGrant::new(),
            memory_octets: 0,
        }
    }

    /// From now on messages may hold so much.
    pub fn use_memory(&mut self, (memory, octets): (MemoryGrant, usize)) {
        (self.memory, self.memory_octets) = (memory, octets);
    }

    /// Nothing is under way, and nothing will be.
    pub fn give_memory_back(&mut self) {
        self.memory.clear();
    }

    /// Starts a commit. What waits for nothing but its turn gets into the store's
    /// queue here and now, so that mail lies in a mailbox in the order that it had
    /// at the provider; only a message in a file of its own may be overtaken while
    /// the disk takes it.
    pub async fn begin(
        &mut self,
        arrived: Arrived,
        octets: u64,
        commit: impl Future<Output = Result<Done, StoreError>> + Send + 'static,
        tasks: &Arc<smol::Executor<'static>>,
    ) {
        // A larger message lies in a file.
        let content =
            usize::try_from(octets).map_or(INLINE_OCTETS, |octets| octets.min(INLINE_OCTETS));
        let held = BESIDE_OCTETS + content;
        let mut commit = Box::pin(commit);
        let outcome = future::poll_once(&mut commit).await;
        let sender = self.sender.clone();
        let task = async move {
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => commit.await,
            };
            let committed = Committed {
                arrived,
                octets,
                outcome,
                held,
            };
            // The poll may be over; what is committed, the next one finds.
            let _ = sender.send(committed).await;
        };
        self.held += held;
        self.under_way += 1;
        tasks.spawn(task).detach();
    }

    pub fn are_under_way(&self) -> bool {
        self.under_way > 0
    }

    /// Whether a further message has to wait for one of them.
    pub fn are_too_many(&self) -> bool {
        self.under_way > 0 && self.held + MESSAGE_OCTETS > self.memory_octets
    }

    /// The next one that is over; never, while there is none.
    pub async fn next(&mut self) -> Committed {
        let Ok(committed) = self.receiver.recv().await else {
            // Cannot be: this struct holds a sender.
            return std::future::pending().await;
        };
        self.under_way = self.under_way.saturating_sub(1);
        self.held = self.held.saturating_sub(committed.held);
        committed
    }
}
