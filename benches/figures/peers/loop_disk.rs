//! A disk of its own for a comparison: an ext4 in a file, so that both sides
//! use the same kind of file system, whatever the machine's is. On some of them
//! removing a file takes a millisecond, which would be measured as Dovecot's.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Outcome;

/// How often it is unmounted: a process that ends may still hold a file open.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// A mounted file system; goes with its drop.
pub struct LoopDisk {
    /// Not below the target folder, which may be closed to Dovecot's users.
    place: tempfile::TempDir,
    image: PathBuf,
}

impl LoopDisk {
    /// Makes one with room for so many octets, its image in `folder`.
    ///
    /// # Errors
    /// Why this machine cannot.
    pub fn make(folder: &Path, octets: u64) -> Outcome<LoopDisk> {
        let place = tempfile::Builder::new().prefix("loop-disk-").tempdir()?;
        let image = folder.join("loop-disk");
        let mount = place.path().join("mount");
        fs::create_dir(&mount)?;
        // Takes room on the disk as it is filled.
        File::create(&image)?.set_len(octets)?;
        let image_name = image.display().to_string();
        let done = run("mkfs.ext4", &["-q", "-F", &image_name]).and_then(|()| {
            let point = mount.display().to_string();
            run("mount", &["-o", "loop", &image_name, &point])
        });
        if let Err(why) = done {
            fs::remove_file(image)?;
            return Err(why);
        }
        let disk = LoopDisk { place, image };
        for path in [disk.place.path(), &disk.path()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(disk)
    }

    /// Where it is mounted; all may look in.
    pub fn path(&self) -> PathBuf {
        self.place.path().join("mount")
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let mount = self.path().display().to_string();
        let is_over = (0..TRIES).any(|_| {
            let is_over = run("umount", &[&mount]).is_ok();
            if !is_over {
                std::thread::sleep(PAUSE);
            }
            is_over
        });
        if !is_over {
            // It goes when the last file on it is closed.
            let _ = run("umount", &["-l", &mount]);
        }
        // Nobody is left to tell.
        let _ = fs::remove_file(&self.image);
    }
}

fn run(program: &str, arguments: &[&str]) -> Outcome<()> {
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|why| format!("{program}: {why}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{program}: {}", said.trim()).into())
        }
    }
}
