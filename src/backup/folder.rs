//! A backup in a folder, in which each further one copies only what is new.
//!
//! Bodies never change, so those that an earlier manifest names are left alone, and
//! their SHA-256 is the one of when they were copied. Nothing that the manifest in
//! place names is touched before the next one has taken its place: a command that is
//! killed at any moment, or that finds the disk full, leaves the earlier backup whole.
//! What it left is gone over by the next one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::Watch;
use super::copying::{copy_to, make_folder, record_of, sync_folder};
use super::error::{BackupError, failed};
use super::manifest::{self, FileRecord, Head, Manifest};
use super::names::{self, BODIES, LOCK, MANIFEST, PART};
use super::target::{Copied, Source, Target};
use crate::files::open_itself;

/// A folder that a backup is written to, with its lock.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    state: String,
    /// The backup that is there.
    earlier: Option<Manifest>,
    _lock: File,
}

impl Folder {
    /// Makes it if it is not there.
    ///
    /// # Errors
    /// It holds other things, or the backup of another hub, whose bodies would go; another command is at work on it.
    pub fn open(path: &Path, hostname: &str) -> Result<Folder, BackupError> {
        make_folder(path)?;
        let names = names_in(path)?;
        // Each file system has a folder of its own for what it found lost.
        let is_empty = names.iter().all(|name| name == "lost+found");
        let is_ours = names.iter().any(|name| name == LOCK || name == MANIFEST);
        if !is_empty && !is_ours {
            return Err(BackupError::HoldsOtherThings(path.to_path_buf()));
        }
        let lock = lock(path)?;
        // One that is damaged is replaced by the new one, and what it named is copied anew.
        let earlier = match read_manifest(path) {
            Ok(earlier) => Some(earlier),
            Err(newer @ BackupError::Newer { .. }) => return Err(newer),
            Err(_) => None,
        };
        if let Some(earlier) = earlier
            .as_ref()
            .filter(|earlier| earlier.head.hostname != hostname)
        {
            return Err(BackupError::AnothersBackup {
                path: path.to_path_buf(),
                hostname: earlier.head.hostname.clone(),
                own: hostname.to_string(),
            });
        }
        let numbers = names.iter().filter_map(|name| names::state_number(name));
        let folder = Folder {
            state: names::state(numbers.max().unwrap_or(0) + 1),
            path: path.to_path_buf(),
            earlier,
            _lock: lock,
        };
        if let Some(earlier) = &folder.earlier {
            // Its room may be needed.
            folder.remove_all_but(earlier)?;
        }
        make_folder(&folder.path.join(BODIES))?;
        make_folder(&folder.path.join(&folder.state).join("settings"))?;
        Ok(folder)
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What an earlier backup says of a file that is still there in that size.
    fn earlier(&self, name: &str, octets: u64) -> Option<FileRecord> {
        let record = self.earlier.as_ref()?.files.get(name)?;
        let found = fs::symlink_metadata(self.path_of(name)).ok()?;
        let is_whole = found.is_file() && found.len() == octets && record.octets == octets;
        is_whole.then(|| record.clone())
    }

    /// What a backup that was broken off has copied already: reading is less work
    /// than writing.
    fn left_over(
        &self,
        body: &Source<'_>,
        watch: &dyn Watch,
    ) -> Result<Option<FileRecord>, BackupError> {
        let path = self.path_of(&names::body(body.name));
        let Ok(file) = open_itself(&path) else {
            return Ok(None);
        };
        if !file
            .metadata()
            .is_ok_and(|found| found.len() == body.octets)
        {
            return Ok(None);
        }
        let found = record_of(&path, &Unwatched)?;
        if record_of(body.path, watch)? != found {
            return Ok(None);
        }
        // It may have its name and not its octets on the disk.
        file.sync_all().map_err(failed("sync", &path))?;
        Ok(Some(found))
    }

    /// Removes what this manifest does not name.
    fn remove_all_but(&self, manifest: &Manifest) -> Result<(), BackupError> {
        for name in names_in(&self.path)? {
            let is_state = names::state_number(&name).is_some() && name != manifest.head.state;
            if is_state {
                let path = self.path_of(&name);
                fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(())
    }

    fn remove_bodies_not_in(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let bodies = self.path_of(BODIES);
        for name in names_in(&bodies)? {
            if !manifest.files.contains_key(&names::body(&name)) {
                let path = bodies.join(name);
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(())
    }
}

impl Target for Folder {
    fn state(&self) -> &str {
        &self.state
    }

    fn begin(&mut self, _: &Head) -> Result<(), BackupError> {
        Ok(())
    }

    fn database(&self) -> PathBuf {
        self.path_of(&names::database(&self.state))
    }

    fn body(
        &mut self,
        mut body: Source<'_>,
        watch: &dyn Watch,
    ) -> Result<(FileRecord, Copied), BackupError> {
        let name = names::body(body.name);
        if let Some(record) = self.earlier(&name, body.octets) {
            watch.add(record.octets);
            return Ok((record, Copied::Before));
        }
        if let Some(record) = self.left_over(&body, watch)? {
            return Ok((record, Copied::New));
        }
        let path = self.path_of(&name);
        let part = self.path_of(&format!("{name}{PART}"));
        let record = copy_to(&part, body.path, &mut body.file, watch)?;
        fs::rename(&part, &path).map_err(failed("write", &path))?;
        Ok((record, Copied::New))
    }

    /// Without a manifest to go by, what has the size is still more than what the store has.
    fn hold(&mut self, name: &str, octets: u64) -> Result<Option<FileRecord>, BackupError> {
        let name = names::body(name);
        if let Some(record) = self.earlier(&name, octets) {
            return Ok(Some(record));
        }
        let path = self.path_of(&name);
        let Ok(file) = open_itself(&path) else {
            return Ok(None);
        };
        if !file.metadata().is_ok_and(|found| found.len() == octets) {
            return Ok(None);
        }
        file.sync_all().map_err(failed("sync", &path))?;
        record_of(&path, &Unwatched).map(Some)
    }

    fn take_database(&mut self, watch: &dyn Watch) -> Result<FileRecord, BackupError> {
        let path = self.database();
        let record = record_of(&path, watch)?;
        let synced = File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(failed("sync", &path))?;
        Ok(record)
    }

    fn settings(&mut self, name: &str, content: &[u8]) -> Result<FileRecord, BackupError> {
        let path = self.path_of(name);
        copy_to(&path, &path, &mut &*content, &Unwatched)
    }

    fn commit(self: Box<Self>, manifest: &Manifest) -> Result<Option<PathBuf>, BackupError> {
        let state = self.path_of(&self.state);
        for folder in [
            &state.join("settings"),
            &state,
            &self.path_of(BODIES),
            &self.path,
        ] {
            sync_folder(folder)?;
        }
        let path = self.path_of(MANIFEST);
        let part = self.path_of(&format!("{MANIFEST}{PART}"));
        let text = manifest.to_text();
        copy_to(&part, &path, &mut text.as_bytes(), &Unwatched)?;
        fs::rename(&part, &path).map_err(failed("write", &path))?;
        sync_folder(&self.path)?;
        self.remove_all_but(manifest)?;
        self.remove_bodies_not_in(manifest)?;
        Ok(None)
    }
}

/// The manifest of the backup in a folder.
pub fn read_manifest(folder: &Path) -> Result<Manifest, BackupError> {
    let path = folder.join(MANIFEST);
    let file = open_itself(&path).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound => BackupError::NotABackup {
            path: folder.to_path_buf(),
            why: "it has no manifest.jsonl, which is written last",
        },
        _ => failed("read", &path)(why),
    })?;
    let mut text = String::new();
    let read = file.take(manifest::OCTETS_MAX).read_to_string(&mut text);
    read.map_err(|why| match why.kind() {
        io::ErrorKind::InvalidData => BackupError::Manifest {
            path: folder.to_path_buf(),
            why: "it is no text".to_string(),
        },
        _ => failed("read", &path)(why),
    })?;
    Manifest::parse(&text, folder)
}

/// Keeps a backup from being written while it is read. A folder that cannot be locked,
/// as one on a disk that is mounted read-only, is not written to either.
pub fn lock_for_reading(folder: &Path) -> Result<Option<File>, BackupError> {
    let Ok(lock) = File::open(folder.join(LOCK)) else {
        return Ok(None);
    };
    match lock.try_lock_shared() {
        Err(fs::TryLockError::WouldBlock) => Err(BackupError::InUse(folder.to_path_buf())),
        _ => Ok(Some(lock)),
    }
}

fn lock(folder: &Path) -> Result<File, BackupError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let options = options.mode(0o600);
    let no_link = options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
    let lock = no_link.open(&path);
    let lock = lock.map_err(failed("write", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(BackupError::InUse(folder.to_path_buf())),
        Err(fs::TryLockError::Error(why)) => Err(failed("lock", &path)(why)),
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>, BackupError> {
    let read = || -> io::Result<Vec<String>> {
        let names = fs::read_dir(folder)?.map(|found| {
            let name = found?.file_name();
            Ok(name.to_string_lossy().into_owned())
        });
        names.collect()
    };
    read().map_err(failed("read", folder))
}

/// Small things, and what was counted before.
pub struct Unwatched;

impl Watch for Unwatched {
    fn begin(&self, _: u64) {}
    fn add(&self, _: u64) {}
}
