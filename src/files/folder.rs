//! A folder that is held open, and the files in it by their names. No link in it is
//! followed, and nothing that lies there is written over.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::opening;

const OWNERS_FOLDER: Mode = Mode::RWXU;
const OWNERS_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// What a folder has in it, as it was a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: OsString,
    pub kind: EntryKind,
    /// Of a file: its size.
    pub octets: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Folder,
    /// A link, a pipe, a device.
    Else,
}

/// A folder, whatever becomes of its name.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    /// Where it was, for what is told of it.
    path: PathBuf,
}

impl Folder {
    /// Opens the folder that the path leads to.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path) -> io::Result<Folder> {
        Folder::open_with(path, OFlags::empty())
    }

    /// The same, but root follows no link of somebody else's ([`super::open_trusted`]).
    ///
    /// # Errors
    /// Such a link, by its name; those of the system.
    pub fn open_trusted(path: &Path) -> io::Result<Folder> {
        Ok(Folder {
            handle: opening::open_trusted_folder(path)?,
            path: path.to_path_buf(),
        })
    }

    /// The same, but not where the last name of the path is a link.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn open_itself(path: &Path) -> io::Result<Folder> {
        Folder::open_with(path, OFlags::NOFOLLOW)
    }

    fn open_with(path: &Path, flags: OFlags) -> io::Result<Folder> {
        let flags = flags | OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(Folder {
            handle: fs::open(path, flags, Mode::empty())?,
            path: path.to_path_buf(),
        })
    }

    /// A folder in it, which is no link; made if there is none, for its owner alone.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn below(&self, name: impl AsRef<Path>) -> io::Result<Folder> {
        match fs::mkdirat(&self.handle, name.as_ref(), OWNERS_FOLDER) {
            Ok(()) | Err(Errno::EXIST) => self.folder(name),
            Err(why) => Err(why.into()),
        }
    }

    /// A folder in it, which is there and is no link.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn folder(&self, name: impl AsRef<Path>) -> io::Result<Folder> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(Folder {
            handle: fs::openat(&self.handle, name.as_ref(), flags, Mode::empty())?,
            path: self.path(name),
        })
    }

    /// A new folder in it, of this mode.
    ///
    /// # Errors
    /// Something has this name; somebody put another folder in its place at once, which
    /// is not to be taken for ours. See [`Folder::open`].
    pub fn make_below(&self, name: impl AsRef<Path>, mode: u32) -> io::Result<Folder> {
        fs::mkdirat(&self.handle, name.as_ref(), Mode::from_raw_mode(mode))?;
        let made = self.folder(name)?;
        match made.names()?.is_empty() {
            true => Ok(made),
            false => Err(io::Error::other("another folder was put in its place")),
        }
    }

    /// Whose it is, and what else the system knows of it.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn metadata(&self) -> io::Result<Metadata> {
        File::from(self.handle.try_clone()?).metadata()
    }

    /// Whether its path leads to it at this moment.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn is_in_its_place(&self) -> io::Result<bool> {
        let there = match fs::lstat(&self.path) {
            Err(Errno::NOENT) => return Ok(false),
            there => there?,
        };
        Ok(is_same(&there, &fs::fstat(&self.handle)?))
    }

    /// The path of a file in it, for what is told of that.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// The names of all that is in it.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// All that is in it, in the order of the names.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let found = match fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
                // It has been moved or removed since.
                Err(Errno::NOENT) => continue,
                found => found?,
            };
            entries.push(Entry {
                name: name.to_os_string(),
                kind: match FileType::from_raw_mode(found.st_mode) {
                    FileType::RegularFile => EntryKind::File,
                    FileType::Directory => EntryKind::Folder,
                    _ => EntryKind::Else,
                },
                octets: u64::try_from(found.st_size).unwrap_or(0),
            });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Reads a file that is in it or in the folders below it: neither that nor any
    /// folder on the way may be a link.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn read_below(&self, path: &Path) -> io::Result<File> {
        let mut names = path.iter();
        let file = names.next_back().ok_or(io::ErrorKind::NotFound)?;
        let mut below: Option<Folder> = None;
        for name in names {
            below = Some(below.as_ref().unwrap_or(self).folder(name)?);
        }
        below.as_ref().unwrap_or(self).read(file)
    }

    /// Reads a file that is no link.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn read(&self, name: impl AsRef<Path>) -> io::Result<File> {
        opening::open_file(&self.handle, name.as_ref().as_os_str())
    }

    /// A new file, for its owner alone, in place of what has this name.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn new_file(&self, name: impl AsRef<Path>) -> io::Result<File> {
        match self.remove(&name) {
            Ok(()) => {}
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
        self.create(&name)
    }

    /// The same, for one writer at a time: `None` where another one is at it. What
    /// one left that was broken off is removed.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn new_file_alone(&self, name: impl AsRef<Path>) -> io::Result<Option<File>> {
        let file = match self.create(&name) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
                let earlier = self.read(&name);
                if earlier.as_ref().is_ok_and(|file| !lock(file)) {
                    return Ok(None);
                }
                // `earlier` is held until the new one is there: nobody else removes it.
                self.new_file(&name)?
            }
            created => created?,
        };
        // Another one may have removed it before it was locked.
        let is_ours = lock(&file) && self.is_called(&name, &file)?;
        Ok(is_ours.then_some(file))
    }

    /// A new file, for its owner alone.
    ///
    /// # Errors
    /// Something has this name. See [`Folder::open`].
    pub fn create(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(&self.handle, name.as_ref(), flags, OWNERS_FILE)?.into())
    }

    fn is_called(&self, name: impl AsRef<Path>, file: &File) -> io::Result<bool> {
        let here = match fs::statat(&self.handle, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(false),
            found => found?,
        };
        Ok(is_same(&here, &fs::fstat(file)?))
    }

    /// Takes a file of this name as a lock, and makes it if there is none: `None` where
    /// somebody has it. It is held until it is closed.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn lock_file(&self, name: impl AsRef<Path>) -> io::Result<Option<File>> {
        // To be written, or a disk of another machine would not lock it.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let flags = flags | OFlags::NONBLOCK;
        let file = fs::openat(&self.handle, name.as_ref(), flags, OWNERS_FILE)?;
        Ok(lock(&file).then(|| file.into()))
    }

    /// How large a file in it is: `None` where none has this name, or what has it is
    /// something else.
    pub fn octets(&self, name: impl AsRef<Path>) -> Option<u64> {
        let found = fs::statat(&self.handle, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        is_file.then_some(u64::try_from(found.st_size).ok())?
    }

    /// Gives a file another name, in this folder or in another one.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn rename(
        &self,
        name: impl AsRef<Path>,
        to: &Folder,
        new: impl AsRef<Path>,
    ) -> io::Result<()> {
        Ok(fs::renameat(
            &self.handle,
            name.as_ref(),
            &to.handle,
            new.as_ref(),
        )?)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn remove(&self, name: impl AsRef<Path>) -> io::Result<()> {
        Ok(fs::unlinkat(&self.handle, name.as_ref(), AtFlags::empty())?)
    }

    /// Removes a folder in which nothing is.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn remove_folder(&self, name: impl AsRef<Path>) -> io::Result<()> {
        Ok(fs::unlinkat(
            &self.handle,
            name.as_ref(),
            AtFlags::REMOVEDIR,
        )?)
    }

    /// Removes a folder with all that is in it.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn remove_all(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let folder = self.folder(&name)?;
        for inside in folder.names()? {
            match folder.remove(&inside) {
                Err(why) if why.kind() == io::ErrorKind::IsADirectory => {
                    folder.remove_all(&inside)?;
                }
                removed => removed?,
            }
        }
        self.remove_folder(name)
    }

    /// Keeps others out who ask as well, until it is closed; false where somebody is
    /// in it.
    pub fn lock(&self) -> bool {
        lock(&self.handle)
    }

    /// The names in it are on the disk.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn sync(&self) -> io::Result<()> {
        File::from(self.handle.try_clone()?).sync_all()
    }

    /// All that was written to its disk is there.
    ///
    /// # Errors
    /// See [`Folder::open`].
    pub fn sync_disk(&self) -> io::Result<()> {
        Ok(fs::syncfs(&self.handle)?)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// A disk of another machine may know no locks; there nobody is kept out.
fn lock(handle: impl AsFd) -> bool {
    fs::flock(handle, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
}

#[cfg(test)]
mod tests;
