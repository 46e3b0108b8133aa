//! Side by side with Postfix, Dovecot and fetchmail: what `scripts/bench` runs.
//!
//! The same work on a peer and on postroom, in turn, on one file system. A peer
//! is set up as an administrator would, on files of its own. What a machine lacks
//! is said in its line of the table.

pub mod comparison;
mod side;
mod postfix;
mod load;
mod device;
mod intake;
mod slow_disk;
mod flushes;
mod memory;
mod rates;
mod dovecot;
mod mailboxes;
mod polls;
mod listings;
mod loop_disk;
mod drain;
mod scale;
mod ready;
mod fetch;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::geteuid;
use tempfile::TempDir;

use self::comparison::Comparison;
pub use self::slow_disk::{APPENDING, append};
use crate::{Outcome, Plan};

/// A folder's name may be so long that Dovecot's sockets in it have a path that
/// the system takes (unix(7): 108 octets).
const FOLDER_OCTETS: usize = 60;

type Part = fn(&Path, &Plan, &mut Comparison) -> Outcome<()>;

/// All of them, or those that are named behind `peers`.
const PARTS: [(&str, Part); 7] = [
    ("intake", intake::measure),
    ("flushes", flushes::measure),
    ("polls", polls::measure),
    ("drain", drain::measure),
    ("fetch", fetch::measure),
    ("memory", memory::measure),
    ("scale", scale::measure),
];

/// Every work, and the table of them.
pub fn measure(folder: &Path, plan: &Plan) -> Outcome<String> {
    if !geteuid().is_root() {
        return Err("the peers are started by root: each runs as users of its own".into());
    }
    let elsewhere = place(folder)?;
    let folder = elsewhere.as_ref().map_or(folder, TempDir::path);
    let is_named = |(name, _): &(&str, Part)| std::env::args().any(|argument| argument == *name);
    let all = !PARTS.iter().any(is_named);
    let mut comparison = Comparison::default();
    for part in PARTS.iter().filter(|part| all || is_named(part)) {
        let measured = part.1(folder, plan, &mut comparison);
        // What was found before a failure is of use to whoever looks for its cause.
        measured.inspect_err(|_| eprintln!("{comparison}"))?;
    }
    Ok(comparison.to_string())
}

/// Where both sides keep their mail: the folder of the run, or one elsewhere if
/// the users whom Postfix and Dovecot run as cannot pass through to it.
fn place(folder: &Path) -> Outcome<Option<TempDir>> {
    let open_to_all = Permissions::from_mode(0o755);
    fs::set_permissions(folder, open_to_all.clone())?;
    let may_pass = |folder: &Path| {
        fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    };
    if folder.ancestors().all(may_pass) && folder.as_os_str().len() <= FOLDER_OCTETS {
        return Ok(None);
    }
    let elsewhere = tempfile::Builder::new().prefix("figures-").tempdir()?;
    fs::set_permissions(elsewhere.path(), open_to_all)?;
    println!("both sides in {}", elsewhere.path().display());
    Ok(Some(elsewhere))
}
