//! What a process costs, as `/proc` tells it.

use std::fs;
use std::path::PathBuf;

use crate::Outcome;

/// Ticks of `/proc/PID/stat` in a second: the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

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
        let stat = fs::read_to_string(self.file("stat"))?;
        // The name before the last bracket may hold spaces; the twelfth and
        // thirteenth number after it are utime and stime.
        let (_, numbers) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
        let ticks = numbers.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
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

fn number_after(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
