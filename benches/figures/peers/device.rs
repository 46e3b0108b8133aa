//! The block device below a folder, and what was written to it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// In the kernel's statistics, whatever the device's own sectors are.
const SECTOR_OCTETS: f64 = 512.0;
/// Where Documentation/block/stat.rst has the sectors written.
const SECTORS_WRITTEN: usize = 6;

/// A file system and its device.
pub struct Device {
    folder: PathBuf,
    statistics: PathBuf,
}

impl Device {
    /// None where the file system is not on one device of its own: tmpfs,
    /// overlays, btrfs.
    pub fn below(folder: &Path) -> Outcome<Option<Device>> {
        let device = fs::metadata(folder)?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let statistics = PathBuf::from(format!("/sys/dev/block/{major}:{minor}/stat"));
        let found = statistics.exists().then(|| Device {
            folder: folder.to_path_buf(),
            statistics,
        });
        Ok(found)
    }

    /// Octets written since the machine's start, when all that is pending is
    /// written as well. Whoever else writes to the device is counted with it.
    pub fn written(&self) -> Outcome<f64> {
        rustix::fs::syncfs(File::open(&self.folder)?)?;
        let statistics = fs::read_to_string(&self.statistics)?;
        let sectors = statistics.split_whitespace().nth(SECTORS_WRITTEN);
        let sectors: f64 = sectors.ok_or("a device without statistics")?.parse()?;
        Ok(sectors * SECTOR_OCTETS)
    }
}
