//! A backup in one tar: a file, or a stream to another program.
//!
//! The head stands in front, so that who unpacks a stream knows where it is to go; the
//! manifest at the end, when all SHA-256 are known. Names are short and of one form,
//! so that every tar there is can unpack it: what comes out is a backup in a folder.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tar::{Builder, Header};

use super::Watch;
use super::copying::{Side, copy};
use super::error::{BackupError, failed};
use super::folder::Unwatched;
use super::manifest::{FileRecord, Head, Manifest};
use super::names::{self, HEAD, MANIFEST};
use super::part_file::PartFile;
use super::target::{Copied, Source, Target};
use super::workplace::Workplace;
use crate::files::open_itself;

/// Tar is written in pieces of this size.
const BUFFER_OCTETS: usize = 256 << 10;

/// Ends the name of an archive that was set aside.
const BEFORE: &str = ".before";

/// An archive that is being written.
pub struct Archive {
    builder: Builder<BufWriter<Box<dyn Write>>>,
    state: String,
    /// What errors name.
    path: PathBuf,
    workplace: Workplace,
    file: Option<PartFile>,
}

impl Archive {
    /// In a file: under another name until it is whole.
    ///
    /// # Errors
    /// It cannot be written; another command writes it; another kind of file is there.
    pub fn in_file(path: &Path) -> Result<Archive, BackupError> {
        refuse_another_file(path)?;
        let file = PartFile::open(path)?;
        let workplace = Workplace::beneath(&file)?;
        let mut archive = Archive::new(Box::new(file.output()?), path, workplace);
        archive.file = Some(file);
        Ok(archive)
    }

    /// On standard output. The copy of the database lies in a temporary folder meanwhile.
    pub fn on_output() -> Result<Archive, BackupError> {
        let path = Path::new("standard output");
        Ok(Archive::new(
            Box::new(io::stdout()),
            path,
            Workplace::make()?,
        ))
    }

    fn new(output: Box<dyn Write>, path: &Path, workplace: Workplace) -> Archive {
        Archive {
            builder: Builder::new(BufWriter::with_capacity(BUFFER_OCTETS, output)),
            state: names::state(1),
            path: path.to_path_buf(),
            workplace,
            file: None,
        }
    }

    /// Appends a file of so many octets.
    fn append(
        &mut self,
        name: &str,
        octets: u64,
        from: &Path,
        input: &mut dyn Read,
        watch: &dyn Watch,
    ) -> Result<FileRecord, BackupError> {
        let mut header = Header::new_ustar();
        header.set_size(octets);
        header.set_mode(0o600);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        header.set_mtime(since.map_or(0, |since| since.as_secs()));
        let written = header.set_path(name);
        header.set_cksum();
        let output = self.builder.get_mut();
        let written = written.and_then(|()| output.write_all(header.as_bytes()));
        written.map_err(failed("write", &self.path))?;
        let record = copy(&mut input.take(octets), output, watch).map_err(|side| match side {
            Side::Input(why) => failed("read", from)(why),
            Side::Output(why) => failed("write", &self.path)(why),
        })?;
        if record.octets != octets {
            return Err(BackupError::Changed(from.to_path_buf()));
        }
        // Tar goes by blocks of 512 octets.
        let rest = (512 - octets % 512) % 512;
        io::copy(&mut io::repeat(0).take(rest), output).map_err(failed("write", &self.path))?;
        Ok(record)
    }

    fn append_octets(&mut self, name: &str, content: &[u8]) -> Result<FileRecord, BackupError> {
        let path = self.path.clone();
        self.append(
            name,
            content.len() as u64,
            &path,
            &mut &*content,
            &Unwatched,
        )
    }
}

impl Target for Archive {
    fn state(&self) -> &str {
        &self.state
    }

    fn begin(&mut self, head: &Head) -> Result<(), BackupError> {
        self.append_octets(HEAD, head.to_line().as_bytes())?;
        Ok(())
    }

    fn database(&self) -> PathBuf {
        self.workplace.database()
    }

    fn body(
        &mut self,
        mut body: Source<'_>,
        watch: &dyn Watch,
    ) -> Result<(FileRecord, Copied), BackupError> {
        let name = names::body(body.name);
        let record = self.append(&name, body.octets, body.path, &mut body.file, watch)?;
        Ok((record, Copied::New))
    }

    /// Nothing: an archive is written anew each time.
    fn hold(&mut self, _: &str, _: u64) -> Result<Option<FileRecord>, BackupError> {
        Ok(None)
    }

    fn take_database(&mut self, watch: &dyn Watch) -> Result<FileRecord, BackupError> {
        let path = self.database();
        let mut file = open_itself(&path).map_err(failed("read", &path))?;
        let octets = file.metadata().map_err(failed("read", &path))?.len();
        let name = names::database(&self.state);
        let record = self.append(&name, octets, &path, &mut file, watch)?;
        fs::remove_file(&path).map_err(failed("remove", &path))?;
        Ok(record)
    }

    fn settings(&mut self, name: &str, content: &[u8]) -> Result<FileRecord, BackupError> {
        self.append_octets(name, content)
    }

    fn commit(mut self: Box<Self>, manifest: &Manifest) -> Result<Option<PathBuf>, BackupError> {
        self.append_octets(MANIFEST, manifest.to_text().as_bytes())?;
        let this = *self;
        let finished = this
            .builder
            .into_inner()
            .and_then(|mut output| output.flush());
        finished.map_err(failed("write", &this.path))?;
        // While the unfinished file is locked: another command may use the name next.
        drop(this.workplace);
        let Some(file) = this.file else {
            return Ok(None);
        };
        let aside = match manifest.tail.faulty_bodies.is_empty() {
            true => None,
            false => set_aside(&this.path)?,
        };
        file.finish(&this.path)?;
        Ok(aside)
    }
}

/// A slip of the fingers must not replace anything but an earlier backup.
fn refuse_another_file(path: &Path) -> Result<(), BackupError> {
    let mut start = Vec::new();
    match File::open(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(failed("read", path)(why)),
        Ok(file) => file
            .take(HEAD.len() as u64)
            .read_to_end(&mut start)
            .map_err(failed("read", path))?,
    };
    match start.is_empty() || start == HEAD.as_bytes() {
        true => Ok(()),
        false => Err(BackupError::AnotherFile(path.to_path_buf())),
    }
}

/// Keeps the archive that is about to be replaced: the store has lost something that it
/// may have. One that was kept before stays: what came after it had lost that already.
fn set_aside(path: &Path) -> Result<Option<PathBuf>, BackupError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(BEFORE);
    let aside = PathBuf::from(aside);
    if fs::symlink_metadata(&aside).is_ok() {
        return Ok(Some(aside));
    }
    // A file system without hard links has no archive of this name for a moment.
    let kept = fs::hard_link(path, &aside).or_else(|_| fs::rename(path, &aside));
    match kept {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        kept => {
            kept.map_err(failed("set aside", path))?;
            Ok(Some(aside))
        }
    }
}
