//! CRLF becomes LF, as programs that keep mail in files have it.

use memchr::memchr;

/// Turns the line ends of a message into those of a file, cut anywhere.
///
/// A CR that stands alone stays. Only CR CR LF cannot be told from CR LF
/// afterwards: a message that has it is better written as it is, which all who
/// read such files understand as well.
#[derive(Debug, Default)]
pub struct UnixLines {
    /// A CR whose LF may still come.
    waits: bool,
    is_ambiguous: bool,
}

impl UnixLines {
    /// Appends what `input` becomes to `out`.
    pub fn convert(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        if self.waits && !rest.is_empty() {
            self.waits = false;
            self.after_return(rest, out);
        }
        while let Some(at) = memchr(b'\r', rest) {
            let (before, behind) = rest.split_at(at);
            out.extend_from_slice(before);
            rest = behind.get(1..).unwrap_or_default();
            if rest.is_empty() {
                self.waits = true;
                return;
            }
            self.after_return(rest, out);
        }
        out.extend_from_slice(rest);
    }

    /// The end: hands out a CR that waited for its LF.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.waits) {
            out.push(b'\r');
        }
    }

    /// The line ends cannot be brought back from what was made of them.
    pub fn is_ambiguous(&self) -> bool {
        self.is_ambiguous
    }

    /// A CR stood before `rest`: it goes if an LF follows.
    fn after_return(&mut self, rest: &[u8], out: &mut Vec<u8>) {
        if rest.first() == Some(&b'\n') {
            self.is_ambiguous |= out.last() == Some(&b'\r');
        } else {
            out.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let (mut lines, mut out) = (UnixLines::default(), Vec::new());
        for piece in pieces {
            lines.convert(piece, &mut out);
        }
        lines.finish(&mut out);
        (out, lines.is_ambiguous())
    }

    #[test]
    fn line_ends_become_those_of_unix_however_the_input_is_cut() {
        let message = b"a\r\n\r\nb\rc\r\n\r";
        assert_eq!(converted(&[message]), (b"a\n\nb\rc\n\r".to_vec(), false));
        for at in 0..message.len() {
            let (one, other) = message.split_at(at);
            assert_eq!(converted(&[one, other]), converted(&[message]), "{at}");
        }
    }

    #[test]
    fn what_cannot_be_brought_back_is_told() {
        let message = b"a\r\r\nb\r\n";
        for at in 0..message.len() {
            let (one, other) = message.split_at(at);
            assert!(converted(&[one, other]).1, "{at}");
        }
    }
}
