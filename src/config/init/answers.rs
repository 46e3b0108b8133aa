//! What `setup` is told beyond what `init` asks for, put into the same files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml_edit::Value;

use crate::fetch::{Secret, Security};
use crate::route::UnknownUser;
use crate::route::multidrop::Advice;

use crate::config::secrets::read_certificates;
use crate::config::settings::{OutgoingTls, Sheet};
use crate::net::tls::Fingerprint;

/// The password of the provider's mailbox, beside postroom.toml.
pub(super) const SECRET_FILE: &str = "secrets/main";
/// The CA of the provider's own, beside postroom.toml.
pub(super) const PROVIDER_CA_FILE: &str = "tls/provider-ca.pem";

/// The answers; by default none was given, and the files are those of `init`.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// Mail for nobody.
    pub unknown_user: UnknownUser,
    /// Who may bring mail by SMTP.
    pub senders: Senders,
    /// The mailbox at the provider.
    pub mailbox: Option<Mailbox>,
    /// What goes onto the settings sheets.
    pub sheet: Sheet,
    /// Everybody with a mailbox here.
    pub people: Vec<Person>,
    /// Who of them gets mail for postmaster; none: the first.
    pub postmaster: Option<String>,
}

/// Who may bring mail by SMTP; the office's own devices may in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Senders {
    /// Everybody, as an MX needs it.
    #[default]
    Everybody,
    /// These networks, as `accept_from` has them.
    Networks(Vec<String>),
    /// Nobody else: all mail is fetched.
    TheOffice,
}

/// A mailbox at a provider that holds the whole office's mail.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// The POP3 server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Whose certificate is the server's.
    pub trust: Trust,
    /// The name to log in with.
    pub user: String,
    /// The password; one line.
    pub password: Arc<Secret>,
    /// What the dry run proposed; none: recipients are guessed.
    pub advice: Option<Advice>,
}

/// Whose certificate is taken for the provider's server's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// One that all the world trusts.
    #[default]
    World,
    /// One from the provider's own CA.
    Ca {
        /// The file that was named; what is written has a copy of it.
        file: PathBuf,
        /// The CA's certificate.
        pem: Vec<u8>,
    },
    /// This one.
    Fingerprint(Fingerprint),
}

impl Trust {
    /// By the CA in this file.
    ///
    /// # Errors
    /// In words, what is wrong with the file.
    pub fn by_ca(file: &Path) -> Result<Trust, String> {
        let pem = read_certificates(file)?;
        let file = std::path::absolute(file).map_err(|why| why.to_string())?;
        Ok(Trust::Ca { file, pem })
    }
}

/// Somebody with a mailbox here.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's name.
    pub name: String,
    /// Further addresses, as directory.toml has them.
    pub addresses: Vec<String>,
    /// The hash of the password.
    pub password_hash: String,
}

/// What a text of settings is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be written: password and CA are in files of their own beside it.
    Writing,
    /// A draft, which is in no file: the password stands in it, and the CA is where it
    /// was found.
    Draft,
}

impl Answers {
    /// Puts the answers into the text of postroom.toml in place of the defaults
    /// that it shows as comments.
    pub(super) fn put_into(&self, mut text: String, purpose: Purpose) -> String {
        match &self.unknown_user {
            UnknownUser::Reject => {}
            UnknownUser::Unclaimed => answer(&mut text, "unknown_user", "unclaimed"),
            UnknownUser::CatchAll(user) => answer(&mut text, "unknown_user", user.as_str()),
        }
        match &self.senders {
            Senders::Everybody => {}
            Senders::Networks(networks) => answer(
                &mut text,
                "accept_from",
                networks.iter().collect::<toml_edit::Array>(),
            ),
            Senders::TheOffice => {
                let loopback: toml_edit::Array = ["127.0.0.0/8"].into_iter().collect();
                answer(&mut text, "accept_from", loopback);
                text = text.replace(
                    "\naccept_from = ",
                    "\n# All mail is fetched from the provider's mailbox below: nobody outside the office has\n\
                     # anything to bring, so that only this machine is named. Scanners of \"lan\" go on.\n\
                     accept_from = ",
                );
            }
        }
        self.put_sheet_into(&mut text);
        if let Some(mailbox) = &self.mailbox {
            text.push_str(&mailbox.section(purpose));
        }
        text
    }

    fn put_sheet_into(&self, text: &mut String) {
        let Sheet {
            outgoing,
            away_host,
            ask,
        } = &self.sheet;
        if let Some(outgoing) = outgoing {
            let security = match outgoing.security {
                OutgoingTls::Implicit => "implicit",
                OutgoingTls::StartTls => "starttls",
            };
            answer(text, "outgoing_host", outgoing.host.as_str());
            answer(text, "outgoing_port", i64::from(outgoing.port));
            answer(text, "outgoing_tls", security);
            answer(text, "outgoing_user", outgoing.user.as_str());
        }
        if let Some(name) = away_host {
            answer(text, "away_host", name.as_str());
        }
        if let Some(whom) = ask {
            answer(text, "ask", whom.as_str());
        }
    }
}

impl Mailbox {
    /// Its `[[provider]]`.
    fn section(&self, purpose: Purpose) -> String {
        let (tls, quoted) = (
            match self.security {
                Security::Tls => "implicit",
                Security::StlsRequired => "starttls",
                Security::Clear => "none",
            },
            |text: &str| Value::from(text).to_string(),
        );
        let password = match purpose {
            Purpose::Writing => format!("password_file = {}", quoted(SECRET_FILE)),
            Purpose::Draft => {
                let password = String::from_utf8_lossy(self.password.octets());
                format!("password = {}", quoted(&password))
            }
        };
        let trust = match (&self.trust, purpose) {
            (Trust::World, _) => String::new(),
            (Trust::Ca { .. }, Purpose::Writing) => format!("ca = {}\n", quoted(PROVIDER_CA_FILE)),
            (Trust::Ca { file, .. }, Purpose::Draft) => {
                format!("ca = {}\n", quoted(&file.to_string_lossy()))
            }
            (Trust::Fingerprint(pin), _) => format!(
                "# This one certificate is trusted, for the provider said that it is his; he tells the\n\
                 # fingerprint of his next one, too.\nfingerprint = \"{pin}\"\n"
            ),
        };
        let mut section = format!(
            "\n[[provider]]\nname = \"main\"\nhost = {}\nport = {}\ntls = \"{tls}\"\n{trust}user = {}\n{password}\n\
             # Until you trust this hub it is not the only copy; then \"0 days\".\n\
             leave_on_server = \"7 days\"\n",
            quoted(&self.host),
            self.port,
            quoted(&self.user),
        );
        let written = match &self.advice {
            Some(advice) => write!(
                section,
                "# As \"postroom fetch main --dry-run\" proposed it when this was written.\n{advice}"
            ),
            None => write!(
                section,
                "# \"postroom fetch main --dry-run\" proposes what fits better, once mail is there.\n\
                 mode = \"guess\"\n"
            ),
        };
        // A string takes everything.
        written.unwrap_or_default();
        section
    }
}

/// Puts a value into the line that shows the default as a comment.
fn answer(text: &mut String, name: &str, value: impl Into<Value>) {
    let head = format!("\n#{name} = ");
    let Some((before, after)) = text.split_once(&head) else {
        debug_assert!(false, "the template has no line {name}");
        return;
    };
    let rest = after.split_once('\n').map_or("", |(_, rest)| rest);
    let value = value.into().to_string();
    *text = format!("{before}\n{name} = {}\n{rest}", value.trim());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use crate::config::Configuration;
    use crate::config::init::{Init, Reach};
    use crate::config::settings::Outgoing;
    use crate::mail::Domain;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg";

    fn init(folder: &Path, answers: Answers) -> Init {
        Init {
            folder: folder.to_path_buf(),
            domain: Domain::parse("example.com").unwrap(),
            hostname: None,
            reach: Reach::World,
            answers,
        }
    }

    fn mailbox(user: &str, password: &str) -> Mailbox {
        Mailbox {
            host: "pop.provider.example".to_string(),
            port: 110,
            security: Security::StlsRequired,
            trust: Trust::World,
            user: user.to_string(),
            password: Arc::new(Secret::new(password.as_bytes())),
            advice: None,
        }
    }

    fn person(name: &str, addresses: &[&str]) -> Person {
        Person {
            name: name.to_string(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            password_hash: HASH.to_string(),
        }
    }

    #[test]
    fn every_answer_is_read_back_as_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let sheet = Sheet {
            outgoing: Some(Outgoing {
                host: "smtp.provider.example".to_string(),
                port: 587,
                security: OutgoingTls::StartTls,
                user: "office \"1\"".to_string(),
            }),
            away_host: Some(Domain::parse("home.example.com").unwrap()),
            ask: Some("Anna's \\ desk".to_string()),
        };
        let answers = Answers {
            unknown_user: UnknownUser::CatchAll("bob".to_string()),
            senders: Senders::Networks(vec!["192.0.2.0/24".to_string()]),
            mailbox: Some(mailbox("of\"fice", "se\\cr\"et")),
            sheet: sheet.clone(),
            people: vec![
                person("anna", &[]),
                person("bob", &["info", "b@example.com"]),
            ],
            postmaster: Some("bob".to_string()),
        };
        let office = init(&folder.path().join("office"), answers);
        let (draft, _) = office.draft().unwrap();
        let written = office.write().unwrap();
        for configuration in [&draft, &written] {
            assert_eq!(configuration.sheet, sheet);
            let [provider] = configuration.providers.as_slice() else {
                panic!("one provider");
            };
            assert_eq!((provider.user.as_str(), provider.port), ("of\"fice", 110));
            let crate::net::fetcher::Login::Password { password, .. } = &provider.login else {
                panic!("a password");
            };
            assert_eq!(password.octets(), b"se\\cr\"et");
            let unknown = &configuration.routing.unknown_user.value;
            assert_eq!(unknown, &UnknownUser::CatchAll("bob".to_string()));
            assert!(configuration.smtp.accept_from.is_some());
        }
        let directory = written.load_directory().unwrap();
        let names: Vec<&str> = directory
            .users()
            .iter()
            .map(|user| user.name.as_str())
            .collect();
        assert_eq!(names, ["anna", "bob"]);
        assert_eq!(directory.login("info").unwrap().name, "bob");
        let [postmaster] = directory.aliases() else {
            panic!("one alias");
        };
        assert_eq!(postmaster.targets, ["bob"]);
    }

    #[test]
    fn a_text_that_would_break_out_of_its_line_stays_in_it() {
        let sheet = Sheet {
            ask: Some("x\"\nallow_root = true #".to_string()),
            ..Sheet::default()
        };
        let answers = Answers {
            sheet,
            people: vec![person("anna", &[])],
            ..Answers::default()
        };
        // Two lines are refused by whoever reads them, not taken for a setting.
        let error = init(Path::new("office"), answers).draft().unwrap_err();
        assert!(
            error.to_string().contains("expected one line of text"),
            "{error}"
        );
    }

    #[test]
    fn where_all_mail_is_fetched_the_world_brings_none() {
        let answers = Answers {
            senders: Senders::TheOffice,
            people: vec![person("anna", &[])],
            mailbox: Some(mailbox("office", "secret")),
            ..Answers::default()
        };
        let (configuration, _) = init(Path::new("office"), answers).draft().unwrap();
        let may = |address: &str| {
            let from = configuration.smtp.accept_from.as_ref().unwrap();
            from.contains(address.parse().unwrap())
        };
        assert!(may("127.0.0.1") && !may("198.51.100.1"));
    }

    #[test]
    fn a_failure_takes_the_secret_back_too() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers {
            people: vec![person("no body", &[])],
            mailbox: Some(mailbox("office", "secret")),
            ..Answers::default()
        };
        init(folder.path(), answers).write().unwrap_err();
        let left = Configuration::load(&folder.path().join("postroom.toml"));
        assert!(left.is_err());
        assert!(!folder.path().join("directory.toml").exists());
        assert!(!folder.path().join(SECRET_FILE).exists());
        assert!(!folder.path().join("secrets").exists());
    }
}
