//! Looks what a file or folder is, and which messages lie below it.
//!
//! It may be root who looks, at what belongs to other people, and they may exchange a
//! file or folder for a link at any moment. So what is named is opened as
//! [`files::open_trusted`] opens it, and from there on everything goes by handles, now
//! and when it is read: no link below a folder is followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use memchr::memchr;

use super::mbox::FromLine;
use crate::files::{self, Entry, EntryKind, Folder};

/// What is read of a file to see what it is.
const LOOK_OCTETS: u64 = 4096;
/// Folders within folders, each of which is held open meanwhile.
const DEPTH_MAX: usize = 32;

/// A file with mail in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    /// Its size.
    pub octets: u64,
    /// What was named.
    named: Rc<Path>,
    /// From there on, where that is a folder.
    below: PathBuf,
}

/// What a file with mail in it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Many messages.
    Mbox,
    /// One message of a Maildir.
    Maildir,
    /// One message.
    Single,
}

impl Found {
    /// Where it is, for what is told of it.
    pub fn path(&self) -> PathBuf {
        match self.below.as_os_str().is_empty() {
            true => self.named.to_path_buf(),
            false => self.named.join(&self.below),
        }
    }

    /// Opens it, with the same care as when it was found. Of thousands none is held
    /// open until then.
    ///
    /// # Errors
    /// Something else lies in its place now; those of the system.
    pub fn open(&self) -> io::Result<File> {
        match self.below.as_os_str().is_empty() {
            true => files::open_trusted(&self.named),
            false => Folder::open_trusted(&self.named)?.read_below(&self.below),
        }
    }
}

/// The files with mail at this path, in the order of their names, and how many
/// other files lie there. A file that is named is looked into, and is mail in any case
/// if it ends in `.eml`; below a folder only what is certainly mail is taken: the
/// messages of Maildirs, files that end in `.eml`, and mbox files. A link that is named is followed, by root only where
/// [`files::open_trusted`] does so; links below a folder are not.
///
/// # Errors
/// A file or folder that cannot be read, with its name.
pub fn find(path: &Path) -> Result<(Vec<Found>, usize), (PathBuf, io::Error)> {
    let mut search = Search {
        named: path.into(),
        found: Vec::new(),
        others: 0,
    };
    match Folder::open_trusted(path) {
        Ok(folder) => search.folder(&folder, Path::new(""), 0)?,
        Err(why) if why.kind() == io::ErrorKind::NotADirectory => {
            let found = search.file();
            found.map_err(|why| (path.to_path_buf(), why))?;
        }
        Err(why) => return Err((path.to_path_buf(), why)),
    }
    Ok((search.found, search.others))
}

struct Search {
    named: Rc<Path>,
    found: Vec<Found>,
    others: usize,
}

impl Search {
    /// What was named is no folder.
    fn file(&mut self) -> io::Result<()> {
        let file = files::open_trusted(&self.named)?;
        let octets = file.metadata()?.len();
        match look(file)? {
            Look::Mbox => self.add(PathBuf::new(), Kind::Mbox, octets),
            // A long header may show no field that all know near its beginning.
            Look::Else if !is_called_eml(self.named.as_os_str()) => self.others += 1,
            Look::Message | Look::Else => self.add(PathBuf::new(), Kind::Single, octets),
        }
        Ok(())
    }

    /// `path` is where the folder is from what was named.
    fn folder(
        &mut self,
        folder: &Folder,
        path: &Path,
        depth: usize,
    ) -> Result<(), (PathBuf, io::Error)> {
        let entries = entries(folder)?;
        let has = |name: &str| {
            entries
                .iter()
                .any(|it| it.name == name && it.kind == EntryKind::Folder)
        };
        let is_maildir = has("cur") && has("new");
        for entry in &entries {
            match entry.kind {
                EntryKind::Folder if is_maildir && entry.name == "tmp" => {}
                EntryKind::Folder if depth >= DEPTH_MAX => self.others += 1,
                EntryKind::Folder => {
                    let below = folder.folder(&entry.name);
                    let below = below.map_err(|why| (folder.path(&entry.name), why))?;
                    let path = path.join(&entry.name);
                    match is_maildir && (entry.name == "cur" || entry.name == "new") {
                        true => self.messages(&below, &path)?,
                        false => self.folder(&below, &path, depth + 1)?,
                    }
                }
                EntryKind::File => match kind_below(folder, entry, is_maildir)? {
                    Some(kind) => self.add(path.join(&entry.name), kind, entry.octets),
                    None if is_maildir => {}
                    None => self.others += 1,
                },
                EntryKind::Else => self.others += 1,
            }
        }
        Ok(())
    }

    /// The files of `cur` or `new`. Their names begin with the time.
    fn messages(&mut self, folder: &Folder, path: &Path) -> Result<(), (PathBuf, io::Error)> {
        for entry in entries(folder)? {
            let is_hidden = entry.name.to_string_lossy().starts_with('.');
            match entry.kind == EntryKind::File && !is_hidden {
                true => self.add(path.join(entry.name), Kind::Maildir, entry.octets),
                false => self.others += 1,
            }
        }
        Ok(())
    }

    fn add(&mut self, below: PathBuf, kind: Kind, octets: u64) {
        self.found.push(Found {
            kind,
            octets,
            named: Rc::clone(&self.named),
            below,
        });
    }
}

fn entries(folder: &Folder) -> Result<Vec<Entry>, (PathBuf, io::Error)> {
    folder.entries().map_err(|why| (folder.path(""), why))
}

fn kind_below(
    folder: &Folder,
    entry: &Entry,
    is_maildir: bool,
) -> Result<Option<Kind>, (PathBuf, io::Error)> {
    let is_named_so = is_called_eml(&entry.name);
    // Beside the folders of a Maildir lie a server's own files.
    if is_maildir && !is_named_so {
        return Ok(None);
    }
    Ok(match folder.read(&entry.name).and_then(look) {
        // Some programs put the line of an mbox in front of a single message.
        Ok(Look::Mbox) => Some(Kind::Mbox),
        // What cannot be read is told when it is to be.
        _ if is_named_so => Some(Kind::Single),
        Ok(Look::Message | Look::Else) => None,
        Err(why) => return Err((folder.path(&entry.name), why)),
    })
}

fn is_called_eml(name: &OsStr) -> bool {
    name.to_ascii_lowercase().as_bytes().ends_with(b".eml")
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    Mbox,
    Message,
    Else,
}

fn look(file: File) -> io::Result<Look> {
    let mut head = Vec::new();
    file.take(LOOK_OCTETS).read_to_end(&mut head)?;
    Ok(look_at(&head))
}

/// Fields of which real messages have one near their beginning. A file of another kind
/// may have a colon in its first line, as `/etc/passwd` has.
const FIELDS: [&str; 17] = [
    "Return-Path",
    "Delivered-To",
    "Received",
    "DKIM-Signature",
    "Date",
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
];

/// An mbox begins with its line; a message with a field, and has one that all know.
fn look_at(head: &[u8]) -> Look {
    let mut lines = head.split_inclusive(|octet| *octet == b'\n');
    let is_blank = |line: &&[u8]| matches!(*line, b"\n" | b"\r\n");
    let Some(mut first) = lines.find(|line| !is_blank(line)) else {
        return Look::Else;
    };
    if FromLine::read(first).is_some() {
        return Look::Mbox;
    }
    // Some programs leave the line of an mbox in front of a single message.
    if first.starts_with(b">From ") {
        first = lines.next().unwrap_or_default();
    }
    if field_name(first).is_none() {
        return Look::Else;
    }
    let header = lines.take_while(|line| !is_blank(line));
    let mut names = std::iter::once(first).chain(header).filter_map(field_name);
    let is_known = |name: &[u8]| {
        let mut fields = FIELDS.iter();
        fields.any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
    };
    match names.any(is_known) {
        true => Look::Message,
        false => Look::Else,
    }
}

/// What stands before the colon, where that may be a field's name.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let (name, _) = line.split_at_checked(memchr(b':', line)?)?;
    let name = name.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_line() {
        let check = |head: &[u8], expected| assert_eq!(look_at(head), expected, "{head:?}");
        check(b"From a@b Mon Nov 23 09:15:00 2026\nA: b\n", Look::Mbox);
        check(b"\r\nFrom \r\nA: b\n", Look::Mbox);
        check(b"Subject: b\n", Look::Message);
        check(b"\xef\xbb\xbfFrom: b\n", Look::Else);
        check(b">From x\nReceived: a\n", Look::Message);
        check(b"X-Mozilla-Status: 1\nX:\n y\nsubject : b\n", Look::Message);
        check(b"X: b\nList-Id: c\n\nFrom: d\n", Look::Else);
        check(
            b"root:x:0:0:root:/root:/bin/bash\nmail:x:8:8::/:\n",
            Look::Else,
        );
        check(b"root:$y$j9T$salt$hash:19000:0:99999:7:::\n", Look::Else);
        check(b"From here on\n", Look::Else);
        check(b"Dear all: hello\n", Look::Else);
        check(b"\x7fELF: a\n", Look::Else);
        check(b"", Look::Else);
        check(b"\n\n", Look::Else);
    }

    #[test]
    fn what_lies_below_a_folder_is_found_in_order_and_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, content: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        for message in [
            "cur/2.b:2,S",
            "new/1.a",
            "tmp/3.c",
            ".Sent/cur/4.d:2,",
            "new/.hidden",
        ] {
            put(&format!("Maildir/{message}"), "A: b\n");
        }
        put("Maildir/dovecot-uidlist", "3 V1 N2\n");
        fs::create_dir_all(folder.path().join("Maildir/.Sent/new")).unwrap();
        put("Local Folders/Inbox", "From \nA: b\n");
        put("Local Folders/Inbox.msf", "// <!-- <mdb:mork:z");
        put("desk/offer.EML", "A: b\n");
        put("desk/list.txt", "A: b\n");
        let (found, others) = find(folder.path()).unwrap();
        let found: Vec<(String, Kind)> = found
            .iter()
            .map(|it| {
                (
                    it.path()
                        .strip_prefix(folder.path())
                        .unwrap()
                        .display()
                        .to_string(),
                    it.kind,
                )
            })
            .collect();
        let expected = [
            ("Local Folders/Inbox", Kind::Mbox),
            ("Maildir/.Sent/cur/4.d:2,", Kind::Maildir),
            ("Maildir/cur/2.b:2,S", Kind::Maildir),
            ("Maildir/new/1.a", Kind::Maildir),
            ("desk/offer.EML", Kind::Single),
        ];
        assert_eq!(found, expected.map(|(path, kind)| (path.to_string(), kind)));
        // The hidden file, the index of Thunderbird, the text.
        assert_eq!(others, 3);
    }

    #[test]
    fn a_header_that_is_long_before_it_says_what_it_is_needs_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let message = format!(
            "X-Long: {}\nFrom: kate@a.example\n\nhello\n",
            "a".repeat(5000)
        );
        for (name, expected) in [("long.eml", 1), ("long.EML", 1), ("long", 0)] {
            let path = folder.path().join(name);
            fs::write(&path, &message).unwrap();
            let (found, others) = find(&path).unwrap();
            assert_eq!((found.len(), others), (expected, 1 - expected), "{name}");
        }
    }

    #[test]
    fn what_lies_there_and_is_no_file_is_neither_found_nor_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("mail/Maildir/new")).unwrap();
        fs::create_dir_all(at("other/cur")).unwrap();
        for message in ["one.eml", "other/cur/1.a"] {
            fs::write(at(message), "From: a\n").unwrap();
        }
        let pipe = |name: &str| mknodat(CWD, at(name), FileType::Fifo, Mode::RWXU, 0).unwrap();
        pipe("mail/pipe.eml");
        pipe("mail/Maildir/new/1.b");
        symlink("../one.eml", at("mail/link.eml")).unwrap();
        symlink("../other", at("mail/folder")).unwrap();
        // Without a folder of its own for what was seen it is no Maildir.
        symlink("../../other/cur", at("mail/Maildir/cur")).unwrap();
        let (found, others) = find(&at("mail")).unwrap();
        assert_eq!((found.len(), others), (0, 5));
        // What is named is followed, and not waited for either.
        assert_eq!(find(&at("mail/link.eml")).unwrap().0.len(), 1);
        assert_eq!(find(&at("mail/folder/")).unwrap().1, 1);
        assert!(find(&at("mail/pipe.eml")).is_err());
    }

    #[test]
    fn what_is_exchanged_for_a_link_after_it_was_found_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for path in ["mail/below", "secret"] {
            fs::create_dir_all(at(path)).unwrap();
            fs::write(at(path).join("a.eml"), "From: a\n").unwrap();
        }
        fs::write(at("mail/b.eml"), "From: b\n").unwrap();
        let (found, _) = find(&at("mail")).unwrap();
        assert!(found.len() == 2 && found.iter().all(|it| it.open().is_ok()));
        fs::rename(at("mail/below"), at("before")).unwrap();
        symlink("../secret", at("mail/below")).unwrap();
        fs::remove_file(at("mail/b.eml")).unwrap();
        symlink("../secret/a.eml", at("mail/b.eml")).unwrap();
        assert!(found.iter().all(|it| it.open().is_err()));
        fs::remove_file(at("mail/b.eml")).unwrap();
        let made = mknodat(CWD, at("mail/b.eml"), FileType::Fifo, Mode::RWXU, 0);
        made.unwrap();
        assert!(found.iter().all(|it| it.open().is_err()));
    }
}
