//! Looks what a file or folder is, and which messages lie below it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::maildir;
use super::mbox::FromLine;

/// What is read of a file to see what it is.
const LOOK_OCTETS: u64 = 4096;
/// Folders within folders; a loop of links is not followed at all.
const DEPTH_MAX: usize = 32;

/// A file with mail in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub path: PathBuf,
    pub kind: Kind,
    /// Its size.
    pub octets: u64,
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

/// The files with mail at this path, in the order of their names, and how many
/// other files lie there. A file that is named is looked into; below a folder
/// only what is certainly mail is taken: the messages of Maildirs, files that end
/// in `.eml`, and mbox files. Links are not followed.
///
/// # Errors
/// A file or folder that cannot be read, with its name.
pub fn find(path: &Path) -> Result<(Vec<Found>, usize), (PathBuf, io::Error)> {
    let failed = |why| (path.to_path_buf(), why);
    let metadata = fs::metadata(path).map_err(failed)?;
    let mut found = Vec::new();
    if metadata.is_dir() {
        let mut others = 0;
        folder(path, 0, &mut found, &mut others)?;
        return Ok((found, others));
    }
    let kind = match look(path).map_err(failed)? {
        Look::Mbox => Kind::Mbox,
        Look::Message => Kind::Single,
        Look::Else => return Ok((found, 1)),
    };
    found.push(Found {
        path: path.to_path_buf(),
        kind,
        octets: metadata.len(),
    });
    Ok((found, 0))
}

fn folder(
    path: &Path,
    depth: usize,
    found: &mut Vec<Found>,
    others: &mut usize,
) -> Result<(), (PathBuf, io::Error)> {
    let failed = |why| (path.to_path_buf(), why);
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        entries.push((entry.file_name(), entry.file_type().map_err(failed)?));
    }
    // Names of a Maildir begin with the time.
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    let is_maildir = maildir::is_one(path);
    for (name, kind) in entries {
        let below = path.join(&name);
        let name = name.to_string_lossy();
        if kind.is_dir() {
            match name.as_ref() {
                "cur" | "new" if is_maildir => messages(&below, found, others)?,
                "tmp" if is_maildir => {}
                _ if depth >= DEPTH_MAX => *others += 1,
                _ => folder(&below, depth + 1, found, others)?,
            }
        } else if !kind.is_file() {
            *others += 1;
        } else if let Some(kind) = kind_below(&below, &name, is_maildir)? {
            add(below, kind, found)?;
        } else if !is_maildir {
            *others += 1;
        }
    }
    Ok(())
}

fn kind_below(
    path: &Path,
    name: &str,
    is_maildir: bool,
) -> Result<Option<Kind>, (PathBuf, io::Error)> {
    let is_named_so = name.to_ascii_lowercase().ends_with(".eml");
    // Beside the folders of a Maildir lie a server's own files.
    if is_maildir && !is_named_so {
        return Ok(None);
    }
    Ok(match look(path) {
        // Some programs put the line of an mbox in front of a single message.
        Ok(Look::Mbox) => Some(Kind::Mbox),
        // What cannot be read is told when it is to be.
        _ if is_named_so => Some(Kind::Single),
        Ok(Look::Message | Look::Else) => None,
        Err(why) => return Err((path.to_path_buf(), why)),
    })
}

/// The files of `cur` or `new`.
fn messages(
    path: &Path,
    found: &mut Vec<Found>,
    others: &mut usize,
) -> Result<(), (PathBuf, io::Error)> {
    let failed = |why| (path.to_path_buf(), why);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        match entry.file_type().map_err(failed)?.is_file() && !is_hidden {
            true => files.push(entry.path()),
            false => *others += 1,
        }
    }
    files.sort();
    for file in files {
        add(file, Kind::Maildir, found)?;
    }
    Ok(())
}

fn add(path: PathBuf, kind: Kind, found: &mut Vec<Found>) -> Result<(), (PathBuf, io::Error)> {
    match fs::metadata(&path) {
        Ok(metadata) => found.push(Found {
            path,
            kind,
            octets: metadata.len(),
        }),
        // A mail program has moved it since.
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err((path, why)),
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    Mbox,
    Message,
    Else,
}

fn look(path: &Path) -> io::Result<Look> {
    let mut head = Vec::new();
    File::open(path)?.take(LOOK_OCTETS).read_to_end(&mut head)?;
    Ok(look_at(&head))
}

/// An mbox begins with its line, a message with a field.
fn look_at(head: &[u8]) -> Look {
    let mut lines = head.split_inclusive(|octet| *octet == b'\n');
    let is_blank = |line: &&[u8]| matches!(*line, b"\n" | b"\r\n");
    let Some(first) = lines.find(|line| !is_blank(line)) else {
        return Look::Else;
    };
    if FromLine::read(first).is_some() {
        return Look::Mbox;
    }
    // Some programs leave the line of an mbox in front of a single message.
    let first = match first.starts_with(b">From ") {
        true => lines.next().unwrap_or_default(),
        false => first,
    };
    let name = first.split(|octet| *octet == b':').next();
    let is_name = |name: &[u8]| {
        let name = name.trim_ascii_end();
        !name.is_empty()
            && name.len() < first.len()
            && name.iter().all(|octet| octet.is_ascii_graphic())
    };
    match name.is_some_and(is_name) {
        true => Look::Message,
        false => Look::Else,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_line() {
        let check = |head: &[u8], expected| assert_eq!(look_at(head), expected, "{head:?}");
        check(b"From a@b Mon Nov 23 09:15:00 2026\nA: b\n", Look::Mbox);
        check(b"\r\nFrom \r\nA: b\n", Look::Mbox);
        check(b"Subject: b\n", Look::Message);
        check(b"\xef\xbb\xbfFrom: b\n", Look::Else);
        check(b">From x\nReceived: a\n", Look::Message);
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
                    it.path
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
}
