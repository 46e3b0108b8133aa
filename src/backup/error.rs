//! What can go wrong with a backup, in words for an administrator.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::names::{self, Kind};
use super::settings::SettingsFile;
use crate::store;

/// Why there is no backup, or no way back from it.
#[derive(Debug, Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] store::OpenError),
    #[error("the copy of the database: {0}")]
    Copy(#[from] store::StoreError),
    #[error("cannot {doing} {path}: {cause}{}", mend(.cause))]
    File {
        doing: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
    #[error(
        "{0} was cut short while it was read: something else changes it; run the command again"
    )]
    Changed(PathBuf),
    #[error(
        "{target} lies in {folder}, which is what is backed up: choose a place on another disk"
    )]
    Inside { target: PathBuf, folder: PathBuf },
    #[error(
        "there is no folder {0}: is the disk there, and mounted? If the folder is to be new, make it first (mkdir {0})"
    )]
    NoFolder(PathBuf),
    #[error(
        "the folder {0} holds other things than a backup of postroom: name an empty one, or a new one"
    )]
    HoldsOtherThings(PathBuf),
    #[error(
        "{0} is there already, and is no backup of postroom: name another file, or move it away"
    )]
    AnotherFile(PathBuf),
    #[error(
        "{0} is in the way, and is not what an interrupted backup leaves (it is a link, or somebody else's): remove it \
         (rm {0}), and run this again"
    )]
    AnothersPart(PathBuf),
    #[error(
        "{place} holds {what} {data_dir} here, and stays as it is: that of {hostname} of {made_at}, with \
         {messages} messages. {way_on}. If all is right, name another place for this one, or move that one away \
         (mv {place} {place}.before)",
        place = shown(.path), what = .why.what(), way_on = .why.way_on()
    )]
    AnotherStores {
        path: PathBuf,
        why: Another,
        hostname: String,
        made_at: String,
        messages: String,
        data_dir: PathBuf,
    },
    #[error(
        "{0} is a link, or something else than the folder that a backup has there, and nothing was written or \
         removed behind it: see who has put it there, move it away, and run this again"
    )]
    NotAFolderOfOurs(PathBuf),
    #[error("another postroom command is at work on {0}: wait for its end")]
    InUse(PathBuf),
    #[error("{path} is no backup of postroom: {why}")]
    NotABackup { path: PathBuf, why: &'static str },
    #[error("the manifest of {path} is damaged ({why}): take another backup")]
    Manifest { path: PathBuf, why: String },
    #[error(
        "{path} was made by a newer postroom (its form is {found}, this program knows {known}): install that version"
    )]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error("{path} holds a file that no backup has: {name}; nothing of it was used")]
    Stranger { path: PathBuf, name: String },
    #[error(
        "{path} is damaged, and nothing was restored: {}. Take an earlier backup{}",
        lines(.faults),
        way_on(.faults)
    )]
    Damaged { path: PathBuf, faults: Vec<Fault> },
    #[error(
        "nothing was restored, for the backup does not tell whose its mail is now: {} here with another password than in the \
         backup. Who has the name as before, and only another password since, gets the mail (--same-person NAME); where \
         somebody else has it now, that person starts empty, and the mail stays sealed (--other-person NAME)",
        listed(.0)
    )]
    Undecided(Vec<String>),
    #[error(
        "nothing was restored: --same-person and --other-person are for names that have mail in the backup, and another \
         password here than there; this is not so of {}",
        .0.join(", ")
    )]
    NotAsked(Vec<String>),
    #[error("{0}")]
    InTheWay(String),
    #[error(
        "whose are the files to be? There is no user \"postroom\" here, and {0} is not there or is root's: install \
         the package first, or make the folder and give it to the hub's user (chown)"
    )]
    NoOwner(PathBuf),
    #[error("{0}")]
    Settings(String),
}

/// Why a backup is not to be replaced by that of the store here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Another {
    Stranger,
    /// Of the one here, or of one that it was restored from, and of later.
    Later,
}

impl Another {
    fn what(self) -> &'static str {
        match self {
            Another::Stranger => "the backup of another store than the one in",
            Another::Later => "mail of a later state than was restored, or put back, to",
        }
    }

    fn way_on(self) -> &'static str {
        match self {
            Another::Stranger => {
                "Either the disk of the mail is not mounted, or another data folder is in its place, or the hub has \
                 begun anew: see how many messages postroom status tells, and put the right data folder back, or \
                 restore that backup"
            }
            Another::Later => {
                "If its mail is wanted here, move the data folder away, and restore that backup"
            }
        }
    }
}

/// What is not as the manifest says, or as a store must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A file of this name.
    Missing(String),
    /// In the system's words.
    Unreadable(String, String),
    /// Octets found, and those that the manifest says.
    Size(String, u64, u64),
    /// The octets are others.
    Digest(String),
    /// The manifest does not name it.
    Unnamed(String),
    /// Of the store.
    Store(store::Fault),
    /// What the manifest says does not fit together.
    Manifest(&'static str),
    /// Of a file of the settings, which is this one.
    Settings(Box<Fault>, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing(name) => write!(f, "{name} is missing"),
            Fault::Unreadable(name, why) => write!(f, "{name} cannot be read: {why}"),
            Fault::Size(name, found, octets) => {
                write!(f, "{name} has {found} octets instead of {octets}")
            }
            Fault::Digest(name) => write!(
                f,
                "{name} is damaged: its octets are not those that were backed up"
            ),
            Fault::Unnamed(name) => write!(f, "{name} does not belong to this backup"),
            Fault::Store(fault) => write!(f, "{fault}"),
            Fault::Manifest(what) => write!(f, "the manifest is damaged: {what}"),
            Fault::Settings(fault, path) => {
                write!(f, "{fault} (it is {} of the settings)", path.escape_debug())
            }
        }
    }
}

/// For `map_err`: what was being done with which file.
pub(super) fn failed(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_path_buf();
    move |cause| BackupError::File { doing, path, cause }
}

/// A folder without the `/` at its end, behind which `mv` would say something else.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    match text.trim_end_matches('/') {
        "" => text,
        text => text.to_string(),
    }
}

fn mend(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some room there, or choose another place. An earlier backup is as it was"
        }
        io::ErrorKind::PermissionDenied => {
            "; run the command as root, or as the hub's user (sudo -u USER postroom …)"
        }
        _ => "",
    }
}

impl Fault {
    /// Whether all but some messages can be used in spite of it.
    pub(super) fn is_of_some_messages(&self) -> bool {
        use store::Fault as OfStore;
        match self {
            Fault::Store(fault) => !matches!(
                fault,
                OfStore::Database(_)
                    | OfStore::Layout(_)
                    | OfStore::Reference(..)
                    | OfStore::BodyName(_)
            ),
            of_file => matches!(of_file.kind(), Some(Kind::Body(_))),
        }
    }

    /// Whether all of the mail can be used in spite of it, and not all of the settings.
    pub(super) fn is_of_settings(&self) -> bool {
        match self {
            Fault::Settings(..) => true,
            of_file => matches!(of_file.kind(), Some(Kind::Settings(_))),
        }
    }

    /// Whether the database can be looked into in spite of it.
    pub(super) fn leaves_the_database(&self) -> bool {
        self.is_of_some_messages() || self.is_of_settings()
    }

    /// The same, with the file of the settings that it is about.
    pub(super) fn with_settings(self, files: &[SettingsFile]) -> Fault {
        let mut files = files.iter();
        match files.find(|file| self.file() == Some(&file.name)) {
            Some(file) => Fault::Settings(Box::new(self), file.path.clone()),
            None => self,
        }
    }

    fn kind(&self) -> Option<Kind<'_>> {
        names::kind(self.file()?)
    }

    /// The name in the backup of the file that it is about.
    fn file(&self) -> Option<&String> {
        match self {
            Fault::Missing(name)
            | Fault::Unreadable(name, _)
            | Fault::Size(name, ..)
            | Fault::Digest(name)
            | Fault::Unnamed(name) => Some(name),
            Fault::Store(_) | Fault::Manifest(_) | Fault::Settings(..) => None,
        }
    }
}

/// What can be done where there is no earlier backup.
fn way_on(faults: &[Fault]) -> &'static str {
    let of_settings = faults.iter().any(Fault::is_of_settings);
    let of_messages = faults.iter().any(Fault::is_of_some_messages);
    match (of_settings, of_messages) {
        _ if !faults.iter().all(Fault::leaves_the_database) => "",
        (true, false) => {
            "; where there is none, --mail-only brings all mail back, to the settings that are here (postroom setup makes \
             new ones)"
        }
        (true, true) => {
            "; where there is none, --mail-only --damaged brings back what is left of the mail, to the settings that are \
             here (postroom setup makes new ones)"
        }
        (false, _) => "; where there is none, --damaged restores what is left",
    }
}

/// `anna is`, `anna and bob are`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [name] => format!("{name} is"),
        [names @ .., last] => format!("{} and {last} are", names.join(", ")),
    }
}

/// The first few, in a line; `verify` tells them all.
fn lines(faults: &[Fault]) -> String {
    const TOLD: usize = 3;
    let told = faults.iter().take(TOLD).map(Fault::to_string);
    let told = told.collect::<Vec<_>>().join("; ");
    match faults.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told}; and {more} more (postroom verify tells them)"),
    }
}
