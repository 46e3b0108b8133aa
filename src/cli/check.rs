//! `postroom check`: what is wrong, and how to mend it.

mod providers;
mod readers;

use std::fmt::Display;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use smol::net::TcpStream;

use super::output::{say, size, time};
use super::{Failure, Outcome};
use crate::auth::PasswordHash;
use crate::config::Configuration;
use crate::control::{self, Answer, Request, Status, seconds};
use crate::hub;
use crate::net::listen::explain_bind_error;
use crate::net::tls::{self, CA_CERTIFICATE_FILE, ServerTls, SubjectName, TrustedRoots};

/// How long a listener of the hub may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// A program may have been made in another time zone's tomorrow.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Args)]
pub struct Arguments {}

/// What was found, in the order of its weight.
#[derive(Debug, Default)]
struct Findings {
    errors: usize,
    warnings: usize,
}

impl Findings {
    fn good(&self, text: impl Display) {
        say!("ok       {text}");
    }

    fn warning(&mut self, text: impl Display) {
        self.warnings += 1;
        say!("warning  {text}");
    }

    fn error(&mut self, text: impl Display) {
        self.errors += 1;
        say!("ERROR    {text}");
    }
}

pub fn run(config: &Path, _arguments: Arguments) -> Outcome {
    let mut findings = Findings::default();
    // Without this file there is nothing else to look at.
    let configuration = Configuration::load(config).map_err(|why| Failure(why.to_string()))?;
    findings.good(format!("{} is read", config.display()));
    for warning in configuration.warnings() {
        findings.warning(warning);
    }
    findings.good(format!("lan: {}", configuration.lan));
    look_at_clock(SystemTime::now(), &mut findings);
    look_at_directory(&configuration, &mut findings);
    readers::look_at_readers(&configuration, &mut findings);
    look_at_certificate(&configuration, &mut findings);
    match control::ask_running(Request::Status, &configuration.data_dir) {
        None => look_without_hub(&configuration, &mut findings),
        Some(Ok(Answer::Status(status))) => {
            look_at_hub(&configuration, &status, &mut findings);
        }
        Some(Ok(_)) => findings.error("the running hub gave an answer to another question"),
        Some(Err(why)) => findings.error(why),
    }
    providers::look_at_providers(&configuration, &mut findings);
    say!(
        "\n{} errors, {} warnings",
        findings.errors,
        findings.warnings
    );
    Ok(if findings.errors > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A box without a battery wakes up in the past, where no certificate is valid
/// yet.
fn look_at_clock(now: SystemTime, findings: &mut Findings) {
    let made = std::env::current_exe().and_then(|program| fs::metadata(program)?.modified());
    // A program file that cannot be looked at says nothing of the clock.
    if let Ok(made) = made
        && made > now + CLOCK_TOLERANCE
    {
        findings.error(format!(
            "the clock of this machine is wrong: it shows {}, and this program was made {}; until it is set, \
             certificates seem not to be valid yet (timedatectl set-ntp true)",
            time(seconds(now)),
            time(seconds(made))
        ));
    }
}

fn look_at_directory(configuration: &Configuration, findings: &mut Findings) {
    let file = &configuration.directory;
    let directory = match configuration.load_directory() {
        Ok(directory) => directory,
        Err(why) => return findings.error(why),
    };
    findings.good(format!(
        "{}: {} users, {} aliases",
        file.display(),
        directory.users().len(),
        directory.aliases().len()
    ));
    for user in directory.users() {
        match PasswordHash::parse(user.password.as_str()) {
            Err(why) => findings.error(format!("{}: [users.{}]: {why}", file.display(), user.name)),
            Ok(hash) if !hash.has_our_parameters() => findings.warning(format!(
                "{}: the password hash of {} was made elsewhere, with another strength; postroom user passwd {} \
                 makes one of ours",
                file.display(),
                user.name,
                user.name
            )),
            Ok(_) => {}
        }
    }
}

fn look_at_certificate(configuration: &Configuration, findings: &mut Findings) {
    let Some(files) = &configuration.tls else {
        return findings.warning(
            "TLS is not offered: postroom.toml has no [tls]; passwords cross the LAN in clear, and from \
             elsewhere nobody can log in",
        );
    };
    let tls = match ServerTls::load(&files.certificate, &files.key) {
        Ok(tls) => tls,
        Err(why) => return findings.error(why),
    };
    let hostname = SubjectName::Dns(configuration.hostname.as_str().to_string());
    let warnings = tls.warnings(&hostname, SystemTime::now());
    if warnings.is_empty() {
        let days = tls.certificate().days_left(SystemTime::now());
        findings.good(format!("{}: {days} days left", files.certificate.display()));
    }
    for warning in warnings {
        findings.warning(warning);
    }
}

/// No hub runs: could one start?
fn look_without_hub(configuration: &Configuration, findings: &mut Findings) {
    findings.good("no hub runs now");
    for listen in hub::listens(configuration) {
        match listen.bind() {
            Ok(_) => findings.good(format!(
                "{} can be opened for {}",
                listen.address,
                listen.name()
            )),
            Err(why) if listen.needs_missing_ipv6(&why) => findings.warning(format!(
                "{}: this machine has no IPv6, so that nobody listens there",
                listen.address
            )),
            Err(why) => findings.error(explain_bind_error(&listen, &why)),
        }
    }
    let data_dir = &configuration.data_dir;
    match fs::metadata(data_dir) {
        Err(why) => findings.warning(format!(
            "{} cannot be looked at ({why}): the hub makes it at its first start, if it may",
            data_dir.display()
        )),
        Ok(found) if found.permissions().mode() & 0o077 != 0 => findings.warning(format!(
            "{} holds the mail, and others can look into it: chmod 700 {}",
            data_dir.display(),
            data_dir.display()
        )),
        Ok(_) => findings.good(format!("{} is private", data_dir.display())),
    }
}

/// A hub runs: does it work for a PC?
fn look_at_hub(configuration: &Configuration, status: &Status, findings: &mut Findings) {
    let disk = &status.disk;
    let room = format!(
        "{} free of {} on the disk of the mail",
        size(disk.free),
        size(disk.total)
    );
    match disk.short {
        true => findings.error(format!(
            "{room}: less than keep_free, so that no mail is taken in"
        )),
        false => findings.good(room),
    }
    let unclaimed = status
        .mailboxes
        .iter()
        .find(|mailbox| mailbox.user.is_none());
    if let Some(tray) = unclaimed.filter(|tray| tray.messages > 0) {
        findings.warning(format!(
            "{} unclaimed messages: postroom unclaimed list shows them",
            tray.messages
        ));
    }
    let Some(hub) = &status.hub else {
        return findings.error("the running hub does not tell how it is");
    };
    findings.good(format!("the hub runs, {} sessions", hub.sessions.len()));
    for provider in &status.providers {
        for trouble in &provider.troubles {
            findings.warning(format!("provider {}: {trouble}", provider.name));
        }
    }
    let troubles = status.providers.iter().flat_map(|known| &known.troubles);
    let is_told = |line: &&String| troubles.clone().any(|trouble| line.contains(trouble));
    for error in hub.recent_errors.iter().filter(|line| !is_told(line)) {
        findings.warning(format!("in the log: {error}"));
    }
    for listener in hub
        .listeners
        .iter()
        .filter(|listener| listener.name.ends_with('s'))
    {
        match listener.address.parse() {
            Ok(address) => look_as_a_pc(configuration, address, findings),
            Err(_) => findings.error(format!("listener {} has no address", listener.name)),
        }
    }
}

/// Connects as a PC does that has imported the office CA, or trusts the
/// system's where the office has none.
fn look_as_a_pc(configuration: &Configuration, listener: SocketAddr, findings: &mut Findings) {
    let address = reachable(listener);
    let folder = configuration
        .tls
        .as_ref()
        .and_then(|tls| tls.certificate.parent());
    let ca = folder.and_then(|folder| fs::read(folder.join(CA_CERTIFICATE_FILE)).ok());
    let roots = ca.map_or(TrustedRoots::System, TrustedRoots::Pem);
    let hostname = configuration.hostname.as_str();
    let outcome = smol::block_on(async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|why| why.to_string())?;
        let session = tls::connect(stream, hostname, &roots, ANSWER_LIMIT).await;
        session.map(drop).map_err(|why| why.to_string())
    });
    match outcome {
        Ok(()) => findings.good(format!(
            "a PC that connects to {hostname} on {listener} trusts the hub"
        )),
        Err(why) => findings.error(format!(
            "a PC that connects to {hostname} on {listener}: {why}"
        )),
    }
}

/// Where a listener on all addresses can be reached from here.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}
