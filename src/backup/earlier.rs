//! The backup that is in the place already: the next one replaces it, if both are of one
//! store.
//!
//! A store that has begun anew, as when its disk is not mounted, is empty, and so is its
//! backup: it must not take the place of the last good one. Nor must that of a store that
//! was restored from an older backup take the place of a newer one.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tar::EntryType;

use super::error::{Another, BackupError, failed};
use super::manifest::{self, Head, Manifest, Tail, hex};
use super::names::{self, Kind};
use super::reading::HEAD_OCTETS_MAX;
use crate::files::open_itself;
use crate::store::{Identity, Line};

/// What stands in the place of an archive.
#[derive(Debug)]
pub struct EarlierArchive {
    pub head: Head,
    /// None: it is damaged or cut off.
    pub manifest: Option<Manifest>,
}

/// The store that is backed up.
#[derive(Debug)]
pub struct Own {
    pub line: Line,
    pub data_dir: PathBuf,
}

/// Refuses to replace a backup that has what is not known here: that of another store than
/// `own`, or of a later state of it, or of one that it was restored from and that had come
/// further by then.
pub fn refuse_anothers(
    path: &Path,
    earlier: &Head,
    tail: Option<&Tail>,
    own: &Own,
) -> Result<(), BackupError> {
    let Line {
        identity,
        last_entry,
        ancestors,
    } = &own.line;
    let is_earliers = |identity: &Identity| hex(identity.as_octets()) == earlier.store;
    // A copy of the data folder that is put back has its identity still.
    let own_now = (*identity, *last_entry);
    let mut known = ancestors.iter().chain([&own_now]);
    let why = match known.rfind(|(identity, _)| is_earliers(identity)) {
        Some((_, last_entry)) if earlier.last_entry <= *last_entry => return Ok(()),
        Some(_) => Another::Later,
        None => Another::Stranger,
    };
    Err(BackupError::AnotherStores {
        path: path.to_path_buf(),
        why,
        hostname: earlier.hostname.escape_debug().to_string(),
        made_at: earlier.made_at.escape_debug().to_string(),
        messages: tail.map_or("an unknown number of".to_string(), |tail| {
            tail.messages.to_string()
        }),
        data_dir: own.data_dir.clone(),
    })
}

impl EarlierArchive {
    /// Looks at the file; none where there is nothing, or nothing in it.
    ///
    /// # Errors
    /// It is another kind of file: a slip of the fingers must not replace anything but an
    /// earlier backup. Or it was made by a newer program.
    pub fn open(path: &Path) -> Result<Option<EarlierArchive>, BackupError> {
        let another = || BackupError::AnotherFile(path.to_path_buf());
        let file = match open_itself(path) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) if is_no_file(&why) => return Err(another()),
            Err(why) => return Err(failed("read", path)(why)),
        };
        if file.metadata().map_err(failed("read", path))?.len() == 0 {
            return Ok(None);
        }
        let (head, manifest) = ends_of(file);
        let head = match Head::parse(head.ok_or_else(another)?.trim_end(), path) {
            Ok(head) => head,
            Err(newer @ BackupError::Newer { .. }) => return Err(newer),
            Err(_) => return Err(another()),
        };
        let manifest = manifest.and_then(|text| Manifest::parse(&text, path).ok());
        Ok(Some(EarlierArchive { head, manifest }))
    }

    /// Which of these bodies it has, whole; no answer: it is damaged, and may have them.
    pub fn bodies(&self, lost: &[String]) -> Option<Vec<String>> {
        Some(self.manifest.as_ref()?.whole_bodies(lost))
    }
}

/// A link, a pipe, a device.
fn is_no_file(why: &io::Error) -> bool {
    why.kind() == io::ErrorKind::InvalidInput
        || why.raw_os_error() == Some(Errno::LOOP.raw_os_error())
        || why.raw_os_error() == Some(Errno::NXIO.raw_os_error())
}

/// The text of head.json, which stands in front, and of the manifest, at the end. What
/// lies between is gone past; behind damage nothing is found.
fn ends_of(file: File) -> (Option<String>, Option<String>) {
    let mut archive = tar::Archive::new(file);
    let Ok(entries) = archive.entries_with_seek() else {
        return (None, None);
    };
    let mut head = None;
    for entry in entries.raw(true) {
        let Ok(mut entry) = entry else { break };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            break;
        }
        let mut text = |octets_max: u64| {
            let mut text = String::new();
            let read = entry.by_ref().take(octets_max).read_to_string(&mut text);
            read.ok().map(|_| text)
        };
        match (names::kind(&name), &head) {
            (Some(Kind::Head), None) => head = text(HEAD_OCTETS_MAX),
            (_, None) => break,
            (Some(Kind::Manifest), _) => return (head, text(manifest::OCTETS_MAX)),
            _ => {}
        }
    }
    (head, None)
}
