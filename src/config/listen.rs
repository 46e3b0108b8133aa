//! Addresses to listen on: that each connection has one listener.

use std::net::{IpAddr, SocketAddr};

use toml::Spanned;

use super::document::Document;
use super::error::ConfigurationError;
use super::values::Text;

/// A list of addresses as it is written.
pub(super) type Listen = Vec<Spanned<Text<SocketAddr>>>;

/// Checks these lists, each with its name and with what holds where it is not
/// written.
///
/// # Errors
/// The first address that meets another one.
pub(super) fn check_apart(
    lists: &[(&str, &Option<Listen>, Vec<SocketAddr>)],
    document: &Document,
) -> Result<(), ConfigurationError> {
    let mut taken: Vec<(SocketAddr, String)> = Vec::new();
    // Defaults first: the error is to stand at a line of the file.
    for (name, written, default) in lists {
        if written.is_none() {
            let name = format!("{name} (the default)");
            taken.extend(default.iter().map(|address| (*address, name.clone())));
        }
    }
    for (name, written, _) in lists {
        for written in written.iter().flatten() {
            let Text(address) = *written.get_ref();
            if let Some((other, holder)) = taken.iter().find(|(other, _)| meet(address, *other)) {
                let message = format!(
                    "{other} of {holder} takes the same connections; give one of them another \
                     port or address"
                );
                return Err(document.error(written.span(), &message));
            }
            taken.push((address, name.to_string()));
        }
    }
    Ok(())
}

/// Whether two listeners would fight for a connection. `[::]` takes IPv4 too;
/// port 0 is a new port each time.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V6(wide) if wide.is_unspecified() => true,
        IpAddr::V4(wide) if wide.is_unspecified() => narrow.is_ipv4(),
        wide => wide == narrow,
    };
    let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port()
        && one.port() != 0
        && (covers(one_ip, other_ip) || covers(other_ip, one_ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_listeners_meet_where_one_connection_would_reach_both() {
        for (one, other, expected) in [
            ("[::]:25", "[::]:25", true),
            ("[::]:25", "0.0.0.0:25", true),
            ("[::]:25", "127.0.0.1:25", true),
            ("0.0.0.0:25", "127.0.0.1:25", true),
            ("127.0.0.1:25", "[::ffff:127.0.0.1]:25", true),
            ("0.0.0.0:25", "[::1]:25", false),
            ("127.0.0.1:25", "[::1]:25", false),
            ("[::]:25", "[::]:587", false),
            ("[::]:0", "[::]:0", false),
        ] {
            let [one, other] = [one, other].map(|text| text.parse().unwrap());
            assert_eq!(meet(one, other), expected, "{one} {other}");
            assert_eq!(meet(other, one), expected, "{other} {one}");
        }
    }
}
