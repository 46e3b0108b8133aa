//! `[sheet]` in postroom.toml: what the settings sheets tell people beyond what
//! the hub itself knows. The hub uses none of it.

use std::net::IpAddr;

use serde::Deserialize;
use toml::Spanned;

use crate::mail::{Domain, is_direction_mark};

use super::document::Document;
use super::error::ConfigurationError;
use super::provider_values::{Host, Port};
use super::settings::{Outgoing, OutgoingTls, Sheet};
use super::values::{Heading, Text, Written};

/// The longest text that fits its line of a sheet, in characters.
const TEXT_CHARACTERS_MAX: usize = 200;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct SheetSection {
    outgoing_host: Option<Text<MaybeHost>>,
    outgoing_port: Option<Port>,
    outgoing_tls: Option<Text<OutgoingTls>>,
    outgoing_user: Option<Spanned<String>>,
    away_host: Option<Text<MaybeDomain>>,
    ask: Option<Spanned<String>>,
}

impl Heading for SheetSection {
    const EXPECTED: &'static str = "a section [sheet]";
}

/// A server, or nothing in quotes.
struct MaybeHost(Option<String>);

impl Written for MaybeHost {
    const EXPECTED: &'static str =
        "the name of a server such as \"smtp.provider.example\", or \"\"";

    fn read(text: &str) -> Option<MaybeHost> {
        match text {
            "" => Some(MaybeHost(None)),
            text => Host::read(text).map(|Host(host)| MaybeHost(Some(host))),
        }
    }
}

/// A host name, or nothing in quotes.
struct MaybeDomain(Option<Domain>);

impl Written for MaybeDomain {
    const EXPECTED: &'static str =
        "the name under which the world finds this hub, such as \"post.example.com\", or \"\"";

    fn read(text: &str) -> Option<MaybeDomain> {
        if text.is_empty() {
            return Some(MaybeDomain(None));
        }
        // An address is none: the certificate is for a name that stays.
        let Host(name) = Host::read(text)?;
        let domain = Domain::parse(&name).ok()?;
        let is_name = name.parse::<IpAddr>().is_err();
        is_name.then_some(MaybeDomain(Some(domain)))
    }
}

impl Written for OutgoingTls {
    const EXPECTED: &'static str = "implicit (TLS from the first octet, port 465) or starttls";

    fn read(text: &str) -> Option<OutgoingTls> {
        match text {
            "implicit" => Some(OutgoingTls::Implicit),
            "starttls" => Some(OutgoingTls::StartTls),
            _ => None,
        }
    }
}

/// # Errors
/// A text that would not print.
pub(super) fn sheet_of(
    written: SheetSection,
    document: &Document,
) -> Result<Sheet, ConfigurationError> {
    let text = |written: Option<Spanned<String>>| {
        let Some(written) = written else {
            return Ok(None);
        };
        let text = written.get_ref().trim();
        let is_printable = !text.chars().any(|c| c.is_control() || is_direction_mark(c));
        match is_printable && text.chars().count() <= TEXT_CHARACTERS_MAX {
            true => Ok((!text.is_empty()).then(|| text.to_string())),
            false => Err(document.error(
                written.span(),
                "expected one line of text, 200 characters at most",
            )),
        }
    };
    let user = text(written.outgoing_user)?;
    let security = written.outgoing_tls.map(|Text(security)| security);
    let security = security.unwrap_or_default();
    let port = written.outgoing_port.map(|Port(port)| port);
    let host = written.outgoing_host.and_then(|Text(MaybeHost(host))| host);
    Ok(Sheet {
        outgoing: host.map(|host| Outgoing {
            host,
            port: port.unwrap_or(security.port()),
            security,
            user: user.unwrap_or_else(|| Outgoing::ADDRESS.to_string()),
        }),
        away_host: written.away_host.and_then(|Text(MaybeDomain(name))| name),
        ask: text(written.ask)?,
    })
}
