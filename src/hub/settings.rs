//! From the configuration to the settings that each room declares for itself.

use std::path::Path;
use std::sync::Arc;

use crate::config::Configuration;
use crate::net::listen::{Listen, Protocol, Security};
use crate::net::office::Settings;
use crate::net::tls::ServerTls;
use crate::pop3;
use crate::smtp::{self, Trust};
use crate::store::{self, Disk};

/// What the store needs.
pub fn store_settings(configuration: &Configuration) -> store::Settings {
    store::Settings {
        data_dir: configuration.data_dir.clone(),
        root: match configuration.allow_root {
            true => store::Root::MayOwn,
            false => store::Root::Refused,
        },
        keep: configuration.store,
        disk: Disk::real(),
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
        plaintext_login: configuration.pop3.plaintext_login,
        hostname,
        tls,
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
