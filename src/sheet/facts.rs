//! What stands on a sheet.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{NameLeads, SheetError};
use crate::config::{self, Configuration, OutgoingTls};
use crate::net::tls::{CA_CERTIFICATE_FILE, Certificate, SubjectName};
use crate::route::User;

/// All of a sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// The user's name, which is also the one to log in with.
    pub user: String,
    /// The whole addresses that lead to this mailbox; the first is the one to
    /// write from.
    pub addresses: Vec<String>,
    /// The password, where it was just made.
    pub password: Option<String>,
    /// The hub, in the office.
    pub incoming: Incoming,
    /// The hub, from elsewhere; none: not at all.
    pub away: Option<Away>,
    /// Through whom mail is sent; none: not known here.
    pub outgoing: Option<Outgoing>,
    /// What to import; none: the certificate is one that all PCs trust, or there
    /// is none.
    pub ca: Option<Ca>,
    /// Whom to ask.
    pub ask: Option<String>,
    /// Names on it that the certificate does not hold for: mail programs would warn
    /// or refuse. For whoever hands it out, not for the page.
    #[serde(skip)]
    pub not_certified: Vec<String>,
}

/// The hub as a PC in the office reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incoming {
    /// The name or address to write down.
    pub host: String,
    /// What else may be written, where `host` does not work.
    pub instead: Vec<String>,
    /// The port.
    pub port: u16,
    /// `SSL/TLS`, `STARTTLS` or `none`, as mail programs call it.
    pub security: &'static str,
}

/// The hub as a PC elsewhere reaches it: over TLS from the first octet alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Away {
    /// The name.
    pub host: String,
    /// The port, which the router hands on.
    pub port: u16,
    /// Whether it is what stands for the office.
    pub is_same: bool,
}

/// The provider's server for mail that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outgoing {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `SSL/TLS` or `STARTTLS`.
    pub security: &'static str,
    /// The name to log in there with.
    pub user: String,
}

/// The office CA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ca {
    /// What lists of certificates call it.
    pub name: String,
    /// Its file on the hub's machine.
    pub path: PathBuf,
    /// SHA-256, in pairs with colons.
    pub fingerprint: String,
}

/// The port of POP3 over TLS that routers hand on (RFC 8314 §3.3).
const POP3S: u16 = 995;

impl Sheet {
    /// The sheet of this user. The password is printed as it is.
    ///
    /// # Errors
    /// A certificate that cannot be read; no listener for PCs.
    pub fn of(
        configuration: &Configuration,
        user: &User,
        password: Option<&str>,
        name_leads: NameLeads,
    ) -> Result<Sheet, SheetError> {
        let certificate = Shown::read(configuration)?;
        let addresses = addresses_of(configuration, user);
        let incoming = incoming_of(configuration, &certificate, name_leads)?;
        let settings = &configuration.sheet;
        let outgoing = settings.outgoing.as_ref();
        let away = settings.away_host.as_ref().map(ToString::to_string);
        let names = [Some(incoming.host.clone()), away].into_iter().flatten();
        Ok(Sheet {
            not_certified: certificate.lacking(names),
            user: user.name.clone(),
            password: password.map(str::to_string),
            away: settings.away_host.as_ref().map(|name| Away {
                is_same: name.as_str() == incoming.host && incoming.port == POP3S,
                host: name.to_string(),
                port: POP3S,
            }),
            outgoing: outgoing.map(|outgoing| outgoing_of(outgoing, user, &addresses)),
            ca: certificate.ca,
            ask: settings.ask.clone(),
            incoming,
            addresses,
        })
    }
}

/// What the hub shows to a PC that connects.
struct Shown {
    certificate: Option<Certificate>,
    ca: Option<Ca>,
}

impl Shown {
    fn read(configuration: &Configuration) -> Result<Shown, SheetError> {
        let Some(tls) = &configuration.tls else {
            return Ok(Shown {
                certificate: None,
                ca: None,
            });
        };
        let shown = read(&tls.certificate)?;
        let folder = tls.certificate.parent().unwrap_or(Path::new(""));
        let path = folder.join(CA_CERTIFICATE_FILE);
        let ca = match path.exists() {
            true => Some(read(&path)?),
            false => None,
        };
        // One that was left behind by a certificate of others is nobody's to import.
        let ca = ca.filter(|ca| ca.subject() == shown.issuer());
        Ok(Shown {
            ca: ca.map(|ca| Ca {
                name: ca.subject(),
                path,
                fingerprint: ca.fingerprint().to_string(),
            }),
            certificate: Some(shown),
        })
    }

    /// Addresses of this machine that the certificate holds for.
    fn addresses(&self) -> Vec<IpAddr> {
        let names = self.certificate.iter().flat_map(Certificate::names);
        let addresses = names.filter_map(|name| match name {
            SubjectName::Address(address) => Some(address),
            SubjectName::Dns(_) => None,
        });
        addresses.collect()
    }

    /// Those of the names that it does not hold for.
    fn lacking(&self, names: impl Iterator<Item = String>) -> Vec<String> {
        let Some(certificate) = &self.certificate else {
            return Vec::new();
        };
        let name_of = |name: &String| match name.parse() {
            Ok(address) => SubjectName::Address(address),
            Err(_) => SubjectName::Dns(name.clone()),
        };
        names
            .filter(|name| !certificate.covers(&name_of(name)))
            .collect()
    }
}

fn read(path: &Path) -> Result<Certificate, SheetError> {
    let failed = |why: String| SheetError::Certificate {
        path: path.to_path_buf(),
        why,
    };
    let pem = fs::read(path).map_err(|why| failed(why.to_string()))?;
    Certificate::from_pem(&pem).map_err(|why| failed(why.to_string()))
}

/// Every address that leads to this user alone, the plain one first.
fn addresses_of(configuration: &Configuration, user: &User) -> Vec<String> {
    let everywhere = |local_part: &str| {
        let domains = configuration.domains.iter();
        domains
            .map(|domain| format!("{local_part}@{domain}"))
            .collect::<Vec<_>>()
    };
    let mut addresses = everywhere(&user.name);
    for address in &user.addresses {
        match address.domain() {
            Some(_) => addresses.push(address.to_string()),
            None => addresses.extend(everywhere(&address.to_string())),
        }
    }
    addresses
}

fn incoming_of(
    configuration: &Configuration,
    shown: &Shown,
    name_leads: NameLeads,
) -> Result<Incoming, SheetError> {
    let pop3 = &configuration.pop3;
    let (listener, security) = match (pop3.listen_tls.first(), pop3.listen.first()) {
        (Some(listener), _) => (listener, "SSL/TLS"),
        (None, Some(listener)) if configuration.tls.is_some() => (listener, "STARTTLS"),
        (None, Some(listener)) => (listener, "none"),
        (None, None) => return Err(SheetError::NoPop3),
    };
    let name = configuration.hostname.to_string();
    let own = own_addresses(listener, shown);
    let (host, instead) = match (name_leads, own.split_first()) {
        (NameLeads::Here, _) | (_, None) => (name, Vec::new()),
        (NameLeads::Elsewhere, _) => (name, own),
        (NameLeads::Nowhere, Some((first, others))) => (first.clone(), others.to_vec()),
    };
    Ok(Incoming {
        host,
        instead,
        port: listener.port(),
        security,
    })
}

/// What PCs can write in place of a name: an address that the hub listens on and
/// that its certificate holds for; IPv4 first, which people can type.
fn own_addresses(listener: &SocketAddr, shown: &Shown) -> Vec<String> {
    let listens = |address: &&IpAddr| {
        let bound = listener.ip();
        bound == **address || (bound.is_unspecified() && (bound.is_ipv6() || address.is_ipv4()))
    };
    let mut own = shown.addresses();
    own.retain(|address| listens(&address));
    own.sort_by_key(IpAddr::is_ipv6);
    own.iter().map(ToString::to_string).collect()
}

fn outgoing_of(settings: &config::Outgoing, user: &User, addresses: &[String]) -> Outgoing {
    let address = addresses.first().unwrap_or(&user.name);
    let name = &settings.user;
    Outgoing {
        host: settings.host.clone(),
        port: settings.port,
        security: match settings.security {
            OutgoingTls::Implicit => "SSL/TLS",
            OutgoingTls::StartTls => "STARTTLS",
        },
        user: name
            .replace(config::Outgoing::ADDRESS, address)
            .replace(config::Outgoing::USER, &user.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::init::{Answers, Init, Person, Reach};
    use crate::mail::Domain;
    use crate::net::tls::OfficeCa;
    use std::time::SystemTime;

    /// An office whose certificate holds for its name and two addresses.
    fn office(folder: &Path) -> (Configuration, User) {
        let init = Init {
            folder: folder.to_path_buf(),
            domain: Domain::parse("our.example").unwrap(),
            hostname: None,
            reach: Reach::World,
            answers: Answers {
                people: vec![Person {
                    name: "anna".to_string(),
                    addresses: vec!["info".to_string(), "a@our.example".to_string()],
                    password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg".to_string(),
                }],
                ..Answers::default()
            },
        };
        let configuration = init.write().unwrap();
        let names = [
            SubjectName::Address("2001:db8::5".parse().unwrap()),
            SubjectName::Address("192.0.2.5".parse().unwrap()),
            SubjectName::Dns("post.our.example".to_string()),
        ];
        let tls = folder.join("tls");
        OfficeCa::create_with_certificate(&tls, "our.example", &names, SystemTime::now()).unwrap();
        let directory = configuration.load_directory().unwrap();
        let [user] = directory.users() else {
            panic!("one user");
        };
        (configuration, user.clone())
    }

    #[test]
    fn where_the_name_leads_decides_what_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let (configuration, user) = office(folder.path());
        let (name, v4, v6) = ("post.our.example", "192.0.2.5", "2001:db8::5");
        for (leads, host, instead) in [
            (NameLeads::Here, name, vec![]),
            (NameLeads::Elsewhere, name, vec![v4, v6]),
            (NameLeads::Nowhere, v4, vec![v6]),
        ] {
            let sheet = Sheet::of(&configuration, &user, None, leads).unwrap();
            assert_eq!(sheet.incoming.host, host, "{leads:?}");
            assert_eq!(sheet.incoming.instead, instead, "{leads:?}");
            assert_eq!(
                (sheet.incoming.port, sheet.incoming.security),
                (995, "SSL/TLS")
            );
            assert_eq!(sheet.not_certified, Vec::<String>::new());
        }
    }

    #[test]
    fn addresses_hold_in_every_domain_unless_they_name_one() {
        let folder = tempfile::tempdir().unwrap();
        let (mut configuration, user) = office(folder.path());
        configuration
            .domains
            .push(Domain::parse("other.example").unwrap());
        let sheet = Sheet::of(&configuration, &user, None, NameLeads::Here).unwrap();
        assert_eq!(
            sheet.addresses,
            [
                "anna@our.example",
                "anna@other.example",
                "info@our.example",
                "info@other.example",
                "a@our.example",
            ]
        );
    }

    #[test]
    fn only_addresses_that_are_listened_on_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (mut configuration, user) = office(folder.path());
        configuration.pop3.listen_tls = vec!["192.0.2.5:1995".parse().unwrap()];
        let sheet = Sheet::of(&configuration, &user, None, NameLeads::Nowhere).unwrap();
        assert_eq!(
            (sheet.incoming.host.as_str(), sheet.incoming.port),
            ("192.0.2.5", 1995)
        );
        assert!(sheet.incoming.instead.is_empty());
        configuration.pop3.listen_tls.clear();
        configuration.pop3.listen.clear();
        let none = Sheet::of(&configuration, &user, None, NameLeads::Here);
        assert!(matches!(none, Err(SheetError::NoPop3)));
    }
}
