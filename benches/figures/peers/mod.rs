//! Side by side with Postfix, Dovecot and fetchmail: what `scripts/bench` runs.
//!
//! The same work on a peer and on postroom, in turn, on one file system. A peer
//! is set up as an administrator would, on files of its own.

pub mod comparison;
mod side;
mod postfix;
mod load;
mod device;
mod intake;
mod slow_disk;
mod flushes;
mod memory;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::geteuid;
use tempfile::TempDir;

use self::comparison::Comparison;
use self::postfix::Postfix;
pub use self::slow_disk::{APPENDING, append};
use crate::intake::has_smtp_source;
use crate::{Outcome, Plan};

/// A folder's name may be so long that Dovecot's sockets in it have a path that
/// the system takes (unix(7): 108 octets).
const FOLDER_OCTETS: usize = 60;

/// Every work, and the table of them.
pub fn measure(folder: &Path, plan: &Plan) -> Outcome<String> {
    if !geteuid().is_root() {
        return Err(
            "the peers are started by root: Postfix and Dovecot run as users of their own".into(),
        );
    }
    let elsewhere = place(folder)?;
    let folder = elsewhere.as_ref().map_or(folder, TempDir::path);
    let mut comparison = Comparison::default();
    mail_comes_in(folder, plan, &mut comparison)?;
    Ok(comparison.to_string())
}

/// Postfix with Dovecot is the peer.
fn mail_comes_in(folder: &Path, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    let missing = match has_smtp_source() {
        true => Postfix::missing(),
        false => Some("smtp-source is not installed (Debian package postfix)"),
    };
    if let Some(why) = missing {
        comparison.missing("mail comes in", why);
        return Ok(());
    }
    intake::measure(folder, plan, comparison)?;
    flushes::measure(folder, plan, comparison)?;
    memory::measure(folder, plan, comparison)
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
