//! A bar on the terminal while something takes long and a person watches.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far something has come. Drawn on standard error, and only where that is a
/// terminal: nothing gets into what a script reads, or into its log.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// At the beginning of `total` octets; `what` is done with them.
    pub fn of_octets(what: &'static str, total: u64) -> Progress {
        Progress::begin(
            what,
            total,
            "{prefix} [{wide_bar}] {bytes} of {total_bytes}, {eta} left",
        )
    }

    fn begin(what: &'static str, total: u64, form: &str) -> Progress {
        let target = match io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), target).with_prefix(what);
        // A form that this program wrote; without it the bar has the library's own.
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// So much more is done.
    pub fn add(&self, done: u64) {
        self.bar.inc(done);
    }

    /// Prints a line above the bar; where nobody watches, a line like any other.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Progress {
    /// Takes the bar away: what was done is said by the command itself.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
