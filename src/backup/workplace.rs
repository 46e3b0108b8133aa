//! Where the database of an archive lies while the archive is written or read.
//!
//! It goes when the command ends. A command that is killed leaves it: the next one
//! removes what nobody holds any more, and touches nothing that is not such a folder.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, OFlags, unlinkat};
use rustix::io::Errno;

use super::error::{BackupError, failed};
use super::manifest::hex;
use super::names::PART;
use super::part_file::PartFile;
use crate::files::folder_of;

const DATABASE: &str = "postroom.db";
/// In front of the random part of a name.
const NAME: &str = ".postroom-";
const RANDOM_OCTETS: usize = 8;
/// A new folder may look like one that nobody holds, for a moment.
const TRIES: usize = 5;

/// A private temporary folder; it goes with its drop.
#[derive(Debug)]
pub struct Workplace {
    path: PathBuf,
    /// Tells that somebody works in it, where that can be told.
    _held: Option<File>,
}

impl Workplace {
    /// Where the system keeps what is large and passes: `/tmp` may lie in memory.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make() -> Result<Workplace, BackupError> {
        let folder = std::env::var_os("TMPDIR").map_or("/var/tmp".into(), PathBuf::from);
        remove_left_over(&folder);
        let mut tried = 0;
        loop {
            let mut random = [0; RANDOM_OCTETS];
            openssl::rand::rand_bytes(&mut random)
                .map_err(|why| failed("name a folder in", &folder)(io::Error::other(why)))?;
            let path = folder.join(format!("{NAME}{}{PART}", hex(&random)));
            make_private(&path)?;
            let held = match open_ours(&path).and_then(|handle| hold(handle, &path)) {
                Ok(held) => Some(held),
                Err(why) if is_taken(&why) && tried < TRIES => {
                    tried += 1;
                    continue;
                }
                // Where folders cannot be locked, nobody takes it for left over either.
                Err(_) => None,
            };
            return Ok(Workplace { path, _held: held });
        }
    }

    /// Beside an unfinished file, whose lock holds it as well.
    ///
    /// # Errors
    /// It cannot be made; something else has its name.
    pub fn beneath(file: &PartFile) -> Result<Workplace, BackupError> {
        let path = file.path().with_extension("db.part");
        match open_ours(&path).and_then(|handle| remove(&handle, &path)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove what an interrupted backup left in", &path)(
                    why,
                ));
            }
            _ => make_private(&path)?,
        }
        Ok(Workplace { path, _held: None })
    }

    /// Where the database lies.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // What cannot be removed is a private copy in a private folder, and nobody to tell.
        let _ = open_ours(&self.path).and_then(|handle| remove(&handle, &self.path));
    }
}

fn make_private(path: &Path) -> Result<(), BackupError> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(failed("make the folder", path))
}

/// Opens a folder that is one, and ours; or, as all is on a stick's file system, that of
/// whoever has the folder that it is in.
fn open_ours(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY;
    let options = options.read(true).custom_flags(flags.bits() as i32);
    let handle = options.open(path)?;
    let above = fs::metadata(folder_of(path))?.uid();
    let owners = [rustix::process::geteuid().as_raw(), above];
    match owners.contains(&handle.metadata()?.uid()) {
        true => Ok(handle),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is somebody else's",
        )),
    }
}

/// Locks it, if it still has this name.
fn hold(handle: File, path: &Path) -> io::Result<File> {
    handle.try_lock()?;
    match fs::symlink_metadata(path)?.ino() == handle.metadata()?.ino() {
        true => Ok(handle),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Whether another command took it for left over, just as it was made.
fn is_taken(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotFound
    )
}

/// Removes what commands that were killed left here. What cannot be removed waits for
/// the next one.
fn remove_left_over(folder: &Path) {
    for found in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = found.file_name();
        let name = name.to_string_lossy();
        let random = name
            .strip_prefix(NAME)
            .and_then(|rest| rest.strip_suffix(PART));
        let is_hex = |octet: u8| octet.is_ascii_hexdigit();
        if !random.is_some_and(|text| text.len() == 2 * RANDOM_OCTETS && text.bytes().all(is_hex)) {
            continue;
        }
        let path = found.path();
        if let Ok(held) = open_ours(&path).and_then(|handle| hold(handle, &path)) {
            let _ = remove(&held, &path);
        }
    }
}

/// Removes the folder with the database in it, and the files that SQLite puts beside it:
/// by its handle, for its name may lead elsewhere a moment later. Another folder of that
/// name has other things in it, and stays.
fn remove(handle: &File, path: &Path) -> io::Result<()> {
    for end in ["", "-journal", "-wal", "-shm"] {
        match unlinkat(handle, format!("{DATABASE}{end}"), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(why) => return Err(why.into()),
        }
    }
    fs::remove_dir(path)
}
