//! What takes in a backup: a folder or an archive.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Watch;
use super::error::BackupError;
use super::manifest::{FileRecord, Head, Manifest};

/// What became of a body.
pub enum Taken {
    /// It was copied.
    New(FileRecord),
    /// An earlier backup has it.
    Before(FileRecord),
    /// It cannot be read to its end, and nothing of it was taken in.
    Unreadable(io::Error),
}

/// An earlier backup that was kept beside the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub path: PathBuf,
    /// The bodies that it has and the store has lost; none: it is damaged, and may have them.
    pub bodies: Vec<String>,
}

/// A body's file, open, and its name.
pub struct Source<'a> {
    pub name: &'a str,
    pub file: File,
    pub path: &'a Path,
    /// When it was opened.
    pub octets: u64,
}

/// Takes in the files of one backup. Dropped before [`Target::commit`], an earlier
/// backup is as it was.
pub trait Target {
    /// The folder of the database and the settings in this backup.
    fn state(&self) -> &str;

    /// Says what the backup is of, before anything is taken in.
    fn begin(&mut self, head: &Head) -> Result<(), BackupError>;

    /// Where the copy of the database is to be made.
    fn database(&self) -> Result<PathBuf, BackupError>;

    /// Takes a body in.
    fn body(&mut self, body: Source<'_>, watch: &dyn Watch) -> Result<Taken, BackupError>;

    /// Goes on holding a body of so many octets that the store has lost, if an earlier
    /// backup in the same place has it.
    fn hold(&mut self, name: &str, octets: u64) -> Result<Option<FileRecord>, BackupError>;

    /// Takes in the database, which lies at [`Target::database`].
    fn take_database(&mut self, watch: &dyn Watch) -> Result<FileRecord, BackupError>;

    /// Takes in a file of the settings.
    fn settings(&mut self, name: &str, content: &[u8]) -> Result<FileRecord, BackupError>;

    /// From now on this backup counts. The earlier ones that are kept because they have
    /// what the store has lost and this one has not.
    fn commit(self: Box<Self>, manifest: &Manifest) -> Result<Vec<Kept>, BackupError>;
}
