//! Holds what `src/lib.rs` says of the rooms: which may know which, and where
//! each library may be named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Floors, lowest first.
const FLOORS: [&[&str]; 7] = [
    &["wire", "mail", "files"],
    &["smtp", "pop3", "fetch", "route", "store", "formats"],
    &["delivery", "journal", "logging"],
    &["net", "auth"],
    &["config"],
    &["hub", "control", "sheet", "backup"],
    &["cli"],
];

/// Rooms of one floor that may know each other, with what they may name.
const NEIGHBOURS: [(&str, &str); 6] = [
    ("smtp", "store::Receipt"),
    ("fetch", "store::Receipt"),
    ("net", "auth"),
    ("hub", "control"),
    ("control", "hub"),
    ("delivery", "journal"),
];

/// Libraries that only these rooms may name.
const LIBRARIES: [(&str, &[&str]); 22] = [
    ("smol", &["net", "control", "hub", "cli"]),
    ("async_native_tls", &["net"]),
    ("native_tls", &["net"]),
    ("async_openssl", &["net"]),
    ("mailparse", &["mail"]),
    ("rusqlite", &["store"]),
    ("notify", &["config/watch.rs"]),
    ("jiff", &["net/fetcher/schedule.rs"]),
    ("simplelog", &["logging.rs"]),
    ("argon2", &["auth"]),
    ("toml_edit", &["config"]),
    ("clap", &["cli"]),
    ("clap_complete", &[]),
    ("clap_mangen", &[]),
    ("dialoguer", &["cli"]),
    ("if_addrs", &["net"]),
    ("indicatif", &["cli/progress.rs"]),
    ("minijinja", &["sheet"]),
    ("hyper", &["net/metrics.rs"]),
    ("smol_hyper", &["net/metrics.rs"]),
    ("tar", &["backup"]),
    (
        "rustix",
        &["files", "net", "store", "hub", "config", "backup"],
    ),
];

/// Rooms without I/O, time of their own, threads or log.
const PURE: [&str; 6] = ["wire", "mail", "smtp", "pop3", "fetch", "route"];
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::net::Tcp",
    "std::thread",
    "std::io::std",
    "std::process",
    "SystemTime::now()",
    "Instant::now()",
    "async ",
    ".await",
    "log::",
];

struct Source {
    /// Below `src`.
    path: String,
    room: String,
    /// Without comments and tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let sources = files.into_iter().map(|file| {
        let path = file
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let room = path
            .split('/')
            .next()
            .unwrap()
            .trim_end_matches(".rs")
            .to_string();
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        Source {
            path,
            room,
            code: lines.collect::<Vec<_>>().join("\n"),
        }
    });
    sources.filter(|source| !is_test(&source.path)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Every `crate::…` path that the code names, groups in braces taken apart.
fn named_paths(code: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let path = rest[..end.unwrap_or(rest.len())]
            .trim_end_matches(':')
            .to_string();
        let group = rest[end.unwrap_or(rest.len())..].strip_prefix('{');
        match group.and_then(|group| group.split('}').next()) {
            Some(names) if !path.contains(' ') => {
                let names = names
                    .split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty());
                paths.extend(names.map(|name| {
                    format!("{path}::{name}")
                        .trim_start_matches("::")
                        .to_string()
                }));
            }
            _ => {
                paths.insert(path);
            }
        }
    }
    paths
}

#[test]
fn a_room_uses_lower_floors_only() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some(own) = floor(&source.room) else {
            assert!(
                ["lib", "main"].contains(&source.room.as_str()),
                "{}: on no floor",
                source.path
            );
            continue;
        };
        for path in named_paths(&source.code) {
            let other = path.split("::").next().unwrap();
            let Some(theirs) = floor(other) else {
                continue;
            };
            let neighbour =
                |(room, what): &(&str, &str)| *room == source.room && path.starts_with(what);
            let allowed = other == source.room || theirs < own || NEIGHBOURS.iter().any(neighbour);
            if !allowed {
                broken.push(format!("{} names crate::{path}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_library_is_named_in_its_room_only() {
    let mut broken = Vec::new();
    for source in sources() {
        for (library, rooms) in LIBRARIES {
            let named = source.code.contains(&format!("{library}::"));
            let allowed = rooms
                .iter()
                .any(|room| *room == source.room || source.path == *room);
            if named && !allowed && !source.code.contains(&format!("_{library}::")) {
                broken.push(format!("{} names {library}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_pure_rooms_have_no_io_no_clock_and_no_log() {
    let mut broken = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| PURE.contains(&source.room.as_str()))
    {
        for named in IMPURE {
            if source.code.contains(named) {
                broken.push(format!("{} has {named}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_store_names_no_protocol_and_route_no_store() {
    for source in sources().iter().filter(|source| source.room == "store") {
        for protocol in ["smtp", "pop3"] {
            let named = source.code.contains(protocol);
            assert!(!named, "{} names {protocol}", source.path);
        }
    }
}

/// What is written there holds for the whole crate, and nobody can take it back
/// further down.
#[test]
fn unsafe_code_is_forbidden_in_all_that_is_installed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found: Vec<PathBuf> = ["src/lib.rs", "src/main.rs"]
        .map(|file| root.join(file))
        .into();
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.contains("\n#![forbid(unsafe_code)]\n"),
            "{}",
            file.display()
        );
    }
    // A build script or a further program would be a crate of its own.
    assert!(!root.join("build.rs").exists());
    assert!(!root.join("src/bin").exists());
}
