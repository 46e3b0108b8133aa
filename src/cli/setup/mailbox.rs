//! The mailbox at the provider: where it is, tried at once by the same code that
//! will fetch from it.

mod next;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::asker::{Answer, Asker, Question, Stop};
use super::trial::{Found, Trial, Way, ways};
use crate::cli::Failure;
use crate::cli::init::domain;
use crate::cli::output::{cut, printable, say, wrapped};
use crate::config::init::{Init, Mailbox, Trust};
use crate::fetch::{Secret, Security};
use crate::mail::Domain;
use crate::net::tls::Fingerprint;
use next::{Next, ask_port, ask_protection, ask_trust, what_next, without_a_person};

/// A server chooses some of the words.
const REASON_CHARACTERS_MAX: usize = 1000;

#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "The mailbox at the provider")]
pub struct Arguments {
    /// The provider's POP3 server
    #[arg(long, value_name = "HOST")]
    provider_host: Option<String>,
    /// Its port; without it 995, then 110 with STARTTLS is tried
    #[arg(long, value_name = "PORT")]
    provider_port: Option<u16>,
    /// How the connection is protected; without it what works, but never none
    #[arg(long, value_enum)]
    provider_tls: Option<Protection>,
    /// The name to log in there with
    #[arg(long, value_name = "NAME")]
    provider_user: Option<String>,
    /// A file that holds the password for it and nothing else
    #[arg(long, value_name = "FILE")]
    provider_password_file: Option<PathBuf>,
    /// A file with the certificate (PEM) of the provider's own CA, where not all the world trusts his
    #[arg(long, value_name = "FILE")]
    provider_ca: Option<PathBuf>,
    /// The SHA-256 fingerprint of the one certificate that is his, as he says
    #[arg(long, value_name = "SHA256", conflicts_with = "provider_ca")]
    provider_fingerprint: Option<Fingerprint>,
    /// Do not log in at the provider to try it
    #[arg(long)]
    no_test: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protection {
    /// TLS from the first octet
    Implicit,
    /// By STARTTLS
    Starttls,
    /// None: the password crosses the network in the clear
    None,
}

impl Protection {
    fn security(self) -> Security {
        match self {
            Protection::Implicit => Security::Tls,
            Protection::Starttls => Security::StlsRequired,
            Protection::None => Security::Clear,
        }
    }
}

impl Arguments {
    /// Whether a flag speaks of a provider.
    pub fn is_given(&self) -> bool {
        self.provider_host.is_some()
            || self.provider_port.is_some()
            || self.provider_tls.is_some()
            || self.provider_user.is_some()
            || self.provider_password_file.is_some()
            || self.provider_ca.is_some()
            || self.provider_fingerprint.is_some()
    }

    fn trust(&self) -> Result<Trust, Stop> {
        match (&self.provider_ca, self.provider_fingerprint) {
            (Some(file), _) => Trust::by_ca(file)
                .map_err(|why| Stop::Flags(format!("--provider-ca {}: {why}", file.display()))),
            (None, Some(pin)) => Ok(Trust::Fingerprint(pin)),
            (None, None) => Ok(Trust::World),
        }
    }
}

/// Asks and tries until it works, or a person goes on without. `init` has
/// everything else by now: who there is decides what the messages there tell; they
/// may tell that its domain is mistyped.
pub fn ask(asker: Asker, arguments: &Arguments, init: &mut Init) -> Result<Mailbox, Stop> {
    let mut security = arguments.provider_tls.map(Protection::security);
    let mut port = arguments.provider_port;
    let trust = arguments.trust()?;
    let mut mailbox = Mailbox {
        trust,
        ..questions(asker, arguments, None)?
    };
    loop {
        let ways = ways(port, security);
        if arguments.no_test {
            return Ok(by_first(mailbox, &ways));
        }
        let failed = match super::trial::run(init, &mailbox, &ways)? {
            Trial::Good(good) => match take_over(asker, good.mailbox, &good.found, init)? {
                Some(mailbox) => return Ok(mailbox),
                None => continue,
            },
            Trial::Failed(failed) => failed,
        };
        if !asker.is_person() {
            return Err(Stop::Failed(without_a_person(&failed)));
        }
        let told = format!("That did not work: {}", failed.why());
        say!("\n{}", wrapped(&cut(&told, REASON_CHARACTERS_MAX)));
        match what_next(asker, &failed)? {
            Next::AskAgain => {
                let trust = mailbox.trust.clone();
                mailbox = Mailbox {
                    trust,
                    ..questions(asker, arguments, Some(&mailbox))?
                };
            }
            Next::AskPort => {
                let asked = ask_protection(asker)?.security();
                port = Some(ask_port(asker, asked)?);
                security = Some(asked);
            }
            Next::Trust => mailbox.trust = ask_trust(asker, &failed)?.unwrap_or(mailbox.trust),
            Next::GoOn => return Ok(by_first(mailbox, &ways)),
            Next::GiveUp => return Err(given_up()),
        }
    }
}

fn given_up() -> Stop {
    Stop::Failed("given up; nothing is written".to_string())
}

/// Host, user and password; what was answered before stands there to begin with.
fn questions(
    asker: Asker,
    arguments: &Arguments,
    before: Option<&Mailbox>,
) -> Result<Mailbox, Stop> {
    // What a flag says failed, so that it is asked anew.
    let given = |flag: &Option<String>| match before {
        Some(_) => None,
        None => flag.clone(),
    };
    let question = Question {
        flag: "--provider-host HOST",
        about: "The provider's POP3 server. It stands in his instructions for mail programs, under “incoming mail”.",
        prompt: "POP3 server",
        default: before.map(|before| before.host.as_str()),
    };
    let host = asker.text(
        question,
        given(&arguments.provider_host).as_deref(),
        read_host,
    )?;
    if let Some(note) = special_needs(&host) {
        say!("{}", wrapped(&format!("note: {note}")));
    }
    let question = Question {
        flag: "--provider-user NAME",
        about: "",
        prompt: "User name there",
        default: before.map(|before| before.user.as_str()),
    };
    let user = given(&arguments.provider_user);
    let user = asker.text(question, user.as_deref(), |text| match text.is_empty() {
        true => Err("a name is needed".to_string()),
        false => Ok(text.to_string()),
    })?;
    let password = match (&arguments.provider_password_file, before) {
        (Some(file), None) => Arc::new(Secret::new(read_password(file)?)),
        (_, before) => ask_password(asker, before)?,
    };
    Ok(Mailbox {
        host,
        port: 995,
        security: Security::Tls,
        trust: Trust::World,
        user,
        password,
        advice: None,
    })
}

fn ask_password(asker: Asker, before: Option<&Mailbox>) -> Result<Arc<Secret>, Stop> {
    let prompt = match before {
        Some(_) => "Password there (not shown; Enter alone: the same as before)",
        None => "Password there (not shown)",
    };
    let typed = asker.password("--provider-password-file FILE", prompt, |typed| {
        match typed.is_empty() && before.is_none() {
            true => Err("the password for that mailbox is needed".to_string()),
            false => Ok(()),
        }
    })?;
    Ok(match before {
        Some(before) if typed.is_empty() => Arc::clone(&before.password),
        _ => Arc::new(Secret::new(typed.into_bytes())),
    })
}

fn read_host(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the server's name is needed, such as pop.provider.example".to_string());
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(text.to_string());
    }
    let host = domain(text).map_err(|Failure(_)| {
        format!(
            "“{}” is no server's name such as pop.provider.example",
            printable(text)
        )
    });
    host.map(|host| host.to_string())
}

/// Without its line end.
fn read_password(file: &PathBuf) -> Result<Vec<u8>, Stop> {
    let wrong = |why: &str| {
        Stop::Flags(format!(
            "--provider-password-file {}: {why}",
            file.display()
        ))
    };
    let text = fs::read_to_string(file).map_err(|why| wrong(&why.to_string()))?;
    let line = text.trim_end_matches(['\r', '\n']);
    match line.is_empty() || line.contains(['\r', '\n', '\0']) {
        true => Err(wrong(
            "it is to hold the password in one line and nothing else",
        )),
        false => Ok(line.as_bytes().to_vec()),
    }
}

/// Providers whose log-in is no plain password, by what their servers are called.
fn special_needs(host: &str) -> Option<&'static str> {
    let host = host.to_ascii_lowercase();
    let is_at = |domains: &[&str]| {
        let mut domains = domains.iter();
        domains.any(|domain| host == *domain || host.ends_with(&format!(".{domain}")))
    };
    if is_at(&["gmail.com", "googlemail.com", "google.com"]) {
        return Some(
            "this is Google, where the account's own password is refused. An “app password” may do; else go on \
             without a test, and afterwards set token_command and method = \"xoauth2\" in postroom.toml.",
        );
    }
    is_at(&["outlook.com", "office365.com", "hotmail.com", "live.com"]).then_some(
        "this is Microsoft, where a log-in by password is refused (they want OAuth2). Go on without a test, and \
         afterwards set token_command and method = \"xoauth2\" in postroom.toml.",
    )
}

fn by_first(mailbox: Mailbox, ways: &[Way]) -> Mailbox {
    let way = ways.first().copied().unwrap_or_default();
    way.applied_to(mailbox)
}

/// Shows what the messages there tell, and takes it over with a yes. None: `init` has
/// another domain now, by which they tell something else.
fn take_over(
    asker: Asker,
    mut mailbox: Mailbox,
    found: &Found,
    init: &mut Init,
) -> Result<Option<Mailbox>, Stop> {
    say!(
        "logged in at {}, port {}: {} messages",
        mailbox.host,
        mailbox.port,
        found.messages()
    );
    found.show();
    let Some(advice) = found.advice() else {
        let guessed = "What the provider writes into messages cannot be told yet, so that recipients are guessed for \
                       now. Once some are there: postroom fetch main --dry-run";
        say!("{}", wrapped(guessed));
        return Ok(Some(mailbox));
    };
    if let Some(elsewhere) = &advice.elsewhere {
        return match asker.is_person() && is_ours(asker, &elsewhere.domain, init)? {
            true => {
                *init = init.with_domain(elsewhere.domain.clone())?;
                Ok(None)
            }
            false => Ok(Some(mailbox)),
        };
    }
    if asker.is_yes("Take these lines over?", Answer::Yes)? {
        mailbox.advice = Some(advice);
    }
    Ok(Some(mailbox))
}

/// Whether the domain that the messages there are addressed to is to be the office's.
fn is_ours(asker: Asker, domain: &Domain, init: &Init) -> Result<bool, Stop> {
    #[derive(Clone, Copy)]
    enum Whose {
        Ours,
        NotOurs,
        GiveUp,
    }
    let question = Question {
        flag: "--domain D",
        about: "",
        prompt: "Is that the office's domain?",
        default: None,
    };
    let ours = format!("Yes: take {domain} in place of {}", init.domain);
    let not = format!("No: {} is right, go on", init.domain);
    let choices = [
        (Whose::Ours, ours.as_str()),
        (Whose::NotOurs, not.as_str()),
        (Whose::GiveUp, "Give up; nothing is written"),
    ];
    match asker.choice(question, None, &choices)? {
        Whose::Ours => Ok(true),
        Whose::NotOurs => Ok(false),
        Whose::GiveUp => Err(given_up()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_who_want_oauth2_are_told_of_it() {
        for host in [
            "pop.gmail.com",
            "outlook.office365.com",
            "POP-MAIL.outlook.com",
        ] {
            assert!(special_needs(host).is_some(), "{host}");
        }
        for host in ["pop.provider.example", "notgmail.com", "gmail.com.example"] {
            assert_eq!(special_needs(host), None, "{host}");
        }
    }
}
