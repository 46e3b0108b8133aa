//! Could a hub open its ports, and who has them?

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use super::finding::{Finding, Findings, Topic};
use crate::config::Configuration;
use crate::config::is_root;
use crate::control::ListenerState;
use crate::hub;
use crate::net::listen::{Listen, explain_bind_error};
use crate::net::metrics;

/// Below these the system wants a right of its own.
const LOW_PORTS: u16 = 1024;
/// Mail programs that come with a system, by the name of their process, and the
/// service to stop.
const MAIL_PROGRAMS: [(&str, &str); 6] = [
    ("exim4", "exim4"),
    // Postfix's.
    ("master", "postfix"),
    ("sendmail-mta", "sendmail"),
    ("dovecot", "dovecot"),
    ("opensmtpd", "opensmtpd"),
    ("smtpd", "opensmtpd"),
];

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    pid: u32,
    name: String,
}

/// No hub runs: could one start?
pub fn look(configuration: &Configuration, findings: &mut Findings<'_>) {
    for listen in hub::listens(configuration) {
        let finding = match listen.bind() {
            Ok(_) => Finding::good(
                Topic::Ports,
                format!("{} can be opened for {}", listen.address, listen.name()),
            ),
            Err(why) if listen.needs_missing_ipv6(&why) => Finding::warning(
                Topic::Ports,
                format!(
                    "{}: this machine has no IPv6, so that nobody listens there",
                    listen.address
                ),
            ),
            Err(why) if why.kind() == ErrorKind::AddrInUse => taken(&listen, &why),
            Err(why) if why.kind() == ErrorKind::PermissionDenied && !is_root() => {
                not_tried(&listen)
            }
            Err(why) => Finding::error(Topic::Ports, explain_bind_error(&listen, &why)),
        };
        findings.add(finding);
    }
    for address in &configuration.metrics {
        findings.add(match metrics::bind(*address) {
            Ok(_) => Finding::good(
                Topic::Ports,
                format!("{address} can be opened for {}", metrics::NAME),
            ),
            Err(why) => Finding::error(Topic::Ports, why),
        });
    }
}

/// A hub runs: does it listen where postroom.toml says by now?
pub fn compare(
    configuration: &Configuration,
    listeners: &[ListenerState],
    findings: &mut Findings<'_>,
) {
    let open: Vec<SocketAddr> = listeners
        .iter()
        .filter_map(|listener| listener.address.parse().ok())
        .collect();
    // "[::]" is "0.0.0.0" where there is no IPv6.
    let same = |one: SocketAddr, other: SocketAddr| {
        let (one_ip, other_ip) = (one.ip(), other.ip());
        let any = one_ip.is_unspecified() && other_ip.is_unspecified();
        one.port() == other.port() && (one_ip == other_ip || any)
    };
    let listens = hub::listens(configuration);
    let mail = listens.iter().map(|listen| (listen.address, listen.name()));
    let figures = configuration.metrics.iter();
    let figures = figures.map(|address| (*address, metrics::NAME));
    for (address, name) in mail.chain(figures) {
        // Port 0 is another one at each start.
        if address.port() != 0 && !open.iter().any(|open| same(*open, address)) {
            let text = format!(
                "the running hub does not listen on {address} for {name}, as postroom.toml says"
            );
            findings.add(
                Finding::warning(Topic::Ports, text)
                    .mend("systemctl restart postroom, if the line was changed since it started"),
            );
        }
    }
}

fn not_tried(listen: &Listen) -> Finding {
    Finding::note(
        Topic::Ports,
        format!(
            "{} for {} was not tried: ports below {LOW_PORTS} need a right (CAP_NET_BIND_SERVICE) that the systemd \
             unit gives the hub, and you do not have",
            listen.address,
            listen.name()
        ),
    )
    .mend("sudo postroom check tries it")
}

fn taken(listen: &Listen, why: &std::io::Error) -> Finding {
    let text = explain_bind_error(listen, why);
    let holders = holders(listen.address.port(), Path::new("/proc"));
    let Some(holder) = holders.first() else {
        return Finding::error(Topic::Ports, text);
    };
    let Holder { pid, name } = holder;
    if *pid == 1 {
        return Finding::good(
            Topic::Ports,
            format!(
                "{} for {} is held by systemd, for a service that it starts",
                listen.address,
                listen.name()
            ),
        )
        .mend("systemctl list-sockets says which; postroom.socket is ours");
    }
    let known = MAIL_PROGRAMS.iter().find(|(process, _)| process == name);
    let mend = match known {
        Some((_, service)) => format!("systemctl disable --now {service}"),
        None if name == "postroom" => format!(
            "another hub, with another data_dir: stop it (systemctl stop postroom, or kill {pid})"
        ),
        None => format!(
            "stop it (systemctl status {pid} says what started it), or change the listen line"
        ),
    };
    Finding::error(Topic::Ports, format!("{text}; it is {name}, process {pid}")).mend(mend)
}

/// Who listens on the port, as far as we may see: root sees all.
fn holders(port: u16, proc: &Path) -> Vec<Holder> {
    let tables = ["net/tcp", "net/tcp6"].map(|table| fs::read_to_string(proc.join(table)));
    let sockets: Vec<String> = tables
        .iter()
        .flatten()
        .flat_map(|table| listening_sockets(table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return Vec::new();
    }
    let processes = fs::read_dir(proc).into_iter().flatten().flatten();
    let numbered = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut holders: Vec<Holder> = numbered
        .filter(|pid| has_one_of(&sockets, &proc.join(pid.to_string()).join("fd")))
        .map(|pid| Holder {
            pid,
            name: fs::read_to_string(proc.join(pid.to_string()).join("comm"))
                .map_or_else(|_| "unknown".to_string(), |name| name.trim().to_string()),
        })
        .collect();
    holders.sort_by_key(|holder| holder.pid);
    // A service that systemd has started holds what systemd holds.
    if holders.len() > 1 {
        holders.retain(|holder| holder.pid != 1);
    }
    holders
}

fn has_one_of(sockets: &[String], descriptors: &Path) -> bool {
    let descriptors = fs::read_dir(descriptors).into_iter().flatten().flatten();
    let mut links = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
    links.any(|link| sockets.iter().any(|socket| link == Path::new(socket)))
}

/// The inodes of sockets that listen on the port, of a table as proc(5) shows it.
fn listening_sockets(table: &str, port: u16) -> Vec<u64> {
    const LISTENING: &str = "0A";
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(local, 16).ok()? == port;
        let listens = *fields.get(3)? == LISTENING;
        (is_it && listens).then(|| fields.get(9)?.parse().ok())?
    };
    table.lines().filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn listening_sockets_are_found_among_others() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 00000000:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
            1: 0100007F:0019 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n\
            2: 0100007F:006E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0\n\
            rubbish\n";
        assert_eq!(listening_sockets(table, 25), [4711]);
        assert_eq!(listening_sockets(table, 110), [4713]);
        assert_eq!(listening_sockets(table, 995), Vec::<u64>::new());
    }

    #[test]
    fn who_holds_a_port_is_found_by_name() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = holders(socket.local_addr().unwrap().port(), Path::new("/proc"));
        let own = found.iter().find(|holder| holder.pid == std::process::id());
        assert!(!own.unwrap().name.is_empty(), "{found:?}");
    }
}
