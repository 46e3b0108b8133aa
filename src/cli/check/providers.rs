//! `postroom check` at the providers: logs in, and says what it finds.

use super::finding::{Finding, Findings, Topic};
use crate::cli::output::size;
use crate::cli::provider::visit;
use crate::config::Configuration;
use crate::fetch::{Error, Security};
use crate::net::fetcher::{self, Found, PollError, Provider};
use crate::net::sessions::Sessions;
use crate::route::multidrop::{EnvelopeHeader, Mode};

/// As the hub says it.
const CERTIFICATE_DAYS: i64 = 10;

/// Logs in at each provider; reads and changes nothing.
pub fn look(configuration: &Configuration, findings: &mut Findings<'_>) {
    for provider in &configuration.providers {
        warn_of_clear_text(provider, findings);
        let look = async |provider: &Provider| fetcher::look(provider, &Sessions::default()).await;
        match visit(provider, look) {
            Ok(found) => tell(provider, &found, findings),
            Err(why) => findings.add(judge_failure(provider, &why)),
        }
    }
}

fn warn_of_clear_text(provider: &Provider, findings: &mut Findings<'_>) {
    if provider.security == Security::Clear {
        findings.add(
            Finding::warning(
                Topic::Provider,
                format!(
                    "provider {}: password and mail cross the network in the clear (tls = \"none\")",
                    provider.name
                ),
            )
            .mend(
                "set tls = \"implicit\" and port = 995, or tls = \"starttls\", if the provider has one of them",
            ),
        );
    }
}

fn tell(provider: &Provider, found: &Found, findings: &mut Findings<'_>) {
    let name = &provider.name;
    let program = found.implementation.as_ref();
    let program = program.map_or(String::new(), |program| format!(" ({program})"));
    let certificate = found.certificate_days_left.map_or(String::new(), |days| {
        format!(", its certificate has {days} days left")
    });
    findings.add(Finding::good(
        Topic::Provider,
        format!(
            "provider {name}: logged in at {}:{}{program}; {} messages, {}{certificate}; {}",
            provider.host,
            provider.port,
            found.messages,
            size(found.octets),
            mode(provider)
        ),
    ));
    if !found.has_unique_ids && !provider.leave_on_server.is_zero() {
        findings.add(Finding::error(
            Topic::Provider,
            format!("provider {name}: {}", Error::UidlNeeded),
        ));
    }
    let days = found.certificate_days_left;
    if let Some(days) = days.filter(|days| *days <= CERTIFICATE_DAYS) {
        findings.add(
            Finding::warning(
                Topic::Provider,
                format!(
                    "provider {name}: the certificate of its server has {days} days left, and without a new one no mail \
                     can be fetched"
                ),
            )
            .mend("ask the provider"),
        );
    }
}

/// How recipients are found there.
fn mode(provider: &Provider) -> String {
    match &provider.routing.mode {
        Mode::Envelope { header, .. } => {
            let header = match header {
                EnvelopeHeader::Received => "Received",
                EnvelopeHeader::Field(name) => name,
            };
            format!("mode envelope by {header}")
        }
        Mode::Guess => "mode guess".to_string(),
        Mode::Single { user } => format!("mode single, all to {user}"),
    }
}

fn judge_failure(provider: &Provider, why: &PollError) -> Finding {
    let name = &provider.name;
    match why {
        PollError::Session(Error::TooSoon { .. }, _) => Finding::warning(
            Topic::Provider,
            format!(
                "provider {name}: not looked at, because it was logged in there a moment ago: {why}"
            ),
        ),
        PollError::Session(Error::MailboxLocked(_), _) => Finding::warning(
            Topic::Provider,
            format!("provider {name}: not looked at: {why}"),
        ),
        why => Finding::error(Topic::Provider, format!("provider {name}: {why}")),
    }
}
