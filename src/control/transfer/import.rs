//! The hub's end of an import.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER_PERMISSIVE;
use smol::{Executor, Task, future};

use super::super::messages::Answer;
use super::super::perform::LIST_STEP;
use super::super::server::Answering;
use super::{Gone, ImportHead, ImportReply, ImportStep, Line};
use crate::formats::Likeness;
use crate::journal;
use crate::store::{
    self, Body, BodyWriter, Brought, CHUNK_OCTETS, EntryId, INLINE_OCTETS, Import, ImportedBefore,
    ImportedMessage, MailRow, Moment, Part, SpaceState, Store, StoreError,
};

/// Messages that may wait for their commit: what one transaction takes.
const IN_FLIGHT_MAX: usize = 256;
/// What a message holds beside its content.
const BESIDE_OCTETS: usize = 2 * 1024;
/// So much of the mailbox is read before the command hears of it: on a slow disk,
/// too, sooner than the command gives up.
const SILENT_OCTETS_MAX: u64 = 64 << 20;
/// Digests in a chunk of what was imported before.
const DIGESTS: usize = CHUNK_OCTETS / 32;

/// Takes in what the command brings.
pub async fn import(
    line: &mut Line,
    hub: &impl Answering,
    user: &str,
    gone: Gone,
) -> io::Result<()> {
    let store = hub.store();
    let begun = match hub.memory_for_import().await {
        None => Err("no memory is free at present; try again".to_string()),
        Some(memory) => match store
            .begin_import(user, of_store(gone), Moment::now())
            .await
        {
            Ok(import) => Ok((import, memory)),
            Err(why) => Err(why.to_string()),
        },
    };
    let (import, (grant, memory)) = match begun {
        Ok(begun) => begun,
        Err(why) => return line.answer(&Answer::Failed { why }).await,
    };
    line.answer(&Answer::Importing).await?;
    tell_known(line, store, &import).await?;
    let tasks: Executor<'static> = Executor::new();
    let intake = Intake {
        line,
        store,
        import,
        commits: Commits {
            tasks: &tasks,
            under_way: VecDeque::new(),
            held: 0,
            memory,
        },
    };
    let outcome = tasks.run(intake.run()).await;
    drop(grant);
    outcome
}

fn of_store(gone: Gone) -> store::Gone {
    match gone {
        Gone::LeaveOut => store::Gone::LeaveOut,
        Gone::BringBack => store::Gone::BringBack,
    }
}

/// The likenesses of all that is in the mailbox, with our trace lines and without, and
/// then of all that was imported before and is there no more. What cannot be read is
/// not known: it comes again.
async fn tell_known(line: &mut Line, store: &Store, import: &Import) -> io::Result<()> {
    tell_here(line, store, import).await?;
    line.write_chunk(b"").await?;
    tell_before(line, store, import).await?;
    line.write_chunk(b"").await?;
    line.flush().await
}

async fn tell_here(line: &mut Line, store: &Store, import: &Import) -> io::Result<()> {
    let mut after = None;
    loop {
        let rows = store
            .mail_in(import.mailbox, Part::Both, after, LIST_STEP)
            .await;
        let rows: Vec<MailRow> = rows.map_err(io::Error::other)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = Some(last.entry);
        let mut unsaid = 0;
        for row in rows {
            if let Ok(both) = likenesses(store, row.entry).await {
                line.write_chunk(&both.concat()).await?;
            }
            unsaid += row.octets;
            if unsaid >= SILENT_OCTETS_MAX {
                unsaid = 0;
                line.flush().await?;
            }
        }
        line.flush().await?;
    }
}

async fn tell_before(line: &mut Line, store: &Store, import: &Import) -> io::Result<()> {
    let mut after = None;
    loop {
        let known = store.imported_before(import, after, DIGESTS).await;
        let known: Vec<ImportedBefore> = known.map_err(io::Error::other)?;
        let Some(last) = known.last() else {
            return Ok(());
        };
        after = Some(last.id);
        let gone = known.iter().filter(|record| !record.is_here);
        let digests: Vec<u8> = gone.flat_map(|record| record.likeness).collect();
        if !digests.is_empty() {
            line.write_chunk(&digests).await?;
        }
    }
}

async fn likenesses(store: &Store, entry: EntryId) -> Result<[[u8; 32]; 2], StoreError> {
    let mut reader = store.open_message(entry).await?;
    let mut trace_left = reader.trace_octets();
    let (mut whole, mut body) = (Likeness::default(), Likeness::default());
    while let Some(chunk) = reader.next_chunk().await? {
        whole.update(&chunk);
        let behind = trace_left.min(chunk.len());
        trace_left -= behind;
        body.update(chunk.get(behind..).unwrap_or_default());
    }
    Ok([whole.finish(), body.finish()])
}

struct Intake<'a> {
    line: &'a mut Line,
    store: &'a Store,
    import: Import,
    commits: Commits<'a>,
}

/// Why the intake ends before the command says so.
enum Stop {
    Connection(io::Error),
    Store(String),
}

impl From<io::Error> for Stop {
    fn from(why: io::Error) -> Stop {
        Stop::Connection(why)
    }
}

impl From<StoreError> for Stop {
    fn from(why: StoreError) -> Stop {
        Stop::Store(why.to_string())
    }
}

impl Intake<'_> {
    async fn run(mut self) -> io::Result<()> {
        let mut outcome = self.take_all().await;
        // What was complete is committed, whatever came after it.
        while outcome.is_ok() || matches!(outcome, Err(Stop::Store(_))) {
            let Some(committed) = self.commits.first().await else {
                break;
            };
            if let (Err(why), true) = (self.reply(committed).await, outcome.is_ok()) {
                outcome = Err(why);
            }
        }
        match outcome {
            Ok(()) => self.line.write(&ImportReply::Done).await?,
            Err(Stop::Connection(why)) => return Err(why),
            Err(Stop::Store(why)) => self.line.write(&ImportReply::Stopped { why }).await?,
        }
        self.line.flush().await
    }

    async fn take_all(&mut self) -> Result<(), Stop> {
        loop {
            match self.line.read().await? {
                ImportStep::Message => self.take_one().await?,
                ImportStep::StillHere => {}
                ImportStep::End => return Ok(()),
                ImportStep::Keep(_) | ImportStep::Drop => return Err(out_of_step().into()),
            }
        }
    }

    async fn take_one(&mut self) -> Result<(), Stop> {
        if self.store.space()?.state == SpaceState::Short {
            let why = "the disk is short of room; make some, and run the command again: what has come is known";
            return Err(Stop::Store(why.to_string()));
        }
        while !self.commits.has_room() {
            if let Some(committed) = self.commits.first().await {
                self.reply(committed).await?;
                self.line.flush().await?;
            }
        }
        let mut body = self.store.new_body();
        let mut chunk = Vec::new();
        while self.line.read_chunk(&mut chunk).await? {
            body.write(&chunk).await?;
        }
        match self.line.read().await? {
            ImportStep::Keep(head) => self.keep(head, body).await,
            ImportStep::Drop => Ok(()),
            ImportStep::Message | ImportStep::StillHere | ImportStep::End => {
                Err(out_of_step().into())
            }
        }
    }

    async fn keep(&mut self, head: ImportHead, body: BodyWriter) -> Result<(), Stop> {
        let likeness = HEXLOWER_PERMISSIVE.decode(head.likeness.as_bytes());
        let likeness = likeness.ok().and_then(|it| <[u8; 32]>::try_from(it).ok());
        let likeness = likeness.ok_or_else(out_of_step)?;
        let (store, import) = (self.store.clone(), self.import.clone());
        let (id, octets) = (store.next_id(SystemTime::now()), body.octets());
        let message = move |body: Body| ImportedMessage {
            id,
            received_at: UNIX_EPOCH
                + Duration::from_secs(u64::try_from(head.received_at).unwrap_or(0)),
            reverse_path: head.reverse_path,
            body,
            why: format!("imported from {}", head.file),
            likeness,
        };
        let commit = async move {
            let message = Arc::new(message(body.finish().await?));
            let brought = store
                .deliver_imported(&import, &message, Moment::now())
                .await?;
            if let Brought::Imported(_) = brought {
                journal::imported(id, &import.user, octets, &message.why);
            }
            Ok((brought, message))
        };
        self.commits.begin(octets, commit).await;
        Ok(())
    }

    async fn reply(&mut self, committed: Committed) -> Result<(), Stop> {
        let (brought, message) = committed?;
        let reply = match brought {
            Brought::Imported(_) => ImportReply::Imported,
            Brought::Gone => ImportReply::Known,
            Brought::Here(entry) => self.compare(entry, &message).await?,
        };
        Ok(self.line.write(&reply).await?)
    }

    /// One like the message is in the mailbox. Where its content is another one by now,
    /// or none, it gets this one.
    async fn compare(
        &self,
        entry: EntryId,
        message: &Arc<ImportedMessage>,
    ) -> Result<ImportReply, StoreError> {
        if let Ok(both) = likenesses(self.store, entry).await
            && both.contains(&message.likeness)
        {
            return Ok(ImportReply::Known);
        }
        let mended = self.store.mend_imported(&self.import, entry, message).await;
        let Some(receipt) = mended? else {
            return Ok(ImportReply::Known);
        };
        let octets = message.body.octets();
        journal::mended(receipt.queue_id(), &self.import.user, octets, &message.why);
        Ok(ImportReply::Mended)
    }
}

fn out_of_step() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// What became of a message, and the message.
type Committed = Result<(Brought, Arc<ImportedMessage>), StoreError>;

/// Commits that are under way, oldest first: many share one sync of the disk.
struct Commits<'a> {
    tasks: &'a Executor<'static>,
    under_way: VecDeque<(Task<Committed>, usize)>,
    /// Octets of memory that messages hold until they are committed.
    held: usize,
    memory: usize,
}

impl Commits<'_> {
    /// Whether one more message, of any size, fits into the memory.
    fn has_room(&self) -> bool {
        let fits = self.held + INLINE_OCTETS + BESIDE_OCTETS <= self.memory;
        self.under_way.is_empty() || fits && self.under_way.len() < IN_FLIGHT_MAX
    }

    /// Starts a commit. It gets into the store's queue here and now, so that mail
    /// lies in the mailbox in the order of the file; only a message in a file of its
    /// own may be overtaken while the disk takes it.
    async fn begin(
        &mut self,
        octets: u64,
        commit: impl Future<Output = Committed> + Send + 'static,
    ) {
        let content =
            usize::try_from(octets).map_or(INLINE_OCTETS, |octets| octets.min(INLINE_OCTETS));
        let held = content + BESIDE_OCTETS;
        let mut commit = Box::pin(commit);
        let done = future::poll_once(&mut commit).await;
        let task = match done {
            Some(done) => self.tasks.spawn(future::ready(done)),
            None => self.tasks.spawn(commit),
        };
        self.held += held;
        self.under_way.push_back((task, held));
    }

    /// What the oldest came to; none: nothing is under way.
    async fn first(&mut self) -> Option<Committed> {
        let (task, held) = self.under_way.pop_front()?;
        self.held -= held;
        Some(task.await)
    }
}
