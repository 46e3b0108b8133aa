//! The settings sheets of all people, in a folder for root's eyes alone.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::Plan;
use super::asker::Stop;
use crate::cli::output::{say, wrapped};
use crate::cli::sheet::{name_leads, write_private};
use crate::config::{Configuration, user};
use crate::sheet::Sheet;

/// That the sheets can go there, before anything is written: it is ours, or it is
/// not there yet.
pub fn look_at_folder(folder: &Path) -> Result<(), Stop> {
    let wrong = |why: &str| Stop::Failed(format!("--sheets {}: {why}", folder.display()));
    let Ok(found) = fs::symlink_metadata(folder) else {
        return Ok(());
    };
    match found.is_dir() {
        false => Err(wrong("it is no folder; choose another one")),
        true if user() != found.uid() => {
            Err(wrong("it belongs to somebody else; choose another one"))
        }
        true if found.mode() & 0o077 != 0 => Err(wrong(
            "others can look into it, and the sheets hold passwords: chmod 700, or choose another one",
        )),
        true => Ok(()),
    }
}

/// Two files for each person, as text and as a page to print.
pub fn write(configuration: &Configuration, plan: &Plan, folder: &Path) -> Result<(), Stop> {
    let directory = configuration.load_directory()?;
    let leads = name_leads(configuration.hostname.as_str());
    let folder = std::path::absolute(folder)?;
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.map_err(|why| Stop::Failed(format!("{}: {why}", folder.display())))?;
    for (person, password) in plan.init.answers.people.iter().zip(&plan.passwords) {
        let Some(user) = directory.login(&person.name) else {
            continue;
        };
        let sheet = Sheet::of(configuration, user, Some(password), leads)?;
        write_private(&folder.join(format!("{}.txt", user.name)), &sheet.text()?)?;
        write_private(&folder.join(format!("{}.html", user.name)), &sheet.html()?)?;
    }
    let told = format!(
        "The settings sheets are in {}: for each person NAME.txt, and NAME.html to print. They hold the passwords: hand \
         them out, then delete the folder. Later ones, without password: postroom user sheet NAME",
        folder.display()
    );
    say!("\n{}", wrapped(&told));
    Ok(())
}
