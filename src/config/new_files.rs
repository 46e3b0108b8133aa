//! Files and folders that were not there: private, and the folder's owner's where
//! root makes them, for the hub must get in. For what `init`, `setup`, a restore and
//! `import-fetchmailrc` write.
//!
//! Everything goes by the handle of the folder that it is made in: that folder's owner
//! could exchange it for another one between two calls of root's.

use std::ffi::OsStr;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::{Mode, fchmod};

use super::init::InitError;
use super::user::is_root;
use crate::files::{Folder, folder_of};

/// Makes a folder for passwords. Where it is the parent's owner's, that one's
/// group may enter, as it may read the files.
pub(super) fn make_secret_folder(folder: &Path) -> Result<(), InitError> {
    match make_folder(folder, 0o700)? {
        FolderOwner::AsItWas => Ok(()),
        FolderOwner::TheParents(made) => fchmod(&made, Mode::from_raw_mode(0o750))
            .map_err(|error| cannot_write(folder)(error.into())),
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
        let above = folder_of(folder);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(mode).create(above)?;
        let (made, owner) = make_in(&Folder::open_trusted(above)?, name_of(folder), mode)?;
        Ok(match owner {
            MadeBy::Us => FolderOwner::AsItWas,
            MadeBy::RootForTheOwner => FolderOwner::TheParents(made),
        })
    };
    make().map_err(cannot_write(folder))
}

/// Whose a folder is that [`make_folder`] was asked for.
pub enum FolderOwner {
    /// Ours, or whoever's it was before.
    AsItWas,
    /// The owner's of the folder above.
    TheParents(Folder),
}

/// For whom [`make_in`] has made a folder.
enum MadeBy {
    Us,
    RootForTheOwner,
}

fn make_in(above: &Folder, name: &OsStr, mode: u32) -> io::Result<(Folder, MadeBy)> {
    let made = above.make_below(name, mode)?;
    let owner = above.metadata()?;
    if !is_roots_for_another(&made.metadata()?, &owner) {
        return Ok((made, MadeBy::Us));
    }
    fchown(&made, Some(owner.uid()), Some(owner.gid()))?;
    Ok((made, MadeBy::RootForTheOwner))
}

/// A folder in another one, and no link; made as by [`make_folder`] if it is not there.
///
/// # Errors
/// Something else has its name; from the system.
pub fn folder_in(above: &Folder, name: &OsStr, mode: u32) -> io::Result<Folder> {
    match make_in(above, name, mode) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => above.folder(name),
        made => made.map(|(made, _)| made),
    }
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
    let folder = Folder::open_trusted(folder_of(file));
    let written = folder.and_then(|folder| write_new_in(&folder, name_of(file), content));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(file.to_path_buf()),
        _ => cannot_write(file)(error),
    })
}

/// The same, in this folder.
///
/// # Errors
/// See [`write_new`].
pub fn write_new_in(folder: &Folder, name: &OsStr, content: &[u8]) -> io::Result<()> {
    let handle = folder.create(name)?;
    fill(folder, handle, content).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = folder.remove(name);
    })
}

fn fill(folder: &Folder, mut handle: File, content: &[u8]) -> io::Result<()> {
    let owner = folder.metadata()?;
    if is_roots_for_another(&handle.metadata()?, &owner) {
        fchown(&handle, Some(owner.uid()), Some(owner.gid()))?;
        handle.set_permissions(Permissions::from_mode(0o640))?;
    }
    handle.write_all(content)?;
    handle.sync_all()?;
    folder.sync()
}

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> InitError + use<> {
    let path = path.to_path_buf();
    move |error| InitError::Write { path, error }
}
