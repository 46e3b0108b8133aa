//! The content of one message on its way through a session: decoded, counted,
//! judged. Nothing of it is kept here.

use crate::mail::{HeaderScanner, HopCount};
use crate::wire::{BareLineFeed, ContentDecoder, Decoded, Framing};

use super::Settings;
use super::refusal::Refusal;

/// RFC 5321 §6.3: a loop is assumed from 100 Received lines on…
const RECEIVED_MAX: usize = 99;
/// …and much earlier where they are this hub's own: mail that passes here
/// through a forwarder and back does so once or twice.
const RECEIVED_BY_US_MAX: usize = 5;

#[derive(Debug)]
pub(super) struct Content {
    decoder: ContentDecoder,
    hops: HeaderScanner,
    octets: u64,
    octets_max: u64,
}

impl Content {
    pub(super) fn new(
        settings: &Settings,
        framing: Framing,
        bare_line_feed: BareLineFeed,
    ) -> Content {
        Content {
            decoder: ContentDecoder::new(framing, bare_line_feed),
            hops: HeaderScanner::new(&settings.hostname),
            octets: 0,
            octets_max: settings.max_message_size,
        }
    }

    /// Replaces `out` by the message's octets out of `input`.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Decoded {
        out.clear();
        out.reserve(input.len());
        let decoded = self.decoder.decode(input, out);
        self.count(out);
        decoded
    }

    /// The last octet has come: a CR that waited for its LF is a fault now.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.clear();
        self.decoder.finish(out);
        self.count(out);
    }

    /// Why the message must be refused, as far as its octets are known. One
    /// fault always goes before the other, however the input was cut.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.decoder.fault() {
            Some(fault) => Some(Refusal::line_fault(fault)),
            None if self.octets > self.octets_max => Some(Refusal::too_large(self.octets_max)),
            None => None,
        }
    }

    /// Why the whole message, of which the last octet has come, is refused.
    pub(super) fn verdict(&mut self) -> Option<Refusal> {
        self.refusal().or_else(|| {
            let HopCount { received, by_us } = self.hops.hops();
            let loops = received > RECEIVED_MAX || by_us > RECEIVED_BY_US_MAX;
            loops.then(|| Refusal::loops(received, by_us))
        })
    }

    /// Nothing has come yet.
    pub(super) fn is_empty(&self) -> bool {
        self.octets == 0
    }

    fn count(&mut self, piece: &[u8]) {
        self.hops.scan(piece);
        // Counted is the message itself, without stuffed dots (RFC 1870 §4).
        self.octets = self.octets.saturating_add(piece.len() as u64);
    }
}
