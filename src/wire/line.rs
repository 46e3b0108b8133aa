//! Command lines out of a stream of octets, with a limit on their length.

use memchr::memchr;
use thiserror::Error;

/// Memory that an idle buffer keeps: a command line and the next ones.
const IDLE_CAPACITY: usize = 4 * 1024;

/// Why a line cannot be taken as a command.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineError {
    /// More octets than the limit before the line end. The line is skipped.
    #[error("line too long")]
    TooLong,
    /// The line ended in LF without CR (RFC 5321 §2.3.8 knows no such line
    /// end). It is handed over for the session to decide.
    #[error("line ends in LF without CR")]
    BareLineFeed(Vec<u8>),
}

/// Input octets of one connection, cut into lines, or taken raw as content.
///
/// The caller hands in at most one read at a time and only when a session wants
/// input, so the buffer holds one read and one unfinished line at most.
#[derive(Debug)]
pub struct LineBuffer {
    octets: Vec<u8>,
    /// Where the octets that are not taken yet begin.
    start: usize,
    /// Octets from `start` on that are known to hold no LF.
    searched: usize,
    line_octets_max: usize,
    /// The line under way is already longer than the limit: its octets are
    /// dropped as they come, until its end.
    skipping: bool,
}

impl LineBuffer {
    /// A buffer whose lines have at most `line_octets_max` octets, the line end
    /// not counted.
    pub fn new(line_octets_max: usize) -> LineBuffer {
        LineBuffer {
            octets: Vec::new(),
            start: 0,
            searched: 0,
            line_octets_max,
            skipping: false,
        }
    }

    /// Adds what was read.
    pub fn receive(&mut self, octets: &[u8]) {
        if self.start > 0 {
            self.octets.drain(..self.start);
            self.start = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    /// The next line without its line end; `None` until its end has come.
    pub fn take_line(&mut self) -> Option<Result<Vec<u8>, LineError>> {
        let from = self.start + self.searched;
        let Some(found) = memchr(b'\n', self.octets.get(from..)?) else {
            self.keep_unfinished_line_short();
            return None;
        };
        let end = from + found;
        let line = self.octets.get(self.start..end)?;
        let result = match line.strip_suffix(b"\r") {
            _ if self.skipping => Err(LineError::TooLong),
            Some(line) if line.len() > self.line_octets_max => Err(LineError::TooLong),
            Some(line) => Ok(line.to_vec()),
            None if line.len() > self.line_octets_max => Err(LineError::TooLong),
            None => Err(LineError::BareLineFeed(line.to_vec())),
        };
        self.skipping = false;
        self.consume(end + 1 - self.start);
        Some(result)
    }

    /// Raises or lowers the limit from the next line on (a SASL response may be
    /// longer than a command: RFC 4954 §4).
    pub fn limit_lines_to(&mut self, line_octets_max: usize) {
        self.line_octets_max = line_octets_max;
    }

    /// The octets that were received and not taken.
    pub fn content(&self) -> &[u8] {
        self.octets.get(self.start..).unwrap_or_default()
    }

    /// Takes `count` octets off the front.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.octets.len());
        self.searched = 0;
        if self.start == self.octets.len() {
            self.octets.clear();
            self.start = 0;
        }
    }

    /// Drops everything: what came in the clear must not be read after the TLS
    /// handshake (RFC 3207 §6, RFC 2595 §4).
    pub fn clear(&mut self) {
        self.octets.clear();
        self.start = 0;
        self.searched = 0;
        self.skipping = false;
    }

    /// Gives memory back: content came through here in large reads, and a session
    /// may wait for minutes before its next command.
    pub fn rest(&mut self) {
        if self.octets.capacity() > IDLE_CAPACITY {
            self.octets.drain(..self.start);
            self.start = 0;
            self.octets.shrink_to(IDLE_CAPACITY);
        }
    }

    /// Whether all that was received is taken.
    pub fn is_empty(&self) -> bool {
        self.start == self.octets.len()
    }

    fn keep_unfinished_line_short(&mut self) {
        self.searched = self.octets.len() - self.start;
        // One more than the limit may be the CR of a line that just fits.
        if self.skipping || self.searched > self.line_octets_max + 1 {
            self.skipping = true;
            self.octets.clear();
            self.start = 0;
            self.searched = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(max: usize, pieces: &[&[u8]]) -> Vec<Result<Vec<u8>, LineError>> {
        let mut buffer = LineBuffer::new(max);
        let mut lines = Vec::new();
        for piece in pieces {
            buffer.receive(piece);
            while let Some(line) = buffer.take_line() {
                lines.push(line);
            }
        }
        lines
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_whole_and_the_next_one_is_read() {
        let expected = vec![Err(LineError::TooLong), Ok(b"NOOP".to_vec())];
        assert_eq!(lines(4, &[b"NOOPS\r\nNOOP\r\n"]), expected);
        assert_eq!(
            lines(4, &[b"NOO", b"PSSSS", b"SSS", b"\r\nNOOP\r", b"\n"]),
            expected
        );
    }

    #[test]
    fn a_line_as_long_as_the_limit_is_read_however_it_is_cut() {
        assert_eq!(lines(4, &[b"NOOP\r\n"]), vec![Ok(b"NOOP".to_vec())]);
        assert_eq!(
            lines(4, &[b"NOOP", b"\r", b"\n"]),
            vec![Ok(b"NOOP".to_vec())]
        );
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut buffer = LineBuffer::new(512);
        for _ in 0..1000 {
            buffer.receive(&[b'x'; 4096]);
            assert_eq!(buffer.take_line(), None);
        }
        assert!(buffer.octets.capacity() <= 16 * 1024);
    }

    #[test]
    fn content_that_went_through_holds_no_memory_while_a_command_is_awaited() {
        let mut buffer = LineBuffer::new(512);
        buffer.receive(&[b'x'; 32 * 1024]);
        buffer.consume(32 * 1024 - 2);
        buffer.rest();
        assert!(buffer.octets.capacity() <= IDLE_CAPACITY);
        assert_eq!(buffer.content(), b"xx");
    }

    #[test]
    fn a_bare_line_feed_is_told_apart() {
        assert_eq!(
            lines(9, &[b"a\nb\r\n"]),
            vec![
                Err(LineError::BareLineFeed(b"a".to_vec())),
                Ok(b"b".to_vec())
            ]
        );
    }

    #[test]
    fn content_follows_a_line_in_the_same_read() {
        let mut buffer = LineBuffer::new(512);
        buffer.receive(b"BDAT 3\r\nabcNOOP\r\n");
        assert_eq!(buffer.take_line(), Some(Ok(b"BDAT 3".to_vec())));
        assert_eq!(buffer.content(), b"abcNOOP\r\n");
        buffer.consume(3);
        assert_eq!(buffer.take_line(), Some(Ok(b"NOOP".to_vec())));
        assert!(buffer.is_empty());
    }
}
