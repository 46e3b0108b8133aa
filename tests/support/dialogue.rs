//! Dialogue files: what a client says and what the server must answer.
//!
//! The same files drive the pure machine (whole and octet by octet, from unit
//! tests) and a running hub (over a socket, from `tests/`).
//!
//! ```text
//! # a comment
//! @ peer lan               a setting of the run: a name and its value
//! C: EHLO pc.example       is sent with CRLF
//! C| half a line           is sent as it stands
//! S: 250 OK*               a line of the server; `*` is any run of octets
//! S~                       any lines, up to one that the next expectation fits
//! @ close                  the server must close here
//! ```
//! `\r`, `\n`, `\t`, `\0`, `\xNN` and `\\` stand for their octets in what the
//! client sends. A `C` line that follows a `C` line is sent in the same write,
//! so that pipelining is written by order alone.

use std::fs;
use std::path::{Path, PathBuf};

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The client sends these octets.
    Send(Vec<u8>),
    /// The server answers a line that fits this pattern.
    Expect(String),
    /// Lines are passed over until the next expectation fits.
    Skip,
    /// The server closes the connection.
    Close,
}

/// A dialogue file.
#[derive(Debug, Clone)]
pub struct Dialogue {
    /// The file's name without its ending: the test's name.
    pub name: String,
    /// Settings by name, in the order of the file.
    pub settings: Vec<(String, String)>,
    /// What happens, with its line in the file.
    pub events: Vec<(usize, Event)>,
}

impl Dialogue {
    /// The value of a setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// All dialogues of `tests/dialogues/FOLDER`, by name.
pub fn dialogues(folder: &str) -> Vec<Dialogue> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dialogues")
        .join(folder);
    let entries = fs::read_dir(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "dialogue"));
    files.sort();
    assert!(!files.is_empty(), "no dialogue in {}", path.display());
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Dialogue {
    let text = fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    let mut dialogue = Dialogue {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        settings: Vec::new(),
        events: Vec::new(),
    };
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let event = match line.split_at_checked(2) {
            _ if line.is_empty() || line.starts_with('#') => continue,
            Some(("C:", rest)) => {
                let mut octets = unescape(rest.strip_prefix(' ').unwrap_or(rest));
                octets.extend_from_slice(b"\r\n");
                Event::Send(octets)
            }
            Some(("C|", rest)) => Event::Send(unescape(rest.strip_prefix(' ').unwrap_or(rest))),
            Some(("S:", rest)) => Event::Expect(rest.strip_prefix(' ').unwrap_or(rest).to_string()),
            Some(("S~", "")) => Event::Skip,
            Some(("@ ", "close")) => Event::Close,
            Some(("@ ", setting)) => {
                let (name, value) = setting.split_once(' ').unwrap_or((setting, ""));
                dialogue
                    .settings
                    .push((name.to_string(), value.trim().to_string()));
                continue;
            }
            _ => panic!("{}:{number}: not a dialogue line: {line}", file.display()),
        };
        dialogue.events.push((number, event));
    }
    dialogue
}

/// Whether a line fits a pattern, in which `*` is any run of octets.
pub fn fits(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((head, tail)) => line.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|&at| rest.is_char_boundary(at))
                .any(|at| fits(tail, &rest[at..]))
        }),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        match rest.next() {
            Some(b'r') => octets.push(b'\r'),
            Some(b'n') => octets.push(b'\n'),
            Some(b't') => octets.push(b'\t'),
            Some(b'0') => octets.push(0),
            Some(b'\\') => octets.push(b'\\'),
            Some(b'x') => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                octets.push(u8::from_str_radix(digits, 16).unwrap());
            }
            other => panic!("unknown escape: {other:?}"),
        }
    }
    octets
}
