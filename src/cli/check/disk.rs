//! The disk of the mail: its room, and how long it takes to be sure.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::finding::{Finding, Findings, Topic};
use crate::cli::output::size;
use crate::control::Disk;

/// Syncs that are timed, unless they take longer than …
const SYNCS: usize = 20;
/// … this in all.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// As much as a small message.
const WRITTEN_OCTETS: usize = 4096;
/// Above this a sender feels it; a hard disk takes 10 to 20 ms, an SSD 1 ms.
const SLOW: Duration = Duration::from_millis(50);
/// In the data folder, for these two seconds.
const FILE: &str = "check-speed.tmp";

/// How much room there is.
pub fn look_at_room(disk: &Disk, findings: &mut Findings<'_>) {
    let room = format!(
        "{} free of {} on the disk of the mail",
        size(disk.free),
        size(disk.total)
    );
    findings.add(match disk.short {
        true => Finding::error(
            Topic::Disk,
            format!("{room}: less than keep_free, so that no mail is taken in"),
        )
        .mend("make room on that disk; by postroom itself: a smaller keep_collected or keep_collected_max in [store]"),
        false => Finding::good(Topic::Disk, room),
    });
}

/// How long a sync takes: each message waits for one before its sender hears 250.
pub fn look_at_speed(data_dir: &Path, findings: &mut Findings<'_>) {
    findings.add(match time_syncs(data_dir) {
        Ok(Some(time)) => judge(time),
        Ok(None) => Finding::note(Topic::DiskSpeed, "the disk was not timed"),
        Err(why) => Finding::note(
            Topic::DiskSpeed,
            format!("the disk of {} was not timed: {why}", data_dir.display()),
        ),
    });
}

fn judge(time: Duration) -> Finding {
    let millis = time.as_secs_f64() * 1000.0;
    let text = format!("the disk of the mail takes {millis:.1} ms to write 4 KB for good");
    match time > SLOW {
        true => Finding::warning(
            Topic::DiskSpeed,
            format!("{text}; every message waits that long, and an old or failing SD card looks like this"),
        )
        .mend("put data_dir on an SSD, also by USB; or see what else keeps this disk busy"),
        false => Finding::good(Topic::DiskSpeed, text),
    }
}

/// The middle one of some syncs.
fn time_syncs(folder: &Path) -> io::Result<Option<Duration>> {
    let path = folder.join(FILE);
    // What a check that was killed has left; a link is removed, not followed.
    match fs::remove_file(&path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    let times = write_and_sync(file);
    fs::remove_file(&path)?;
    let mut times = times?;
    times.sort();
    Ok(times.get(times.len() / 2).copied())
}

fn write_and_sync(mut file: File) -> io::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(SYNCS);
    let began = Instant::now();
    while times.len() < SYNCS && began.elapsed() < TIME_LIMIT {
        let before = Instant::now();
        file.write_all(&[b'x'; WRITTEN_OCTETS])?;
        file.sync_data()?;
        times.push(before.elapsed());
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn syncs_are_timed_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::write(&target, "mine").unwrap();
        // What a hub's user might put there for root to write into.
        std::os::unix::fs::symlink(&target, folder.path().join(FILE)).unwrap();
        assert!(time_syncs(folder.path()).unwrap().is_some());
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(time_syncs(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_slow_disk_is_warned_of() {
        assert_eq!(judge(Duration::from_micros(400)).severity, Severity::Good);
        let slow = judge(Duration::from_millis(120));
        assert_eq!(slow.severity, Severity::Warning);
        assert!(slow.text.contains("120.0 ms"), "{slow:?}");
    }
}
