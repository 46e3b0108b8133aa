//! Counts the Received lines of a message while its content passes by.

/// The longest piece of one field that is kept: a Received line names its host
/// within the first lines, and a hostile field must not fill the memory.
const FIELD_OCTETS_MAX: usize = 2048;

/// How often a message was handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HopCount {
    /// All Received lines.
    pub received: usize,
    /// Those that this host wrote.
    pub by_us: usize,
}

/// Reads content in pieces and counts in its header block only.
#[derive(Debug)]
pub struct HeaderScanner {
    hostname: String,
    position: Position,
    /// The field under way, unfolded lines and all.
    field: Vec<u8>,
    count: HopCount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    LineStart,
    WithinLine,
    Body,
}

impl HeaderScanner {
    /// A scanner that takes lines `by HOSTNAME` for our own.
    pub fn new(hostname: &str) -> HeaderScanner {
        HeaderScanner {
            hostname: hostname.to_ascii_lowercase(),
            position: Position::LineStart,
            field: Vec::new(),
            count: HopCount::default(),
        }
    }

    /// Reads a piece of content, cut anywhere, with CRLF or LF as line ends.
    pub fn scan(&mut self, content: &[u8]) {
        if self.position == Position::Body {
            return;
        }
        for &octet in content {
            if self.position == Position::LineStart {
                match octet {
                    b' ' | b'\t' => {}
                    b'\r' => continue,
                    b'\n' => {
                        self.finish_field();
                        self.position = Position::Body;
                        return;
                    }
                    _ => self.finish_field(),
                }
            }
            self.position = match octet {
                b'\n' => Position::LineStart,
                _ => Position::WithinLine,
            };
            if self.field.len() < FIELD_OCTETS_MAX {
                self.field.push(octet.to_ascii_lowercase());
            }
        }
    }

    /// The count so far, the last field included.
    pub fn hops(&mut self) -> HopCount {
        self.finish_field();
        self.count
    }

    fn finish_field(&mut self) {
        let field = std::mem::take(&mut self.field);
        let Some(value) = field.strip_prefix(b"received".as_slice()) else {
            return;
        };
        let value = String::from_utf8_lossy(value);
        let Some(value) = value.trim_start().strip_prefix(':') else {
            return;
        };
        self.count.received += 1;
        let mut words = value.split_ascii_whitespace();
        let by = words.find(|&word| word == "by").and_then(|_| words.next());
        if by.is_some_and(|host| host.trim_end_matches(';') == self.hostname) {
            self.count.by_us += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(message: &str) -> HopCount {
        let count = |step: usize| {
            let mut scanner = HeaderScanner::new("Post.Example.com");
            for piece in message.as_bytes().chunks(step) {
                scanner.scan(piece);
            }
            scanner.hops()
        };
        assert_eq!(count(1), count(message.len().max(1)));
        count(7)
    }

    #[test]
    fn only_the_header_block_counts() {
        let message = "Received: from a by b; now\r\nSubject: x\r\nRECEIVED : by\r\n\tpost.example.com\r\n\r\n\
                       Received: from a by post.example.com\r\n";
        assert_eq!(
            hops(message),
            HopCount {
                received: 2,
                by_us: 1
            }
        );
    }

    #[test]
    fn a_folded_line_that_looks_like_a_field_is_none() {
        assert_eq!(hops("Subject: a\r\n Received: b\r\n\r\n").received, 0);
        assert_eq!(hops("X-Received: by post.example.com\r\n").received, 0);
    }

    #[test]
    fn a_header_without_end_and_an_endless_field_are_read() {
        let message = format!("X: {}\r\nReceived: by x", "y".repeat(100_000));
        assert_eq!(hops(&message).received, 1);
        assert_eq!(hops("").received, 0);
    }
}
