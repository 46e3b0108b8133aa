//! Networks: which addresses are the office's own.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What `auto` means on every machine: loopback, private (RFC 1918, RFC 4193)
/// and link-local (RFC 3927, RFC 4291 §2.5.6) addresses.
const AUTO: [&str; 8] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// An interface with a wider network than this is a tunnel to everywhere, not
/// an office; to take it as one would make the world our LAN.
const ATTACHED_PREFIX_MIN: (u8, u8) = (8, 32);

/// One entry of a list of networks, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// `auto`.
    Auto,
    /// `192.168.0.0/16`, `fe80::/10`, or a single address.
    Net(IpNet),
}

impl Network {
    /// Reads an entry; `None` if it is none.
    pub fn parse(text: &str) -> Option<Network> {
        if text == "auto" {
            return Some(Network::Auto);
        }
        let network = match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
        };
        Some(Network::Net(canonical(network)?))
    }
}

/// A set of networks. IPv4 addresses that come mapped into IPv6, as on a
/// listener for both, count as IPv4.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks {
    listed: Vec<IpNet>,
    /// Empty without `auto`.
    auto: Vec<IpNet>,
    attached: Vec<IpNet>,
}

impl Networks {
    /// A set of these; `auto` asks the machine for its interfaces, now. An
    /// interface that comes later is seen at the next reload.
    pub fn resolve(networks: &[Network]) -> Networks {
        match networks.contains(&Network::Auto) {
            true => Networks::with_attached(networks, attached_networks()),
            false => Networks::with_attached(networks, Vec::new()),
        }
    }

    /// The same without asking the machine.
    fn with_attached(networks: &[Network], attached: Vec<IpNet>) -> Networks {
        let listed = networks.iter().filter_map(|network| match network {
            Network::Auto => None,
            Network::Net(network) => Some(*network),
        });
        let mut auto = Vec::new();
        if networks.contains(&Network::Auto) {
            auto.extend(AUTO.iter().filter_map(|text| text.parse::<IpNet>().ok()));
        }
        let news = |network: &IpNet| !auto.iter().any(|known| known.contains(network));
        let attached = IpNet::aggregate(&attached).into_iter().filter(news);
        Networks {
            listed: listed.collect(),
            attached: attached.collect(),
            auto,
        }
    }

    /// Whether the address is in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut all = self.listed.iter().chain(&self.auto).chain(&self.attached);
        all.any(|network| network.contains(&address))
    }

    /// The networks that `auto` found on this machine's interfaces, beyond the
    /// private and link-local ones.
    pub fn attached(&self) -> &[IpNet] {
        &self.attached
    }
}

/// For `check` and `status`: what `auto` came to as well.
impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.listed.iter().map(IpNet::to_string).collect();
        if !self.auto.is_empty() {
            let attached: Vec<String> = self.attached.iter().map(IpNet::to_string).collect();
            parts.push(match attached.as_slice() {
                [] => "auto (loopback, private, link-local)".to_string(),
                attached => format!(
                    "auto (loopback, private, link-local, attached {})",
                    attached.join(" ")
                ),
            });
        }
        match parts.as_slice() {
            [] => f.write_str("none"),
            parts => f.write_str(&parts.join(", ")),
        }
    }
}

/// The addresses of the machine's interfaces, loopback ones too; none if it will
/// not say.
pub fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().map(if_addrs::Interface::ip).collect()
}

/// The networks of the machine's interfaces; none if it will not say.
fn attached_networks() -> Vec<IpNet> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let networks = interfaces
        .into_iter()
        .map(|interface| match interface.addr {
            if_addrs::IfAddr::V4(v4) => (IpAddr::V4(v4.ip), v4.prefixlen),
            if_addrs::IfAddr::V6(v6) => (IpAddr::V6(v6.ip), v6.prefixlen),
        });
    networks
        .filter_map(|(address, prefix)| attached_network(address, prefix))
        .collect()
}

fn attached_network(address: IpAddr, prefix: u8) -> Option<IpNet> {
    let (v4_min, v6_min) = ATTACHED_PREFIX_MIN;
    let min = if address.is_ipv4() { v4_min } else { v6_min };
    let network = IpNet::new(address, prefix).ok()?;
    (prefix >= min).then(|| network.trunc())
}

/// Without host bits; IPv4 mapped into IPv6 as the IPv4 it is.
fn canonical(network: IpNet) -> Option<IpNet> {
    let IpNet::V6(v6) = network else {
        return Some(network.trunc());
    };
    match v6.addr().to_ipv4_mapped() {
        Some(v4) => {
            let prefix = v6.prefix_len().checked_sub(96)?;
            Some(IpNet::V4(Ipv4Net::new(v4, prefix).ok()?.trunc()))
        }
        None => Some(IpNet::V6(Ipv6Net::trunc(&v6))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str], attached: &[&str]) -> Networks {
        let listed: Vec<Network> = texts
            .iter()
            .map(|text| Network::parse(text).unwrap())
            .collect();
        let attached = attached.iter().map(|text| text.parse().unwrap());
        Networks::with_attached(&listed, attached.collect())
    }

    #[test]
    fn what_is_no_network_is_not_taken_for_one() {
        for text in [
            "",
            "lan",
            "Auto",
            "192.168.0.0/33",
            "192.168.0/24",
            "fe80::/129",
            "example.com",
            "::ffff:192.168.0.0/90",
            "192.168.1.1:25",
        ] {
            assert_eq!(Network::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_found_in_its_network() {
        for (network, address, expected) in [
            ("192.168.0.0/16", "192.168.255.1", true),
            ("192.168.0.0/16", "192.169.0.1", false),
            ("192.168.7.9/16", "192.168.0.1", true),
            ("192.168.0.0/16", "::ffff:192.168.3.4", true),
            ("::ffff:192.168.0.0/112", "192.168.3.4", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("fe80::/10", "febf::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("auto", "127.9.9.9", true),
            ("auto", "10.1.2.3", true),
            ("auto", "172.32.0.1", false),
            ("auto", "169.254.1.1", true),
            ("auto", "::1", true),
            ("auto", "fd00::1", true),
            ("auto", "::ffff:10.0.0.1", true),
            ("auto", "192.0.2.1", false),
            ("auto", "2001:db8::1", false),
        ] {
            let found = networks(&[network], &[]).contains(address.parse().unwrap());
            assert_eq!(found, expected, "{address} in {network}");
        }
        assert!(!networks(&[], &[]).contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn auto_tells_what_the_machine_is_attached_to() {
        let lan = networks(
            &["auto", "192.0.2.7"],
            &["203.0.113.0/24", "192.168.1.0/24", "127.0.0.0/8"],
        );
        assert!(lan.contains("203.0.113.9".parse().unwrap()));
        assert_eq!(
            lan.to_string(),
            "192.0.2.7/32, auto (loopback, private, link-local, attached 203.0.113.0/24)"
        );
        assert_eq!(
            networks(&["auto"], &[]).to_string(),
            "auto (loopback, private, link-local)"
        );
        assert_eq!(networks(&[], &[]).to_string(), "none");
    }

    #[test]
    fn an_interface_without_a_narrow_network_does_not_make_the_world_our_lan() {
        let attached = |address: &str, prefix| attached_network(address.parse().unwrap(), prefix);
        assert_eq!(attached("10.0.0.1", 0), None);
        assert_eq!(attached("2001:db8::1", 3), None);
        assert_eq!(
            attached("203.0.113.5", 24),
            Some("203.0.113.0/24".parse().unwrap())
        );
    }
}
