//! Writes mbox, in the dialect mboxrd.

use std::io::{self, Write};

use super::FromLine;

/// Writes messages one behind the other. Their lines end in LF here.
///
/// Each line that begins with "From ", behind any number of ">", gets one more
/// ">" in front: the one dialect that a reader can undo.
#[derive(Debug)]
pub struct MboxWriter<W> {
    out: W,
    /// The first octets of a line, while they may still become `>>From `.
    start: Vec<u8>,
    /// Behind such octets: the rest of the line goes as it is.
    within_line: bool,
    ends_in_line_feed: bool,
}

impl<W: Write> MboxWriter<W> {
    /// Writes to `out`, which has better a buffer.
    pub fn new(out: W) -> MboxWriter<W> {
        MboxWriter {
            out,
            start: Vec::new(),
            within_line: false,
            ends_in_line_feed: true,
        }
    }

    /// A message begins.
    ///
    /// # Errors
    /// Those of the file, as with the others.
    pub fn begin(&mut self, line: &FromLine) -> io::Result<()> {
        (self.within_line, self.ends_in_line_feed) = (false, true);
        self.out.write_all(line.write().as_bytes())
    }

    /// Its next octets, cut anywhere.
    ///
    /// # Errors
    /// See [`MboxWriter::begin`].
    pub fn content(&mut self, octets: &[u8]) -> io::Result<()> {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            self.ends_in_line_feed = line.ends_with(b"\n");
            match self.within_line {
                true => self.out.write_all(line)?,
                false => self.line_start(line)?,
            }
            if self.ends_in_line_feed {
                self.flush_start()?;
                self.within_line = false;
            }
        }
        Ok(())
    }

    /// The message is over: behind it stands an empty line.
    ///
    /// # Errors
    /// See [`MboxWriter::begin`].
    pub fn end(&mut self) -> io::Result<()> {
        self.flush_start()?;
        if !self.ends_in_line_feed {
            self.out.write_all(b"\n")?;
        }
        self.out.write_all(b"\n")
    }

    /// What is written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// The same, to look at or to move in.
    pub fn inner(&mut self) -> &mut W {
        &mut self.out
    }

    /// Forgets what is held back, where the message is begun anew.
    pub fn forget(&mut self) {
        self.start.clear();
    }

    fn line_start(&mut self, octets: &[u8]) -> io::Result<()> {
        self.start.extend_from_slice(octets);
        let behind = self.start.trim_ascii_start_of(b'>');
        if behind.starts_with(b"From ") {
            self.out.write_all(b">")?;
        } else if b"From ".starts_with(behind) {
            // Too short to tell. A line of nothing but ">" may be long.
            return Ok(());
        }
        self.within_line = true;
        self.flush_start()
    }

    fn flush_start(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.start);
        self.start.clear();
        written
    }
}

trait TrimStart {
    fn trim_ascii_start_of(&self, octet: u8) -> &[u8];
}

impl TrimStart for [u8] {
    fn trim_ascii_start_of(&self, octet: u8) -> &[u8] {
        let first = self.iter().position(|it| *it != octet);
        self.get(first.unwrap_or(self.len())..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&[u8]]) -> String {
        let mut writer = MboxWriter::new(Vec::new());
        let line = FromLine {
            sender: "a@b".to_string(),
            at: Some(0),
        };
        writer.begin(&line).unwrap();
        for piece in pieces {
            writer.content(piece).unwrap();
        }
        writer.end().unwrap();
        String::from_utf8(writer.into_inner()).unwrap()
    }

    #[test]
    fn lines_that_look_like_the_beginning_of_a_message_are_quoted_however_they_are_cut() {
        let message = b"From here\n\nFrom there\n>From\n>>From x\nFrog\n>\n a From b\nFro";
        let whole = written(&[message]);
        assert_eq!(
            whole,
            "From a@b Thu Jan  1 00:00:00 1970\n>From here\n\n>From there\n>From\n>>>From x\nFrog\n\
             >\n a From b\nFro\n\n"
        );
        for at in 0..message.len() {
            let (one, other) = message.split_at(at);
            assert_eq!(written(&[one, other]), whole, "{at}");
        }
        let single: Vec<&[u8]> = message.chunks(1).collect();
        assert_eq!(written(&single), whole);
    }
}
