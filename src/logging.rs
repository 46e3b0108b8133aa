//! Where log lines go: stderr (with priorities under systemd), a file, and a
//! short memory for `postroom status`. The only user of simplelog.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use log::{Level, LevelFilter, Log, Metadata, Record};
use simplelog::{CombinedLogger, Config, ConfigBuilder, SharedLogger, WriteLogger};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Warnings and errors that `status` can show.
const REMEMBERED_MAX: usize = 20;
/// RFC 3339 with milliseconds, in UTC.
const TIME_FORMAT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
/// Of the module paths, ours only: libraries talk of their own affairs.
const OURS: &str = "postroom";

/// The running log.
#[derive(Clone, Default)]
pub struct Logging {
    file: Option<ReopenedFile>,
    memory: Memory,
}

impl Logging {
    /// Starts logging to stderr and, if named, to `file`.
    ///
    /// # Errors
    /// The file cannot be opened, or logging was started before.
    pub fn start(level: LevelFilter, file: Option<&Path>) -> io::Result<Logging> {
        let file = file.map(ReopenedFile::open).transpose()?;
        let logging = Logging {
            file,
            memory: Memory::default(),
        };
        let mut loggers: Vec<Box<dyn SharedLogger>> = vec![Box::new(logging.memory.clone())];
        if std::env::var_os("JOURNAL_STREAM").is_some() {
            loggers.push(Box::new(SystemdLogger));
        } else {
            loggers.push(WriteLogger::new(
                LevelFilter::Trace,
                line_format(),
                WholeLines::to(io::stderr()),
            ));
        }
        if let Some(file) = &logging.file {
            loggers.push(WriteLogger::new(
                LevelFilter::Trace,
                line_format(),
                file.clone(),
            ));
        }
        CombinedLogger::init(loggers).map_err(io::Error::other)?;
        log::set_max_level(level);
        Ok(logging)
    }

    /// Opens the log file anew, for logrotate.
    ///
    /// # Errors
    /// The file cannot be opened: lines go on into the old one.
    pub fn reopen(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), ReopenedFile::reopen)
    }

    /// The last warnings and errors, oldest first, each with its time. Of one kind the
    /// last one alone, with their number: who guesses passwords pushes nothing out.
    pub fn recent(&self) -> Vec<String> {
        let lines = lock(&self.memory.0);
        lines.iter().map(Remembered::to_string).collect()
    }
}

fn line_format() -> Config {
    ConfigBuilder::new()
        .set_time_format_custom(TIME_FORMAT)
        .set_thread_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off)
        .add_filter_allow_str(OURS)
        .build()
}

/// Lines with the priority that systemd reads (`sd-daemon(3)`), and without a
/// time, which the journal has.
struct SystemdLogger;

impl Log for SystemdLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(OURS)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let priority = match record.level() {
            Level::Error => 3,
            Level::Warn => 4,
            Level::Info => 6,
            Level::Debug | Level::Trace => 7,
        };
        // Where stderr is gone there is nobody to tell.
        let line = format!("<{priority}>{}\n", record.args());
        let _ = io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

impl SharedLogger for SystemdLogger {
    fn level(&self) -> LevelFilter {
        LevelFilter::Trace
    }

    fn config(&self) -> Option<&Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

/// The last warnings and errors.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<VecDeque<Remembered>>>);

/// The last line of its kind.
struct Remembered {
    level: Level,
    text: String,
    at: String,
    first_at: String,
    count: u64,
}

impl Remembered {
    /// Lines of one kind begin with the same words, before the first `name=value`.
    fn is_like(&self, level: Level, text: &str) -> bool {
        let kind = |text: &str| text.split('=').next().map(str::to_string);
        self.level == level && kind(&self.text) == kind(text)
    }
}

impl fmt::Display for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at, self.level, self.text)?;
        match self.count {
            1 => Ok(()),
            count => write!(f, " ({count} like this since {})", self.first_at),
        }
    }
}

impl Log for Memory {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with(OURS)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let at = OffsetDateTime::from(SystemTime::now());
        let at = at.format(TIME_FORMAT).unwrap_or_default();
        let (level, text) = (record.level(), record.args().to_string());
        let mut lines = lock(&self.0);
        let earlier = lines.iter().position(|line| line.is_like(level, &text));
        let earlier = earlier.and_then(|place| lines.remove(place));
        if lines.len() == REMEMBERED_MAX {
            lines.pop_front();
        }
        let (first_at, before) = earlier.map_or((at.clone(), 0), |it| (it.first_at, it.count));
        lines.push_back(Remembered {
            level,
            text,
            at,
            first_at,
            count: before + 1,
        });
    }

    fn flush(&self) {}
}

impl SharedLogger for Memory {
    fn level(&self) -> LevelFilter {
        LevelFilter::Warn
    }

    fn config(&self) -> Option<&Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

/// Puts together what simplelog writes in some twenty pieces: one write a line.
/// A line for which there is no room is left out, and the next one begins anew.
struct WholeLines<W> {
    inner: W,
    line: Vec<u8>,
    /// The last line was cut off.
    is_cut: bool,
}

impl<W: Write> WholeLines<W> {
    fn to(inner: W) -> WholeLines<W> {
        WholeLines {
            inner,
            line: Vec::new(),
            is_cut: false,
        }
    }

    fn put(&mut self) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        if self.is_cut {
            line.insert(0, b'\n');
        }
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            let written = match self.inner.write(rest) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                written => written,
            };
            let is_whole = rest.len() == line.len();
            let count = written.inspect_err(|_| self.is_cut |= !is_whole)?;
            rest = rest.get(count..).unwrap_or_default();
        }
        self.is_cut = false;
        Ok(())
    }
}

impl<W: Write> Write for WholeLines<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        for piece in octets.split_inclusive(|octet| *octet == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.put()?;
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A log file that can be opened anew under the same path.
#[derive(Clone)]
struct ReopenedFile {
    path: PathBuf,
    writer: Arc<Mutex<WholeLines<File>>>,
}

impl ReopenedFile {
    fn open(path: &Path) -> io::Result<ReopenedFile> {
        Ok(ReopenedFile {
            path: path.to_path_buf(),
            writer: Arc::new(Mutex::new(WholeLines::to(open_private(path)?))),
        })
    }

    fn reopen(&self) -> io::Result<()> {
        let file = open_private(&self.path)?;
        *lock(&self.writer) = WholeLines::to(file);
        Ok(())
    }
}

impl Write for ReopenedFile {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        lock(&self.writer).write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.writer).flush()
    }
}

/// The log names senders and recipients: it is for the administrator's eyes.
fn open_private(path: &Path) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    options.create(true).append(true).mode(0o640).open(path)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_kind_are_one_with_their_number_and_push_nothing_out() {
        let memory = Memory::default();
        let say = |level, text: &str| {
            let mut record = Record::builder();
            let record = record.level(level).target("postroom::hub");
            memory.log(&record.args(format_args!("{text}")).build());
        };
        say(Level::Error, "the disk has less room than keep_free");
        for guess in 0..100 {
            say(
                Level::Warn,
                &format!("log-in failed peer=192.0.2.7 user=\"{guess}\""),
            );
        }
        say(Level::Warn, "turned away peer=192.0.2.7");
        say(Level::Info, "received 1m82me7jf0000");
        let lines = lock(&memory.0);
        let lines: Vec<String> = lines.iter().map(Remembered::to_string).collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(
            lines[0].ends_with(" ERROR the disk has less room than keep_free"),
            "{lines:?}"
        );
        assert!(
            lines[1]
                .contains(" WARN log-in failed peer=192.0.2.7 user=\"99\" (100 like this since 20"),
            "{lines:?}"
        );
        assert!(
            lines[2].ends_with(" WARN turned away peer=192.0.2.7"),
            "{lines:?}"
        );
    }
}
