//! Replacing a file so that nobody ever reads half of it.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::files::folder_of;

/// How long an edit waits for another one; each takes milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The right to edit the files of a folder, until it is dropped. The folder
/// itself is locked: the files in it are replaced, and a lock file would stay.
#[derive(Debug)]
pub(super) struct FolderLock(#[expect(dead_code, reason = "closing it ends the lock")] File);

impl FolderLock {
    /// Waits for the lock.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another edit does not end.
    pub(super) fn take(folder: &Path) -> io::Result<FolderLock> {
        let handle = File::open(folder)?;
        let started = Instant::now();
        loop {
            match handle.try_lock() {
                Ok(()) => return Ok(FolderLock(handle)),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if started.elapsed() > LOCK_PATIENCE => {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Puts a new file in the place of an old one, with its owner, group and mode:
/// after a crash at any point there is the old one or the new one. Whoever calls
/// has the folder's lock, so that what lies in the way is a crash's.
///
/// # Errors
/// From the system; the old file is then still there.
pub(super) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let old = fs::metadata(file)?;
    let temporary = temporary_beside(file);
    remove_left_over(&temporary)?;
    let written = write_as(&temporary, text, &old).and_then(|()| fs::rename(&temporary, file));
    if let Err(error) = written {
        // Nothing is lost with it, and there is no better answer to a second error.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder_of(file)
}

/// Makes a file's name durable.
pub(super) fn sync_folder_of(file: &Path) -> io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

fn temporary_beside(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    folder_of(file).join(format!(".{name}.new"))
}

/// What an edit left that was killed; password entries are in it.
fn remove_left_over(temporary: &Path) -> io::Result<()> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Private until it has its owner: what is written may be passwords.
fn write_as(file: &Path, text: &str, model: &Metadata) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut handle = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    handle.write_all(text.as_bytes())?;
    let own = handle.metadata()?;
    if (own.uid(), own.gid()) != (model.uid(), model.gid()) {
        fchown(&handle, Some(model.uid()), Some(model.gid()))?;
    }
    handle.set_permissions(Permissions::from_mode(model.mode() & 0o7777))?;
    handle.sync_all()
}
