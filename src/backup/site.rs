//! The data folder that a restore fills: the hub's alone, locked, and root's while root
//! works in it.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};

use super::copying::make_folder;
use super::error::{BackupError, failed};
use super::manifest::Head;
use super::names::BODIES;
use super::owner::Owner;
use super::reading::is_empty;
use super::restore::{Plan, Settings};
use super::settings::is_below;
use crate::files::{Folder, folder_of};
use crate::store::{RESTORING, may_be_in_a_data_folder};

/// What else a data folder has: the hub's control socket, and where a file system puts
/// what it finds lost.
const OTHERS: [&str; 2] = ["control", "lost+found"];

/// The unpacked database, once the bodies may be in their place.
const DATABASE: &str = "postroom.db";

/// In the folder of the restore: where the backup is unpacked.
const UNPACKED: &str = "unpacked";

/// What an earlier restore that was broken off has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    /// It was unpacking: whatever lies outside of its folder is not its own.
    Unpacking,
    /// It was moving: the bodies in their place are its own, for the database that they
    /// belong to, and nothing else, waits in its folder.
    Placing,
}

impl Begun {
    fn in_folder(data_dir: &Path) -> Begun {
        let part = data_dir.join(RESTORING);
        let has = |name: &str| part.join(name).exists();
        match part.exists() {
            false => Begun::No,
            true if has(DATABASE) && !has(BODIES) => Begun::Placing,
            true => Begun::Unpacking,
        }
    }
}

/// The data folder that is restored into, locked.
pub struct Site {
    pub data_dir: PathBuf,
    handle: Folder,
    lock: File,
    begun: Begun,
    /// Whose the folder was, and its mode: it is so again if nothing is restored.
    before: (Owner, Mode),
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
                ..
            } => (data_dir.clone(), *allow_root),
        };
        let begun = Begun::in_folder(&data_dir);
        let is_restored = matches!(plan.settings, Settings::Restored { .. });
        if is_restored && plan.config.exists() && begun == Begun::No {
            return Err(settings_in_the_way(&plan.config));
        }
        let owner = Owner::of_hub(&data_dir, folder, may_be_root)?;
        if let (true, Some(owner)) = (is_restored, owner) {
            owner.take_settings(folder)?;
        }
        let is_new = !data_dir.exists();
        make_data_folder(&data_dir)?;
        let handle = Folder::open_trusted(&data_dir).map_err(failed("open", &data_dir))?;
        let found = handle.metadata().map_err(failed("look at", &data_dir))?;
        // A restore that was killed has made it root's.
        let before = match owner {
            Some(owner) if is_new || begun != Begun::No => owner,
            _ => Owner::of(&found),
        };
        let data_dir = name_of(&data_dir, &found)?;
        // Before the lock: not even that is put into a folder that is something else.
        refuse_other_things(&handle, &data_dir)?;
        let lock = lock(&handle, &data_dir)?;
        // As nobody changes it any more.
        let begun = Begun::in_folder(&data_dir);
        refuse_what_is_there(&data_dir, begun)?;
        let site = Site {
            data_dir,
            handle,
            lock,
            begun,
            before: (before, Mode::from_raw_mode(found.mode())),
            owner,
        };
        site.make_ready().inspect_err(|_| site.take_back())?;
        Ok(site)
    }

    /// Where the backup is unpacked.
    pub fn part(&self) -> PathBuf {
        self.data_dir.join(RESTORING).join(UNPACKED)
    }

    /// Makes the folder root's while root works in it: nobody can put a link there that
    /// would lead root elsewhere. And makes room to unpack in.
    fn make_ready(&self) -> Result<(), BackupError> {
        let path = &self.data_dir;
        let root = self.owner.map(|_| Owner { user: 0, group: 0 });
        root.map_or(Ok(()), |root| root.take(&self.handle, path))?;
        let private = fchmod(&self.handle, Mode::RWXU);
        private.map_err(|why| failed("make private", path)(why.into()))?;
        let part = self.handle.below(RESTORING);
        let part = part.map_err(failed("make ready", path))?;
        root.map_or(Ok(()), |root| root.take(&part, &part.path("")))?;
        let emptied = self.empty(&part);
        emptied.map_err(failed("make ready", path))
    }

    fn empty(&self, part: &Folder) -> io::Result<()> {
        or_gone(part.remove_all(UNPACKED))?;
        if self.begun == Begun::Unpacking {
            // The database first: alone it would say that bodies are in their place.
            or_gone(part.remove(DATABASE))?;
            part.sync()?;
            or_gone(part.remove_all(BODIES))?;
        }
        part.below(UNPACKED)?.below(BODIES)?;
        part.sync()?;
        self.handle.sync()
    }

    /// What was unpacked.
    pub fn unpacked(&self) -> Result<Folder, BackupError> {
        let part = self.handle.folder(RESTORING);
        let unpacked = part.and_then(|part| part.folder(UNPACKED));
        unpacked.map_err(failed("open", &self.part()))
    }

    /// Removes the mail that an earlier restore had moved: the bodies before what says that
    /// they are its own. Any others were refused.
    fn remove_earlier(&self, part: &Folder) -> io::Result<()> {
        let data = &self.handle;
        or_gone(match self.begun {
            Begun::Placing => data.remove_all(BODIES),
            Begun::No | Begun::Unpacking => data.remove_folder(BODIES),
        })?;
        for log in ["postroom.db-wal", "postroom.db-shm"] {
            // Empty, as was seen. SQLite would take them for the new database's.
            or_gone(data.remove(log))?;
        }
        data.sync()?;
        or_gone(part.remove(DATABASE))?;
        part.sync()
    }

    /// Moves the mail of a manifest with this state into its place.
    pub fn place_mail(&self, state: &str) -> Result<(), BackupError> {
        let placed = self.place(state);
        placed.map_err(failed("move the mail into its place in", &self.data_dir))
    }

    /// The rename of the database is the moment at which there is a store again. Until
    /// then the folder of the restore says that there is none, and from then on nothing is
    /// in it any more: neither keys and passwords, nor what a later restore could take for
    /// a sign that the bodies are not the store's.
    fn place(&self, state: &str) -> io::Result<()> {
        let data = &self.handle;
        let part = data.folder(RESTORING)?;
        let unpacked = part.folder(UNPACKED)?;
        let bodies = unpacked.folder(BODIES)?;
        for body in bodies.names()? {
            self.give(bodies.read(body)?)?;
        }
        self.give(&bodies)?;
        bodies.sync()?;
        let state = unpacked.folder(state)?;
        self.give(state.read(DATABASE)?)?;
        self.remove_earlier(&part)?;
        unpacked.rename(BODIES, &part, BODIES)?;
        part.sync()?;
        state.rename(DATABASE, &part, DATABASE)?;
        part.remove_all(UNPACKED)?;
        part.sync()?;
        part.rename(BODIES, data, BODIES)?;
        part.sync()?;
        // The hub removes it, if this command does not come to it.
        self.give(&part)?;
        self.give(&self.lock)?;
        self.give(data)?;
        data.sync()?;
        part.rename(DATABASE, data, DATABASE)?;
        data.sync()?;
        data.remove_folder(RESTORING)?;
        data.sync()
    }

    fn give(&self, handle: impl AsFd) -> io::Result<()> {
        match self.owner {
            Some(Owner { user, group }) => fchown(handle, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// Removes what was unpacked, and gives the folder back: the first error is the one
    /// to tell. Nothing has been moved into place. What an earlier restore has begun stays
    /// begun: its settings may be in their place, and no hub is to start with them alone.
    pub fn take_back(&self) {
        let _ = match (self.begun, self.handle.folder(RESTORING)) {
            (Begun::Unpacking | Begun::Placing, Ok(part)) => part.remove_all(UNPACKED),
            _ => self.handle.remove_all(RESTORING),
        };
        let (before, mode) = &self.before;
        if self.owner.is_some() {
            let _ = self.give(&self.lock);
            let _ = before.take(&self.handle, &self.data_dir);
        }
        let _ = fchmod(&self.handle, *mode);
    }
}

/// What is not there need not be removed.
fn or_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
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
fn refuse_other_things(handle: &Folder, data_dir: &Path) -> Result<(), BackupError> {
    for name in handle.names().map_err(failed("read", data_dir))? {
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

fn refuse_what_is_there(data_dir: &Path, begun: Begun) -> Result<(), BackupError> {
    let octets = |name: &str| fs::metadata(data_dir.join(name)).map_or(0, |found| found.len());
    let folder = data_dir.display();
    if octets(DATABASE) > 0 {
        return Err(BackupError::InTheWay(format!(
            "{folder} holds a store already, and a restore never overwrites one: if its mail is not wanted here, move \
             it away (mv {folder} {folder}.before) and run this again"
        )));
    }
    let has_bodies = begun != Begun::Placing && !is_empty(&data_dir.join(BODIES))?;
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

/// Its name without links, if it still leads to what was opened.
fn name_of(data_dir: &Path, opened: &Metadata) -> Result<PathBuf, BackupError> {
    let name = fs::canonicalize(data_dir).map_err(failed("find", data_dir))?;
    let found = fs::symlink_metadata(&name).map_err(failed("find", &name))?;
    match (found.dev(), found.ino()) == (opened.dev(), opened.ino()) {
        true => Ok(name),
        false => Err(BackupError::InTheWay(format!(
            "another folder has just taken the place of {}: run this again",
            name.display()
        ))),
    }
}

fn lock(handle: &Folder, data_dir: &Path) -> Result<File, BackupError> {
    let lock = handle.lock_file("lock");
    let lock = lock.map_err(failed("lock", &data_dir.join("lock")))?;
    lock.ok_or_else(|| {
        let folder = data_dir.display();
        BackupError::InTheWay(format!(
            "a hub, or another command, is at work on {folder}: stop it first (systemctl stop postroom)"
        ))
    })
}
