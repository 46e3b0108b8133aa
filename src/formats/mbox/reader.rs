//! Reads mbox, whoever wrote it.

use std::io::{self, BufRead, Seek, SeekFrom};

use memchr::memchr;

use super::FromLine;

/// A longer line is read in pieces.
const PIECE_OCTETS: usize = 64 << 10;
/// How far behind the end that a Content-Length tells is looked.
const LOOK_AHEAD_OCTETS: usize = 1024;

/// What comes next in the file. All parts together are all of the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A message begins; its "From " line, as it is and as it is read.
    Begin(&'a [u8], FromLine),
    /// Of the message that has begun.
    Content(&'a [u8]),
    /// The ">" in front of a line that would look like a beginning.
    Quote(&'a [u8]),
    /// The empty line between two messages.
    Between(&'a [u8]),
}

impl Part<'_> {
    /// As in the file.
    pub fn octets(&self) -> &[u8] {
        match self {
            Part::Begin(octets, _)
            | Part::Content(octets)
            | Part::Quote(octets)
            | Part::Between(octets) => octets,
        }
    }
}

/// Reads a file part by part, with the memory of one line.
///
/// A message begins at a "From " line with a date in it that stands at the
/// beginning of the file or behind an empty line, and one ">" in front of `From `
/// goes (mboxrd; of mboxo and mboxcl the same, nearly always).
///
/// Only a program that quotes nothing needs a Content-Length (mboxcl2). So it counts
/// where it is right, which is seen by what stands behind the end that it tells, and
/// where a line within begins with `From `: then nothing within is a beginning, and
/// nothing is quoted. Any other may be of the message itself and say nothing of the
/// file: what [`super::MboxWriter`] writes is read without one.
#[derive(Debug)]
pub struct MboxReader<R> {
    input: R,
    /// The piece of a line that is looked at.
    piece: Vec<u8>,
    /// `piece` was looked at already and waits for its turn.
    waiting: Option<Waiting>,
    /// An empty line that may stand between two messages.
    blank: Vec<u8>,
    has_blank: bool,
    /// A "From " line would be a beginning here.
    may_begin: bool,
    at_line_start: bool,
    place: Place,
    /// In the header: what it says of its body.
    content_length: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Waiting {
    Line,
    Begin(FromLine),
    Content,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first message.
    Outside,
    Header,
    Body,
    /// So many octets more are of this body, whatever they look like.
    Counted(u64),
}

impl<R: BufRead + Seek> MboxReader<R> {
    /// Reads from here.
    pub fn new(input: R) -> MboxReader<R> {
        MboxReader {
            input,
            piece: Vec::new(),
            waiting: None,
            blank: Vec::new(),
            has_blank: false,
            may_begin: true,
            at_line_start: true,
            place: Place::Outside,
            content_length: None,
        }
    }

    /// The next part; `None` at the end of the file.
    ///
    /// # Errors
    /// Those of the file.
    pub fn next_part(&mut self) -> io::Result<Option<Part<'_>>> {
        loop {
            match self.waiting.take() {
                Some(Waiting::Begin(line)) => return Ok(Some(self.begin(line))),
                Some(Waiting::Content) => return Ok(Some(Part::Content(&self.piece))),
                Some(Waiting::Line) => return self.line(),
                None => {}
            }
            let starts_line = self.at_line_start;
            if !self.read_piece()? {
                // What ends the file stood behind the last message.
                let has_blank = std::mem::take(&mut self.has_blank);
                return Ok(has_blank.then_some(Part::Between(&self.blank)));
            }
            if let Place::Counted(left) = self.place {
                self.count(left);
                return Ok(Some(Part::Content(&self.piece)));
            }
            if !starts_line {
                return Ok(Some(Part::Content(&self.piece)));
            }
            if self.may_begin
                && let Some(line) = FromLine::read(&self.piece)
            {
                self.waiting = Some(Waiting::Begin(line));
                if std::mem::take(&mut self.has_blank) {
                    return Ok(Some(Part::Between(&self.blank)));
                }
                continue;
            }
            self.waiting = Some(Waiting::Line);
            if std::mem::take(&mut self.has_blank) {
                return Ok(Some(match self.place {
                    Place::Outside => Part::Between(&self.blank),
                    _ => Part::Content(&self.blank),
                }));
            }
        }
    }

    fn begin(&mut self, line: FromLine) -> Part<'_> {
        self.place = Place::Header;
        self.content_length = None;
        self.may_begin = false;
        Part::Begin(&self.piece, line)
    }

    /// A line that is no beginning.
    fn line(&mut self) -> io::Result<Option<Part<'_>>> {
        let is_blank = matches!(self.piece.as_slice(), b"\n" | b"\r\n");
        self.may_begin = is_blank;
        match self.place {
            Place::Header if is_blank => {
                self.place = self.body_place()?;
                if self.place == Place::Body {
                    return self.hold_blank();
                }
                return Ok(Some(Part::Content(&self.piece)));
            }
            Place::Header | Place::Body if is_quoted(&self.piece) => {
                self.piece.remove(0);
                self.waiting = Some(Waiting::Content);
                return Ok(Some(Part::Quote(b">")));
            }
            Place::Header => {
                if let Some(length) = content_length(&self.piece) {
                    self.content_length = Some(length);
                }
                return Ok(Some(Part::Content(&self.piece)));
            }
            _ if is_blank => {
                return self.hold_blank();
            }
            Place::Outside => self.place = Place::Body,
            Place::Body | Place::Counted(_) => {}
        }
        Ok(Some(Part::Content(&self.piece)))
    }

    /// What follows an empty line decides what it is.
    fn hold_blank(&mut self) -> io::Result<Option<Part<'_>>> {
        self.has_blank = true;
        std::mem::swap(&mut self.blank, &mut self.piece);
        self.next_part()
    }

    /// `left` octets are counted, and `piece` is of them.
    fn count(&mut self, left: u64) {
        let left = left.saturating_sub(self.piece.len() as u64);
        if left > 0 {
            self.place = Place::Counted(left);
            return;
        }
        // There may be no empty line behind it.
        self.place = Place::Body;
        self.may_begin = self.at_line_start;
    }

    /// Where the header ends.
    fn body_place(&mut self) -> io::Result<Place> {
        match self.content_length.unwrap_or(0) {
            length @ 1.. if self.ends_behind(length)? && self.is_unquoted(length)? => {
                Ok(Place::Counted(length))
            }
            _ => Ok(Place::Body),
        }
    }

    /// Whether a line of so many octets from here begins as each that is quoted does.
    fn is_unquoted(&mut self, length: u64) -> io::Result<bool> {
        let here = self.input.stream_position()?;
        let (mut left, mut piece) = (length, Vec::new());
        let mut starts_line = true;
        let found = loop {
            read_piece(&mut self.input, left, &mut piece)?;
            if piece.is_empty() {
                break false;
            }
            if starts_line && piece.starts_with(b"From ") {
                break true;
            }
            starts_line = piece.ends_with(b"\n");
            left = left.saturating_sub(piece.len() as u64);
        };
        self.input.seek(SeekFrom::Start(here))?;
        Ok(found)
    }

    /// Whether so many octets from here the message is over: the file ends, or
    /// another begins.
    fn ends_behind(&mut self, length: u64) -> io::Result<bool> {
        let here = self.input.stream_position()?;
        let Some(end) = here.checked_add(length) else {
            return Ok(false);
        };
        let size = self.input.seek(SeekFrom::End(0))?;
        if end > size {
            self.input.seek(SeekFrom::Start(here))?;
            return Ok(false);
        }
        self.input.seek(SeekFrom::Start(end.saturating_sub(1)))?;
        let mut behind = Vec::new();
        let mut ahead = io::Read::take(&mut self.input, LOOK_AHEAD_OCTETS as u64);
        io::Read::read_to_end(&mut ahead, &mut behind)?;
        self.input.seek(SeekFrom::Start(here))?;
        let (last, behind) = behind.split_at(1.min(behind.len()));
        let mut lines = behind.split_inclusive(|octet| *octet == b'\n');
        let begins = |line: Option<&[u8]>| line.is_some_and(|it| FromLine::read(it).is_some());
        Ok(match lines.next() {
            None => true,
            Some(b"\n" | b"\r\n") => {
                // The line end that the body lacks, or the empty line; or both.
                let next = lines.next();
                let is_blank = matches!(next, Some(b"\n" | b"\r\n"));
                next.is_none() || begins(next) || is_blank && begins(lines.next())
            }
            line => last == b"\n" && begins(line),
        })
    }

    /// The next piece of a line; false at the end of the file.
    fn read_piece(&mut self) -> io::Result<bool> {
        let limit = match self.place {
            Place::Counted(left) => left,
            _ => u64::MAX,
        };
        read_piece(&mut self.input, limit, &mut self.piece)?;
        self.at_line_start = self.piece.ends_with(b"\n");
        Ok(!self.piece.is_empty())
    }
}

/// Puts the next piece of a line in place of what is in `piece`: of so many octets at
/// most, and none at the end of the file.
fn read_piece(input: &mut impl BufRead, limit: u64, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.clear();
    let limit = usize::try_from(limit).map_or(PIECE_OCTETS, |limit| limit.min(PIECE_OCTETS));
    while piece.len() < limit {
        let octets = match input.fill_buf() {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            octets => octets?,
        };
        let octets = octets.get(..limit - piece.len()).unwrap_or(octets);
        if octets.is_empty() {
            break;
        }
        let line_end = memchr(b'\n', octets);
        let used = line_end.map_or(octets.len(), |at| at + 1);
        piece.extend_from_slice(octets.get(..used).unwrap_or_default());
        input.consume(used);
        if line_end.is_some() {
            break;
        }
    }
    Ok(())
}

/// `>From `, with more of ">" or not.
fn is_quoted(line: &[u8]) -> bool {
    let marks = line.iter().take_while(|octet| **octet == b'>').count();
    marks > 0
        && line
            .get(marks..)
            .is_some_and(|rest| rest.starts_with(b"From "))
}

fn content_length(line: &[u8]) -> Option<u64> {
    let colon = memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    if !name
        .trim_ascii_end()
        .eq_ignore_ascii_case(b"Content-Length")
    {
        return None;
    }
    let value = std::str::from_utf8(value.get(1..)?).ok()?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests;
