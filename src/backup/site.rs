//! The data folder that a restore fills: the hub's alone, locked, and root's while root
//! works in it.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, OFlags};
use rustix::io::Errno;

use super::copying::{make_folder, sync_folder};
use super::error::{BackupError, failed};
use super::manifest::{Head, Manifest};
use super::names::BODIES;
use super::owner::Owner;
use super::reading::is_empty;
use super::restore::{Plan, Settings};
use super::settings::is_below;
use crate::files::folder_of;
use crate::store::{RESTORING, may_be_in_a_data_folder};

/// What else a data folder has: itself and its parent, the hub's control socket, and where
/// a file system puts what it finds lost.
const OTHERS: [&str; 4] = [".", "..", "control", "lost+found"];

/// The data folder that is restored into, locked.
pub struct Site {
    pub data_dir: PathBuf,
    handle: File,
    lock: File,
    /// Whose the folder was, and its mode: it is so again if nothing is restored.
    before: (Owner, Permissions),
    /// Whose all of it is to be; none: ours.
    pub owner: Option<Owner>,
}

impl Site {
    /// Makes the folder if need be, and makes it ready to be filled.
    ///
    /// # Errors
    /// Something else is in it, or a store; a hub is at work there; settings are in the way;
    /// nobody knows whose it is to be. The folder is as it was then.
    pub fn open(plan: &Plan, head: &Head) -> Result<Site, BackupError> {
        let folder = folder_of(&plan.config);
        let (data_dir, may_be_root) = match &plan.settings {
            Settings::Restored { data_dir: None } => {
                (folder.join(data_dir_of(head)?), head.allow_root)
            }
            Settings::Restored {
                data_dir: Some(data_dir),
            } => (data_dir.clone(), head.allow_root),
            Settings::Kept {
                data_dir,
                allow_root,
            } => (data_dir.clone(), *allow_root),
        };
        let is_begun = data_dir.join(RESTORING).exists();
        if matches!(plan.settings, Settings::Restored { .. }) && plan.config.exists() && !is_begun {
            return Err(settings_in_the_way(&plan.config));
        }
        let owner = Owner::of_hub(&data_dir, folder, may_be_root)?;
        let is_new = !data_dir.exists();
        make_data_folder(&data_dir)?;
        let data_dir = fs::canonicalize(&data_dir).map_err(failed("find", &data_dir))?;
        let handle = open_folder(&data_dir)?;
        let found = handle.metadata().map_err(failed("look at", &data_dir))?;
        // A restore that was killed has made it root's.
        let before = match owner {
            Some(owner) if is_new || is_begun => owner,
            _ => Owner::of(&found),
        };
        // Before the lock: not even that is put into a folder that is something else.
        refuse_other_things(&handle, &data_dir)?;
        let lock = lock(&data_dir)?;
        refuse_what_is_there(&data_dir, is_begun)?;
        let site = Site {
            data_dir,
            handle,
            lock,
            before: (before, found.permissions()),
            owner,
        };
        site.make_ready().inspect_err(|_| site.take_back())?;
        Ok(site)
    }

    /// Where the backup is unpacked.
    pub fn part(&self) -> PathBuf {
        self.data_dir.join(RESTORING)
    }

    /// Makes the folder root's while root works in it: nobody can put a link there that
    /// would lead root elsewhere. And removes what an earlier restore left.
    fn make_ready(&self) -> Result<(), BackupError> {
        if self.owner.is_some() {
            let root = Owner { user: 0, group: 0 };
            root.take(&self.handle, &self.data_dir)?;
        }
        let private = self.handle.set_permissions(Permissions::from_mode(0o700));
        private.map_err(failed("make private", &self.data_dir))?;
        // What is in it without a database is an earlier restore's. The mark goes last.
        for folder in [self.data_dir.join(BODIES), self.part()] {
            remove(&folder)?;
        }
        for log in ["postroom.db-wal", "postroom.db-shm"] {
            let path = self.data_dir.join(log);
            // Empty, as was seen. SQLite would take them for the new database's.
            let _ = fs::remove_file(&path);
        }
        make_folder(&self.part().join(BODIES))?;
        sync_folder(&self.data_dir)
    }

    /// The rename of the database is the moment at which there is a store again.
    pub fn place_mail(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let part = self.part();
        let database = part.join(manifest.database());
        let (unpacked, bodies) = (part.join(BODIES), self.data_dir.join(BODIES));
        for body in fs::read_dir(&unpacked).map_err(failed("read", &unpacked))? {
            self.give(&body.map_err(failed("read", &unpacked))?.path())?;
        }
        self.give(&unpacked)?;
        self.give(&database)?;
        sync_folder(&unpacked)?;
        rename(&unpacked, &bodies)?;
        if let Some(owner) = self.owner {
            owner.take(&self.lock, &self.data_dir.join("lock"))?;
            owner.take(&self.handle, &self.data_dir)?;
        }
        sync_folder(&self.data_dir)?;
        rename(&database, &self.data_dir.join("postroom.db"))?;
        sync_folder(&self.data_dir)?;
        remove(&part)
    }

    fn give(&self, path: &Path) -> Result<(), BackupError> {
        let Some(owner) = self.owner else {
            return Ok(());
        };
        let handle = File::open(path).map_err(failed("give its owner to", path))?;
        owner.take(&handle, path)
    }

    /// Removes what was unpacked, and gives the folder back: the first error is the one
    /// to tell.
    pub fn take_back(&self) {
        if self.data_dir.join("postroom.db").exists() {
            return;
        }
        for folder in [self.data_dir.join(BODIES), self.part()] {
            let _ = remove(&folder);
        }
        let (before, mode) = &self.before;
        if let Some(owner) = self.owner {
            let _ = owner.take(&self.lock, &self.data_dir);
            let _ = before.take(&self.handle, &self.data_dir);
        }
        let _ = self.handle.set_permissions(mode.clone());
    }
}

/// Where the mail was: below the settings, or anywhere else. It comes from the backup.
fn data_dir_of(head: &Head) -> Result<&Path, BackupError> {
    let path = Path::new(&head.data_dir);
    match is_below(path.strip_prefix("/").unwrap_or(path)) {
        true => Ok(path),
        false => {
            let name = head.data_dir.escape_debug();
            Err(BackupError::Settings(format!(
                "the backup names the data folder \"{name}\", which leads somewhere else: say where the mail is to go \
                 (--data-dir DIR)"
            )))
        }
    }
}

/// Makes the data folder, private, and the folders above it, where each may enter: the
/// hub must.
fn make_data_folder(data_dir: &Path) -> Result<(), BackupError> {
    let above = folder_of(data_dir);
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o755).create(above);
    made.map_err(failed("make the folder", above))?;
    make_folder(data_dir)
}

/// A data folder is made private, and the hub's: nothing else may be in it. By the handle,
/// for the name may lead elsewhere a moment later.
fn refuse_other_things(handle: &File, data_dir: &Path) -> Result<(), BackupError> {
    let unreadable = |why: Errno| failed("read", data_dir)(why.into());
    for found in Dir::read_from(handle).map_err(unreadable)? {
        let found = found.map_err(unreadable)?;
        let name = found.file_name().to_string_lossy();
        let is_expected = OTHERS.contains(&&*name) || may_be_in_a_data_folder(&name);
        if !is_expected {
            let (folder, name) = (data_dir.display(), name.escape_debug());
            return Err(BackupError::InTheWay(format!(
                "{folder} holds other things than the mail of a hub ({name}), and a data folder is the hub's alone: \
                 name one of its own (--data-dir DIR, or data_dir in postroom.toml)"
            )));
        }
    }
    Ok(())
}

fn refuse_what_is_there(data_dir: &Path, is_begun: bool) -> Result<(), BackupError> {
    let octets = |name: &str| fs::metadata(data_dir.join(name)).map_or(0, |found| found.len());
    let folder = data_dir.display();
    if octets("postroom.db") > 0 {
        return Err(BackupError::InTheWay(format!(
            "{folder} holds a store already, and a restore never overwrites one: if its mail is not wanted here, move \
             it away (mv {folder} {folder}.before) and run this again"
        )));
    }
    let has_bodies = !is_begun && !is_empty(&data_dir.join(BODIES))?;
    if has_bodies || octets("postroom.db-wal") > 0 {
        return Err(BackupError::InTheWay(format!(
            "{folder} holds mail whose database is gone: move it away (mv {folder} {folder}.before), and run this again"
        )));
    }
    Ok(())
}

fn settings_in_the_way(config: &Path) -> BackupError {
    let (config, folder) = (config.display(), folder_of(config).display());
    BackupError::InTheWay(format!(
        "{config} is there already, and a restore never overwrites settings. Either keep those, and restore the mail \
         alone: postroom restore --mail-only …; or move them away (mv {folder} {folder}.before), and run this again"
    ))
}

fn open_folder(path: &Path) -> Result<File, BackupError> {
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY;
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(flags.bits() as i32);
    options.open(path).map_err(failed("open", path))
}

fn lock(data_dir: &Path) -> Result<File, BackupError> {
    let path = data_dir.join("lock");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let private = options.mode(0o600);
    let private = private.custom_flags(OFlags::NOFOLLOW.bits() as i32);
    let lock = private.open(&path).map_err(failed("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let folder = data_dir.display();
            Err(BackupError::InTheWay(format!(
                "a hub, or another command, is at work on {folder}: stop it first (systemctl stop postroom)"
            )))
        }
        Err(TryLockError::Error(why)) => Err(failed("lock", &path)(why)),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::rename(from, to).map_err(failed("move into place", to))
}

/// Removes a folder with all that is in it; no link is followed.
fn remove(folder: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(failed("remove", folder)(why)),
        _ => Ok(()),
    }
}
