//! What the hub holds in memory, at rest and for each session.

use std::time::Duration;

use postroom::net::limits::{MESSAGE_OCTETS, SESSION_OCTETS};

use crate::office::Office;
use crate::pop3::{Collector, poll};
use crate::smtp::Sender;
use crate::table::{Table, ratio};
use crate::{Outcome, Plan};

/// The hub gives memory back when log-ins have stopped for some seconds.
const REST: Duration = Duration::from_secs(10);
/// For the hub to take in what was sent.
const SETTLE: Duration = Duration::from_millis(300);
const SMTP_SESSIONS: usize = 100;
const POP3_SESSIONS: usize = 200;
const MEGA: f64 = 1_000_000.0;

#[derive(Default)]
struct Works {
    at_start: Vec<f64>,
    at_start_anonymous: Vec<f64>,
    after_log_ins: Vec<f64>,
    after_rest: Vec<f64>,
    smtp: Vec<f64>,
    pop3: Vec<f64>,
}

/// Measures on a hub of its own each time: memory that one work has freed must
/// not serve the next one.
pub fn measure(office: &Office, plan: &Plan, table: &mut Table) -> Outcome<()> {
    let mut works = Works::default();
    for _ in 0..plan.memory_works {
        at_rest(office, &mut works)?;
        works
            .smtp
            .push(of_each(office, "smtp", SMTP_SESSIONS, |address| {
                let mut sender = Sender::connect(address, "empty1")?;
                sender.stop_midway()?;
                Ok(sender)
            })?);
        works
            .pop3
            .push(of_each(office, "pop3", POP3_SESSIONS, Collector::connect)?);
    }
    works.report(table);
    Ok(())
}

fn at_rest(office: &Office, works: &mut Works) -> Outcome<()> {
    let hub = office.start()?;
    std::thread::sleep(SETTLE);
    let memory = hub.process().memory()?;
    works.at_start.push(memory.pss / MEGA);
    works.at_start_anonymous.push(memory.anonymous / MEGA);
    let address = hub.address("pop3")?;
    for number in 1..=10 {
        poll(address, &format!("empty{number}"))?;
    }
    works.after_log_ins.push(hub.process().memory()?.pss / MEGA);
    std::thread::sleep(REST);
    works.after_rest.push(hub.process().memory()?.pss / MEGA);
    hub.stop()
}

/// Octets of each of `count` open sessions.
fn of_each<T>(
    office: &Office,
    listener: &str,
    count: usize,
    open: impl Fn(std::net::SocketAddr) -> Outcome<T>,
) -> Outcome<f64> {
    let hub = office.start()?;
    let address = hub.address(listener)?;
    std::thread::sleep(SETTLE);
    let before = hub.process().memory()?.pss;
    let sessions = (0..count)
        .map(|_| open(address))
        .collect::<Outcome<Vec<T>>>()?;
    std::thread::sleep(SETTLE);
    let with_sessions = hub.process().memory()?.pss;
    drop(sessions);
    hub.wait_for_rest()?;
    hub.stop()?;
    Ok((with_sessions - before) / count as f64)
}

impl Works {
    fn report(&self, table: &mut Table) {
        table.part("memory (proportional set size)");
        let start = "that at the start";
        let beside = format!(
            "of it heap and stacks: {}",
            ratio(&self.at_start_anonymous, &self.at_start, "the whole")
        );
        table.figure("at the start", "MB", &self.at_start, &beside);
        let beside = ratio(&self.after_log_ins, &self.at_start, start);
        table.figure("just after ten log-ins", "MB", &self.after_log_ins, &beside);
        let beside = ratio(&self.after_rest, &self.at_start, start);
        table.figure("… and 10 s of rest", "MB", &self.after_rest, &beside);
        let allowed = vec![(SESSION_OCTETS + MESSAGE_OCTETS) as f64; self.smtp.len()];
        let beside = ratio(&self.smtp, &allowed, "what the limits reckon with");
        let name = format!("each of {SMTP_SESSIONS} SMTP sessions in DATA, 4 KB sent");
        table.figure(&name, "octets", &self.smtp, &beside);
        let allowed = vec![SESSION_OCTETS as f64; self.pop3.len()];
        let beside = ratio(&self.pop3, &allowed, "what the limits reckon with");
        let name = format!("each of {POP3_SESSIONS} POP3 sessions before log-in, no TLS");
        table.figure(&name, "octets", &self.pop3, &beside);
    }
}
