//! Which hosts are the provider's own.
//!
//! A name in a `from` clause is usually what the client called itself: a
//! spammer says the name of the server that he speaks to. So a name alone
//! makes a host trusted only where nothing speaks against it.

use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use crate::mail::{Domain, Hop, HopSource, is_private};

/// Why a text names no host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "trusted_hosts: \"{0}\" is no host name and no network; write \"provider.example\" for all \
     hosts of a domain, or \"192.0.2.0/24\" for those of a network"
)]
pub struct TrustedHostsError(pub String);

/// The setting `trusted_hosts`: domains, whose hosts all count, and networks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedHosts {
    domains: Vec<String>,
    networks: Vec<IpNet>,
}

/// Where a Received line says that the message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From within the provider's own network.
    Inside,
    /// From a host that only calls itself one of the provider's.
    Claimed,
    /// From anywhere else.
    Outside,
}

impl TrustedHosts {
    /// From the setting. Where networks are named, addresses decide alone
    /// which host a message came from.
    ///
    /// # Errors
    /// The first text that is neither a host name nor a network.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<TrustedHosts, TrustedHostsError> {
        let mut hosts = TrustedHosts::default();
        for text in texts {
            let text = text.trim();
            if let Ok(network) = text.parse::<IpNet>() {
                hosts.networks.push(network);
            } else if let Ok(address) = text.parse::<IpAddr>() {
                hosts.networks.push(IpNet::from(address));
            } else {
                let name = text.trim_start_matches("*.").trim_start_matches('.');
                let domain = Domain::parse(name).ok().filter(|_| name.contains('.'));
                let domain = domain.ok_or_else(|| TrustedHostsError(text.to_string()))?;
                hosts.domains.push(domain.as_str().to_string());
            }
        }
        Ok(hosts)
    }

    /// What holds where nothing is set: the hosts under the provider's domain,
    /// which is its POP3 server's name without the first label, but never a
    /// top-level domain.
    pub fn of_provider(host: &str) -> TrustedHosts {
        let is_name = host.parse::<IpAddr>().is_err() && !host.starts_with('[');
        let domain = Domain::parse(host).ok().filter(|_| is_name);
        TrustedHosts {
            domains: domain
                .iter()
                .map(|domain| parent(domain.as_str()).to_string())
                .collect(),
            networks: Vec::new(),
        }
    }

    /// Whether a host of this name is the provider's.
    pub fn includes_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut domains = self.domains.iter();
        domains.any(|domain| {
            let front = name.strip_suffix(domain.as_str());
            front.is_some_and(|front| front.is_empty() || front.ends_with('.'))
        })
    }

    /// The setting that says the same.
    pub fn to_setting(&self) -> Vec<String> {
        let networks = self.networks.iter().map(IpNet::to_string);
        self.domains.iter().cloned().chain(networks).collect()
    }

    /// Whether the provider wrote this line.
    pub(super) fn wrote(&self, hop: &Hop) -> bool {
        let by = hop.by.as_deref();
        by.is_some_and(|by| self.includes_name(by) || by.parse().is_ok_and(|by| self.has(&by)))
    }

    /// Where this line, believed, says that the message came from.
    pub(super) fn origin(&self, hop: &Hop) -> Origin {
        match &hop.source {
            _ if !hop.readable => Origin::Outside,
            None => Origin::Inside,
            Some(source) if source.addresses.is_empty() => self.origin_by_name(source),
            Some(source) => self.origin_by_address(source, hop.by.as_deref()),
        }
    }

    fn has(&self, address: &IpAddr) -> bool {
        let mut networks = self.networks.iter();
        networks.any(|network| network.contains(address))
    }

    /// A line without an address is no edge server's: those write it down.
    fn origin_by_name(&self, source: &HopSource) -> Origin {
        match source.name.as_deref() {
            None | Some("localhost" | "localhost.localdomain") => Origin::Inside,
            Some(name) if self.includes_name(name) => Origin::Inside,
            Some(_) => Origin::Outside,
        }
    }

    fn origin_by_address(&self, source: &HopSource, by: Option<&str>) -> Origin {
        let mut addresses = source.addresses.iter();
        if addresses.all(|address| is_private(address) || self.has(address)) {
            return Origin::Inside;
        }
        if !self.networks.is_empty() {
            return Origin::Outside;
        }
        match (&source.looked_up, &source.name) {
            (Some(looked_up), _) if self.includes_name(looked_up) => Origin::Inside,
            (Some(_), _) => Origin::Outside,
            // The commonest lie: the name of the very server spoken to.
            (None, Some(name)) if self.includes_name(name) && Some(name.as_str()) != by => {
                Origin::Claimed
            }
            (None, _) => Origin::Outside,
        }
    }
}

/// A host's domain: its name without the first label, if two labels remain.
pub(super) fn parent(name: &str) -> &str {
    match name.split_once('.') {
        Some((_, parent)) if parent.contains('.') => parent,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(texts: &[&str]) -> TrustedHosts {
        TrustedHosts::parse(texts.iter().copied()).unwrap()
    }

    #[test]
    fn what_names_no_host_is_refused_with_the_way_to_write_it() {
        for text in [
            "",
            "com",
            "a b.example",
            "a@provider.example",
            "192.0.2.0/33",
        ] {
            let error = TrustedHosts::parse([text]).unwrap_err().to_string();
            assert!(error.contains("provider.example"), "{text}: {error}");
        }
    }

    #[test]
    fn a_domain_stands_for_its_hosts_and_no_other() {
        let hosts = trusted(&["Provider.Example", "*.isp.example"]);
        for (name, expected) in [
            ("provider.example", true),
            ("MX1.provider.example.", true),
            ("a.b.isp.example", true),
            ("evilprovider.example", false),
            ("provider.example.evil.example", false),
            ("", false),
        ] {
            assert_eq!(hosts.includes_name(name), expected, "{name}");
        }
        assert!(!TrustedHosts::default().includes_name("provider.example"));
    }

    #[test]
    fn the_default_is_the_domain_of_the_server() {
        for (host, expected) in [
            ("pop.provider.example", "provider.example"),
            ("eu.pop.provider.example", "pop.provider.example"),
            ("provider.example", "provider.example"),
            ("localhost", "localhost"),
            ("192.0.2.1", ""),
            ("[192.0.2.1]", ""),
            ("", ""),
        ] {
            let setting = TrustedHosts::of_provider(host).to_setting();
            assert_eq!(setting.join(" "), expected, "{host}");
        }
    }

    #[test]
    fn a_name_alone_proves_little() {
        use Origin::{Claimed, Inside, Outside};
        let names = trusted(&["provider.example"]);
        let networks = trusted(&["provider.example", "192.0.2.0/24"]);
        for (from, by_names, by_networks) in [
            ("", Inside, Inside),
            ("from x (localhost [127.0.0.1])", Inside, Inside),
            ("from x ([10.0.0.1])", Inside, Inside),
            ("from localhost", Inside, Inside),
            ("from a.provider.example", Inside, Inside),
            (
                "from a.provider.example (a.provider.example [192.0.2.1])",
                Inside,
                Inside,
            ),
            ("from x (a.provider.example [192.0.2.1])", Inside, Inside),
            ("from x ([192.0.2.1])", Outside, Inside),
            ("from a.provider.example ([192.0.2.1])", Claimed, Inside),
            ("from a.provider.example ([203.0.113.1])", Claimed, Outside),
            (
                "from a.provider.example ([203.0.113.1] helo=x)",
                Inside,
                Outside,
            ),
            // Lies.
            (
                "from a.provider.example (x.example [203.0.113.1])",
                Outside,
                Outside,
            ),
            (
                "from a.provider.example (unknown [203.0.113.1])",
                Outside,
                Outside,
            ),
            ("from mx.provider.example ([203.0.113.1])", Outside, Outside),
            (
                "from x (a.provider.example [203.0.113.1] (may be forged))",
                Outside,
                Outside,
            ),
            ("from localhost (x.example [203.0.113.1])", Outside, Outside),
            ("from localhost ([203.0.113.1])", Outside, Outside),
            ("from [127.0.0.1] ([203.0.113.1])", Outside, Outside),
            (
                "from unknown (HELO a.provider.example) (203.0.113.1)",
                Outside,
                Outside,
            ),
            (
                "from unknown (HELO 127.0.0.1) (203.0.113.1)",
                Outside,
                Outside,
            ),
            ("from x (127.0.0.1) ([203.0.113.1])", Outside, Outside),
            ("from x", Outside, Outside),
            ("from x ( [127.0.0.1]", Outside, Outside),
        ] {
            let hop = Hop::parse(&format!("{from} by mx.provider.example with SMTP; x"));
            assert_eq!(names.origin(&hop), by_names, "{from}");
            assert_eq!(networks.origin(&hop), by_networks, "{from}");
        }
    }
}
