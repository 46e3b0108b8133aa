//! A backup in a folder, in which each further one copies only what is new.
//!
//! Bodies never change, so those that an earlier manifest names are left alone, and
//! their SHA-256 is the one of when they were copied. Nothing that the manifest in
//! place names is touched before the next one has taken its place: a command that is
//! killed at any moment, or that finds the disk full, leaves the earlier backup whole.
//! What it left is gone over by the next one.
//!
//! The folder may be somebody else's, as on a disk of another machine: all goes by
//! handles, no link is followed, and only what a backup may have is removed. SQLite alone
//! goes by a path ([`Target::database`]).

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::Watch;
use super::copying::{Side, copy, copy_synced, make_folder, record_of};
use super::earlier::{Own, refuse_anothers};
use super::error::{BackupError, failed};
use super::manifest::{self, FileRecord, Head, Manifest};
use super::names::{self, BODIES, DATABASE, LOCK, MANIFEST, PART, SETTINGS};
use super::target::{Kept, Source, Taken, Target};
use crate::files;
use crate::store::may_be_a_body;

/// A folder that a backup is written to, with its lock.
#[derive(Debug)]
pub struct Folder {
    root: files::Folder,
    bodies: files::Folder,
    state: files::Folder,
    settings: files::Folder,
    /// The name of `state`.
    state_name: String,
    /// The backup that is there.
    earlier: Option<Manifest>,
    _lock: File,
}

impl Folder {
    /// Makes it if it is not there.
    ///
    /// # Errors
    /// It holds other things, or a backup that `own` is not to replace, whose bodies would
    /// go; another command is at work on it; links are in it.
    pub fn open(path: &Path, own: &Own) -> Result<Folder, BackupError> {
        make_folder(path)?;
        let root = files::Folder::open_trusted(path).map_err(failed("open", path))?;
        let names = names_in(&root)?;
        // Each file system has a folder of its own for what it found lost.
        let is_empty = names.iter().all(|name| name == "lost+found");
        let is_ours = names.iter().any(|name| name == LOCK || name == MANIFEST);
        if !is_empty && !is_ours {
            return Err(BackupError::HoldsOtherThings(path.to_path_buf()));
        }
        let lock = root
            .lock_file(LOCK)
            .map_err(failed("lock", &root.path(LOCK)));
        let lock = lock?.ok_or_else(|| BackupError::InUse(path.to_path_buf()))?;
        let earlier = earlier(&root, own)?;
        if let Some(earlier) = &earlier {
            // Its room may be needed.
            remove_states_but(&root, &earlier.head.state)?;
        }
        let numbers = names.iter().filter_map(|name| names::state_number(name));
        let state_name = names::state(numbers.max().unwrap_or(0) + 1);
        let state = below(&root, &state_name)?;
        Ok(Folder {
            bodies: below(&root, BODIES)?,
            settings: below(&state, SETTINGS)?,
            state,
            state_name,
            root,
            earlier,
            _lock: lock,
        })
    }

    /// What an earlier backup says of a body that is still there in that size.
    fn earlier(&self, body: &str, octets: u64) -> Option<FileRecord> {
        let record = self.earlier.as_ref()?.files.get(&names::body(body))?;
        let is_whole = record.octets == octets && self.bodies.octets(body) == Some(octets);
        is_whole.then(|| record.clone())
    }

    /// A body that no manifest names, of so many octets, and on the disk: it may have its
    /// name and not its octets there. What cannot be read counts as not there.
    fn unnamed(&self, body: &str, octets: u64) -> Option<FileRecord> {
        if self.bodies.octets(body) != Some(octets) {
            return None;
        }
        let mut file = self.bodies.read(body).ok()?;
        file.sync_all().ok()?;
        record_of(&mut file, &self.bodies.path(body), &Unwatched).ok()
    }

    /// Under another name until it is whole.
    fn copy(&self, body: &mut Source<'_>, watch: &dyn Watch) -> Result<FileRecord, Side> {
        let part = format!("{}{PART}", body.name);
        let mut file = self.bodies.new_file(&part).map_err(Side::Output)?;
        let copied = copy_synced(&mut body.file, &mut file, watch);
        if copied.is_err() {
            // The error is the one to tell, and the next backup removes it.
            let _ = self.bodies.remove(&part);
        }
        let record = copied?;
        let renamed = self.bodies.rename(&part, &self.bodies, body.name);
        renamed.map_err(Side::Output).map(|()| record)
    }

    /// But for one that the store has lost: if it cannot be read here today, then perhaps
    /// tomorrow.
    fn remove_bodies_not_in(&self, manifest: &Manifest) -> Result<(), BackupError> {
        for name in names_in(&self.bodies)? {
            let is_ours = may_be_a_body(name.strip_suffix(PART).unwrap_or(&name));
            let is_lost = manifest.tail.faulty_bodies.contains(&name);
            if is_ours && !is_lost && !manifest.files.contains_key(&names::body(&name)) {
                let removed = self.bodies.remove(&name);
                removed.map_err(failed("remove", &self.bodies.path(&name)))?;
            }
        }
        Ok(())
    }
}

impl Target for Folder {
    fn state(&self) -> &str {
        &self.state_name
    }

    fn begin(&mut self, _: &Head) -> Result<(), BackupError> {
        Ok(())
    }

    /// SQLite writes by a path: whether it leads to the folder that is held is looked at
    /// just before. What it has written is read by the handle again.
    fn database(&self) -> Result<PathBuf, BackupError> {
        let path = self.state.path("");
        match self.state.is_in_its_place() {
            Ok(true) => Ok(self.state.path(DATABASE)),
            Ok(false) => Err(BackupError::NotAFolderOfOurs(path)),
            Err(why) => Err(failed("look at", &path)(why)),
        }
    }

    fn body(&mut self, mut body: Source<'_>, watch: &dyn Watch) -> Result<Taken, BackupError> {
        if let Some(record) = self.earlier(body.name, body.octets) {
            watch.add(record.octets);
            return Ok(Taken::Before(record));
        }
        // What a backup that was broken off has copied already: reading is less work than
        // writing.
        if let Some(found) = self.unnamed(body.name, body.octets) {
            match copy(&mut body.file, &mut io::sink(), watch) {
                Ok(record) if record == found => return Ok(Taken::New(record)),
                Ok(_) => body.file.rewind().map_err(failed("read", body.path))?,
                Err(Side::Input(why) | Side::Output(why)) => return Ok(Taken::Unreadable(why)),
            }
        }
        match self.copy(&mut body, watch) {
            Ok(record) => Ok(Taken::New(record)),
            Err(Side::Input(why)) => Ok(Taken::Unreadable(why)),
            Err(Side::Output(why)) => Err(failed("write", &self.bodies.path(body.name))(why)),
        }
    }

    /// Without a manifest to go by, what has the size is still more than what the store has.
    fn hold(&mut self, name: &str, octets: u64) -> Result<Option<FileRecord>, BackupError> {
        let named = self.earlier(name, octets);
        Ok(named.or_else(|| self.unnamed(name, octets)))
    }

    fn take_database(&mut self, watch: &dyn Watch) -> Result<FileRecord, BackupError> {
        let path = self.state.path(DATABASE);
        let mut file = self.state.read(DATABASE).map_err(failed("read", &path))?;
        let record = record_of(&mut file, &path, watch)?;
        file.sync_all().map_err(failed("sync", &path))?;
        Ok(record)
    }

    fn settings(&mut self, name: &str, content: &[u8]) -> Result<FileRecord, BackupError> {
        let (_, number) = name.rsplit_once('/').unwrap_or(("", name));
        write_new(&self.settings, number, content)
    }

    fn commit(self: Box<Self>, manifest: &Manifest) -> Result<Vec<Kept>, BackupError> {
        for folder in [&self.settings, &self.state, &self.bodies, &self.root] {
            folder.sync().map_err(failed("sync", &folder.path("")))?;
        }
        let part = format!("{MANIFEST}{PART}");
        write_new(&self.root, &part, manifest.to_text().as_bytes())?;
        let renamed = self.root.rename(&part, &self.root, MANIFEST);
        renamed.map_err(failed("write", &self.root.path(MANIFEST)))?;
        let synced = self.root.sync();
        synced.map_err(failed("sync", &self.root.path("")))?;
        remove_states_but(&self.root, &self.state_name)?;
        self.remove_bodies_not_in(manifest)?;
        Ok(Vec::new())
    }
}

/// The backup that is there. One that is damaged is replaced by the new one, and what it
/// named is copied anew; whose it is can be read of its first line.
fn earlier(root: &files::Folder, own: &Own) -> Result<Option<Manifest>, BackupError> {
    let path = root.path("");
    let text = match manifest_text(root) {
        Ok(text) => text,
        Err(BackupError::NotABackup { .. } | BackupError::Manifest { .. }) => return Ok(None),
        // Who cannot read it cannot tell whose it is.
        Err(why) => return Err(why),
    };
    match Manifest::parse(&text, &path) {
        Ok(earlier) => {
            refuse_anothers(&path, &earlier.head, Some(&earlier.tail), own)?;
            Ok(Some(earlier))
        }
        Err(newer @ BackupError::Newer { .. }) => Err(newer),
        Err(_) => {
            let first = text.lines().next().unwrap_or_default();
            if let Ok(head) = Head::parse(first, &path) {
                refuse_anothers(&path, &head, None, own)?;
            }
            Ok(None)
        }
    }
}

/// The manifest of the backup in a folder.
pub fn read_manifest(root: &files::Folder) -> Result<Manifest, BackupError> {
    Manifest::parse(&manifest_text(root)?, &root.path(""))
}

fn manifest_text(root: &files::Folder) -> Result<String, BackupError> {
    let path = root.path(MANIFEST);
    let file = root.read(MANIFEST).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound => BackupError::NotABackup {
            path: root.path(""),
            why: "it has no manifest.jsonl, which is written last",
        },
        _ => failed("read", &path)(why),
    })?;
    let mut text = String::new();
    let read = file.take(manifest::OCTETS_MAX).read_to_string(&mut text);
    read.map_err(|why| match why.kind() {
        io::ErrorKind::InvalidData => BackupError::Manifest {
            path: root.path(""),
            why: "it is no text".to_string(),
        },
        _ => failed("read", &path)(why),
    })?;
    Ok(text)
}

/// Keeps a backup from being written while it is read. A folder that cannot be locked,
/// as one on a disk that is mounted read-only, is not written to either.
pub fn lock_for_reading(root: &files::Folder) -> Result<Option<File>, BackupError> {
    let Ok(lock) = root.read(LOCK) else {
        return Ok(None);
    };
    match lock.try_lock_shared() {
        Err(fs::TryLockError::WouldBlock) => Err(BackupError::InUse(root.path(""))),
        _ => Ok(Some(lock)),
    }
}

/// Opens a file of a backup by its name. No folder on the way may be a link, either.
pub fn open_in(folder: &files::Folder, name: &str) -> io::Result<File> {
    match name.split_once('/') {
        Some((first, rest)) => open_in(&folder.folder(first)?, rest),
        None => folder.read(name),
    }
}

/// Removes the databases and settings of other backups than the one of this name.
fn remove_states_but(root: &files::Folder, kept: &str) -> Result<(), BackupError> {
    for name in names_in(root)? {
        if names::state_number(&name).is_some() && name != kept {
            let path = root.path(&name);
            let state = root.folder(&name).map_err(not_a_folder(&path))?;
            remove_state(root, &name, &state).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

/// What else somebody has put there stays, and the folders with it.
fn remove_state(root: &files::Folder, name: &str, state: &files::Folder) -> io::Result<()> {
    let absent_is_well = |done: io::Result<()>| match done {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(why) if why.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        done => done,
    };
    for end in ["", "-journal", "-wal", "-shm"] {
        absent_is_well(state.remove(format!("{DATABASE}{end}")))?;
    }
    match state.folder(SETTINGS) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        settings => {
            let settings = settings?;
            for file in settings.names()? {
                if names::is_number(&file) {
                    settings.remove(&file)?;
                }
            }
            absent_is_well(state.remove_folder(SETTINGS))?;
        }
    }
    absent_is_well(root.remove_folder(name))
}

fn write_new(
    folder: &files::Folder,
    name: &str,
    mut content: &[u8],
) -> Result<FileRecord, BackupError> {
    let path = folder.path(name);
    let mut file = folder.new_file(name).map_err(failed("write", &path))?;
    let copied = copy_synced(&mut content, &mut file, &Unwatched);
    copied.map_err(|side| match side {
        Side::Input(why) | Side::Output(why) => failed("write", &path)(why),
    })
}

/// A folder in the backup, made if it is not there.
fn below(folder: &files::Folder, name: &str) -> Result<files::Folder, BackupError> {
    let path = folder.path(name);
    folder.below(name).map_err(not_a_folder(&path))
}

/// For `map_err`: something else may lie in a folder's place.
fn not_a_folder(path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_path_buf();
    move |why| match why.kind() {
        io::ErrorKind::NotADirectory => BackupError::NotAFolderOfOurs(path),
        _ => failed("open", &path)(why),
    }
}

fn names_in(folder: &files::Folder) -> Result<Vec<String>, BackupError> {
    folder.names().map_err(failed("read", &folder.path("")))
}

/// Small things, and what was counted before.
pub struct Unwatched;

impl Watch for Unwatched {
    fn begin(&self, _: u64) {}
    fn add(&self, _: u64) {}
}
