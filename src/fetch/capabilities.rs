//! What a server says that it can do (RFC 2449 §5).

use std::time::Duration;

use super::reply::shown;

/// Mechanisms that are kept; servers have ten.
const MECHANISMS_MAX: usize = 32;

/// The answer to CAPA.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// CAPA was answered: what is not named here is not offered. Without it
    /// nothing is known.
    pub known: bool,
    /// TOP.
    pub top: bool,
    /// UIDL.
    pub uidl: bool,
    /// USER and PASS.
    pub user: bool,
    /// PIPELINING.
    pub pipelining: bool,
    /// UTF8 (RFC 6856).
    pub utf8: bool,
    /// SASL mechanisms, in capitals.
    pub sasl: Vec<String>,
    /// LOGIN-DELAY: the least time between two log-ins.
    pub login_delay: Option<Duration>,
    /// EXPIRE, as written: how long the provider keeps messages.
    pub expire: Option<String>,
    /// IMPLEMENTATION: which server it is.
    pub implementation: Option<String>,
}

impl Capabilities {
    /// The positive answer has begun.
    pub(super) fn begun() -> Capabilities {
        Capabilities {
            known: true,
            ..Capabilities::default()
        }
    }

    /// A line of the answer.
    pub(super) fn read(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default().to_ascii_uppercase();
        match name.as_str() {
            "TOP" => self.top = true,
            "UIDL" => self.uidl = true,
            "USER" => self.user = true,
            "PIPELINING" => self.pipelining = true,
            "UTF8" => self.utf8 = true,
            "SASL" => {
                let room = MECHANISMS_MAX.saturating_sub(self.sasl.len());
                let mechanisms = words.map(|word| shown(word.as_bytes()).to_ascii_uppercase());
                self.sasl.extend(mechanisms.take(room));
            }
            "LOGIN-DELAY" => {
                let seconds = words.next().and_then(|word| word.parse::<u32>().ok());
                self.login_delay = seconds.map(|it| Duration::from_secs(it.into()));
            }
            "EXPIRE" => self.expire = words.next().map(|word| shown(word.as_bytes())),
            "IMPLEMENTATION" => {
                let text = words.collect::<Vec<_>>().join(" ");
                self.implementation = Some(shown(text.as_bytes()));
            }
            _ => {}
        }
    }

    /// Whether this mechanism, in capitals, is named.
    pub(super) fn has_mechanism(&self, name: &str) -> bool {
        self.sasl.iter().any(|mechanism| mechanism == name)
    }
}
