//! What the office is called, and how its mail comes.

use clap::{Args, ValueEnum};

use super::asker::{Asker, Question, Stop};
use crate::cli::Failure;
use crate::cli::init::{domain, office_domain};
use crate::cli::output::{printable, say, wrapped};
use crate::cli::sheet::name_leads;
use crate::config::init::Senders;
use crate::mail::Domain;
use crate::net::networks::Network;
use crate::net::networks::own_addresses;
use crate::sheet::NameLeads;

#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "The office")]
pub struct Arguments {
    /// The domain of the office
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    /// The name that PCs use for the hub; without it post.DOMAIN
    #[arg(long, value_name = "H")]
    hostname: Option<String>,
    /// How the mail comes in
    #[arg(long, value_enum)]
    mail: Option<Intake>,
    /// Who alone may bring mail by SMTP, such as the provider's network 192.0.2.0/24; "everybody" or
    /// several of it
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    accept_from: Vec<String>,
}

/// How mail comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Intake {
    /// The provider, or the whole world, delivers to this machine
    Smtp,
    /// It is fetched from one mailbox at the provider
    Mailbox,
    /// Both
    Both,
}

/// What came of it.
#[derive(Debug)]
pub struct Office {
    pub domain: Domain,
    pub hostname: Domain,
    pub intake: Intake,
    pub senders: Senders,
}

impl Office {
    pub fn ask(asker: Asker, arguments: &Arguments) -> Result<Office, Stop> {
        let read_name = |text: &str| domain(text).map_err(|Failure(why)| why);
        let read_domain = |text: &str| office_domain(text).map_err(|Failure(why)| why);
        let question = Question {
            flag: "--domain D",
            about: "The part behind the @ of the office's addresses, such as our.example.",
            prompt: "Domain of the office",
            default: None,
        };
        let domain = asker.text(question, arguments.domain.as_deref(), read_domain)?;
        let post = format!("post.{domain}");
        let question = Question {
            flag: "--hostname H",
            about: "The name by which the office's PCs reach this machine. It is in the certificate and in the mail \
                    programs, so choose one that can stay. If it has no address in your network yet, the PCs can use \
                    this machine's address until it has.",
            prompt: "Name of this machine for the PCs",
            default: Some(&post),
        };
        let hostname = asker.text(question, arguments.hostname.as_deref(), read_name)?;
        tell_where_it_leads(&hostname);
        let intake = asker.choice(
            Question {
                flag: "--mail smtp|mailbox|both",
                about: "In one of two ways, or both: the provider hands each mail on to this machine as it comes (SMTP), \
                        or gathers everybody's mail in one mailbox, from which it is fetched every few minutes.",
                prompt: "How does the mail come?",
                default: None,
            },
            arguments.mail,
            &[
                (Intake::Mailbox, "It lies in one mailbox at the provider"),
                (Intake::Smtp, "It is delivered to this machine by SMTP"),
                (Intake::Both, "Both"),
            ],
        )?;
        Ok(Office {
            senders: senders(asker, arguments, intake)?,
            domain,
            hostname,
            intake,
        })
    }
}

fn senders(asker: Asker, arguments: &Arguments, intake: Intake) -> Result<Senders, Stop> {
    if intake == Intake::Mailbox {
        return match arguments.accept_from.as_slice() {
            [] => Ok(Senders::TheOffice),
            _ => Err(Stop::Flags(
                "--accept-from is for mail that comes by SMTP; with --mail mailbox only the office's own devices \
                 bring any"
                    .to_string(),
            )),
        };
    }
    let given = arguments.accept_from.join(" ");
    let given = (!given.is_empty()).then_some(given.as_str());
    let question = Question {
        flag: "--accept-from NETWORK",
        about: "Who may bring mail by SMTP? If your provider receives it first and hands it on, name his networks, \
                such as 192.0.2.0/24 198.51.100.7: nobody else then gets a word in. If the MX record of your domain leads here, it is everybody. Your \
                own network may in any case.",
        prompt: "Networks, or everybody",
        default: Some("everybody"),
    };
    asker.text(question, given, read_senders)
}

fn read_senders(text: &str) -> Result<Senders, String> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_string).collect();
    if let [] | ["everybody"] = words
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        return Ok(Senders::Everybody);
    }
    match words.iter().find(|word| Network::parse(word).is_none()) {
        Some(wrong) => Err(format!(
            "“{}” is no network such as 192.0.2.0/24, and no address",
            printable(wrong)
        )),
        None => Ok(Senders::Networks(words)),
    }
}

/// A name that leads nowhere is no fault: the certificate holds for the addresses
/// too, and the sheets say what works.
fn tell_where_it_leads(hostname: &Domain) {
    let (leads, instead) = match name_leads(hostname.as_str()) {
        NameLeads::Here => return,
        NameLeads::Elsewhere => ("another address than this machine's", "as well"),
        NameLeads::Nowhere => ("no address yet", "instead"),
    };
    let addresses: Vec<String> = own_addresses()
        .into_iter()
        .filter(|address| address.is_ipv4() && !address.is_loopback())
        .map(|address| address.to_string())
        .collect();
    let addresses = match addresses.as_slice() {
        [] => "none at the moment".to_string(),
        all => all.join(", "),
    };
    let note = format!(
        "note: seen from here {hostname} has {leads}. Give it this machine's address ({addresses}) in the router or in \
         the office's DNS; until then the settings sheets name the address {instead}. The certificate holds for both."
    );
    say!("\n{}", wrapped(&note));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_network_is_told_and_not_taken() {
        for wrong in [
            "provider.example",
            "192.0.2.0/33",
            "192.0.2.0/24 x",
            "everybody 192.0.2.7",
        ] {
            assert!(read_senders(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read_senders(""), Ok(Senders::Everybody));
        assert_eq!(read_senders("everybody"), Ok(Senders::Everybody));
        let two = ["192.0.2.0/24".to_string(), "2001:db8::7".to_string()];
        assert_eq!(
            read_senders("192.0.2.0/24, 2001:db8::7"),
            Ok(Senders::Networks(two.to_vec()))
        );
    }
}
