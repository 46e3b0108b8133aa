//! Whose mail it is: the settings of an account that say so.

use super::Line;
use super::convert::{Entry, line, list, text};
use super::grammar::ENVELOPE_COUNT;
use crate::route::multidrop::TrustedHosts;

impl Entry<'_> {
    /// The mode and what belongs to it.
    pub(super) fn routing(&self) -> Vec<Line> {
        if !self.user.is_multidrop() {
            return self.single();
        }
        let options = &self.server.options;
        let header = options.text("envelope");
        let header = header.map(|header| header.trim_end_matches(':').trim().to_string());
        let mut lines = match header {
            Some(header) => vec![
                line("mode", text("envelope")),
                Line {
                    comment: Some(match options.number(ENVELOPE_COUNT) {
                        Some(count) if count > 0 => format!(
                            "envelope {count}: fetchmail skipped the first {count} of them. Here the \
                             topmost of the provider's own lines counts; \"postroom fetch --dry-run\" \
                             shows whether that is the right one"
                        ),
                        _ => "a message without it is unclaimed here; fetchmail then guessed by To and Cc"
                            .to_string(),
                    }),
                    ..line("envelope_header", text(&header))
                },
            ],
            None => vec![Line {
                comment: Some(
                    "no envelope header is named: by what the message shows, the provider's own lines \
                     first. \"postroom fetch --dry-run\" finds the header that he writes, and mode = \
                     \"envelope\" is exact"
                        .to_string(),
                ),
                ..line("mode", text("guess"))
            }],
        };
        if let (Some(prefix), true) = (options.text("qvirtual"), lines.len() > 1) {
            lines.push(Line {
                comment: Some("qvirtual".to_string()),
                ..line("envelope_prefix", text(&prefix))
            });
        }
        lines.extend(self.trusted_hosts());
        lines
    }

    fn single(&self) -> Vec<Line> {
        let local = self.user.local.first();
        let name = local.map(|(name, local)| local.as_ref().unwrap_or(name));
        let (name, comment) = match name {
            Some(name) => (
                name.clone(),
                "a user or an alias; it must be in directory.toml",
            ),
            None => (
                self.user.remote.clone().unwrap_or("CHANGE-ME".to_string()),
                "the file says nothing of whose mail this is: a user or an alias in directory.toml",
            ),
        };
        vec![
            line("mode", text("single")),
            Line {
                comment: Some(comment.to_string()),
                ..line("to", text(&name))
            },
        ]
    }

    /// `aka` names the provider's hosts; only those that are hosts at all, and
    /// no domain that `localdomains` says to be ours.
    fn trusted_hosts(&self) -> Option<Line> {
        let ours = self.server.options.list("localdomains");
        let names = self.server.options.list("aka");
        let mut hosts = TrustedHosts::of_provider(&self.host()).to_setting();
        let known = hosts.len();
        for name in names {
            let name = name.trim_start_matches('.').to_lowercase();
            let is_host = TrustedHosts::parse([name.as_str()]).is_ok();
            let is_ours = ours.iter().any(|domain| domain.eq_ignore_ascii_case(&name));
            if is_host && !is_ours && !hosts.contains(&name) {
                hosts.push(name);
            }
        }
        (hosts.len() > known).then(|| {
            Line {
            comment: Some(
                "the provider's own hosts, by aka: mail that they wrote down is believed. Take out \
                 what is a domain of yours"
                    .to_string(),
            ),
            ..line("trusted_hosts", list(&hosts))
        }
        })
    }
}
