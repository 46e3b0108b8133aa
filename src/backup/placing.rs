//! Where the files of the settings go when they are restored.
//!
//! Those that lay beside or below postroom.toml go beside or below the new one. Those
//! that lay elsewhere, as certbot's do, are put below `elsewhere/`, and a person puts
//! them where they belong: a backup has no say in where root writes.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::copying::sync_folder;
use super::error::{BackupError, failed};
use super::manifest::Manifest;
use super::owner::Owner;
use super::settings::is_below;
use crate::config::{init, new_files, with_data_dir};
use crate::files::{folder_of, open_itself};

/// The folder of files that lay elsewhere.
const ELSEWHERE: &str = "elsewhere";

/// The files that are to be written.
#[derive(Debug, Default)]
pub struct Placing(Vec<PlacedFile>);

#[derive(Debug)]
struct PlacedFile {
    to: PathBuf,
    content: Vec<u8>,
    /// Where it was, if that was elsewhere.
    was: Option<PathBuf>,
}

impl Placing {
    /// Works out what goes where, before anything is written. `unpacked` is the folder
    /// in which the backup lies.
    ///
    /// # Errors
    /// Another file is in the way.
    pub fn plan(
        config: &Path,
        unpacked: &Path,
        manifest: &Manifest,
        data_dir: Option<&Path>,
    ) -> Result<Placing, BackupError> {
        let folder = folder_of(config);
        let mut placing = Placing::default();
        for (number, file) in manifest.tail.settings.iter().enumerate() {
            let from = unpacked.join(&file.name);
            let mut content = fs::read(&from).map_err(failed("read", &from))?;
            let path = Path::new(&file.path);
            let (to, was) = match path.strip_prefix("/") {
                _ if number == 0 => (config.to_path_buf(), None),
                Ok(rest) if is_below(rest) => {
                    (folder.join(ELSEWHERE).join(rest), Some(path.to_path_buf()))
                }
                Err(_) if is_below(path) => (folder.join(path), None),
                _ => {
                    return Err(BackupError::Stranger {
                        path: unpacked.to_path_buf(),
                        name: file.path.escape_debug().to_string(),
                    });
                }
            };
            if let (0, Some(data_dir)) = (number, data_dir) {
                content = moved(&content, data_dir)?;
            }
            refuse_another(&to, &content)?;
            placing.0.push(PlacedFile { to, content, was });
        }
        Ok(placing)
    }

    /// Writes them: private, and the hub's. Those that are there already, from a restore
    /// that was broken off, stay.
    ///
    /// # Errors
    /// What was written until then is removed again.
    pub fn write(&self, folder: &Path, owner: Option<Owner>) -> Result<(), BackupError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let in_the_way = |why: init::InitError| BackupError::InTheWay(why.to_string());
        new_files::make_folder(folder, 0o750).map_err(in_the_way)?;
        if let Some(owner) = owner {
            owner.take_from_root(folder)?;
        }
        let mut written: Vec<&Path> = Vec::new();
        let write = |file: &PlacedFile| {
            make_folders(folder, folder_of(&file.to))?;
            match file.to.exists() {
                true => Ok(()),
                false => write_whole(&file.to, &file.content),
            }
        };
        // postroom.toml last: without it nothing starts.
        for file in self.0.iter().rev() {
            let was_there = file.to.exists();
            if let Err(why) = write(file) {
                // The first error is the one to tell.
                written.iter().for_each(|file| drop(fs::remove_file(file)));
                return Err(why);
            }
            if !was_there {
                written.push(&file.to);
            }
        }
        Ok(())
    }

    /// Those that are where they belong.
    pub fn settings(&self) -> Vec<PathBuf> {
        let placed = self.0.iter().filter(|file| file.was.is_none());
        placed.map(|file| file.to.clone()).collect()
    }

    /// Those that lay elsewhere: where they are now, and where they were.
    pub fn elsewhere(&self) -> Vec<(PathBuf, PathBuf)> {
        let placed = self.0.iter();
        let placed = placed.filter_map(|file| Some((file.to.clone(), file.was.clone()?)));
        placed.collect()
    }
}

/// Under another name until it is whole: what a restore that is killed leaves of a file
/// must not be in the way of the next one.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), BackupError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = folder_of(path).join(format!(".{name}.new"));
    // Not there, as a rule; what else keeps it from being removed is told by the next call.
    let _ = fs::remove_file(&new);
    new_files::write_new(&new, content).map_err(|why| BackupError::InTheWay(why.to_string()))?;
    fs::rename(&new, path).map_err(failed("write", path))?;
    sync_folder(folder_of(path))
}

/// Makes the folders from `folder` down to `below`, each its parent's owner's.
fn make_folders(folder: &Path, below: &Path) -> Result<(), BackupError> {
    let mut made = folder.to_path_buf();
    let rest = below.strip_prefix(folder).unwrap_or(Path::new(""));
    for part in rest
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
    {
        made.push(part);
        if fs::symlink_metadata(&made).is_ok_and(|found| !found.is_dir()) {
            let made = made.display();
            return Err(BackupError::InTheWay(format!(
                "{made} is no folder: move it away, and run this again"
            )));
        }
        // As `init` does: everybody may have the certificates, the keys are private.
        new_files::make_folder(&made, 0o755)
            .map_err(|why| BackupError::InTheWay(why.to_string()))?;
    }
    Ok(())
}

fn refuse_another(path: &Path, content: &[u8]) -> Result<(), BackupError> {
    if fs::symlink_metadata(path).is_err() || same(path, content) {
        return Ok(());
    }
    let (path, folder) = (path.display(), folder_of(path).display());
    Err(BackupError::InTheWay(format!(
        "{path} is there already, and a restore never overwrites settings: move it away (mv {path} {path}.before, or \
         all of {folder}), and run this again"
    )))
}

fn same(path: &Path, content: &[u8]) -> bool {
    let is_as_large = |found: fs::Metadata| found.is_file() && found.len() == content.len() as u64;
    fs::symlink_metadata(path).is_ok_and(is_as_large)
        && open_itself(path).is_ok()
        && fs::read(path).is_ok_and(|found| found == content)
}

fn moved(content: &[u8], data_dir: &Path) -> Result<Vec<u8>, BackupError> {
    let text = String::from_utf8_lossy(content);
    let name = data_dir.to_str().ok_or("its name must be in UTF-8");
    let text = name
        .map_err(str::to_string)
        .and_then(|name| with_data_dir(&text, name));
    let text = text.map_err(|why| {
        let data_dir = data_dir.display();
        BackupError::Settings(format!(
            "data_dir {data_dir} cannot be written into postroom.toml: {why}"
        ))
    })?;
    Ok(text.into_bytes())
}
