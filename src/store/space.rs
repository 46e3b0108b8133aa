//! Room on the disk: how much there is, and the reserve for a full one.
//!
//! Even deleting needs room: a QUIT and the sweep write to the log first. So a
//! file of some megabytes stands in the data folder. When a commit finds the
//! disk full the writer removes it, refuses deliveries, and lets everything
//! else through; when there is room again the sweep makes it anew. A file
//! instead of a limit on our own use, because it is mostly other programs that
//! fill a disk.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FallocateFlags;

/// Octets of the reserve: the log of the largest sweep step and of many QUITs
/// fits several times.
pub(super) const RESERVE_OCTETS: u64 = 16 << 20;

/// As much as a page of the database.
const PROBE_OCTETS: usize = 4096;

/// What a disk has, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What this program may still use.
    pub free: u64,
    pub total: u64,
}

/// Room on the disk of the data folder, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    pub free: u64,
    pub total: u64,
    pub state: SpaceState,
}

/// Whether mail may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceState {
    Enough,
    /// Less than `keep_free`: answer 452 4.3.1, pause fetching, sweep.
    Short,
}

type Reading = dyn Fn(&Path) -> io::Result<Room> + Send + Sync;

/// Where readings of the disk come from.
#[derive(Clone)]
pub struct Disk(Arc<Reading>);

impl Disk {
    /// The disk that holds the folder.
    pub fn real() -> Disk {
        Disk(Arc::new(|folder| {
            let found = rustix::fs::statvfs(folder)?;
            Ok(Room {
                free: found.f_bavail.saturating_mul(found.f_frsize),
                total: found.f_blocks.saturating_mul(found.f_frsize),
            })
        }))
    }

    /// A disk that is as full as a test says.
    #[cfg(test)]
    pub fn pretended(reading: impl Fn() -> Room + Send + Sync + 'static) -> Disk {
        Disk(Arc::new(move |_| Ok(reading())))
    }

    pub(super) fn read(&self, folder: &Path) -> io::Result<Room> {
        (self.0)(folder)
    }
}

/// Writes a little, and takes it away again: what the disk says to that now.
pub(super) fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join("probe");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(&[b'.'; PROBE_OCTETS])?;
            file.sync_all()
        });
    // Not there, or as small as that: the outcome is what counts.
    let _ = fs::remove_file(&path);
    written
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

/// The file that keeps some room back.
#[derive(Debug, Clone)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    pub fn at(folder: &Path) -> Reserve {
        Reserve(folder.join("reserve"))
    }

    pub fn exists(&self) -> bool {
        fs::metadata(&self.0).is_ok_and(|found| found.len() == RESERVE_OCTETS)
    }

    /// Gives its room back to the disk.
    pub fn release(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Sets the room aside; leaves nothing behind where there is none.
    pub fn make(&self) -> io::Result<()> {
        let made = self.try_make();
        if made.is_err() {
            // The error that matters is the first one.
            let _ = self.release();
        }
        made
    }

    fn try_make(&self) -> io::Result<()> {
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.0)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, RESERVE_OCTETS) {
            Ok(()) => Ok(()),
            // Not every file system can set room aside without writing.
            Err(rustix::io::Errno::OPNOTSUPP) => {
                io::copy(
                    &mut io::Read::take(io::repeat(b'.'), RESERVE_OCTETS),
                    &mut &file,
                )?;
                file.sync_all()
            }
            Err(error) => Err(error.into()),
        }
    }
}
