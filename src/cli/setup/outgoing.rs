//! What the settings sheets tell people beyond what the hub knows.

use clap::{Args, ValueEnum};

use super::asker::{Answer, Asker, Question, Stop};
use crate::cli::Failure;
use crate::cli::init::domain;
use crate::cli::output::printable;
use crate::config::{Outgoing, OutgoingTls, Sheet};
use crate::mail::Domain;

#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "The settings sheets")]
pub struct Arguments {
    /// The provider's server for outgoing mail, for the settings sheets
    #[arg(long, value_name = "HOST")]
    outgoing_host: Option<String>,
    /// Its port; without it 465, with starttls 587
    #[arg(long, value_name = "PORT", requires = "outgoing_host")]
    outgoing_port: Option<u16>,
    /// How the connection to it is protected; without it implicit
    #[arg(long, value_enum, requires = "outgoing_host")]
    outgoing_tls: Option<Protection>,
    /// The name to log in there with; {address} and {user} stand for each person's
    #[arg(long, value_name = "NAME", requires = "outgoing_host")]
    outgoing_user: Option<String>,
    /// The name under which PCs outside the office reach the hub; without it they do not
    #[arg(long, value_name = "NAME")]
    away_host: Option<String>,
    /// Whom people ask, for the settings sheets
    #[arg(long, value_name = "TEXT")]
    ask: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protection {
    /// TLS from the first octet
    Implicit,
    /// By STARTTLS
    Starttls,
}

/// Asks for all of it.
pub fn ask(asker: Asker, arguments: &Arguments, hostname: &Domain) -> Result<Sheet, Stop> {
    Ok(Sheet {
        outgoing: outgoing(asker, arguments)?,
        away_host: away_host(asker, arguments, hostname)?,
        ask: asker.text(
            Question {
                flag: "--ask TEXT",
                about: "Whom do people ask when it does not work? It stands on their sheets.",
                prompt: "Name and telephone, or Enter",
                default: Some(""),
            },
            arguments.ask.as_deref(),
            |text| Ok((!text.is_empty()).then(|| text.to_string())),
        )?,
    })
}

fn outgoing(asker: Asker, arguments: &Arguments) -> Result<Option<Outgoing>, Stop> {
    let host = asker.text(
        Question {
            flag: "--outgoing-host HOST",
            about: "This hub sends nothing: people go on sending through the provider. Their settings sheets can say how. \
                    The provider's outgoing server is called smtp.provider.example, for instance. Enter alone: the \
                    sheets say “as you have it now”.",
            prompt: "The provider's outgoing server, or Enter",
            default: Some(""),
        },
        arguments.outgoing_host.as_deref(),
        read_host,
    )?;
    let Some(host) = host else {
        return Ok(None);
    };
    let asked = match arguments.outgoing_host {
        Some(_) => Asker::Nobody,
        None => asker,
    };
    let security = arguments.outgoing_tls.map(|protection| match protection {
        Protection::Implicit => OutgoingTls::Implicit,
        Protection::Starttls => OutgoingTls::StartTls,
    });
    let question = Question {
        flag: "--outgoing-tls",
        about: "",
        prompt: "Port and protection",
        default: Some(""),
    };
    let choices = [
        (OutgoingTls::Implicit, "465 with SSL/TLS"),
        (OutgoingTls::StartTls, "587 with STARTTLS"),
    ];
    let security = asked.choice(question, security, &choices)?;
    let user = asked.text(
        Question {
            flag: "--outgoing-user NAME",
            about: "The name to log in there with: {address} stands for each one's own address, {user} for the part \
                    before the @; or one name for all.",
            prompt: "User name there",
            default: Some(Outgoing::ADDRESS),
        },
        arguments.outgoing_user.as_deref(),
        |text| Ok(text.to_string()),
    )?;
    Ok(Some(Outgoing {
        host,
        port: arguments.outgoing_port.unwrap_or(security.port()),
        security,
        user,
    }))
}

fn read_host(text: &str) -> Result<Option<String>, String> {
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    match text.is_empty() {
        true => Ok(None),
        false if is_address => Ok(Some(text.to_string())),
        false => read_domain(text).map(|host| Some(host.to_string())),
    }
}

fn read_domain(text: &str) -> Result<Domain, String> {
    domain(text).map_err(|Failure(_)| {
        format!(
            "“{}” is no server's name such as smtp.provider.example",
            printable(text)
        )
    })
}

fn away_host(
    asker: Asker,
    arguments: &Arguments,
    hostname: &Domain,
) -> Result<Option<Domain>, Stop> {
    let given = arguments.away_host.as_deref();
    if given.is_none() {
        asker.tell(
            "Shall people collect their mail outside the office, too? It takes a name that leads to your router from \
             everywhere, and in the router one port forward to this machine: 995, never 110. Whoever guesses \
             passwords can then try; the hub slows them down, and made-up passwords cannot be guessed.",
        );
        if !asker.is_yes("Outside the office, too?", Answer::No)? {
            return Ok(None);
        }
    }
    let question = Question {
        flag: "--away-host NAME",
        about: "",
        prompt: "The name that leads to your router from everywhere",
        default: Some(hostname.as_str()),
    };
    asker.text(question, given, read_domain).map(Some)
}
