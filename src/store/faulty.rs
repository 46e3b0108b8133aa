//! Whether the bodies are there that the database names, at a glance: by their names,
//! sizes and owners. [`super::inspect`] reads them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::OpenError;
use super::inspect::{bodies, has_message};
use super::schema;
use super::snapshot::open_beside;

/// How many messages of a store cannot be read, because of their body files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultyBodies {
    /// The file is missing, or has another size than its row says.
    pub lost: u64,
    /// It is another user's than the database, and closed.
    pub closed: u64,
}

/// Looks for body files that are not as the database has them, by their names, sizes
/// and owners alone; a hub may run.
///
/// # Errors
/// As [`super::inspect_in_place`].
pub fn faulty_bodies(data_dir: &Path) -> Result<FaultyBodies, OpenError> {
    let (db, path) = open_beside(data_dir)?;
    schema::known_layout(&db, &path)?;
    let refused = OpenError::database(&path);
    let owner = fs::metadata(&path).map(|found| found.uid()).ok();
    let folder = path.with_file_name("bodies");
    let mut faulty = FaultyBodies::default();
    for body in bodies(&db).map_err(OpenError::Database)? {
        let found = fs::symlink_metadata(folder.join(&body.file)).ok();
        match found.filter(|found| found.is_file() && found.len() == body.octets) {
            Some(found) => {
                let is_closed = Some(found.uid()) != owner && found.mode() & 0o004 == 0;
                faulty.closed += u64::from(is_closed);
            }
            // It may have been swept since the database was read.
            None => faulty.lost += u64::from(has_message(&db, body.message).map_err(&refused)?),
        }
    }
    Ok(faulty)
}
