//! `postroom init`: the first configuration, certificate and data folder.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use super::output::{printable, say};
use super::{Failure, Outcome};
use crate::config::Configuration;
use crate::config::init::{Answers, Init, Reach};
use crate::mail::Domain;
use crate::net::networks::own_addresses;
use crate::net::tls::{CA_CERTIFICATE_FILE, OfficeCa, names_for_a_try, names_for_others};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder for postroom.toml, directory.toml and the certificates
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The domain of the office
    #[arg(long, value_name = "D")]
    domain: String,
    /// The name that PCs use for the hub; without it post.DOMAIN
    #[arg(long, value_name = "H")]
    hostname: Option<String>,
    /// Listen on 127.0.0.1 and ::1 only, on ports 2525, 1110 and 1995: for a try
    #[arg(long)]
    loopback: bool,
}

pub fn run(arguments: Arguments) -> Outcome {
    let reach = if arguments.loopback {
        Reach::Loopback
    } else {
        Reach::World
    };
    let init = Init {
        folder: arguments.dir,
        domain: office_domain(&arguments.domain)?,
        hostname: arguments.hostname.as_deref().map(domain).transpose()?,
        reach,
        answers: Answers::default(),
    };
    let configuration = init.write()?;
    let ca =
        make_certificates(&configuration, &init.domain, reach).inspect_err(|_| init.take_back())?;
    let file = configuration.path.display();
    say!("written: {file} and {}", configuration.directory.display());
    if let Some(ca) = ca {
        say!(
            "made: an office CA and a certificate of {}",
            configuration.hostname
        );
        say!("every PC imports this file once: {}", ca.display());
    }
    say!("next:    postroom --config {file} user add NAME");
    say!("then:    postroom --config {file} check");
    Ok(ExitCode::SUCCESS)
}

/// The domain of the office's mail, or why it is none: no mail comes from the world to
/// one without a dot.
pub(super) fn office_domain(text: &str) -> Result<Domain, Failure> {
    let wrong = |what: &str| {
        Failure(format!(
            "{what}; the office's domain is the part of its addresses behind the @, such as our.example"
        ))
    };
    if text.is_empty() {
        return Err(wrong("it is needed"));
    }
    let domain = domain(text)?;
    match domain.as_str().contains('.') {
        true => Ok(domain),
        false => Err(wrong(&format!("“{}” has no dot in it", printable(text)))),
    }
}

/// A domain, or why it is none.
pub(super) fn domain(text: &str) -> Result<Domain, Failure> {
    let is_address = text.parse::<IpAddr>().is_ok();
    match Domain::parse(text) {
        Ok(domain) if !domain.as_str().starts_with('[') && !is_address => Ok(domain),
        _ => Err(Failure(format!(
            "“{}” is no domain name such as example.com",
            printable(text)
        ))),
    }
}

/// The CA's file, where the configuration names a certificate.
pub(super) fn make_certificates(
    configuration: &Configuration,
    domain: &Domain,
    reach: Reach,
) -> Result<Option<PathBuf>, Failure> {
    let files = configuration.tls.as_ref();
    let Some(folder) = files.and_then(|files| files.certificate.parent()) else {
        return Ok(None);
    };
    let now = SystemTime::now();
    let machine = own_addresses();
    let hosts = configuration.host_names();
    let names = match reach {
        Reach::World => names_for_others(&hosts, &machine),
        Reach::Loopback => names_for_a_try(&hosts, &machine),
    };
    OfficeCa::create_with_certificate(folder, domain.as_str(), &names, now)?;
    Ok(Some(folder.join(CA_CERTIFICATE_FILE)))
}
