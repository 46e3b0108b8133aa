//! What a poll came to, in one line: an interface, like every line of the log.

use std::time::Duration;

use crate::control::FetchedAccount;
use crate::journal::Size;
use crate::net::fetcher::{Poll, Provider, Report};

/// `12 messages (1.3 MB) from pop.provider.example, 1 unclaimed, 12 removed, 0
/// left, 1.2 s`, or why it failed. What is zero is left out, but for what every
/// reader looks for.
pub fn sentence(provider: &Provider, poll: &Poll, took: Duration) -> String {
    let report = &poll.report;
    let fetched = match report.fetched {
        1 => "1 message".to_string(),
        number => format!("{number} messages"),
    };
    let size = Size(report.fetched_octets);
    match (&poll.outcome, report.fetched) {
        (Ok(()), 0) => format!(
            "nothing new from {}{}, {:.1} s",
            provider.host,
            figures(report),
            took.as_secs_f32()
        ),
        (Ok(()), _) => format!(
            "{fetched} ({size}) from {}{}, {:.1} s",
            provider.host,
            figures(report),
            took.as_secs_f32()
        ),
        (Err(why), 0) => format!("failed: {why}"),
        (Err(why), _) => format!("failed behind {fetched} ({size}), which are kept: {why}"),
    }
}

fn figures(report: &Report) -> String {
    let left = report.listed.saturating_sub(report.removed);
    let all = [
        (report.unclaimed, "unclaimed"),
        (report.duplicates, "already here"),
        (report.removed, "removed"),
        (left, "left"),
        (report.oversized, "too large"),
        (report.postponed, "postponed"),
        (report.refused.len() as u64, "refused"),
    ];
    let shown = all
        .iter()
        .filter(|(number, what)| *number > 0 || ["removed", "left"].contains(what));
    shown
        .map(|(number, what)| format!(", {number} {what}"))
        .collect()
}

/// The same for whoever asked.
pub fn outcome(provider: &Provider, poll: &Poll, took: Duration) -> FetchedAccount {
    let report = &poll.report;
    let refused = report.refused.iter();
    FetchedAccount {
        account: provider.name.clone(),
        done: poll.outcome.is_ok(),
        text: sentence(provider, poll, took),
        listed: report.listed,
        fetched: report.fetched,
        fetched_octets: report.fetched_octets,
        unclaimed: report.unclaimed,
        duplicates: report.duplicates,
        removed: report.removed,
        oversized: report.oversized,
        postponed: report.postponed,
        refused: refused
            .map(|(message, refusal)| format!("{message}: {refusal}"))
            .collect(),
        remarks: report.remarks.clone(),
    }
}
