//! What the office's own certificate is to name: the hub under its hostname, and
//! under the addresses that PCs are set up with where there is no name server.

use std::net::IpAddr;

use super::SubjectName;

/// The names for the next certificate, if the present one lacks one that PCs may
/// use by now: the hostname has changed in postroom.toml, or the machine has
/// another address. `machine` holds the machine's addresses.
///
/// Older host names stay, for PCs that have not been told; addresses that the
/// machine no longer has go. An IPv6 address alone is no reason: nobody types
/// one, and many change daily. Nor is any, where the certificate is one for a
/// try on the loopback.
pub fn names_now(
    present: &[SubjectName],
    hostname: &str,
    machine: &[IpAddr],
) -> Option<Vec<SubjectName>> {
    let hostname = SubjectName::Dns(hostname.to_ascii_lowercase());
    let is_for_a_try = present.iter().any(is_loopback);
    let reachable = machine
        .iter()
        .filter(|address| !is_for_a_try && is_for_others(**address));
    let addresses: Vec<SubjectName> = reachable.copied().map(SubjectName::Address).collect();
    let lacks = |name: &SubjectName| !present.contains(name);
    let is_v4 = |name: &&SubjectName| matches!(name, SubjectName::Address(IpAddr::V4(_)));
    if !lacks(&hostname) && !addresses.iter().filter(is_v4).any(lacks) {
        return None;
    }
    let mut names = vec![hostname];
    let is_name = |name: &&SubjectName| matches!(name, SubjectName::Dns(_)) || is_loopback(name);
    let kept = present.iter().filter(is_name).cloned();
    for name in kept.chain(addresses) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Some(names)
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

    fn check(present: &[&str], hostname: &str, machine: &[&str], expected: Option<&[&str]>) {
        let machine: Vec<IpAddr> = machine.iter().map(|text| text.parse().unwrap()).collect();
        let found = names_now(&names(present), hostname, &machine);
        assert_eq!(found, expected.map(names), "{present:?} {hostname}");
    }

    #[test]
    fn a_certificate_is_made_anew_for_a_name_or_an_address_that_it_lacks() {
        let present = ["post.a.example", "10.0.0.2", "fd00::2"];
        let all = ["127.0.0.1", "10.0.0.2", "169.254.1.1", "fd00::99", "::1"];
        check(&present, "post.a.example", &all, None);
        check(&present, "POST.a.example", &all, None);
        let renamed = ["mail.a.example", "post.a.example", "10.0.0.2", "fd00::99"];
        check(&present, "mail.a.example", &all, Some(&renamed));
        let moved = ["post.a.example", "10.0.0.7"];
        check(&present, "post.a.example", &["10.0.0.7"], Some(&moved));
    }

    #[test]
    fn an_address_that_is_not_there_yet_is_no_reason() {
        check(&["post.a.example", "10.0.0.2"], "post.a.example", &[], None);
    }

    #[test]
    fn a_certificate_for_a_try_gets_no_address_of_the_machine() {
        let present = ["post.a.example", "localhost", "127.0.0.1"];
        check(&present, "post.a.example", &["10.0.0.2"], None);
        let renamed = ["x.example", "post.a.example", "localhost", "127.0.0.1"];
        check(&present, "x.example", &["10.0.0.2"], Some(&renamed));
    }
}
