//! PEM files: read whole, written so that a crash leaves the old or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::files::folder_of;

/// The largest file that is read: a chain has some kilobytes, so a larger file is the wrong one.
const LARGEST: u64 = 1 << 20;

/// Why a file of the TLS settings cannot be read or written.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is not there.
    #[error("{}: there is no such file; correct [tls] in postroom.toml, or put the file there", path.display())]
    Missing {
        /// Its path.
        path: PathBuf,
    },
    /// The system does not let us read it.
    #[error(
        "{}: postroom may not read this file; give its user the right to (also to enter the folders above it)",
        path.display()
    )]
    Forbidden {
        /// Its path.
        path: PathBuf,
    },
    /// Nothing is in it.
    #[error("{}: this file is empty; put the PEM text into it", path.display())]
    Empty {
        /// Its path.
        path: PathBuf,
    },
    /// It is far too large.
    #[error("{}: this file is larger than 1 MB, so it holds no certificate or key; correct [tls] in postroom.toml", path.display())]
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// Any other trouble.
    #[error("{}: cannot {verb} this file: {source}", path.display())]
    Failed {
        /// What was tried: "read", "write".
        verb: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What is in a file, and its mode.
pub(super) struct Content {
    pub(super) octets: Vec<u8>,
    /// Permission bits.
    pub(super) mode: u32,
}

/// Reads a file that must not be empty. Follows symlinks, which certbot's `live` folder consists of.
pub(super) fn read(path: &Path) -> Result<Content, FileError> {
    let failed = |source: io::Error| {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => FileError::Missing { path },
            io::ErrorKind::PermissionDenied => FileError::Forbidden { path },
            _ => FileError::Failed {
                verb: "read",
                path,
                source,
            },
        }
    };
    // Looked at before it is opened: a pipe would keep the hub waiting for its other end.
    let found = fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(failed(io::Error::other("it is no file")));
    }
    let file = File::open(path).map_err(failed)?;
    let mode = found.permissions().mode() & 0o7777;
    let mut octets = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    if octets.len() as u64 > LARGEST {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
        });
    }
    if octets.trim_ascii().is_empty() {
        return Err(FileError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(Content { octets, mode })
}

/// Writes a file with exactly this mode: a new file, synced, then renamed over the old one, then the
/// folder synced. The owner and group of an old file are kept.
pub(super) fn write(path: &Path, octets: &[u8], mode: u32) -> Result<(), FileError> {
    replace(path, octets, mode).map_err(|source| FileError::Failed {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, octets: &[u8], mode: u32) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    // One that a crash left. `create_new` below then never writes through somebody's symlink.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written =
        write_new(&unfinished, path, octets, mode).and_then(|()| fs::rename(&unfinished, path));
    if let Err(error) = written {
        // The first error is the one to tell.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    File::open(folder_of(path))?.sync_all()
}

fn write_new(new: &Path, old: &Path, octets: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(new)?;
    let own = file.metadata()?;
    let owner = match fs::metadata(old) {
        Ok(old) => Some(old),
        // What root makes for a hub of another user belongs to that one's folder.
        Err(_) if own.uid() == 0 => folder_of(old).metadata().ok(),
        Err(_) => None,
    };
    if let Some(owner) = owner
        && (owner.uid(), owner.gid()) != (own.uid(), own.gid())
    {
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    // The mode at `open` went through the umask, and a change of owner may clear bits.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(octets)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_with_their_mode_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(folder.path().join("key.pem.new"), "left by a crash").unwrap();
        for (text, mode) in [("first", 0o600), ("second", 0o644), ("third", 0o600)] {
            write(&path, text.as_bytes(), mode).unwrap();
            let content = read(&path).unwrap();
            assert_eq!(
                (content.octets.as_slice(), content.mode),
                (text.as_bytes(), mode)
            );
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert.pem");
        assert!(matches!(read(&path), Err(FileError::Missing { .. })));
        fs::write(&path, " \n").unwrap();
        assert!(matches!(read(&path), Err(FileError::Empty { .. })));
        fs::write(&path, vec![b'x'; (1 << 20) + 1]).unwrap();
        assert!(matches!(read(&path), Err(FileError::TooLarge { .. })));
        assert!(matches!(read(folder.path()), Err(FileError::Failed { .. })));
        let missing = folder.path().join("none").join("cert.pem");
        let error = write(&missing, b"x", 0o644).unwrap_err().to_string();
        assert!(
            error.contains("cert.pem") && error.contains("cannot write"),
            "{error}"
        );
    }
}
