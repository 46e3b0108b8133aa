//! How the hub is, for Prometheus: the text format, version 0.0.4.
//!
//! Pure: a [`Status`] goes in, text comes out, so that `status --json` has all
//! that the metrics have. No user's name and no address is told: whoever may look
//! at figures need not know who gets how much mail.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use super::status::{FiguresState, HubState, MailboxState, ProviderState, Status};

/// The whole page.
pub fn exposition(status: &Status) -> String {
    let mut page = Page::default();
    page.gauge("postroom_build_info", "Always 1; the version is a label.");
    page.labelled(&[("version", &status.version)], 1);
    if let Some(hub) = &status.hub {
        tell_hub(hub, &mut page);
        tell_figures(&hub.figures, &mut page);
        tell_store(hub, &mut page);
    }
    tell_providers(&status.providers, &mut page);
    tell_mailboxes(&status.mailboxes, &mut page);
    page.gauge("postroom_disk_free_bytes", "Free on the disk of the mail.");
    page.value(status.disk.free);
    page.gauge("postroom_disk_size_bytes", "Size of the disk of the mail.");
    page.value(status.disk.total);
    page.gauge(
        "postroom_disk_short",
        "1 while less than keep_free is free and no mail is taken in.",
    );
    page.value(u64::from(status.disk.short));
    page.text
}

fn tell_hub(hub: &HubState, page: &mut Page) {
    page.gauge(
        "postroom_start_time_seconds",
        "When the hub was started, in seconds since 1970.",
    );
    page.value(hub.since);
    if let Some(octets) = hub.memory_octets {
        page.gauge(
            "postroom_memory_bytes",
            "Memory that is the hub's own (proportional set size).",
        );
        page.value(octets);
    }
    if let Some(certificate) = &hub.certificate {
        page.gauge(
            "postroom_certificate_expiry_time_seconds",
            "When the certificate that PCs see expires, in seconds since 1970.",
        );
        page.value(certificate.expires_at);
        page.gauge(
            "postroom_certificate_days_left",
            "Days until then; negative: it has expired.",
        );
        page.value(certificate.days_left);
    }
    page.gauge("postroom_sessions_open", "Sessions that are open.");
    for protocol in ["fetch", "pop3", "smtp"] {
        let sessions = hub.sessions.iter();
        let open = sessions.filter(|session| session.protocol == protocol);
        page.labelled(&[("protocol", protocol)], open.count());
    }
}

fn tell_figures(figures: &FiguresState, page: &mut Page) {
    page.counters(
        "postroom_sessions_total",
        "Sessions that have begun.",
        "protocol",
        &figures.sessions,
    );
    page.counters(
        "postroom_connections_turned_away_total",
        "Connections turned away before a session, by the limits or accept_from.",
        "protocol",
        &figures.turned_away,
    );
    page.counter(
        "postroom_tls_handshakes_failed_total",
        "TLS handshakes that did not come to their end.",
    );
    page.value(figures.failed_handshakes);
    page.counters(
        "postroom_logins_total",
        "Log-ins of PCs.",
        "result",
        &figures.logins,
    );
    let single = [
        (
            "postroom_received_messages_total",
            "Messages taken in by SMTP.",
            figures.received_messages,
        ),
        (
            "postroom_received_bytes_total",
            "Octets of the messages taken in by SMTP.",
            figures.received_octets,
        ),
        (
            "postroom_retrieved_messages_total",
            "Messages that PCs have read to their end.",
            figures.retrieved_messages,
        ),
        (
            "postroom_retrieved_bytes_total",
            "Octets of messages sent to PCs.",
            figures.retrieved_octets,
        ),
        (
            "postroom_collected_messages_total",
            "Messages that PCs have collected (DELE and QUIT).",
            figures.collected_messages,
        ),
    ];
    for (name, help, number) in single {
        page.counter(name, help);
        page.value(number);
    }
    page.counters(
        "postroom_smtp_refusals_total",
        "Recipients and messages that SMTP refused.",
        "reason",
        &figures.refusals,
    );
}

fn tell_store(hub: &HubState, page: &mut Page) {
    let store = &hub.store;
    page.gauge(
        "postroom_commit_queue_changes",
        "Changes that wait for their commit.",
    );
    page.value(store.waiting_changes);
    page.counter(
        "postroom_committed_changes_total",
        "Changes that were committed.",
    );
    page.value(hub.changes);
    page.counter(
        "postroom_commits_failed_total",
        "Transactions that could not be committed.",
    );
    page.value(store.failed_commits);
    page.counter(
        "postroom_checkpoints_total",
        "Times that the log of the database was copied into it.",
    );
    page.value(store.checkpoints);
    let name = "postroom_commit_duration_seconds";
    page.head(
        name,
        "How long commits took, mostly the sync of the disk.",
        "histogram",
    );
    for bucket in &store.commit_times {
        let at_most = bucket.at_most.to_string();
        page.line(&format!("{name}_bucket"), &[("le", &at_most)], bucket.count);
    }
    page.line(&format!("{name}_bucket"), &[("le", "+Inf")], hub.commits);
    page.line(&format!("{name}_sum"), &[], store.commit_seconds);
    page.line(&format!("{name}_count"), &[], hub.commits);
}

fn tell_providers(providers: &[ProviderState], page: &mut Page) {
    if providers.is_empty() {
        return;
    }
    type Number = fn(&ProviderState) -> Option<i64>;

    let gauges: [(&str, &str, Number); 4] = [
        (
            "postroom_provider_up",
            "1 if the last poll came to its end; absent before the first.",
            |provider| match (provider.last_success, &provider.last_error) {
                (None, None) => None,
                (_, why) => Some(i64::from(why.is_none())),
            },
        ),
        (
            "postroom_provider_last_success_time_seconds",
            "When the last poll came to its end that did, in seconds since 1970.",
            |provider| provider.last_success,
        ),
        (
            "postroom_provider_troubles",
            "What is wrong with the account, in sentences of postroom status.",
            |provider| Some(provider.troubles.len() as i64),
        ),
        (
            "postroom_provider_left_messages",
            "Messages in the mailbox behind the last poll.",
            |provider| Some(provider.left? as i64),
        ),
    ];
    let counters: [(&str, &str, Number); 4] = [
        (
            "postroom_fetched_messages_total",
            "Messages fetched.",
            |provider| Some(provider.fetched as i64),
        ),
        (
            "postroom_fetched_bytes_total",
            "Octets of the messages fetched.",
            |provider| Some(provider.fetched_octets as i64),
        ),
        (
            "postroom_fetched_unclaimed_total",
            "Messages fetched that were nobody's.",
            |provider| Some(provider.unclaimed as i64),
        ),
        (
            "postroom_provider_removed_messages_total",
            "Messages removed at the provider.",
            |provider| Some(provider.removed as i64),
        ),
    ];
    let kinds = [("gauge", gauges), ("counter", counters)];
    for (kind, metrics) in kinds {
        for (name, help, number) in metrics {
            page.head(name, help, kind);
            for provider in providers {
                if let Some(number) = number(provider) {
                    page.labelled(&[("provider", &provider.name)], number);
                }
            }
        }
    }
}

fn tell_mailboxes(mailboxes: &[MailboxState], page: &mut Page) {
    let users = || mailboxes.iter().filter(|mailbox| mailbox.user.is_some());
    let tray = || mailboxes.iter().filter(|mailbox| mailbox.user.is_none());
    let open = users().filter(|mailbox| mailbox.sealed_at.is_none());
    let numbers = [
        (
            "postroom_mailboxes",
            "Mailboxes of users, without those of removed ones.",
            open.count() as u64,
        ),
        (
            "postroom_waiting_messages",
            "Messages that wait for their PCs.",
            users().map(|mailbox| mailbox.messages).sum(),
        ),
        (
            "postroom_waiting_bytes",
            "Their octets.",
            users().map(|mailbox| mailbox.octets).sum(),
        ),
        (
            "postroom_unclaimed_messages",
            "Messages that are nobody's.",
            tray().map(|mailbox| mailbox.messages).sum(),
        ),
        (
            "postroom_unclaimed_bytes",
            "Their octets.",
            tray().map(|mailbox| mailbox.octets).sum(),
        ),
        (
            "postroom_restorable_messages",
            "Messages that were collected and can be restored.",
            mailboxes.iter().map(|found| found.collected_messages).sum(),
        ),
        (
            "postroom_restorable_bytes",
            "Their octets.",
            mailboxes.iter().map(|found| found.collected_octets).sum(),
        ),
    ];
    for (name, help, number) in numbers {
        page.gauge(name, help);
        page.value(number);
    }
}

/// The text as it grows: a metric's head, then its lines.
#[derive(Debug, Default)]
struct Page {
    text: String,
    name: String,
}

impl Page {
    fn gauge(&mut self, name: &str, help: &str) {
        self.head(name, help, "gauge");
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.head(name, help, "counter");
    }

    /// A counter with a line for each name.
    fn counters(&mut self, name: &str, help: &str, label: &str, numbers: &BTreeMap<String, u64>) {
        self.counter(name, help);
        for (value, number) in numbers {
            self.labelled(&[(label, value)], number);
        }
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.name = name.to_string();
        // Writing to a String does not fail, here and below.
        let _ = writeln!(self.text, "# HELP {name} {help}");
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    /// The only line of the metric.
    fn value(&mut self, value: impl Display) {
        self.labelled(&[], value);
    }

    fn labelled(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let name = std::mem::take(&mut self.name);
        self.line(&name, labels, value);
        self.name = name;
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let _ = match labels.as_slice() {
            [] => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{}}} {value}", labels.join(",")),
        };
    }
}

/// As the format wants it between quotes.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
