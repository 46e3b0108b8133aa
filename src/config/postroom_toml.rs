//! postroom.toml: from its text to a [`Configuration`].

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use log::LevelFilter;
use serde::Deserialize;
use toml::Spanned;

use crate::mail::Domain;
use crate::route::{OwnAddress, UnknownUser};

use crate::net::limits::Limits;
use crate::net::networks::{Network, Networks};
use crate::net::office::PlaintextPolicy;
use crate::store::{Budget, Keep};

use super::document::Document;
use super::error::ConfigurationError;
use super::listen::{self, Listen};
use super::provider_toml::{self, ProviderSection};
use super::settings::{Configuration, Located, Log, Pop3, Routing, Smtp, Tls};
use super::sheet_toml::{self, SheetSection};
use super::values::{Count, Heading, Period, Section, Sections, Size, Text};

/// Below this the hub cannot hold a message and a few sessions.
const MEMORY_MIN: u64 = 8_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "settings")]
struct File {
    hostname: Option<Spanned<String>>,
    domains: Option<Spanned<Vec<Spanned<String>>>>,
    data_dir: Option<Text<PathBuf>>,
    directory: Option<Text<PathBuf>>,
    lan: Option<Vec<Text<Network>>>,
    allow_root: Option<bool>,
    #[serde(default)]
    routing: Section<RoutingSection>,
    #[serde(default)]
    smtp: Section<SmtpSection>,
    #[serde(default)]
    pop3: Section<Pop3Section>,
    #[serde(default)]
    store: Section<StoreSection>,
    #[serde(default)]
    limits: Section<LimitsSection>,
    #[serde(default)]
    metrics: Section<MetricsSection>,
    tls: Option<Spanned<Section<TlsSection>>>,
    #[serde(default)]
    log: Section<LogSection>,
    #[serde(default)]
    sheet: Section<SheetSection>,
    #[serde(default)]
    provider: Sections<ProviderSection>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RoutingSection {
    unknown_user: Option<Spanned<String>>,
    #[serde(default)]
    reject: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SmtpSection {
    listen: Option<Listen>,
    listen_tls: Option<Listen>,
    accept_from: Option<Vec<Text<Network>>>,
    max_message_size: Option<Text<Size>>,
    max_recipients: Option<Count>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Pop3Section {
    listen: Option<Listen>,
    listen_tls: Option<Listen>,
    plaintext_login: Option<Text<PlaintextPolicy>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct StoreSection {
    keep_collected: Option<Text<Period>>,
    keep_collected_max: Option<Text<Budget>>,
    keep_free: Option<Text<Budget>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LimitsSection {
    memory: Option<Spanned<Text<Size>>>,
    connections: Option<Count>,
    connections_per_address: Option<Count>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct MetricsSection {
    listen: Option<Listen>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSection {
    certificate: Option<Text<PathBuf>>,
    key: Option<Text<PathBuf>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LogSection {
    level: Option<Text<LevelFilter>>,
    file: Option<Text<PathBuf>>,
}

impl Heading for RoutingSection {
    const EXPECTED: &'static str = "a section [routing]";
}

impl Heading for SmtpSection {
    const EXPECTED: &'static str = "a section [smtp]";
}

impl Heading for Pop3Section {
    const EXPECTED: &'static str = "a section [pop3]";
}

impl Heading for StoreSection {
    const EXPECTED: &'static str = "a section [store]";
}

impl Heading for LimitsSection {
    const EXPECTED: &'static str = "a section [limits]";
}

impl Heading for MetricsSection {
    const EXPECTED: &'static str = "a section [metrics]";
}

impl Heading for TlsSection {
    const EXPECTED: &'static str = "a section [tls]";
}

impl Heading for LogSection {
    const EXPECTED: &'static str = "a section [log]";
}

const FOR_A_FIRST_ONE: &str = "; \"postroom setup\" sets up a first hub by questions (\"postroom init\" writes the files alone)";

impl Configuration {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// The first fault.
    pub fn load(file: &Path) -> Result<Configuration, ConfigurationError> {
        let text = std::fs::read_to_string(file);
        let text =
            text.map_err(|error| ConfigurationError::unreadable(file, &error, FOR_A_FIRST_ONE))?;
        Configuration::parse(file, &text)
    }

    /// Checks a text, and the files that its providers name; `file` is what
    /// paths are relative to and what errors name.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(file: &Path, text: &str) -> Result<Configuration, ConfigurationError> {
        let document = Document::new(file, text);
        let read: File = document.read()?;
        check_listen(&read, &document)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let tls = read.tls.map(|tls| tls_of(tls, folder, &document));
        let tls = tls.transpose()?;
        let path_of = |written: Option<Text<PathBuf>>, default: &str| {
            folder.join(written.map_or(PathBuf::from(default), |Text(path)| path))
        };
        let default = Log::default();
        let Section(log) = read.log;
        let hostname = hostname_of(read.hostname, &document)?;
        let smtp = smtp_of(read.smtp.0);
        let around = provider_toml::Surroundings {
            document: &document,
            folder,
            hostname: hostname.as_str(),
            max_message_size: smtp.max_message_size,
        };
        let (providers, provider_notes) = provider_toml::providers_of(read.provider, &around)?;
        Ok(Configuration {
            path: file.to_path_buf(),
            hostname,
            domains: domains_of(read.domains, &document)?,
            data_dir: path_of(read.data_dir, "/var/lib/postroom"),
            directory: path_of(read.directory, "directory.toml"),
            lan: networks_of(read.lan).unwrap_or_else(|| Networks::resolve(&[Network::Auto])),
            routing: routing_of(read.routing.0, &document)?,
            smtp,
            pop3: pop3_of(read.pop3.0, tls.is_some()),
            store: store_of(read.store.0),
            limits: limits_of(&read.limits.0, &document)?,
            metrics: metrics_of(read.metrics.0, &document)?,
            tls,
            providers,
            provider_notes,
            log: Log {
                level: log.level.map_or(default.level, |Text(level)| level),
                file: log.file.map(|Text(file)| folder.join(file)),
            },
            sheet: sheet_toml::sheet_of(read.sheet.0, &document)?,
            allow_root: read.allow_root.unwrap_or(false),
        })
    }
}

fn hostname_of(
    written: Option<Spanned<String>>,
    document: &Document,
) -> Result<Domain, ConfigurationError> {
    let Some(written) = written else {
        return Err(document.missing(
            "hostname is missing; add the name that this hub goes by, such as hostname = \
             \"post.example.com\", above the first [section]",
        ));
    };
    domain_of(&written, document)
}

fn domains_of(
    written: Option<Spanned<Vec<Spanned<String>>>>,
    document: &Document,
) -> Result<Vec<Domain>, ConfigurationError> {
    let Some(written) = written else {
        return Err(document.missing(
            "domains is missing; add those that mail comes in for, such as domains = \
             [\"example.com\"], above the first [section]",
        ));
    };
    if written.get_ref().is_empty() {
        let message = "expected at least one domain, such as [\"example.com\"]";
        return Err(document.error(written.span(), message));
    }
    let mut domains = Vec::new();
    for name in written.get_ref() {
        let domain = domain_of(name, document)?;
        if domains.contains(&domain) {
            return Err(document.error(name.span(), "this domain is listed twice; remove one"));
        }
        domains.push(domain);
    }
    Ok(domains)
}

fn domain_of(written: &Spanned<String>, document: &Document) -> Result<Domain, ConfigurationError> {
    let domain = Domain::parse(written.get_ref().trim()).ok();
    let domain = domain.filter(|domain| {
        let is_number = domain.as_str().parse::<IpAddr>().is_ok();
        !is_number && !domain.as_str().starts_with('[')
    });
    domain
        .ok_or_else(|| document.error(written.span(), "expected a domain such as \"example.com\""))
}

fn networks_of(written: Option<Vec<Text<Network>>>) -> Option<Networks> {
    let networks: Vec<Network> = written?.into_iter().map(|Text(network)| network).collect();
    Some(Networks::resolve(&networks))
}

fn routing_of(written: RoutingSection, document: &Document) -> Result<Routing, ConfigurationError> {
    let unknown_user = written.unknown_user.map(|written| Located {
        line: document.line(written.span().start),
        value: match written.get_ref().trim() {
            "reject" => UnknownUser::Reject,
            "unclaimed" => UnknownUser::Unclaimed,
            user => UnknownUser::CatchAll(user.to_string()),
        },
    });
    let mut reject = Vec::new();
    for written in written.reject {
        let address = OwnAddress::parse(written.get_ref().trim());
        reject.push(Located {
            line: document.line(written.span().start),
            value: address.map_err(|reason| {
                let message = format!(
                    "expected an address such as \"info\" or \"info@example.com\": {reason}"
                );
                document.error(written.span(), &message)
            })?,
        });
    }
    Ok(Routing {
        unknown_user: unknown_user.unwrap_or_default(),
        reject,
    })
}

fn smtp_of(written: SmtpSection) -> Smtp {
    let default = Smtp::default();
    let accept_from = written.accept_from.filter(|networks| !networks.is_empty());
    Smtp {
        listen: addresses_of(written.listen).unwrap_or(default.listen),
        listen_tls: addresses_of(written.listen_tls).unwrap_or(default.listen_tls),
        accept_from: networks_of(accept_from),
        max_message_size: written
            .max_message_size
            .map_or(default.max_message_size, |Text(Size(octets))| octets),
        max_recipients: written
            .max_recipients
            .map_or(default.max_recipients, |Count(count)| count),
    }
}

fn pop3_of(written: Pop3Section, has_certificate: bool) -> Pop3 {
    let default = Pop3::default();
    let default_tls = match has_certificate {
        true => Pop3::default_listen_tls(),
        false => default.listen_tls,
    };
    Pop3 {
        listen: addresses_of(written.listen).unwrap_or(default.listen),
        listen_tls: addresses_of(written.listen_tls).unwrap_or(default_tls),
        plaintext_login: written
            .plaintext_login
            .map_or(default.plaintext_login, |Text(policy)| policy),
    }
}

fn store_of(written: StoreSection) -> Keep {
    let default = Keep::default();
    Keep {
        collected: written
            .keep_collected
            .map_or(default.collected, |Text(Period(time))| time),
        collected_max: written
            .keep_collected_max
            .map_or(default.collected_max, |Text(size)| size),
        free: written.keep_free.map_or(default.free, |Text(size)| size),
    }
}

fn limits_of(written: &LimitsSection, document: &Document) -> Result<Limits, ConfigurationError> {
    let default = Limits::default();
    let memory = written.memory.as_ref();
    if let Some(memory) = memory.filter(|memory| memory.get_ref().0.0 < MEMORY_MIN) {
        return Err(document.error(memory.span(), "expected at least \"8 MB\""));
    }
    Ok(Limits {
        memory_octets: memory.map_or(default.memory_octets, |memory| {
            usize::try_from(memory.get_ref().0.0).unwrap_or(usize::MAX)
        }),
        connections: written
            .connections
            .map_or(default.connections, |Count(count)| count as usize),
        connections_per_address: written
            .connections_per_address
            .map_or(default.connections_per_address, |Count(count)| {
                count as usize
            }),
        ..default
    })
}

fn metrics_of(
    written: MetricsSection,
    document: &Document,
) -> Result<Vec<SocketAddr>, ConfigurationError> {
    for address in written.listen.iter().flatten() {
        if !address.get_ref().0.ip().to_canonical().is_loopback() {
            let message = "the figures have no password and no TLS, and so are for programs on this machine: expected a \
                           loopback address such as \"127.0.0.1:9325\"";
            return Err(document.error(address.span(), message));
        }
    }
    Ok(addresses_of(written.listen).unwrap_or_default())
}

fn tls_of(
    written: Spanned<Section<TlsSection>>,
    folder: &Path,
    document: &Document,
) -> Result<Tls, ConfigurationError> {
    let start = written.span().start;
    let Section(TlsSection { certificate, key }) = written.into_inner();
    let missing = |what: &str, example: &str| {
        let message = format!(
            "[tls]: {what} is missing; add {what} = \"{example}\", or remove the section to offer no TLS"
        );
        document.error_at(start, message)
    };
    let Text(certificate) = certificate.ok_or_else(|| missing("certificate", "tls/cert.pem"))?;
    let Text(key) = key.ok_or_else(|| missing("key", "tls/key.pem"))?;
    Ok(Tls {
        certificate: folder.join(certificate),
        key: folder.join(key),
    })
}

fn addresses_of(written: Option<Listen>) -> Option<Vec<SocketAddr>> {
    let addresses = written?.into_iter();
    Some(addresses.map(|address| address.into_inner().0).collect())
}

/// That TLS has a certificate and no two listeners fight for a connection.
fn check_listen(read: &File, document: &Document) -> Result<(), ConfigurationError> {
    let (Section(smtp), Section(pop3)) = (&read.smtp, &read.pop3);
    let Section(metrics) = &read.metrics;
    let default_tls = match read.tls {
        Some(_) => Pop3::default_listen_tls(),
        None => {
            let written = [&smtp.listen_tls, &pop3.listen_tls];
            if let Some(address) = written.into_iter().flatten().flatten().next() {
                let message =
                    "TLS needs a certificate; add a section [tls] with certificate and key";
                return Err(document.error(address.span(), message));
            }
            Vec::new()
        }
    };
    let lists = [
        ("smtp.listen", &smtp.listen, Smtp::default().listen),
        (
            "smtp.listen_tls",
            &smtp.listen_tls,
            Smtp::default().listen_tls,
        ),
        ("pop3.listen", &pop3.listen, Pop3::default().listen),
        ("pop3.listen_tls", &pop3.listen_tls, default_tls),
        ("metrics.listen", &metrics.listen, Vec::new()),
    ];
    listen::check_apart(&lists, document)
}
