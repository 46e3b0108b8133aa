//! A library between a hub and the system, for faults that no test can make
//! otherwise: a disk that fails, a clock that jumps, a kill at a named call.
//! What it does stands in interpose.c; here is the test's end of it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

/// Which calls a rule is about; several by `|`.
pub mod call {
    pub const OPEN: i32 = 1;
    pub const WRITE: i32 = 2;
    pub const SYNC: i32 = 4;
    pub const RENAME: i32 = 8;
    pub const UNLINK: i32 = 16;
    pub const TRUNCATE: i32 = 32;
    pub const SEND: i32 = 64;
    pub const ACCEPT: i32 = 128;
    pub const THREAD: i32 = 256;
    pub const RESOLVE: i32 = 512;
    pub const MKDIR: i32 = 1024;
    pub const READ: i32 = 2048;
    pub const LINK: i32 = 8192;
}

/// What the call is about; several by `|`.
pub mod place {
    /// postroom.db, and the journal of its very first change.
    pub const DATABASE: i32 = 1;
    /// postroom.db-wal
    pub const LOG: i32 = 2;
    /// A file in bodies/.
    pub const BODY: i32 = 4;
    /// The folder bodies/ itself.
    pub const BODIES: i32 = 8;
    /// The data folder itself.
    pub const FOLDER: i32 = 16;
    pub const SOCKET: i32 = 32;
    /// Any other file; threads and names to resolve, too.
    pub const OTHER: i32 = 64;
    /// Everything that mail is kept in.
    pub const STORE: i32 = DATABASE | LOG | BODY | BODIES | FOLDER;
}

/// What happens to a call.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// SIGKILL instead of the call.
    KillBefore,
    /// SIGKILL when it has been done.
    KillAfter,
    /// It fails with this errno.
    Fail(i32),
    /// Half of what is to be written is.
    Short,
    /// It waits until the rule is lifted.
    Stall,
}

/// Which calls are disturbed, and how.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub action: Action,
    pub calls: i32,
    pub places: i32,
    /// So many calls that fit go by before.
    pub after: i64,
    /// How often it acts.
    pub times: i64,
    /// Stands in the path, or begins what is sent; at most 24 octets.
    pub text: &'static str,
}

impl Rule {
    /// The first call that fits, and every one behind it.
    pub const fn always(action: Action, calls: i32, places: i32) -> Rule {
        Rule {
            action,
            calls,
            places,
            after: 0,
            times: -1,
            text: "",
        }
    }

    /// One call alone.
    pub const fn once(action: Action, calls: i32, places: i32, after: i64) -> Rule {
        Rule {
            action,
            calls,
            places,
            after,
            times: 1,
            text: "",
        }
    }

    /// The same for calls with this text alone.
    pub const fn with(self, text: &'static str) -> Rule {
        Rule { text, ..self }
    }
}

/// The library with the control file of one hub.
pub struct Interposed {
    folder: TempDir,
    control: File,
}

const HEAD_OCTETS: u64 = 64;
const RULE_OCTETS: u64 = 64;
const RULES: usize = 16;
const TEXT_OCTETS: usize = 24;
/// Where a rule keeps how often it acted.
const ACTED: u64 = 32;

impl Interposed {
    pub fn new() -> Interposed {
        let folder = tempfile::tempdir().unwrap();
        let control = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(folder.path().join("control"))
            .unwrap();
        let octets = HEAD_OCTETS + RULES as u64 * RULE_OCTETS;
        control.set_len(octets).unwrap();
        Interposed { folder, control }
    }

    /// Has a command run with the library.
    pub fn preload(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library());
        command.env("INTERPOSE_CONTROL", self.folder.path().join("control"));
    }

    /// The same, and what it does to the data folder is recorded.
    pub fn preload_recording(&self, command: &mut Command) {
        self.preload(command);
        command.env("INTERPOSE_RECORD", self.record());
    }

    /// The file of the record.
    pub fn record(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    /// Puts these rules in force, and no others.
    pub fn order(&self, rules: &[Rule]) {
        self.lift();
        assert!(rules.len() <= RULES);
        for (number, rule) in rules.iter().enumerate() {
            let at = HEAD_OCTETS + number as u64 * RULE_OCTETS;
            let (action, value) = match rule.action {
                Action::KillBefore => (1, 0),
                Action::KillAfter => (2, 0),
                Action::Fail(errno) => (3, errno),
                Action::Short => (4, 0),
                Action::Stall => (5, 0),
            };
            let mut text = [0; TEXT_OCTETS];
            text[..rule.text.len()].copy_from_slice(rule.text.as_bytes());
            let mut octets = Vec::new();
            for word in [rule.calls, rule.places, value] {
                octets.extend_from_slice(&i32::to_ne_bytes(word));
            }
            for word in [rule.after, rule.times, 0] {
                octets.extend_from_slice(&i64::to_ne_bytes(word));
            }
            octets.extend_from_slice(&text);
            self.control.write_all_at(&octets, at + 4).unwrap();
            // The action last: it puts the rule in force.
            self.put(at, &i32::to_ne_bytes(action));
        }
    }

    /// Nothing is disturbed any more.
    pub fn lift(&self) {
        for number in 0..RULES as u64 {
            let off = i32::to_ne_bytes(0);
            self.put(HEAD_OCTETS + number * RULE_OCTETS, &off);
        }
    }

    /// How often the rule of this number has acted.
    pub fn acted(&self, number: usize) -> i64 {
        let mut octets = [0; 8];
        let at = HEAD_OCTETS + number as u64 * RULE_OCTETS + ACTED;
        self.control.read_exact_at(&mut octets, at).unwrap();
        i64::from_ne_bytes(octets)
    }

    /// The hub's wall clock is so many seconds ahead from now on.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.put(0, &seconds.to_ne_bytes());
    }

    fn put(&self, at: u64, octets: &[u8]) {
        self.control.write_all_at(octets, at).unwrap();
    }
}

/// A year, for clocks.
pub const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Compiled once in a test's process, by the compiler that builds SQLite.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (
            folder.path().join("interpose.c"),
            folder.path().join("interpose.so"),
        );
        fs::write(&source, include_str!("interpose.c")).unwrap();
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        compile.arg(&library).arg(&source);
        assert!(compile.status().unwrap().success());
        (folder, library)
    });
    library
}
