//! The try at the provider: which port and protection, whether the log-in is
//! good, and what the messages there propose. Nothing changes by it.

use super::asker::Stop;
use crate::cli::fetch::dry_run;
use crate::cli::provider::visit;
use crate::config::init::{Init, Mailbox};
use crate::fetch::{Awaited, Error, Security};
use crate::net::fetcher::{self, DryRun, PollError, Provider, Reading};
use crate::net::sessions::Sessions;
use crate::net::tls::{Certificate, ConnectError};
use crate::route::Directory;
use crate::route::multidrop::Advice;

/// The newest messages say enough, and a person waits.
const MESSAGES_MAX: usize = 200;

/// A port and its protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    port: u16,
    security: Security,
}

impl Default for Way {
    fn default() -> Way {
        Way {
            port: 995,
            security: Security::Tls,
        }
    }
}

impl Way {
    pub fn applied_to(self, mailbox: Mailbox) -> Mailbox {
        Mailbox {
            port: self.port,
            security: self.security,
            ..mailbox
        }
    }
}

/// The ways to try, best first. Never one without protection that nobody asked for.
pub fn ways(port: Option<u16>, security: Option<Security>) -> Vec<Way> {
    let securities = match security {
        Some(security) => vec![security],
        None => vec![Security::Tls, Security::StlsRequired],
    };
    let way = |security| Way {
        port: port.unwrap_or(usual_port(security)),
        security,
    };
    securities.into_iter().map(way).collect()
}

/// Where servers listen that are so protected (RFC 1939 §3, RFC 8314 §3.2).
pub fn usual_port(security: Security) -> u16 {
    match security {
        Security::Tls => 995,
        Security::StlsRequired | Security::Clear => 110,
    }
}

/// What a try came to.
pub enum Trial {
    /// It works.
    Good(Box<Good>),
    /// It does not.
    Failed(Failed),
}

/// Why no way works.
#[derive(Default)]
pub struct Failed {
    reasons: Vec<String>,
    /// The certificate that the server shows, where it is not trusted.
    pub untrusted: Option<Certificate>,
}

impl Failed {
    /// For a person.
    pub fn why(&self) -> String {
        self.reasons.join("; and ")
    }

    fn add(&mut self, why: &PollError) {
        let PollError::Tls(not_trusted @ ConnectError::NotTrusted { shown, .. }, _) = why else {
            return self.reasons.push(why.to_string());
        };
        // What the settings are to say is not for a person who has none yet.
        let shows = shown.as_ref().map_or(String::new(), |certificate| {
            format!(". It shows one {certificate}")
        });
        self.reasons.push(format!("{not_trusted}{shows}"));
        self.untrusted = shown.as_deref().cloned();
    }
}

/// A way that works.
pub struct Good {
    /// With its port and protection.
    pub mailbox: Mailbox,
    pub found: Found,
}

/// What the log-in showed.
pub enum Found {
    Messages {
        provider: Box<Provider>,
        run: Box<DryRun>,
    },
    /// So many, and the server shows no headers alone.
    Hidden(u64),
}

impl Found {
    pub fn messages(&self) -> u64 {
        match self {
            Found::Messages { run, .. } => run.listed,
            Found::Hidden(messages) => *messages,
        }
    }

    /// Prints the messages, who would get them, and what is proposed.
    pub fn show(&self) {
        if let Found::Messages { provider, run } = self
            && !run.previews.is_empty()
        {
            dry_run::print(provider, run);
        }
    }

    pub fn advice(&self) -> Option<Advice> {
        match self {
            Found::Messages { run, .. } => run.advice.clone(),
            Found::Hidden(_) => None,
        }
    }
}

/// Tries one way after the other.
pub fn run(init: &Init, mailbox: &Mailbox, ways: &[Way]) -> Result<Trial, Stop> {
    let mut failed = Failed::default();
    for way in ways {
        let mailbox = way.applied_to(mailbox.clone());
        eprintln!("trying {}, port {} …", mailbox.host, mailbox.port);
        let mut draft = init.clone();
        draft.answers.mailbox = Some(mailbox.clone());
        let (configuration, directory) = draft.draft()?;
        let provider = configuration.providers.into_iter().next();
        let provider = provider.ok_or("the draft has no provider")?;
        match log_in(provider, &directory) {
            Ok(found) => return Ok(Trial::Good(Box::new(Good { mailbox, found }))),
            Err(why) => {
                failed.add(&why);
                if !is_of_the_way(&why) {
                    break;
                }
            }
        }
    }
    Ok(Trial::Failed(failed))
}

fn log_in(provider: Provider, directory: &Directory) -> Result<Found, PollError> {
    let read = async |provider: &Provider| {
        let sessions = Sessions::default();
        fetcher::dry_run(provider, directory, &sessions, Reading::Top, MESSAGES_MAX).await
    };
    match visit(&provider, read) {
        Ok(run) => Ok(Found::Messages {
            provider: Box::new(provider),
            run: Box::new(run),
        }),
        Err(PollError::NoTop(_)) => {
            let look =
                async |provider: &Provider| fetcher::look(provider, &Sessions::default()).await;
            visit(&provider, look).map(|found| Found::Hidden(found.messages))
        }
        Err(why) => Err(why),
    }
}

/// Whether another port or protection may do better: the log-in itself was not
/// what failed, nor the name.
fn is_of_the_way(why: &PollError) -> bool {
    match why {
        PollError::NoConnection { .. } => true,
        PollError::Tls(ConnectError::Failed { .. } | ConnectError::TimedOut { .. }, _) => true,
        PollError::Session(Error::ConnectionClosed { awaited, .. }, _) => {
            matches!(awaited, Awaited::Greeting)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_tried_without_protection_unless_asked_for() {
        let clear = |ways: &[Way]| ways.iter().any(|way| way.security == Security::Clear);
        assert!(!clear(&ways(None, None)) && !clear(&ways(Some(110), None)));
        let asked = ways(None, Some(Security::Clear));
        assert_eq!(asked.len(), 1);
        assert!(clear(&asked));
        let ports: Vec<u16> = ways(None, None).iter().map(|way| way.port).collect();
        assert_eq!(ports, [995, 110]);
    }
}
