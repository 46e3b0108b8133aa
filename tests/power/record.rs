//! What a hub did to its data folder, call by call, as interpose.c writes it.

use std::fs;
use std::path::Path;

use crate::interpose::{call, place};

/// A call that was done. Files are known by their inodes, paths begin in the
/// data folder.
#[derive(Debug)]
pub enum Call {
    /// Opened to be made, or made empty.
    Opened {
        path: String,
        file: u64,
        emptied: bool,
    },
    Written {
        file: u64,
        is_database: bool,
        offset: usize,
        octets: Vec<u8>,
    },
    Truncated {
        file: u64,
        octets: usize,
    },
    Renamed {
        from: String,
        to: String,
    },
    Unlinked {
        path: String,
    },
    SyncBegins {
        thread: i32,
        what: Synced,
    },
    SyncEnds {
        thread: i32,
        what: Synced,
        failed: bool,
    },
    /// Left by a socket, or was about to.
    Said {
        text: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    File(u64),
    /// The names in the data folder.
    Folder,
    /// The names in bodies/.
    Bodies,
}

const SYNC_BEGINS: i32 = 4096;

/// Reads a whole record.
pub fn read(path: &Path) -> Vec<Call> {
    let octets = fs::read(path).unwrap();
    let mut rest = Reader(&octets);
    let mut calls = Vec::new();
    while !rest.0.is_empty() {
        calls.extend(rest.call());
    }
    calls
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn call(&mut self) -> Option<Call> {
        let (operation, place) = (self.word(), self.word());
        let (error, thread) = (self.word(), self.word());
        let (file, offset) = (self.long(), self.long() as i64);
        let (path, data) = (self.word() as usize, self.word() as usize);
        let path = in_folder(self.take(path));
        let data = self.take(data).to_vec();
        let what = match place {
            place::FOLDER => Synced::Folder,
            place::BODIES => Synced::Bodies,
            _ => Synced::File(file),
        };
        Some(match operation {
            call::OPEN => Call::Opened {
                path,
                file,
                emptied: offset == 0,
            },
            call::WRITE => Call::Written {
                file,
                is_database: place == place::DATABASE,
                offset: offset.try_into().unwrap(),
                octets: data,
            },
            call::TRUNCATE => Call::Truncated {
                file,
                octets: offset.try_into().unwrap(),
            },
            call::RENAME => Call::Renamed {
                from: path,
                to: in_folder(&data),
            },
            call::UNLINK => Call::Unlinked { path },
            SYNC_BEGINS => Call::SyncBegins { thread, what },
            call::SYNC => Call::SyncEnds {
                thread,
                what,
                failed: error != 0,
            },
            call::SEND => Call::Said {
                text: String::from_utf8_lossy(&data).into_owned(),
            },
            // The folder bodies/ is made anew where it is missing.
            call::MKDIR => return None,
            other => panic!("call {other} in a record"),
        })
    }

    fn take(&mut self, octets: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(octets);
        self.0 = rest;
        taken
    }

    fn word(&mut self) -> i32 {
        i32::from_ne_bytes(self.take(4).try_into().unwrap())
    }

    fn long(&mut self) -> u64 {
        u64::from_ne_bytes(self.take(8).try_into().unwrap())
    }
}

/// The part of a path behind the data folder.
fn in_folder(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    let inside = path.rsplit_once("/data/").map(|(_, inside)| inside);
    inside.unwrap_or(&path).to_string()
}
