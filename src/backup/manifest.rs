//! The manifest: what belongs to a backup. Its rename into place is the moment at
//! which a backup counts.
//!
//! Lines of JSON: what the backup is, one line for each file, what is known when all is
//! copied, and an end with the SHA-256 of all lines before it, without which the manifest is cut off or changed.

use std::collections::BTreeMap;
use std::path::Path;

use openssl::sha::sha256;
use serde::{Deserialize, Serialize};

use super::error::BackupError;
use super::names::{self, Kind};
use super::settings::SettingsFile;
use crate::store::Identity;

/// The form that this program writes, and the newest that it reads.
const FORM: u32 = 1;
/// A manifest has some 130 octets for each large body.
pub const OCTETS_MAX: u64 = 1 << 30;

/// What a backup is of. Known before anything is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub(super) postroom_backup: u32,
    /// When the command began, in UTC (RFC 3339): what was acknowledged before is in it.
    pub made_at: String,
    /// The version of the program that made it.
    pub program: String,
    pub hostname: String,
    /// Which store it is of, in hexadecimal digits ([`Identity`]).
    pub(super) store: String,
    /// How far that had come ([`crate::store::Snapshot::last_entry`]).
    pub(super) last_entry: u64,
    /// The folder of the database and the settings.
    pub(super) state: String,
    /// Relative to the folder of postroom.toml if it lies in it.
    pub(super) data_dir: String,
    /// Whether the hub may run as root.
    pub(super) allow_root: bool,
}

/// A file's octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    pub octets: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub head: Head,
    /// By name.
    pub files: BTreeMap<String, FileRecord>,
    pub tail: Tail,
}

/// What is known when all is copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    pub messages: u64,
    /// Of the messages.
    pub octets: u64,
    pub settings: Vec<SettingsFile>,
    /// Bodies that were missing, cut off or not to be read in the store itself when it was
    /// backed up.
    pub faulty_bodies: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct FileLine {
    file: String,
    #[serde(flatten)]
    record: FileRecord,
}

#[derive(Serialize, Deserialize)]
struct EndLine {
    files: usize,
    sha256: String,
}

impl Head {
    pub fn new(made_at: String, hostname: String, store: Identity) -> Head {
        Head {
            postroom_backup: FORM,
            made_at,
            program: env!("CARGO_PKG_VERSION").to_string(),
            hostname,
            store: hex(store.as_octets()),
            last_entry: 0,
            state: names::state(1),
            data_dir: String::new(),
            allow_root: false,
        }
    }

    /// As one line.
    pub fn to_line(&self) -> String {
        line(self)
    }

    /// Reads the first line of a manifest; `path` is what errors name.
    pub fn parse(text: &str, path: &Path) -> Result<Head, BackupError> {
        #[derive(Deserialize)]
        struct Form {
            postroom_backup: u32,
        }
        let not_ours = |_| BackupError::NotABackup {
            path: path.to_path_buf(),
            why: "its manifest is none of postroom's",
        };
        let Form { postroom_backup } = serde_json::from_str(text).map_err(not_ours)?;
        if postroom_backup > FORM {
            return Err(BackupError::Newer {
                path: path.to_path_buf(),
                found: postroom_backup,
                known: FORM,
            });
        }
        let head: Head = serde_json::from_str(text).map_err(|why| damaged(path, why))?;
        match names::state_number(&head.state) {
            Some(_) => Ok(head),
            None => Err(damaged(path, "its state has no such name")),
        }
    }
}

impl Manifest {
    /// Which of these bodies it has, whole.
    pub fn whole_bodies(&self, bodies: &[String]) -> Vec<String> {
        let is_whole = |name: &&String| {
            self.files.contains_key(&names::body(name)) && !self.tail.faulty_bodies.contains(name)
        };
        bodies.iter().filter(is_whole).cloned().collect()
    }

    /// The database.
    pub fn database(&self) -> String {
        names::database(&self.head.state)
    }

    /// The whole text.
    pub fn to_text(&self) -> String {
        let mut text = self.head.to_line();
        for (name, record) in &self.files {
            text += &line(&FileLine {
                file: name.clone(),
                record: record.clone(),
            });
        }
        text += &line(&self.tail);
        let end = EndLine {
            files: self.files.len(),
            sha256: hex(&sha256(text.as_bytes())),
        };
        text + &line(&end)
    }

    /// Reads a whole text; `path` is what errors name.
    ///
    /// # Errors
    /// It is cut off, changed, of a newer program, or none at all.
    pub fn parse(text: &str, path: &Path) -> Result<Manifest, BackupError> {
        let (first, _) = text.split_once('\n').unwrap_or((text, ""));
        let head = Head::parse(first, path)?;
        let whole = text.strip_suffix('\n');
        let whole = whole.ok_or_else(|| damaged(path, "it is cut off"))?;
        let (before, last) = whole
            .rsplit_once('\n')
            .ok_or_else(|| damaged(path, "it is cut off"))?;
        let end: EndLine =
            serde_json::from_str(last).map_err(|_| damaged(path, "it is cut off"))?;
        if end.sha256 != hex(&sha256(format!("{before}\n").as_bytes())) {
            return Err(damaged(path, "its own SHA-256 is another"));
        }
        let (listed, tail) = before
            .rsplit_once('\n')
            .ok_or_else(|| damaged(path, "it is cut off"))?;
        let tail: Tail = serde_json::from_str(tail).map_err(|why| damaged(path, why))?;
        let mut files = BTreeMap::new();
        for text in listed.lines().skip(1) {
            let FileLine { file, record } =
                serde_json::from_str(text).map_err(|why| damaged(path, why))?;
            match names::kind(&file) {
                Some(Kind::Body(_) | Kind::Database(_) | Kind::Settings(_)) => {}
                _ => {
                    let path = path.to_path_buf();
                    return Err(BackupError::Stranger { path, name: file });
                }
            }
            files.insert(file, record);
        }
        let manifest = Manifest { head, files, tail };
        let has_settings = |file: &SettingsFile| manifest.files.contains_key(&file.name);
        if manifest.files.len() != end.files
            || !manifest.files.contains_key(&manifest.database())
            || !manifest.tail.settings.iter().all(has_settings)
        {
            return Err(damaged(path, "files are missing from it"));
        }
        Ok(manifest)
    }
}

/// In hexadecimal digits.
pub fn hex(digest: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest)
}

fn line(value: &impl Serialize) -> String {
    // Texts and numbers: nothing that JSON could not say.
    let text = serde_json::to_string(value).unwrap_or_default();
    text + "\n"
}

fn damaged(path: &Path, why: impl ToString) -> BackupError {
    BackupError::Manifest {
        path: path.to_path_buf(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let record = FileRecord {
            octets: 3,
            sha256: hex(&sha256(b"abc")),
        };
        let names = ["state-3/postroom.db", "bodies/abcdefghijklmnopqrstuvwxyz"];
        let files = names.map(|name| (name.to_string(), record.clone()));
        let now = "2026-11-23T09:00:00Z".to_string();
        Manifest {
            head: Head {
                state: "state-3".into(),
                ..Head::new(now, "post.example.com".into(), Identity::new([7; 16]))
            },
            files: files.into(),
            tail: Tail::default(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let manifest = manifest();
        let text = manifest.to_text();
        assert_eq!(Manifest::parse(&text, Path::new("m")).unwrap(), manifest);
    }

    #[test]
    fn a_manifest_that_is_cut_off_or_changed_anywhere_is_refused() {
        let text = manifest().to_text();
        for octets in 0..text.len() {
            let cut = text.get(..octets).unwrap();
            assert!(Manifest::parse(cut, Path::new("m")).is_err(), "{octets}");
            let mut other = text.clone().into_bytes();
            if let Some(octet) = other.get_mut(octets) {
                *octet ^= 1;
            }
            // A line of white space in front of the end is the one change that means nothing.
            if let Ok(other) = String::from_utf8(other) {
                let read = Manifest::parse(&other, Path::new("m"));
                assert!(!read.is_ok_and(|read| read != manifest()), "{octets}");
            }
        }
    }

    #[test]
    fn a_newer_form_and_names_that_lead_elsewhere_are_refused() {
        let text = manifest().to_text();
        let newer = text.replace("\"postroom_backup\":1", "\"postroom_backup\":2");
        let error = Manifest::parse(&newer, Path::new("m")).unwrap_err();
        assert!(
            error.to_string().contains("install that version"),
            "{error}"
        );
        let mut evil = manifest();
        let record = evil.files.values().next().unwrap().clone();
        evil.files.insert("bodies/../../x".into(), record);
        let error = Manifest::parse(&evil.to_text(), Path::new("m")).unwrap_err();
        assert!(matches!(error, BackupError::Stranger { .. }), "{error}");
    }
}
