//! What a process costs, as `/proc` tells it.

use std::fs;
use std::path::PathBuf;

use crate::Outcome;

/// Ticks of `/proc/PID/stat` in a second: the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Where proc_pid_stat(5) has the parent, and utime, stime, cutime, cstime.
const PARENT: usize = 1;
const OWN_TICKS: std::ops::Range<usize> = 11..13;
const ALL_TICKS: std::ops::Range<usize> = 11..15;
const REAPED_TICKS: std::ops::Range<usize> = 13..15;

/// A process, by its id.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

/// What a process has used since its start.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Processor time in seconds, in the program and in the system for it.
    pub cpu_s: f64,
    /// How often one of its threads went to sleep: each was woken again.
    pub sleeps: f64,
}

/// Memory in octets.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Proportional set size: what is its own, and its share of the rest.
    pub pss: f64,
    /// The part that is no file: stacks and heap.
    pub anonymous: f64,
}

impl Process {
    /// This program.
    pub fn own() -> Process {
        Process(std::process::id())
    }

    /// What it has used so far.
    pub fn used(self) -> Outcome<Used> {
        let stat = self.stat()?;
        let ticks = stat.get(OWN_TICKS).unwrap_or_default().iter().sum::<i64>();
        Ok(Used {
            cpu_s: ticks as f64 / TICKS_PER_SECOND,
            sleeps: self.sleeps()?,
        })
    }

    fn sleeps(self) -> Outcome<f64> {
        let mut sleeps = 0.0;
        for thread in fs::read_dir(self.file("task"))? {
            // A thread that has ended meanwhile is not counted.
            let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
            sleeps += number_after(&status, "voluntary_ctxt_switches:").unwrap_or(0.0);
        }
        Ok(sleeps)
    }

    /// What it holds now.
    pub fn memory(self) -> Outcome<Memory> {
        let rollup = fs::read_to_string(self.file("smaps_rollup"))?;
        let octets = |name| number_after(&rollup, name).map(|kib| kib * 1024.0);
        Ok(Memory {
            pss: octets("Pss:").ok_or("smaps_rollup without Pss")?,
            anonymous: octets("Pss_Anon:").ok_or("smaps_rollup without Pss_Anon")?,
        })
    }

    /// What it has started itself and what still runs of it.
    pub fn children(self) -> Outcome<Vec<Process>> {
        let parents = parents()?.into_iter();
        let own = parents.filter(|(_, parent)| *parent == i64::from(self.0));
        Ok(own.map(|(id, _)| Process(id)).collect())
    }

    /// It and all that it has started, as far as they run: a server of many
    /// processes is measured by its first.
    pub fn family(self) -> Outcome<Vec<Process>> {
        let parents = parents()?;
        let mut family = vec![self.0];
        let mut next = 0;
        while let Some(&member) = family.get(next) {
            let children = parents
                .iter()
                .filter(|(_, parent)| *parent == i64::from(member));
            family.extend(children.map(|(id, _)| *id));
            next += 1;
        }
        Ok(family.into_iter().map(Process).collect())
    }

    /// Processor seconds of it, of all that it has started, and of all of those
    /// that have ended and were waited for.
    pub fn cpu_of_family(self) -> Outcome<f64> {
        let mut ticks = 0_i64;
        for member in self.family()? {
            let stat = member.stat().unwrap_or_default();
            ticks += stat.get(ALL_TICKS).unwrap_or_default().iter().sum::<i64>();
        }
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Processor seconds of what it has started, has ended and was waited for.
    pub fn cpu_of_the_reaped(self) -> Outcome<f64> {
        let stat = self.stat()?;
        let ticks = stat.get(REAPED_TICKS).unwrap_or_default().iter();
        Ok(ticks.sum::<i64>() as f64 / TICKS_PER_SECOND)
    }

    /// Proportional set size in octets of it and all that it has started.
    pub fn pss_of_family(self) -> Outcome<f64> {
        let family = self.family()?;
        Ok(family
            .into_iter()
            .filter_map(|member| member.memory().ok())
            .map(|memory| memory.pss)
            .sum())
    }

    /// The most resident memory since the start, or since it was forgotten.
    pub fn peak(self) -> Outcome<f64> {
        let status = fs::read_to_string(self.file("status"))?;
        let kib = number_after(&status, "VmHWM:").ok_or("status without VmHWM")?;
        Ok(kib * 1024.0)
    }

    /// The peak begins anew.
    pub fn forget_peak(self) -> Outcome<()> {
        // proc(5): 5 resets the peak resident set size.
        Ok(fs::write(self.file("clear_refs"), "5")?)
    }

    /// The numbers of `/proc/PID/stat` after the name; the state, a letter, is 0.
    fn stat(self) -> Outcome<Vec<i64>> {
        let stat = fs::read_to_string(self.file("stat"))?;
        // The name before the last bracket may hold spaces.
        let (_, numbers) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
        let numbers = numbers.split_whitespace();
        Ok(numbers.map(|number| number.parse().unwrap_or(0)).collect())
    }

    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }
}

impl Used {
    /// What was used since `before`.
    pub fn since(self, before: Used) -> Used {
        Used {
            cpu_s: self.cpu_s - before.cpu_s,
            sleeps: self.sleeps - before.sleeps,
        }
    }
}

/// Every process, and the id of the one that started it.
fn parents() -> Outcome<Vec<(u32, i64)>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(id) = entry?.file_name().to_string_lossy().parse() else {
            continue;
        };
        // One that has ended meanwhile is nobody's child any more.
        let stat = Process(id).stat().unwrap_or_default();
        parents.extend(stat.get(PARENT).map(|parent| (id, *parent)));
    }
    Ok(parents)
}

fn number_after(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
