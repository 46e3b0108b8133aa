//! One account: waits until it is due, polls, tells.

use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use smol::channel::Receiver;
use smol::future::FutureExt;
use smol::{Timer, future};

use super::words::{outcome, sentence};
use super::{Asker, Known, Poller, broken, look};
use crate::control::seconds;
use crate::fetch::Remedy;
use crate::journal;
use crate::net::fetcher::{Chance, News, Poll, PollError, Provider, Timetable, local_time};

/// How often it is looked at the clock: the box may learn the right time, or have
/// slept, while an account waits for the office to open.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Looks after the account until the task is dropped.
pub async fn run(
    provider: Arc<Provider>,
    poller: Poller,
    asked: Receiver<Asker>,
    known: Arc<Mutex<Known>>,
) {
    let mut account = Running {
        timetable: Timetable::begin(Instant::now(), draw()),
        provider,
        known,
    };
    loop {
        let askers = account.wait(&asked).await;
        account.poll(&poller, askers).await;
    }
}

struct Running {
    provider: Arc<Provider>,
    timetable: Timetable,
    known: Arc<Mutex<Known>>,
}

impl Running {
    /// Waits until the account is due, or somebody asks.
    async fn wait(&mut self, asked: &Receiver<Asker>) -> Vec<Asker> {
        let mut askers = Vec::new();
        while askers.is_empty() {
            let schedule = &self.provider.schedule;
            let wait = self.timetable.wait(schedule, Instant::now(), &local_time());
            look(&self.known).state.next_poll = SystemTime::now().checked_add(wait).map(seconds);
            if wait.is_zero() {
                break;
            }
            let asker = async {
                match asked.recv().await {
                    Ok(asker) => Some(asker),
                    // The account is about to be dropped.
                    Err(_) => future::pending().await,
                }
            };
            let enough = async {
                Timer::after(wait.min(LOOK_EVERY)).await;
                None
            };
            askers.extend(future::or(asker, enough).await);
            self.pass();
        }
        // Whoever has asked by now is answered by the poll that begins now.
        while let Ok(asker) = asked.try_recv() {
            askers.push(asker);
        }
        askers
    }

    async fn poll(&mut self, poller: &Poller, askers: Vec<Asker>) {
        let (began, began_at) = (Instant::now(), SystemTime::now());
        {
            let shown = &mut look(&self.known).state;
            shown.polling = true;
            shown.next_poll = None;
            shown.last_poll = Some(seconds(began_at));
        }
        // A panic would end the account for good, and nobody would notice.
        let polling = AssertUnwindSafe(poller(Arc::clone(&self.provider))).catch_unwind();
        let polling = async { polling.await.unwrap_or_else(|_| broken()) };
        let passing = async {
            loop {
                Timer::after(LOOK_EVERY).await;
                self.pass();
            }
        };
        let poll = future::or(polling, passing).await;
        let ended = Instant::now();
        let took = ended.saturating_duration_since(began);
        self.timetable
            .polled(&self.provider.schedule, (began, ended), &poll, draw());
        self.tell(&poll, took);
        for asker in askers {
            // Whoever asked may be gone.
            let _ = asker.try_send(outcome(&self.provider, &poll, took));
        }
    }

    /// To the log and to `status`.
    fn tell(&mut self, poll: &Poll, took: Duration) {
        let name = &self.provider.name;
        let text = sentence(&self.provider, poll, took);
        let report = &poll.report;
        let did_something = report.fetched + report.removed + report.duplicates > 0;
        match &poll.outcome {
            Ok(()) if did_something => journal::polled(name, &text),
            Ok(()) | Err(PollError::Interrupted) => journal::polled_in_vain(name, &text),
            // What every poll says again fills the log and tells nothing new;
            // and where a person is needed, the trouble below says so once.
            Err(why) if self.is_said(why) => journal::poll_failed_again(name, &text),
            Err(_) => journal::poll_failed(name, &text),
        }
        // Before the poll is observed: the silence until now is to be told.
        self.pass();
        let mut known = look(&self.known);
        let news = known.health.observe(poll);
        let troubles = known.health.troubles();
        let shown = &mut known.state;
        shown.polling = false;
        match &poll.outcome {
            Ok(()) => {
                shown.last_success = Some(seconds(SystemTime::now()));
                shown.last_error = None;
                shown.left = Some(report.listed.saturating_sub(report.removed));
            }
            Err(PollError::Interrupted) => {}
            Err(why) => shown.last_error = Some(why.to_string()),
        }
        shown.fetched += report.fetched;
        shown.fetched_octets += report.fetched_octets;
        shown.unclaimed += report.unclaimed;
        shown.removed += report.removed;
        shown.troubles = troubles;
        drop(known);
        self.log(news);
    }

    fn is_said(&self, why: &PollError) -> bool {
        let last = look(&self.known).state.last_error.clone();
        why.remedy() == Remedy::Administrator || last == Some(why.to_string())
    }

    fn pass(&self) {
        let hours = self.provider.schedule.hours;
        let is_within = hours.is_none_or(|hours| hours.contains(&local_time()));
        let mut known = look(&self.known);
        let news = known.health.pass(Instant::now(), is_within);
        known.state.troubles = known.health.troubles();
        drop(known);
        self.log(news);
    }

    fn log(&self, news: Vec<News>) {
        let name = &self.provider.name;
        for news in news {
            match news {
                News::Trouble(text) => journal::account_in_trouble(name, &text),
                News::Over(text) => journal::account_recovered(name, &text),
                News::Remark(text) => journal::account_remark(name, &text),
            }
        }
    }
}

/// Good enough to part offices from each other; no secret hangs on it.
fn draw() -> Chance {
    // Each state hashes with keys of its own.
    let bits = RandomState::new().hash_one(0u8);
    Chance::of_bits((bits >> 32) as u32)
}
