//! Octets from one place to another, counted and digested on the way.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use openssl::sha::Sha256;
use rustix::fs::{Advice, fadvise};

use super::Watch;
use super::error::{BackupError, failed};
use super::manifest::{FileRecord, hex};

/// What is read at a time.
const PIECE_OCTETS: usize = 256 << 10;

/// Which side of a copy failed.
#[derive(Debug)]
pub enum Side {
    Input(io::Error),
    Output(io::Error),
}

/// Copies all that comes. What it was.
pub fn copy(
    input: &mut dyn Read,
    output: &mut dyn Write,
    watch: &dyn Watch,
) -> Result<FileRecord, Side> {
    let mut piece = vec![0; PIECE_OCTETS];
    let mut digest = Sha256::new();
    let mut octets = 0_u64;
    loop {
        let read = match input.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(Side::Input(why)),
        };
        let (new, _) = piece.split_at(read);
        digest.update(new);
        output.write_all(new).map_err(Side::Output)?;
        octets += read as u64;
        watch.add(read as u64);
    }
    Ok(FileRecord {
        octets,
        sha256: hex(&digest.finish()),
    })
}

/// What an open file holds; `path` is what errors name.
pub fn record_of(
    file: &mut File,
    path: &Path,
    watch: &dyn Watch,
) -> Result<FileRecord, BackupError> {
    copy(file, &mut io::sink(), watch).map_err(|side| match side {
        Side::Input(why) | Side::Output(why) => failed("read", path)(why),
    })
}

/// Reads a file to its end, and goes back to its beginning.
pub fn read_through(file: &mut File) -> io::Result<()> {
    let mut piece = vec![0; PIECE_OCTETS];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return file.rewind(),
            Err(why) if why.kind() != io::ErrorKind::Interrupted => return Err(why),
            _ => {}
        }
    }
}

/// Has what is read next come from the disk, not from memory, where it may be good and
/// on the disk it is not. What is not written yet stays in memory.
pub fn forget_cached(file: &File) {
    // Where it cannot be asked for, as on some file systems, all is read as it comes.
    let _ = fadvise(file, 0, None, Advice::DontNeed);
}

/// A new private file, in the place of whatever an interrupted command left.
pub fn create(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create_new(true).mode(0o600);
    let made = match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => options.open(path),
    };
    made.map_err(failed("write", path))
}

/// Copies into a new file, and syncs it; its name is the caller's to make durable.
pub fn copy_synced(
    input: &mut dyn Read,
    file: &mut File,
    watch: &dyn Watch,
) -> Result<FileRecord, Side> {
    let record = copy(input, file, watch)?;
    file.sync_all().map_err(Side::Output)?;
    Ok(record)
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    let synced = File::open(folder).and_then(|handle| handle.sync_all());
    synced.map_err(failed("sync", folder))
}

/// Makes a private folder; one that is there stays as it is.
pub fn make_folder(folder: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(failed("make the folder", folder))
}
