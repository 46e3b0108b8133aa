//! The file that becomes an archive: under another name until it is whole.
//!
//! It holds keys, and lies where others may put files of theirs. So it is always a new
//! one, private from the first: what an interrupted command left is removed, not used.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::{BackupError, failed};
use super::names::PART;
use crate::files::folder_of;

/// The unfinished file, ours as long as it is open; it goes with its drop.
#[derive(Debug)]
pub struct PartFile {
    handle: File,
    path: PathBuf,
}

impl PartFile {
    /// Beside the archive that it is to become.
    ///
    /// # Errors
    /// Another command writes it; something else has its name; it cannot be written.
    pub fn open(archive: &Path) -> Result<PartFile, BackupError> {
        let mut path = archive.as_os_str().to_owned();
        path.push(PART);
        let path = PathBuf::from(path);
        // Held until the new one is: of two commands that find it one goes on.
        let mut _left_over = None;
        let handle = match create(&path) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
                _left_over = remove_left_over(&path)?;
                create(&path)
            }
            made => made,
        };
        let handle = handle.map_err(|why| match why.kind() {
            io::ErrorKind::AlreadyExists => BackupError::InUse(path.clone()),
            _ => failed("write", &path)(why),
        })?;
        lock(&handle, &path)?;
        Ok(PartFile { handle, path })
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to write it by.
    pub fn output(&self) -> Result<File, BackupError> {
        self.handle.try_clone().map_err(failed("write", &self.path))
    }

    /// All of it is on the disk.
    pub fn sync(&self) -> Result<(), BackupError> {
        let synced = self.handle.sync_all();
        synced.map_err(failed("write", &self.path))
    }

    /// Gives it its name.
    pub fn finish(self, archive: &Path) -> Result<(), BackupError> {
        fs::rename(&self.path, archive).map_err(failed("write", archive))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Renamed if all went well, and the name may be another command's already; else
        // it is nothing that could be of use.
        if is_named(&self.handle, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create_new(true).mode(0o600);
    options.open(path)
}

/// Locks what has this name; whoever had the lock may have removed it just now.
fn lock(handle: &File, path: &Path) -> Result<(), BackupError> {
    match handle.try_lock() {
        Ok(()) if is_named(handle, path) => Ok(()),
        Ok(()) | Err(TryLockError::WouldBlock) => Err(BackupError::InUse(path.to_path_buf())),
        Err(TryLockError::Error(why)) => Err(failed("lock", path)(why)),
    }
}

fn is_named(handle: &File, path: &Path) -> bool {
    let id = |found: Metadata| (found.dev(), found.ino());
    let named = fs::symlink_metadata(path).map(id).ok();
    named.is_some() && named == handle.metadata().map(id).ok()
}

/// Removes what an interrupted command left, if it is that and nobody writes it. Its
/// handle, locked.
fn remove_left_over(path: &Path) -> Result<Option<File>, BackupError> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let options = options.read(true).write(true);
    let handle = match options.custom_flags(flags.bits() as i32).open(path) {
        Ok(handle) => handle,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(BackupError::AnothersPart(path.to_path_buf())),
    };
    let found = handle.metadata().map_err(failed("look at", path))?;
    let folder = folder_of(path);
    let folder = fs::metadata(folder).map_err(failed("look at", folder))?;
    // On a stick's file system all files are those of one user, who has the folder, too.
    let owners = [rustix::process::geteuid().as_raw(), folder.uid()];
    let is_ours = found.is_file() && found.nlink() == 1 && owners.contains(&found.uid());
    if !is_ours {
        return Err(BackupError::AnothersPart(path.to_path_buf()));
    }
    lock(&handle, path)?;
    fs::remove_file(path).map_err(failed("remove", path))?;
    Ok(Some(handle))
}
