//! postroom.toml: from its text to a [`Configuration`].

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use log::LevelFilter;
use serde::Deserialize;
use toml::Spanned;

use crate::mail::Domain;
use crate::net::networks::{Network, Networks};
use crate::route::{OwnAddress, UnknownUser};

use super::document::Document;
use super::error::ConfigurationError;
use super::settings::{Configuration, Limits, Located, Log, Pop3, Routing, Smtp, Store, Tls};
use super::values::{Count, DiskSize, Period, PlaintextLogin, Size, Text};

/// Below this the hub cannot hold a message and a few sessions.
const MEMORY_MIN: u64 = 8_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "settings")]
struct File {
    hostname: Option<Spanned<String>>,
    domains: Option<Spanned<Vec<Spanned<String>>>>,
    data_dir: Option<PathBuf>,
    directory: Option<PathBuf>,
    lan: Option<Vec<Text<Network>>>,
    allow_root: Option<bool>,
    #[serde(default)]
    routing: RoutingSection,
    #[serde(default)]
    smtp: SmtpSection,
    #[serde(default)]
    pop3: Pop3Section,
    #[serde(default)]
    store: StoreSection,
    #[serde(default)]
    limits: LimitsSection,
    tls: Option<Spanned<TlsSection>>,
    #[serde(default)]
    log: LogSection,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a section [routing]")]
struct RoutingSection {
    unknown_user: Option<Spanned<String>>,
    #[serde(default)]
    reject: Vec<Spanned<String>>,
}

/// A list of addresses to listen on, as it is written.
type Listen = Vec<Spanned<Text<SocketAddr>>>;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a section [smtp]")]
struct SmtpSection {
    listen: Option<Listen>,
    listen_tls: Option<Listen>,
    accept_from: Option<Vec<Text<Network>>>,
    max_message_size: Option<Text<Size>>,
    max_recipients: Option<Count>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a section [pop3]")]
struct Pop3Section {
    listen: Option<Listen>,
    listen_tls: Option<Listen>,
    plaintext_login: Option<Text<PlaintextLogin>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a section [store]")]
struct StoreSection {
    keep_collected: Option<Text<Period>>,
    keep_collected_max: Option<Text<DiskSize>>,
    keep_free: Option<Text<DiskSize>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a section [limits]")]
struct LimitsSection {
    memory: Option<Spanned<Text<Size>>>,
    connections: Option<Count>,
    connections_per_address: Option<Count>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a section [tls]")]
struct TlsSection {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a section [log]")]
struct LogSection {
    level: Option<Text<LevelFilter>>,
    file: Option<PathBuf>,
}

impl Configuration {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// The first fault.
    pub fn load(file: &Path) -> Result<Configuration, ConfigurationError> {
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| ConfigurationError::unreadable(file, &error))?;
        Configuration::parse(file, &text)
    }

    /// Checks a text; `file` is what paths are relative to and what errors name.
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
        Ok(Configuration {
            path: file.to_path_buf(),
            hostname: hostname_of(read.hostname, &document)?,
            domains: domains_of(read.domains, &document)?,
            data_dir: folder.join(read.data_dir.unwrap_or("/var/lib/postroom".into())),
            directory: folder.join(read.directory.unwrap_or("directory.toml".into())),
            lan: networks_of(read.lan).unwrap_or_else(|| Networks::resolve(&[Network::Auto])),
            routing: routing_of(read.routing, &document)?,
            smtp: smtp_of(read.smtp),
            pop3: pop3_of(read.pop3, tls.is_some()),
            store: store_of(read.store),
            limits: limits_of(&read.limits, &document)?,
            tls,
            log: Log {
                level: read
                    .log
                    .level
                    .map_or(Log::default().level, |Text(level)| level),
                file: read.log.file.map(|file| folder.join(file)),
            },
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

fn store_of(written: StoreSection) -> Store {
    let default = Store::default();
    Store {
        keep_collected: written
            .keep_collected
            .map_or(default.keep_collected, |Text(Period(time))| time),
        keep_collected_max: written
            .keep_collected_max
            .map_or(default.keep_collected_max, |Text(size)| size),
        keep_free: written
            .keep_free
            .map_or(default.keep_free, |Text(size)| size),
    }
}

fn limits_of(written: &LimitsSection, document: &Document) -> Result<Limits, ConfigurationError> {
    let default = Limits::default();
    let memory = written.memory.as_ref();
    if let Some(memory) = memory.filter(|memory| memory.get_ref().0.0 < MEMORY_MIN) {
        return Err(document.error(memory.span(), "expected at least \"8 MB\""));
    }
    Ok(Limits {
        memory: memory.map_or(default.memory, |memory| memory.get_ref().0.0),
        connections: written
            .connections
            .map_or(default.connections, |Count(count)| count),
        connections_per_address: written
            .connections_per_address
            .map_or(default.connections_per_address, |Count(count)| count),
    })
}

fn tls_of(
    written: Spanned<TlsSection>,
    folder: &Path,
    document: &Document,
) -> Result<Tls, ConfigurationError> {
    let start = written.span().start;
    let TlsSection { certificate, key } = written.into_inner();
    let missing = |what: &str, example: &str| {
        let message = format!(
            "[tls]: {what} is missing; add {what} = \"{example}\", or remove the section to offer no TLS"
        );
        document.error_at(start, message)
    };
    Ok(Tls {
        certificate: folder
            .join(certificate.ok_or_else(|| missing("certificate", "tls/cert.pem"))?),
        key: folder.join(key.ok_or_else(|| missing("key", "tls/key.pem"))?),
    })
}

fn addresses_of(written: Option<Listen>) -> Option<Vec<SocketAddr>> {
    let addresses = written?.into_iter();
    Some(addresses.map(|address| address.into_inner().0).collect())
}

/// That every address is listened on once, TLS has a certificate, and there
/// is a listener at all.
fn check_listen(read: &File, document: &Document) -> Result<(), ConfigurationError> {
    if read.tls.is_none() {
        let tls = [&read.smtp.listen_tls, &read.pop3.listen_tls];
        if let Some(address) = tls.into_iter().flatten().flatten().next() {
            let message = "TLS needs a certificate; add a section [tls] with certificate and key";
            return Err(document.error(address.span(), message));
        }
    }
    let smtp = [
        (&read.smtp.listen, "smtp.listen"),
        (&read.smtp.listen_tls, "smtp.listen_tls"),
    ];
    let pop3 = [
        (&read.pop3.listen, "pop3.listen"),
        (&read.pop3.listen_tls, "pop3.listen_tls"),
    ];
    let defaults = defaults_listened_on(read);
    let mut taken: Vec<(SocketAddr, String)> = defaults;
    for (addresses, name) in smtp.into_iter().chain(pop3) {
        for written in addresses.iter().flatten() {
            let address = written.get_ref().0;
            if let Some((other, holder)) = taken.iter().find(|(other, _)| meet(address, *other)) {
                let message = format!(
                    "{other} of {holder} takes the same connections; give one of them another port or address"
                );
                return Err(document.error(written.span(), &message));
            }
            taken.push((address, name.to_string()));
        }
    }
    Ok(())
}

/// What is listened on where the file says nothing.
fn defaults_listened_on(read: &File) -> Vec<(SocketAddr, String)> {
    let mut defaults = Vec::new();
    let mut add = |addresses: Vec<SocketAddr>, name: &str| {
        let name = format!("{name} (the default)");
        defaults.extend(addresses.into_iter().map(|address| (address, name.clone())));
    };
    if read.smtp.listen.is_none() {
        add(Smtp::default().listen, "smtp.listen");
    }
    if read.pop3.listen.is_none() {
        add(Pop3::default().listen, "pop3.listen");
    }
    if read.pop3.listen_tls.is_none() && read.tls.is_some() {
        add(Pop3::default_listen_tls(), "pop3.listen_tls");
    }
    defaults
}

/// Whether two listeners would fight for a connection. `[::]` takes IPv4 too;
/// port 0 is a new port each time.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V6(wide) if wide.is_unspecified() => true,
        IpAddr::V4(wide) if wide.is_unspecified() => narrow.is_ipv4(),
        wide => wide == narrow,
    };
    let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port()
        && one.port() != 0
        && (covers(one_ip, other_ip) || covers(other_ip, one_ip))
}
