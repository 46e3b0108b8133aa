//! Where the files of the settings go when they are restored.
//!
//! Those that lay beside or below postroom.toml go beside or below the new one. Those
//! that lay elsewhere, as certbot's do, are put below `elsewhere/`, and a person puts
//! them where they belong: a backup has no say in where root writes. Nor has the owner
//! of that folder, who can exchange what is in it at any moment: from it downwards
//! everything goes by handles, and no link is followed.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{BackupError, failed};
use super::manifest::Manifest;
use super::settings::is_below;
use crate::config::{new_files, with_data_dir};
use crate::files::{Folder, folder_of};

/// The folder of files that lay elsewhere.
const ELSEWHERE: &str = "elsewhere";
/// As `init` has it: everybody may have the certificates, the keys are private.
const FOLDER_MODE: u32 = 0o755;

/// The files that are to be written.
#[derive(Debug, Default)]
pub struct Placing {
    /// Of the settings.
    folder: PathBuf,
    files: Vec<PlacedFile>,
}

#[derive(Debug)]
struct PlacedFile {
    /// Below the folder of the settings.
    to: PathBuf,
    content: Vec<u8>,
    /// Where it was, if that was elsewhere.
    was: Option<PathBuf>,
}

/// What is in a file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// From a restore that was broken off, or by hand.
    TheSame,
}

impl Placing {
    /// Works out what goes where, before anything is written. `unpacked` is the folder
    /// in which the backup lies.
    ///
    /// # Errors
    /// Another file is in the way.
    pub fn plan(
        config: &Path,
        unpacked: &Folder,
        manifest: &Manifest,
        data_dir: Option<&Path>,
    ) -> Result<Placing, BackupError> {
        let mut placing = Placing {
            folder: folder_of(config).to_path_buf(),
            files: Vec::new(),
        };
        let folder = match Folder::open_trusted(&placing.folder) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened.map_err(failed("open", &placing.folder))?),
        };
        for (number, file) in manifest.tail.settings.iter().enumerate() {
            let from = unpacked.path(&file.name);
            let mut content = content_of(unpacked, &file.name).map_err(failed("read", &from))?;
            let path = Path::new(&file.path);
            let (to, was) = match path.strip_prefix("/") {
                _ if number == 0 => (config.file_name().unwrap_or_default().into(), None),
                Ok(rest) if is_below(rest) => {
                    (Path::new(ELSEWHERE).join(rest), Some(path.to_path_buf()))
                }
                Err(_) if is_below(path) => (path.to_path_buf(), None),
                _ => {
                    return Err(BackupError::Stranger {
                        path: unpacked.path(""),
                        name: file.path.escape_debug().to_string(),
                    });
                }
            };
            if let (0, Some(data_dir)) = (number, data_dir) {
                content = moved(&content, data_dir)?;
            }
            let file = PlacedFile { to, content, was };
            if let Some(folder) = &folder {
                file.refuse_another(folder)?;
            }
            placing.files.push(file);
        }
        Ok(placing)
    }

    /// Writes them: private, and the folder's owner's. Those that are there already stay.
    ///
    /// # Errors
    /// What was written until then is removed again.
    pub fn write(&self) -> Result<(), BackupError> {
        if self.files.is_empty() {
            return Ok(());
        }
        new_files::make_folder(&self.folder, 0o750)
            .map_err(|why| BackupError::InTheWay(why.to_string()))?;
        let folder = Folder::open_trusted(&self.folder).map_err(failed("open", &self.folder))?;
        let mut written: Vec<(Folder, &OsStr)> = Vec::new();
        // postroom.toml last: without it nothing starts.
        for file in self.files.iter().rev() {
            match file.write(&folder) {
                Ok(new) => written.extend(new.map(|folder| (folder, file.name()))),
                Err(why) => {
                    // The first error is the one to tell.
                    let remove = |(folder, name): &(Folder, &OsStr)| drop(folder.remove(name));
                    written.iter().for_each(remove);
                    return Err(why);
                }
            }
        }
        Ok(())
    }

    /// Those that are where they belong.
    pub fn settings(&self) -> Vec<PathBuf> {
        let placed = self.files.iter().filter(|file| file.was.is_none());
        placed.map(|file| self.folder.join(&file.to)).collect()
    }

    /// Those that lay elsewhere: where they are now, and where they were.
    pub fn elsewhere(&self) -> Vec<(PathBuf, PathBuf)> {
        let placed = self.files.iter();
        let placed =
            placed.filter_map(|file| Some((self.folder.join(&file.to), file.was.clone()?)));
        placed.collect()
    }
}

impl PlacedFile {
    fn name(&self) -> &OsStr {
        self.to.file_name().unwrap_or_default()
    }

    /// Goes down from the folder of the settings to the one that it belongs in. None: there
    /// is no such folder, and none was made.
    fn go_down(
        &self,
        folder: &Folder,
        enter: fn(&Folder, &OsStr) -> io::Result<Option<Folder>>,
    ) -> Result<Option<Folder>, BackupError> {
        let mut at = folder.folder(".").map_err(in_the_way(folder, "."))?;
        let above = self.to.parent().unwrap_or(Path::new(""));
        for name in above {
            match enter(&at, name).map_err(in_the_way(&at, name))? {
                Some(below) => at = below,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn refuse_another(&self, folder: &Folder) -> Result<(), BackupError> {
        let enter = |folder: &Folder, name: &OsStr| match folder.folder(name) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        };
        match self.go_down(folder, enter)? {
            Some(folder) => self.found_in(&folder).map(drop),
            None => Ok(()),
        }
    }

    /// Writes it where it is not there yet: the folder that it was written into.
    fn write(&self, folder: &Folder) -> Result<Option<Folder>, BackupError> {
        let enter = |folder: &Folder, name: &OsStr| {
            new_files::folder_in(folder, name, FOLDER_MODE).map(Some)
        };
        let Some(folder) = self.go_down(folder, enter)? else {
            return Ok(None);
        };
        if let Found::TheSame = self.found_in(&folder)? {
            return Ok(None);
        }
        let path = folder.path(self.name());
        self.write_whole(&folder).map_err(failed("write", &path))?;
        Ok(Some(folder))
    }

    /// Under another name until it is whole: what a restore that is killed leaves of a
    /// file must not be in the way of the next one.
    fn write_whole(&self, folder: &Folder) -> io::Result<()> {
        let new = format!(".{}.new", self.name().to_string_lossy());
        // Not there, as a rule; what else keeps it from being removed is told by the next call.
        let _ = folder.remove(&new);
        new_files::write_new_in(folder, new.as_ref(), &self.content)?;
        folder.rename(&new, folder, self.name())?;
        folder.sync()
    }

    /// What has its name in the folder that it belongs in.
    fn found_in(&self, folder: &Folder) -> Result<Found, BackupError> {
        let read = || {
            let octets = self.content.len() as u64 + 1;
            let mut found = Vec::new();
            let file = folder.read(self.name())?;
            file.take(octets).read_to_end(&mut found)?;
            io::Result::Ok(found)
        };
        match read() {
            Ok(found) if found == self.content => return Ok(Found::TheSame),
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            _ => {}
        }
        let path = folder.path(self.name());
        let (path, folder) = (path.display(), folder_of(&path).display());
        Err(BackupError::InTheWay(format!(
            "{path} is there already, and a restore never overwrites settings: move it away (mv {path} {path}.before, or \
             all of {folder}), and run this again"
        )))
    }
}

/// What was unpacked by this name.
fn content_of(unpacked: &Folder, name: &str) -> io::Result<Vec<u8>> {
    let mut folder = unpacked.folder(".")?;
    let name = Path::new(name);
    for part in name.parent().unwrap_or(Path::new("")) {
        folder = folder.folder(part)?;
    }
    let mut content = Vec::new();
    let mut file = folder.read(name.file_name().unwrap_or_default())?;
    file.read_to_end(&mut content)?;
    Ok(content)
}

/// For `map_err`: what is there in place of a folder.
fn in_the_way(folder: &Folder, name: impl AsRef<Path>) -> impl FnOnce(io::Error) -> BackupError {
    let path = folder.path(name);
    move |why| match why.kind() {
        io::ErrorKind::NotADirectory => {
            let path = path.display();
            BackupError::InTheWay(format!(
                "{path} is no folder: move it away, and run this again"
            ))
        }
        _ => failed("enter", &path)(why),
    }
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
