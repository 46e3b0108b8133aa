//! Message content as it arrives: the end of data, dot-stuffing, line ends.
//!
//! Only `CRLF . CRLF` ends DATA. Every other spelling (`LF.LF`, `CR.CR`,
//! `LF.CRLF`…) is content with a fault; taking one of them for the end is how
//! messages are smuggled past the server in front.
//!
//! ```text
//!   LineStart ──.──▶ Dot ──CR──▶ DotCr ──LF──▶ end of data
//!    ▲   │            │            │
//!    LF  other        other        other
//!    │   ▼            ▼            ▼
//!   Cr ◀─CR── Middle ◀───────────────
//! ```

use memchr::memchr2;

/// What becomes of an LF without CR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareLineFeed {
    /// It is a fault, for which the message will be refused.
    Fault,
    /// It becomes CRLF: scanners, alarms and NAS boxes on the LAN have no
    /// queue, so that a refusal would be a loss.
    Repaired,
}

/// How the end of the content is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By a line with a single dot (DATA).
    Dots,
    /// By a count of octets outside of the content (BDAT, RFC 3030).
    Counted,
}

/// A line end that Internet mail does not know (RFC 5321 §2.3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFaultKind {
    /// LF without a CR before it.
    BareLineFeed,
    /// CR without an LF after it.
    BareCarriageReturn,
}

/// The first fault of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineFault {
    /// What is wrong.
    pub kind: LineFaultKind,
    /// The line it stands in, counted from 1.
    pub line: u64,
}

/// What one call of [`ContentDecoder::decode`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// Octets of the input that were used.
    pub consumed: usize,
    /// The end of data was reached; what follows are commands.
    pub ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    Dot,
    DotCr,
    Middle,
    Cr,
}

/// Turns content on the wire into the octets of a message.
#[derive(Debug)]
pub struct ContentDecoder {
    framing: Framing,
    bare_line_feed: BareLineFeed,
    state: State,
    line: u64,
    fault: Option<LineFault>,
}

impl ContentDecoder {
    /// A decoder for one message.
    pub fn new(framing: Framing, bare_line_feed: BareLineFeed) -> ContentDecoder {
        ContentDecoder {
            framing,
            bare_line_feed,
            state: State::LineStart,
            line: 1,
            fault: None,
        }
    }

    /// Decodes `input` and appends the message's octets to `out`. Stops behind
    /// the end of data. Input may be cut anywhere.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Decoded {
        let mut at = 0;
        while let Some(&octet) = input.get(at) {
            if self.state == State::Middle {
                let rest = input.get(at..).unwrap_or_default();
                let plain = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                if plain > 0 {
                    out.extend_from_slice(rest.get(..plain).unwrap_or_default());
                    at += plain;
                    continue;
                }
            }
            at += 1;
            if self.step(octet, out) {
                return Decoded {
                    consumed: at,
                    ended: true,
                };
            }
        }
        Decoded {
            consumed: at,
            ended: false,
        }
    }

    /// The count of octets is reached (BDAT LAST): hands out a CR that waited
    /// for its LF.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.state == State::Cr {
            self.bare_carriage_return(out);
            self.state = State::Middle;
        }
    }

    /// The first line-end fault so far.
    pub fn fault(&self) -> Option<LineFault> {
        self.fault
    }

    /// One octet; true at the end of data.
    fn step(&mut self, octet: u8, out: &mut Vec<u8>) -> bool {
        match (self.state, octet) {
            (State::LineStart, b'.') if self.framing == Framing::Dots => self.state = State::Dot,
            (State::Dot, b'\r') => self.state = State::DotCr,
            (State::DotCr, b'\n') => return true,
            // Here the line has more than the dot, which was stuffed: drop it.
            (State::Dot, _) => self.within_line(octet, out),
            (State::DotCr, _) | (State::Cr, _) if octet != b'\n' => {
                self.bare_carriage_return(out);
                self.within_line(octet, out);
            }
            (State::Cr, _) => {
                out.extend_from_slice(b"\r\n");
                self.line += 1;
                self.state = State::LineStart;
            }
            _ => self.within_line(octet, out),
        }
        false
    }

    fn within_line(&mut self, octet: u8, out: &mut Vec<u8>) {
        self.state = State::Middle;
        match octet {
            b'\r' => self.state = State::Cr,
            b'\n' => {
                if self.bare_line_feed == BareLineFeed::Fault {
                    self.note(LineFaultKind::BareLineFeed);
                }
                // Also where the message will be refused: nothing below ever
                // holds a line end that a mail program could read otherwise.
                out.extend_from_slice(b"\r\n");
                self.line += 1;
            }
            _ => out.push(octet),
        }
    }

    fn bare_carriage_return(&mut self, out: &mut Vec<u8>) {
        self.note(LineFaultKind::BareCarriageReturn);
        out.push(b'\r');
    }

    fn note(&mut self, kind: LineFaultKind) {
        self.fault.get_or_insert(LineFault {
            kind,
            line: self.line,
        });
    }
}

#[cfg(test)]
mod tests;
