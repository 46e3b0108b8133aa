//! Files and folders of other people. Who runs a command as root works in folders
//! whose owners may put a link there at any moment, to what only root may read or
//! write; so here everything goes by handles, and no link is followed that is not to
//! be trusted. Nor is a pipe waited for that lies in a file's place.

mod folder;
mod opening;

pub use folder::{Entry, EntryKind, Folder};
pub use opening::{open_itself, open_trusted};

use std::path::Path;

/// The folder that a file is in.
pub fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
