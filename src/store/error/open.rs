//! Why a store does not open, in two halves: what was found, and what to do.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::files::folder_of;

/// Why the store could not be opened: [what was found](OpenError::found), and
/// [what to do](OpenError::mend).
#[derive(Debug)]
pub enum OpenError {
    InUse {
        folder: PathBuf,
        holder: String,
    },
    /// Another user's data folder.
    NotOurs {
        folder: PathBuf,
        owner: u32,
        us: u32,
    },
    /// The data folder is root's, and the hub does not run as root.
    Roots(PathBuf),
    /// There is no data folder, and root, who asks, is not to make one.
    NoFolder(PathBuf),
    /// In the data folder, and not its owner's.
    Anothers {
        folder: PathBuf,
        path: PathBuf,
    },
    LinkInside(PathBuf),
    NotAFile(PathBuf),
    NotAFolder(PathBuf),
    Newer {
        folder: PathBuf,
        found: i64,
        known: i64,
    },
    NotAStore(PathBuf),
    DatabaseGone {
        folder: PathBuf,
        left: Left,
    },
    /// What a restore left cannot be removed.
    RestoreLeft {
        left: PathBuf,
        cause: std::io::Error,
    },
    NoStore(PathBuf),
    /// Whoever asks may not read it.
    Closed(PathBuf),
    File {
        doing: &'static str,
        path: PathBuf,
        cause: std::io::Error,
    },
    Damaged {
        path: PathBuf,
        /// In SQLite's words.
        found: String,
    },
    Database(StoreError),
    Thread(std::io::Error),
}

/// What is left of a store whose database is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Bodies(usize),
    Log,
    Reserve,
    Restore,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Left::Bodies(files) => write!(f, "mail ({files} files in bodies/)"),
            Left::Log => f.write_str("mail (in postroom.db-wal)"),
            Left::Reserve => f.write_str("what is left of a store"),
            Left::Restore => f.write_str("a restore that was broken off (run it again)"),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.found(), self.mend())
    }
}

impl std::error::Error for OpenError {}

impl OpenError {
    /// What was found, in words.
    pub fn found(&self) -> String {
        match self {
            OpenError::InUse { folder, holder } => format!(
                "the data folder {} is in use by another postroom{holder}",
                folder.display()
            ),
            OpenError::NotOurs { folder, owner, us } => format!(
                "the data folder {} belongs to the user with the number {owner}, and this program runs as number {us}",
                folder.display()
            ),
            OpenError::Roots(folder) => format!(
                "the data folder {} is root's, and the hub does not run as root",
                folder.display()
            ),
            OpenError::NoFolder(folder) => {
                format!("the data folder {} is not there", folder.display())
            }
            OpenError::Anothers { path, .. } => format!(
                "{} does not belong to the owner of the data folder, who runs the hub",
                path.display()
            ),
            OpenError::LinkInside(path) => format!(
                "{} is a link, and inside the data folder none is followed",
                path.display()
            ),
            OpenError::NotAFile(path) => format!("{} is not a file", path.display()),
            OpenError::NotAFolder(folder) => {
                format!("the data folder {} is not a folder", folder.display())
            }
            OpenError::Newer {
                folder,
                found,
                known,
            } => format!(
                "the store in {} was written by a newer postroom (its layout is {found}, this program knows up to \
                 {known})",
                folder.display()
            ),
            OpenError::NotAStore(path) => format!("{} is not a store of postroom", path.display()),
            OpenError::DatabaseGone { folder, left } => format!(
                "{} holds {left}, but the database it belongs to is gone",
                folder.display()
            ),
            OpenError::RestoreLeft { left, cause } => format!(
                "{} is what a restore left, with copies of keys and passwords in it perhaps, and it cannot be removed \
                 ({cause})",
                left.display()
            ),
            OpenError::NoStore(path) => format!(
                "{} is not there, for no hub has run with this data_dir yet",
                path.display()
            ),
            OpenError::Closed(path) => format!("{} may not be read by this user", path.display()),
            OpenError::File { doing, path, cause } => {
                format!("cannot {doing} {}: {cause}", path.display())
            }
            OpenError::Damaged { path, found } => {
                format!("{} is damaged ({found})", path.display())
            }
            OpenError::Database(_) => "the database of the store does not open".to_string(),
            OpenError::Thread(_) => "cannot start a thread".to_string(),
        }
    }

    /// What to do about it, in words.
    pub fn mend(&self) -> String {
        match self {
            OpenError::InUse { .. } => {
                "stop that one (systemctl stop postroom), or set another data_dir".to_string()
            }
            OpenError::NotOurs { owner, .. } => {
                format!("run it as the owner (sudo -u '#{owner}' postroom …)")
            }
            OpenError::Roots(folder) => format!(
                "give it to the hub's user (sudo chown -R postroom: {})",
                folder.display()
            ),
            OpenError::NoFolder(folder) => format!(
                "look at data_dir in postroom.toml, and whether its disk is mounted; a first one is made when the hub \
                 starts (sudo systemctl start postroom), or by sudo install -d -m 700 -o postroom -g postroom {}",
                folder.display()
            ),
            OpenError::Anothers { folder, .. } => given(folder),
            OpenError::LinkInside(_) => {
                "put the thing itself there, or move the whole data folder, and let data_dir name its new place"
                    .to_string()
            }
            OpenError::NotAFile(_) => {
                "move it away, and put the right one there, if there was one".to_string()
            }
            OpenError::NotAFolder(_) => "set data_dir to a folder".to_string(),
            OpenError::Newer { .. } => "install that newer version again".to_string(),
            OpenError::NotAStore(path) => format!(
                "set another data_dir, or move that file away, and {}",
                put_back(folder_of(path))
            ),
            OpenError::DatabaseGone {
                folder,
                left: Left::Restore,
            } => format!(
                "run that restore again, or {}",
                restored_anew(folder)
            ),
            OpenError::DatabaseGone { folder, .. } => put_back(folder),
            OpenError::RestoreLeft { left, .. } => {
                format!("remove it as root (sudo rm -r {})", left.display())
            }
            OpenError::NoStore(_) => "look at data_dir in postroom.toml".to_string(),
            OpenError::Closed(_) => {
                "run the command as root or as the hub's user (sudo -u USER postroom …)".to_string()
            }
            OpenError::File { cause, path, .. } => mend_of_the_systems(cause, path),
            OpenError::Damaged { path, .. } => restored_anew(folder_of(path)),
            OpenError::Database(why) => why.to_string(),
            OpenError::Thread(why) => why.to_string(),
        }
    }

    /// What SQLite said of the database at this path.
    pub(in crate::store) fn database(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError + use<> {
        let path = path.to_path_buf();
        move |error| match StoreError::from(error) {
            StoreError::Damaged(found) => OpenError::Damaged {
                path: path.clone(),
                found,
            },
            other => OpenError::Database(other),
        }
    }
}

/// Only what was moved away fits what is left: a backup's database beside a later log is
/// malformed, and beside later bodies it takes them for nobody's.
fn put_back(folder: &Path) -> String {
    format!(
        "if postroom.db was moved away, put that same file back, with its postroom.db-wal if that was moved as well, and \
         {}; otherwise {}",
        given(folder),
        restored_anew(folder)
    )
}

fn restored_anew(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "move the whole data folder away and keep it, for mail that is newer than any backup is still in it (sudo mv \
         {folder} {folder}.before), and then restore the mail (sudo postroom restore --mail-only BACKUP); never put files \
         of a backup beside what is left"
    )
}

/// What root puts into a folder is root's, and the hub could not read it.
fn given(folder: &Path) -> String {
    let folder = folder.display();
    format!("give it to the hub's user (sudo chown -R --reference={folder} {folder})")
}

fn mend_of_the_systems(cause: &io::Error, path: &Path) -> String {
    let path = path.display();
    match cause.kind() {
        ErrorKind::PermissionDenied => {
            format!("let the hub's user at it (ls -ld {path} shows who may)")
        }
        ErrorKind::ReadOnlyFilesystem => {
            "its disk is mounted read-only (journalctl -k tells why), or the systemd unit lets the hub write elsewhere \
             only (sudo postroom check tells)"
                .to_string()
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room there".to_string(),
        _ => "look at it, and at its disk (journalctl -k)".to_string(),
    }
}
