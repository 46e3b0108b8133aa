//! Files and folders that were not there: private, and the folder's owner's where
//! root makes them, for the hub must get in. For what `init`, `setup`, a restore and
//! `import-fetchmailrc` write.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::OFlags;

use super::init::InitError;
use super::replace::sync_folder_of;
use super::user::is_root;
use crate::files::folder_of;

/// Makes a folder for passwords. Where it is the parent's owner's, that one's
/// group may enter, as it may read the files.
pub(super) fn make_secret_folder(folder: &Path) -> Result<(), InitError> {
    match make_folder(folder, 0o700)? {
        FolderOwner::AsItWas => Ok(()),
        FolderOwner::TheParents(handle) => handle
            .set_permissions(Permissions::from_mode(0o750))
            .map_err(|error| InitError::Write {
                path: folder.to_path_buf(),
                error,
            }),
    }
}

/// Makes a folder; one that is there already keeps its mode and its owner. One
/// that root makes is its parent's owner's, for the hub must get in.
///
/// # Errors
/// From the system.
pub fn make_folder(folder: &Path, mode: u32) -> Result<FolderOwner, InitError> {
    let make = || {
        if folder.is_dir() {
            return Ok(FolderOwner::AsItWas);
        }
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(folder)?;
        let parent = fs::metadata(folder_of(folder))?;
        // By a handle: the parent's owner could put a link in the folder's place.
        let no_link = OFlags::NOFOLLOW | OFlags::DIRECTORY;
        let handle = OpenOptions::new()
            .read(true)
            .custom_flags(no_link.bits() as i32)
            .open(folder)?;
        let own = handle.metadata()?;
        if !is_roots_for_another(&own, &parent) {
            return Ok(FolderOwner::AsItWas);
        }
        fchown(&handle, Some(parent.uid()), Some(parent.gid()))?;
        Ok(FolderOwner::TheParents(handle))
    };
    make().map_err(|error| InitError::Write {
        path: folder.to_path_buf(),
        error,
    })
}

/// Whose a folder is that [`make_folder`] was asked for.
pub enum FolderOwner {
    /// Ours, or whoever's it was before.
    AsItWas,
    /// The owner's of the folder above; its handle.
    TheParents(File),
}

fn is_roots_for_another(own: &Metadata, folder: &Metadata) -> bool {
    let is_anothers = (own.uid(), own.gid()) != (folder.uid(), folder.gid());
    is_anothers && is_root()
}

/// Writes a file that is not there yet, private or the folder's owner's; whole,
/// or not at all.
///
/// # Errors
/// A file that is there already; from the system.
pub fn write_new(file: &Path, content: &[u8]) -> Result<(), InitError> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(file);
    let written = made.and_then(|handle| {
        fill(file, handle, content).inspect_err(|_| {
            // The first error is the one to tell.
            let _ = fs::remove_file(file);
        })
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(file.to_path_buf()),
        _ => InitError::Write {
            path: file.to_path_buf(),
            error,
        },
    })
}

fn fill(file: &Path, mut handle: File, content: &[u8]) -> io::Result<()> {
    let folder = fs::metadata(folder_of(file))?;
    if is_roots_for_another(&handle.metadata()?, &folder) {
        fchown(&handle, Some(folder.uid()), Some(folder.gid()))?;
        handle.set_permissions(Permissions::from_mode(0o640))?;
    }
    handle.write_all(content)?;
    handle.sync_all()?;
    sync_folder_of(file)
}
