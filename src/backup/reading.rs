//! Reads a whole backup and holds every octet of it beside the manifest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use tar::{Archive, Entries, EntryType};

use super::copying::{Side, copy, copy_synced, create, forget_cached, make_folder};
use super::error::{BackupError, Fault, failed};
use super::folder::{lock_for_reading, open_in, read_manifest};
use super::manifest::{self, FileRecord, Head, Manifest};
use super::names::{self, Kind};
use super::{Place, Watch};
use crate::files::{self, folder_of};

/// The first line of a manifest has some hundred octets.
pub const HEAD_OCTETS_MAX: u64 = 64 << 10;

/// A backup that is about to be read.
pub struct Opened {
    /// What errors name.
    path: PathBuf,
    form: Form,
}

enum Form {
    Folder {
        root: files::Folder,
        manifest: Box<Manifest>,
        _lock: Option<File>,
    },
    Archive(Box<dyn Read>, u64),
}

/// A backup that was read.
pub struct Seen {
    pub manifest: Manifest,
    pub faults: Vec<Fault>,
}

/// Where a file of this name is to be copied to; none: it is only looked at. Asked
/// with the head, which a backup has in front.
pub type PlaceOf<'a> = dyn FnMut(&Head, &str) -> Result<Option<PathBuf>, BackupError> + 'a;

/// Finds out what it is.
///
/// # Errors
/// It is none, or cannot be read.
pub fn open(place: &Place) -> Result<Opened, BackupError> {
    let (path, form) = match place {
        Place::Folder(path) => {
            let root = files::Folder::open_trusted(path).map_err(failed("read", path))?;
            let lock = lock_for_reading(&root)?;
            let manifest = Box::new(read_manifest(&root)?);
            let form = Form::Folder {
                root,
                manifest,
                _lock: lock,
            };
            (path.clone(), form)
        }
        Place::File(path) => {
            let file = files::open_trusted(path).map_err(failed("read", path))?;
            forget_cached(&file);
            let octets = file.metadata().map_err(failed("read", path))?.len();
            (path.clone(), Form::Archive(Box::new(file), octets))
        }
        Place::Stream => {
            let form = Form::Archive(Box::new(io::stdin()), 0);
            (PathBuf::from("standard input"), form)
        }
    };
    Ok(Opened { path, form })
}

impl Opened {
    /// Where the database of the backup lies already, if it is a folder.
    pub fn database(&self) -> Option<PathBuf> {
        match &self.form {
            Form::Folder { manifest, .. } => Some(self.path.join(manifest.database())),
            Form::Archive(..) => None,
        }
    }

    /// Reads all of it, and copies what `place_of` names a place for.
    ///
    /// # Errors
    /// There is no manifest to go by; something that no backup holds is in it; a copy
    /// cannot be written.
    pub fn read(self, place_of: &mut PlaceOf<'_>, watch: &dyn Watch) -> Result<Seen, BackupError> {
        match self.form {
            Form::Folder { root, manifest, .. } => read_folder(&root, *manifest, place_of, watch),
            Form::Archive(input, octets) => {
                watch.begin(octets);
                read_archive(&self.path, input, place_of, watch)
            }
        }
    }
}

fn read_folder(
    root: &files::Folder,
    manifest: Manifest,
    place_of: &mut PlaceOf<'_>,
    watch: &dyn Watch,
) -> Result<Seen, BackupError> {
    watch.begin(manifest.files.values().map(|record| record.octets).sum());
    let mut faults = Vec::new();
    for (name, expected) in &manifest.files {
        let to = place_of(&manifest.head, name)?;
        let found = open_in(root, name).map(|mut file| {
            forget_cached(&file);
            read_file(&mut file, to.as_deref(), watch)
        });
        match found {
            Ok(Ok(found)) => faults.extend(difference(name, &found, expected)),
            Ok(Err(Side::Output(why))) => {
                let to = to.unwrap_or_default();
                return Err(failed("write", &to)(why));
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                faults.push(Fault::Missing(name.clone()));
            }
            Err(why) | Ok(Err(Side::Input(why))) => {
                faults.push(Fault::Unreadable(name.clone(), why.to_string()));
            }
        }
    }
    Ok(Seen { manifest, faults })
}

fn read_archive(
    path: &Path,
    input: Box<dyn Read>,
    place_of: &mut PlaceOf<'_>,
    watch: &dyn Watch,
) -> Result<Seen, BackupError> {
    let not_ours = |why| BackupError::NotABackup {
        path: path.to_path_buf(),
        why,
    };
    let mut archive = Archive::new(BufReader::with_capacity(256 << 10, input));
    let entries = archive.entries().map_err(failed("read", path))?;
    let mut files = Files::begin(path, entries);
    let mut head: Option<Head> = None;
    let mut manifest: Option<Manifest> = None;
    let mut found: BTreeMap<String, FileRecord> = BTreeMap::new();
    while let Some((name, mut file)) = files.next()? {
        let stranger = || BackupError::Stranger {
            path: path.to_path_buf(),
            name: name.escape_debug().to_string(),
        };
        match (names::kind(&name), &head) {
            (Some(Kind::Head), None) => {
                let text = text_of(&mut file, HEAD_OCTETS_MAX, path)?;
                head = Some(Head::parse(text.trim_end(), path)?);
            }
            (_, None) => return Err(not_ours("its first file is not head.json")),
            (Some(Kind::Manifest), _) if manifest.is_none() => {
                let text = text_of(&mut file, manifest::OCTETS_MAX, path)?;
                manifest = Some(Manifest::parse(&text, path)?);
            }
            (Some(Kind::Body(_) | Kind::Database(_) | Kind::Settings(_)), Some(head)) => {
                if found.contains_key(&name) {
                    return Err(stranger());
                }
                let to = place_of(head, &name)?;
                let record = read_file(&mut file, to.as_deref(), watch);
                let record = record.map_err(|side| match side {
                    Side::Input(why) => failed("read", path)(why),
                    Side::Output(why) => failed("write", &to.unwrap_or_default())(why),
                })?;
                found.insert(name, record);
            }
            _ => return Err(stranger()),
        }
    }
    let head = head.ok_or_else(|| not_ours("there is nothing in it"))?;
    let manifest = manifest
        .ok_or_else(|| not_ours("it has no manifest, which stands at its end: it is cut off"))?;
    let mut faults = Vec::new();
    if manifest.head != head {
        faults.push(Fault::Manifest("head.json says something else"));
    }
    for (name, expected) in &manifest.files {
        match found.remove(name) {
            Some(found) => faults.extend(difference(name, &found, expected)),
            None => faults.push(Fault::Missing(name.clone())),
        }
    }
    faults.extend(found.into_keys().map(Fault::Unnamed));
    Ok(Seen { manifest, faults })
}

/// A file of a tar, and its name there.
type NamedFile<'a> = (String, tar::Entry<'a, BufReader<Box<dyn Read>>>);

/// The files of a tar, one after the other.
struct Files<'a> {
    path: &'a Path,
    entries: Entries<'a, BufReader<Box<dyn Read>>>,
}

impl<'a> Files<'a> {
    /// Raw: what tar keeps in further entries, such as long names and links, is of no
    /// use here, and is not even read.
    fn begin(path: &'a Path, entries: Entries<'a, BufReader<Box<dyn Read>>>) -> Files<'a> {
        Files {
            path,
            entries: entries.raw(true),
        }
    }

    /// The next file and its name. Links, folders, devices are refused.
    fn next(&mut self) -> Result<Option<NamedFile<'a>>, BackupError> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        // A header that is none: another kind of file, or the middle of a damaged one.
        let entry = entry.map_err(|why| match why.kind() {
            io::ErrorKind::Other | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                BackupError::NotABackup {
                    path: self.path.to_path_buf(),
                    why: "it is no tar, or a damaged one",
                }
            }
            _ => failed("read", self.path)(why),
        })?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            EntryType::Regular => Ok(Some((name, entry))),
            _ => Err(BackupError::Stranger {
                path: self.path.to_path_buf(),
                name: name.escape_debug().to_string(),
            }),
        }
    }
}

fn text_of(file: &mut dyn Read, octets_max: u64, path: &Path) -> Result<String, BackupError> {
    let mut text = String::new();
    let read = file.take(octets_max).read_to_string(&mut text);
    read.map_err(|why| match why.kind() {
        io::ErrorKind::InvalidData => BackupError::NotABackup {
            path: path.to_path_buf(),
            why: "its manifest is no text",
        },
        _ => failed("read", path)(why),
    })?;
    Ok(text)
}

/// Reads a file to its end, and copies it where that is wanted.
fn read_file(
    file: &mut dyn Read,
    to: Option<&Path>,
    watch: &dyn Watch,
) -> Result<FileRecord, Side> {
    let Some(to) = to else {
        return copy(file, &mut io::sink(), watch);
    };
    let output = |why: BackupError| match why {
        BackupError::File { cause, .. } => Side::Output(cause),
        other => Side::Output(io::Error::other(other.to_string())),
    };
    make_folder(folder_of(to)).map_err(output)?;
    let mut copied = create(to).map_err(output)?;
    copy_synced(file, &mut copied, watch)
}

fn difference(name: &str, found: &FileRecord, expected: &FileRecord) -> Option<Fault> {
    if found.octets != expected.octets {
        let (found, expected) = (found.octets, expected.octets);
        return Some(Fault::Size(name.to_string(), found, expected));
    }
    (found.sha256 != expected.sha256).then(|| Fault::Digest(name.to_string()))
}

/// What the database and the bodies of a backup say of each other. The database lies
/// at `database`; the sizes of the bodies are those of the manifest, which were compared.
pub fn look_inside(
    manifest: &Manifest,
    database: &Path,
) -> Result<(crate::store::Counts, Vec<Fault>), BackupError> {
    use crate::store::Fault as OfStore;
    let mut octets_of = |name: &str| {
        let record = manifest.files.get(&names::body(name));
        record.map(|record| record.octets)
    };
    let found = crate::store::inspect_copy(database, &mut octets_of)?;
    let was_faulty = |fault: &OfStore| match fault {
        OfStore::BodyMissing(_, file) | OfStore::BodyCut { file, .. } => {
            manifest.tail.faulty_bodies.contains(file)
        }
        _ => false,
    };
    let faults = found.faults.into_iter().filter(|fault| !was_faulty(fault));
    Ok((found.counts, faults.map(Fault::Store).collect()))
}

/// Whether there is anything in a folder; none is there, nothing is in it.
pub fn is_empty(folder: &Path) -> Result<bool, BackupError> {
    match fs::read_dir(folder) {
        Ok(mut names) => Ok(names.next().is_none()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(why) => Err(failed("read", folder)(why)),
    }
}
