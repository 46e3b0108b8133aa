//! `postroom user sheet`: a person's settings for the mail program.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::output::say;
use super::{Failure, Outcome};
use crate::config::Configuration;
use crate::net::networks::own_addresses;
use crate::sheet::{NameLeads, Sheet};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The user
    name: String,
    /// A page to print, instead of text
    #[arg(long)]
    html: bool,
    /// Into this file, for its owner's eyes alone; without it to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(configuration: &Configuration, arguments: &Arguments) -> Outcome {
    let directory = configuration.load_directory()?;
    let name = &arguments.name;
    let user = directory
        .login(name)
        .ok_or_else(|| Failure(format!("there is no user {name} in the directory")))?;
    let leads = name_leads(configuration.hostname.as_str());
    let sheet = Sheet::of(configuration, user, None, leads)?;
    for name in &sheet.not_certified {
        eprintln!(
            "note: the certificate does not hold for {name}, so that mail programs warn or refuse; name there what it \
             holds for, or use a certificate that has this name too"
        );
    }
    let page = match arguments.html {
        true => sheet.html()?,
        false => sheet.text()?,
    };
    match &arguments.output {
        Some(file) => {
            write_private(file, &page)?;
            say!("written: {}", file.display());
        }
        // Whoever reads no longer needs no page.
        None => drop(io::stdout().write_all(page.as_bytes())),
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks the system, as a PC in the office would ask its own.
pub fn name_leads(hostname: &str) -> NameLeads {
    let found = (hostname, 0).to_socket_addrs();
    let found: Vec<IpAddr> = found
        .map(|all| all.map(|address| address.ip().to_canonical()).collect())
        .unwrap_or_default();
    let own = own_addresses();
    // Debian writes a machine's own name beside 127.0.1.1: PCs do not see that.
    let mut known = found.iter().filter(|address| !address.is_loopback());
    match known.clone().any(|address| own.contains(address)) {
        true => NameLeads::Here,
        false if known.next().is_some() => NameLeads::Elsewhere,
        false => NameLeads::Nowhere,
    }
}

/// Writes a file that others cannot read, in place of what was there: beside it
/// first, so that nobody meets half of it.
pub fn write_private(file: &Path, text: &str) -> Result<(), Failure> {
    let name = file
        .file_name()
        .ok_or_else(|| Failure(format!("{} names no file", file.display())))?;
    let beside = file.with_file_name(format!(".{}.new", name.to_string_lossy()));
    let write = || {
        match fs::remove_file(&beside) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let mut handle = options.open(&beside)?;
        handle.write_all(text.as_bytes())?;
        handle.sync_all()?;
        fs::rename(&beside, file)
    };
    write().map_err(|why| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
        Failure(format!("{}: {why}", file.display()))
    })
}
