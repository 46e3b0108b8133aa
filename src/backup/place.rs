//! Where a backup goes: never into what is backed up, nor where its disk is missing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Place;
use super::archive::Archive;
use super::earlier::Own;
use super::error::{BackupError, failed};
use super::folder::Folder;
use super::settings;
use super::target::Target;
use crate::config::Configuration;
use crate::files::folder_of;

/// Where a backup lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Disk {
    /// On that of the mail: when the disk dies, both are gone.
    TheMails,
    #[default]
    Another,
}

/// Opens what takes the backup in.
///
/// # Errors
/// The folder that it is to be in is not there, or is part of what is backed up; what is
/// there is no backup of this store.
pub fn open_target(
    configuration: &Configuration,
    place: &Place,
    own: &Own,
) -> Result<Box<dyn Target>, BackupError> {
    match place {
        Place::Folder(path) => {
            refuse_without_folder(path)?;
            refuse_inside(configuration, path)?;
            Ok(Box::new(Folder::open(path, own)?))
        }
        Place::File(path) => {
            refuse_without_folder(path)?;
            refuse_inside(configuration, path)?;
            Ok(Box::new(Archive::in_file(path, own)?))
        }
        Place::Stream => Ok(Box::new(Archive::on_output()?)),
    }
}

/// Where a disk is not mounted, the folders that are on it are missing: making them would
/// put the backup on the disk of the system.
fn refuse_without_folder(target: &Path) -> Result<(), BackupError> {
    let above = folder_of(target);
    match above.is_dir() || target.is_dir() {
        true => Ok(()),
        false => Err(BackupError::NoFolder(above.to_path_buf())),
    }
}

/// Which disk a backup lies on. What cannot be told is not warned of.
pub fn disk_of(configuration: &Configuration, place: &Place) -> Disk {
    let path = match place {
        Place::Folder(path) => path.as_path(),
        Place::File(path) => folder_of(path),
        Place::Stream => return Disk::Another,
    };
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    match (device(path), device(&configuration.data_dir)) {
        (Some(its), Some(mails)) if its == mails => Disk::TheMails,
        _ => Disk::Another,
    }
}

/// A backup within what it is of would be lost with it.
fn refuse_inside(configuration: &Configuration, target: &Path) -> Result<(), BackupError> {
    let settings = settings::folder(configuration)?;
    let data = fs::canonicalize(&configuration.data_dir);
    let place = real(target)?;
    for folder in data.into_iter().chain([settings]) {
        if place.starts_with(&folder) {
            return Err(BackupError::Inside {
                target: target.to_path_buf(),
                folder,
            });
        }
    }
    Ok(())
}

/// A path without links, whether it is there yet or not.
fn real(path: &Path) -> Result<PathBuf, BackupError> {
    let whole = std::path::absolute(path).map_err(failed("find", path))?;
    for ancestor in whole.ancestors() {
        if let Ok(found) = fs::canonicalize(ancestor) {
            let rest = whole.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return Ok(found.join(rest));
        }
    }
    Ok(whole)
}
