//! Earlier archives that are kept, because the store has lost something that they have.
//!
//! The new archive takes the place of the one before it, which then may be the only one
//! that has the content of a message. Such a one gets a name of its own, and keeps it:
//! NAME.before, NAME.before-2 and so on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::copying::sync_folder;
use super::earlier::EarlierArchive;
use super::error::{BackupError, failed};
use super::part_file::PartFile;
use super::target::Kept;
use crate::files::folder_of;

/// Ends the name of an archive that was set aside.
const BEFORE: &str = ".before";

/// Gives a finished archive its name. The one that had it is kept where it has one of the
/// bodies that the store has lost, and those that were kept for these before are named.
pub fn replace(
    file: PartFile,
    path: &Path,
    earlier: Option<&EarlierArchive>,
    lost: &[String],
) -> Result<Vec<Kept>, BackupError> {
    let mut kept = kept_before(path, lost);
    let has_lost = earlier.and_then(|earlier| match earlier.bodies(lost) {
        // It cannot be told what is in it.
        None => (!lost.is_empty()).then(Vec::new),
        Some(bodies) => (!bodies.is_empty()).then_some(bodies),
    });
    match has_lost {
        None => file.finish(path)?,
        Some(bodies) => {
            let aside = set_aside(path)?;
            file.finish(path).inspect_err(|_| take_back(&aside, path))?;
            kept.push(Kept {
                path: aside,
                bodies,
            });
        }
    }
    sync_folder(folder_of(path))?;
    Ok(kept)
}

/// The names that are given, one after the other.
fn names(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..).map(move |number| {
        let mut name = path.as_os_str().to_owned();
        name.push(BEFORE);
        if number > 1 {
            name.push(format!("-{number}"));
        }
        PathBuf::from(name)
    })
}

/// Archives that were set aside on other days, and what they have.
fn kept_before(path: &Path, lost: &[String]) -> Vec<Kept> {
    if lost.is_empty() {
        return Vec::new();
    }
    let there = names(path).take_while(|name| fs::symlink_metadata(name).is_ok());
    let kept = there.filter_map(|path| {
        // What cannot be read is not offered.
        let bodies = EarlierArchive::open(&path).ok()??.bodies(lost)?;
        (!bodies.is_empty()).then_some(Kept { path, bodies })
    });
    kept.collect()
}

/// Gives the archive a name that nothing has.
fn set_aside(path: &Path) -> Result<PathBuf, BackupError> {
    for aside in names(path) {
        let linked = fs::hard_link(path, &aside);
        let is_taken = fs::symlink_metadata(&aside).is_ok();
        match linked {
            Ok(()) => return Ok(aside),
            Err(_) if is_taken => {}
            // A file system without hard links has no archive of this name for a moment.
            Err(_) => {
                fs::rename(path, &aside).map_err(failed("set aside", path))?;
                return Ok(aside);
            }
        }
    }
    Err(failed("set aside", path)(
        io::ErrorKind::AlreadyExists.into(),
    ))
}

/// The earlier backup is as it was; the first error is the one to tell.
fn take_back(aside: &Path, path: &Path) {
    let _ = match fs::symlink_metadata(path) {
        Ok(_) => fs::remove_file(aside),
        Err(_) => fs::rename(aside, path),
    };
}
