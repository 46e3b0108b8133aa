//! What the hub's process uses, as `/proc` tells it.

use std::fs;

/// Octets that are in memory now.
pub fn resident(pid: u32) -> usize {
    of_status(pid, "VmRSS:") * 1024
}

/// The most that ever were.
pub fn peak(pid: u32) -> usize {
    of_status(pid, "VmHWM:") * 1024
}

/// The peak begins anew.
pub fn forget_peak(pid: u32) {
    // proc(5): 5 resets the peak resident set size.
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// Processor time, in hundredths of a second.
pub fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name before the last bracket may hold spaces; the twelfth and
    // thirteenth number after it are utime and stime.
    let (_, numbers) = stat.rsplit_once(')').unwrap();
    let ticks = numbers.split_whitespace().skip(11).take(2);
    ticks.map(|it| it.parse::<u64>().unwrap()).sum()
}

fn of_status(pid: u32, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}
