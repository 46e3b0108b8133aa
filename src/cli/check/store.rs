//! Whether a hub could start on what lies in the data folder, and whether the mail is
//! all there; by names, owners and sizes. `postroom verify` reads it all.

use super::finding::{Finding, Findings, Topic};
use crate::config::Configuration;
use crate::hub::store_settings;
use crate::store::{self, FaultyBodies, Held, OpenError};

/// What a command may expect there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No hub has run yet; or whoever asks may not look.
    Nothing,
    Store,
    /// No hub can start; what was found was told.
    Broken,
}

pub fn look(configuration: &Configuration, findings: &mut Findings<'_>) -> Found {
    let data_dir = &configuration.data_dir;
    let found = match store::look(data_dir, store_settings(configuration).root) {
        Ok(Held::Nothing) => return Found::Nothing,
        Ok(Held::Database) => store::faulty_bodies(data_dir),
        Err(why) => Err(why),
    };
    match found {
        Ok(faulty) => {
            look_at_bodies(configuration, faulty, findings);
            Found::Store
        }
        Err(OpenError::Closed(_)) => {
            let text = "the mail was not looked at: it is for root and the hub's user alone";
            findings.add(Finding::note(Topic::Store, text).mend("sudo postroom check"));
            Found::Nothing
        }
        Err(why) => {
            findings.add(Finding::error(Topic::Store, why.found()).mend(why.mend()));
            Found::Broken
        }
    }
}

fn look_at_bodies(
    configuration: &Configuration,
    faulty: FaultyBodies,
    findings: &mut Findings<'_>,
) {
    let folder = configuration.data_dir.display();
    if faulty.lost > 0 {
        let text = format!(
            "the content of {} messages is missing or cut off in {folder}/bodies, and no PC can collect them",
            faulty.lost
        );
        findings.add(Finding::error(Topic::Store, text).mend(format!(
            "postroom verify names them. If the files lie elsewhere put them back, and give them to the hub's user: sudo \
             chown -R --reference={folder} {folder}. Where a PC has such a message, postroom import of it brings its \
             content back. If the backup has them: run postroom backup once more into its folder, which keeps them and \
             adds what came since; then stop the hub, move {folder} away, and postroom restore --mail-only DIR/ of that \
             folder. From a backup that is not of now, what came since is lost"
        )));
    }
    if faulty.closed > 0 {
        let text = format!(
            "the content of {} messages in {folder}/bodies does not belong to the hub's user, who cannot read it",
            faulty.closed
        );
        let mend = format!("sudo chown -R --reference={folder} {folder}");
        findings.add(Finding::error(Topic::Store, text).mend(mend));
    }
    if faulty == FaultyBodies::default() {
        let text = format!("the store in {folder} has all its files");
        findings.add(Finding::good(Topic::Store, text));
    }
}
