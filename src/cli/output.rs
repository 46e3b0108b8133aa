//! How tables, sizes and times look on a terminal.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use crate::journal::Size;
use crate::mail::is_direction_mark;
use time::OffsetDateTime;
use time::macros::format_description;

/// Prints a line to standard output. A reader that has gone away (as `head`
/// does) is no error; `println!` would panic.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::output::print_line(format_args!($($text)*))
    };
}
pub(super) use say;

/// See [`say!`].
pub fn print_line(line: std::fmt::Arguments<'_>) {
    // Whoever reads no longer needs no answer.
    let _ = writeln!(io::stdout(), "{line}");
}

/// A table whose columns are as wide as their widest cell.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Table {
        Table {
            rows: vec![headings.iter().map(|heading| heading.to_string()).collect()],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes the table to standard output. A reader that has gone away (as
    /// `head` does) is no error.
    pub fn print(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = io::stdout().lock();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}  "));
            }
            if writeln!(out, "{}", line.trim_end()).is_err() {
                return;
            }
        }
    }
}

/// `12.3 MB`.
pub fn size(octets: u64) -> String {
    Size(octets).to_string()
}

/// `2026-11-22 20:40 UTC` of seconds since 1970.
pub fn time(seconds: i64) -> String {
    let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    OffsetDateTime::from(at)
        .format(form)
        .unwrap_or_else(|_| seconds.to_string())
}

/// Text from a message, fit for a terminal: no control characters, none that turn
/// a line round, and at most `width` of the others.
pub fn cut(text: &str, width: usize) -> String {
    let clean = text.chars().map(|c| {
        if c.is_control() || is_direction_mark(c) {
            ' '
        } else {
            c
        }
    });
    let mut short: String = clean.clone().take(width).collect();
    if clean.count() > width {
        short.pop();
        short.push('…');
    }
    short
}

/// A text of several lines with somebody's words in it, fit for a terminal.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => printable.push(c),
            c if c.is_control() || is_direction_mark(c) => printable.extend(c.escape_unicode()),
            c => printable.push(c),
        }
    }
    printable
}

/// Words of a terminal's line; a paragraph is easier to read so than cut anywhere.
const LINE_WIDTH: usize = 78;

/// A paragraph in lines that fit a terminal.
pub fn wrapped(text: &str) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > LINE_WIDTH {
            wrapped.push('\n');
            width = 0;
        } else if width > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped.push_str(word);
        width += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_broken_between_words_alone() {
        let text = format!("{} {} x", "a".repeat(78), "b".repeat(90));
        let lines = [&"a".repeat(78), &"b".repeat(90), "x"].join("\n");
        assert_eq!(wrapped(&text), lines);
        assert_eq!(wrapped("one two"), "one two");
    }

    #[test]
    fn what_went_wrong_cannot_move_the_cursor_either() {
        let said = printable("no user x\x1b[2J\u{202e}:\n line 2\r");
        assert_eq!(said, "no user x\\u{1b}[2J\\u{202e}:\n line 2\\u{d}");
    }

    #[test]
    fn a_subject_cannot_move_the_cursor() {
        assert_eq!(cut("a\x1b[2Jb\r\n", 20), "a [2Jb  ");
        assert_eq!(cut("\u{202e}moc.elpmaxe", 20), " moc.elpmaxe");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
