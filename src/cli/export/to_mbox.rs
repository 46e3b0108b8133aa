//! An export into one mbox file: written beside it, and in its place once all of
//! it is on the disk.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::{Taken, Target};
use crate::cli::Failure;
use crate::control::{ExportEntry, Exporting};
use crate::files::Folder;
use crate::formats::UnixLines;
use crate::formats::maildir::LineEnds;
use crate::formats::mbox::{FromLine, MboxWriter};

pub struct ToMbox {
    out: MboxWriter<BufWriter<File>>,
    path: PathBuf,
    /// Where it is to lie.
    folder: Folder,
    name: OsString,
    beside: OsString,
    is_finished: bool,
}

impl ToMbox {
    pub fn open(path: &Path, force: bool) -> Result<ToMbox, Failure> {
        let name = path.file_name();
        let name = name.ok_or_else(|| Failure(format!("{} is no file", path.display())))?;
        if path.is_dir() {
            return Err(Failure(format!("{} is a folder", path.display())));
        }
        if path.exists() && !force {
            return Err(Failure(format!(
                "{} is there already; --force writes over it",
                path.display()
            )));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = Folder::open(folder).map_err(|why| failed(folder, &why))?;
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(".part");
        let file = folder.new_file_alone(&beside);
        let file = file.map_err(|why| failed(&folder.path(&beside), &why))?;
        let file = file.ok_or_else(|| {
            Failure(format!(
                "another export writes {} at present; run the command again when it is over",
                path.display()
            ))
        })?;
        Ok(ToMbox {
            out: MboxWriter::new(BufWriter::with_capacity(64 << 10, file)),
            path: path.to_path_buf(),
            folder,
            name: name.to_os_string(),
            beside,
            is_finished: false,
        })
    }

    fn write(
        &mut self,
        exporting: &mut Exporting,
        entry: &ExportEntry,
        ends: LineEnds,
    ) -> io::Result<Taken> {
        self.out.begin(&from_line(entry))?;
        let mut lines = UnixLines::default();
        let mut converted = Vec::new();
        let out = &mut self.out;
        let ended = exporting.content(|octets| match ends {
            LineEnds::AsTheyAre => out.content(octets),
            LineEnds::Unix => {
                converted.clear();
                lines.convert(octets, &mut converted);
                out.content(&converted)
            }
        })?;
        converted.clear();
        lines.finish(&mut converted);
        out.content(&converted)?;
        out.end()?;
        Ok(Taken::of(ended, lines.is_ambiguous()))
    }

    /// Nothing of the message that began there stays.
    fn go_back(&mut self, start: u64) -> io::Result<()> {
        self.out.forget();
        let out = self.out.inner();
        out.flush()?;
        out.get_ref().set_len(start)?;
        out.seek(io::SeekFrom::Start(start))?;
        Ok(())
    }

    fn put_in_place(&mut self) -> io::Result<()> {
        let out = self.out.inner();
        out.flush()?;
        out.get_ref().sync_all()?;
        self.folder.rename(&self.beside, &self.folder, &self.name)?;
        self.is_finished = true;
        self.folder.sync()
    }
}

/// The envelope's sender, without brackets.
fn from_line(entry: &ExportEntry) -> FromLine {
    let sender = entry.reverse_path.trim_start_matches('<');
    FromLine {
        sender: sender.trim_end_matches('>').to_string(),
        at: Some(entry.received_at),
    }
}

impl Target for ToMbox {
    fn wants(&mut self, _: &ExportEntry) -> Result<bool, Failure> {
        Ok(true)
    }

    fn take(
        &mut self,
        exporting: &mut Exporting,
        entry: &ExportEntry,
        ends: LineEnds,
    ) -> Result<Taken, Failure> {
        let mut write = |out: &mut ToMbox| -> io::Result<Taken> {
            let start = out.out.inner().stream_position()?;
            let taken = out.write(exporting, entry, ends)?;
            if !matches!(taken, Taken::Written) {
                out.go_back(start)?;
            }
            Ok(taken)
        };
        write(self).map_err(|why| failed(&self.path, &why))
    }

    fn settle(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        let placed = self.put_in_place();
        placed.map_err(|why| failed(&self.path, &why))
    }
}

impl Drop for ToMbox {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed is replaced at the next try.
            let _ = self.folder.remove(&self.beside);
        }
    }
}

fn failed(path: &Path, why: &io::Error) -> Failure {
    Failure(format!("{}: {why}", path.display()))
}
