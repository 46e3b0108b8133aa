//! What many clients come to on one server: how fast, and what it costs there.

use std::time::Duration;

use crate::Outcome;
use crate::pop3::at_once;
use crate::process::Process;

use super::comparison::{Better, Comparison, Line};

/// Clients at once, each with a mailbox of its own: one locks the other out.
pub const CLIENTS: usize = 10;

/// What one kind of session came to on one server, work by work.
#[derive(Default)]
pub struct Rates {
    pub per_second: Vec<f64>,
    /// Of the server's processes, for each.
    pub cpu_ms: Vec<f64>,
}

impl Rates {
    /// Each client works from a thread of its own; how many sessions there were,
    /// and how long they took.
    pub fn measure<Client: Sync>(
        &mut self,
        server: Process,
        clients: &[Client],
        work: impl Fn(&Client) -> Outcome<u64> + Sync,
    ) -> Outcome<(f64, Duration)> {
        let before = server.cpu_of_family()?;
        let (sessions, took) = at_once(clients, work)?;
        let cpu_s = server.cpu_of_family()? - before;
        self.per_second.push(sessions / took.as_secs_f64());
        self.cpu_ms.push(cpu_s * 1000.0 / sessions);
        Ok((sessions, took))
    }
}

/// What was asked for, or cannot be passed: of the rate, and of the cost.
#[derive(Default)]
pub struct Limits {
    pub rate: String,
    pub cpu: String,
}

/// A line for the rate and one for the cost.
pub fn compare(
    comparison: &mut Comparison,
    work: &str,
    (name, peer): (&'static str, &Rates),
    postroom: &Rates,
    limits: Limits,
) {
    comparison.line(&Line {
        work: format!("{work}, sessions/s"),
        better: Better::More,
        peer: Some((name, peer.per_second.clone())),
        postroom: postroom.per_second.clone(),
        limit: limits.rate,
    });
    comparison.line(&Line {
        work: "… processor time of the server for each, ms".to_string(),
        better: Better::Less,
        peer: Some((name, peer.cpu_ms.clone())),
        postroom: postroom.cpu_ms.clone(),
        limit: limits.cpu,
    });
}

/// `20,000`
pub fn thousands(number: usize) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (above, rest) => format!("{},{rest:03}", thousands(above)),
    }
}
