//! Drives one POP3 session: the machine of [`crate::pop3`] on a connection,
//! with a maildrop of the store.
//!
//! Every effect that a session can have is in the one `match` of [`serve`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::connection::{Connection, Input, OutputError};
use super::executor::Turns;
use super::limits::Standing;
use super::listen::Security;
use super::message_memory::MemoryGrant;
use super::office::{Office, Settings};
use super::sessions::{Interruption, MaildropLock, Session};
use crate::auth::{PasswordHash, Verdict};
use crate::journal;
use crate::mail::QueueId;
use crate::pop3::{self, Login, LoginRefusal, ScanListing, Step};
use crate::route::{Access, User};
use crate::store::{EntryId, Maildrop, MessageReader, Moment, Scan, StoreError};

/// Octets read at once: commands are short.
const READ_OCTETS: usize = 2048;
/// Memory of a listing for each message: its scan here and in the machine.
const OCTETS_PER_SCAN: usize = 96;
/// What the store does here, in words for the log.
const OPENING: &str = "opening a maildrop";
const READING: &str = "reading a message";
const REMOVING: &str = "removing collected messages";

/// Serves one client to the end of its session.
pub async fn serve(
    office: Arc<Office>,
    settings: Arc<Settings>,
    mut connection: Connection,
    security: Security,
    session: Session,
) {
    let peer = connection.peer().ip().to_canonical();
    let machine = pop3::Session::new(
        pop3::Settings {
            hostname: settings.hostname.clone(),
            limits: settings.pop3_limits,
            security: match (security, &settings.tls) {
                (Security::Tls, _) => pop3::Security::Tls,
                (Security::Plain, Some(_)) => pop3::Security::StlsOffered,
                (Security::Plain, None) => pop3::Security::Clear,
            },
            plaintext_login: settings.plaintext_login_of(peer),
        },
        Instant::now(),
    );
    let mut client = Client {
        office,
        settings,
        session,
        peer,
        drop: None,
        reader: None,
        memory: MemoryGrant::new(),
        retrieved: 0,
        collected: 0,
    };
    let ending = client.run(machine, &mut connection).await;
    let user = client.drop.as_ref().map(|held| held.user.as_str());
    journal::pop3_ended(peer, user, client.retrieved, client.collected, &ending);
    // A PC that logs in anew must not wait for the old connection's farewell.
    client.drop = None;
    client.close_message();
    connection.close().await;
}

/// One client's session.
struct Client {
    office: Arc<Office>,
    settings: Arc<Settings>,
    session: Session,
    peer: IpAddr,
    drop: Option<OpenMaildrop>,
    reader: Option<(QueueId, MessageReader)>,
    /// Memory of the message under way.
    memory: MemoryGrant,
    retrieved: u64,
    collected: u64,
}

/// A maildrop after log-in.
struct OpenMaildrop {
    user: String,
    maildrop: Maildrop,
    /// Empty until the machine asks for it.
    scans: Vec<Scan>,
    /// Held until QUIT is carried out or the session ends.
    lock: Option<MaildropLock>,
    _memory: MemoryGrant,
}

impl Client {
    async fn run(&mut self, mut machine: pop3::Session, connection: &mut Connection) -> String {
        let mut buffer = [0; READ_OCTETS];
        loop {
            match machine.next(Instant::now()) {
                Step::NeedInput { until } => match connection.read(&mut buffer, until).await {
                    Input::Octets(count) => {
                        machine.receive(buffer.get(..count).unwrap_or_default());
                    }
                    Input::TimeOut => {}
                    Input::Closed => return "closed by the peer".to_string(),
                    Input::Interrupted(interruption) => return self.interrupted(interruption),
                },
                Step::Send(octets) => match connection.write(octets).await {
                    Ok(()) => {}
                    Err(OutputError::Interrupted(why)) => return self.interrupted(why),
                    Err(why) => return why.to_string(),
                },
                Step::StartTls => {
                    let Some(tls) = &self.settings.tls else {
                        return "no certificate".to_string();
                    };
                    if let Err(why) = connection.start_tls(tls).await {
                        self.office.figures.failed_handshakes.count();
                        journal::handshake_failed(self.peer, &why);
                        return "tls handshake failed".to_string();
                    }
                    machine.tls_started();
                }
                Step::LoginRequested(login) => match self.log_in(login, connection).await {
                    Ok(maildrop) => {
                        self.office.figures.logins.good.count();
                        machine.maildrop_opened(maildrop.messages, maildrop.octets);
                    }
                    Err(refusal) => {
                        self.count_refused_login(&refusal);
                        machine.login_refused(refusal);
                    }
                },
                Step::ListingRequested => match self.listing(connection).await {
                    Some(listing) => machine.listing(listing),
                    None => machine.listing_failed(),
                },
                Step::MessageRequested { index } => {
                    match self.open_message(index, connection).await {
                        Some(()) => machine.message_opened(),
                        None => machine.message_failed(),
                    }
                }
                Step::ContentWanted => self.send_content(&mut machine).await,
                Step::ContentEnough => self.close_message(),
                Step::UpdateRequested(removed) => match self.update(&removed).await {
                    true => machine.updated(),
                    false => machine.update_failed(),
                },
                Step::Close(ending) => return ending.to_string(),
            }
        }
    }

    fn interrupted(&self, interruption: Interruption) -> String {
        match interruption {
            Interruption::Shutdown => "the hub stops".to_string(),
            Interruption::Replaced => {
                let user = self.drop.as_ref().map_or("-", |held| held.user.as_str());
                journal::session_replaced(user, self.peer);
                "replaced".to_string()
            }
            Interruption::Revoked => {
                let user = self.drop.as_ref().map_or("-", |held| held.user.as_str());
                journal::session_revoked(user, self.peer);
                "revoked".to_string()
            }
        }
    }

    fn count_refused_login(&self, refusal: &LoginRefusal) {
        let logins = &self.office.figures.logins;
        match refusal {
            LoginRefusal::Credentials => logins.wrong.count(),
            LoginRefusal::Disabled => logins.disabled.count(),
            LoginRefusal::InUse => logins.in_use.count(),
            LoginRefusal::Temporary => logins.unavailable.count(),
        }
    }

    async fn log_in(
        &mut self,
        login: Login,
        connection: &mut Connection,
    ) -> Result<Maildrop, LoginRefusal> {
        let user = self.verify(&login, connection).await?;
        if user.access == Access::Disabled {
            journal::login_disabled(&user.name, self.peer);
            return Err(LoginRefusal::Disabled);
        }
        let lock = self.session.lock_maildrop(&user.name);
        let Some(Some(lock)) = connection.unless_interrupted(lock).await else {
            journal::maildrop_in_use(&user.name, self.peer);
            return Err(LoginRefusal::InUse);
        };
        // The hash takes its time, and so may the lock: by now the user can have
        // another name, another password, be disabled, or be no more.
        let credentials = |user: &User| (user.name.clone(), user.password.clone(), user.access);
        let current = self.office.directory.now();
        let now = current.login(&login.name).map(credentials);
        if now != Some(credentials(&user)) {
            return Err(LoginRefusal::Temporary);
        }
        let user = user.name;
        let maildrop = self
            .office
            .store
            .open_maildrop(&user)
            .await
            .map_err(|why| {
                self.office.troubles.failed(OPENING, &why);
                LoginRefusal::Temporary
            })?;
        self.office.troubles.succeeded(OPENING);
        self.office.store.note_login(&maildrop, SystemTime::now());
        journal::logged_in(&user, self.peer, maildrop.messages);
        self.drop = Some(OpenMaildrop {
            user,
            maildrop,
            scans: Vec::new(),
            lock: Some(lock),
            _memory: MemoryGrant::new(),
        });
        Ok(maildrop)
    }

    /// Whose the credentials are. Late where there were wrong ones.
    async fn verify(
        &self,
        login: &Login,
        connection: &mut Connection,
    ) -> Result<User, LoginRefusal> {
        let directory = self.office.directory.now();
        let user = directory.login(&login.name);
        let known = user.map_or(login.name.as_str(), |user| user.name.as_str());
        let stored = user.and_then(|user| PasswordHash::parse(user.password.as_str()).ok());
        let turn = self.office.failures().turn(self.peer, Instant::now());
        let verdict = self
            .office
            .verifier
            .verify(known, stored.as_ref(), login.password.octets(), turn)
            .await;
        let failures = || self.office.failures();
        match (verdict, user) {
            (Verdict::Correct, Some(user)) => {
                failures().succeeded(self.peer, &login.name, Instant::now());
                Ok(user.clone())
            }
            (Verdict::Unavailable, _) => Err(LoginRefusal::Temporary),
            (Verdict::Correct | Verdict::Wrong, _) => {
                let held_back = failures().failed(self.peer, &login.name, Instant::now());
                journal::login_failed(&login.name, self.peer, held_back.delay);
                connection.pause(held_back.delay).await;
                Err(LoginRefusal::Credentials)
            }
        }
    }

    async fn listing(&mut self, connection: &mut Connection) -> Option<ScanListing> {
        let held = self.drop.as_mut()?;
        let messages = usize::try_from(held.maildrop.messages).ok()?;
        let memory = self.office.memory.for_listing(messages * OCTETS_PER_SCAN);
        held._memory = connection.unless_interrupted(memory).await??;
        held.scans = match self.office.store.listing(&held.maildrop).await {
            Ok(scans) => scans,
            Err(why) => {
                self.office.troubles.failed("listing a maildrop", &why);
                return None;
            }
        };
        let mut listing = ScanListing::with_capacity(held.scans.len());
        for scan in &held.scans {
            let pushed = listing.push(scan.octets, &scan.unique_id.to_string());
            // The store draws unique-ids that fit; a number must not be lost.
            pushed.ok()?;
        }
        Some(listing)
    }

    async fn open_message(&mut self, index: usize, connection: &mut Connection) -> Option<()> {
        let scan = *self.drop.as_ref()?.scans.get(index)?;
        if self.office.troubles.was_cut_off(scan.message) {
            return None;
        }
        // Whoever has logged in belongs to the office, wherever the PC is.
        let memory = self.office.memory.for_message(Standing::Trusted);
        self.memory = connection.unless_interrupted(memory).await??;
        match self.office.store.open_message(scan.entry).await {
            Ok(reader) => {
                self.reader = Some((scan.message, reader));
                Some(())
            }
            Err(why) => {
                self.not_read(scan.message, &why);
                self.close_message();
                None
            }
        }
    }

    async fn send_content(&mut self, machine: &mut pop3::Session) {
        let Some((id, reader)) = &mut self.reader else {
            return machine.content_failed();
        };
        match reader.next_chunk().await {
            Ok(Some(chunk)) => {
                self.office.figures.retrieved_octets.add(chunk.len() as u64);
                machine.content(&chunk);
            }
            Ok(None) => {
                machine.content_complete();
                self.note_retrieved();
                self.close_message();
            }
            Err(why) => {
                let id = *id;
                self.not_read(id, &why);
                self.office.troubles.cut_off(id);
                machine.content_failed();
                self.close_message();
            }
        }
    }

    /// A message was read to its end: by RETR, or by TOP with as many lines.
    fn note_retrieved(&mut self) {
        self.retrieved += 1;
        self.office.figures.retrieved_messages.count();
        if let (Some((id, _)), Some(held)) = (&self.reader, &self.drop) {
            journal::retrieved(*id, &held.user, self.peer);
        }
    }

    /// What a person erases is gone for a session that lists it, too: no fault of
    /// the store's.
    fn not_read(&self, id: QueueId, why: &StoreError) {
        match why {
            StoreError::NoEntry => journal::erased_meanwhile(id),
            why => self.office.troubles.failed(READING, why),
        }
    }

    fn close_message(&mut self) {
        self.reader = None;
        self.memory.clear();
    }

    /// Carries out QUIT: true when every message at `removed` is collected.
    async fn update(&mut self, removed: &[usize]) -> bool {
        let Some(held) = &mut self.drop else {
            return false;
        };
        let scans: Vec<Scan> = removed
            .iter()
            .filter_map(|&index| held.scans.get(index).copied())
            .collect();
        let entries: Vec<EntryId> = scans.iter().map(|scan| scan.entry).collect();
        let store = &self.office.store;
        let collected = match entries.is_empty() {
            true => None,
            false => Some(
                store
                    .collect(held.maildrop.mailbox, entries, Moment::now())
                    .await,
            ),
        };
        // A client that has read our reply may log in again at once.
        held.lock = None;
        match collected {
            Some(Ok(_)) => self.office.troubles.succeeded(REMOVING),
            Some(Err(why)) => {
                self.office.troubles.failed(REMOVING, &why);
                return false;
            }
            None => {}
        }
        let mut turns = Turns::default();
        for scan in &scans {
            journal::collected(scan.message, &held.user, self.peer);
            turns.next().await;
        }
        self.collected = scans.len() as u64;
        self.office.figures.collected_messages.add(self.collected);
        true
    }
}
