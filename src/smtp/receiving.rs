//! The session while octets of content come, or pass by.

use crate::wire::{BareLineFeed, Framing};

use super::clock::Awaited;
use super::content::Content;
use super::limits::Trust;
use super::refusal::Refusal;
use super::reply::{Letters, Reply};
use super::session::{Progress, Session};
use super::state::{Extent, Part, Phase, State, Transaction};
use super::step::Discard;

impl Session {
    /// The driver takes the content.
    pub(super) fn begin_content(&mut self, transaction: Transaction, extent: Extent) {
        let framing = match extent {
            Extent::Dots => Framing::Dots,
            Extent::Chunk { .. } => Framing::Counted,
        };
        let bare_line_feed = match self.trust {
            Trust::Lan => BareLineFeed::Repaired,
            Trust::Provider | Trust::World => BareLineFeed::Fault,
        };
        if extent == Extent::Dots {
            self.say(&Reply::start_content(), Letters::Ascii);
        }
        let content = Content::new(&self.settings, framing, bare_line_feed);
        self.state = State::Receiving {
            transaction,
            content: Box::new(content),
            extent,
        };
    }

    /// Takes what is there of the content, up to its end.
    pub(super) fn take_content(
        &mut self,
        transaction: Transaction,
        mut content: Box<Content>,
        extent: Extent,
    ) -> Progress {
        let end = match extent {
            Extent::Chunk { left: 0, part } => Some(part),
            _ => None,
        };
        if let Some(part) = end {
            self.state = State::Arrived {
                transaction,
                content,
                part,
            };
            return Progress::Again;
        }
        if self.input.is_empty() {
            let awaited = match (extent, content.is_empty()) {
                (Extent::Dots, true) => Awaited::FirstContent,
                _ => Awaited::Content,
            };
            self.state = State::Receiving {
                transaction,
                content,
                extent,
            };
            return Progress::Await(awaited);
        }
        let was_good = content.refusal().is_none();
        let (consumed, after) = self.decode(&mut content, extent);
        self.input.consume(consumed);
        self.patience
            .content_came(consumed, self.limits.progress_octets_min);
        let refusal = content.refusal();
        let next = match after {
            Some(extent) => State::Receiving {
                transaction,
                content,
                extent,
            },
            None => State::Arrived {
                transaction,
                content,
                part: Part::Last,
            },
        };
        match refusal {
            Some(refusal) if was_good => {
                self.state = State::Discarding {
                    why: Discard::Refused(refusal),
                    then: Box::new(next),
                };
                Progress::Again
            }
            None if !self.piece.is_empty() => {
                self.state = next;
                Progress::Content
            }
            _ => {
                self.state = next;
                Progress::Again
            }
        }
    }

    /// Decodes into `self.piece`; how many octets were used, and the extent of
    /// what is left, unless the dot was reached.
    fn decode(&mut self, content: &mut Content, extent: Extent) -> (usize, Option<Extent>) {
        let input = self.input.content();
        match extent {
            Extent::Dots => {
                let decoded = content.decode(input, &mut self.piece);
                (decoded.consumed, (!decoded.ended).then_some(extent))
            }
            Extent::Chunk { left, part } => {
                let of_chunk = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let input = input.get(..of_chunk).unwrap_or(input);
                let consumed = content.decode(input, &mut self.piece).consumed;
                let left = left.saturating_sub(consumed as u64);
                (consumed, Some(Extent::Chunk { left, part }))
            }
        }
    }

    /// DATA or a BDAT is complete.
    pub(super) fn judge_content(
        &mut self,
        transaction: Transaction,
        mut content: Box<Content>,
        part: Part,
    ) -> Progress {
        let was_good = content.refusal().is_none();
        let refusal = match part {
            Part::Middle(_) => content.refusal(),
            Part::Last => {
                content.finish(&mut self.piece);
                content.verdict()
            }
        };
        self.piece = Vec::new();
        self.state = match (refusal, part) {
            (Some(refusal), _) => {
                self.say(&refusal.clone().into(), transaction.letters);
                self.after_refusal(refusal, was_good)
            }
            (None, Part::Middle(octets)) => {
                self.say(&Reply::chunk_taken(octets), Letters::Ascii);
                State::Commands(Phase::Chunks(transaction, content))
            }
            (None, Part::Last) => State::Committing(transaction),
        };
        Progress::Again
    }

    /// Lets the octets of a refused BDAT pass by, for they are no commands
    /// (RFC 3030 §2).
    pub(super) fn skip(&mut self, left: u64, answer: Refusal) -> Progress {
        if left == 0 {
            self.say(&answer.into(), Letters::Ascii);
            return Progress::Again;
        }
        let there = self.input.content().len();
        if there == 0 {
            self.state = State::Skipping { left, answer };
            return Progress::Await(Awaited::Content);
        }
        let passing = usize::try_from(left).unwrap_or(usize::MAX).min(there);
        self.input.consume(passing);
        self.patience
            .content_came(passing, self.limits.progress_octets_min);
        let left = left.saturating_sub(passing as u64);
        self.state = State::Skipping { left, answer };
        Progress::Again
    }

    fn after_refusal(&self, refusal: Refusal, driver_has_content: bool) -> State {
        if !driver_has_content {
            return State::default();
        }
        State::Discarding {
            why: Discard::Refused(refusal),
            then: Box::default(),
        }
    }
}
