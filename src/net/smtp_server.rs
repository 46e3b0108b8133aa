//! Drives one SMTP session: the machine of [`crate::smtp`] on a connection,
//! with recipients judged by the directory and content put into the store.
//!
//! Every effect that a session can have is in the one `match` of
//! `Client::run`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::connection::{Connection, Input, OutputError};
use super::figures::{Counter, Refusals};
use super::limits::Standing;
use super::message_memory::MemoryGrant;
use super::office::{Office, Settings};
use super::sessions::Session;
use super::troubles::MEASURING;
use crate::delivery::{Arrival, Destination, Incoming};
use crate::journal;
use crate::mail::{Peer, Recipient};
use crate::route;
use crate::smtp::{self, Discard, Refusal, Step, Trust};
use crate::store::{Moment, Receipt, SpaceState, StoreError};

/// Octets read at once while commands are expected.
const COMMAND_OCTETS: usize = 2 * 1024;
/// … and while content arrives: the fewer reads, the fewer wake-ups.
const CONTENT_OCTETS: usize = 32 * 1024;
/// What the store does here, in words for the log.
const KEEPING: &str = "keeping a message";

/// Serves one client to the end of its session. `tls` describes the TLS session
/// that the connection began with.
pub async fn serve(
    office: Arc<Office>,
    settings: Arc<Settings>,
    mut connection: Connection,
    tls: Option<String>,
    session: Session,
) {
    let peer = connection.peer().ip().to_canonical();
    let trust = settings.trust(peer);
    let limits = match trust {
        Trust::Lan | Trust::Provider => settings.smtp_limits_trusted,
        Trust::World => settings.smtp_limits,
    };
    let machine = smtp::Session::new(
        Arc::clone(&settings.smtp),
        limits,
        trust,
        tls,
        Instant::now(),
    );
    let mut client = Client {
        office,
        settings,
        peer,
        destinations: Vec::new(),
        recipients_octets: 0,
        recipients_memory: Vec::new(),
        crowded: false,
        content: Content::None,
        memory: MemoryGrant::new(),
        messages: 0,
        refusals: 0,
    };
    let ending = client.run(machine, &mut connection).await;
    journal::smtp_ended(peer, client.messages, client.refusals, &ending);
    // What the message under way holds must not wait for the peer's farewell.
    drop(client);
    connection.close().await;
    drop(session);
}

/// The content of the message under way.
enum Content {
    /// There is none.
    None,
    /// It arrives.
    Arriving(Box<Incoming>),
    /// It arrived in part, and then the store failed: the rest is read and
    /// dropped, and the sender told to come again.
    Failed(StoreError),
}

/// One client's session.
struct Client {
    office: Arc<Office>,
    settings: Arc<Settings>,
    peer: IpAddr,
    /// Of the recipients accepted in this transaction.
    destinations: Vec<Destination>,
    /// What they hold.
    recipients_octets: usize,
    /// Memory of them, where they are many.
    recipients_memory: Vec<MemoryGrant>,
    /// The log was told that there is none for more of them.
    crowded: bool,
    content: Content,
    /// Memory of the message under way.
    memory: MemoryGrant,
    messages: u64,
    refusals: u64,
}

impl Client {
    async fn run(&mut self, mut machine: smtp::Session, connection: &mut Connection) -> String {
        let mut buffer = vec![0; COMMAND_OCTETS];
        loop {
            match machine.next(Instant::now()) {
                Step::NeedInput { until } => match connection.read(&mut buffer, until).await {
                    Input::Octets(count) => {
                        machine.receive(buffer.get(..count).unwrap_or_default());
                    }
                    Input::TimeOut => {}
                    Input::Closed => return "closed by the peer".to_string(),
                    Input::Interrupted(_) => {
                        return say_goodbye(machine, connection).await;
                    }
                },
                Step::Send(octets) => match connection.write(octets).await {
                    Ok(()) => {}
                    Err(OutputError::Interrupted(_)) => return "the hub stops".to_string(),
                    Err(why) => return why.to_string(),
                },
                Step::StartTls => match self.start_tls(connection).await {
                    Some(description) => machine.tls_started(description),
                    None => return "tls handshake failed".to_string(),
                },
                Step::SenderNamed { .. } => match self.judge_sender() {
                    Ok(()) => machine.accept_sender(),
                    Err(refusal) => machine.refuse_sender(refusal),
                },
                Step::RecipientNamed(recipient) => match self.judge_recipient(recipient) {
                    Ok(()) => machine.accept_recipient(),
                    Err(refusal) => {
                        connection.pause(self.delay_of(&refusal)).await;
                        machine.refuse_recipient(refusal);
                    }
                },
                Step::ContentRequested => match self.begin_content(connection).await {
                    Ok(()) => {
                        buffer.resize(CONTENT_OCTETS, 0);
                        machine.accept_content();
                    }
                    Err(refusal) => machine.refuse_content(refusal),
                },
                Step::Content(octets) => self.take_content(octets).await,
                Step::ContentComplete => {
                    match self.deliver(&machine).await {
                        Ok(receipt) => machine.stored(&receipt),
                        Err(refusal) => machine.refused(refusal),
                    }
                    buffer = vec![0; COMMAND_OCTETS];
                }
                Step::ContentDiscarded(why) => {
                    self.discard(&machine, &why);
                    buffer = vec![0; COMMAND_OCTETS];
                }
                Step::Close(ending) => return ending.to_string(),
            }
        }
    }

    async fn start_tls(&self, connection: &mut Connection) -> Option<String> {
        match connection.start_tls(self.settings.tls.as_ref()?).await {
            Ok(description) => Some(description),
            Err(why) => {
                self.office.figures.failed_handshakes.count();
                journal::handshake_failed(self.peer, &why);
                None
            }
        }
    }

    /// MAIL: whether there is room for any message.
    fn judge_sender(&mut self) -> Result<(), Refusal> {
        self.forget_recipients();
        match self.office.store.space() {
            Ok(space) if space.state == SpaceState::Enough => return Ok(()),
            Ok(_) => {}
            Err(why) => self.office.troubles.failed(MEASURING, &why),
        }
        let refusal = Refusal::storage_short();
        journal::no_room(self.peer, &refusal.to_string());
        self.refused(|refusals| &refusals.no_room);
        Err(refusal)
    }

    /// RCPT: whether this recipient is one of ours.
    fn judge_recipient(&mut self, recipient: &Recipient) -> Result<(), Refusal> {
        let directory = self.office.directory.now();
        let now = self.office.store.running_time(Moment::now());
        let route = directory.route(recipient, now);
        let refusal = match Destination::of(recipient.clone(), route) {
            Ok(destination) => return self.take_recipient(destination),
            Err(refusal) => refusal,
        };
        self.refused(|refusals| match refusal {
            route::Refusal::NotOurs => &refusals.foreign_domain,
            route::Refusal::UnknownUser => &refusals.unknown_recipient,
            route::Refusal::Rejected => &refusals.closed_address,
            route::Refusal::RecentlyGone => &refusals.just_gone,
        });
        let name = recipient.to_string();
        let refusal = match refusal {
            route::Refusal::NotOurs => Refusal::foreign_domain(directory.domains()),
            route::Refusal::UnknownUser => Refusal::user_unknown(recipient),
            route::Refusal::Rejected => Refusal::address_closed(recipient),
            route::Refusal::RecentlyGone => {
                journal::recipient_just_gone(self.peer, &name);
                return Err(Refusal::recently_gone(recipient));
            }
        };
        journal::recipient_refused(self.peer, &name, &refusal.to_string());
        Err(refusal)
    }

    fn refused(&mut self, reason: impl FnOnce(&Refusals) -> &Counter) {
        reason(&self.office.figures.refusals).count();
        self.refusals += 1;
    }

    /// Whether there is memory for this recipient as well.
    fn take_recipient(&mut self, destination: Destination) -> Result<(), Refusal> {
        let octets = self.recipients_octets + destination.octets();
        let standing = self.settings.standing(self.peer);
        let memory = &self.office.memory;
        if !memory.cover_recipients(&mut self.recipients_memory, octets, standing) {
            let refusal = Refusal::recipients_crowded();
            // Once: after one all that come are put off.
            if !self.crowded {
                journal::deferred(self.peer, &refusal.to_string());
            }
            self.crowded = true;
            self.refused(|refusals| &refusals.busy);
            return Err(refusal);
        }
        self.recipients_octets = octets;
        self.destinations.push(destination);
        Ok(())
    }

    fn forget_recipients(&mut self) {
        self.destinations = Vec::new();
        self.recipients_octets = 0;
        self.recipients_memory.clear();
        self.crowded = false;
    }

    /// Strangers who try names are slowed. Who sends all mail of the office is
    /// not: its unknown recipients are others' guesses. Nor is who comes at a bad
    /// time, and would have been taken at another.
    fn delay_of(&self, refusal: &Refusal) -> Duration {
        match self.settings.standing(self.peer) {
            Standing::Stranger if refusal.is_permanent() => {
                self.office.guesses().refused(self.peer, Instant::now())
            }
            Standing::Stranger | Standing::Trusted => Duration::ZERO,
        }
    }

    async fn begin_content(&mut self, connection: &mut Connection) -> Result<(), Refusal> {
        let standing = self.settings.standing(self.peer);
        let memory = self.office.memory.for_message(standing);
        let Some(Some(memory)) = connection.unless_interrupted(memory).await else {
            self.office.figures.refusals.busy.count();
            let refusal = Refusal::busy();
            journal::deferred(self.peer, &refusal.to_string());
            return Err(refusal);
        };
        self.memory = memory;
        let incoming = Incoming::begin(&self.office.store, SystemTime::now());
        self.content = Content::Arriving(Box::new(incoming));
        Ok(())
    }

    async fn take_content(&mut self, octets: &[u8]) {
        if let Content::Arriving(incoming) = &mut self.content
            && let Err(why) = incoming.write(octets).await
        {
            self.office.troubles.failed(KEEPING, &why);
            self.content = Content::Failed(why);
        }
    }

    async fn deliver(&mut self, machine: &smtp::Session) -> Result<Receipt, Refusal> {
        let content = std::mem::replace(&mut self.content, Content::None);
        let outcome = match (content, machine.envelope()) {
            (Content::Arriving(incoming), Some(envelope)) => {
                let arrival = Arrival {
                    source: "smtp",
                    hostname: &self.settings.hostname,
                    peer: Peer {
                        address: self.peer,
                        helo: machine.helo().to_string(),
                    },
                    with: machine.transmission(),
                    reverse_path: &envelope.reverse_path,
                    destinations: &self.destinations,
                    at: SystemTime::now(),
                };
                let octets = incoming.octets();
                let outcome = incoming.deliver(arrival).await;
                match &outcome {
                    Ok(_) => {
                        self.office.figures.received_messages.count();
                        self.office.figures.received_octets.add(octets);
                        self.office.troubles.succeeded(KEEPING);
                    }
                    Err(why) => self.office.troubles.failed(KEEPING, why),
                }
                outcome
            }
            (Content::Failed(why), _) => Err(why),
            (Content::None | Content::Arriving(_), _) => {
                Err(StoreError::Refused("content without a transaction"))
            }
        };
        self.memory.clear();
        self.forget_recipients();
        match outcome {
            Ok(receipt) => {
                self.messages += 1;
                Ok(receipt)
            }
            Err(StoreError::Full) => {
                self.refused(|refusals| &refusals.no_room);
                Err(Refusal::storage_short())
            }
            Err(_) => {
                self.refused(|refusals| &refusals.store_failed);
                Err(Refusal::store_failed())
            }
        }
    }

    fn discard(&mut self, machine: &smtp::Session, why: &Discard) {
        if let (Discard::Refused(refusal), Some(envelope)) = (why, machine.envelope()) {
            self.refused(|refusals| &refusals.content);
            journal::content_refused(self.peer, &envelope.reverse_path, &refusal.to_string());
        }
        self.content = Content::None;
        self.memory.clear();
        self.forget_recipients();
    }
}

/// The hub stops: the peer is told so, unless it is in the middle of content.
async fn say_goodbye(mut machine: smtp::Session, connection: &mut Connection) -> String {
    machine.shutdown();
    let ending = "the hub stops".to_string();
    // Nothing else is said: a step that is neither a reply nor the end would
    // begin new work.
    while let Step::Send(octets) = machine.next(Instant::now()) {
        if connection.write(octets).await.is_err() {
            return ending;
        }
    }
    ending
}
