//! Writes messages into a Maildir, and goes on where it was broken off.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;

use super::super::UnixLines;
use super::{Name, UidList};

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
    /// A file or folder.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

fn failed(path: &Path) -> impl Fn(io::Error) -> MaildirError + use<> {
    let path = path.to_path_buf();
    move |why| MaildirError::File(path.clone(), why)
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
/// again. Files appear under their names only when they are safe on the disk.
#[derive(Debug)]
pub struct MaildirWriter {
    root: PathBuf,
    present: HashMap<String, Present>,
    /// In `tmp`, and where they are to go.
    written: Vec<(PathBuf, PathBuf)>,
}

impl MaildirWriter {
    /// Opens a Maildir, or makes one where nothing is.
    ///
    /// # Errors
    /// Something else lies there, or it cannot be read.
    pub fn open(root: &Path) -> Result<MaildirWriter, MaildirError> {
        let is_empty = match fs::read_dir(root) {
            Ok(mut entries) => entries.next().is_none(),
            Err(why) if why.kind() == io::ErrorKind::NotFound => true,
            Err(why) => return Err(failed(root)(why)),
        };
        if !is_empty && !super::is_one(root) {
            return Err(MaildirError::NotOne(root.to_path_buf()));
        }
        for part in ["", "cur", "new", "tmp"] {
            let path = root.join(part);
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(&path).map_err(failed(&path))?;
        }
        let mut present = HashMap::new();
        for part in ["cur", "new"] {
            let path = root.join(part);
            for entry in fs::read_dir(&path).map_err(failed(&path))? {
                let file = entry.map_err(failed(&path))?.file_name();
                let file = file.to_string_lossy();
                if let Some(name) = Name::read(&file) {
                    let base = file.split(':').next().unwrap_or_default().to_string();
                    let is_new = part == "new";
                    present.insert(name.key, Present { base, is_new });
                }
            }
        }
        Ok(MaildirWriter {
            root: root.to_path_buf(),
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
        let from = self.root.join("new").join(&present.base);
        let to = self.root.join("cur").join(format!("{}:2,S", present.base));
        match fs::rename(&from, &to) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(failed(&from)(why)),
            _ => Ok(()),
        }
    }

    /// A message begins.
    ///
    /// # Errors
    /// Its file cannot be made.
    pub fn begin(&self, name: Name, ends: LineEnds) -> Result<MaildirFile, MaildirError> {
        // The name without sizes, the same at each try: what was broken off is
        // written over.
        let path = self
            .root
            .join("tmp")
            .join(format!("{}.{}", name.at, name.key));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&path).map_err(failed(&path))?;
        Ok(MaildirFile {
            name,
            out: BufWriter::new(file),
            path,
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
        let (from, name, base) = file.finish()?;
        let to = match seen {
            Seen::Yes => self.root.join("cur").join(format!("{base}:2,S")),
            Seen::No => self.root.join("new").join(&base),
        };
        self.written.push((from, to));
        let present = Present {
            base,
            is_new: seen == Seen::No,
        };
        self.present.insert(name.key, present);
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
        let folder = File::open(&self.root).map_err(failed(&self.root))?;
        let synced = rustix::fs::syncfs(&folder);
        synced.map_err(|why| failed(&self.root)(why.into()))?;
        for (from, to) in self.written.drain(..) {
            fs::rename(&from, &to).map_err(failed(&from))?;
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
        let path = self.root.join(UIDLIST);
        let before = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(failed(&path)(why)),
        };
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
            let beside = self.root.join("tmp").join(UIDLIST);
            write_whole(&beside, text.as_bytes()).map_err(failed(&beside))?;
            fs::rename(&beside, &path).map_err(failed(&path))?;
        }
        for part in ["cur", "new", ""] {
            let path = self.root.join(part);
            let synced = File::open(&path).and_then(|folder| folder.sync_all());
            synced.map_err(failed(&path))?;
        }
        Ok(())
    }
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A message on its way into a Maildir. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct MaildirFile {
    name: Name,
    out: BufWriter<File>,
    path: PathBuf,
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
        self.out.write_all(octets).map_err(failed(&self.path))
    }

    fn finish(mut self) -> Result<(PathBuf, Name, String), MaildirError> {
        if let Some(mut lines) = self.lines.take() {
            let mut rest = Vec::new();
            lines.finish(&mut rest);
            self.put(&rest)?;
        }
        self.out.flush().map_err(failed(&self.path))?;
        // Servers show the file's time as that of the message.
        let received = u64::try_from(self.name.at).map(Duration::from_secs);
        let received: SystemTime = UNIX_EPOCH + received.unwrap_or_default();
        let timed = self.out.get_ref().set_modified(received);
        timed.map_err(failed(&self.path))?;
        let base = self.name.base(self.octets, self.octets_with_crlf);
        let path = std::mem::take(&mut self.path);
        Ok((path, self.name.clone(), base))
    }
}

impl Drop for MaildirFile {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What cannot be removed is written over at the next try.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(maildir: &mut MaildirWriter, key: &str, content: &[u8], seen: Seen) {
        let name = Name {
            at: 1_795_425_300,
            key: key.to_string(),
            host: "post".to_string(),
        };
        let mut file = maildir.begin(name, LineEnds::Unix).unwrap();
        file.write(content).unwrap();
        maildir.add(file, seen).unwrap();
    }

    fn names(root: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for part in ["cur", "new", "tmp"] {
            let files = fs::read_dir(root.join(part)).unwrap();
            names.extend(files.map(|it| {
                let name = it.unwrap().file_name();
                format!("{part}/{}", name.to_string_lossy())
            }));
        }
        names.sort();
        names
    }

    #[test]
    fn a_message_gets_its_name_when_it_is_settled_and_is_known_at_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("mail");
        let mut maildir = MaildirWriter::open(&root).unwrap();
        put(&mut maildir, "a", b"A: b\r\n\r\nc\r\n", Seen::No);
        put(&mut maildir, "b", b"A: b\r\n", Seen::Yes);
        assert_eq!(names(&root), ["tmp/1795425300.a", "tmp/1795425300.b"]);
        maildir.settle().unwrap();
        let (a, b) = ("1795425300.a.post,S=8,W=11", "1795425300.b.post,S=5,W=6");
        assert_eq!(names(&root), [format!("cur/{b}:2,S"), format!("new/{a}")]);
        assert_eq!(fs::read(root.join("new").join(a)).unwrap(), b"A: b\n\nc\n");
        let known = ["a", "lost"].map(|key| (key.to_string(), "k3j".to_string()));
        maildir.finish(&known, 7).unwrap();
        let list = fs::read_to_string(root.join(UIDLIST)).unwrap();
        assert_eq!(list, format!("3 V7 N2\n1 Pk3j :{a}\n"));

        let mut again = MaildirWriter::open(&root).unwrap();
        assert_eq!(
            (again.base("a"), again.base("b"), again.base("c")),
            (Some(a), Some(b), None)
        );
        again.note_seen("a").unwrap();
        again.note_seen("a").unwrap();
        again.note_seen("b").unwrap();
        assert_eq!(
            names(&root),
            [format!("cur/{a}:2,S"), format!("cur/{b}:2,S")]
        );
    }

    #[test]
    fn what_was_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let maildir = MaildirWriter::open(folder.path()).unwrap();
        let name = Name {
            at: 1,
            key: "a".to_string(),
            host: "post".to_string(),
        };
        let mut file = maildir.begin(name, LineEnds::Unix).unwrap();
        file.write(b"A: b\r\r\n").unwrap();
        assert!(file.is_ambiguous());
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letter.txt"), "x").unwrap();
        let why = MaildirWriter::open(folder.path()).unwrap_err();
        assert!(
            why.to_string().contains("neither empty nor a Maildir"),
            "{why}"
        );
        assert!(!folder.path().join("cur").exists());
    }
}
