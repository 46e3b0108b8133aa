//! Opens files, and says no where a link or something else lies in their place.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self, CWD, FileType, Mode, OFlags, Stat};
use rustix::process::geteuid;

/// As many links as Linux follows, path_resolution(7).
const LINKS_MAX: usize = 40;

/// Opens a file that is one, to read it. The last name of the path may be no link.
///
/// # Errors
/// It is something else; those of the system.
pub fn open_itself(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(O_FILE.bits() as i32);
    that_is_one(options.open(path)?)
}

/// Opens a file that is one, to read it, and follows links: root, however, only its own
/// and those of the user whose file it is. Anybody else could lead root to what the
/// owner of the link may not read.
///
/// # Errors
/// Such a link, by its name; it is no file; those of the system.
pub fn open_trusted(path: &Path) -> io::Result<File> {
    let found = walk(path)?;
    let file = open_file(&found.folder, &found.name)?;
    found.refuse_anothers_links(&fs::fstat(&file)?)?;
    Ok(file)
}

/// The same for a folder.
pub(super) fn open_trusted_folder(path: &Path) -> io::Result<OwnedFd> {
    let found = walk(path)?;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let folder = fs::openat(&found.folder, &found.name, flags, Mode::empty())?;
    found.refuse_anothers_links(&fs::fstat(&folder)?)?;
    Ok(folder)
}

/// Opens a file by its name in a folder.
pub(super) fn open_file(folder: impl AsFd, name: &OsStr) -> io::Result<File> {
    let flags = O_FILE | OFlags::RDONLY | OFlags::CLOEXEC;
    that_is_one(fs::openat(folder, name, flags, Mode::empty())?.into())
}

/// No link; and a pipe in the file's place is not waited for.
const O_FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);

fn that_is_one(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
    }
}

/// Where a path leads to.
struct Walked {
    folder: OwnedFd,
    /// Of no link, a moment ago.
    name: OsString,
    /// The links on the way, and whose they are.
    links: Vec<(PathBuf, u32)>,
}

impl Walked {
    fn refuse_anothers_links(&self, found: &Stat) -> io::Result<()> {
        if !geteuid().is_root() {
            return Ok(());
        }
        let trusted = [0, found.st_uid];
        let anothers = self.links.iter().find(|(_, user)| !trusted.contains(user));
        let Some((link, user)) = anothers else {
            return Ok(());
        };
        let (link, owner) = (link.display(), found.st_uid);
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "{link} is a link of user {user} to what belongs to user {owner}, and root does not follow it: if it is \
                 right, make the link as root (sudo ln -sfn), or name what it leads to"
            ),
        ))
    }
}

/// Goes through a path name by name, each by the handle of the folder before it, so that
/// the links that were judged are the ones that were followed.
fn walk(path: &Path) -> io::Result<Walked> {
    if path.as_os_str().is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut rest: VecDeque<OsString> = names(path).collect();
    let mut at = PathBuf::new();
    let mut folder = open_folder(CWD, OsStr::new("."))?;
    let mut links = Vec::new();
    loop {
        let name = rest.pop_front().unwrap_or_else(|| OsString::from("."));
        let found = fs::openat(&folder, &name, O_LOOK, Mode::empty())?;
        let stat = fs::fstat(&found)?;
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        if is_link {
            links.push((at.join(&name), stat.st_uid));
            if links.len() > LINKS_MAX {
                return Err(rustix::io::Errno::LOOP.into());
            }
            let target = fs::readlinkat(&found, "", Vec::new())?;
            let target = OsString::from_vec(target.into_bytes());
            for name in names(Path::new(&target)).rev() {
                rest.push_front(name);
            }
        } else if rest.is_empty() {
            return Ok(Walked {
                folder,
                name,
                links,
            });
        } else {
            at.push(&name);
            folder = open_folder(&folder, &name)?;
        }
    }
}

/// To look at what is there, link or not.
const O_LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn open_folder(folder: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = O_LOOK | OFlags::DIRECTORY;
    Ok(fs::openat(folder, name, flags, Mode::empty())?)
}

/// The names of a path; `/` is one. A `/` at the end asks for a folder.
fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    let is_folder = path.as_os_str().as_bytes().ends_with(b"/");
    let names: Vec<_> = path.components().map(Component::as_os_str).collect();
    let last = is_folder.then_some(OsStr::new("."));
    let names: Vec<_> = names.into_iter().chain(last).map(OsString::from).collect();
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use std::fs as plain;
    use std::io::Read;
    use std::os::unix::fs::{lchown, symlink};

    use super::*;

    const SOMEBODY: u32 = 65534;

    fn read(path: &Path) -> io::Result<String> {
        let mut text = String::new();
        open_trusted(path)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn a_path_leads_where_it_leads_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        plain::create_dir_all(at("live/office")).unwrap();
        plain::create_dir_all(at("archive")).unwrap();
        plain::write(at("archive/key1"), "key").unwrap();
        symlink("../../archive/key1", at("live/office/key")).unwrap();
        symlink(at("live"), at("now")).unwrap();
        symlink("loop", at("loop")).unwrap();
        for path in [
            "archive/key1",
            "live/office/key",
            "now/office/../office/./key",
        ] {
            assert_eq!(read(&at(path)).unwrap(), "key", "{path}");
        }
        for path in [
            "loop",
            "none",
            "archive/key1/",
            "archive/key1/x",
            "live",
            ".",
        ] {
            let ours = read(&at(path)).unwrap_err();
            let Err(systems) = plain::read(at(path)) else {
                panic!("{path}");
            };
            let is_folder = systems.kind() == io::ErrorKind::IsADirectory;
            assert!(is_folder || ours.kind() == systems.kind(), "{path}: {ours}");
        }
        assert_eq!(
            read(Path::new("")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn a_link_to_the_file_and_a_pipe_are_not_opened_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| folder.path().join(name));
        plain::write(&file, "").unwrap();
        symlink("file", &link).unwrap();
        let made = fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0);
        made.unwrap();
        assert!(open_itself(&file).is_ok());
        assert!(open_itself(&link).is_err() && open_trusted(&link).is_ok());
        assert!(open_itself(&pipe).is_err() && open_trusted(&pipe).is_err());
    }

    #[test]
    fn root_follows_its_own_links_and_those_of_the_files_owner() {
        if !geteuid().is_root() {
            println!("skipped: not run as root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let owned = |name: &str, user| lchown(at(name), Some(user), None).unwrap();
        plain::create_dir(at("roots")).unwrap();
        for (file, user) in [("roots/file", 0), ("anothers", SOMEBODY)] {
            plain::write(at(file), "text").unwrap();
            owned(file, user);
        }
        for (link, to, user) in [
            ("roots link", "roots/file", 0),
            ("link", "roots/file", SOMEBODY),
            ("link to a link", "link", 0),
            ("folder", "roots", SOMEBODY),
            ("link to anothers", "anothers", SOMEBODY),
        ] {
            symlink(to, at(link)).unwrap();
            owned(link, user);
        }
        for path in ["roots link", "link to anothers"] {
            assert!(open_trusted(&at(path)).is_ok(), "{path}");
        }
        for (path, link) in [
            ("link", "link"),
            ("link to a link", "link"),
            ("folder/file", "folder"),
        ] {
            let why = open_trusted(&at(path)).unwrap_err().to_string();
            let named = format!("{} is a link of user {SOMEBODY} ", at(link).display());
            assert!(why.starts_with(&named), "{path}: {why}");
        }
        assert!(open_trusted_folder(&at("folder")).is_err());
        assert!(open_trusted_folder(&at("roots")).is_ok());
    }
}
