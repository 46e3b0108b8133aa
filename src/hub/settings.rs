//! From the configuration to the settings that each room declares for itself.

use std::path::Path;
use std::sync::Arc;

use crate::config::{Configuration, DiskSize, PlaintextLogin};
use crate::net::limits::Limits;
use crate::net::listener::{Listen, Protocol, Security};
use crate::net::office::{PlaintextPolicy, Settings};
use crate::net::tls::ServerTls;
use crate::pop3;
use crate::smtp::{self, Trust};
use crate::store::{self, Budget, Disk, Keep};

/// What the store needs.
pub fn store_settings(configuration: &Configuration) -> store::Settings {
    store::Settings {
        data_dir: configuration.data_dir.clone(),
        keep: keep(configuration),
        disk: Disk::real(),
    }
}

/// How long and how much collected mail is kept.
pub fn keep(configuration: &Configuration) -> Keep {
    let store = &configuration.store;
    Keep {
        collected: store.keep_collected,
        collected_max: budget(store.keep_collected_max),
        free: budget(store.keep_free),
    }
}

fn budget(size: DiskSize) -> Budget {
    match size {
        DiskSize::Percent(percent) => Budget::Percent(percent),
        DiskSize::Octets(octets) => Budget::Octets(octets),
    }
}

/// What sessions need.
pub fn net_settings(configuration: &Configuration, tls: Option<ServerTls>) -> Settings {
    let hostname = configuration.hostname.as_str().to_string();
    Settings {
        lan: configuration.lan.clone(),
        accept_from: configuration.smtp.accept_from.clone(),
        smtp: Arc::new(smtp::Settings {
            hostname: hostname.clone(),
            max_message_size: configuration.smtp.max_message_size,
            max_recipients: configuration.smtp.max_recipients as usize,
            starttls: tls.is_some(),
        }),
        smtp_limits: smtp::Limits::of(Trust::World),
        smtp_limits_trusted: smtp::Limits::of(Trust::Provider),
        pop3_limits: pop3::Limits::default(),
        plaintext_login: match configuration.pop3.plaintext_login {
            PlaintextLogin::Never => PlaintextPolicy::Never,
            PlaintextLogin::Lan => PlaintextPolicy::Lan,
            PlaintextLogin::Always => PlaintextPolicy::Always,
        },
        hostname,
        tls,
    }
}

/// The web of limits.
pub fn limits(configuration: &Configuration) -> Limits {
    let limits = &configuration.limits;
    Limits {
        memory_octets: usize::try_from(limits.memory).unwrap_or(usize::MAX),
        connections: limits.connections as usize,
        connections_per_address: limits.connections_per_address as usize,
        ..Limits::default()
    }
}

/// All sockets to open.
pub fn listens(configuration: &Configuration) -> Vec<Listen> {
    let Configuration { smtp, pop3, .. } = configuration;
    let groups = [
        (Protocol::Smtp, Security::Plain, &smtp.listen),
        (Protocol::Smtp, Security::Tls, &smtp.listen_tls),
        (Protocol::Pop3, Security::Plain, &pop3.listen),
        (Protocol::Pop3, Security::Tls, &pop3.listen_tls),
    ];
    let of_group = |(protocol, security, addresses): (Protocol, Security, &Vec<_>)| {
        let listen = move |&address| Listen {
            protocol,
            security,
            address,
        };
        addresses.iter().map(listen).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(of_group).collect()
}

/// The folder of the certificate, where the office CA lies if there is one.
pub fn tls_folder(configuration: &Configuration) -> Option<&Path> {
    configuration
        .tls
        .as_ref()
        .and_then(|tls| tls.certificate.parent())
}
