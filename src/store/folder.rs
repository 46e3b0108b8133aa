//! The data folder: private to the hub's user, and one hub's at a time.
//!
//! ```text
//! lock          held while a store is open; has the process number in it
//! postroom.db   the database (with -wal and -shm beside it while open)
//! bodies/       large bodies; NAME.part while one arrives
//! reserve       room that is given back when the disk is full
//! probe         written and removed when the database could not be written
//! restore.part  what `postroom restore` has unpacked so far; the database goes into its place last,
//!               and with that the folder is over
//! ```
//! A symbolic link as data folder is followed once, at the start, and its
//! target must belong to us: administrators move the mail to a larger disk that
//! way (systemd alone takes no link as StateDirectory), and nobody else can change
//! what is inside a folder with mode 0700. Inside the folder no link is followed.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Root;
use super::error::{Left, OpenError};
use super::space::Reserve;

/// The data folder with its lock held; dropping it lets the next hub in.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// What lies in the data folder besides the bodies and the control socket.
pub(super) const FILES: [&str; 6] = [
    "lock",
    "postroom.db",
    "postroom.db-wal",
    "postroom.db-shm",
    "reserve",
    "probe",
];

/// The folder in the data folder in which a restore gathers its files. Where it is
/// left without a database beside it, the restore was broken off.
pub const RESTORING: &str = "restore.part";

/// Ends the name of a body file that is still being written.
pub(super) const PART: &str = ".part";

impl Folder {
    /// Makes the folder if need be, makes it private, and takes its lock.
    pub fn open(data_dir: &Path, root: Root) -> Result<Folder, OpenError> {
        if root == Root::Refused {
            refuse_to_make_it_roots(data_dir)?;
        }
        make_private_folder(data_dir)?;
        let path = fs::canonicalize(data_dir).map_err(failed("find", data_dir))?;
        refuse_what_is_not_ours_inside(&path)?;
        let lock = take_lock(&path)?;
        let folder = Folder { path, _lock: lock };
        make_private_folder(&folder.bodies())?;
        match octets(&folder.database()) {
            0 => refuse_remains_without_database(&folder.path)?,
            _ => folder.remove_what_a_restore_left()?,
        }
        make_private_file(&folder.database())?;
        sync_names(&folder.path)?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn database(&self) -> PathBuf {
        self.path.join("postroom.db")
    }

    pub fn bodies(&self) -> PathBuf {
        self.path.join("bodies")
    }

    pub fn reserve(&self) -> Reserve {
        Reserve::at(&self.path)
    }

    /// A restore may have been broken off when the database had come, or a person have
    /// brought one. With the next mail the folder of that restore would be wrong: should
    /// the database be lost, a restore must not take the bodies here for its own.
    fn remove_what_a_restore_left(&self) -> Result<(), OpenError> {
        let left = self.path.join(RESTORING);
        match fs::remove_dir_all(&left) {
            Ok(()) => sync_names(&self.path),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(OpenError::RestoreLeft { left, cause }),
        }
    }

    /// Removes body files that no row names: what a crash left of messages that
    /// nobody was told are safe. Returns how many.
    pub fn sweep_orphans(
        &self,
        mut is_known: impl FnMut(&str) -> Result<bool, OpenError>,
    ) -> Result<u64, OpenError> {
        let bodies = self.bodies();
        let mut removed = 0;
        for name in body_names(&self.path)? {
            if is_known(&name)? {
                continue;
            }
            let path = bodies.join(name);
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            removed += 1;
        }
        Ok(removed)
    }
}

/// What a data folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nothing yet, or there is no such folder: a hub would make a new store.
    Nothing,
    /// A database, which was not looked into.
    Database,
}

/// Looks for what would keep a hub from opening the store, as far as names and owners
/// tell, and changes nothing. A hub may run.
///
/// # Errors
/// What a hub would say; or whoever asks may not look.
pub fn look(data_dir: &Path, root: Root) -> Result<Held, OpenError> {
    let is_there = fs::symlink_metadata(data_dir).is_ok();
    let found = match fs::metadata(data_dir) {
        Err(why) if why.kind() == io::ErrorKind::NotFound && !is_there => return Ok(Held::Nothing),
        found => found.map_err(closed_or_failed("look at", data_dir))?,
    };
    if !found.is_dir() {
        return Err(OpenError::NotAFolder(data_dir.to_path_buf()));
    }
    if root == Root::Refused && found.uid() == 0 {
        return Err(OpenError::Roots(data_dir.to_path_buf()));
    }
    fs::read_dir(data_dir).map_err(closed_or_failed("read", data_dir))?;
    let folder = fs::canonicalize(data_dir).map_err(failed("find", data_dir))?;
    refuse_what_is_not_ours_inside(&folder)?;
    match octets(&folder.join("postroom.db")) {
        0 => refuse_remains_without_database(&folder).map(|()| Held::Nothing),
        _ => Ok(Held::Database),
    }
}

fn octets(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// A database that is missing or empty is a new one only where nothing else
/// tells of an earlier one. To be asked before SQLite sees it: beside an empty
/// database it removes the log, which may hold mail.
pub(super) fn refuse_remains_without_database(folder: &Path) -> Result<(), OpenError> {
    let left = if folder.join(RESTORING).exists() {
        Left::Restore
    } else if octets(&folder.join("postroom.db-wal")) > 0 {
        Left::Log
    } else if Reserve::at(folder).exists() {
        Left::Reserve
    } else {
        return refuse_bodies_of_another_database(folder);
    };
    Err(OpenError::DatabaseGone {
        folder: folder.to_path_buf(),
        left,
    })
}

/// Beside a new database, whole bodies are mail whose database has been
/// moved away or lost: the sweep of orphans would remove it all.
pub(super) fn refuse_bodies_of_another_database(folder: &Path) -> Result<(), OpenError> {
    let found = body_names(folder)?;
    match found.iter().filter(|name| !name.ends_with(PART)).count() {
        0 => Ok(()),
        files => Err(OpenError::DatabaseGone {
            folder: folder.to_path_buf(),
            left: Left::Bodies(files),
        }),
    }
}

fn body_names(folder: &Path) -> Result<Vec<String>, OpenError> {
    let bodies = folder.join("bodies");
    let mut names = Vec::new();
    let entries = match fs::read_dir(&bodies) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(names),
        entries => entries.map_err(failed("read", &bodies))?,
    };
    for found in entries {
        let name = found.map_err(failed("read", &bodies))?.file_name();
        names.extend(name.into_string().ok().filter(|name| is_ours(name)));
    }
    Ok(names)
}

/// Names as the body writer makes them; what else lies there is not ours to remove.
fn is_ours(name: &str) -> bool {
    may_be_a_body(name.strip_suffix(PART).unwrap_or(name))
}

/// Whether a data folder has something of this name, the control socket aside.
pub fn may_be_in_a_data_folder(name: &str) -> bool {
    let others = ["bodies", RESTORING];
    FILES.contains(&name) || others.contains(&name)
}

/// Whether a body file may have this name: it leads nowhere else.
pub fn may_be_a_body(name: &str) -> bool {
    name.len() == 26 && name.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_path_buf();
    move |cause| OpenError::File { doing, path, cause }
}

fn closed_or_failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_path_buf();
    move |cause| match cause.kind() {
        io::ErrorKind::PermissionDenied => OpenError::Closed(path),
        _ => OpenError::File { doing, path, cause },
    }
}

/// A folder of another user is refused later, with that user's number.
fn refuse_to_make_it_roots(data_dir: &Path) -> Result<(), OpenError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match fs::metadata(data_dir) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::NoFolder(data_dir.to_path_buf()))
        }
        Ok(found) if found.uid() == 0 => Err(OpenError::Roots(data_dir.to_path_buf())),
        _ => Ok(()),
    }
}

/// A link would be followed by SQLite, a pipe would keep the hub waiting, and what
/// root has put there the hub could not read.
fn refuse_what_is_not_ours_inside(folder: &Path) -> Result<(), OpenError> {
    let owner = fs::metadata(folder)
        .map_err(failed("look at", folder))?
        .uid();
    for name in FILES.into_iter().chain(["bodies"]) {
        let path = folder.join(name);
        // What is not there is made; what cannot be looked at cannot be opened.
        let Ok(found) = fs::symlink_metadata(&path) else {
            continue;
        };
        if found.is_symlink() {
            return Err(OpenError::LinkInside(path));
        }
        if FILES.contains(&name) && !found.is_file() {
            return Err(OpenError::NotAFile(path));
        }
        // A hub of root's may read it all.
        if owner != 0 && found.uid() != owner {
            let folder = folder.to_path_buf();
            return Err(OpenError::Anothers { folder, path });
        }
    }
    Ok(())
}

/// Whatever the umask, and also where the folder was there before.
fn make_private_folder(path: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => OpenError::NotAFolder(path.to_path_buf()),
            _ => failed("make the folder", path)(cause),
        })?;
    let found = fs::metadata(path).map_err(failed("look at", path))?;
    let us = rustix::process::geteuid().as_raw();
    if found.uid() == 0 && us != 0 {
        return Err(OpenError::Roots(path.to_path_buf()));
    }
    if found.uid() != us {
        return Err(OpenError::NotOurs {
            folder: path.to_path_buf(),
            owner: found.uid(),
            us,
        });
    }
    if found.mode() & 0o777 != 0o700 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(failed("make private", path))?;
    }
    Ok(())
}

/// What was made just now is there after a power cut, too.
fn sync_names(folder: &Path) -> Result<(), OpenError> {
    let sync = |path: &Path| File::open(path).and_then(|folder| folder.sync_all());
    sync(folder).map_err(failed("sync", folder))?;
    if let Some(parent) = folder.parent() {
        // It may be closed to us; whoever made our folder in it had it synced then.
        let _ = sync(parent);
    }
    Ok(())
}

/// SQLite gives its log the mode of the database, so the database must be
/// private before SQLite opens it.
fn make_private_file(path: &Path) -> Result<File, OpenError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .map_err(failed("open", path))?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .map_err(failed("make private", path))?;
    Ok(file)
}

fn take_lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let mut lock = make_private_file(&path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The number is a courtesy; the lock is what counts.
            let _ = lock.read_to_string(&mut holder);
            let holder = match holder.trim().parse::<u32>() {
                Ok(process) => format!(" (process {process})"),
                Err(_) => String::new(),
            };
            return Err(OpenError::InUse {
                folder: folder.to_path_buf(),
                holder,
            });
        }
        Err(TryLockError::Error(cause)) => return Err(failed("lock", &path)(cause)),
    }
    lock.set_len(0).map_err(failed("write", &path))?;
    // Likewise: on a full disk the hub must still start.
    let _ = writeln!(lock, "{}", std::process::id());
    Ok(lock)
}
