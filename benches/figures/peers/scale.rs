//! A store that has grown: it must take mail in and answer polls as a small one
//! does.

use std::path::Path;

use crate::filling::{SMALL, fill_each};
use crate::intake::send;
use crate::office::Office;
use crate::pop3::{Door, at_once, poll_at, repeat_for};
use crate::table::ratio;
use crate::{Outcome, Plan, say};

use super::comparison::{Better, Comparison, Line};
use super::rates::{CLIENTS, thousands};
use super::ready;

/// Messages in the small store.
const FEW: usize = 1_000;
/// Messages with which the hub must start at once.
const READY: usize = 100_000;
/// Users of the kind `user` that an office has.
const USERS: usize = 20;

/// What was measured on a store, work by work.
#[derive(Default)]
struct Works {
    delivered: Vec<f64>,
    polled: Vec<f64>,
}

/// With the start of the hub when 100,000 messages are there.
pub fn measure(folder: &Path, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    let small = Office::make(&folder.join("few"))?;
    let large = Office::make(&folder.join("many"))?;
    large.start()?.stop()?;
    fill_each(&large, SMALL, users(0..READY))?;
    ready::measure(&large, READY, plan, comparison)?;
    say(&format!(
        "{} messages are stored",
        thousands(plan.many_messages)
    ));
    fill_each(&large, SMALL, users(READY..plan.many_messages))?;
    let (mut few, mut many) = (Works::default(), Works::default());
    for _ in 0..plan.works {
        // What is delivered makes it grow.
        small.empty()?;
        small.start()?.stop()?;
        fill_each(&small, SMALL, users(0..FEW))?;
        few.measure(&small, plan)?;
        many.measure(&large, plan)?;
    }
    many.report(&few, plan, comparison);
    Ok(())
}

/// In turn, as mail comes: no mailbox lies in one piece.
fn users(numbers: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    numbers.map(|number| format!("user{}", number % USERS + 1))
}

impl Works {
    fn measure(&mut self, office: &Office, plan: &Plan) -> Outcome<()> {
        let hub = office.start()?;
        let began = std::time::Instant::now();
        let messages = send(hub.address("smtp")?, CLIENTS, plan.rate_time)?;
        self.delivered
            .push(messages as f64 / began.elapsed().as_secs_f64());
        let door = Door::plain(hub.address("pop3")?);
        let users: Vec<String> = users(0..CLIENTS).collect();
        // A first log-in costs a password hash; from then on it is remembered.
        users.iter().try_for_each(|user| poll_at(&door, user))?;
        let (polls, took) = at_once(&users, |user| {
            repeat_for(plan.rate_time, || poll_at(&door, user))
        })?;
        self.polled.push(polls / took.as_secs_f64());
        hub.stop()
    }

    fn report(self, few: &Works, plan: &Plan, comparison: &mut Comparison) {
        let than = format!("that with {} (target: ≥ 0.8)", thousands(FEW));
        let messages = thousands(plan.many_messages);
        let mut line = |work: &str, many: Vec<f64>, few: &[f64]| {
            comparison.line(&Line {
                work: format!("{messages} messages stored: {work}"),
                better: Better::More,
                peer: None,
                limit: ratio(&many, few, &than),
                postroom: many,
            });
        };
        let work = "SMTP to mailbox, 4 KB, 10 sessions, messages/s";
        line(work, self.delivered, &few.delivered);
        line(
            "POP3 poll, 10 clients, sessions/s",
            self.polled,
            &few.polled,
        );
    }
}
