//! One session with a provider: every effect that it can have is in the one
//! `match` of [`Visit::run`]. What the session is for is its [`Errand`].

use std::time::{Duration, Instant, SystemTime};

use smol::future;
use smol::net::{self, TcpStream};

use super::report::{Hint, PollError};
use super::settings::{Login, Provider};
use super::token;
use crate::fetch::{
    self, Arrived, Awaited, Capabilities, Credentials, Ending, Limits, Listing, Pipelining,
    Refusal, Secret, Security, Step, Task, WithoutUniqueIds,
};
use crate::mail::Peer;
use crate::net::connection::{Connection, Input, prepare, within};
use crate::net::sessions::{Session, Sessions};
use crate::store::Receipt;

/// Octets read at once: the fewer reads, the fewer wake-ups.
const READ_OCTETS: usize = 64 * 1024;
/// How far a message may go on beyond `max_message_size` before the session is
/// given up. Up to here it is cheaper to read on, since a session that breaks off
/// removes nothing; beyond it LIST lied by more than any server's slip.
const READ_ON_OCTETS: u64 = 64 * 1024 * 1024;
/// How long the system may look for the server's address.
const RESOLVE_LIMIT: Duration = Duration::from_secs(30);
/// How long one address of it may take to accept the connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How long a person waits for a greeting. A poll has more time: it waits for
/// the slowest server, but whoever has set the wrong port waits in vain.
const WATCHED_GREETING_WAIT: Duration = Duration::from_secs(15);

/// What a session is for: it is shown the listing, answers with tasks, and takes
/// what comes of them.
pub(super) trait Errand {
    /// The mailbox, as it is listed.
    async fn plan(
        &mut self,
        listing: Listing,
        capabilities: &Capabilities,
    ) -> Result<Vec<Task>, PollError>;
    /// Content of a message comes now.
    fn begin(&mut self);
    /// Content.
    async fn take(&mut self, content: &[u8]);
    /// The message has arrived whole. Without an answer now there is one later,
    /// from [`Errand::answer`].
    async fn complete(&mut self, arrived: Arrived) -> Option<Answer>;
    /// The headers have arrived.
    async fn headers_complete(&mut self, number: u32);
    /// The message does not end; the session does.
    async fn give_up(&mut self, number: u32);
    /// What came of this message is to be dropped.
    fn discard(&mut self);
    /// The server refuses to show a message, or to remove it.
    async fn refused(&mut self, number: u32, refusal: Refusal);
    /// The next answer that was put off; never, while none was.
    async fn answer(&mut self) -> Answer;
}

/// What becomes of a message at the provider.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is committed, and is removed there.
    Remove(Arrived, Receipt),
    /// It stays.
    Leave(Arrived),
    /// It stays, and no further one is asked for.
    LeaveAndStop(Arrived),
}

/// A connection to the provider's server, and what was found on the way.
pub(super) struct Visit<'a> {
    provider: &'a Provider,
    connection: Connection,
    session: Session,
    limits: Limits,
    certificate_days_left: Option<i64>,
    /// Why there was no token.
    token_failed: Option<String>,
}

/// How a session ended.
pub(super) struct Ended {
    /// Whether it came to its end in order.
    pub outcome: Result<(), PollError>,
    /// Days until the server's certificate expires; none without TLS.
    pub certificate_days_left: Option<i64>,
}

impl<'a> Visit<'a> {
    /// Connects, and shakes hands where TLS comes first.
    ///
    /// # Errors
    /// There is no such connection.
    pub async fn begin(
        provider: &'a Provider,
        sessions: &Sessions,
    ) -> Result<Visit<'a>, PollError> {
        let stream = connect(provider).await?;
        let broken = |why| no_connection(provider, why);
        prepare(&stream).map_err(broken)?;
        let peer = stream.peer_addr().map_err(broken)?;
        let session = sessions.open("fetch", peer.ip().to_canonical());
        let connection = Connection::new(stream, peer, &session).map_err(broken)?;
        let mut visit = Visit {
            provider,
            connection,
            session,
            limits: Limits::default(),
            certificate_days_left: None,
            token_failed: None,
        };
        if provider.security == Security::Tls {
            visit.start_tls().await?;
        }
        Ok(visit)
    }

    /// A person waits for what comes of it.
    pub fn watched(mut self) -> Visit<'a> {
        self.limits.greeting_wait = WATCHED_GREETING_WAIT;
        self
    }

    /// The server, as trace lines show it.
    pub fn peer(&self) -> Peer {
        Peer {
            address: self.connection.peer().ip().to_canonical(),
            helo: self.provider.host.clone(),
        }
    }

    /// Drives a session to its end. What was answered as stored stays so, however
    /// it ends.
    pub async fn run(
        mut self,
        pipelining: Pipelining,
        without_unique_ids: WithoutUniqueIds,
        errand: &mut impl Errand,
    ) -> Ended {
        let settings = fetch::Settings {
            limits: self.limits,
            security: self.provider.security,
            user: self.provider.user.clone(),
            credentials: credentials(&self.provider.login),
            pipelining,
            without_unique_ids,
        };
        let machine = fetch::Session::new(settings, Instant::now());
        let outcome = self.drive(machine, errand).await;
        let Visit {
            connection,
            session,
            certificate_days_left,
            ..
        } = self;
        connection.close().await;
        drop(session);
        Ended {
            outcome,
            certificate_days_left,
        }
    }

    async fn drive(
        &mut self,
        mut machine: fetch::Session,
        errand: &mut impl Errand,
    ) -> Result<(), PollError> {
        let mut buffer = vec![0; READ_OCTETS];
        let mut plan_failed = None;
        let most_octets = self
            .provider
            .max_message_size
            .saturating_add(READ_ON_OCTETS);
        let (mut coming, mut octets_left) = (0, most_octets);
        loop {
            match machine.next(Instant::now()) {
                Step::NeedInput { until } => match self.wait(&mut buffer, until, errand).await {
                    Event::Input(Input::Octets(count)) => {
                        machine.receive(buffer.get(..count).unwrap_or_default());
                    }
                    Event::Input(Input::TimeOut) => {}
                    Event::Input(Input::Closed) => machine.connection_closed(),
                    Event::Input(Input::Interrupted(_)) => return Err(PollError::Interrupted),
                    Event::Answer(answer) => give(answer, &mut machine),
                },
                Step::Send(octets) => {
                    if self.connection.write(octets).await.is_err() {
                        machine.connection_closed();
                    }
                }
                Step::StartTls => {
                    self.start_tls().await?;
                    machine.tls_started();
                }
                Step::TokenRequested => match self.token().await? {
                    Some(token) => machine.token(&token),
                    None => machine.token_failed(),
                },
                Step::Listed(listing) => {
                    let capabilities = machine.capabilities().clone();
                    let tasks = errand.plan(listing, &capabilities).await;
                    machine.plan(tasks.unwrap_or_else(|why| {
                        plan_failed = Some(why);
                        Vec::new()
                    }));
                }
                Step::ContentBegins { number } => {
                    (coming, octets_left) = (number, most_octets);
                    errand.begin();
                }
                Step::Content(content) => {
                    octets_left = octets_left.saturating_sub(content.len() as u64);
                    if octets_left == 0 {
                        errand.give_up(coming).await;
                        let message = Awaited::Message(coming);
                        return Err(fetch::Error::EndlessReply(message).into());
                    }
                    errand.take(content).await;
                }
                Step::MessageComplete(arrived) => {
                    if let Some(answer) = errand.complete(arrived).await {
                        give(answer, &mut machine);
                    }
                }
                Step::TopComplete { number, .. } => errand.headers_complete(number).await,
                Step::ContentDiscarded { .. } => errand.discard(),
                Step::RetrievalRefused { number, refusal }
                | Step::RemovalRefused { number, refusal } => {
                    errand.refused(number, refusal).await;
                }
                Step::NeedAnswer => {
                    let answer = self.connection.unless_interrupted(errand.answer()).await;
                    give(answer.ok_or(PollError::Interrupted)?, &mut machine);
                }
                Step::Close(ending) => {
                    let outcome = self.outcome(ending);
                    return plan_failed.map_or(outcome, Err);
                }
            }
        }
    }

    /// Whatever comes first: input, its time limit, or an answer.
    async fn wait(&mut self, buffer: &mut [u8], until: Instant, errand: &mut impl Errand) -> Event {
        let answer = async { Event::Answer(errand.answer().await) };
        let input = async { Event::Input(self.connection.read(buffer, until).await) };
        future::or(answer, input).await
    }

    async fn start_tls(&mut self) -> Result<(), PollError> {
        let (host, trust) = (&self.provider.host, &self.provider.trust);
        let connected = self.connection.connect_tls(host, trust).await;
        let certificate = connected.map_err(|why| {
            let hint = Hint::on_tls(&why, self.provider);
            PollError::Tls(why, hint)
        })?;
        self.certificate_days_left = Some(certificate.days_left(SystemTime::now()));
        Ok(())
    }

    async fn token(&mut self) -> Result<Option<Secret>, PollError> {
        let Login::Token { command, .. } = &self.provider.login else {
            return Ok(None);
        };
        let token = self
            .connection
            .unless_interrupted(token::print(command))
            .await
            .ok_or(PollError::Interrupted)?;
        Ok(token.map_err(|why| self.token_failed = Some(why)).ok())
    }

    fn outcome(&mut self, ending: &Ending) -> Result<(), PollError> {
        match ending {
            Ending::Complete => Ok(()),
            Ending::RemovalUnconfirmed => Err(PollError::RemovalUnconfirmed),
            Ending::RemovalFailed(refusal) => Err(PollError::RemovalFailed(refusal.clone())),
            Ending::Failed(fetch::Error::NoToken) => Err(PollError::NoToken(
                self.token_failed.take().unwrap_or_default(),
            )),
            Ending::Failed(error) => {
                let hint = Hint::on_session(error, self.provider);
                Err(PollError::Session(error.clone(), hint))
            }
        }
    }
}

/// What a session waits for.
enum Event {
    Input(Input),
    Answer(Answer),
}

fn give(answer: Answer, machine: &mut fetch::Session) {
    match answer {
        Answer::Remove(arrived, receipt) => machine.stored(arrived, &receipt),
        Answer::Leave(arrived) => machine.leave(arrived),
        Answer::LeaveAndStop(arrived) => {
            machine.leave(arrived);
            machine.stop();
        }
    }
}

/// The session overwrites its own copy of the password when it is over.
fn credentials(login: &Login) -> Credentials {
    match login {
        Login::Password { password, method } => Credentials::Password {
            password: Secret::new(password.octets()),
            method: *method,
        },
        Login::Token { line, .. } => Credentials::XOAuth2 { token_line: *line },
    }
}

/// Tries each address of the server.
async fn connect(provider: &Provider) -> Result<TcpStream, PollError> {
    let (host, port) = (provider.host.as_str(), provider.port);
    let too_slow = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    let resolved = within(RESOLVE_LIMIT, net::resolve((host, port))).await;
    let addresses = resolved.unwrap_or_else(|| Err(too_slow()));
    let addresses = addresses.map_err(|why| PollError::NoAddress {
        host: host.to_string(),
        why,
    })?;
    let mut last = std::io::Error::other("the name has no address");
    for address in addresses {
        match within(CONNECT_LIMIT, TcpStream::connect(address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(why)) => last = why,
            None => last = too_slow(),
        }
    }
    Err(no_connection(provider, last))
}

fn no_connection(provider: &Provider, why: std::io::Error) -> PollError {
    PollError::NoConnection {
        server: format!("{}:{}", provider.host, provider.port),
        why,
        hint: Hint::on_connection(provider),
    }
}
