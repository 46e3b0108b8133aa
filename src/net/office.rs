//! What every session of the hub works with.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use super::current::{Current, lock};
use super::figures::Figures;
use super::limits::{Admission, Limits, Standing};
use super::message_memory::MessageMemory;
use super::networks::Networks;
use super::sessions::Sessions;
use super::tls::ServerTls;
use super::troubles::Troubles;
use crate::auth::{FailureLog, GuessLog, Verifier};
use crate::pop3;
use crate::route::Directory;
use crate::smtp;
use crate::store::Store;

/// Who may log in without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaintextPolicy {
    /// Nobody.
    Never,
    /// Peers on the LAN.
    Lan,
    /// Everybody.
    Always,
}

/// What the administrator may change while the hub runs. A session keeps the
/// settings that it began with.
pub struct Settings {
    /// The hub's name in greetings and trace lines.
    pub hostname: String,
    /// The office's own networks.
    pub lan: Networks,
    /// The provider's networks; none: mail is taken from everybody.
    pub accept_from: Option<Networks>,
    /// For all SMTP sessions.
    pub smtp: Arc<smtp::Settings>,
    /// For strangers' SMTP sessions.
    pub smtp_limits: smtp::Limits,
    /// For SMTP sessions of the LAN and the provider.
    pub smtp_limits_trusted: smtp::Limits,
    /// For all POP3 sessions.
    pub pop3_limits: pop3::Limits,
    /// Who may log in without TLS.
    pub plaintext_login: PlaintextPolicy,
    /// The certificate; none: no TLS is offered.
    pub tls: Option<ServerTls>,
}

impl Settings {
    /// What this peer is to SMTP.
    pub fn trust(&self, peer: IpAddr) -> smtp::Trust {
        if self.lan.contains(peer) {
            smtp::Trust::Lan
        } else if self
            .accept_from
            .as_ref()
            .is_some_and(|networks| networks.contains(peer))
        {
            smtp::Trust::Provider
        } else {
            smtp::Trust::World
        }
    }

    /// Whether this peer may bring mail: with `accept_from` only those that it
    /// names, and the LAN, whose scanners and alarms have no other way.
    pub fn takes_mail_from(&self, peer: IpAddr) -> bool {
        self.accept_from.is_none() || self.trust(peer) != smtp::Trust::World
    }

    /// What this peer is to the limits.
    pub fn standing(&self, peer: IpAddr) -> Standing {
        match self.trust(peer) {
            smtp::Trust::Lan | smtp::Trust::Provider => Standing::Trusted,
            smtp::Trust::World => Standing::Stranger,
        }
    }

    /// Whether this peer may send a password in the clear.
    pub fn plaintext_login_of(&self, peer: IpAddr) -> pop3::PlaintextLogin {
        let allowed = match self.plaintext_login {
            PlaintextPolicy::Never => false,
            PlaintextPolicy::Lan => self.lan.contains(peer),
            PlaintextPolicy::Always => true,
        };
        match allowed {
            true => pop3::PlaintextLogin::Allowed,
            false => pop3::PlaintextLogin::Refused,
        }
    }
}

/// The hub's inside, shared by all sessions.
pub struct Office {
    /// As read from postroom.toml.
    pub settings: Current<Settings>,
    /// As read from directory.toml.
    pub directory: Current<Directory>,
    /// Where the mail is.
    pub store: Store,
    /// Checks passwords.
    pub verifier: Verifier,
    /// Lets connections in.
    pub admission: Arc<Admission>,
    /// Memory for messages under way.
    pub memory: MessageMemory,
    /// Who is connected.
    pub sessions: Sessions,
    /// What the store could not do of late.
    pub troubles: Troubles,
    /// What the sessions have done.
    pub figures: Figures,
    failures: Mutex<FailureLog>,
    guesses: Mutex<GuessLog>,
}

impl Office {
    /// An office without sessions.
    pub fn new(
        settings: Settings,
        directory: Directory,
        store: Store,
        verifier: Verifier,
        limits: Limits,
    ) -> Office {
        Office {
            settings: Current::new(settings),
            directory: Current::new(directory),
            store,
            verifier,
            memory: MessageMemory::new(&limits),
            admission: Admission::new(limits),
            sessions: Sessions::default(),
            troubles: Troubles::default(),
            figures: Figures::default(),
            failures: Mutex::default(),
            guesses: Mutex::default(),
        }
    }

    /// The failed log-ins of late.
    pub fn failures(&self) -> MutexGuard<'_, FailureLog> {
        lock(&self.failures)
    }

    /// The recipients of late that were nobody's.
    pub fn guesses(&self) -> MutexGuard<'_, GuessLog> {
        lock(&self.guesses)
    }
}
