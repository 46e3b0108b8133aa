//! Whether a backup, or the store in its place, is whole.

use std::path::Path;

use super::error::{BackupError, Fault};
use super::manifest::Head;
use super::names::{self, Kind};
use super::reading::{look_inside, open};
use super::workplace::Workplace;
use super::{Place, Watch};
use crate::store::{self, Counts};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub head: Head,
    pub counts: Counts,
    pub files: usize,
    /// None: all is as it was backed up, and fits together.
    pub faults: Vec<Fault>,
    /// Bodies that the store had lost when it was backed up.
    pub faulty_bodies: Vec<String>,
}

/// Reads every octet of a backup. Changes nothing in it. An archive is not unpacked, but
/// for its database, for which there is a temporary folder meanwhile (`TMPDIR`, or
/// `/var/tmp`).
///
/// # Errors
/// It is no backup, or cannot be read at all.
pub fn verify(place: &Place, watch: &dyn Watch) -> Result<Verified, BackupError> {
    let opened = open(place)?;
    let in_place = opened.database();
    let workplace = match in_place {
        Some(_) => None,
        None => Some(Workplace::make()?),
    };
    let unpacked = workplace.as_ref().map(Workplace::database);
    let mut place_of = |head: &Head, name: &str| {
        let is_database = names::kind(name) == Some(Kind::Database(&head.state));
        Ok(unpacked.clone().filter(|_| is_database))
    };
    let mut seen = opened.read(&mut place_of, watch)?;
    let database = in_place.or(unpacked.clone()).unwrap_or_default();
    let name = seen.manifest.database();
    let mut counts = Counts::default();
    // What SQLite makes of damaged octets says nothing more.
    if !seen.faults.iter().any(|fault| is_about(fault, &name)) {
        let (found, faults) = look_inside(&seen.manifest, &database)?;
        counts = found;
        seen.faults.extend(faults);
    }
    Ok(Verified {
        counts,
        files: seen.manifest.files.len(),
        faults: seen.faults,
        faulty_bodies: seen.manifest.tail.faulty_bodies,
        head: seen.manifest.head,
    })
}

fn is_about(fault: &Fault, file: &str) -> bool {
    match fault {
        Fault::Missing(name)
        | Fault::Unreadable(name, _)
        | Fault::Size(name, ..)
        | Fault::Digest(name) => name == file,
        _ => false,
    }
}

/// Looks at the store in a data folder, beside a running hub or without one.
///
/// # Errors
/// There is none, or it cannot be read at all.
pub fn verify_in_place(data_dir: &Path) -> Result<store::Inspection, BackupError> {
    Ok(store::inspect_in_place(data_dir)?)
}
