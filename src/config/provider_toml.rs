//! `[[provider]]` in postroom.toml: from its text to a [`Provider`].
//!
//! The files that it names are read here too, so that a slip in one of them is
//! told with the line that names it. No password is ever part of an error.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::fetch::{Pipelining, Security};
use crate::net::fetcher::{Caps, OfficeHours, Provider, Schedule};
use crate::net::tls::Fingerprint;
use crate::route::multidrop::{Account, Copies, EnvelopeHeader, Mode, TrustedHosts};

use super::document::Document;
use super::error::ConfigurationError;
use super::provider_values::{AccountName, Host, Method, ModeName, Port};
use super::secrets;
use super::settings::{Located, ProviderNotes};
use super::values::{Count, Heading, Period, Section, Sections, Size, Text};

mod login;

/// Polls are cheap, but providers lock out who comes every second.
const POLL_MIN: Duration = Duration::from_secs(30);
const POLL_DEFAULT: Duration = Duration::from_secs(5 * 60);

/// On day one the hub is not the only copy.
const LEAVE_DEFAULT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderSection {
    name: Option<Spanned<Text<AccountName>>>,
    host: Option<Spanned<Text<Host>>>,
    port: Option<Port>,
    tls: Option<Text<Security>>,
    user: Option<Spanned<String>>,
    password: Option<Spanned<String>>,
    password_file: Option<Spanned<Text<PathBuf>>>,
    token_command: Option<Spanned<String>>,
    method: Option<Spanned<Text<Method>>>,
    ca: Option<Spanned<Text<PathBuf>>>,
    fingerprint: Option<Spanned<Text<Fingerprint>>>,
    poll: Option<Spanned<Text<Period>>>,
    office_hours: Option<Text<OfficeHours>>,
    leave_on_server: Option<Text<Period>>,
    mode: Option<Text<ModeName>>,
    envelope_header: Option<Spanned<String>>,
    envelope_prefix: Option<Spanned<String>>,
    to: Option<Spanned<String>>,
    trusted_hosts: Option<Spanned<Vec<Spanned<String>>>>,
    copies: Option<Spanned<Text<Copies>>>,
    pipelining: Option<Text<Pipelining>>,
    max_message_size: Option<Text<Size>>,
    max_messages_per_poll: Option<Count>,
    max_octets_per_poll: Option<Text<Size>>,
}

impl Heading for ProviderSection {
    const EXPECTED: &'static str =
        "a section for each account, headed [[provider]] with two brackets";
}

/// What the sections are read with.
pub(super) struct Surroundings<'a> {
    pub document: &'a Document<'a>,
    /// What paths are relative to.
    pub folder: &'a Path,
    /// The hub's name.
    pub hostname: &'a str,
    /// What holds where a section does not say.
    pub max_message_size: u64,
}

/// All accounts, in the order of the file.
///
/// # Errors
/// The first fault.
pub(super) fn providers_of(
    written: Sections<ProviderSection>,
    around: &Surroundings,
) -> Result<(Vec<Provider>, ProviderNotes), ConfigurationError> {
    let mut providers: Vec<Provider> = Vec::new();
    let mut notes = ProviderNotes::default();
    for section in written.0 {
        let start = section.span().start;
        let Section(section) = section.into_inner();
        let reader = Reader {
            around,
            start,
            name: section.name.as_ref().map(|name| &name.get_ref().0.0),
        };
        let provider = reader.read(&section, &mut notes)?;
        let same_name = |other: &&Provider| other.name == provider.name;
        if let (Some(name), Some(_)) = (&section.name, providers.iter().find(same_name)) {
            let message = "another [[provider]] has this name; choose a name of its own";
            return Err(around.document.error(name.span(), message));
        }
        let same_mailbox =
            |other: &&Provider| (&other.host, &other.user) == (&provider.host, &provider.user);
        if let (Some(user), Some(other)) = (&section.user, providers.iter().find(same_mailbox)) {
            let message = format!(
                "[[provider]] {} fetches this mailbox already; remove one of the two",
                other.name
            );
            return Err(around.document.error(user.span(), &message));
        }
        providers.push(provider);
    }
    Ok((providers, notes))
}

/// Reads one section.
struct Reader<'a> {
    around: &'a Surroundings<'a>,
    /// Where the section begins.
    start: usize,
    name: Option<&'a String>,
}

impl Reader<'_> {
    fn read(
        &self,
        section: &ProviderSection,
        notes: &mut ProviderNotes,
    ) -> Result<Provider, ConfigurationError> {
        let Some(name) = self.name else {
            return Err(self.missing("name", "what to call this account", "\"main\""));
        };
        let Some(host) = &section.host else {
            let what = "the provider's POP3 server";
            return Err(self.missing("host", what, "\"pop.provider.example\""));
        };
        let Text(Host(host)) = host.get_ref();
        let security = match section.tls {
            Some(Text(security)) => security,
            None => Security::Tls,
        };
        let default_port = match security {
            Security::Tls => 995,
            Security::StlsRequired | Security::Clear => 110,
        };
        let size = |written: &Option<Text<Size>>| written.map(|Text(Size(octets))| octets);
        Ok(Provider {
            name: name.clone(),
            host: host.clone(),
            port: section.port.map_or(default_port, |Port(port)| port),
            security,
            trust: self.trust(section, security, notes)?,
            user: self.user(section)?,
            login: self.login(section, notes)?,
            pipelining: section
                .pipelining
                .map_or(Pipelining::ByTest, |Text(pipelining)| pipelining),
            routing: Account {
                hostname: self.around.hostname.to_string(),
                mode: self.mode(section, notes)?,
                trusted_hosts: self.trusted_hosts(section, host)?,
                copies: section
                    .copies
                    .as_ref()
                    .map_or(Copies::PerRecipient, |copies| copies.get_ref().0),
            },
            leave_on_server: section
                .leave_on_server
                .map_or(LEAVE_DEFAULT, |Text(Period(time))| time),
            max_message_size: size(&section.max_message_size)
                .unwrap_or(self.around.max_message_size),
            caps: Caps {
                messages: section
                    .max_messages_per_poll
                    .map(|Count(count)| u64::from(count)),
                octets: size(&section.max_octets_per_poll),
            },
            schedule: self.schedule(section)?,
        })
    }

    fn user(&self, section: &ProviderSection) -> Result<String, ConfigurationError> {
        let Some(user) = &section.user else {
            return Err(self.missing("user", "the name to log in with", "\"office\""));
        };
        let name = user.get_ref().trim();
        match secrets::is_usable(name.as_bytes()) {
            true => Ok(name.to_string()),
            false => Err(self.fault(user, "expected the name to log in with, in one line")),
        }
    }

    fn schedule(&self, section: &ProviderSection) -> Result<Schedule, ConfigurationError> {
        let every = match &section.poll {
            None => POLL_DEFAULT,
            Some(poll) if poll.get_ref().0.0 < POLL_MIN => {
                let message = "expected at least \"30 s\": providers lock out who comes too often";
                return Err(self.fault(poll, message));
            }
            Some(poll) => poll.get_ref().0.0,
        };
        Ok(Schedule {
            every,
            hours: section.office_hours.map(|Text(hours)| hours),
        })
    }

    fn mode(
        &self,
        section: &ProviderSection,
        notes: &mut ProviderNotes,
    ) -> Result<Mode, ConfigurationError> {
        let Some(Text(mode)) = section.mode else {
            let what = "how to find whose a message is: envelope, guess or single; the dry run says what fits";
            return Err(self.missing("mode", what, "\"guess\""));
        };
        let only_in = |only: ModeName, written: &Option<Spanned<String>>| match written {
            Some(written) if mode != only => {
                let message = format!(
                    "means nothing with mode = \"{mode}\"; remove it, or set mode = \"{only}\""
                );
                Err(self.fault(written, &message))
            }
            _ => Ok(()),
        };
        only_in(ModeName::Envelope, &section.envelope_header)?;
        only_in(ModeName::Envelope, &section.envelope_prefix)?;
        only_in(ModeName::Single, &section.to)?;
        self.note_idle(section, mode, notes);
        match mode {
            ModeName::Guess => Ok(Mode::Guess),
            ModeName::Envelope => self.envelope(section),
            ModeName::Single => self.single(section, notes),
        }
    }

    /// Settings that are borne where they mean nothing: the mode is what people
    /// try out first, and the lines below stay as they are.
    fn note_idle(&self, section: &ProviderSection, mode: ModeName, notes: &mut ProviderNotes) {
        let copies = section.copies.as_ref().map(Spanned::span);
        let hosts = section.trusted_hosts.as_ref();
        let idle = [
            ("copies", copies.filter(|_| mode != ModeName::Guess)),
            (
                "trusted_hosts",
                hosts
                    .filter(|_| mode == ModeName::Single)
                    .map(Spanned::span),
            ),
        ];
        for (key, span) in idle {
            let Some(span) = span else { continue };
            let message = format!("{key} means nothing with mode = \"{mode}\"; it may go");
            let found = self.around.document.error_at(span.start, message);
            notes.idle.push(found.to_string());
        }
    }

    fn envelope(&self, section: &ProviderSection) -> Result<Mode, ConfigurationError> {
        let Some(header) = &section.envelope_header else {
            let what = "the header that this provider writes the recipient into; with mode = \
                        \"guess\", \"postroom fetch --dry-run\" says which";
            return Err(self.missing("envelope_header", what, "\"X-Envelope-To\""));
        };
        let name = header.get_ref().trim();
        // RFC 5322 §3.6.8.
        let good = |c: char| c.is_ascii_graphic() && c != ':';
        if name.is_empty() || !name.chars().all(good) {
            let message =
                "expected the name of a header such as \"X-Envelope-To\", without its colon";
            return Err(self.fault(header, message));
        }
        let prefix = section.envelope_prefix.as_ref();
        let bad = |c: char| c == '@' || c.is_whitespace() || c.is_control();
        if let Some(prefix) = prefix.filter(|prefix| prefix.get_ref().trim().contains(bad)) {
            let message = "expected what the provider puts in front of the address, such as \
                           \"office-\"";
            return Err(self.fault(prefix, message));
        }
        Ok(Mode::Envelope {
            header: EnvelopeHeader::named(name),
            prefix: prefix.map_or(String::new(), |prefix| prefix.get_ref().trim().to_string()),
        })
    }

    fn single(
        &self,
        section: &ProviderSection,
        notes: &mut ProviderNotes,
    ) -> Result<Mode, ConfigurationError> {
        let Some(to) = &section.to else {
            let what = "the user or the alias who gets all of it";
            return Err(self.missing("to", what, "\"anna\""));
        };
        let user = to.get_ref().trim();
        if user.is_empty() {
            return Err(self.fault(to, "expected the name of a user or of an alias"));
        }
        notes.to.push(Located {
            value: user.to_string(),
            line: self.around.document.line(to.span().start),
        });
        Ok(Mode::Single {
            user: user.to_string(),
        })
    }

    fn trusted_hosts(
        &self,
        section: &ProviderSection,
        host: &str,
    ) -> Result<TrustedHosts, ConfigurationError> {
        let Some(written) = &section.trusted_hosts else {
            return Ok(TrustedHosts::of_provider(host));
        };
        for one in written.get_ref() {
            let checked = TrustedHosts::parse([one.get_ref().as_str()]);
            checked.map_err(|error| self.fault_at(one, error.to_string()))?;
        }
        let all = written.get_ref().iter().map(|one| one.get_ref().as_str());
        TrustedHosts::parse(all).map_err(|error| self.fault_at(written, error.to_string()))
    }

    /// A setting that the section lacks.
    fn missing(&self, key: &str, what: &str, example: &str) -> ConfigurationError {
        let name = self.name.map_or(String::new(), |name| format!(" {name}"));
        let message =
            format!("[[provider]]{name}: {key} is missing; add {key} = {example} ({what})");
        self.around.document.error_at(self.start, message)
    }

    /// A fault of this value, which is repeated.
    fn fault<T>(&self, written: &Spanned<T>, message: &str) -> ConfigurationError {
        self.around.document.error(written.span(), message)
    }

    /// A fault of this value, which is not repeated.
    fn fault_at<T>(&self, written: &Spanned<T>, message: impl Into<String>) -> ConfigurationError {
        self.around.document.error_at(written.span().start, message)
    }
}

#[cfg(test)]
mod tests;
