//! `[[provider]]` in postroom.toml: from its text to a [`Provider`].
//!
//! The files that it names are read here too, so that a slip in one of them is
//! told with the line that names it. No password is ever part of an error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::fetch::{PasswordMethod, Pipelining, Secret, Security, TokenLine};
use crate::net::fetcher::{Caps, Login, OfficeHours, Provider, Schedule};
use crate::net::tls::{Fingerprint, TrustedRoots};
use crate::route::multidrop::{Account, Copies, EnvelopeHeader, Mode, TrustedHosts};

use super::document::Document;
use super::error::ConfigurationError;
use super::provider_values::{AccountName, Host, Method, ModeName, Port};
use super::secrets;
use super::settings::{Located, ProviderNotes};
use super::values::{Count, Heading, Period, Section, Sections, Size, Text};

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
    trusted_hosts: Option<Vec<Spanned<String>>>,
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

    fn trust(
        &self,
        section: &ProviderSection,
        security: Security,
        notes: &mut ProviderNotes,
    ) -> Result<TrustedRoots, ConfigurationError> {
        let without_tls = "means nothing with tls = \"none\"; remove it, or set tls to \"implicit\" \
                           or \"starttls\"";
        match (&section.ca, &section.fingerprint) {
            (Some(ca), _) if security == Security::Clear => Err(self.fault(ca, without_tls)),
            (_, Some(pin)) if security == Security::Clear => Err(self.fault(pin, without_tls)),
            (Some(_), Some(pin)) => {
                let message = "there is a ca already, and one of the two decides; remove the other";
                Err(self.fault(pin, message))
            }
            (None, Some(pin)) => Ok(TrustedRoots::Pinned(pin.get_ref().0)),
            (Some(ca), None) => {
                let file = self.around.folder.join(&ca.get_ref().0);
                let pem = secrets::read_certificates(&file);
                let pem = pem.map_err(|why| self.fault_at(ca, format!("ca: {why}")))?;
                notes.files.push(file);
                Ok(TrustedRoots::Pem(pem))
            }
            (None, None) => Ok(TrustedRoots::System),
        }
    }

    fn login(
        &self,
        section: &ProviderSection,
        notes: &mut ProviderNotes,
    ) -> Result<Login, ConfigurationError> {
        let one = "one of password_file, password and token_command is enough; remove the others";
        let method = section.method.as_ref();
        let method_name = method.map_or(Method::Auto, |method| method.get_ref().0);
        match (
            &section.password_file,
            &section.password,
            &section.token_command,
        ) {
            (Some(_), Some(second), _) => Err(self.fault_at(second, one)),
            (Some(_), _, Some(second)) | (_, Some(_), Some(second)) => {
                Err(self.fault_at(second, one))
            }
            (None, None, None) => Err(self.missing(
                "password_file",
                "the file that holds the password",
                "\"secrets/main\"",
            )),
            (None, None, Some(command)) => self.token(command, method, method_name),
            (Some(file), None, None) => {
                let path = self.around.folder.join(&file.get_ref().0);
                let method = self.password_method(method, method_name)?;
                let password = secrets::read_password(&path);
                let password =
                    password.map_err(|why| self.fault_at(file, format!("password_file: {why}")))?;
                notes.files.push(path.clone());
                notes.secrets.push(path);
                Ok(password_login(password, method))
            }
            (None, Some(password), None) => {
                let method = self.password_method(method, method_name)?;
                let octets = password.get_ref().as_bytes();
                if !secrets::is_usable(octets) {
                    let message = "password: expected a text in one line, and not an empty one";
                    return Err(self.fault_at(password, message));
                }
                notes.has_password = true;
                Ok(password_login(octets.to_vec(), method))
            }
        }
    }

    fn password_method(
        &self,
        written: Option<&Spanned<Text<Method>>>,
        method: Method,
    ) -> Result<PasswordMethod, ConfigurationError> {
        match (method, written) {
            (Method::XOAuth2 | Method::XOAuth2Initial, Some(written)) => {
                let message = "this takes a token instead of a password; set token_command to a \
                               command that prints one";
                Err(self.fault(written, message))
            }
            (Method::User, _) => Ok(PasswordMethod::UserPass),
            (Method::Apop, _) => Ok(PasswordMethod::Apop),
            (Method::Plain, _) => Ok(PasswordMethod::Plain),
            (Method::Auto | Method::XOAuth2 | Method::XOAuth2Initial, _) => {
                Ok(PasswordMethod::Offered)
            }
        }
    }

    fn token(
        &self,
        command: &Spanned<String>,
        written: Option<&Spanned<Text<Method>>>,
        method: Method,
    ) -> Result<Login, ConfigurationError> {
        let line = match (method, written) {
            (Method::User | Method::Apop | Method::Plain, Some(written)) => {
                let message = "this takes a password, and token_command prints a token; expected \
                               auto, xoauth2 or xoauth2-initial";
                return Err(self.fault(written, message));
            }
            (Method::XOAuth2Initial, _) => TokenLine::Initial,
            _ => TokenLine::Own,
        };
        let text = command.get_ref().trim();
        if text.is_empty() || text.contains('\0') {
            let message = "token_command: expected a command that prints a token";
            return Err(self.fault_at(command, message));
        }
        Ok(Login::Token {
            command: text.to_string(),
            line,
        })
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
            let what = "how to find whose a message is: envelope, guess or single";
            return Err(self.missing("mode", what, "\"envelope\""));
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
        match mode {
            ModeName::Guess => return Ok(Mode::Guess),
            ModeName::Envelope => self.envelope(section),
            ModeName::Single => self.single(section, notes),
        }
    }

    fn envelope(&self, section: &ProviderSection) -> Result<Mode, ConfigurationError> {
        let Some(header) = &section.envelope_header else {
            let what = "the header that this provider writes the recipient into (with mode = \
                        \"guess\", \"postroom fetch --dry-run\" finds it)";
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
        for one in written {
            let checked = TrustedHosts::parse([one.get_ref().as_str()]);
            checked.map_err(|error| self.fault_at(one, error.to_string()))?;
        }
        let all = written.iter().map(|one| one.get_ref().as_str());
        TrustedHosts::parse(all)
            .map_err(|error| self.around.document.error_at(self.start, error.to_string()))
    }

    /// A setting that the section lacks.
    fn missing(&self, key: &str, what: &str, example: &str) -> ConfigurationError {
        let name = self.name.map_or(String::new(), |name| format!(" {name}"));
        let message =
            format!("[[provider]]{name}: {key} is missing; add {what}: {key} = {example}");
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

fn password_login(password: Vec<u8>, method: PasswordMethod) -> Login {
    Login::Password {
        password: Arc::new(Secret::new(password)),
        method,
    }
}
