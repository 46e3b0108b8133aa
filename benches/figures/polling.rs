//! PCs that look for mail: how many, and what each costs.

use std::net::SocketAddr;
use std::time::Duration;

use crate::filling::{LARGEST, USUAL};
use crate::office::{Hub, Office};
use crate::pop3::{Collector, at_once, poll, repeat_for, talker};
use crate::process::Process;
use crate::table::{Table, ratio};
use crate::{Outcome, Plan};

const CLIENTS: usize = 10;

/// What one kind of polling came to, work by work.
#[derive(Default)]
struct Rates {
    per_second: Vec<f64>,
    /// Of the hub, for each poll.
    cpu_ms: Vec<f64>,
    /// Of this program, for each poll.
    own_cpu_ms: Vec<f64>,
    sleeps: Vec<f64>,
}

/// Times of STAT, the first LIST, UIDL after it, LIST again; in milliseconds.
type Listing = [Vec<f64>; 4];

#[derive(Default)]
struct Works {
    talk: Rates,
    empty: Rates,
    large: Rates,
    one_empty: Rates,
    one_largest: Rates,
    usual: Listing,
    largest: Listing,
}

/// Beside a server that only talks, in the same seconds. Mailboxes are locked
/// while somebody is in, so that each client has a user of its own.
pub fn measure(office: &Office, plan: &Plan, table: &mut Table) -> Outcome<()> {
    let hub = office.start()?;
    let pop3 = hub.address("pop3")?;
    let talker = talker(CLIENTS)?;
    let names = |kind: &str| -> Vec<String> {
        (1..=CLIENTS)
            .map(|number| format!("{kind}{number}"))
            .collect()
    };
    let (empty, large) = (names("empty"), names("user"));
    let (one_empty, one_largest) = (vec!["empty1".to_string()], vec![LARGEST.0.to_string()]);
    // A first log-in costs a password hash; from then on it is remembered.
    for user in empty.iter().chain(&large).chain([&USUAL.0.to_string()]) {
        poll(pop3, user)?;
    }
    let time = plan.rate_time;
    let mut works = Works::default();
    for _ in 0..plan.works {
        works.talk.measure(&hub, talker, &empty, time)?;
        works.empty.measure(&hub, pop3, &empty, time)?;
        works.large.measure(&hub, pop3, &large, time)?;
        works.one_empty.measure(&hub, pop3, &one_empty, time)?;
        works.one_largest.measure(&hub, pop3, &one_largest, time)?;
        time_listing(pop3, USUAL.0, &mut works.usual)?;
        time_listing(pop3, LARGEST.0, &mut works.largest)?;
    }
    hub.stop()?;
    works.report(table);
    Ok(())
}

impl Rates {
    /// Each user polls from a thread of its own until the time is over.
    fn measure(
        &mut self,
        hub: &Hub,
        address: SocketAddr,
        users: &[String],
        time: Duration,
    ) -> Outcome<()> {
        let (before, own_before) = (hub.process().used()?, Process::own().used()?);
        let (polls, took) = at_once(users, |user| repeat_for(time, || poll(address, user)))?;
        let used = hub.process().used()?.since(before);
        let own = Process::own().used()?.since(own_before);
        self.per_second.push(polls / took.as_secs_f64());
        self.cpu_ms.push(used.cpu_s * 1000.0 / polls);
        self.own_cpu_ms.push(own.cpu_s * 1000.0 / polls);
        self.sleeps.push(used.sleeps / polls);
        Ok(())
    }

    fn report(&self, name: &str, beside: &str, table: &mut Table) {
        table.figure(name, "polls/s", &self.per_second, beside);
        let beside = ratio(&self.cpu_ms, &self.own_cpu_ms, "that of the client");
        let cost = "    the hub's processor time for a poll";
        table.figure(cost, "ms", &self.cpu_ms, &beside);
        let wakes = "    its threads woken for each poll";
        table.figure(wakes, "times", &self.sleeps, "");
    }
}

impl Works {
    fn report(&self, table: &mut Table) {
        table.part("polls: connect, USER, PASS, STAT, QUIT; no TLS");
        let name = "10 clients, a server that only talks";
        table.figure(name, "polls/s", &self.talk.per_second, "");
        let talk = self.talk.per_second.as_slice();
        let beside = ratio(&self.empty.per_second, talk, "that");
        self.empty
            .report("10 clients, empty mailboxes", &beside, table);
        let beside = ratio(
            &self.large.per_second,
            &self.empty.per_second,
            "empty mailboxes",
        );
        let name = "10 clients, mailboxes of 20,000 and 8,000";
        self.large.report(name, &beside, table);
        self.one_empty
            .report("1 client, an empty mailbox", "", table);
        let beside = ratio(
            &self.one_largest.per_second,
            &self.one_empty.per_second,
            "an empty one",
        );
        let name = "1 client, a mailbox of 20,000";
        self.one_largest.report(name, &beside, table);

        table.part("one session on a mailbox");
        let commands = ["STAT", "LIST, the first", "UIDL after it", "LIST again"];
        for ((command, usual), largest) in commands.iter().zip(&self.usual).zip(&self.largest) {
            table.figure(&format!("{command}, 1,000 messages"), "ms", usual, "");
            let beside = ratio(largest, usual, "with 1,000");
            table.figure(
                &format!("{command}, 20,000 messages"),
                "ms",
                largest,
                &beside,
            );
        }
    }
}

fn time_listing(address: SocketAddr, user: &str, works: &mut Listing) -> Outcome<()> {
    let mut collector = Collector::log_in(address, user)?;
    for (command, times) in ["STAT", "LIST", "UIDL", "LIST"].iter().zip(works) {
        times.push(collector.time(command)?.as_secs_f64() * 1000.0);
    }
    collector.quit()
}
