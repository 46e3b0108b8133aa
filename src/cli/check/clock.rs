//! The clock: certificates, ages and the times in the log depend on it.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::finding::{Finding, Findings, Topic};
use crate::cli::output::time;
use crate::control::seconds;

/// A program may have been made in another time zone's tomorrow.
const TOLERANCE: Duration = Duration::from_secs(24 * 60 * 60);

/// systemd-timesyncd: its folder is there while it runs, this file once it has set
/// the clock.
const TIMESYNC: &str = "/run/systemd/timesync";
/// Other programs that set the clock, by the file with their process id.
const OTHERS: [(&str, &str); 4] = [
    ("/run/chrony/chronyd.pid", "chrony"),
    ("/run/ntpd.pid", "ntpd"),
    ("/run/openntpd.pid", "openntpd"),
    ("/run/ntpsec/ntpd.pid", "ntpsec"),
];

pub fn look(findings: &mut Findings<'_>) {
    look_at_date(SystemTime::now(), findings);
    findings.add(who_sets_it(Path::new("/")));
}

/// A box without a battery wakes up in the past, where no certificate is valid
/// yet.
fn look_at_date(now: SystemTime, findings: &mut Findings<'_>) {
    let made = std::env::current_exe().and_then(|program| fs::metadata(program)?.modified());
    // A program file that cannot be looked at says nothing of the clock.
    if let Ok(made) = made
        && made > now + TOLERANCE
    {
        let text = format!(
            "the clock of this machine is wrong: it shows {}, and this program was made {}; until it is set, \
             certificates seem not to be valid yet",
            time(seconds(now)),
            time(seconds(made))
        );
        findings.add(Finding::error(Topic::Clock, text).mend("timedatectl set-ntp true"));
    }
}

fn who_sets_it(root: &Path) -> Finding {
    let there = |path: &str| root.join(path.trim_start_matches('/')).exists();
    if there(&format!("{TIMESYNC}/synchronized")) {
        return Finding::good(Topic::Clock, "the clock is set over the network");
    }
    if there(TIMESYNC) {
        let text = "the clock has not been set over the network since this machine started";
        return Finding::warning(Topic::Clock, text).mend(
            "timedatectl timesync-status says why; the router may have to let NTP (UDP port 123) out",
        );
    }
    match OTHERS.iter().find(|(pid, _)| there(pid)) {
        Some((_, name)) => Finding::good(Topic::Clock, format!("{name} sets the clock")),
        None => Finding::note(
            Topic::Clock,
            "no program was seen that sets the clock over the network",
        )
        .mend("if there is none: timedatectl set-ntp true"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn a_clock_is_good_once_it_was_set_over_the_network() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(who_sets_it(root.path()).severity, Severity::Note);
        let timesync = root.path().join("run/systemd/timesync");
        fs::create_dir_all(&timesync).unwrap();
        assert_eq!(who_sets_it(root.path()).severity, Severity::Warning);
        fs::write(timesync.join("synchronized"), "").unwrap();
        assert_eq!(who_sets_it(root.path()).severity, Severity::Good);
    }
}
