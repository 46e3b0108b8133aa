//! Octets from one place to another, counted and digested on the way.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use openssl::sha::Sha256;

use super::Watch;
use super::error::{BackupError, failed};
use super::manifest::{FileRecord, hex};
use crate::files::open_itself;

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

/// What a file holds.
pub fn record_of(path: &Path, watch: &dyn Watch) -> Result<FileRecord, BackupError> {
    let mut file = open_itself(path).map_err(failed("read", path))?;
    copy(&mut file, &mut io::sink(), watch).map_err(|side| match side {
        Side::Input(why) | Side::Output(why) => failed("read", path)(why),
    })
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

/// Copies into a new file, synced; its name is the caller's to make durable.
pub fn copy_to(
    path: &Path,
    from: &Path,
    input: &mut dyn Read,
    watch: &dyn Watch,
) -> Result<FileRecord, BackupError> {
    let mut file = create(path)?;
    let record = copy(input, &mut file, watch).map_err(|side| match side {
        Side::Input(why) => failed("read", from)(why),
        Side::Output(why) => failed("write", path)(why),
    })?;
    file.sync_all().map_err(failed("write", path))?;
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
