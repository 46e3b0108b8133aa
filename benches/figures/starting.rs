//! How long the hub takes to be ready.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use rustix::fs::{Advice, fadvise};

use crate::office::{Office, program};
use crate::table::{Table, ratio};
use crate::{Outcome, Plan};

/// Milliseconds of each start.
#[derive(Default)]
pub struct Starts {
    /// Of the program that only says its version.
    pub bare: Vec<f64>,
    /// To "ready", with what was read before still in memory.
    pub warm: Vec<f64>,
    /// To "ready", without it.
    pub cold: Vec<f64>,
}

impl Starts {
    /// So many of each, in turn.
    pub fn of(office: &Office, works: usize) -> Outcome<Starts> {
        office.start()?.stop()?;
        let mut starts = Starts::default();
        for _ in 0..works {
            starts.bare.push(bare_start()?);
            starts.warm.push(ready_after(office)?);
            forget(&office.data_dir())?;
            starts.cold.push(ready_after(office)?);
        }
        Ok(starts)
    }
}

/// From the start of the program to "ready", with what was read before still in
/// memory and without it.
pub fn measure(office: &Office, name: &str, plan: &Plan, table: &mut Table) -> Outcome<()> {
    let Starts { bare, warm, cold } = Starts::of(office, plan.works)?;
    let beside = "the program that only says its version";
    table.part(&format!("ready after the start, {name}"));
    table.figure("ready", "ms", &warm, &ratio(&warm, &bare, beside));
    let beside = ratio(&cold, &warm, "that");
    table.figure("… the store's files not in memory", "ms", &cold, &beside);
    Ok(())
}

fn ready_after(office: &Office) -> Outcome<f64> {
    let hub = office.start()?;
    let ready_after = hub.ready_after.as_secs_f64() * 1000.0;
    hub.stop()?;
    Ok(ready_after)
}

fn bare_start() -> Outcome<f64> {
    let began = Instant::now();
    program().arg("--version").stdout(Stdio::null()).status()?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

/// Has the system forget what it holds of these files in memory. The program
/// itself and the system's own tables stay, so that this is a cool start, not
/// that of a machine just switched on.
fn forget(folder: &Path) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let file = File::open(entry.path())?;
            // Only what is on the disk can be forgotten.
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}
