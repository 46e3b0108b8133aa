//! What follows a try at the provider that failed.

use super::Protection;
use crate::cli::setup::asker::{Answer, Asker, Question, Stop};
use crate::cli::setup::trial::{Failed, usual_port};
use crate::config::init::Trust;
use crate::fetch::Security;

/// What follows a trial that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    AskAgain,
    AskPort,
    Trust,
    GoOn,
    GiveUp,
}

/// What is told where nobody can choose.
pub fn without_a_person(failed: &Failed) -> String {
    let trust = match &failed.untrusted {
        Some(_) => {
            "; --provider-ca FILE names the provider's own CA, --provider-fingerprint this one certificate, if he \
             confirms that it is his"
        }
        None => "",
    };
    format!(
        "{}{trust}; nothing is written. --no-test writes the settings without a try",
        failed.why()
    )
}

/// Asks a person.
pub fn what_next(asker: Asker, failed: &Failed) -> Result<Next, Stop> {
    let question = Question {
        flag: "--no-test",
        about: "",
        prompt: "What now?",
        default: None,
    };
    let mut choices = vec![
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
    if failed.untrusted.is_some() {
        let trust = "Trust this one certificate, if the provider has said that it is his";
        choices.insert(2, (Next::Trust, trust));
    }
    asker.choice(question, None, &choices)
}

/// By the certificate that was shown. None: a person does not know that it is the provider's.
pub fn ask_trust(asker: Asker, failed: &Failed) -> Result<Option<Trust>, Stop> {
    let Some(certificate) = &failed.untrusted else {
        return Ok(None);
    };
    let pin = certificate.fingerprint();
    asker.tell(&format!(
        "Whoever is on the way to the provider can show a certificate of his own, and reads the password then. Only \
         the provider can say which one is his: ask him, not by mail, for its SHA-256 fingerprint, and compare it \
         with {pin}."
    ));
    let is_his = asker.is_yes("Has the provider told you this fingerprint?", Answer::No)?;
    Ok(is_his.then_some(Trust::Fingerprint(pin)))
}

pub fn ask_protection(asker: Asker) -> Result<Protection, Stop> {
    let question = Question {
        flag: "--provider-tls",
        about: "",
        prompt: "Protection",
        default: None,
    };
    let choices = [
        (Protection::Implicit, "TLS (mostly port 995)"),
        (Protection::Starttls, "STARTTLS (mostly port 110)"),
        (
            Protection::None,
            "None: others on the way can read password and mail (mostly port 110)",
        ),
    ];
    asker.choice(question, None, &choices)
}

pub fn ask_port(asker: Asker, security: Security) -> Result<u16, Stop> {
    let usual = usual_port(security).to_string();
    let question = Question {
        flag: "--provider-port PORT",
        about: "",
        prompt: "Port",
        default: Some(&usual),
    };
    asker.text(question, None, |text| match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err("a port is a number from 1 to 65535".to_string()),
    })
}
