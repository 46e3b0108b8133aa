//! What the office's own certificate is to name: the hub under the names that PCs
//! know it by, and under its addresses, since an office without a name server of its
//! own writes the address into the mail programs.

use std::net::IpAddr;

use super::SubjectName;

/// The names for a hub that others reach; `machine` holds the machine's addresses.
pub fn names_for_others(hosts: &[String], machine: &[IpAddr]) -> Vec<SubjectName> {
    let others = machine.iter().filter(|address| is_for_others(**address));
    once_each(dns(hosts).chain(others.copied().map(SubjectName::Address)))
}

/// The names for a hub on loopback addresses alone.
pub fn names_for_a_try(hosts: &[String], machine: &[IpAddr]) -> Vec<SubjectName> {
    let localhost = SubjectName::Dns("localhost".to_owned());
    let own = machine.iter().filter(|address| address.is_loopback());
    let own = own.copied().map(SubjectName::Address);
    once_each(dns(hosts).chain([localhost]).chain(own))
}

/// The names for the next certificate, if the present one lacks one that PCs may
/// use by now: a name has changed in postroom.toml, or the machine has another
/// address.
///
/// Older host names stay, for PCs that have not been told; addresses that the
/// machine no longer has go. An IPv6 address alone is no reason: nobody types
/// one, and many change daily. Nor is any, where the certificate is one for a
/// try on the loopback.
pub fn names_now(
    present: &[SubjectName],
    hosts: &[String],
    machine: &[IpAddr],
) -> Option<Vec<SubjectName>> {
    let is_typed = |name: &&SubjectName| match name {
        SubjectName::Dns(_) => true,
        SubjectName::Address(address) => address.is_ipv4(),
    };
    let wanted = match present.iter().any(is_loopback) {
        true => once_each(dns(hosts)),
        false => names_for_others(hosts, machine),
    };
    let mut typed = wanted.iter().filter(is_typed);
    if typed.all(|name| present.contains(name)) {
        return None;
    }
    let is_kept = |name: &&SubjectName| matches!(name, SubjectName::Dns(_)) || is_loopback(name);
    let kept: Vec<SubjectName> = present.iter().filter(is_kept).cloned().collect();
    Some(once_each(wanted.into_iter().chain(kept)))
}

fn dns(hosts: &[String]) -> impl Iterator<Item = SubjectName> {
    let hosts = hosts.iter().map(|host| host.to_ascii_lowercase());
    hosts.map(SubjectName::Dns)
}

fn once_each(all: impl Iterator<Item = SubjectName>) -> Vec<SubjectName> {
    let mut names = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn is_loopback(name: &SubjectName) -> bool {
    matches!(name, SubjectName::Address(address) if address.is_loopback())
}

/// A link-local address may change at every start.
fn is_for_others(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<SubjectName> {
        let name = |text: &&str| match text.parse() {
            Ok(address) => SubjectName::Address(address),
            Err(_) => SubjectName::Dns(text.to_string()),
        };
        texts.iter().map(name).collect()
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn check(present: &[&str], hosts: &[&str], machine: &[&str], expected: Option<&[&str]>) {
        let own: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let found = names_now(&names(present), &own, &addresses(machine));
        assert_eq!(found, expected.map(names), "{present:?} {hosts:?}");
    }

    const ALL: [&str; 6] = [
        "127.0.0.1",
        "10.0.0.2",
        "169.254.1.1",
        "fd00::99",
        "fe80::1",
        "::1",
    ];

    #[test]
    fn the_first_certificate_is_for_names_and_addresses_that_pcs_use() {
        let hosts = ["post.a.example".to_string(), "home.a.example".to_string()];
        let machine = addresses(&ALL);
        assert_eq!(
            names_for_others(&hosts, &machine),
            names(&["post.a.example", "home.a.example", "10.0.0.2", "fd00::99"])
        );
        assert_eq!(
            names_for_a_try(&hosts[..1], &machine),
            names(&["post.a.example", "localhost", "127.0.0.1", "::1"])
        );
    }

    #[test]
    fn a_certificate_is_made_anew_for_a_name_or_an_address_that_it_lacks() {
        let present = ["post.a.example", "10.0.0.2", "fd00::2"];
        check(&present, &["post.a.example"], &ALL, None);
        check(&present, &["POST.a.example"], &ALL, None);
        let renamed = ["mail.a.example", "10.0.0.2", "fd00::99", "post.a.example"];
        check(&present, &["mail.a.example"], &ALL, Some(&renamed));
        let away = ["post.a.example", "home.a.example", "10.0.0.2", "fd00::99"];
        check(&present, &away[..2], &ALL, Some(&away));
        let moved = ["post.a.example", "10.0.0.7"];
        check(&present, &["post.a.example"], &["10.0.0.7"], Some(&moved));
    }

    #[test]
    fn an_address_that_is_not_there_yet_is_no_reason() {
        let present = ["post.a.example", "10.0.0.2"];
        check(&present, &["post.a.example"], &[], None);
    }

    #[test]
    fn a_certificate_for_a_try_gets_no_address_of_the_machine() {
        let present = ["post.a.example", "localhost", "127.0.0.1"];
        check(&present, &["post.a.example"], &["10.0.0.2"], None);
        let renamed = ["x.example", "post.a.example", "localhost", "127.0.0.1"];
        check(&present, &["x.example"], &["10.0.0.2"], Some(&renamed));
    }
}
