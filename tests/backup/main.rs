//! `postroom backup`, `verify` and `restore`: with a hub at work, killed at every call,
//! on what is damaged or made up, and all the way to another box.

mod damaged;
mod hostile;
mod incremental;
mod interrupted;
mod load;
mod lost;
mod persons;
mod planted;
mod restore;
mod stores;
mod users;

#[path = "../support/dialogue.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod dialogue;
#[path = "../support/hub.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod hub;
#[path = "../support/interpose.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod interpose;
#[path = "../support/mail.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod mail;
#[path = "../support/talk.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod talk;

use std::fs;
use std::path::{Path, PathBuf};

use hub::{Done, Hub, Office};
use mail::{greet, send_in};
use tempfile::TempDir;

/// Too large for the database: its body has a file.
pub fn large(subject: &str) -> Vec<u8> {
    let line = b"a line of a large message\r\n";
    let head = format!("Subject: {subject}\r\n\r\n").into_bytes();
    [head, line.repeat(6000)].concat()
}

/// Sends a large message; its id.
pub fn send_large(hub: &Hub, recipient: &str, subject: &str) -> String {
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    send_in(&mut smtp, &[recipient], &large(subject))
}

/// A folder for backups, outside of any office.
struct Shelf(TempDir);

impl Shelf {
    pub fn new() -> Shelf {
        Shelf(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as an argument.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_string()
    }

    /// A folder's name, said as one.
    pub fn folder(&self, name: &str) -> String {
        self.text(name) + "/"
    }

    /// What lies here.
    pub fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

/// What lies in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let found = fs::read_dir(folder).unwrap();
    let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// What `verify` finds that is not good: its lines.
pub fn faults(office: &Office, backup: &str) -> String {
    let done: Done = office.run(&["verify", backup]);
    assert_eq!(done.code, Some(1), "{done:?}");
    String::from_utf8(done.out).unwrap() + &done.err
}

/// A box without anything on it, where a backup is restored.
struct NewBox {
    shelf: Shelf,
    /// Runs commands; its own folder stays as it is.
    office: Office,
}

impl NewBox {
    pub fn new() -> NewBox {
        NewBox {
            shelf: Shelf::new(),
            office: Office::without_users(),
        }
    }

    /// Another one.
    pub fn renew(&mut self) {
        self.shelf = Shelf::new();
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.shelf.path(file)
    }

    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.office.command(arguments);
        command.env("POSTROOM_CONFIG", self.path("etc/postroom.toml"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        hub::run(self.command(arguments), b"")
    }

    /// Where it listens is the system's choice, which `status` tells.
    pub fn serve(&self) -> Hub {
        let settings = self.path("etc/postroom.toml");
        self.office.serve_elsewhere(&settings)
    }
}
