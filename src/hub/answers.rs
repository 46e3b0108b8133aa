//! What the hub answers on its control socket.

use std::time::{Instant, SystemTime};

use super::Hub;
use super::metrics::{figures_state, store_state};
use super::reload::{Told, fingerprints};
use crate::control::{
    self, Answer, Answering, CertificateState, HubState, Outcome, Request, SessionState, perform,
    seconds,
};
use crate::net::message_memory::MemoryGrant;
use crate::net::tls::ServerTls;
use crate::store::Store;

impl Answering for Hub {
    async fn answer(&self, request: Request) -> Outcome {
        match request {
            Request::Status => self.status().await,
            Request::Reload => Outcome::Answer(match self.reload(Told::Nothing).await {
                Ok(()) => Answer::Done {
                    text: "the hub has read its files anew".to_string(),
                },
                Err(why) => Answer::Failed {
                    why: why.to_string(),
                },
            }),
            Request::Fetch { account } => {
                Outcome::Answer(self.fetching.fetch_now(account.as_deref()).await)
            }
            Request::UserRemoved { name } => {
                let user = name.clone();
                let outcome = self.after_reload(Request::UserRemoved { name }).await;
                // After the reload: before it, the PC could log in again.
                self.office.sessions.revoke(&user);
                outcome
            }
            Request::UserRenamed { ref old, .. } | Request::UserRenamedBefore { ref old, .. } => {
                let user = old.clone();
                // The mailbox first, or the reload would give the new name an
                // empty one.
                let outcome = perform(&self.office.store, request).await;
                let reloaded = self.reload(Told::Nothing).await;
                self.office.sessions.revoke(&user);
                match reloaded {
                    Ok(()) => outcome,
                    Err(why) => Outcome::Answer(Answer::Failed {
                        why: format!(
                            "it is written and the mailbox has its new name, but the running hub cannot read its \
                             files: {why}; mend that, for until then mail for {user} is unclaimed"
                        ),
                    }),
                }
            }
            Request::UserReturns { ref old, .. } | Request::UserReplaced { name: ref old } => {
                let user = old.clone();
                let outcome = perform(&self.office.store, request).await;
                // Of the time before the user was gone.
                self.office.sessions.revoke(&user);
                outcome
            }
            other => perform(&self.office.store, other).await,
        }
    }

    fn store(&self) -> &Store {
        &self.office.store
    }

    async fn memory_for_import(&self) -> Option<(MemoryGrant, usize)> {
        self.office.memory.for_poll().await
    }
}

impl Hub {
    /// Nobody may find the old directory in force when the store has changed.
    async fn after_reload(&self, request: Request) -> Outcome {
        if let Err(why) = self.reload(Told::Nothing).await {
            return Outcome::Answer(Answer::Failed {
                why: why.to_string(),
            });
        }
        perform(&self.office.store, request).await
    }

    pub(super) async fn status(&self) -> Outcome {
        let users = fingerprints(&self.office.directory.now());
        match control::status(&self.office.store, users).await {
            Outcome::Answer(Answer::Status(mut status)) => {
                status.hub = Some(self.state().await);
                status.providers = self.fetching.states().await;
                Outcome::Answer(Answer::Status(status))
            }
            other => other,
        }
    }

    async fn state(&self) -> HubState {
        let settings = self.office.settings.now();
        let figures = self.office.store.figures();
        // A reload may wait for a disk that hangs; nobody is to wait for it.
        let loaded = self.loaded.try_lock();
        let mut troubles = loaded.map_or(Vec::new(), |loaded| loaded.troubles());
        troubles.extend(self.office.troubles.lasting());
        let sessions = self
            .office
            .sessions
            .facts()
            .into_iter()
            .map(|session| SessionState {
                protocol: session.protocol.to_string(),
                peer: session.peer.to_string(),
                user: session.user,
                since: seconds(session.since),
            });
        HubState {
            since: seconds(self.started),
            hostname: settings.hostname.clone(),
            memory_octets: smol::unblock(memory).await,
            listeners: self.listeners.clone(),
            sessions: sessions.collect(),
            certificate: settings.tls.as_ref().map(certificate),
            failed_logins: self.office.failures().counts(Instant::now()).failures,
            commits: figures.commits,
            changes: figures.changes,
            store: store_state(&figures),
            figures: figures_state(&self.office.figures),
            troubles,
            recent_errors: self.logging.recent(),
        }
    }
}

fn certificate(tls: &ServerTls) -> CertificateState {
    let certificate = tls.certificate();
    CertificateState {
        subject: certificate.subject(),
        issuer: certificate.issuer(),
        days_left: certificate.days_left(SystemTime::now()),
        expires_at: seconds(certificate.not_after()),
    }
}

/// The hub's proportional set size, from the kernel.
fn memory() -> Option<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
