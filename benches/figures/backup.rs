//! Backups: how fast beside `cp` and a sync of the same data folder, what a second one
//! takes, and what the hub's senders notice.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::filling::fill_each;
use crate::intake::send;
use crate::office::Office;
use crate::table::{Table, amount, median, ratio};
use crate::{Outcome, Plan};

/// Messages in the database, and their octets.
const SMALL: (usize, usize) = (20_000, 4_096);
/// Messages with files of their own, and their octets.
const LARGE: (usize, usize) = (300, 1_000_000);
/// What came between two backups.
const MORE_LARGE: usize = 3;
const SESSIONS: usize = 10;

/// Seconds of each work; octets of the data folder for a second.
#[derive(Default)]
struct Works {
    copied: Vec<f64>,
    first: Vec<f64>,
    archive: Vec<f64>,
    second: Vec<f64>,
    verified: Vec<f64>,
    restored: Vec<f64>,
    rate_alone: Vec<f64>,
    rate_beside: Vec<f64>,
    /// Backups that were made meanwhile.
    backups: Vec<f64>,
    /// The largest that the database's log became.
    log: Vec<f64>,
}

/// In a folder of its own.
pub fn measure(folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    let office = Office::make(&folder.join("office"))?;
    office.start()?.stop()?;
    fill(&office, SMALL)?;
    fill(&office, LARGE)?;
    let octets = (SMALL.0 * SMALL.1 + LARGE.0 * LARGE.1) as f64;
    let mut works = Works::default();
    for _ in 0..plan.works {
        crate::interruption::check()?;
        works.measure(&office, folder)?;
    }
    works.beside_mail(&office, folder, plan)?;
    works.report(octets, table);
    Ok(())
}

impl Works {
    fn measure(&mut self, office: &Office, folder: &Path) -> Outcome<()> {
        let [copy, place, archive, other] =
            ["copy", "b", "b.tar", "other"].map(|name| folder.join(name));
        let (to, tar) = (
            format!("{}/", place.display()),
            archive.display().to_string(),
        );
        self.copied
            .push(timed(|| copy_and_sync(&office.data_dir(), &copy))?);
        self.first.push(timed(|| office.run(&["backup", &to]))?);
        self.archive.push(timed(|| office.run(&["backup", &tar]))?);
        fill(office, (MORE_LARGE, LARGE.1))?;
        self.second.push(timed(|| office.run(&["backup", &to]))?);
        self.verified.push(timed(|| office.run(&["verify", &to]))?);
        let data = other.display().to_string();
        let restore = ["--config", "", "restore", &to, "--data-dir", &data];
        let config = folder.join("other.toml").display().to_string();
        let restore = restore.map(|word| {
            if word.is_empty() {
                config.as_str()
            } else {
                word
            }
        });
        self.restored.push(timed(|| bare(&restore))?);
        fs::remove_file(archive)?;
        for file in ["other.toml", "directory.toml"] {
            fs::remove_file(folder.join(file))?;
        }
        for made in [copy, place, other, folder.join("tls")] {
            fs::remove_dir_all(made)?;
        }
        Ok(())
    }

    /// Mail comes in without a backup, and while one follows the other.
    fn beside_mail(&mut self, office: &Office, folder: &Path, plan: &Plan) -> Outcome<()> {
        let hub = office.start()?;
        let smtp = hub.address("smtp")?;
        let to = format!("{}/", folder.join("b").display());
        let rate = || -> Outcome<f64> {
            let began = Instant::now();
            let messages = send(smtp, SESSIONS, plan.rate_time)?;
            Ok(messages as f64 / began.elapsed().as_secs_f64())
        };
        for _ in 0..plan.works {
            self.rate_alone.push(rate()?);
            let over = AtomicBool::new(false);
            thread::scope(|scope| -> Outcome<()> {
                let backing_up = scope.spawn(|| -> Outcome<f64> {
                    let mut backups = 0.0;
                    while !over.load(Ordering::Relaxed) {
                        office.run(&["backup", &to])?;
                        backups += 1.0;
                    }
                    Ok(backups)
                });
                let watching = scope.spawn(|| largest_log(office, &over));
                let found = rate();
                over.store(true, Ordering::Relaxed);
                self.rate_beside.push(found?);
                self.log
                    .push(watching.join().map_err(|_| "the watch failed")? as f64 / 1e6);
                let backups = backing_up.join().map_err(|_| "the backups failed")??;
                self.backups.push(backups);
                Ok(())
            })?;
        }
        hub.stop()
    }

    fn report(&self, octets: f64, table: &mut Table) {
        let speed = |seconds: &[f64]| -> Vec<f64> {
            seconds
                .iter()
                .map(|seconds| octets / 1e6 / seconds)
                .collect()
        };
        let copied = speed(&self.copied);
        table.part(&format!(
            "backups of {:.0} MB: {} messages of 4 KB, {} of 1 MB",
            octets / 1e6,
            SMALL.0,
            LARGE.0
        ));
        table.figure("cp -a of the data folder, and a sync", "MB/s", &copied, "");
        let figures = [
            ("a first backup in a folder", &self.first),
            ("a backup in one tar", &self.archive),
            ("verify", &self.verified),
            ("restore", &self.restored),
        ];
        for (name, seconds) in figures {
            let found = speed(seconds);
            table.figure(name, "MB/s", &found, &ratio(&found, &copied, "cp"));
        }
        let beside = ratio(&self.second, &self.first, "the time of the first");
        let name = format!("a further backup, with {MORE_LARGE} MB more");
        table.figure(&name, "s", &self.second, &beside);
        table.figure(
            "mail comes in, 10 sessions",
            "messages/s",
            &self.rate_alone,
            "",
        );
        let backups = amount(median(&self.backups));
        let beside = ratio(&self.rate_beside, &self.rate_alone, "that");
        let beside = format!("{beside}; {backups} backups meanwhile");
        table.figure(
            "… while one backup follows the other",
            "messages/s",
            &self.rate_beside,
            &beside,
        );
        table.figure("… the database's log, at its largest", "MB", &self.log, "");
    }
}

fn fill(office: &Office, (messages, octets): (usize, usize)) -> Outcome<()> {
    let line = b"A line of a message such as people write to each other.\r\n";
    let mut content = b"Subject: One of many\r\n\r\n".to_vec();
    while content.len() < octets {
        content.extend_from_slice(line);
    }
    let users = (0..messages).map(|number| format!("user{}", 1 + number % 20));
    fill_each(office, &content, users)
}

fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64())
}

fn copy_and_sync(from: &Path, to: &Path) -> Outcome<()> {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    let synced = Command::new("sync").arg("-f").arg(to).status()?;
    match copied.success() && synced.success() {
        true => Ok(()),
        false => Err("cp or sync failed".into()),
    }
}

/// The program for another office.
fn bare(arguments: &[&str]) -> Outcome<()> {
    let output = crate::office::program().args(arguments).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}

/// Octets of the log while it is looked at.
fn largest_log(office: &Office, over: &AtomicBool) -> u64 {
    let log = office.data_dir().join("postroom.db-wal");
    let mut largest = 0;
    while !over.load(Ordering::Relaxed) {
        largest = fs::metadata(&log)
            .map_or(0, |found| found.len())
            .max(largest);
        thread::sleep(std::time::Duration::from_millis(10));
    }
    largest
}
