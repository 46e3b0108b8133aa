//! The way back: from a backup to a hub's files.
//!
//! Everything is unpacked into `restore.part` in the data folder and looked at there.
//! Only what is whole is moved into place: the settings, the bodies, and the database
//! last. A restore that is broken off leaves `restore.part` and no database, and with
//! that no hub starts ([`crate::store::RESTORING`]); the same command begins anew. Another
//! one that is refused then leaves that as it is.
//!
//! # Whose the mail is
//! Restored settings say it as the mail does. Where those that are here are kept, the
//! people may have changed since the backup, and a person says who is who
//! ([`crate::store::settle_persons`]).
//!
//! # Its backups
//! The store goes on as another one ([`crate::store::take_new_identity`]): its backup takes
//! the place of the one that was restored, and of none that is newer.
//!
//! # What comes back, and how mail programs see it
//! The store as it was when the backup was made, unique-ids and all. A unique-id is 128
//! random bits, so none that the old hub gave out later is ever given to another message
//! here (promise 6), though the store has forgotten those. A PC whose mail was waiting
//! then and that has collected it since finds it again; a mail program that leaves mail
//! on the server knows it by its unique-id and does not fetch it twice, one that deletes
//! it does. The ids of messages go by the clock and those of entries never leave the
//! store, so both may go on from where they were. What a provider still holds is fetched
//! again where the backup does not know it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::{BackupError, Fault};
use super::manifest::{Head, Manifest};
use super::names::{self, Kind};
use super::placing::Placing;
use super::reading::{Seen, look_inside, open};
use super::site::Site;
use super::{Place, Watch};
use crate::store::{self, Counts, Person, Persons, Settled};

/// What is to be restored, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// postroom.toml, as it is or as it is to be.
    pub config: PathBuf,
    pub settings: Settings,
    pub damage: Damage,
}

/// What becomes of a backup that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Nothing of it is restored.
    Refused,
    /// It is restored as far as it goes: without a good database it does not go at all.
    Accepted,
}

/// What becomes of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settings {
    /// They come back with the mail; it goes to another data folder if one is named.
    Restored { data_dir: Option<PathBuf> },
    /// Those that are here stay, and the mail goes into their data folder.
    Kept {
        data_dir: PathBuf,
        allow_root: bool,
        /// Who is in the directory here, with the fingerprints of the password entries.
        users: Vec<(String, String)>,
        /// Who is who, where the backup knows another fingerprint.
        words: Vec<(String, Person)>,
    },
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub head: Head,
    pub counts: Counts,
    pub data_dir: PathBuf,
    /// Files of the settings that were written.
    pub settings: Vec<PathBuf>,
    /// Whose mail nobody gets at once, where the settings were kept.
    pub persons: Settled,
    /// Files that lay elsewhere: where they are now, and where they were.
    pub elsewhere: Vec<(PathBuf, PathBuf)>,
    /// Messages that had lost their content before the backup.
    pub faulty_bodies: Vec<String>,
    /// What was accepted.
    pub needed: Vec<Fault>,
    /// Of the settings, which were not restored.
    pub not_needed: Vec<Fault>,
}

/// Restores. No hub may run on the data folder, and no store may be in it.
///
/// # Errors
/// Nothing of the backup is in its place then, or all of the settings are and the mail
/// is not; the same command begins anew.
pub fn restore(place: &Place, plan: &Plan, watch: &dyn Watch) -> Result<Restored, BackupError> {
    let opened = open(place)?;
    let mut site: Option<Site> = None;
    let mut place_of = |head: &Head, name: &str| {
        let site = match &mut site {
            Some(site) => site,
            none => none.insert(Site::open(plan, head)?),
        };
        let is_left_out = matches!(names::kind(name), Some(Kind::Settings(_))) && plan.keeps();
        Ok((!is_left_out).then(|| site.part().join(name)))
    };
    let read = opened.read(&mut place_of, watch);
    let Some(site) = site else {
        let nothing = |seen: Seen| Err(damaged(place, seen.faults));
        return read.and_then(nothing);
    };
    let ready = read.and_then(|seen| Ready::make(&site, place, plan, seen));
    let ready = ready.inspect_err(|_| site.take_back())?;
    // Should it fail from here on, what was unpacked stays, and with it no hub starts.
    site.place_mail(&ready.manifest.head.state)?;
    let (not_needed, needed) = ready.faults.into_iter().partition(Fault::is_of_settings);
    Ok(Restored {
        head: ready.manifest.head,
        counts: ready.counts,
        data_dir: site.data_dir,
        settings: ready.placed.settings(),
        persons: ready.persons,
        elsewhere: ready.placed.elsewhere(),
        faulty_bodies: ready.manifest.tail.faulty_bodies,
        needed,
        not_needed,
    })
}

impl Plan {
    /// Whether the settings that are here stay.
    fn keeps(&self) -> bool {
        matches!(self.settings, Settings::Kept { .. })
    }

    /// Whether a backup may be restored in spite of it.
    fn accepts(&self, fault: &Fault) -> bool {
        match self.damage {
            _ if fault.is_of_settings() => self.keeps(),
            Damage::Refused => false,
            Damage::Accepted => fault.is_of_some_messages(),
        }
    }
}

/// A backup that was unpacked and found good; its settings are in place.
struct Ready {
    manifest: Manifest,
    faults: Vec<Fault>,
    counts: Counts,
    persons: Settled,
    placed: Placing,
}

impl Ready {
    /// Looks at what was unpacked, and writes the settings.
    fn make(site: &Site, place: &Place, plan: &Plan, seen: Seen) -> Result<Ready, BackupError> {
        let Seen { manifest, faults } = seen;
        let part = site.part();
        let settings = &manifest.tail.settings;
        let faults = faults.into_iter();
        let mut faults: Vec<Fault> = faults.map(|one| one.with_settings(settings)).collect();
        let database = part.join(manifest.database());
        let mut counts = Counts::default();
        // A database that is not as it was backed up is not looked into.
        if faults.iter().all(Fault::leaves_the_database) {
            let (found, inside) = look_inside(&manifest, &database)?;
            counts = found;
            faults.extend(inside);
        }
        if !faults.iter().all(|fault| plan.accepts(fault)) {
            faults.retain(|fault| !(plan.keeps() && fault.is_of_settings()));
            return Err(damaged(place, faults));
        }
        let (persons, placed) = match &plan.settings {
            Settings::Kept { users, words, .. } => {
                (settle(&database, users, words)?, Placing::default())
            }
            Settings::Restored { data_dir } => {
                let placed = Placing::plan(
                    &plan.config,
                    &site.unpacked()?,
                    &manifest,
                    data_dir.as_deref(),
                )?;
                (Settled::default(), placed)
            }
        };
        store::take_new_identity(&database)?;
        placed.write()?;
        Ok(Ready {
            manifest,
            faults,
            counts,
            persons,
            placed,
        })
    }
}

/// Sees to it that nobody gets mail of somebody who had the same name.
fn settle(
    database: &Path,
    users: &[(String, String)],
    words: &[(String, Person)],
) -> Result<Settled, BackupError> {
    match store::settle_persons(database, users, words, SystemTime::now())? {
        Persons::Settled(settled) => Ok(settled),
        Persons::Undecided(names) => Err(BackupError::Undecided(names)),
        Persons::NotAsked(names) => Err(BackupError::NotAsked(names)),
    }
}

fn damaged(place: &Place, faults: Vec<Fault>) -> BackupError {
    let path = match place {
        Place::Folder(path) | Place::File(path) => path.clone(),
        Place::Stream => PathBuf::from("what was read"),
    };
    BackupError::Damaged { path, faults }
}
