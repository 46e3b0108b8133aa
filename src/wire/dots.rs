//! Dot-stuffing of what is sent (RFC 5321 §4.5.2, RFC 1939 §3).

use memchr::memchr;

/// Puts the dot before lines that begin with one, from the first line on, and
/// writes the end of the multi-line reply.
#[derive(Debug)]
pub struct DotStuffer {
    at_line_start: bool,
}

impl Default for DotStuffer {
    fn default() -> Self {
        DotStuffer {
            at_line_start: true,
        }
    }
}

impl DotStuffer {
    /// Appends `content` to `out`, stuffed. Content may be cut anywhere.
    pub fn stuff(&mut self, content: &[u8], out: &mut Vec<u8>) {
        let mut rest = content;
        while let Some(&first) = rest.first() {
            if self.at_line_start && first == b'.' {
                out.push(b'.');
            }
            let line_octets = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(line_octets);
            out.extend_from_slice(line);
            self.at_line_start = line.ends_with(b"\n");
            rest = after;
        }
    }

    /// Appends the end: the line end that the last line may lack, and the dot.
    pub fn finish(self, out: &mut Vec<u8>) {
        if !self.at_line_start {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(pieces: &[&str]) -> String {
        let mut stuffer = DotStuffer::default();
        let mut out = Vec::new();
        for piece in pieces {
            stuffer.stuff(piece.as_bytes(), &mut out);
        }
        stuffer.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_dot_is_stuffed_from_the_very_first_line_on() {
        assert_eq!(stuffed(&[".a\r\n"]), "..a\r\n.\r\n");
        assert_eq!(stuffed(&["a\r\n", ".", "\r\n"]), "a\r\n..\r\n.\r\n");
        assert_eq!(stuffed(&["a.b\r\n", "c", ".d\r\n"]), "a.b\r\nc.d\r\n.\r\n");
    }

    #[test]
    fn an_unfinished_last_line_gets_its_line_end() {
        assert_eq!(stuffed(&["a"]), "a\r\n.\r\n");
        assert_eq!(stuffed(&[]), ".\r\n");
    }
}
