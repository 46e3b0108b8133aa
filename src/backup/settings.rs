//! The files of the settings: postroom.toml and those that it names.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{BackupError, failed};
use super::names;
use crate::config::Configuration;
use crate::files::{folder_of, open_trusted};
use crate::net::tls::{CA_CERTIFICATE_FILE, CA_KEY_FILE};

/// A larger file is none of the settings: a directory of some thousand users has 1 MB.
const OCTETS_MAX: u64 = 64 << 20;

/// A file of the settings, as the manifest tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsFile {
    /// In the backup.
    pub name: String,
    /// Relative to the folder of postroom.toml, or absolute where it lies elsewhere.
    pub path: String,
}

/// What is read of one.
pub struct ReadFile {
    pub file: SettingsFile,
    pub content: Vec<u8>,
}

/// The folder of postroom.toml, without links.
pub fn folder(configuration: &Configuration) -> Result<PathBuf, BackupError> {
    let folder = folder_of(&configuration.path);
    fs::canonicalize(folder).map_err(failed("read", folder))
}

/// Reads all of them, postroom.toml first. Where a link stands, as under certbot's
/// `live/`, what it leads to.
pub fn read(configuration: &Configuration, state: &str) -> Result<Vec<ReadFile>, BackupError> {
    let folder = folder(configuration)?;
    let mut files = configuration.files();
    if let Some(tls) = &configuration.tls {
        let beside =
            [CA_CERTIFICATE_FILE, CA_KEY_FILE].map(|name| tls.certificate.with_file_name(name));
        // Only an office with a CA of its own has them.
        files.extend(beside.into_iter().filter(|file| file.exists()));
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    let mut read = Vec::with_capacity(files.len());
    for (number, source) in files.iter().enumerate() {
        let path = relative(&folder, source)?;
        let path = path.to_str().ok_or_else(|| {
            let file = source.display();
            BackupError::Settings(format!(
                "{file}: a file of the settings must have a name in UTF-8"
            ))
        })?;
        let file = SettingsFile {
            name: names::settings(state, number),
            path: path.to_string(),
        };
        let content = content_of(source)?;
        read.push(ReadFile { file, content });
    }
    Ok(read)
}

/// The hub's user has the folder of the settings, and could put a link there to what only
/// root may read.
fn content_of(path: &Path) -> Result<Vec<u8>, BackupError> {
    let file = open_trusted(path).map_err(failed("read", path))?;
    let octets = file.metadata().map_err(failed("read", path))?.len();
    if octets > OCTETS_MAX {
        let path = path.display();
        return Err(BackupError::Settings(format!(
            "{path} is no file of settings"
        )));
    }
    let mut content = Vec::new();
    let read = file.take(OCTETS_MAX).read_to_end(&mut content);
    read.map_err(failed("read", path))?;
    Ok(content)
}

/// The path below `folder`; absolute if it is elsewhere.
pub fn relative(folder: &Path, path: &Path) -> Result<PathBuf, BackupError> {
    let parent = folder_of(path);
    // A data folder may be there yet or not; a file's folder is.
    let parent = fs::canonicalize(parent)
        .or_else(|_| std::path::absolute(parent))
        .map_err(failed("find", path))?;
    let whole = parent.join(path.file_name().unwrap_or_default());
    Ok(match whole.strip_prefix(folder) {
        Ok(inside) if is_below(inside) => inside.to_path_buf(),
        _ => whole,
    })
}

/// Whether a path that a backup names leads nowhere but down.
pub fn is_below(path: &Path) -> bool {
    let mut parts = path.components();
    path.file_name().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}
