//! Files read anew: good ones hold for new sessions at once, bad ones are
//! refused and the last good ones stay.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use smol::{Timer, future};

use super::Hub;
use super::cut_off::{CutOff, Texts};
use super::settings::{listens, net_settings};
use crate::auth::PasswordHash;
use crate::config::watch::{Watch, WatchError};
use crate::config::{Configuration, ConfigurationError};
use crate::journal;
use crate::net::limits::Limits;
use crate::net::listen::Listen;
use crate::net::tls::{ServerTls, ServerTlsError, SubjectName};
use crate::route::Directory;
use crate::store::{Moment, Store, StoreError};

/// When that is tried again which did not fail by a file's fault.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// How often files that were refused are looked at. They may name others, which
/// nobody watches: a password that is put into its file after the section that
/// names it.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// What the files said that were loaded: settings that cannot change while the
/// hub runs, as they were at the start; and the texts.
pub struct Loaded {
    data_dir: PathBuf,
    listens: Vec<Listen>,
    limits: Limits,
    metrics: Vec<SocketAddr>,
    log_file: Option<PathBuf>,
    /// As it was last read.
    texts: Texts,
    /// Settings that have changed since and wait for the next start.
    waiting: Vec<&'static str>,
    /// Why the last reload was refused, if it was.
    refused: Option<String>,
}

impl Loaded {
    /// As this configuration says.
    pub fn new(configuration: &Configuration) -> Loaded {
        Loaded {
            data_dir: configuration.data_dir.clone(),
            listens: listens(configuration),
            limits: configuration.limits.clone(),
            metrics: configuration.metrics.clone(),
            log_file: configuration.log.file.clone(),
            texts: Texts::of(configuration),
            waiting: Vec::new(),
            refused: None,
        }
    }

    /// What the files ask for and the hub does not do, in sentences.
    pub fn troubles(&self) -> Vec<String> {
        let refused = self.refused.iter();
        let refused =
            refused.map(|why| format!("not reloaded, the last good settings stay in force: {why}"));
        let waiting = self.waiting.iter().map(|setting| waits_for_start(setting));
        refused.chain(waiting).collect()
    }

    /// The settings that differ and wait for the next start.
    fn differing(&self, new: &Loaded) -> Vec<&'static str> {
        let differing = [
            ("data_dir", self.data_dir != new.data_dir),
            ("listen", self.listens != new.listens),
            ("[limits]", self.limits != new.limits),
            ("[metrics] listen", self.metrics != new.metrics),
            ("[log] file", self.log_file != new.log_file),
        ];
        differing
            .into_iter()
            .filter_map(|(name, differs)| differs.then_some(name))
            .collect()
    }
}

fn waits_for_start(setting: &str) -> String {
    format!("{setting} has changed in postroom.toml; that takes effect at the next start")
}

/// Why nothing was reloaded.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A file is not good.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] ServerTlsError),
    /// A file is good, as far as it goes.
    #[error(transparent)]
    CutOff(#[from] CutOff),
    /// The store could not be told.
    #[error("the store could not be told of the new directory: {0}")]
    Store(#[from] StoreError),
}

/// Whether a person has said that the files are as they are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// They have changed: one that has lost its end is refused.
    Nothing,
    /// SIGHUP.
    ToReload,
}

impl Hub {
    /// Reads all files anew. All or nothing: one bad file refuses them all.
    pub async fn reload(&self, told: Told) -> Result<(), ReloadError> {
        let mut loaded = self.loaded.lock().await;
        let outcome = self.try_reload(&mut loaded, told).await;
        match &outcome {
            Ok(()) => journal::reloaded(&self.path),
            Err(why) => journal::reload_refused(why),
        }
        loaded.refused = outcome.as_ref().err().map(ToString::to_string);
        outcome
    }

    async fn try_reload(&self, loaded: &mut Loaded, told: Told) -> Result<(), ReloadError> {
        let path = self.path.clone();
        let (configuration, directory, tls, new) = smol::unblock(move || {
            let configuration = Configuration::load(&path)?;
            // What changes behind this is seen by the next reload.
            let new = Loaded::new(&configuration);
            let directory = configuration.load_directory()?;
            let tls = load_tls(&configuration)?;
            Ok::<_, ReloadError>((configuration, directory, tls, new))
        })
        .await?;
        if told == Told::Nothing {
            loaded.texts.look_for_cut(&new.texts)?;
        }
        let directory = reconcile(&self.office.store, directory).await?;
        let before = self.office.directory.now();
        let revoked = locked_out(&before, &directory);
        self.office.directory.set(directory);
        for user in revoked {
            self.office.sessions.revoke(&user);
        }
        self.office.settings.set(net_settings(&configuration, tls));
        self.office.store.set_keep(configuration.store);
        log::set_max_level(configuration.log.level);
        warn(&configuration);
        self.fetching.apply(&configuration.providers).await;
        let waiting = loaded.differing(&new);
        for setting in &waiting {
            if !loaded.waiting.contains(setting) {
                log::warn!("{}", waits_for_start(setting));
            }
        }
        loaded.waiting = waiting;
        loaded.texts = new.texts;
        Ok(())
    }
}

/// Those whose sessions must end: the password may have been changed, or the user
/// disabled, because a laptop was stolen. Not those who are missing, for that may
/// be a slip.
fn locked_out(before: &Directory, after: &Directory) -> Vec<String> {
    let changed = before.users().iter().filter(|old| {
        let mut users = after.users().iter();
        users.any(|new| {
            new.name == old.name && (&new.password, new.access) != (&old.password, old.access)
        })
    });
    changed.map(|user| user.name.clone()).collect()
}

/// Logs what a person should know of files that are good.
pub fn warn(configuration: &Configuration) {
    for warning in configuration.warnings() {
        log::warn!("{warning}");
    }
}

/// The certificate, if one is configured. What a person should know about it
/// is logged.
pub fn load_tls(configuration: &Configuration) -> Result<Option<ServerTls>, ServerTlsError> {
    let Some(tls) = &configuration.tls else {
        return Ok(None);
    };
    let tls = ServerTls::load(&tls.certificate, &tls.key)?;
    let name = SubjectName::Dns(configuration.hostname.as_str().to_string());
    for warning in tls.warnings(&name, SystemTime::now()) {
        log::warn!("{warning}");
    }
    Ok(Some(tls))
}

/// Tells the store who is in the directory, and the directory which addresses
/// have just gone.
pub async fn reconcile(store: &Store, directory: Directory) -> Result<Directory, StoreError> {
    let now = Moment::now();
    let users = fingerprints(&directory);
    let addresses = directory.all_addresses();
    let changes = store.reconcile(&users, &addresses, now).await?;
    let renamed = match changes.missing.is_empty() {
        true => Vec::new(),
        false => store.renamed(users).await?,
    };
    for user in &changes.missing {
        match renamed.iter().find(|(old, _)| old == user) {
            Some((_, new)) => log::info!(
                "user {user} is no longer in directory.toml, and {new} has the same password entry; the mailbox waits: \
                 postroom user rename {user} {new} gives it to {new}"
            ),
            None => log::info!(
                "user {user} is no longer in directory.toml; the mailbox waits: it comes back with the same password \
                 entry, and postroom user remove {user} seals it"
            ),
        }
    }
    for user in &changes.returned {
        log::info!("user {user} is back in directory.toml, with the same mailbox");
    }
    for user in &changes.sealed {
        // No command has done it, and perhaps nobody meant it.
        log::error!(
            "user {user} came back to directory.toml with another password entry, and so as another person: \
             the old mailbox is sealed, the new one starts empty (postroom check says what can be done with it)"
        );
    }
    for address in &changes.leaving {
        log::info!(
            "address {address} has gone from directory.toml: for an hour its mail is put off, not refused"
        );
    }
    Ok(directory.with_departed(changes.departed))
}

/// The users of a directory, each with the fingerprint of the password entry.
pub fn fingerprints(directory: &Directory) -> Vec<(String, String)> {
    let users = directory.users().iter();
    let users = users.map(|user| (user.name.clone(), fingerprint(user.password.as_str())));
    users.collect()
}

/// Identifies a user's password entry. One that does not parse never gets here.
pub fn fingerprint(password: &str) -> String {
    PasswordHash::parse(password).map_or_else(|_| password.to_string(), |hash| hash.fingerprint())
}

/// The files under watch.
pub struct Followed {
    files: Vec<PathBuf>,
    watch: Result<Watch, WatchError>,
}

impl Followed {
    /// Watches the configuration and what it names. To be called before they
    /// are read: a change in between would be missed.
    pub fn begin(path: &Path) -> Followed {
        Followed::new(files_named_by(path).unwrap_or_else(|| vec![path.to_path_buf()]))
    }

    fn new(files: Vec<PathBuf>) -> Followed {
        Followed {
            watch: Watch::start(files.clone()),
            files,
        }
    }

    /// Other files under watch, where the configuration names others by now.
    async fn other(&self, path: &Path) -> Option<Followed> {
        let (path, known) = (path.to_path_buf(), self.files.clone());
        smol::unblock(move || {
            let files = files_named_by(&path)?;
            (files != known).then(|| Followed::new(files))
        })
        .await
    }
}

/// What the last reload leaves to be done.
enum Due {
    Nothing,
    /// The store could not be told, as on a full disk: once more after a while.
    Again,
    /// A file was refused, for this reason: once more when there is no fault any
    /// more, or another one.
    WhenMended(String),
}

impl Due {
    fn after(outcome: &Result<(), ReloadError>) -> Due {
        match outcome {
            Ok(()) | Err(ReloadError::Tls(_) | ReloadError::CutOff(_)) => Due::Nothing,
            Err(ReloadError::Store(_)) => Due::Again,
            Err(ReloadError::Configuration(why)) => Due::WhenMended(why.to_string()),
        }
    }

    /// Ends when it is due.
    async fn comes(&self, path: &Path) {
        match self {
            Due::Nothing => future::pending().await,
            Due::Again => after(TRY_AGAIN).await,
            Due::WhenMended(why) => loop {
                after(LOOK_AGAIN).await;
                if fault_of(path).await.as_ref() != Some(why) {
                    return;
                }
            },
        }
    }
}

/// Why the files would be refused now.
async fn fault_of(path: &Path) -> Option<String> {
    let path = path.to_path_buf();
    smol::unblock(move || {
        let configuration = Configuration::load(&path);
        let loaded = configuration.and_then(|configuration| configuration.load_directory());
        loaded.err().map(|why| why.to_string())
    })
    .await
}

/// Reloads when a file changes or a refused one is mended, until the hub stops.
/// Without a watch SIGHUP still does, and another watch is tried: a folder that
/// was moved away may have come back.
pub async fn follow_changes(hub: Arc<Hub>, mut followed: Followed) {
    let mut due = Due::Nothing;
    let mut is_said = false;
    loop {
        if let Some(other) = followed.other(&hub.path).await {
            followed = other;
        } else {
            match &followed.watch {
                Ok(watch) => future::or(watch.changed(), due.comes(&hub.path)).await,
                Err(why) => {
                    if !is_said {
                        log::warn!("{why}");
                    }
                    is_said = true;
                    after(TRY_AGAIN).await;
                    let files = followed.files;
                    followed = smol::unblock(move || Followed::new(files)).await;
                    if followed.watch.is_err() {
                        continue;
                    }
                    is_said = false;
                }
            }
        }
        // The outcome is in the log.
        due = Due::after(&hub.reload(Told::Nothing).await);
    }
}

async fn after(time: Duration) {
    Timer::after(time).await;
}

/// None while the configuration is not good.
fn files_named_by(path: &Path) -> Option<Vec<PathBuf>> {
    Configuration::load(path)
        .ok()
        .map(|configuration| configuration.files())
}
