//! A backup in one tar: a file, or a stream to another program.
//!
//! The head stands in front, so that who unpacks a stream knows where it is to go; the
//! manifest at the end, when all SHA-256 are known. Names are short and of one form,
//! so that every tar there is can unpack it: what comes out is a backup in a folder.

use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tar::{Builder, Header};

use super::Watch;
use super::aside;
use super::copying::{Side, copy, read_through};
use super::earlier::{EarlierArchive, Own, refuse_anothers};
use super::error::{BackupError, failed};
use super::folder::Unwatched;
use super::manifest::{FileRecord, Head, Manifest};
use super::names::{self, HEAD, MANIFEST};
use super::part_file::PartFile;
use super::target::{Kept, Source, Taken, Target};
use super::workplace::Workplace;
use crate::files::open_itself;

/// Tar is written in pieces of this size.
const BUFFER_OCTETS: usize = 256 << 10;

/// An archive that is being written.
pub struct Archive {
    builder: Builder<BufWriter<Box<dyn Write>>>,
    state: String,
    /// What errors name.
    path: PathBuf,
    workplace: Workplace,
    file: Option<PartFile>,
    /// What it is to replace.
    earlier: Option<EarlierArchive>,
}

impl Archive {
    /// In a file: under another name until it is whole.
    ///
    /// # Errors
    /// It cannot be written; another command writes it; another kind of file is there, or
    /// a backup that `own` is not to replace.
    pub fn in_file(path: &Path, own: &Own) -> Result<Archive, BackupError> {
        let file = PartFile::open(path)?;
        let earlier = EarlierArchive::open(path)?;
        if let Some(earlier) = &earlier {
            let tail = earlier.manifest.as_ref().map(|manifest| &manifest.tail);
            refuse_anothers(path, &earlier.head, tail, own)?;
        }
        let workplace = Workplace::beneath(&file)?;
        let mut archive = Archive::new(Box::new(file.output()?), path, workplace);
        archive.file = Some(file);
        archive.earlier = earlier;
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
            earlier: None,
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

    fn database(&self) -> Result<PathBuf, BackupError> {
        Ok(self.workplace.database())
    }

    /// Read to its end before: its size stands in front of it in the tar, and there is no
    /// way back then. The second time it is in memory, or most of it.
    fn body(&mut self, mut body: Source<'_>, watch: &dyn Watch) -> Result<Taken, BackupError> {
        if let Err(why) = read_through(&mut body.file) {
            return Ok(Taken::Unreadable(why));
        }
        let name = names::body(body.name);
        let record = self.append(&name, body.octets, body.path, &mut body.file, watch)?;
        Ok(Taken::New(record))
    }

    /// Nothing: an archive is written anew each time.
    fn hold(&mut self, _: &str, _: u64) -> Result<Option<FileRecord>, BackupError> {
        Ok(None)
    }

    fn take_database(&mut self, watch: &dyn Watch) -> Result<FileRecord, BackupError> {
        let path = self.workplace.database();
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

    fn commit(mut self: Box<Self>, manifest: &Manifest) -> Result<Vec<Kept>, BackupError> {
        self.append_octets(MANIFEST, manifest.to_text().as_bytes())?;
        let this = *self;
        let finished = this
            .builder
            .into_inner()
            .and_then(|mut output| output.flush());
        finished.map_err(failed("write", &this.path))?;
        // While the unfinished file is locked: another command may use the name next.
        drop(this.workplace);
        match this.file {
            Some(file) => {
                // Before anything has another name: the disk may be full.
                file.sync()?;
                let lost = &manifest.tail.faulty_bodies;
                aside::replace(file, &this.path, this.earlier.as_ref(), lost)
            }
            None => Ok(Vec::new()),
        }
    }
}
