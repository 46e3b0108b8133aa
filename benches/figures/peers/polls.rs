//! PCs that look for mail and find nothing new: connect, USER, PASS, STAT, QUIT.

use std::path::Path;
use std::time::Duration;

use crate::pop3::{Door, at_once, poll_at, repeat_for, talker};
use crate::process::Process;
use crate::table::{amount, median, ratio};
use crate::tls::Client;
use crate::{Outcome, Plan};

use super::comparison::Comparison;
use super::mailboxes::{LARGE, Mailboxes, TINY, TINY_MESSAGES, names};
use super::rates::{CLIENTS, Limits, Rates, compare, thousands};
use super::{dovecot, listings};

#[derive(Default)]
struct Works {
    /// Polls a second of a server that only talks.
    talker: Vec<f64>,
    default: Rates,
    tuned: Rates,
    postroom: Rates,
    tuned_large: Rates,
    postroom_large: Rates,
    /// Nearly empty, in the same seconds as the large ones.
    postroom_beside: Rates,
}

/// With the polls of PCs that leave their mail here, on the same mailboxes.
pub fn measure(_folder: &Path, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    if let Some(why) = dovecot::what_is_missing() {
        comparison.missing("POP3 polls and listings beside Dovecot", why);
        return Ok(());
    }
    let mailboxes = Mailboxes::make(plan)?;
    Works::of(&mailboxes, plan)?.report(plan, comparison);
    let work = format!("POP3 poll with TLS, a new session each, {CLIENTS} clients");
    measure_tls(&mailboxes, plan, Client::anew, &work, comparison)?;
    let work = format!("POP3 poll with TLS, sessions resumed, {CLIENTS} clients");
    measure_tls(&mailboxes, plan, Client::resuming, &work, comparison)?;
    listings::measure(&mailboxes, plan, comparison)?;
    mailboxes.hub.stop()
}

impl Works {
    fn of(mailboxes: &Mailboxes, plan: &Plan) -> Outcome<Works> {
        let (tiny, large) = (names(TINY), names(LARGE));
        let talker = Door::plain(talker(CLIENTS)?);
        let (default, tuned) = (&mailboxes.default, &mailboxes.tuned);
        let (hub, pop3) = (mailboxes.process(), mailboxes.pop3()?);
        let time = plan.rate_time;
        let mut works = Works::default();
        for _ in 0..plan.works {
            let (polls, took) = at_once(&tiny, |user| poll_for(time, &talker, user))?;
            works.talker.push(polls / took.as_secs_f64());
            let poll = |rates: &mut Rates, server: Process, door: &Door, users: &[String]| {
                rates.measure(server, users, |user| poll_for(time, door, user))
            };
            poll(&mut works.default, default.process(), &default.pop3, &tiny)?;
            poll(&mut works.tuned, tuned.process(), &tuned.pop3, &tiny)?;
            poll(&mut works.postroom, hub, &pop3, &tiny)?;
            let large_rates = &mut works.tuned_large;
            poll(large_rates, tuned.process(), &tuned.pop3, &large)?;
            poll(&mut works.postroom_beside, hub, &pop3, &tiny)?;
            poll(&mut works.postroom_large, hub, &pop3, &large)?;
        }
        Ok(works)
    }

    fn report(&self, plan: &Plan, comparison: &mut Comparison) {
        let talker = median(&self.talker);
        let work = format!("POP3 poll, {CLIENTS} clients, {TINY_MESSAGES} messages");
        let limits = Limits {
            rate: format!("a server that only talks: {}", amount(talker)),
            cpu: "target: ≤ 0.2 ms".to_string(),
        };
        let default = ("Dovecot", &self.default);
        compare(comparison, &work, default, &self.postroom, limits);
        let limits = Limits {
            rate: "target: ≥ 2 ×".to_string(),
            cpu: "target: ≤ 0.2 ms".to_string(),
        };
        let tuned = ("Dovecot tuned", &self.tuned);
        compare(comparison, &work, tuned, &self.postroom, limits);
        let messages = thousands(plan.large_mailbox);
        let work = format!("POP3 poll, {CLIENTS} clients, {messages} messages");
        let than = format!("that with {TINY_MESSAGES} messages (target: ≥ 0.9)");
        let beside = &self.postroom_beside.per_second;
        let limits = Limits {
            rate: ratio(&self.postroom_large.per_second, beside, &than),
            cpu: String::new(),
        };
        let tuned = ("Dovecot tuned", &self.tuned_large);
        compare(comparison, &work, tuned, &self.postroom_large, limits);
    }
}

/// The same certificate on both sides. Each PC keeps a session of its own.
fn measure_tls(
    mailboxes: &Mailboxes,
    plan: &Plan,
    client: fn() -> Outcome<Client>,
    work: &str,
    comparison: &mut Comparison,
) -> Outcome<()> {
    let (mut there, mut here) = (Vec::new(), Vec::new());
    let server = &mailboxes.tuned;
    for user in names(TINY) {
        let pc = client()?;
        there.push((user.clone(), server.pop3s(&pc), pc));
        let pc = client()?;
        here.push((user, mailboxes.pop3s(&pc)?, pc));
    }
    let (mut tuned, mut postroom) = (Rates::default(), Rates::default());
    let poll = |(user, door, _): &Pc| poll_for(plan.rate_time, door, user);
    for _ in 0..plan.works {
        tuned.measure(server.process(), &there, poll)?;
        postroom.measure(mailboxes.process(), &here, poll)?;
    }
    let percent = |pcs: &[Pc]| {
        let percents = pcs.iter().map(|(.., client)| client.percent_resumed());
        percents.sum::<f64>() / pcs.len() as f64
    };
    let limits = Limits {
        rate: format!(
            "resumed there {:.0} %, here {:.0} %",
            percent(&there),
            percent(&here)
        ),
        cpu: String::new(),
    };
    let tuned = ("Dovecot tuned", &tuned);
    compare(comparison, work, tuned, &postroom, limits);
    Ok(())
}

/// A user, the way in, and the sessions kept.
type Pc = (String, Door, Client);

fn poll_for(time: Duration, door: &Door, user: &str) -> Outcome<u64> {
    repeat_for(time, || poll_at(door, user))
}
