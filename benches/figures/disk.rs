//! What the disk itself can do: the limit that no mail server passes.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;

/// Octets of a message here and in the works.
pub const MESSAGE_OCTETS: usize = 4096;

/// Messages a second when each `batch` of them is appended to one file and then
/// synced (fdatasync).
pub fn appends_per_second(folder: &Path, batch: usize, time: Duration) -> Outcome<f64> {
    let path = folder.join("append");
    let mut file = File::create(&path)?;
    let octets = vec![b'x'; MESSAGE_OCTETS * batch];
    let began = Instant::now();
    let mut messages = 0;
    while began.elapsed() < time {
        file.write_all(&octets)?;
        file.sync_data()?;
        messages += batch;
    }
    let rate = messages as f64 / began.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(path)?;
    Ok(rate)
}
