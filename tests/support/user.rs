//! The hub as a user of its own, as it runs in an office. Only root can try it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Nobody on this machine.
pub const HUBS_USER: u32 = 12345;

/// Says that a test is left out where it is not root's.
pub fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped: not run as root");
    }
    is_root
}

/// The program where every user may run it: where it was built, others may not
/// enter.
#[derive(Debug)]
pub struct Program {
    folder: TempDir,
}

impl Program {
    pub fn for_all() -> Program {
        let folder = tempfile::tempdir().unwrap();
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).unwrap();
        let program = Program { folder };
        fs::copy(env!("CARGO_BIN_EXE_postroom"), program.path()).unwrap();
        program
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("postroom")
    }

    /// The folder that it lies in, which all may enter.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs it as this user, who is in no group besides.
    pub fn run_by(&self, user: u32) -> Command {
        let id = user.to_string();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        command.arg(self.path());
        command
    }
}

/// Gives a file, or a folder with all that is in it.
pub fn give(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}

/// What there does not belong to the hub's user.
pub fn anothers(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let metadata = fs::symlink_metadata(path).unwrap();
    if (metadata.uid(), metadata.gid()) != (HUBS_USER, HUBS_USER) {
        found.push(path.to_path_buf());
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            found.extend(anothers(&entry.unwrap().path()));
        }
    }
    found
}
