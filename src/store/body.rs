//! A message's body on its way in.
//!
//! Up to 128 KiB it stays in memory and goes into the database with its row.
//! A larger one goes into a file while it still arrives: `bodies/NAME.part`,
//! then synced, renamed, and the folder synced, all before its row can commit.
//! So a row's file is always whole, and a file without a row is an orphan that
//! the next start removes. The octets are never changed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_channel::Receiver;

use super::disk::{DiskQueue, Pending};
use super::error::StoreError;
use super::folder::PART;
use super::types::UniqueId;

/// The largest body that is kept in the database, in octets.
pub const INLINE_OCTETS: usize = 128 << 10;
/// What is handed to a disk thread at a time, once there is a file. From its second
/// piece on a body that arrives holds two such pieces at most, and a hundred may.
const PIECE_OCTETS: usize = 32 << 10;

/// A body whose caller went on after a failed write.
const INCOMPLETE: StoreError = StoreError::Refused("not all octets of this body were taken in");

/// A complete body, ready to be delivered. Dropped without a delivery, its
/// file goes.
#[derive(Debug)]
pub struct Body {
    pub(super) content: Content,
    octets: u64,
    tail: [u8; 2],
}

#[derive(Debug)]
pub(super) enum Content {
    Memory(Vec<u8>),
    File(BodyFile),
}

impl Body {
    /// Octets of the body alone.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Its file, for who decides whether that stays.
    pub(super) fn file(&self) -> Option<BodyFile> {
        match &self.content {
            Content::File(file) => Some(file.clone()),
            Content::Memory(_) => None,
        }
    }

    /// The name of its file, or else its octets: what its row has of it.
    pub(super) fn columns(&self) -> (Option<&str>, Option<&[u8]>) {
        match &self.content {
            Content::Memory(octets) => (None, Some(octets)),
            Content::File(file) => (Some(file.name()), None),
        }
    }

    /// What it adds to a transaction.
    pub(super) fn octets_in_row(&self) -> usize {
        match &self.content {
            Content::Memory(octets) => octets.len(),
            Content::File(_) => 0,
        }
    }

    /// The last two octets; a shorter body has zeros in front.
    pub(super) fn tail(&self) -> [u8; 2] {
        self.tail
    }
}

/// Takes in one body piece by piece. Dropped unfinished, nothing of it stays.
#[derive(Debug)]
pub struct BodyWriter {
    folder: Arc<Path>,
    disk: DiskQueue,
    /// Not yet handed to the disk.
    buffer: Vec<u8>,
    octets: u64,
    tail: [u8; 2],
    file: Option<BodyFile>,
    /// The piece that a disk thread is writing. One at a time keeps the order.
    pending: Option<Pending<Vec<u8>>>,
}

impl BodyWriter {
    pub(super) fn new(folder: Arc<Path>, disk: DiskQueue) -> BodyWriter {
        BodyWriter {
            folder,
            disk,
            buffer: Vec::new(),
            octets: 0,
            tail: [0; 2],
            file: None,
            pending: None,
        }
    }

    /// Octets taken in so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Takes in the next octets. Waits only for the disk.
    ///
    /// # Errors
    /// When a file cannot be written; the body is lost then, drop it.
    pub async fn write(&mut self, mut octets: &[u8]) -> Result<(), StoreError> {
        self.note(octets);
        while self.buffer.len() + octets.len() > self.buffer_limit() {
            let room = self.buffer_limit().saturating_sub(self.buffer.len());
            let (now, later) = octets.split_at(room.min(octets.len()));
            self.buffer.extend_from_slice(now);
            octets = later;
            self.hand_over().await?;
        }
        self.buffer.extend_from_slice(octets);
        Ok(())
    }

    /// The whole body; a large one is safe on the disk now.
    ///
    /// # Errors
    /// When the file cannot be written or synced, or a write before this one
    /// failed or was dropped half-way.
    pub async fn finish(mut self) -> Result<Body, StoreError> {
        if self.file.is_some() && !self.buffer.is_empty() {
            self.hand_over().await?;
        }
        self.wait().await?;
        let content = match self.file.take() {
            None if self.buffer.len() as u64 == self.octets => {
                Content::Memory(std::mem::take(&mut self.buffer))
            }
            None => return Err(INCOMPLETE),
            Some(file) => {
                let sealing = file.clone();
                let (folder, octets) = (Arc::clone(&self.folder), self.octets);
                let sealed = self
                    .disk
                    .start(move || sealing.seal(&folder, octets))
                    .await?;
                sealed.done().await?;
                Content::File(file)
            }
        };
        Ok(Body {
            content,
            octets: self.octets,
            tail: self.tail,
        })
    }

    fn buffer_limit(&self) -> usize {
        match self.file {
            None => INLINE_OCTETS,
            Some(_) => PIECE_OCTETS,
        }
    }

    fn note(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        match octets {
            [.., before, last] => self.tail = [*before, *last],
            [last] => self.tail = [self.tail[1], *last],
            [] => {}
        }
    }

    /// Gives the buffer to a disk thread, after the piece before it is done.
    async fn hand_over(&mut self) -> Result<(), StoreError> {
        let spare = self.wait().await?;
        let piece = std::mem::replace(&mut self.buffer, spare);
        let file = match &self.file {
            Some(file) => file.clone(),
            None => {
                let file = BodyFile::name_new(&self.folder)?;
                let made = file.clone();
                self.file = Some(file);
                made
            }
        };
        let written = self.disk.start(move || file.append(piece)).await?;
        self.pending = Some(written);
        Ok(())
    }

    /// Waits for the piece under way; its buffer can be used again.
    async fn wait(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.pending.take() {
            Some(pending) => pending.done().await,
            None => Ok(Vec::new()),
        }
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Removing a large file takes its time; a disk thread has it.
            self.disk.soon(move || drop(file));
        }
    }
}

/// A body's file. When the last holder lets go of it, it is removed, unless a
/// row names it by then.
#[derive(Debug, Clone)]
pub(super) struct BodyFile(Arc<Held>);

#[derive(Debug)]
struct Held {
    name: String,
    state: std::sync::Mutex<State>,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    open: Option<File>,
    kept: bool,
}

impl BodyFile {
    fn name_new(folder: &Path) -> Result<BodyFile, StoreError> {
        let name = UniqueId::draw()?.to_string();
        let path = folder.join(format!("{name}{PART}"));
        Ok(BodyFile(Arc::new(Held {
            name,
            state: std::sync::Mutex::new(State {
                path,
                open: None,
                kept: false,
            }),
        })))
    }

    /// As the row names it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A row names the file, or may: only the sweep removes it now.
    pub fn keep(&self) {
        self.0.state().kept = true;
    }

    /// Blocking. Returns the emptied buffer, or a new one for one that is too large.
    fn append(&self, mut piece: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let mut state = self.0.state();
        let failed = |error| StoreError::file("write", &error);
        let mut file = match state.open.take() {
            Some(file) => file,
            None => OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&state.path)
                .map_err(failed)?,
        };
        file.write_all(&piece).map_err(failed)?;
        state.open = Some(file);
        if piece.capacity() > PIECE_OCTETS {
            return Ok(Vec::with_capacity(PIECE_OCTETS));
        }
        piece.clear();
        Ok(piece)
    }

    /// Blocking: syncs, renames, syncs the folder. Only a file that holds all
    /// the octets: one that a failed write cut short stays an unfinished one.
    fn seal(&self, folder: &Path, octets: u64) -> Result<(), StoreError> {
        let mut state = self.0.state();
        let failed = |error| StoreError::file("sync", &error);
        let file = state.open.take().ok_or(INCOMPLETE)?;
        if file.metadata().map_err(failed)?.len() != octets {
            return Err(INCOMPLETE);
        }
        file.sync_all().map_err(failed)?;
        let sealed = folder.join(&self.0.name);
        fs::rename(&state.path, &sealed).map_err(failed)?;
        state.path = sealed;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }
}

impl Held {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let state = self.state();
        if !state.kept {
            // Not there yet, or gone: either way nothing is left. What cannot be
            // removed is an orphan, and the next start tries again.
            let _ = fs::remove_file(&state.path);
        }
    }
}

/// Removes the files of messages that are gone. The receiver hears when it is done.
pub(super) fn remove_files(
    disk: &DiskQueue,
    folder: &Arc<Path>,
    names: Vec<String>,
) -> Option<Receiver<()>> {
    if names.is_empty() {
        return None;
    }
    let folder = Arc::clone(folder);
    let (done, hears) = async_channel::bounded(1);
    disk.soon(move || {
        for name in names {
            // What cannot be removed is an orphan, and the next start tries again.
            let _ = fs::remove_file(folder.join(name));
        }
        // Nobody need be listening.
        let _ = done.try_send(());
    });
    Some(hears)
}
