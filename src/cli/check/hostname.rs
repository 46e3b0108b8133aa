//! Where the hub's name leads: PCs are set up with it.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::finding::{Finding, Findings, Topic};
use crate::config::Configuration;
use crate::hub;
use crate::net::networks::own_addresses;

/// The system asks name servers one after the other, and waits for each.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// What came of asking for a name.
#[derive(Debug, PartialEq, Eq)]
enum Resolved {
    To(Vec<IpAddr>),
    Unknown(String),
    TooSlow,
}

pub fn look(configuration: &Configuration, findings: &mut Findings<'_>) {
    let listens = hub::listens(configuration);
    if listens
        .iter()
        .all(|listen| listen.address.ip().is_loopback())
    {
        return findings.add(Finding::note(
            Topic::Hostname,
            "the hub listens on loopback addresses alone: only programs on this machine reach it",
        ));
    }
    let name = configuration.hostname.as_str();
    findings.add(judge(name, resolve(name), &own_addresses()));
}

/// Asks the system on a thread of its own, for nothing bounds that.
fn resolve(name: &str) -> Resolved {
    let (answer, answered) = mpsc::channel();
    let asked = (name.to_string(), 0);
    let asking = thread::Builder::new().spawn(move || {
        let found = asked.to_socket_addrs();
        let found = found.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
        // Whoever asked may have given up.
        let _ = answer.send(found);
    });
    if let Err(why) = asking {
        return Resolved::Unknown(why.to_string());
    }
    match answered.recv_timeout(ANSWER_LIMIT) {
        Ok(Ok(mut addresses)) => {
            addresses.sort();
            addresses.dedup();
            Resolved::To(addresses)
        }
        Ok(Err(why)) => Resolved::Unknown(why.to_string()),
        Err(_) => Resolved::TooSlow,
    }
}

fn judge(name: &str, resolved: Resolved, own: &[IpAddr]) -> Finding {
    let in_dns = match own.iter().find(|ip| !ip.is_loopback() && ip.is_ipv4()) {
        Some(ip) => format!("let the DNS of the office (often the router) answer {ip} for {name}"),
        None => format!("let the DNS of the office (often the router) know {name}"),
    };
    let addresses = match resolved {
        Resolved::To(addresses) if !addresses.is_empty() => addresses,
        Resolved::To(_) => {
            let text = format!("{name} leads to no address, so that PCs do not find the hub");
            return Finding::warning(Topic::Hostname, text).mend(in_dns);
        }
        Resolved::Unknown(why) => {
            let text =
                format!("{name} is not found ({why}), so that PCs do not find the hub either");
            return Finding::warning(Topic::Hostname, text).mend(in_dns);
        }
        Resolved::TooSlow => {
            let text = format!(
                "{name} was not looked up: no name server answered within {} s",
                ANSWER_LIMIT.as_secs()
            );
            return Finding::warning(Topic::Hostname, text)
                .mend("look into /etc/resolv.conf, and whether the network is up");
        }
    };
    let listed: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let listed = listed.join(", ");
    if addresses.iter().all(IpAddr::is_loopback) {
        let text = format!(
            "{name} leads to {listed} on this machine, as /etc/hosts often says; PCs ask the DNS of the office, which \
             was not asked"
        );
        return Finding::note(Topic::Hostname, text).mend(format!("on a PC: nslookup {name}"));
    }
    let is_own = |address: &IpAddr| address.is_loopback() || own.contains(address);
    if addresses.iter().all(is_own) {
        return Finding::good(
            Topic::Hostname,
            format!("{name} leads to this machine ({listed})"),
        );
    }
    let others: Vec<String> = addresses
        .iter()
        .filter(|address| !is_own(address))
        .map(IpAddr::to_string)
        .collect();
    Finding::note(
        Topic::Hostname,
        format!(
            "{name} leads to {}, which is not this machine: right if a router hands mail on from there, and then PCs in \
             the office may not reach the hub by that name",
            others.join(", ")
        ),
    )
    .mend(in_dns)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn a_name_is_judged_by_where_it_leads() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let own = [ip("127.0.0.1"), ip("192.168.1.5"), ip("2001:db8::5")];
        let to = |addresses: &[&str]| Resolved::To(addresses.iter().map(|text| ip(text)).collect());
        for (resolved, severity, said) in [
            (
                to(&["192.168.1.5", "2001:db8::5"]),
                Severity::Good,
                "this machine",
            ),
            (to(&["127.0.1.1"]), Severity::Note, "/etc/hosts"),
            (
                to(&["192.168.1.5", "198.51.100.7"]),
                Severity::Note,
                "leads to 198.51.100.7,",
            ),
            (to(&[]), Severity::Warning, "no address"),
            (
                Resolved::Unknown("no such name".into()),
                Severity::Warning,
                "no such name",
            ),
            (Resolved::TooSlow, Severity::Warning, "within 5 s"),
        ] {
            let found = judge("post.example.com", resolved, &own);
            assert_eq!(found.severity, severity, "{found:?}");
            assert!(found.text.contains(said), "{found:?}");
        }
    }

    #[test]
    fn localhost_is_found_and_a_name_that_cannot_be_is_not() {
        let Resolved::To(addresses) = resolve("localhost") else {
            panic!("localhost is not found");
        };
        assert!(addresses.iter().all(IpAddr::is_loopback));
        assert!(!matches!(resolve("a..b"), Resolved::To(_)));
    }
}
