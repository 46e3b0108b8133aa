//! The mailbox at the provider: where it is, tried at once by the same code that
//! will fetch from it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::asker::{Answer, Asker, Question, Stop};
use super::trial::{Found, Trial, Way, ways};
use crate::cli::Failure;
use crate::cli::init::domain;
use crate::cli::output::{cut, say, wrapped};
use crate::config::init::{Init, Mailbox};
use crate::fetch::{Secret, Security};

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
    }
}

/// What was answered until now, for the next time that it is asked.
#[derive(Debug, Default)]
struct Answered {
    host: Option<String>,
    user: Option<String>,
}

/// What follows a trial that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    AskAgain,
    AskPort,
    GoOn,
    GiveUp,
}

/// Asks and tries until it works, or a person goes on without. `init` has
/// everything else by now: who there is decides what the messages there tell.
pub fn ask(asker: Asker, arguments: &Arguments, init: &Init) -> Result<Mailbox, Stop> {
    let mut answered = Answered::default();
    let mut protection = arguments.provider_tls;
    loop {
        let mailbox = questions(asker, arguments, &mut answered)?;
        let tls = protection.map(Protection::security);
        let ways = ways(arguments.provider_port, tls);
        if arguments.no_test {
            return Ok(by_first(mailbox, &ways));
        }
        let why = match super::trial::run(init, &mailbox, &ways)? {
            Trial::Good(good) => return take_over(asker, good.mailbox, &good.found),
            Trial::Failed(why) => why,
        };
        if !asker.is_person() {
            return Err(Stop::Failed(format!(
                "{why}; nothing is written. --no-test writes the settings without a try"
            )));
        }
        say!(
            "\n{}",
            wrapped(&cut(
                &format!("That did not work: {why}"),
                REASON_CHARACTERS_MAX
            ))
        );
        match what_next(asker)? {
            Next::AskAgain => {}
            Next::AskPort => protection = Some(ask_protection(asker)?),
            Next::GoOn => return Ok(by_first(mailbox, &ways)),
            Next::GiveUp => return Err(Stop::Failed("given up; nothing is written".to_string())),
        }
    }
}

fn questions(
    asker: Asker,
    arguments: &Arguments,
    answered: &mut Answered,
) -> Result<Mailbox, Stop> {
    // What was asked once failed, so that it is asked anew, with the old answer to begin with.
    let first = |given: &Option<String>, before: &Option<String>| match before {
        Some(_) => None,
        None => given.clone(),
    };
    let is_first = answered.host.is_none();
    let given = first(&arguments.provider_host, &answered.host);
    let question = Question {
        flag: "--provider-host HOST",
        about: "The provider's POP3 server. It stands in his instructions for mail programs, under “incoming mail”.",
        prompt: "POP3 server",
        default: answered.host.as_deref(),
    };
    let host = asker.text(question, given.as_deref(), read_host)?;
    if let Some(note) = special_needs(&host) {
        say!("{}", wrapped(&format!("note: {note}")));
    }
    let given = first(&arguments.provider_user, &answered.user);
    let question = Question {
        flag: "--provider-user NAME",
        about: "",
        prompt: "User name there",
        default: answered.user.as_deref(),
    };
    let user = asker.text(question, given.as_deref(), |text| match text.is_empty() {
        true => Err("a name is needed".to_string()),
        false => Ok(text.to_string()),
    })?;
    let password = match (&arguments.provider_password_file, is_first) {
        (Some(file), true) => read_password(file)?,
        _ => asker
            .password(
                "--provider-password-file FILE",
                "Password there (not shown)",
            )?
            .into_bytes(),
    };
    *answered = Answered {
        host: Some(host.clone()),
        user: Some(user.clone()),
    };
    Ok(Mailbox {
        host,
        port: 995,
        security: Security::Tls,
        user,
        password: Arc::new(Secret::new(password)),
        advice: None,
    })
}

fn read_host(text: &str) -> Result<String, String> {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(text.to_string());
    }
    let host = domain(text).map_err(|Failure(_)| {
        format!(
            "“{}” is no server's name such as pop.provider.example",
            text.escape_debug()
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

fn what_next(asker: Asker) -> Result<Next, Stop> {
    let question = Question {
        flag: "--no-test",
        about: "",
        prompt: "What now?",
        default: None,
    };
    let choices = [
        (Next::AskAgain, "Answer these questions again"),
        (
            Next::AskPort,
            "Choose the port and its protection, and try again",
        ),
        (
            Next::GoOn,
            "Go on without a test (fetching fails until it is put right)",
        ),
        (Next::GiveUp, "Give up; nothing is written"),
    ];
    asker.choice(question, None, &choices)
}

fn ask_protection(asker: Asker) -> Result<Protection, Stop> {
    let question = Question {
        flag: "--provider-tls",
        about: "",
        prompt: "Port and protection",
        default: None,
    };
    let choices = [
        (Protection::Implicit, "995 with TLS"),
        (Protection::Starttls, "110 with STARTTLS"),
        (
            Protection::None,
            "110 without protection: others on the way can read password and mail",
        ),
    ];
    asker.choice(question, None, &choices)
}

fn by_first(mailbox: Mailbox, ways: &[Way]) -> Mailbox {
    let way = ways.first().copied().unwrap_or_default();
    way.applied_to(mailbox)
}

/// Shows what the messages there tell, and takes it over with a yes.
fn take_over(asker: Asker, mut mailbox: Mailbox, found: &Found) -> Result<Mailbox, Stop> {
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
        return Ok(mailbox);
    };
    if asker.is_yes("Take these lines over?", Answer::Yes)? {
        mailbox.advice = Some(advice);
    }
    Ok(mailbox)
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
