//! Watching files: says when the content of one has changed.
//!
//! The only user of notify. Folders are watched, not files, for a watch on a
//! file dies when the file is replaced; where a file is a link, as under
//! certbot's `live/`, the folder of what it points to is watched too. What
//! changed is not said: the caller reads all of its files again, and checks
//! them. A watch that cannot be had is an error for the log, not the end:
//! SIGHUP does the same.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use thiserror::Error;

use crate::files::folder_of;

/// Quiet for so long means that whoever wrote has finished: editors write a
/// file in several steps.
const QUIET: Duration = Duration::from_millis(300);
/// After so long it is looked at in any case.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longer chains of links are a loop (as in Linux itself).
const LINKS_MAX: usize = 40;

/// Why there is no watch.
#[derive(Debug, Error)]
pub enum WatchError {
    /// From the system, or from notify.
    #[error(
        "changes of the configuration are not noticed by themselves, send SIGHUP to reload: {0}"
    )]
    Notify(#[from] notify::Error),
    /// No thread.
    #[error(
        "changes of the configuration are not noticed by themselves, send SIGHUP to reload: {0}"
    )]
    Thread(#[from] io::Error),
}

/// A watch on some files. It ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    changes: async_channel::Receiver<()>,
    signals: mpsc::Sender<Signal>,
}

/// What the thread is woken for.
#[derive(Debug)]
enum Signal {
    /// Something happened in a folder.
    Touched,
    /// The watch is over.
    Stop,
}

impl Watch {
    /// Watches these files; they need not exist yet, their folders must.
    ///
    /// # Errors
    /// A folder that cannot be watched.
    pub fn start(files: Vec<PathBuf>) -> Result<Watch, WatchError> {
        let (signals, woken) = mpsc::channel();
        let touched = signals.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if is_relevant(&event) {
                // Fails only while everything ends.
                let _ = touched.send(Signal::Touched);
            }
        })?;
        for folder in folders_of(&files) {
            watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        }
        // Read after the watch began, or a change between the two is missed.
        let mut files = WatchedFiles {
            digests: digests_of(&files),
            files,
            watcher,
        };
        // One that waits to be taken says all that a second one would.
        let (changes_in, changes) = async_channel::bounded(1);
        let thread = std::thread::Builder::new().name("watch".to_string());
        thread.spawn(move || {
            while wait_for_quiet(&woken) {
                if files.have_changed() {
                    // Full: one waits already. Closed: Stop is on its way.
                    let _ = changes_in.try_send(());
                }
            }
        })?;
        Ok(Watch { changes, signals })
    }

    /// Resolves when the content of a file has changed since it was last told.
    /// Never resolves once the watch has died.
    pub async fn changed(&self) {
        if self.changes.recv().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Fails only when the thread is gone already.
        let _ = self.signals.send(Signal::Stop);
    }
}

/// Waits until something was touched and then left alone for a while; false
/// when the watch is over.
fn wait_for_quiet(woken: &mpsc::Receiver<Signal>) -> bool {
    let Ok(Signal::Touched) = woken.recv() else {
        return false;
    };
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match woken.recv_timeout(QUIET) {
            Ok(Signal::Touched) => {}
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    true
}

/// Reading is no change, and our own reading would wake us for ever. An error
/// may mean that events were lost: look.
fn is_relevant(event: &notify::Result<Event>) -> bool {
    match event {
        Ok(event) => match event.kind {
            EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
            _ => true,
        },
        Err(_) => true,
    }
}

struct WatchedFiles {
    files: Vec<PathBuf>,
    digests: Vec<Option<u64>>,
    watcher: RecommendedWatcher,
}

impl WatchedFiles {
    /// Whether a file's content is another than at the last call.
    fn have_changed(&mut self) -> bool {
        for folder in folders_of(&self.files) {
            // A link may lead elsewhere now. A folder that is gone cannot be
            // watched; that its file is gone is a change and told as such.
            let _ = self.watcher.watch(&folder, RecursiveMode::NonRecursive);
        }
        let digests = digests_of(&self.files);
        let changed = digests != self.digests;
        self.digests = digests;
        changed
    }
}

/// One for each file; none for a file that cannot be read.
fn digests_of(files: &[PathBuf]) -> Vec<Option<u64>> {
    let digest = |file: &PathBuf| {
        // A pipe would keep the watch waiting for its other end.
        let is_file = file.metadata().is_ok_and(|found| found.is_file());
        let content = is_file.then(|| std::fs::read(file))?.ok()?;
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        Some(hasher.finish())
    };
    files.iter().map(digest).collect()
}

/// The folders of the files, and of everything that they link to.
fn folders_of(files: &[PathBuf]) -> HashSet<PathBuf> {
    let mut folders = HashSet::new();
    for file in files {
        let mut file = file.clone();
        for _ in 0..LINKS_MAX {
            let folder = folder_of(&file).to_path_buf();
            let target = std::fs::read_link(&file);
            folders.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone()));
            match target {
                Ok(target) => file = folder.join(target),
                Err(_) => break,
            }
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// Whether a change is told within the time.
    fn is_told(watch: &Watch, within: Duration) -> bool {
        let timeout = async {
            smol::Timer::after(within).await;
            false
        };
        let told = async {
            watch.changed().await;
            true
        };
        smol::block_on(smol::future::or(told, timeout))
    }

    const SOON: Duration = Duration::from_secs(10);
    const LONGER_THAN_QUIET: Duration = Duration::from_millis(900);

    #[test]
    fn a_folder_that_is_not_there_is_an_error_with_the_way_out() {
        let error = Watch::start(vec![PathBuf::from("/nonexistent/postroom.toml")]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("send SIGHUP to reload"), "{message}");
    }

    #[test]
    fn what_changes_no_content_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("directory.toml");
        fs::write(&file, "a").unwrap();
        let watch = Watch::start(vec![file.clone()]).unwrap();
        fs::read(&file).unwrap();
        fs::write(&file, "a").unwrap();
        fs::write(folder.path().join("other"), "b").unwrap();
        let copy = folder.path().join("copy");
        fs::copy(&file, &copy).unwrap();
        fs::rename(&copy, &file).unwrap();
        assert!(!is_told(&watch, LONGER_THAN_QUIET));
    }

    #[test]
    fn many_writes_are_told_once_and_the_next_one_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("directory.toml");
        let watch = Watch::start(vec![folder.path().join("postroom.toml"), file.clone()]).unwrap();
        for text in ["a", "ab", "abc"] {
            fs::write(&file, text).unwrap();
        }
        assert!(is_told(&watch, SOON), "a new file");
        assert!(!is_told(&watch, LONGER_THAN_QUIET));
        let new = folder.path().join(".new");
        fs::write(&new, "new").unwrap();
        fs::rename(&new, &file).unwrap();
        assert!(is_told(&watch, SOON), "replaced");
        fs::write(&file, "again").unwrap();
        assert!(is_told(&watch, SOON), "written after it was replaced");
        fs::remove_file(&file).unwrap();
        assert!(is_told(&watch, SOON), "removed");
    }

    #[test]
    fn a_certificate_is_watched_through_certbots_links() {
        let folder = tempfile::tempdir().unwrap();
        let [live, archive] = ["live", "archive"].map(|name| folder.path().join(name));
        fs::create_dir(&live).unwrap();
        fs::create_dir(&archive).unwrap();
        fs::write(archive.join("cert1.pem"), "1").unwrap();
        let certificate = live.join("cert.pem");
        symlink("../archive/cert1.pem", &certificate).unwrap();
        let watch = Watch::start(vec![certificate.clone()]).unwrap();
        fs::write(archive.join("cert1.pem"), "one").unwrap();
        assert!(is_told(&watch, SOON), "written where the link leads");
        fs::write(archive.join("cert2.pem"), "2").unwrap();
        fs::remove_file(&certificate).unwrap();
        symlink("../archive/cert2.pem", &certificate).unwrap();
        assert!(is_told(&watch, SOON), "the link leads elsewhere");
    }

    #[test]
    fn a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        symlink(&one, &two).unwrap();
        symlink(&two, &one).unwrap();
        assert_eq!(folders_of(&[one]).len(), 1);
    }
}
