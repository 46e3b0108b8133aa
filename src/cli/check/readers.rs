//! Whether the hub may read the files that root has looked at.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;

use super::Findings;
use crate::config::Configuration;

/// A file of root's, private as it should be, is the commonest slip: every
/// command of root's reads it, and the hub does not.
pub fn look_at_readers(configuration: &Configuration, findings: &mut Findings) {
    let owner = fs::metadata(&configuration.data_dir);
    // Others find out by reading; without a data folder nobody knows who runs it.
    let (true, Ok(hub)) = (is_root(), owner) else {
        return;
    };
    for file in configuration.files() {
        if let Ok(found) = fs::metadata(&file)
            && !may_read(&found, &hub)
        {
            findings.error(format!(
                "{}: the hub's user, who owns {}, may not read it: chown --reference={} {}",
                file.display(),
                configuration.data_dir.display(),
                configuration.data_dir.display(),
                file.display()
            ));
        }
    }
}

/// The folder of a process belongs to its user.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// By owner, group and others alone: groups that the hub's user is in besides
/// are not known here, so that a file of another group counts as readable if
/// its group may read it.
fn may_read(file: &Metadata, hub: &Metadata) -> bool {
    let mode = file.mode();
    match file.uid() == hub.uid() || hub.uid() == 0 {
        true => mode & 0o400 != 0 || hub.uid() == 0,
        false => mode & 0o044 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown};

    #[test]
    fn a_private_file_of_root_is_not_the_hubs() {
        if !is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("data"), folder.path().join("secret"));
        fs::create_dir(&data).unwrap();
        fs::write(&file, "x").unwrap();
        chown(&data, Some(999), Some(999)).unwrap();
        let may = |owner: u32, mode: u32| {
            chown(&file, Some(owner), Some(owner)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            may_read(&fs::metadata(&file).unwrap(), &fs::metadata(&data).unwrap())
        };
        assert!(!may(0, 0o600));
        assert!(may(0, 0o644) && may(0, 0o640) && may(999, 0o600));
        assert!(!may(999, 0o200));
    }
}
