//! Whether this machine has the memory that postroom.toml gives the hub.

use std::fs;

use super::finding::{Finding, Findings, Topic};
use crate::cli::output::size;
use crate::config::Configuration;

/// The program at rest, and two passwords that are checked at once (19 MiB each).
const BESIDE_BUDGET: u64 = 13_000_000 + 2 * (19 << 20);
/// What systemd allows the unit at most, where it says.
const UNIT_LIMIT: &str = "/sys/fs/cgroup/system.slice/postroom.service/memory.max";

pub fn look(configuration: &Configuration, findings: &mut Findings<'_>) {
    let budget = configuration.limits.memory_octets as u64;
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| Machine::read(&text));
    let unit = fs::read_to_string(UNIT_LIMIT).ok();
    let unit = unit.and_then(|text| text.trim().parse().ok());
    findings.add(judge(budget, machine, unit));
    let limits = &configuration.limits;
    // By default a few less than are set.
    if limits.connections_by_memory() < limits.connections / 10 * 9 {
        findings.add(
            Finding::note(
                Topic::Memory,
                format!(
                    "[limits] memory is enough for {} sessions at once, not for the {} of connections",
                    limits.connections_by_memory(),
                    limits.connections
                ),
            )
            .mend("raise memory if PCs are told to come later"),
        );
    }
}

/// Octets of this machine's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Machine {
    total: u64,
    available: u64,
}

impl Machine {
    /// As proc(5) shows it.
    fn read(meminfo: &str) -> Option<Machine> {
        let octets = |name: &str| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kilobytes * 1024)
        };
        Some(Machine {
            total: octets("MemTotal:")?,
            available: octets("MemAvailable:")?,
        })
    }
}

fn judge(budget: u64, machine: Option<Machine>, unit: Option<u64>) -> Finding {
    let needed = budget.saturating_add(BESIDE_BUDGET);
    let may_use = format!("the hub may use {} of memory", size(needed));
    if let Some(most) = unit.filter(|most| *most < needed) {
        let text = format!("{may_use}, and its systemd unit allows {}", size(most));
        return Finding::warning(Topic::Memory, text)
            .mend("lower [limits] memory, or raise MemoryMax (systemctl edit postroom)");
    }
    let Some(Machine { total, available }) = machine else {
        return Finding::note(
            Topic::Memory,
            format!("{may_use}; this machine does not say what it has"),
        );
    };
    let has = format!(
        "{may_use}; this machine has {}, of which {} are free",
        size(total),
        size(available)
    );
    if needed > total / 2 {
        return Finding::warning(Topic::Memory, format!("{has}: that is more than half"))
            .mend("lower [limits] memory");
    }
    if needed > available {
        return Finding::warning(
            Topic::Memory,
            format!("{has}: other programs need the rest"),
        )
        .mend("stop what is not needed (top shows it), or lower [limits] memory");
    }
    Finding::good(Topic::Memory, has)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn the_budget_is_held_against_machine_and_unit() {
        let machine = |total: u64, available: u64| {
            Some(Machine {
                total: total << 20,
                available: available << 20,
            })
        };
        for (budget, machine, unit, severity, said) in [
            (64, machine(4096, 3000), None, Severity::Good, "free"),
            (
                64,
                machine(4096, 3000),
                Some(512 << 20),
                Severity::Good,
                "free",
            ),
            (
                64,
                machine(4096, 3000),
                Some(64 << 20),
                Severity::Warning,
                "systemd unit",
            ),
            (400, machine(512, 450), None, Severity::Warning, "half"),
            (
                64,
                machine(4096, 50),
                None,
                Severity::Warning,
                "other programs",
            ),
            (64, None, None, Severity::Note, "does not say"),
        ] {
            let found = judge(budget * 1_000_000, machine, unit);
            assert_eq!(found.severity, severity, "{found:?}");
            assert!(found.text.contains(said), "{found:?}");
        }
    }

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        let text = "MemTotal:        3884404 kB\nMemFree:  100 kB\nMemAvailable:    2884404 kB\n";
        let found = Machine::read(text).unwrap();
        assert_eq!(found.total, 3_884_404 * 1024);
        assert_eq!(found.available, 2_884_404 * 1024);
        assert_eq!(Machine::read("MemTotal: lots\n"), None);
        assert!(Machine::read(&fs::read_to_string("/proc/meminfo").unwrap()).is_some());
    }
}
