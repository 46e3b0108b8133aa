//! The content of one message on its way into a reply: RETR and TOP.

use memchr::memchr;

use super::reply::Output;
use crate::wire::DotStuffer;

/// A RETR or TOP under way.
#[derive(Debug)]
pub(super) struct Transfer {
    /// Position of the message in the scan listing.
    pub(super) index: usize,
    /// Its size in the scan listing.
    octets: u64,
    extent: Extent,
    stuffer: DotStuffer,
    /// Octets sent so far, before the stuffing.
    sent: u64,
    at_line_start: bool,
}

#[derive(Debug)]
enum Extent {
    /// RETR: everything.
    Whole,
    /// TOP: the header, the empty line, and some lines of the body.
    Top(Top),
}

/// Where TOP stands in the message.
#[derive(Debug)]
enum Top {
    Header { line: HeaderLine, body_lines: u64 },
    Body { lines_left: u64 },
}

/// What the header line under way has so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeaderLine {
    Empty,
    Cr,
    Text,
}

/// Whether a transfer wants more content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appetite {
    Hungry,
    Full,
}

/// The content ended before the size that the scan listing promised: the file
/// has lost its end, and the client must not take the rest for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Truncated;

impl Transfer {
    /// RETR of a message with `octets` by the scan listing.
    pub(super) fn whole(index: usize, octets: u64) -> Transfer {
        Transfer::new(index, octets, Extent::Whole)
    }

    /// TOP with this many lines of the body.
    pub(super) fn top(index: usize, octets: u64, body_lines: u64) -> Transfer {
        let line = HeaderLine::Empty;
        Transfer::new(index, octets, Extent::Top(Top::Header { line, body_lines }))
    }

    fn new(index: usize, octets: u64, extent: Extent) -> Transfer {
        Transfer {
            index,
            octets,
            extent,
            stuffer: DotStuffer::default(),
            sent: 0,
            at_line_start: true,
        }
    }

    /// The first line of the reply.
    pub(super) fn announce(&self, output: &mut Output) {
        match self.extent {
            Extent::Whole => output.ok(format_args!("{} octets", self.octets)),
            Extent::Top(_) => output.ok("top of the message"),
        }
    }

    /// Takes the next piece of the message, cut anywhere.
    pub(super) fn content(&mut self, content: &[u8], output: &mut Output) -> Appetite {
        let (taken, appetite) = match &mut self.extent {
            Extent::Whole => (content, Appetite::Hungry),
            Extent::Top(top) => top.cut(content),
        };
        if let Some(&last) = taken.last() {
            self.at_line_start = last == b'\n';
        }
        self.sent += taken.len() as u64;
        self.stuffer.stuff(taken, output.octets());
        appetite
    }

    /// Ends the reply of a transfer that is full.
    pub(super) fn finish(self, output: &mut Output) {
        self.stuffer.finish(output.octets());
    }

    /// Ends the reply at the end of the message.
    pub(super) fn finish_at_end(self, output: &mut Output) -> Result<(), Truncated> {
        // The line end that the last line lacks is sent, and counted in the
        // scan listing.
        let sent = self.sent + if self.at_line_start { 0 } else { 2 };
        if sent < self.octets {
            return Err(Truncated);
        }
        self.finish(output);
        Ok(())
    }
}

impl Top {
    /// The part of `content` that TOP shows.
    fn cut<'a>(&mut self, content: &'a [u8]) -> (&'a [u8], Appetite) {
        let mut taken = 0;
        loop {
            if let Top::Body { lines_left: 0 } = self {
                let (shown, _) = content.split_at(taken);
                return (shown, Appetite::Full);
            }
            let rest = content.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                return (content, Appetite::Hungry);
            }
            let line_end = memchr(b'\n', rest);
            let octets = line_end.map_or(rest.len(), |at| at + 1);
            self.pass(rest.get(..octets).unwrap_or_default());
            taken += octets;
        }
    }

    /// Goes on by a line, or by a piece of one that its cut leaves open.
    fn pass(&mut self, piece: &[u8]) {
        let ends = piece.ends_with(b"\n");
        match self {
            Top::Body { lines_left } => *lines_left -= u64::from(ends),
            Top::Header { line, body_lines } => {
                let text = piece.strip_suffix(b"\n").unwrap_or(piece);
                let now = match (*line, text) {
                    (before, b"") => before,
                    (HeaderLine::Empty, b"\r") => HeaderLine::Cr,
                    _ => HeaderLine::Text,
                };
                *line = if ends { HeaderLine::Empty } else { now };
                if ends && now != HeaderLine::Text {
                    let lines_left = *body_lines;
                    *self = Top::Body { lines_left };
                }
            }
        }
    }
}
