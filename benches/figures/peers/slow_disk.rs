//! A disk on which a flush lasts as long as one chooses, and its count of syncs.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::disk::appends_per_second;

/// The argument by which this program appends for [`SlowDisk::appends_per_second`].
pub const APPENDING: &str = "appending";

/// What LD_PRELOAD puts between a program and its syncs.
const SOURCE: &str = include_str!("slow_disk.c");
/// Where `struct disk` has its numbers.
const FLUSH_NS: u64 = 0;
const SYNCS: u64 = 8;
const DISK_OCTETS: usize = 24;

/// Who appends at once, and how many messages of it share one sync.
#[derive(Debug, Clone, Copy)]
pub struct Appends {
    /// At once.
    pub writers: usize,
    /// Of each writer.
    pub batch: usize,
}

/// A built library with a disk of its own.
pub struct SlowDisk {
    folder: PathBuf,
    disk: fs::File,
    /// For LD_PRELOAD.
    pub library: PathBuf,
}

impl SlowDisk {
    /// Builds it; none where there is no C compiler.
    pub fn build(folder: &Path) -> Outcome<Option<SlowDisk>> {
        let source = folder.join("slow_disk.c");
        let library = folder.join("slow_disk.so");
        let file = folder.join("slow_disk");
        fs::write(&source, SOURCE)?;
        fs::write(&file, [0; DISK_OCTETS])?;
        // Whoever Postfix and Dovecot run as.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666))?;
        let built = Command::new("cc")
            .args(["-O2", "-Wall", "-shared", "-fPIC"])
            .arg(format!("-DDISK_FILE=\"{}\"", file.display()))
            .arg("-o")
            .arg(&library)
            .arg(&source)
            .status();
        match built {
            Err(_) => return Ok(None),
            Ok(status) if !status.success() => return Err("cc does not build slow_disk.c".into()),
            Ok(_) => fs::set_permissions(&library, fs::Permissions::from_mode(0o755))?,
        }
        Ok(Some(SlowDisk {
            folder: folder.to_path_buf(),
            disk: fs::File::options().read(true).write(true).open(file)?,
            library,
        }))
    }

    /// How long each flush lasts from now on.
    pub fn set_flush(&self, time: Duration) -> Outcome<()> {
        let ns = u64::try_from(time.as_nanos())?;
        Ok(self.disk.write_all_at(&ns.to_ne_bytes(), FLUSH_NS)?)
    }

    /// Syncs so far, of all who run over it.
    pub fn syncs(&self) -> Outcome<f64> {
        let mut count = [0; 8];
        self.disk.read_exact_at(&mut count, SYNCS)?;
        Ok(u64::from_ne_bytes(count) as f64)
    }

    /// Messages a second when each of so many writers appends a batch and syncs
    /// it, again and again, over this disk and with nothing else to do.
    pub fn appends_per_second(&self, appends: Appends, time: Duration) -> Outcome<f64> {
        let output = Command::new(std::env::current_exe()?)
            .arg(APPENDING)
            .arg(&self.folder)
            .arg(appends.writers.to_string())
            .arg(appends.batch.to_string())
            .arg(time.as_millis().to_string())
            .env("LD_PRELOAD", &self.library)
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_string();
        said.parse().map_err(|_| "nothing could be appended".into())
    }
}

/// What this program does as its own child: appends, and prints the rate.
pub fn append() -> Outcome<()> {
    let mut arguments = std::env::args()
        .skip_while(|word| word != APPENDING)
        .skip(1);
    let mut next = || arguments.next().ok_or("appending: too few arguments");
    let folder = PathBuf::from(next()?);
    let (writers, batch, time_ms) = (
        next()?.parse::<usize>()?,
        next()?.parse()?,
        next()?.parse()?,
    );
    let time = Duration::from_millis(time_ms);
    let rates = thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|_| scope.spawn(|| append_alone(&folder, batch, time)))
            .collect();
        let rates = threads.into_iter().map(|thread| thread.join());
        rates
            .map(|rate| rate.map_err(|_| "a writer panicked")?)
            .collect::<Outcome<Vec<f64>>>()
    })?;
    println!("{}", rates.iter().sum::<f64>());
    Ok(())
}

fn append_alone(folder: &Path, batch: usize, time: Duration) -> Outcome<f64> {
    let own = tempfile::tempdir_in(folder)?;
    appends_per_second(own.path(), batch, time)
}
