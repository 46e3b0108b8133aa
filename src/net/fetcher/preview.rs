//! The errands that change nothing: a look for `check`, and the dry run.

use super::report::PollError;
use super::settings::Provider;
use super::visit::{Answer, Errand};
use super::{DryRun, Found, Preview, Reading};
use crate::fetch::{Arrived, Capabilities, Listing, Refusal, Task};
use crate::mail::{HEADER_OCTETS_MAX, HeaderBlock, Summary};
use crate::route::Directory;
use crate::route::multidrop::{Survey, decide};

/// Logs in and lists.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub found: Option<Found>,
}

impl Errand for Look {
    async fn plan(
        &mut self,
        listing: Listing,
        capabilities: &Capabilities,
    ) -> Result<Vec<Task>, PollError> {
        self.found = Some(Found {
            messages: listing.len() as u64,
            octets: listing.scans().filter_map(|scan| scan.octets).sum(),
            has_unique_ids: listing.has_unique_ids(),
            pipelining: capabilities.pipelining,
            implementation: capabilities.implementation.clone(),
            certificate_days_left: None,
        });
        Ok(Vec::new())
    }

    fn begin(&mut self) {}
    async fn take(&mut self, _content: &[u8]) {}

    async fn complete(&mut self, arrived: Arrived) -> Option<Answer> {
        Some(Answer::Leave(arrived))
    }

    async fn headers_complete(&mut self, _number: u32) {}
    async fn give_up(&mut self, _number: u32) {}
    fn discard(&mut self) {}
    async fn refused(&mut self, _number: u32, _refusal: Refusal) {}

    async fn answer(&mut self) -> Answer {
        std::future::pending().await
    }
}

/// Reads headers, and says who would get the messages.
pub(super) struct Reader<'a> {
    provider: &'a Provider,
    directory: &'a Directory,
    reading: Reading,
    most: usize,
    survey: Survey<'a>,
    /// Message-numbers and sizes that were asked for and not answered yet, the
    /// last one first: answers come in order.
    awaited: Vec<(u32, Option<u64>)>,
    head: Vec<u8>,
    no_top: Option<Refusal>,
    done: DryRun,
}

impl<'a> Reader<'a> {
    pub fn new(
        provider: &'a Provider,
        directory: &'a Directory,
        reading: Reading,
        most: usize,
    ) -> Reader<'a> {
        Reader {
            provider,
            directory,
            reading,
            most,
            survey: Survey::new(directory, &provider.routing.hostname, &provider.host),
            awaited: Vec::new(),
            head: Vec::new(),
            no_top: None,
            done: DryRun {
                listed: 0,
                previews: Vec::new(),
                advice: None,
                refused: Vec::new(),
            },
        }
    }

    /// What was found.
    ///
    /// # Errors
    /// The server shows no message by TOP.
    pub fn finish(mut self) -> Result<DryRun, PollError> {
        if let (Some(refusal), []) = (self.no_top, self.done.previews.as_slice()) {
            return Err(PollError::NoTop(refusal));
        }
        self.done.advice = self.survey.advise();
        Ok(self.done)
    }

    fn read(&mut self, number: u32) {
        let octets = loop {
            match self.awaited.pop() {
                Some((awaited, octets)) if awaited == number => break octets,
                Some(_) => {}
                None => break None,
            }
        };
        let headers = HeaderBlock::read(&self.head);
        let decision = decide(&self.provider.routing, self.directory, &headers);
        let summary = Summary::of(headers.octets());
        self.done.previews.push(Preview {
            number,
            octets,
            from: summary.from,
            subject: summary.subject,
            decision,
        });
        self.survey.add(headers);
    }
}

impl Errand for Reader<'_> {
    async fn plan(
        &mut self,
        listing: Listing,
        _capabilities: &Capabilities,
    ) -> Result<Vec<Task>, PollError> {
        self.done.listed = listing.len() as u64;
        let skipped = listing.len().saturating_sub(self.most);
        let newest = listing.scans().skip(skipped);
        self.awaited = newest.map(|scan| (scan.number, scan.octets)).collect();
        let task = |&(number, octets): &(u32, Option<u64>)| match self.reading {
            Reading::Top => Task::Top { number },
            Reading::Retrieve => Task::Retrieve { number, octets },
        };
        let tasks = self.awaited.iter().map(task).collect();
        self.awaited.reverse();
        Ok(tasks)
    }

    fn begin(&mut self) {
        self.head.clear();
    }

    async fn take(&mut self, content: &[u8]) {
        let room = HEADER_OCTETS_MAX.saturating_sub(self.head.len());
        let taken = content.get(..room).unwrap_or(content);
        self.head.extend_from_slice(taken);
    }

    async fn complete(&mut self, arrived: Arrived) -> Option<Answer> {
        self.read(arrived.number());
        Some(Answer::Leave(arrived))
    }

    async fn headers_complete(&mut self, number: u32) {
        self.read(number);
    }

    async fn give_up(&mut self, _number: u32) {}

    fn discard(&mut self) {
        self.head.clear();
    }

    async fn refused(&mut self, number: u32, refusal: Refusal) {
        if self.reading == Reading::Top {
            self.no_top.get_or_insert(refusal.clone());
        }
        self.done.refused.push((number, refusal));
    }

    async fn answer(&mut self) -> Answer {
        std::future::pending().await
    }
}
