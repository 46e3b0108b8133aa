//! The hub's figures: for `status`, and as the page of the metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Hub;
use crate::control::{Answer, FiguresState, Outcome, StoreState, TimeBucket, exposition};
use crate::net::figures::{ByProtocol, Figures};
use crate::net::metrics::Page;
use crate::store::{self, CommitTimes};

impl Page for Arc<Hub> {
    async fn text(&self) -> Option<String> {
        match self.status().await {
            Outcome::Answer(Answer::Status(status)) => Some(exposition(&status)),
            _ => None,
        }
    }
}

/// What the sessions have done.
pub fn figures_state(figures: &Figures) -> FiguresState {
    let Figures {
        refusals, logins, ..
    } = figures;
    FiguresState {
        received_messages: figures.received_messages.total(),
        received_octets: figures.received_octets.total(),
        refusals: named([
            ("busy", refusals.busy.total()),
            ("closed_address", refusals.closed_address.total()),
            ("content", refusals.content.total()),
            ("foreign_domain", refusals.foreign_domain.total()),
            ("just_gone", refusals.just_gone.total()),
            ("no_room", refusals.no_room.total()),
            ("store_failed", refusals.store_failed.total()),
            ("unknown_recipient", refusals.unknown_recipient.total()),
        ]),
        retrieved_messages: figures.retrieved_messages.total(),
        retrieved_octets: figures.retrieved_octets.total(),
        collected_messages: figures.collected_messages.total(),
        logins: named([
            ("good", logins.good.total()),
            ("disabled", logins.disabled.total()),
            ("in_use", logins.in_use.total()),
            ("unavailable", logins.unavailable.total()),
            ("wrong", logins.wrong.total()),
        ]),
        sessions: by_protocol(&figures.sessions),
        turned_away: by_protocol(&figures.turned_away),
        failed_handshakes: figures.failed_handshakes.total(),
    }
}

fn by_protocol(numbers: &ByProtocol) -> BTreeMap<String, u64> {
    named([
        ("pop3", numbers.pop3.total()),
        ("smtp", numbers.smtp.total()),
    ])
}

fn named<const N: usize>(numbers: [(&str, u64); N]) -> BTreeMap<String, u64> {
    let own = |(name, number): (&str, u64)| (name.to_string(), number);
    numbers.into_iter().map(own).collect()
}

/// What the store has done.
pub fn store_state(figures: &store::Figures) -> StoreState {
    let counts = figures.commit_times.counts.iter();
    let ascending = counts.scan(0, |sum, count| {
        *sum += count;
        Some(*sum)
    });
    // The last count, of those beyond all bounds, is in the commits as a whole.
    let buckets = CommitTimes::BOUNDS.iter().zip(ascending);
    StoreState {
        failed_commits: figures.failed_commits,
        waiting_changes: figures.waiting,
        checkpoints: figures.checkpoints,
        commit_times: buckets
            .map(|(bound, count)| TimeBucket {
                at_most: bound.as_secs_f64(),
                count,
            })
            .collect(),
        commit_seconds: figures.commit_times.total.as_secs_f64(),
    }
}
