//! Mail into the mailbox: how fast, how soon, and what it costs.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::disk::{MESSAGE_OCTETS, appends_per_second};
use crate::office::{Hub, Office};
use crate::process::Process;
use crate::smtp::Sender;
use crate::table::{Table, ratio};
use crate::{Outcome, Plan};

const SESSIONS: usize = 10;

/// What one kind of sending came to, work by work.
#[derive(Default)]
struct Rates {
    per_second: Vec<f64>,
    /// Of the hub, for 1,000 messages.
    cpu_s: Vec<f64>,
    /// Of this program, for 1,000 messages.
    own_cpu_s: Vec<f64>,
    sleeps: Vec<f64>,
    syncs: Vec<f64>,
}

#[derive(Default)]
struct Works {
    disk_one: Vec<f64>,
    disk_ten: Vec<f64>,
    ten: Rates,
    one: Rates,
    source: Rates,
    source_anew: Rates,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

/// Beside what the disk does in the same seconds.
pub fn measure(office: &Office, folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    let hub = office.start()?;
    let smtp = hub.address("smtp")?;
    let has_source = has_smtp_source();
    let mut works = Works::default();
    for _ in 0..plan.works {
        let before = disk(folder, plan)?;
        let time = plan.rate_time;
        works.ten.measure(&hub, || send(smtp, SESSIONS, time))?;
        works.one.measure(&hub, || send(smtp, 1, time))?;
        let mut times = Sender::connect(smtp, "user1")?.time_each(time)?;
        works.p50.push(percentile(&mut times, 50)?);
        works.p99.push(percentile(&mut times, 99)?);
        if has_source {
            let count = plan.source_messages;
            let source = |more: &[&str]| smtp_source(smtp, count, more);
            works.source.measure(&hub, || source(&["-d"]))?;
            works.source_anew.measure(&hub, || source(&[]))?;
        }
        let after = disk(folder, plan)?;
        works.disk_one.push(f64::midpoint(before.0, after.0));
        works.disk_ten.push(f64::midpoint(before.1, after.1));
    }
    hub.stop()?;
    works.report(has_source, table);
    Ok(())
}

/// Messages a second with one sync each, and with one for ten. Asked before and
/// after the sending: others may use the disk as well, now more, now less.
fn disk(folder: &Path, plan: &Plan) -> Outcome<(f64, f64)> {
    let time = plan.rate_time / 3;
    Ok((
        appends_per_second(folder, 1, time)?,
        appends_per_second(folder, SESSIONS, time)?,
    ))
}

impl Rates {
    /// `send` returns how many messages were acknowledged.
    fn measure(&mut self, hub: &Hub, send: impl FnOnce() -> Outcome<u64>) -> Outcome<()> {
        let commits = hub.commits()?;
        let (before, own_before) = (hub.process().used()?, Process::own().used()?);
        let began = Instant::now();
        let messages = send()? as f64;
        let elapsed = began.elapsed().as_secs_f64();
        let used = hub.process().used()?.since(before);
        let own = Process::own().used()?.since(own_before);
        self.per_second.push(messages / elapsed);
        self.cpu_s.push(used.cpu_s * 1000.0 / messages);
        self.own_cpu_s.push(own.cpu_s * 1000.0 / messages);
        self.sleeps.push(used.sleeps / messages);
        self.syncs.push((hub.commits()? - commits) / messages);
        Ok(())
    }

    fn report(&self, name: &str, limit: (&[f64], &str), table: &mut Table) {
        let beside = ratio(&self.per_second, limit.0, limit.1);
        table.figure(name, "messages/s", &self.per_second, &beside);
        let beside = match self.own_cpu_s.iter().all(|own| *own > 0.0) {
            true => ratio(&self.cpu_s, &self.own_cpu_s, "that of the sender"),
            false => String::new(),
        };
        let cost = "    the hub's processor time for 1,000";
        table.figure(cost, "s", &self.cpu_s, &beside);
        let wakes = "    its threads woken for each message";
        table.figure(wakes, "times", &self.sleeps, "");
        table.figure("    syncs for each message", "commits", &self.syncs, "");
    }
}

impl Works {
    fn report(&self, has_source: bool, table: &mut Table) {
        let octets = MESSAGE_OCTETS;
        table.part("mail into the mailbox, 4 KB messages");
        let name = format!("the disk: {octets} octets appended, one fdatasync each");
        table.figure(&name, "messages/s", &self.disk_one, "");
        let beside = ratio(&self.disk_ten, &self.disk_one, "that");
        let name = "the disk: ten appended, one fdatasync for them";
        table.figure(name, "messages/s", &self.disk_ten, &beside);
        let (one, ten) = ("the disk with one each", "the disk with one for ten");
        let ten_limit = (self.disk_ten.as_slice(), ten);
        self.ten.report("10 sessions, pipelined", ten_limit, table);
        self.one
            .report("1 session, pipelined", (&self.disk_one, one), table);
        let flush: Vec<f64> = self.disk_one.iter().map(|rate| 1000.0 / rate).collect();
        let beside = ratio(&self.p50, &flush, "one append with fdatasync");
        let name = "1 session, from MAIL to the 250 of its content, p50";
        table.figure(name, "ms", &self.p50, &beside);
        let beside = ratio(&self.p99, &self.p50, "p50");
        table.figure("… p99", "ms", &self.p99, &beside);
        if has_source {
            let name = "smtp-source, 10 sessions that stay (-d)";
            self.source.report(name, ten_limit, table);
            let name = "smtp-source, 10 sessions, one for each message";
            self.source_anew.report(name, ten_limit, table);
        } else {
            let words = "NOT MEASURED: not installed (Debian package postfix)";
            table.remark("smtp-source", words);
        }
    }
}

/// Our own sender, which costs less than smtp-source and pipelines.
pub fn send(smtp: SocketAddr, sessions: usize, time: Duration) -> Outcome<u64> {
    let senders = (1..=sessions)
        .map(|number| Sender::connect(smtp, &format!("user{number}")))
        .collect::<Outcome<Vec<_>>>()?;
    let threads: Vec<_> = senders
        .into_iter()
        .map(|sender| std::thread::spawn(move || sender.send_for(time)))
        .collect();
    let mut messages = 0;
    for thread in threads {
        messages += thread.join().map_err(|_| "a sender panicked")??;
    }
    Ok(messages)
}

/// Whether it is installed.
pub fn has_smtp_source() -> bool {
    // It says how to use it, and fails, where it is.
    smtp_source_command().output().is_ok()
}

/// Debian keeps it where only root's PATH looks.
pub fn smtp_source_command() -> Command {
    match Path::new("/usr/sbin/smtp-source").exists() {
        true => Command::new("/usr/sbin/smtp-source"),
        false => Command::new("smtp-source"),
    }
}

fn smtp_source(smtp: SocketAddr, messages: usize, more: &[&str]) -> Outcome<u64> {
    let done = smtp_source_command()
        .args(["-s", &SESSIONS.to_string()])
        .args(["-l", &MESSAGE_OCTETS.to_string()])
        .args(["-m", &messages.to_string()])
        .args(["-f", "friend@elsewhere.example", "-t", "user1@example.com"])
        .args(more)
        .arg(format!("inet:127.0.0.1:{}", smtp.port()))
        .stderr(Stdio::inherit())
        .status()?;
    match done.success() {
        true => Ok(messages as u64),
        false => Err("smtp-source failed".into()),
    }
}

/// Of durations, in milliseconds.
fn percentile(times: &mut [Duration], percent: usize) -> Outcome<f64> {
    times.sort();
    let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    let time = times.get(place).ok_or("nothing was sent")?;
    Ok(time.as_secs_f64() * 1000.0)
}
