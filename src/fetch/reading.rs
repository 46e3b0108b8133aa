//! How the listing is read: UIDL, then LIST, one after the other or in one
//! write.

use super::capabilities::Capabilities;
use super::clock::Wait;
use super::error::{Awaited, Error};
use super::limits::{LISTING_LINES_MAX, WithoutUniqueIds};
use super::listing::Listing;
use super::output::Output;
use super::refusal;
use super::reply::{self, Refusal, Reply, shown};

/// How the two commands are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    OneByOne,
    /// In one write, because pipelining is offered.
    Together,
    /// In one write, to see whether it works.
    Tried,
}

/// UIDL and LIST under way.
#[derive(Debug)]
pub(super) struct Reading {
    sending: Sending,
    part: Part,
    listing: Listing,
    /// Lines of the present answer.
    lines: usize,
    /// What UIDL was refused with.
    refused: Option<Refusal>,
    /// What became of LIST.
    tried: Tried,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    UidlReply,
    UidlLines,
    ListReply,
    ListLines,
}

/// Whether LIST was answered by +OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Unproven,
    Proven,
}

/// What follows from a line.
#[derive(Debug)]
pub(super) enum Heard {
    /// More lines come.
    More(Reading),
    /// That was all. `proven`: two commands in one write were both obeyed.
    All { listing: Listing, proven: bool },
}

impl Reading {
    /// Asks for the listing.
    pub(super) fn begin(sending: Sending, output: &mut Output) -> Reading {
        output.line("UIDL");
        if sending != Sending::OneByOne {
            output.line("LIST");
        }
        Reading {
            sending,
            part: Part::UidlReply,
            listing: Listing::default(),
            lines: 0,
            refused: None,
            tried: Tried::Unproven,
        }
    }

    /// A line, or one that was too long to be kept.
    pub(super) fn hear(
        mut self,
        line: Option<&[u8]>,
        capabilities: &Capabilities,
        policy: WithoutUniqueIds,
        output: &mut Output,
    ) -> Result<Heard, Error> {
        match self.part {
            Part::UidlReply => match self.positive(line)? {
                Ok(()) => {
                    self.listing.unique_ids_begin();
                    self.part = Part::UidlLines;
                }
                Err(refusal) => {
                    self.refused = Some(refusal);
                    self.go_on_to_list(output);
                }
            },
            Part::UidlLines if line == Some(b".") => {
                self.listing.unique_ids_end();
                self.go_on_to_list(output);
            }
            Part::UidlLines => {
                self.count_line()?;
                self.listing.read_unique_id(unstuffed(line));
            }
            Part::ListReply => match self.positive(line)? {
                Ok(()) => {
                    self.tried = Tried::Proven;
                    self.part = Part::ListLines;
                }
                // Sizes are only an estimate.
                Err(_) if self.refused.is_none() => return self.all(capabilities, policy),
                Err(refusal) => {
                    let error = refusal::by_code(&refusal, None);
                    return Err(error.unwrap_or(Error::ListingRefused(refusal)));
                }
            },
            Part::ListLines if line == Some(b".") => return self.all(capabilities, policy),
            Part::ListLines => {
                self.count_line()?;
                self.listing.read_size(unstuffed(line));
            }
        }
        Ok(Heard::More(self))
    }

    /// What is owed.
    pub(super) fn owed(&self) -> Awaited {
        match self.part {
            Part::UidlReply | Part::UidlLines => Awaited::UniqueIds,
            Part::ListReply | Part::ListLines => Awaited::Sizes,
        }
    }

    /// Commands that are not answered to the end.
    pub(super) fn unanswered(&self) -> usize {
        match (self.owed(), self.sending) {
            (Awaited::UniqueIds, Sending::Together | Sending::Tried) => 2,
            _ => 1,
        }
    }

    /// How long it is waited for.
    pub(super) fn wait(&self) -> Wait {
        match self.part {
            Part::ListReply if self.sending == Sending::Tried => Wait::TestedReply,
            Part::UidlReply | Part::ListReply => Wait::Reply,
            Part::UidlLines | Part::ListLines => Wait::More,
        }
    }

    /// The first of two commands in one write is answered, and the second is
    /// not.
    pub(super) fn overlooks_second(&self) -> bool {
        self.part == Part::ListReply && self.sending != Sending::OneByOne
    }

    /// The same, where it was not known before whether that works.
    pub(super) fn fails_trial(&self) -> bool {
        self.overlooks_second() && self.sending == Sending::Tried
    }

    /// The first line of an answer: good, or refused.
    fn positive(&self, line: Option<&[u8]>) -> Result<Result<(), Refusal>, Error> {
        let line = line.unwrap_or(b"a line that is too long");
        match reply::parse(line) {
            Some(Reply::Positive(_)) => Ok(Ok(())),
            Some(Reply::Negative(refusal)) => Ok(Err(refusal)),
            Some(Reply::Challenge(_)) | None => Err(Error::NotAReply {
                awaited: self.owed(),
                found: shown(line),
            }),
        }
    }

    fn count_line(&mut self) -> Result<(), Error> {
        self.lines += 1;
        match self.lines > LISTING_LINES_MAX {
            true => Err(Error::EndlessReply(self.owed())),
            false => Ok(()),
        }
    }

    fn go_on_to_list(&mut self, output: &mut Output) {
        if self.sending == Sending::OneByOne {
            output.line("LIST");
        }
        self.part = Part::ListReply;
        self.lines = 0;
    }

    fn all(
        mut self,
        capabilities: &Capabilities,
        policy: WithoutUniqueIds,
    ) -> Result<Heard, Error> {
        self.listing.finish();
        // An empty mailbox needs no unique-ids, and some servers refuse to list
        // what is not there.
        if let Some(refusal) = self.refused.take_if(|_| !self.listing.is_empty()) {
            if let Some(error) = refusal::by_code(&refusal, None) {
                return Err(error);
            }
            // It has UIDL, it says: then this is a fault of the moment, and no
            // reason to fetch everything anew.
            if capabilities.uidl {
                return Err(Error::ListingRefused(refusal));
            }
            if policy == WithoutUniqueIds::Refuse {
                return Err(Error::UidlNeeded);
            }
        }
        Ok(Heard::All {
            listing: self.listing,
            proven: self.tried == Tried::Proven && self.sending != Sending::OneByOne,
        })
    }
}

/// A line of a multi-line answer without its stuffed dot; a line that was too
/// long is as good as an empty one.
fn unstuffed(line: Option<&[u8]>) -> &[u8] {
    let line = line.unwrap_or_default();
    line.strip_prefix(b".").unwrap_or(line)
}
