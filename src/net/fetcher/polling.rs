//! The errand of a poll: what is new is committed, what is committed may go.
//!
//! Commits run beside the session, so that the next messages arrive meanwhile and
//! many commits share one sync. How much may wait for its commit is bounded.

mod commits;
mod oversize;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Surroundings;
use super::plan::{Plan, Wanted, is_over, plan};
use super::report::{PollError, Report};
use super::settings::Provider;
use super::visit::{Answer, Errand};
use crate::delivery::{Complete, Fetched, Origin};
use crate::fetch::{Arrived, Capabilities, Listing, Refusal, Scan, Task};
use crate::journal;
use crate::mail::HeaderBlock;
use crate::store::{
    FetchedDelivery, FetchedId, FetchedKind, FetchedMark, KnownProvider, Lost, Moment, StoreError,
};
use commits::{Commits, Committed, Done};

/// One poll.
pub(super) struct Polling<'a> {
    provider: &'a Provider,
    around: Surroundings<'a>,
    origin: Arc<Origin>,
    account: KnownProvider,
    pub report: Report,
    plan: Plan,
    /// What is known and not listed: it may have come back under another
    /// unique-id.
    lost: HashMap<[u8; 32], Vec<Lost>>,
    /// DELE was asked for; what is refused is taken out.
    removing: HashMap<u32, FetchedId>,
    /// What people are told instead of a message-number.
    names: HashMap<u32, String>,
    arriving: Arriving,
    commits: Commits,
    /// Answers that came while nobody could hear them.
    ready: VecDeque<Answer>,
    /// Messages that are there again although their removal was confirmed.
    undead: u64,
    /// Nothing more is fetched.
    pub failed: Option<StoreError>,
}

/// The message whose content arrives.
#[derive(Debug)]
enum Arriving {
    Nothing,
    Message(Box<Fetched>),
    /// Larger than LIST said, and than the limit.
    TooLarge {
        headers: Box<HeaderBlock>,
        octets: u64,
    },
    /// The rest is read and dropped.
    Failed(StoreError),
}

impl<'a> Polling<'a> {
    pub fn new(
        provider: &'a Provider,
        around: Surroundings<'a>,
        account: KnownProvider,
        origin: Origin,
    ) -> Polling<'a> {
        Polling {
            provider,
            around,
            origin: Arc::new(origin),
            account,
            report: Report::default(),
            plan: Plan::default(),
            lost: HashMap::new(),
            removing: HashMap::new(),
            names: HashMap::new(),
            arriving: Arriving::Nothing,
            commits: Commits::new(),
            ready: VecDeque::new(),
            undead: 0,
            failed: None,
        }
    }

    /// The session is over: waits for the commits under way, and notes what QUIT
    /// has confirmed.
    pub async fn finish(&mut self, is_confirmed: bool) {
        while self.commits.are_under_way() {
            // The session takes no answer any more; the count does.
            let _ = self.next_commit().await;
        }
        self.commits.give_memory_back();
        if self.undead > 0 {
            self.report.remarks.push(
                "messages are there again although the server has confirmed their removal"
                    .to_string(),
            );
        }
        if !is_confirmed || self.removing.is_empty() {
            return;
        }
        let records: Vec<FetchedId> = self.removing.drain().map(|(_, record)| record).collect();
        self.report.removed = records.len() as u64;
        let noted = self
            .around
            .store
            .removed_at_provider(records, Moment::now());
        if let Err(why) = noted.await {
            // The next poll finds them gone, which is as good.
            journal::store_failed("noting what was removed at the provider", &why);
        }
    }

    fn mark(&self, wanted: &Wanted, kind: FetchedKind, digest: [u8; 32]) -> FetchedMark {
        FetchedMark {
            provider: self.account.id,
            unique_id: wanted.unique_id.clone(),
            kind,
            digest,
            octets: wanted.octets,
        }
    }

    /// The record of the same message, if it has one: under the same unique-id,
    /// under one that is not listed any more, or under one that another message
    /// may have now. Each record is one message, however many have its octets.
    fn find_same(&mut self, wanted: &Wanted, digest: [u8; 32]) -> Option<(FetchedId, bool)> {
        let leave = self.provider.leave_on_server;
        let own = wanted.known.as_ref().filter(|known| known.digest == digest);
        if let Some(known) = own.filter(|known| known.removed) {
            return Some((known.record, is_over(known.age, leave)));
        }
        let own = own.map(|known| known.record);
        let lost = self.lost.get_mut(&digest)?;
        let place = lost
            .iter()
            .position(|lost| Some(lost.record) == own)
            .or_else(|| {
                lost.iter()
                    .position(|lost| lost.kind == FetchedKind::Message)
            })?;
        let lost = lost.swap_remove(place);
        self.undead += u64::from(lost.removed);
        Some((lost.record, is_over(lost.age, leave)))
    }

    /// Commits beside the session.
    async fn commit(&mut self, arrived: Arrived, wanted: &Wanted, complete: Complete) {
        let octets = complete.octets();
        let same = self.find_same(wanted, complete.digest());
        let mark = self.mark(wanted, FetchedKind::Message, complete.digest());
        let (store, origin) = (self.around.store.clone(), Arc::clone(&self.origin));
        let directory = self.around.directory.now();
        let commit = async move {
            let Some((record, is_over)) = same else {
                let delivery = complete.deliver(&origin, &directory, mark, Moment::now());
                return delivery.await.map(Done::Delivered);
            };
            let receipt = store.recognise(record, mark.unique_id, mark.octets).await;
            receipt.map(|receipt| Done::Recognised {
                record,
                receipt,
                is_over,
            })
        };
        self.commits
            .begin(arrived, octets, commit, self.around.tasks)
            .await;
    }

    /// The next commit that is over, and what the session hears of it.
    async fn next_commit(&mut self) -> Answer {
        let Committed {
            arrived,
            octets,
            outcome,
            ..
        } = self.commits.next().await;
        let (record, receipt, goes) = match outcome {
            Err(why) => return self.fail(arrived, why),
            Ok(Done::Delivered(delivery)) => {
                self.count(&delivery, octets);
                let goes = self.provider.leave_on_server.is_zero();
                (delivery.record, delivery.receipt, goes)
            }
            Ok(Done::Recognised {
                record,
                receipt,
                is_over,
            }) => {
                self.report.duplicates += 1;
                (record, receipt, is_over)
            }
        };
        if !goes {
            return Answer::Leave(arrived);
        }
        self.removing.insert(arrived.number(), record);
        Answer::Remove(arrived, receipt)
    }

    fn count(&mut self, delivery: &FetchedDelivery, octets: u64) {
        if delivery.entries.is_empty() {
            self.report.duplicates += 1;
            return;
        }
        self.report.fetched += 1;
        self.report.fetched_octets += octets;
        let mut mailboxes = delivery.entries.iter();
        self.report.unclaimed += u64::from(mailboxes.any(|(mailbox, _)| mailbox.user().is_none()));
    }

    fn fail(&mut self, arrived: Arrived, why: StoreError) -> Answer {
        if self.failed.is_none() {
            // The poll ends for this reason, and says so.
            self.failed = Some(why);
        }
        Answer::LeaveAndStop(arrived)
    }
}

impl Errand for Polling<'_> {
    async fn plan(
        &mut self,
        listing: Listing,
        capabilities: &Capabilities,
    ) -> Result<Vec<Task>, PollError> {
        self.report.login_delay = capabilities.login_delay;
        self.report.listed = listing.len() as u64;
        self.report.listed_octets = listing.scans().filter_map(|scan| scan.octets).sum();
        let faults = listing.faults();
        if faults.repeated_unique_ids > 0 {
            self.report.remarks.push(
                "some messages share a unique-id, so that only their octets tell whether they are known"
                    .to_string(),
            );
        }
        let listed = listing
            .scans()
            .map(|scan| scan.unique_id.map(<[u8]>::to_vec))
            .collect();
        let is_whole = faults.omitted == 0 && faults.unreadable_lines == 0;
        let compared =
            self.around
                .store
                .compare_listing(self.account.id, listed, is_whole, Moment::now());
        let mut comparison = compared.await?;
        let lost = std::mem::take(&mut comparison.lost);
        self.plan = plan(&listing, comparison, self.provider);
        for lost in lost
            .into_iter()
            .chain(std::mem::take(&mut self.plan.doubtful))
        {
            self.lost.entry(lost.digest).or_default().push(lost);
        }
        let has_task = |scan: &Scan<'_>| {
            let Plan {
                retrieving,
                removing,
                ..
            } = &self.plan;
            retrieving.contains_key(&scan.number) || removing.contains_key(&scan.number)
        };
        let named = listing.scans().filter(has_task);
        self.names = named.map(|scan| (scan.number, name(&scan))).collect();
        self.removing = std::mem::take(&mut self.plan.removing);
        self.report.oversized = self.plan.oversized;
        self.report.postponed = self.plan.postponed;
        self.report.continued = self.plan.continued;
        self.undead = self.plan.undead;
        if !self.plan.retrieving.is_empty() {
            let memory = self.around.memory.for_poll().await;
            self.commits.use_memory(memory.ok_or(PollError::Busy)?);
        }
        Ok(std::mem::take(&mut self.plan.tasks))
    }

    fn begin(&mut self) {
        let fetched = Fetched::begin(self.around.store, Moment::now().wall);
        self.arriving = Arriving::Message(Box::new(fetched));
    }

    async fn take(&mut self, content: &[u8]) {
        let max = self.provider.max_message_size;
        match &mut self.arriving {
            Arriving::Message(fetched) => {
                let octets = fetched.octets() + content.len() as u64;
                if let Err(why) = fetched.write(content).await {
                    self.arriving = Arriving::Failed(why);
                } else if octets > max
                    && let Arriving::Message(fetched) =
                        std::mem::replace(&mut self.arriving, Arriving::Nothing)
                {
                    self.arriving = Arriving::TooLarge {
                        headers: Box::new(fetched.into_headers()),
                        octets,
                    };
                }
            }
            Arriving::TooLarge { octets, .. } => *octets += content.len() as u64,
            Arriving::Nothing | Arriving::Failed(_) => {}
        }
    }

    async fn complete(&mut self, arrived: Arrived) -> Option<Answer> {
        let arriving = std::mem::replace(&mut self.arriving, Arriving::Nothing);
        let wanted = self.plan.retrieving.remove(&arrived.number());
        let (arriving, wanted) = match (arriving, wanted) {
            (Arriving::Failed(why), _) => return Some(self.fail(arrived, why)),
            (arriving, Some(wanted)) => (arriving, wanted),
            (_, None) => return Some(Answer::Leave(arrived)),
        };
        match arriving {
            Arriving::Message(fetched) => {
                self.commit(arrived, &wanted, fetched.complete()).await;
                while self.commits.are_too_many() {
                    let answer = self.next_commit().await;
                    self.ready.push_back(answer);
                }
                None
            }
            Arriving::TooLarge { headers, octets } => {
                self.turned_out_too_large(wanted, &headers, octets).await;
                Some(Answer::Leave(arrived))
            }
            Arriving::Nothing | Arriving::Failed(_) => Some(Answer::Leave(arrived)),
        }
    }

    async fn headers_complete(&mut self, number: u32) {
        let arriving = std::mem::replace(&mut self.arriving, Arriving::Nothing);
        let (Arriving::Message(fetched), Some(wanted)) =
            (arriving, self.plan.too_large.remove(&number))
        else {
            return;
        };
        let headers = fetched.into_headers();
        match &wanted.known {
            Some(known) => self.look_again(&wanted, known, &headers).await,
            None => {
                self.tell_too_large(&wanted, Some(&headers), wanted.octets)
                    .await;
            }
        }
    }

    async fn give_up(&mut self, number: u32) {
        let arriving = std::mem::replace(&mut self.arriving, Arriving::Nothing);
        if let (Arriving::TooLarge { headers, octets }, Some(wanted)) =
            (arriving, self.plan.retrieving.remove(&number))
        {
            self.turned_out_too_large(wanted, &headers, octets).await;
        }
    }

    fn discard(&mut self) {
        self.arriving = Arriving::Nothing;
    }

    async fn refused(&mut self, number: u32, refusal: Refusal) {
        // Without TOP its size is all that can be told.
        if let Some(wanted) = self.plan.too_large.remove(&number) {
            if wanted.known.is_none() {
                self.tell_too_large(&wanted, None, wanted.octets).await;
            }
            return;
        }
        self.removing.remove(&number);
        self.plan.retrieving.remove(&number);
        let name = self.names.get(&number).cloned().unwrap_or_default();
        self.report.refused.push((name, refusal));
    }

    async fn answer(&mut self) -> Answer {
        match self.ready.pop_front() {
            Some(answer) => answer,
            None => self.next_commit().await,
        }
    }
}

fn name(scan: &Scan<'_>) -> String {
    match scan.unique_id {
        Some(unique_id) => String::from_utf8_lossy(unique_id).into_owned(),
        None => format!("message {}", scan.number),
    }
}
