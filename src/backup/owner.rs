//! Whose files a restore makes: the hub's, which is not root.

use std::fs::{self, Metadata};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

use super::error::{BackupError, failed};
use crate::config::init::SYSTEM_FOLDER;
use crate::config::{hub_user, is_root, new_files};
use crate::files::Folder;

/// A user and a group, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub user: u32,
    pub group: u32,
}

impl Owner {
    /// The hub's user: the owner of the data folder if there is one, or of the settings,
    /// or the user `postroom`. None where the files are simply to be ours: for who is
    /// not root, and where the hub may be root.
    pub fn of_hub(
        data_dir: &Path,
        settings: &Path,
        may_be_root: bool,
    ) -> Result<Option<Owner>, BackupError> {
        if !is_root() {
            return Ok(None);
        }
        let folders = [data_dir, settings].into_iter();
        let mut owners = folders
            .filter_map(|folder| fs::metadata(folder).ok())
            .map(|found| Owner::of(&found));
        if let Some(owner) = owners.find(|owner| owner.user != 0) {
            return Ok(Some(owner));
        }
        if may_be_root {
            return Ok(None);
        }
        let missing = || BackupError::NoOwner(data_dir.to_path_buf());
        let (user, group) = hub_user().ok_or_else(missing)?;
        Ok(Some(Owner { user, group }))
    }

    /// Whose it is.
    pub fn of(found: &Metadata) -> Owner {
        Owner {
            user: found.uid(),
            group: found.gid(),
        }
    }

    /// Makes the folder of the settings, and gives it away: whoever has it can exchange what
    /// is in it. So one of root's is given if it is new or empty, or the package's own;
    /// anybody else's stays as it is.
    ///
    /// # Errors
    /// It is root's, and has other things in it. Nothing is changed then.
    pub fn take_settings(self, path: &Path) -> Result<(), BackupError> {
        new_files::make_folder(path, 0o750)
            .map_err(|why| BackupError::InTheWay(why.to_string()))?;
        let folder = Folder::open_trusted(path).map_err(failed("open", path))?;
        let found = folder.metadata().map_err(failed("read", path))?;
        if (found.uid(), found.gid()) != (0, 0) {
            return Ok(());
        }
        let is_empty = folder.names().map_err(failed("read", path))?.is_empty();
        if !is_empty && path != Path::new(SYSTEM_FOLDER) {
            let path = path.display();
            return Err(BackupError::InTheWay(format!(
                "{path} is root's and holds other things, and the folder of the settings is to be the hub's own: name \
                 one that is new, or empty (--config {path}/postroom/postroom.toml)"
            )));
        }
        self.take(&folder, path)
    }

    /// Gives a file or a folder away, by its handle.
    pub fn take(self, handle: impl AsFd, path: &Path) -> Result<(), BackupError> {
        let given = fchown(handle, Some(self.user), Some(self.group));
        given.map_err(failed("give its owner to", path))
    }
}
