//! Makes a backup.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::earlier::Own;
use super::error::{BackupError, Fault, failed};
use super::manifest::{FileRecord, Head, Manifest, Tail};
use super::names;
use super::place::{Disk, disk_of, open_target};
use super::settings;
use super::target::{Kept, Source, Taken, Target};
use super::{Place, Watch};
use crate::config::Configuration;
use crate::files::open_itself;
use crate::store::{BodyRow, Live, OpenError, Snapshot};

/// How often the growing copy of the database is looked at for who watches.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a backup holds, and what it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackedUp {
    pub messages: u64,
    /// Of the messages, each counted once.
    pub octets: u64,
    /// Large bodies that were copied, and their octets.
    pub new_bodies: u64,
    pub new_octets: u64,
    /// Those that an earlier backup in the same folder had.
    pub kept_bodies: u64,
    pub kept_octets: u64,
    pub database_octets: u64,
    /// What the store itself has lost, and is missing here.
    pub faulty: Vec<Lost>,
    /// Messages whose content the store has lost, and an earlier backup in the same folder
    /// had: it stays, and a restore brings it back.
    pub held: Vec<String>,
    /// Earlier archives that have what is faulty here.
    pub archives: Vec<KeptArchive>,
    pub disk: Disk,
}

/// A message whose content is missing, cut off or not to be read in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub message: String,
    /// What is the matter with its file.
    pub fault: Fault,
    file: String,
}

/// An earlier archive that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptArchive {
    pub path: PathBuf,
    /// Whose content it has; none: it is damaged, and may have what is faulty here.
    pub messages: Vec<String>,
}

/// Backs up the mail and the settings. Beside a running hub or without one.
///
/// # Errors
/// Nothing counts that was written then; an earlier backup there is as it was.
pub fn back_up(
    configuration: &Configuration,
    place: &Place,
    watch: &dyn Watch,
) -> Result<BackedUp, BackupError> {
    let made_at = OffsetDateTime::from(SystemTime::now());
    let made_at = made_at.replace_nanosecond(0).unwrap_or(made_at);
    let live = Live::open(&configuration.data_dir)?;
    let hostname = configuration.hostname.as_str().to_string();
    let made_at = made_at.format(&Rfc3339).unwrap_or_default();
    let own = Own {
        line: live.line()?,
        data_dir: configuration.data_dir.clone(),
    };
    let target = open_target(configuration, place, &own)?;
    let disk = disk_of(configuration, place);
    let mut run = Run {
        target,
        watch,
        files: BTreeMap::new(),
        done: BackedUp {
            disk,
            ..BackedUp::default()
        },
    };
    let mut snapshot = run.snapshot(live, &configuration.data_dir)?;
    let head = Head {
        last_entry: snapshot.last_entry()?,
        state: run.target.state().to_string(),
        data_dir: data_dir(configuration)?,
        allow_root: configuration.allow_root,
        ..Head::new(made_at, hostname, own.line.identity)
    };
    run.target.begin(&head)?;
    let gone = run.bodies(&configuration.data_dir, &snapshot)?;
    snapshot.leave_out(&gone)?;
    let counts = snapshot.finish()?;
    (run.done.messages, run.done.octets) = (counts.messages, counts.octets);
    run.database()?;
    let settings = run.settings(configuration)?;
    run.commit(head, settings)
}

/// What goes on, and what is known so far.
struct Run<'a> {
    target: Box<dyn Target>,
    watch: &'a dyn Watch,
    files: BTreeMap<String, FileRecord>,
    done: BackedUp,
}

impl Run<'_> {
    /// Copies the database while somebody watches the copy grow.
    fn snapshot(&mut self, live: Live, data_dir: &Path) -> Result<Snapshot, BackupError> {
        let octets = fs::metadata(data_dir.join("postroom.db")).map_or(0, |found| found.len());
        self.watch.begin(octets);
        let to = self.target.database()?;
        let copying = to.clone();
        let (over, is_over) = mpsc::channel::<()>();
        let taking = thread::Builder::new().name("snapshot".to_string());
        let taking = taking.spawn(move || {
            let _over = over;
            Snapshot::take(live, &copying)
        });
        let taking = taking.map_err(failed("copy the database to", &to))?;
        let mut seen = 0;
        while let Err(RecvTimeoutError::Timeout) = is_over.recv_timeout(LOOK_EVERY) {
            let octets = fs::metadata(&to).map_or(0, |found| found.len());
            self.watch.add(octets.saturating_sub(seen));
            seen = octets.max(seen);
        }
        match taking.join() {
            Ok(taken) => taken.map_err(of_copying),
            // Told by the panic hook; a fault of this program.
            Err(_) => Err(failed("copy the database to", &to)(io::Error::other(
                "internal error",
            ))),
        }
    }

    /// Copies the large bodies. The messages that the store has removed meanwhile.
    fn bodies(
        &mut self,
        data_dir: &Path,
        snapshot: &Snapshot,
    ) -> Result<Vec<crate::mail::QueueId>, BackupError> {
        let rows = snapshot.bodies()?;
        self.watch.begin(rows.iter().map(|row| row.octets).sum());
        let folder = data_dir.join(names::BODIES);
        let mut gone = Vec::new();
        let mut seen = HashSet::new();
        for row in rows {
            if names::kind(&names::body(&row.file)).is_none() || !seen.insert(row.file.clone()) {
                let path = folder.join(&row.file);
                let why = io::Error::new(io::ErrorKind::InvalidData, "no body has such a name");
                return Err(failed("read", &path)(why));
            }
            let name = names::body(&row.file);
            let path = folder.join(&row.file);
            let (fault, left) = match open_source(&path, &row.file) {
                Ok(whole) if whole.octets == row.octets => match self.body(whole)? {
                    None => continue,
                    Some(fault) => (fault, None),
                },
                Ok(cut) => (Fault::Size(name, cut.octets, row.octets), Some(cut)),
                Err(why) if why.kind() == io::ErrorKind::NotFound => {
                    if !snapshot.is_still_there(row.message)? {
                        gone.push(row.message);
                        continue;
                    }
                    (Fault::Missing(name), None)
                }
                Err(why) => (Fault::Unreadable(name, why.to_string()), None),
            };
            self.lost(&row, fault, left)?;
        }
        Ok(gone)
    }

    /// Takes a body in. What is the matter with it if that cannot be done.
    fn body(&mut self, source: Source<'_>) -> Result<Option<Fault>, BackupError> {
        let name = names::body(source.name);
        match self.target.body(source, self.watch)? {
            Taken::New(record) => {
                self.done.new_bodies += 1;
                self.done.new_octets += record.octets;
                self.files.insert(name, record);
            }
            Taken::Before(record) => self.kept(name, record),
            Taken::Unreadable(why) => return Ok(Some(Fault::Unreadable(name, why.to_string()))),
        }
        Ok(None)
    }

    fn kept(&mut self, name: String, record: FileRecord) {
        self.done.kept_bodies += 1;
        self.done.kept_octets += record.octets;
        self.files.insert(name, record);
    }

    /// What the store has lost, an earlier backup may have: that must not go for what is
    /// left in the store.
    fn lost(
        &mut self,
        row: &BodyRow,
        fault: Fault,
        left: Option<Source<'_>>,
    ) -> Result<(), BackupError> {
        let message = row.message.to_string();
        if let Some(record) = self.target.hold(&row.file, row.octets)? {
            self.watch.add(record.octets);
            self.done.held.push(message);
            self.kept(names::body(&row.file), record);
            return Ok(());
        }
        let file = row.file.clone();
        self.done.faulty.push(Lost {
            message,
            fault,
            file,
        });
        if let Some(left) = left {
            // What cannot be read either is not there, as is told already.
            self.body(left)?;
        }
        Ok(())
    }

    fn database(&mut self) -> Result<(), BackupError> {
        let name = names::database(self.target.state());
        let record = self.target.take_database(self.watch)?;
        self.done.database_octets = record.octets;
        self.files.insert(name, record);
        Ok(())
    }

    /// Read after the database was copied: a user who was added meanwhile has a mailbox
    /// made at the first start, while a mailbox without a user would wait for one.
    fn settings(
        &mut self,
        configuration: &Configuration,
    ) -> Result<Vec<settings::SettingsFile>, BackupError> {
        let mut files = Vec::new();
        for read in settings::read(configuration, self.target.state())? {
            let record = self.target.settings(&read.file.name, &read.content)?;
            self.files.insert(read.file.name.clone(), record);
            files.push(read.file);
        }
        Ok(files)
    }

    fn commit(
        self,
        head: Head,
        settings: Vec<settings::SettingsFile>,
    ) -> Result<BackedUp, BackupError> {
        let faulty = &self.done.faulty;
        let manifest = Manifest {
            head,
            files: self.files,
            tail: Tail {
                messages: self.done.messages,
                octets: self.done.octets,
                settings,
                faulty_bodies: faulty.iter().map(|lost| lost.file.clone()).collect(),
            },
        };
        let archive = |kept: Kept| KeptArchive {
            messages: messages_of(faulty, &kept.bodies),
            path: kept.path,
        };
        let archives = self.target.commit(&manifest)?.into_iter().map(archive);
        Ok(BackedUp {
            archives: archives.collect(),
            ..self.done
        })
    }
}

/// A disk that is full has words of its own here.
fn of_copying(why: OpenError) -> BackupError {
    match why {
        OpenError::File { doing, path, cause } => BackupError::File { doing, path, cause },
        other => BackupError::Store(other),
    }
}

fn messages_of(lost: &[Lost], bodies: &[String]) -> Vec<String> {
    let has = lost.iter().filter(|lost| bodies.contains(&lost.file));
    has.map(|lost| lost.message.clone()).collect()
}

fn open_source<'a>(path: &'a Path, name: &'a str) -> io::Result<Source<'a>> {
    let file = open_itself(path)?;
    let octets = file.metadata()?.len();
    Ok(Source {
        name,
        file,
        path,
        octets,
    })
}

fn data_dir(configuration: &Configuration) -> Result<String, BackupError> {
    let folder = settings::folder(configuration)?;
    let path = settings::relative(&folder, &configuration.data_dir)?;
    let path = path.to_str().ok_or_else(|| {
        let path = configuration.data_dir.display();
        BackupError::Settings(format!("data_dir {path}: its name must be in UTF-8"))
    })?;
    Ok(path.to_string())
}
