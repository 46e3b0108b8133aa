//! A disk that forgets: what a power cut leaves of files and names.
//!
//! Only what was synced is sure to be there. Of what was written since, each
//! piece may be there or not, whatever came after it, and of a piece some
//! sectors and not others. A name that was made, changed or removed is sure
//! only when its folder was synced. After a sync that failed, what it was
//! about is gone: a later sync that succeeds says nothing of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::random::Random;
use crate::record::{Call, Synced};

/// What a disk writes whole or not at all.
const SECTOR_OCTETS: usize = 512;

/// How much of what was not synced is there after the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// As after a kill: the system had written it all by itself.
    Everything,
    /// Each piece or not.
    Some,
    /// Each sector or not.
    Torn,
}

impl Left {
    pub const ALL: [Left; 4] = [Left::Nothing, Left::Some, Left::Torn, Left::Everything];
}

/// The state of the data folder at a point of the record.
#[derive(Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    /// The file that has an inode now.
    inodes: BTreeMap<u64, usize>,
    /// As the running system sees them.
    names: Names,
    synced_names: Names,
    /// Changes of names, oldest first, each with its time.
    changes: Vec<(u64, Change)>,
    syncs: Vec<(i32, Synced, u64)>,
    time: u64,
}

type Names = BTreeMap<String, usize>;

#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    pieces: Vec<(u64, Piece)>,
}

#[derive(Debug, Clone)]
enum Piece {
    Octets { offset: usize, octets: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Clone)]
enum Change {
    Made {
        name: String,
        file: usize,
    },
    Renamed {
        from: String,
        to: String,
        file: usize,
    },
    Removed {
        name: String,
    },
}

impl Disk {
    /// What lies in the folder now is safe.
    pub fn of(folder: &Path) -> Disk {
        let mut disk = Disk::default();
        disk.add(folder, "");
        disk.synced_names = disk.names.clone();
        disk
    }

    fn add(&mut self, folder: &Path, prefix: &str) {
        for found in fs::read_dir(folder).unwrap() {
            let found = found.unwrap();
            let name = format!("{prefix}{}", found.file_name().to_str().unwrap());
            if found.file_type().unwrap().is_dir() {
                self.add(&found.path(), &format!("{name}/"));
            } else if name.starts_with("postroom.db") || name.starts_with("bodies/") {
                let synced = fs::read(found.path()).unwrap();
                let file = self.new_file(found.metadata().unwrap().ino());
                self.files[file].synced = synced;
                self.names.insert(name, file);
            }
        }
    }

    fn new_file(&mut self, inode: u64) -> usize {
        self.files.push(File::default());
        self.inodes.insert(inode, self.files.len() - 1);
        self.files.len() - 1
    }

    /// One call more. `chance` decides what a failed sync had done.
    pub fn take(&mut self, call: &Call, chance: &mut Random) {
        self.time += 1;
        match call {
            Call::Opened {
                path,
                file,
                emptied,
            } => self.opened(path, *file, *emptied),
            Call::Written {
                file,
                offset,
                octets,
                ..
            } => self.piece(
                *file,
                Piece::Octets {
                    offset: *offset,
                    octets: octets.clone(),
                },
            ),
            Call::Truncated { file, octets } => self.piece(*file, Piece::Length(*octets)),
            Call::Renamed { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                    let (from, to) = (from.clone(), to.clone());
                    self.changed(Change::Renamed { from, to, file });
                }
            }
            Call::Unlinked { path } => {
                if self.names.remove(path).is_some() {
                    self.changed(Change::Removed { name: path.clone() });
                }
            }
            Call::SyncBegins { thread, what } => self.syncs.push((*thread, *what, self.time)),
            Call::SyncEnds {
                thread,
                what,
                failed,
            } => {
                let same = |sync: &(i32, Synced, u64)| (sync.0, sync.1) == (*thread, *what);
                let at = self.syncs.iter().rposition(same).unwrap();
                let (_, _, since) = self.syncs.remove(at);
                self.synced(*what, since, failed.then_some(chance));
            }
            Call::Said { .. } => {}
        }
    }

    fn opened(&mut self, path: &str, inode: u64, emptied: bool) {
        if self.names.contains_key(path) {
            if emptied {
                self.piece(inode, Piece::Length(0));
            }
            return;
        }
        let file = self.new_file(inode);
        self.names.insert(path.to_string(), file);
        let name = path.to_string();
        self.changed(Change::Made { name, file });
    }

    fn piece(&mut self, inode: u64, piece: Piece) {
        // The memory that SQLite shares between connections is not on record.
        if let Some(&file) = self.inodes.get(&inode) {
            self.files[file].pieces.push((self.time, piece));
        }
    }

    fn changed(&mut self, change: Change) {
        self.changes.push((self.time, change));
    }

    fn synced(&mut self, what: Synced, since: u64, failed: Option<&mut Random>) {
        match what {
            Synced::File(inode) => {
                let Some(&file) = self.inodes.get(&inode) else {
                    return;
                };
                let File { synced, pieces } = &mut self.files[file];
                let later = pieces.iter().position(|(time, _)| *time > since);
                let done = pieces.drain(..later.unwrap_or(pieces.len()));
                match failed {
                    None => done.for_each(|(_, piece)| piece.put(synced)),
                    Some(chance) => done
                        .filter(|_| chance.yes())
                        .for_each(|(_, piece)| piece.put(synced)),
                }
            }
            Synced::Folder | Synced::Bodies if failed.is_none() => {
                let in_bodies = what == Synced::Bodies;
                let names = &mut self.synced_names;
                self.changes.retain(|(time, change)| {
                    let done = *time <= since && change.is_in_bodies() == in_bodies;
                    if done {
                        change.make(names);
                    }
                    !done
                });
            }
            Synced::Folder | Synced::Bodies => {}
        }
    }

    /// The folder as the next start finds it.
    pub fn cut(&self, left: Left, chance: &mut Random, folder: &Path) {
        let mut names = self.synced_names.clone();
        for (_, change) in &self.changes {
            let kept = match left {
                Left::Nothing => false,
                Left::Everything => true,
                Left::Some | Left::Torn => chance.yes(),
            };
            if kept {
                change.make(&mut names);
            }
        }
        fs::create_dir_all(folder.join("bodies")).unwrap();
        for (name, &file) in &names {
            fs::write(folder.join(name), self.files[file].cut(left, chance)).unwrap();
        }
    }
}

impl File {
    fn cut(&self, left: Left, chance: &mut Random) -> Vec<u8> {
        let mut found = self.synced.clone();
        for (_, piece) in &self.pieces {
            match (left, piece) {
                (Left::Nothing, _) => {}
                (Left::Everything, _) => piece.put(&mut found),
                (Left::Torn, Piece::Octets { offset, octets }) => {
                    for (number, sector) in octets.chunks(SECTOR_OCTETS).enumerate() {
                        if chance.yes() {
                            put(&mut found, offset + number * SECTOR_OCTETS, sector);
                        }
                    }
                }
                (Left::Some | Left::Torn, _) => {
                    if chance.yes() {
                        piece.put(&mut found);
                    }
                }
            }
        }
        found
    }
}

impl Piece {
    fn put(&self, file: &mut Vec<u8>) {
        match self {
            Piece::Octets { offset, octets } => put(file, *offset, octets),
            Piece::Length(octets) => file.resize(*octets, 0),
        }
    }
}

fn put(file: &mut Vec<u8>, offset: usize, octets: &[u8]) {
    let end = offset + octets.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(octets);
}

impl Change {
    fn is_in_bodies(&self) -> bool {
        let (Change::Made { name, .. }
        | Change::Renamed { to: name, .. }
        | Change::Removed { name }) = self;
        name.starts_with("bodies/")
    }

    fn make(&self, names: &mut Names) {
        match self {
            Change::Made { name, file } => {
                names.insert(name.clone(), *file);
            }
            Change::Renamed { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Change::Removed { name } => {
                names.remove(name);
            }
        }
    }
}

#[cfg(test)]
#[path = "disk/tests.rs"]
mod tests;
