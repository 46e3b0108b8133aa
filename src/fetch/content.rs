//! The content of one message on its way in: RETR and TOP.

use crate::wire::{BareLineFeed, ContentDecoder, Framing, LineBuffer};

/// Content under way.
#[derive(Debug)]
pub(super) struct Content {
    decoder: ContentDecoder,
    octets: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Announced,
    Coming,
    Ended,
}

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The driver is told that content comes.
    Beginning,
    /// The piece holds content. So many octets of the wire were taken.
    Piece { taken: usize },
    /// All has come; of so many octets.
    End { octets: u64 },
    /// More input is needed. So many octets of the wire were taken.
    Nothing { taken: usize },
}

impl Content {
    pub(super) fn new() -> Content {
        Content {
            decoder: ContentDecoder::new(Framing::Dots, BareLineFeed::Repaired),
            octets: 0,
            phase: Phase::Announced,
        }
    }

    /// Takes what has come; content goes into `piece`, which is empty before.
    pub(super) fn read(&mut self, input: &mut LineBuffer, piece: &mut Vec<u8>) -> Found {
        match self.phase {
            Phase::Announced => {
                self.phase = Phase::Coming;
                return Found::Beginning;
            }
            Phase::Ended => {
                let octets = self.octets;
                return Found::End { octets };
            }
            Phase::Coming => {}
        }
        let decoded = self.decoder.decode(input.content(), piece);
        input.consume(decoded.consumed);
        self.octets += piece.len() as u64;
        if decoded.ended {
            self.phase = Phase::Ended;
        }
        let taken = decoded.consumed;
        match (piece.is_empty(), self.phase) {
            (false, _) => Found::Piece { taken },
            (true, Phase::Ended) => Found::End {
                octets: self.octets,
            },
            (true, _) => Found::Nothing { taken },
        }
    }
}
