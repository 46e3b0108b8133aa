//! `postroom check` at the providers: logs in, and says what it finds.

use super::Findings;
use crate::cli::output::size;
use crate::cli::provider::visit;
use crate::config::Configuration;
use crate::fetch::{Error, Security};
use crate::net::fetcher::{self, Found, PollError, Provider};
use crate::net::sessions::Sessions;

/// As the hub says it.
const CERTIFICATE_DAYS: i64 = 10;

/// Logs in at each provider; reads and changes nothing.
pub fn look_at_providers(configuration: &Configuration, findings: &mut Findings) {
    for provider in &configuration.providers {
        warn_of_clear_text(provider, findings);
        let look = async |provider: &Provider| fetcher::look(provider, &Sessions::default()).await;
        match visit(provider, look) {
            Ok(found) => tell(provider, &found, findings),
            Err(why) => tell_of_failure(provider, &why, findings),
        }
    }
}

fn warn_of_clear_text(provider: &Provider, findings: &mut Findings) {
    if provider.security == Security::Clear {
        findings.warning(format!(
            "provider {}: password and mail cross the network in the clear (tls = \"none\"); set tls = \"implicit\" and \
             port = 995, or tls = \"starttls\", if the provider has one of them",
            provider.name
        ));
    }
}

fn tell(provider: &Provider, found: &Found, findings: &mut Findings) {
    let name = &provider.name;
    let program = found.implementation.as_ref();
    let program = program.map_or(String::new(), |program| format!(" ({program})"));
    let certificate = found.certificate_days_left.map_or(String::new(), |days| {
        format!(", its certificate has {days} days left")
    });
    findings.good(format!(
        "provider {name}: logged in at {}:{}{program}; {} messages, {}{certificate}",
        provider.host,
        provider.port,
        found.messages,
        size(found.octets)
    ));
    if !found.has_unique_ids && !provider.leave_on_server.is_zero() {
        findings.error(format!("provider {name}: {}", Error::UidlNeeded));
    }
    if let Some(days) = found
        .certificate_days_left
        .filter(|days| *days <= CERTIFICATE_DAYS)
    {
        findings.warning(format!(
            "provider {name}: the certificate of its server has {days} days left, and without a new one no mail can be \
             fetched: ask the provider"
        ));
    }
}

fn tell_of_failure(provider: &Provider, why: &PollError, findings: &mut Findings) {
    let name = &provider.name;
    match why {
        PollError::Session(Error::TooSoon { .. }, _) => findings.warning(format!(
            "provider {name}: not looked at, because it was logged in there a moment ago: {why}"
        )),
        PollError::Session(Error::MailboxLocked(_), _) => {
            findings.warning(format!("provider {name}: not looked at: {why}"));
        }
        why => findings.error(format!("provider {name}: {why}")),
    }
}
