//! From entries to accounts: what each option becomes.

use super::entries::{Options, RunControl, Server, User, Verb};
use super::{Import, ImportedAccount, Line, remarks};
use crate::config::secrets;
use crate::fetch::Secret;

/// As in `provider_values`.
const NAME_CHARACTERS_MAX: usize = 32;
/// A day has no more.
const POLL_SECONDS_MAX: i64 = 24 * 60 * 60;
const POLL_SECONDS_MIN: i64 = 30;
/// `keep` means for ever.
const FOR_EVER: &str = "3650 days";

/// Turns the whole file into accounts.
pub(super) fn convert(file: RunControl) -> Import {
    let mut import = Import {
        accounts: Vec::new(),
        remarks: remarks::of_globals(&file.globals),
    };
    let mut mailboxes: Vec<(String, String)> = Vec::new();
    let mut defaults: Option<Server> = None;
    for mut server in file.servers {
        if server.verb == Verb::Defaults {
            defaults = Some(server);
            continue;
        }
        if server.users.is_empty() {
            server.users.push(User {
                line: server.line,
                ..User::default()
            });
        }
        if let Some(defaults) = &defaults {
            server.options.fill_up(&defaults.options);
            if let Some(all) = defaults.users.first() {
                server.users.iter_mut().for_each(|user| user.fill_up(all));
            }
        }
        for user in &server.users {
            let entry = Entry {
                globals: &file.globals,
                server: &server,
                user,
            };
            let name = entry.name(&import.accounts);
            let mailbox = (
                entry.host().to_lowercase(),
                user.remote.clone().unwrap_or_default(),
            );
            let is_double = mailboxes.contains(&mailbox);
            mailboxes.push(mailbox);
            import.accounts.push(entry.account(name, is_double));
        }
    }
    import
}

/// One mailbox at a server.
pub(super) struct Entry<'a> {
    globals: &'a Options,
    pub server: &'a Server,
    pub user: &'a User,
}

/// How the connection is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tls {
    Implicit,
    Upgraded,
    Absent,
}

impl Entry<'_> {
    fn account(&self, name: String, is_double: bool) -> ImportedAccount {
        let mut settings = vec![line("name", text(&name))];
        settings.extend(self.connection());
        settings.extend(self.login());
        settings.extend(self.timing());
        settings.extend(self.routing());
        settings.extend(self.limits());
        let password = self.user.options.octets("password");
        let password = password.filter(|octets| secrets::is_usable(octets));
        let user = self.user.remote.as_deref().unwrap_or("(not named)");
        ImportedAccount {
            name,
            password: password.map(Secret::new),
            inactive: match is_double {
                true => Some("an entry above fetches this mailbox already".to_string()),
                false => remarks::why_inactive(self),
            },
            origin: format!(
                "line {}: {} {}, user {user}",
                self.user.line.max(self.server.line),
                if self.server.verb == Verb::Skip {
                    "skip"
                } else {
                    "poll"
                },
                self.server.name
            ),
            settings,
            remarks: remarks::of_entry(self),
        }
    }

    pub fn host(&self) -> String {
        let via = self.server.options.text("via");
        via.unwrap_or_else(|| self.server.name.clone())
    }

    /// The protocol, in lower case.
    pub fn protocol(&self) -> String {
        let protocol = self.server.options.text("protocol");
        protocol.map_or("auto".to_string(), |protocol| protocol.to_lowercase())
    }

    /// A name of its own among the accounts: of the entry, or where it has
    /// several users, of the user.
    fn name(&self, others: &[ImportedAccount]) -> String {
        let base = match (self.server.users.len(), &self.user.remote) {
            (2.., Some(user)) => user,
            _ => &self.server.name,
        };
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
        let base: String = base
            .to_lowercase()
            .chars()
            .map(|c| if good(c) { c } else { '-' })
            .take(NAME_CHARACTERS_MAX - 3)
            .collect();
        // It is a file's name too: never "..", nor one that is hidden.
        let base = match base.trim_matches(['-', '.']) {
            "" => "main",
            base => base,
        };
        let is_free = |name: &String| others.iter().all(|other| other.name != *name);
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let mut names = [base.to_string()].into_iter().chain(numbered);
        names.find(is_free).unwrap_or_default()
    }

    fn connection(&self) -> Vec<Line> {
        let options = &self.user.options;
        let port = self.port();
        let no_starttls = options.octets("sslproto") == Some(b"");
        let (tls, comment) = match port {
            _ if options.is_on("ssl") => (Tls::Implicit, None),
            Some(995) => (
                Tls::Implicit,
                Some("the file does not say ssl, but port 995 speaks nothing else"),
            ),
            _ if no_starttls => (
                Tls::Absent,
                Some(
                    "sslproto \"\": anybody on the way can read password and mail; try \"implicit\"",
                ),
            ),
            _ if options.text("sslproto").is_some() => (Tls::Upgraded, None),
            _ => (
                Tls::Upgraded,
                Some(
                    "fetchmail used TLS where the server offered it; postroom insists on it. Most \
                     providers also have \"implicit\", on port 995",
                ),
            ),
        };
        let default_port = if tls == Tls::Implicit { 995 } else { 110 };
        let word = match tls {
            Tls::Implicit => "implicit",
            Tls::Upgraded => "starttls",
            Tls::Absent => "none",
        };
        let mut lines = vec![
            line("host", text(&self.host())),
            Line {
                comment: comment.map(str::to_string),
                ..line("tls", text(word))
            },
        ];
        if let Some(port) = port.filter(|port| *port != default_port) {
            lines.push(line("port", port.to_string()));
        }
        if let (Some(file), true) = (options.text("sslcertfile"), tls != Tls::Absent) {
            lines.push(Line {
                comment: Some(
                    "sslcertfile: here it alone is trusted, and not the system's CAs; without this \
                     line those are"
                        .to_string(),
                ),
                ..line("ca", text(&file))
            });
        }
        lines
    }

    /// None where the file names none, or one that we do not know.
    fn port(&self) -> Option<u16> {
        let options = &self.server.options;
        let service = options.text("service");
        let by_name = match service.as_deref() {
            Some("pop3" | "pop-3") => Some(110),
            Some("pop3s") => Some(995),
            Some(number) => number.parse().ok(),
            None => None,
        };
        let number = options.number("service").or(options.number("port"));
        let port = number.and_then(|number| u16::try_from(number).ok());
        port.or(by_name).filter(|port| *port > 0)
    }

    fn login(&self) -> Vec<Line> {
        let mut lines = vec![match &self.user.remote {
            Some(user) => line("user", text(user)),
            None => Line {
                comment: Some(
                    "the file names none, and fetchmail takes the name of who starts it"
                        .to_string(),
                ),
                ..line("user", text("CHANGE-ME"))
            },
        }];
        // The print puts the file's place in.
        lines.push(line("password_file", String::new()));
        let auth = self.server.options.text("authenticate");
        if self.protocol() == "apop" {
            lines.push(line("method", text("apop")));
        } else if let Some("oauthbearer" | "xoauth2") = auth.as_deref() {
            lines.push(Line {
                comment: Some(
                    "fetchmail sent a token: take password_file out and set token_command to the \
                     command that prints one; method = \"xoauth2\""
                        .to_string(),
                ),
                ..line("method", text("auto"))
            });
        }
        lines
    }

    fn timing(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let times = self.server.options.number("interval").unwrap_or(1).max(1);
        match self.globals.number("daemon") {
            Some(seconds) if seconds > 0 => {
                let wanted = seconds.saturating_mul(times);
                let seconds = wanted.clamp(POLL_SECONDS_MIN, POLL_SECONDS_MAX);
                let comment = match (wanted == seconds, times) {
                    (false, _) => Some(format!("set daemon and interval make {wanted} seconds")),
                    (true, 2..) => Some(format!("set daemon, times interval {times}")),
                    (true, _) => None,
                };
                let value = match seconds % 60 {
                    0 => text(&format!("{} min", seconds / 60)),
                    _ => text(&format!("{seconds} s")),
                };
                lines.push(Line {
                    comment,
                    ..line("poll", value)
                });
            }
            _ => lines.push(Line {
                comment: Some(
                    "no set daemon in the file: cron, perhaps, started fetchmail".to_string(),
                ),
                ..line("poll", text("5 min"))
            }),
        }
        lines.push(match self.user.options.is_on("keep") {
            true => Line {
                comment: Some(
                    "keep: nothing is removed there, as until now. A provider's mailbox gets full: \
                     \"7 days\" is enough for a slip"
                        .to_string(),
                ),
                ..line("leave_on_server", text(FOR_EVER))
            },
            false => Line {
                comment: Some(
                    "fetchmail removed mail at once. Let it lie until this hub has proved itself; \
                     \"0 days\" is as it was"
                        .to_string(),
                ),
                ..line("leave_on_server", text("7 days"))
            },
        });
        lines
    }

    fn limits(&self) -> Vec<Line> {
        let options = &self.user.options;
        let positive = |name| options.number(name).filter(|number| *number > 0);
        let mut lines = Vec::new();
        if let Some(octets) = positive("limit") {
            lines.push(Line {
                comment: Some(
                    "limit: a larger message stays there, and its addressee hears of it"
                        .to_string(),
                ),
                ..line("max_message_size", text(&format!("{octets} B")))
            });
        }
        if let Some(messages) = positive("fetchlimit") {
            lines.push(line(
                "max_messages_per_poll",
                messages.min(1_000_000).to_string(),
            ));
        }
        lines
    }
}

pub(super) fn line(key: &'static str, value: String) -> Line {
    Line {
        key,
        value,
        comment: None,
    }
}

/// A text as TOML writes it.
pub(super) fn text(text: &str) -> String {
    toml::Value::String(text.to_string()).to_string()
}

pub(super) fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|it| text(it)).collect();
    format!("[{}]", texts.join(", "))
}
