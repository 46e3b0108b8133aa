//! Copies of the hub for another disk: mail, settings, certificates; and the way back.
//!
//! ```text
//!            store::Snapshot ─┐                       ┌─▶ folder   only what is new is copied
//!   bodies/, settings ────────┴─▶ back_up ──▶ Target ─┴─▶ archive  one tar, or standard output
//!
//!   folder, archive ──▶ reading: every octet beside the manifest ──▶ verify, restore
//! ```
//! What a backup holds, by the names that `names` allows and no others:
//!
//! ```text
//! manifest.jsonl         what belongs to it, with sizes and SHA-256; renamed into place last
//! bodies/NAME            large bodies; they never change
//! state-N/postroom.db    the database, one file without a log
//! state-N/settings/N     postroom.toml and the files that it names
//! head.json              in an archive, in front: the first line of the manifest
//! lock                   in a folder: one backup at a time; tells that the folder is ours
//! ```
//! The command makes it, not the hub: that may write its data folder only. It needs no
//! hub and stops none. A backup is **of the moment at which the database was copied**;
//! what was acknowledged before the command began is in it. It names the store that it is
//! of ([`crate::store::Identity`]), and takes the place of no other store's, nor of one that
//! has what is not known here (`earlier`).
//!
//! Called by `cli`. Knows the files, not the mail: what is in a database is the store's.

mod names;
mod error;
mod manifest;
mod copying;
mod settings;
mod target;
mod earlier;
mod folder;
mod part_file;
mod workplace;
mod aside;
mod archive;
mod place;
mod back_up;
mod reading;
mod verify;
mod owner;
mod placing;
mod site;
mod restore;

use std::path::PathBuf;

pub use back_up::{BackedUp, KeptArchive, Lost, back_up};
pub use error::{BackupError, Fault};
pub use manifest::Head;
pub use place::Disk;
pub use restore::{Damage, Plan, Restored, Settings, restore};
pub use verify::{Verified, verify, verify_in_place};

/// Where a backup is, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder, in which each backup copies only what is new.
    Folder(PathBuf),
    /// A file: everything in one tar.
    File(PathBuf),
    /// Standard output, or standard input: the same tar.
    Stream,
}

impl Place {
    /// What a person means by it: `-` is the stream, a path that is a folder, or ends
    /// as only folders do, is a folder.
    pub fn named(path: PathBuf) -> Place {
        let text = path.as_os_str().as_encoded_bytes();
        if text == b"-" {
            return Place::Stream;
        }
        match path.is_dir() || text.ends_with(b"/") {
            true => Place::Folder(path),
            false => Place::File(path),
        }
    }
}

/// Who watches how far it has come.
pub trait Watch {
    /// So many octets are to be read, as far as is known.
    fn begin(&self, octets: u64);
    /// So many more are done.
    fn add(&self, octets: u64);
}
