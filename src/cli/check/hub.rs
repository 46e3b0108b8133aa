//! A hub runs: does it work for a PC, and what does it complain of?

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use smol::net::TcpStream;

use super::finding::{Finding, Findings, Topic};
use super::ports;
use crate::config::Configuration;
use crate::control::{HubState, ProviderState, Status};
use crate::journal;
use crate::net::connection::within;
use crate::net::tls::{self, CA_CERTIFICATE_FILE, TrustedRoots};

/// How long a listener of the hub may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Fewer fetched messages say nothing of the mode.
const FETCHED_MIN: u64 = 20;

pub fn look(configuration: &Configuration, hub: &HubState, findings: &mut Findings<'_>) {
    findings.add(Finding::good(
        Topic::Hub,
        format!("the hub runs, {} sessions", hub.sessions.len()),
    ));
    ports::compare(configuration, &hub.listeners, findings);
    let under_tls = hub
        .listeners
        .iter()
        .filter(|listener| matches!(listener.name.as_str(), "smtps" | "pop3s"));
    for listener in under_tls {
        match listener.address.parse() {
            Ok(address) => look_as_a_pc(configuration, address, findings),
            Err(_) => findings.add(Finding::error(
                Topic::Hub,
                format!("listener {} has no address", listener.name),
            )),
        }
    }
}

/// What the hub says of the accounts at providers and of itself, and its last
/// complaints.
pub fn look_at_accounts(status: &Status, findings: &mut Findings<'_>) {
    for provider in &status.providers {
        for trouble in &provider.troubles {
            let text = format!("provider {}: {trouble}", provider.name);
            findings.add(Finding::warning(Topic::Provider, text));
        }
        if let Some(finding) = judge_mode(provider) {
            findings.add(finding);
        }
    }
    let Some(hub) = &status.hub else {
        return;
    };
    if status.version != env!("CARGO_PKG_VERSION") {
        let text = format!(
            "the running hub is version {}, and this program {}",
            status.version,
            env!("CARGO_PKG_VERSION")
        );
        findings.add(Finding::warning(Topic::Hub, text).mend("systemctl restart postroom"));
    }
    for trouble in &hub.troubles {
        findings.add(Finding::warning(Topic::Hub, trouble));
    }
    let troubles = status.providers.iter().flat_map(|known| &known.troubles);
    let troubles = troubles.chain(&hub.troubles);
    let is_told = |line: &&String| troubles.clone().any(|trouble| line.contains(trouble));
    for line in hub.recent_errors.iter().filter(|line| !is_told(line)) {
        findings.add(judge_line(line));
    }
}

/// A line of the log, with its time and level. What lasts is found by a look at it, and
/// most lines may be over; but an error that nothing else tells of is for a person.
fn judge_line(line: &str) -> Finding {
    let text = format!("in the log: {line}");
    let error = line
        .split_once(" ERROR ")
        .filter(|(at, _)| !at.contains(' '));
    match error {
        Some((_, what)) if !journal::has_an_end(what) => Finding::warning(Topic::Hub, text).mend(
            "docs/log.md says what it means; once that is mended, systemctl restart postroom begins a new list",
        ),
        _ => Finding::note(Topic::Hub, text),
    }
}

/// Where most mail of a provider is unclaimed, its mode does not fit.
fn judge_mode(provider: &ProviderState) -> Option<Finding> {
    let is_much = provider.fetched >= FETCHED_MIN && provider.unclaimed > provider.fetched / 2;
    is_much.then(|| {
        let (name, unclaimed, fetched) = (&provider.name, provider.unclaimed, provider.fetched);
        let text = format!(
            "provider {name}: of {fetched} messages {unclaimed} are unclaimed, so that its mode or header does not fit"
        );
        Finding::warning(Topic::Provider, text).mend(format!(
            "postroom fetch {name} --dry-run proposes a mode and a header"
        ))
    })
}

/// Connects as a PC does that has imported the office CA, or trusts the
/// system's where the office has none.
fn look_as_a_pc(configuration: &Configuration, listener: SocketAddr, findings: &mut Findings<'_>) {
    let address = reachable(listener);
    let folder = configuration
        .tls
        .as_ref()
        .and_then(|tls| tls.certificate.parent());
    let ca = folder.and_then(|folder| fs::read(folder.join(CA_CERTIFICATE_FILE)).ok());
    let roots = ca.map_or(TrustedRoots::System, TrustedRoots::Pem);
    let hostname = configuration.hostname.as_str();
    let outcome = smol::block_on(async {
        let stream = within(ANSWER_LIMIT, TcpStream::connect(address)).await;
        let stream = stream.unwrap_or_else(|| Err(ErrorKind::TimedOut.into()));
        let stream = stream.map_err(|why| why.to_string())?;
        let session = tls::connect(stream, hostname, &roots, ANSWER_LIMIT).await;
        session.map(drop).map_err(|why| why.to_string())
    });
    findings.add(match outcome {
        Ok(()) => Finding::good(
            Topic::Hub,
            format!("a PC that connects to {hostname} on {listener} trusts the hub"),
        ),
        Err(why) => Finding::error(
            Topic::Hub,
            format!("a PC that connects to {hostname} on {listener}: {why}"),
        ),
    });
}

/// Where a listener on all addresses can be reached from here.
pub fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn an_error_that_nothing_else_tells_of_is_a_warning() {
        let is_warning = |line: &str| {
            let line = format!("2026-11-23T09:00:00.000Z {line}");
            judge_line(&line).severity == Severity::Warning
        };
        for line in [
            "ERROR internal error: panicked at src/x.rs:1:1: no",
            "ERROR accepting nothing listener=smtp: Too many open files; it is tried on and on",
            "ERROR the log file cannot be opened anew: Permission denied",
            "ERROR the server certificate could not be renewed: key.pem: Permission denied (2 like this since 20)",
        ] {
            assert!(is_warning(line), "{line}");
        }
        for line in [
            "WARN log-in failed peer=192.0.2.7 user=\"x ERROR y\"",
            "ERROR store failed while keeping a message: the disk is full",
            "ERROR not reloaded, the last good settings stay in force: postroom.toml:3: no",
            "ERROR the disk has less room than keep_free: new mail is refused for now (452) until there is more",
        ] {
            assert!(!is_warning(line), "{line}");
        }
    }

    #[test]
    fn a_mode_that_leaves_most_mail_unclaimed_does_not_fit() {
        let provider = |fetched, unclaimed| ProviderState {
            name: "main".to_string(),
            fetched,
            unclaimed,
            ..ProviderState::default()
        };
        assert_eq!(judge_mode(&provider(10, 10)), None);
        assert_eq!(judge_mode(&provider(100, 20)), None);
        let found = judge_mode(&provider(100, 80)).unwrap();
        assert!(found.mend.unwrap().contains("fetch main --dry-run"));
    }
}
