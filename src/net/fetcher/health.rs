//! What a person must know of an account: each once when it begins, and once
//! when it is over. Pure: polls and times in, sentences out.
//!
//! | said | when | over |
//! |---|---|---|
//! | a person is needed | at the first failure that no waiting mends (a wrong password) | a poll gets further |
//! | no successful poll | for 2 hours, or three times `poll` if that is longer, of office time | a poll succeeds |
//! | the mailbox grows | what cannot be taken out of it rose five times and never fell | it falls |
//! | removed messages come back | three polls in a row list what was removed | a poll does not |
//! | a message is refused | at three polls | the server gives or no longer lists it |
//! | the certificate expires | within 10 days | there is a newer one |
//!
//! Only what a poll that came to its end does not say any more is over. Kept in
//! memory: a hub that starts anew says again what is still so.

mod conditions;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Poll, PollError, Report, Schedule};
use crate::fetch::Remedy;
use conditions::{Growth, Refusals, Return};

/// Without a successful poll for so long somebody should know…
const SILENCE_MAX: Duration = Duration::from_secs(2 * 60 * 60);
/// …but not before so many polls could have succeeded.
const SILENT_POLLS: u32 = 3;
/// Usual certificates are renewed a month or more before they expire.
const CERTIFICATE_DAYS: i64 = 10;
/// A server's peculiarities; a hostile one must not fill the memory.
const REMARKS_MAX: usize = 100;

/// Something to tell, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something is wrong, and what to do.
    Trouble(String),
    /// Something is right again.
    Over(String),
    /// Worth knowing, and nothing to do.
    Remark(String),
}

/// The health of one account.
#[derive(Debug)]
pub struct Health {
    silence: Silence,
    growth: Growth,
    returns: Return,
    refusals: Refusals,
    remarks: BTreeSet<String>,
    fault: Condition,
    is_silent: Condition,
    grows: Condition,
    comes_back: Condition,
    refuses: Condition,
    expires: Condition,
}

/// Office time since the last successful poll.
#[derive(Debug)]
struct Silence {
    max: Duration,
    so_far: Duration,
    until: Instant,
    last_error: Option<String>,
}

/// Something that is wrong or not.
#[derive(Debug, Default)]
struct Condition(Option<String>);

impl Health {
    /// All is well until something is seen.
    pub fn begin(schedule: &Schedule, now: Instant) -> Health {
        Health {
            silence: Silence {
                max: longest_silence(schedule),
                so_far: Duration::ZERO,
                until: now,
                last_error: None,
            },
            growth: Growth::default(),
            returns: Return::default(),
            refusals: Refusals::default(),
            remarks: BTreeSet::new(),
            fault: Condition::default(),
            is_silent: Condition::default(),
            grows: Condition::default(),
            comes_back: Condition::default(),
            refuses: Condition::default(),
            expires: Condition::default(),
        }
    }

    /// The settings have changed: what was wrong may be mended by that, and its end
    /// is to be told.
    pub fn reschedule(&mut self, schedule: &Schedule) {
        self.silence.max = longest_silence(schedule);
    }

    /// Time passes; to be called every minute or so, also while a poll runs.
    pub fn pass(&mut self, now: Instant, within_hours: bool) -> Vec<News> {
        self.silence.pass(now, within_hours);
        self.is_silent
            .becomes(self.silence.sentence(), String::new)
            .into_iter()
            .collect()
    }

    /// A poll is over.
    pub fn observe(&mut self, poll: &Poll) -> Vec<News> {
        let mut news = self.remark(&poll.report);
        let seen = match &poll.outcome {
            Ok(()) => self.succeeded(&poll.report),
            Err(PollError::Interrupted) => Vec::new(),
            Err(why) => self.failed(why, &poll.report),
        };
        news.extend(seen.into_iter().flatten());
        news
    }

    /// What is wrong now, in words.
    pub fn troubles(&self) -> Vec<String> {
        let all = [
            &self.fault,
            &self.is_silent,
            &self.grows,
            &self.comes_back,
            &self.refuses,
            &self.expires,
        ];
        all.into_iter()
            .filter_map(|condition| condition.0.clone())
            .collect()
    }

    fn remark(&mut self, report: &Report) -> Vec<News> {
        let mut news = Vec::new();
        for remark in &report.remarks {
            if self.remarks.len() < REMARKS_MAX && self.remarks.insert(remark.clone()) {
                news.push(News::Remark(remark.clone()));
            }
        }
        news
    }

    fn succeeded(&mut self, report: &Report) -> Vec<Option<News>> {
        let after = self.silence.so_far;
        self.silence.ends();
        let back = || format!("a poll succeeded again, after {}", in_words(after));
        let mut news = vec![self.fault.becomes(None, back)];
        // One sentence for both is enough.
        let told = news.iter().any(Option::is_some);
        let silent = self.is_silent.becomes(None, back);
        news.push(silent.filter(|_| !told));
        news.push(self.grows.becomes(self.growth.see(report), || {
            "the provider's mailbox no longer grows".to_string()
        }));
        news.push(self.comes_back.becomes(self.returns.see(report), || {
            "what is removed at the provider is no longer listed there".to_string()
        }));
        self.refusals.see(report);
        self.refusals.forget_all_but(report);
        news.extend(self.tell_of_refusals());
        news.push(self.look_at_certificate(report));
        news
    }

    fn failed(&mut self, why: &PollError, report: &Report) -> Vec<Option<News>> {
        self.silence.last_error = Some(why.to_string());
        let fault = match why.remedy() {
            Remedy::Administrator => {
                Some(format!("every poll will fail until this is mended: {why}"))
            }
            // It cannot be reached today; that says nothing of the password.
            _ if report.certificate_days_left.is_none() && report.listed == 0 => {
                self.fault.0.clone()
            }
            _ => None,
        };
        let mut news = vec![
            self.fault
                .becomes(fault, || "the provider lets the hub in again".to_string()),
        ];
        self.refusals.see(report);
        news.extend(self.tell_of_refusals());
        if report.certificate_days_left.is_some() {
            news.push(self.look_at_certificate(report));
        }
        news
    }

    /// A further message is news, though others are refused already.
    fn tell_of_refusals(&mut self) -> Vec<Option<News>> {
        let further = self.refusals.further();
        let is_first = self.refuses.0.is_none();
        let sentence = self.refusals.sentence();
        let news = self.refuses.becomes(sentence.clone(), || {
            "the provider gives the messages that it refused, or has them no longer".to_string()
        });
        let more = sentence.filter(|_| further && !is_first);
        vec![news, more.map(News::Trouble)]
    }

    fn look_at_certificate(&mut self, report: &Report) -> Option<News> {
        let days = report
            .certificate_days_left
            .filter(|days| *days <= CERTIFICATE_DAYS);
        let sentence = days.map(|days| {
            let when = match days {
                ..0 => "has expired".to_string(),
                0 => "expires today".to_string(),
                1 => "expires in 1 day".to_string(),
                days => format!("expires in {days} days"),
            };
            format!(
                "the certificate of the provider's server {when}; without a new one no mail can be fetched: ask the \
                 provider (where fingerprint is set, for the new fingerprint as well)"
            )
        });
        self.expires.becomes(sentence, || {
            "the provider's server has a newer certificate".to_string()
        })
    }
}

fn longest_silence(schedule: &Schedule) -> Duration {
    SILENCE_MAX.max(schedule.every.saturating_mul(SILENT_POLLS))
}

impl Silence {
    fn pass(&mut self, now: Instant, within_hours: bool) {
        if within_hours {
            self.so_far += now.saturating_duration_since(self.until);
        }
        self.until = now;
    }

    fn ends(&mut self) {
        self.so_far = Duration::ZERO;
        self.last_error = None;
    }

    fn sentence(&self) -> Option<String> {
        if self.so_far < self.max {
            return None;
        }
        let silent = format!("no successful poll for {}", in_words(self.so_far));
        Some(match &self.last_error {
            Some(why) => format!("{silent}; the last one failed: {why}"),
            None => format!("{silent}; the poll that runs does not come to its end"),
        })
    }
}

impl Condition {
    /// It is so, in these words, or no longer; what to tell of it.
    fn becomes(&mut self, sentence: Option<String>, over: impl FnOnce() -> String) -> Option<News> {
        let was = std::mem::replace(&mut self.0, sentence);
        match (was, &self.0) {
            (None, Some(sentence)) => Some(News::Trouble(sentence.clone())),
            (Some(_), None) => Some(News::Over(over())),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

/// `2 hours`; whole ones, for a threshold is no measurement.
fn in_words(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes, minutes / 60) {
        (1, _) => "1 minute".to_string(),
        (minutes, 0) => format!("{minutes} minutes"),
        (_, 1) => "1 hour".to_string(),
        (_, hours) if hours < 48 => format!("{hours} hours"),
        (_, hours) => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests;
