//! The hub's own user and folders, and its start.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::Arguments;
use super::asker::{Answer, Asker, Stop};
use crate::cli::output::say;
use crate::cli::unit::{self, UNIT};
use crate::config::init::{Init, SYSTEM_DATA, SYSTEM_FOLDER};
use crate::config::{Configuration, HUB_USER, hub_user, is_root};
use crate::control::{self, Request};

/// How long the hub may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The system's folders belong to the hub's user: it renews the certificate, and
/// keeps the mail. Root alone can see to that, and elsewhere the folder's owner is
/// the caller's choice.
pub fn make_folders(init: &Init) -> Result<(), Stop> {
    if !is_root() || init.folder != Path::new(SYSTEM_FOLDER) {
        return Ok(());
    }
    let Some(hub) = hub_user() else {
        say!(
            "note: this machine has no user “{HUB_USER}” for the hub, which does not run as root. The files are root's \
             until you make one and give them to it: chown -R USER: {SYSTEM_FOLDER} {SYSTEM_DATA}"
        );
        return Ok(());
    };
    for (folder, mode) in [(SYSTEM_FOLDER, 0o750), (SYSTEM_DATA, 0o700)] {
        give(Path::new(folder), mode, hub)
            .map_err(|why| Stop::Failed(format!("{folder}: {why}; nothing is written")))?;
    }
    Ok(())
}

/// A folder that is somebody's other than root's stays that one's.
fn give(folder: &Path, mode: u32, (user, group): (u32, u32)) -> io::Result<()> {
    if !folder.is_dir() {
        DirBuilder::new().mode(mode).create(folder)?;
    }
    match fs::symlink_metadata(folder)?.uid() {
        0 => chown(folder, Some(user), Some(group)),
        _ => Ok(()),
    }
}

/// Starts the hub where it can be and is wanted, and waits until it is ready.
/// False: it does not run, and what to do was said.
pub fn start(
    asker: Asker,
    configuration: &Configuration,
    arguments: &Arguments,
    is_good: bool,
) -> Result<bool, Stop> {
    if !is_wanted(asker, configuration, arguments, is_good)? {
        // Somebody else may have: a container's own service manager, for instance.
        if is_ready(configuration) {
            return Ok(true);
        }
        say_how_to_start(configuration, is_good);
        return Ok(false);
    }
    let ended = Command::new("systemctl")
        .args(["enable", "--now", UNIT])
        .status();
    let ended = ended.map_err(|why| format!("systemctl cannot be run: {why}"))?;
    if !ended.success() {
        return Err(Stop::Failed(format!(
            "everything is written, but systemctl enable --now {UNIT} failed; journalctl -u postroom says why"
        )));
    }
    wait_until_ready(configuration)?;
    say!("\nthe hub runs, and starts with the machine");
    Ok(true)
}

fn is_wanted(
    asker: Asker,
    configuration: &Configuration,
    arguments: &Arguments,
    is_good: bool,
) -> Result<bool, Stop> {
    if arguments.start || arguments.no_start {
        return Ok(arguments.start);
    }
    let is_the_units = configuration.path == Path::new(SYSTEM_FOLDER).join("postroom.toml");
    // As sd_booted(3) finds out.
    let has_systemd = Path::new("/run/systemd/system").is_dir();
    if !(is_good && is_the_units && unit::is_installed() && has_systemd) {
        return Ok(false);
    }
    asker.is_yes(
        "\nStart the hub now, and whenever the machine starts?",
        Answer::Yes,
    )
}

fn say_how_to_start(configuration: &Configuration, is_good: bool) {
    let file = configuration.path.display();
    let mut steps = Vec::new();
    if !is_good {
        steps.push(
            "mend what check found (the lines with ERROR), until it finds nothing".to_string(),
        );
    }
    match configuration.path.starts_with(SYSTEM_FOLDER) {
        true => {
            steps.push("systemctl enable --now postroom".to_string());
            steps.push("postroom test-mail NAME, which sends a mail the whole way".to_string());
        }
        false => {
            steps.push(format!(
                "postroom --config {file} serve, as the owner of the folder"
            ));
            steps.push(format!(
                "postroom --config {file} test-mail NAME, which sends a mail the whole way"
            ));
        }
    }
    say!("");
    for (step, when) in steps.iter().zip(["next:", "then:", "then:"]) {
        say!("{when}    {step}");
    }
}

fn is_ready(configuration: &Configuration) -> bool {
    let answer = control::ask_running(Request::Status, &configuration.data_dir);
    matches!(answer, Some(Ok(_)))
}

fn wait_until_ready(configuration: &Configuration) -> Result<(), Stop> {
    let since = Instant::now();
    while since.elapsed() < READY_LIMIT {
        if is_ready(configuration) {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
    Err(Stop::Failed(format!(
        "the hub was started, but is not ready after {} s; journalctl -u postroom says why",
        READY_LIMIT.as_secs()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_becomes_the_hubs_unless_it_is_somebody_elses() {
        if !is_root() {
            println!("skipped: not run as root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (new, others) = (folder.path().join("new"), folder.path().join("others"));
        fs::create_dir(&others).unwrap();
        chown(&others, Some(7), Some(7)).unwrap();
        for folder in [&new, &others] {
            give(folder, 0o700, (998, 997)).unwrap();
        }
        let ids =
            |folder: &Path| fs::metadata(folder).map(|it| (it.uid(), it.gid(), it.mode() & 0o777));
        assert_eq!(ids(&new).unwrap(), (998, 997, 0o700));
        assert_eq!(ids(&others).unwrap().0, 7);
    }
}
