//! Writes messages into a Maildir, and goes on where it was broken off.

use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;

use super::super::UnixLines;
use super::{Name, UidList};
use crate::files::Folder;

const UIDLIST: &str = "dovecot-uidlist";

/// Why a Maildir cannot be written.
#[derive(Debug, Error)]
pub enum MaildirError {
    /// Something else lies there.
    #[error(
        "{0} is neither empty nor a Maildir (there is no cur and new in it); name a new folder"
    )]
    NotOne(PathBuf),
    /// A server's list of a form that is not known.
    #[error("{0} is of a form that postroom does not know; name a new folder")]
    UidList(PathBuf),
    /// A folder of it is none, but leads to one.
    #[error(
        "{0} is a link, and nothing is written through it; name the Maildir itself, or remove the link"
    )]
    Link(PathBuf),
    /// Two would write over each other's files.
    #[error("another export writes into {0} at present; run the command again when it is over")]
    InUse(PathBuf),
    /// A file or folder.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

fn failed(path: &Path) -> impl Fn(io::Error) -> MaildirError + use<> {
    let path = path.to_path_buf();
    move |why| MaildirError::File(path.clone(), why)
}

/// Of a folder that does not open.
fn not_opened(path: &Path) -> impl Fn(io::Error) -> MaildirError + use<> {
    let path = path.to_path_buf();
    move |why| match path.is_symlink() {
        true => MaildirError::Link(path.clone()),
        false => MaildirError::File(path.clone(), why),
    }
}

/// How a message's lines end in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// LF, as Maildirs have it: servers add the CR when they hand a message out.
    Unix,
    /// As they are: of a message that has CR CR LF, which LF could not tell.
    AsTheyAre,
}

/// Whether a message was shown to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Yes,
    No,
}

/// A file that is there.
#[derive(Debug)]
struct Present {
    base: String,
    is_new: bool,
}

/// A Maildir that is added to. What lies there under the same key is not written
/// again. Files appear under their names only when they are safe on the disk. Where
/// its owner puts links, they are not followed.
#[derive(Debug)]
pub struct MaildirWriter {
    root: Folder,
    cur: Folder,
    new: Folder,
    tmp: Arc<Folder>,
    present: HashMap<String, Present>,
    /// By their names in `tmp`.
    written: Vec<Written>,
}

/// A file in `tmp`, and where it is to go.
#[derive(Debug)]
struct Written {
    name: String,
    base: String,
    seen: Seen,
}

impl MaildirWriter {
    /// Opens a Maildir, or makes one where nothing is.
    ///
    /// # Errors
    /// Something else lies there, it cannot be read, or another one writes into it.
    pub fn open(root: &Path) -> Result<MaildirWriter, MaildirError> {
        // With a slash at its end the system would follow a link.
        let path = root.components().as_path();
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(path);
        made.map_err(not_opened(path))?;
        let root = Folder::open_itself(path).map_err(not_opened(path))?;
        let names = root.names().map_err(failed(path))?;
        let has = |part: &str| names.iter().any(|name| name == part);
        let is_maildir = has("cur") && has("new");
        if !names.is_empty() && !is_maildir {
            return Err(MaildirError::NotOne(path.to_path_buf()));
        }
        if !root.lock() {
            return Err(MaildirError::InUse(path.to_path_buf()));
        }
        let below = |part: &str| root.below(part).map_err(not_opened(&root.path(part)));
        let (cur, new, tmp) = (below("cur")?, below("new")?, Arc::new(below("tmp")?));
        let mut present = HashMap::new();
        for (folder, is_new) in [(&cur, false), (&new, true)] {
            for file in folder.names().map_err(failed(&folder.path("")))? {
                if let Some(name) = Name::read(&file) {
                    let base = file.split(':').next().unwrap_or_default().to_string();
                    present.insert(name.key, Present { base, is_new });
                }
            }
        }
        Ok(MaildirWriter {
            root,
            cur,
            new,
            tmp,
            present,
            written: Vec::new(),
        })
    }

    /// The file's name without flags, if the message is there.
    pub fn base(&self, key: &str) -> Option<&str> {
        self.present.get(key).map(|present| present.base.as_str())
    }

    /// A message that is there was shown since: it leaves `new`.
    ///
    /// # Errors
    /// The file cannot be moved; none if a mail program has moved it already.
    pub fn note_seen(&mut self, key: &str) -> Result<(), MaildirError> {
        let Some(present) = self.present.get_mut(key).filter(|present| present.is_new) else {
            return Ok(());
        };
        present.is_new = false;
        let base = &present.base;
        match self.new.rename(base, &self.cur, seen_name(base)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                Err(failed(&self.new.path(base))(why))
            }
            _ => Ok(()),
        }
    }

    /// A message begins.
    ///
    /// # Errors
    /// Its file cannot be made.
    pub fn begin(&self, name: Name, ends: LineEnds) -> Result<MaildirFile, MaildirError> {
        // The name without sizes, the same at each try: what was broken off is
        // replaced.
        let tmp_name = format!("{}.{}", name.at, name.key);
        let file = self.tmp.new_file(&tmp_name);
        let file = file.map_err(failed(&self.tmp.path(&tmp_name)))?;
        Ok(MaildirFile {
            name,
            out: BufWriter::new(file),
            tmp: Arc::clone(&self.tmp),
            tmp_name,
            lines: (ends == LineEnds::Unix).then(UnixLines::default),
            converted: Vec::new(),
            octets: 0,
            octets_with_crlf: 0,
        })
    }

    /// A message is complete.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, file: MaildirFile, seen: Seen) -> Result<(), MaildirError> {
        let key = file.name.key.clone();
        let (name, base) = file.finish()?;
        let present = Present {
            base: base.clone(),
            is_new: seen == Seen::No,
        };
        self.written.push(Written { name, base, seen });
        self.present.insert(key, present);
        Ok(())
    }

    /// Puts what was added in its place: one sync for all of it, then the names.
    ///
    /// # Errors
    /// They stay in `tmp`.
    pub fn settle(&mut self) -> Result<(), MaildirError> {
        if self.written.is_empty() {
            return Ok(());
        }
        let synced = self.root.sync_disk();
        synced.map_err(failed(&self.root.path("")))?;
        for Written { name, base, seen } in self.written.drain(..) {
            let placed = match seen {
                Seen::Yes => self.tmp.rename(&name, &self.cur, seen_name(&base)),
                Seen::No => self.tmp.rename(&name, &self.new, &base),
            };
            placed.map_err(failed(&self.tmp.path(&name)))?;
        }
        Ok(())
    }

    /// Everything is written: notes for Dovecot under which unique-id the file of each
    /// key is to be shown, in this order.
    ///
    /// # Errors
    /// The list cannot be written, or the one that is there not be read.
    pub fn finish(mut self, unique_ids: &[(String, String)], now: i64) -> Result<(), MaildirError> {
        self.settle()?;
        let path = self.root.path(UIDLIST);
        let before = read_text(&self.root, UIDLIST).map_err(failed(&path))?;
        let mut list = match &before {
            Some(text) => UidList::read(text).ok_or_else(|| MaildirError::UidList(path.clone()))?,
            None => UidList::new(now),
        };
        for (key, unique_id) in unique_ids {
            if let Some(present) = self.present.get(key) {
                list.add(&present.base, unique_id);
            }
        }
        let text = list.write();
        if before.as_ref() != Some(&text) {
            let written = write_whole(&self.tmp, UIDLIST, text.as_bytes());
            written.map_err(failed(&self.tmp.path(UIDLIST)))?;
            let placed = self.tmp.rename(UIDLIST, &self.root, UIDLIST);
            placed.map_err(failed(&path))?;
        }
        for folder in [&self.cur, &self.new, &self.root] {
            folder.sync().map_err(failed(&folder.path("")))?;
        }
        Ok(())
    }
}

fn seen_name(base: &str) -> String {
    format!("{base}:2,S")
}

fn read_text(folder: &Folder, name: &str) -> io::Result<Option<String>> {
    let mut text = String::new();
    match folder.read(name) {
        Ok(mut file) => file.read_to_string(&mut text)?,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why),
    };
    Ok(Some(text))
}

fn write_whole(folder: &Folder, name: &str, content: &[u8]) -> io::Result<()> {
    let mut file = folder.new_file(name)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A message on its way into a Maildir. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct MaildirFile {
    name: Name,
    out: BufWriter<File>,
    tmp: Arc<Folder>,
    /// Empty once it is finished.
    tmp_name: String,
    lines: Option<UnixLines>,
    converted: Vec<u8>,
    octets: u64,
    octets_with_crlf: u64,
}

impl MaildirFile {
    /// Takes the next octets, with CRLF.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&mut self, content: &[u8]) -> Result<(), MaildirError> {
        self.octets_with_crlf += content.len() as u64;
        let Some(lines) = &mut self.lines else {
            return self.put(content);
        };
        let mut converted = std::mem::take(&mut self.converted);
        converted.clear();
        lines.convert(content, &mut converted);
        let put = self.put(&converted);
        self.converted = converted;
        put
    }

    /// Its lines do not come back as they were: begin anew, with
    /// [`LineEnds::AsTheyAre`].
    pub fn is_ambiguous(&self) -> bool {
        self.lines.as_ref().is_some_and(UnixLines::is_ambiguous)
    }

    fn put(&mut self, octets: &[u8]) -> Result<(), MaildirError> {
        self.octets += octets.len() as u64;
        let put = self.out.write_all(octets);
        put.map_err(|why| self.failed(why))
    }

    fn failed(&self, why: io::Error) -> MaildirError {
        MaildirError::File(self.tmp.path(&self.tmp_name), why)
    }

    /// Its name in `tmp`, and what stays of its name from now on.
    fn finish(mut self) -> Result<(String, String), MaildirError> {
        if let Some(mut lines) = self.lines.take() {
            let mut rest = Vec::new();
            lines.finish(&mut rest);
            self.put(&rest)?;
        }
        let flushed = self.out.flush();
        flushed.map_err(|why| self.failed(why))?;
        // Servers show the file's time as that of the message.
        let received = u64::try_from(self.name.at).map(Duration::from_secs);
        let received: SystemTime = UNIX_EPOCH + received.unwrap_or_default();
        let timed = self.out.get_ref().set_modified(received);
        timed.map_err(|why| self.failed(why))?;
        let base = self.name.base(self.octets, self.octets_with_crlf);
        Ok((std::mem::take(&mut self.tmp_name), base))
    }
}

impl Drop for MaildirFile {
    fn drop(&mut self) {
        if !self.tmp_name.is_empty() {
            // What cannot be removed is replaced at the next try.
            let _ = self.tmp.remove(&self.tmp_name);
        }
    }
}

#[cfg(test)]
mod tests;
