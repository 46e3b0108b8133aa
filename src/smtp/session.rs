//! The session's face: input, steps, and the driver's answers.

use std::sync::Arc;
use std::time::Instant;

use crate::mail::{Envelope, Recipient, ReversePath, Transmission};
use crate::store::Receipt;
use crate::wire::LineBuffer;

use super::clock::{Awaited, Clock};
use super::limits::{Limits, Trust};
use super::reply::{Letters, Refusal, Reply};
use super::state::{Discard, Ending, Extent, Phase, State, Transaction};

/// Replies are sent once so many octets wait, also while input remains: a peer
/// that pipelines without end must not fill the memory.
const OUTPUT_OCTETS_MAX: usize = 4096;

/// What all sessions of a hub have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This hub's name, in replies and in the count of its own Received lines.
    pub hostname: String,
    /// The largest message that is taken, in octets (RFC 1870).
    pub max_message_size: u64,
    /// Recipients of one transaction (RFC 5321 §4.5.3.1.8: at least 100).
    pub max_recipients: usize,
    /// STARTTLS is offered on connections that have no TLS yet.
    pub starttls: bool,
}

/// What is to be done next. A step that asks is repeated until it is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Input is needed: read, [`receive`](Session::receive), and call
    /// [`next`](Session::next) again; or call it when `until` has come.
    NeedInput {
        /// When the session will not wait any longer.
        until: Instant,
    },
    /// Write these replies.
    Send(&'a [u8]),
    /// Start TLS on the connection, then [`tls_started`](Session::tls_started);
    /// if the handshake fails, drop session and connection.
    StartTls,
    /// MAIL: [`accept_sender`](Session::accept_sender) or
    /// [`refuse_sender`](Session::refuse_sender).
    SenderNamed {
        /// Whom to tell about the message.
        reverse_path: &'a ReversePath,
        /// SIZE, an estimate of the peer's in octets (RFC 1870 §6.1).
        declared_size: Option<u64>,
    },
    /// RCPT: [`accept_recipient`](Session::accept_recipient) or
    /// [`refuse_recipient`](Session::refuse_recipient).
    RecipientNamed(&'a Recipient),
    /// Content is about to come, once for each transaction:
    /// [`accept_content`](Session::accept_content) or
    /// [`refuse_content`](Session::refuse_content).
    ContentRequested,
    /// The next octets of the message.
    Content(&'a [u8]),
    /// The message is complete: [`stored`](Session::stored) or
    /// [`refused`](Session::refused). The envelope is still there.
    ContentComplete,
    /// What came of the content is to be dropped. Nothing is to be answered.
    ContentDiscarded(Discard),
    /// Close the connection.
    Close(Ending),
}

/// How the peer called itself.
#[derive(Debug)]
pub(super) struct Helo {
    pub(super) text: String,
    /// By EHLO.
    pub(super) extended: bool,
}

/// What was used up of the limits.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) commands: u32,
    pub(super) errors: u32,
    pub(super) transactions: u32,
    pub(super) refused_recipients: u32,
}

/// One SMTP session on the server's side.
#[derive(Debug)]
pub struct Session {
    pub(super) settings: Arc<Settings>,
    pub(super) limits: Limits,
    pub(super) trust: Trust,
    pub(super) tls: Option<String>,
    pub(super) helo: Option<Helo>,
    pub(super) state: State,
    pub(super) counts: Counts,
    pub(super) clock: Clock,
    pub(super) input: LineBuffer,
    /// Replies that wait to be sent, and those that were handed out last.
    pub(super) output: Vec<u8>,
    sending: Vec<u8>,
    /// The piece of content that was handed out last.
    pub(super) piece: Vec<u8>,
    pub(super) shutting_down: bool,
}

/// What [`Session::advance`] came to; [`Step`] without its borrowed parts.
#[derive(Debug)]
pub(super) enum Progress {
    /// There may be more to do.
    Again,
    Await(Awaited),
    Ask,
    Content,
    Discarded(Discard),
}

impl Session {
    /// A session that begins `now`, on a connection with TLS (its version and
    /// cipher) or without.
    pub fn new(
        settings: Arc<Settings>,
        limits: Limits,
        trust: Trust,
        tls: Option<String>,
        now: Instant,
    ) -> Session {
        Session {
            settings,
            limits,
            trust,
            tls,
            helo: None,
            state: State::Greeting,
            counts: Counts::default(),
            clock: Clock::new(now),
            input: LineBuffer::new(limits.line_octets_max),
            output: Vec::new(),
            sending: Vec::new(),
            piece: Vec::new(),
            shutting_down: false,
        }
    }

    /// Takes what was read. To be called after [`Step::NeedInput`] only, with
    /// one read at a time: so the session holds one read and one line at most.
    pub fn receive(&mut self, octets: &[u8]) {
        self.input.receive(octets);
    }

    /// The next step. To be called until it needs input.
    pub fn next(&mut self, now: Instant) -> Step<'_> {
        self.clock.tick(now);
        loop {
            if self.output.len() >= OUTPUT_OCTETS_MAX {
                return self.send();
            }
            match self.advance() {
                Progress::Again => {}
                Progress::Content => return Step::Content(&self.piece),
                Progress::Discarded(why) => return Step::ContentDiscarded(why),
                Progress::Ask => return self.ask(),
                Progress::Await(_) if !self.output.is_empty() => return self.send(),
                Progress::Await(awaited) => match self.clock.wait(awaited, &self.limits) {
                    Some(until) => return Step::NeedInput { until },
                    None => {
                        let farewell = Refusal::timed_out(&self.settings.hostname);
                        self.close(farewell, Ending::TimedOut);
                    }
                },
            }
        }
    }

    /// The peer is to be sent away at the next opportunity (421 4.3.2): at
    /// once while a command or content is awaited, else after the answer.
    /// Call [`next`](Session::next) to see it.
    pub fn shutdown(&mut self) {
        self.shutting_down = true;
    }

    /// The handshake is done, with this version and cipher. All that is known
    /// of the peer is forgotten (RFC 3207 §4.2).
    pub fn tls_started(&mut self, version_and_cipher: String) {
        if !matches!(self.state, State::StartingTls) {
            return;
        }
        if !self.input.is_empty() {
            self.input.clear();
            self.state = State::Closing(Ending::PlaintextBehindStartTls);
            return;
        }
        self.tls = Some(version_and_cipher);
        self.helo = None;
        self.state = State::default();
    }

    /// Answers [`Step::SenderNamed`]: the transaction is open.
    pub fn accept_sender(&mut self) {
        if let Some(transaction) = self.take_asked(|state| match state {
            State::SenderAsked(transaction) => Ok(transaction),
            other => Err(other),
        }) {
            self.counts.transactions += 1;
            self.say(&Reply::sender_accepted(), Letters::Ascii);
            self.state = State::Commands(Phase::Open(transaction));
        }
    }

    /// Answers [`Step::SenderNamed`].
    pub fn refuse_sender(&mut self, refusal: Refusal) {
        if let Some(transaction) = self.take_asked(|state| match state {
            State::SenderAsked(transaction) => Ok(transaction),
            other => Err(other),
        }) {
            self.refuse_by_driver(refusal, transaction.letters, State::default());
        }
    }

    /// Answers [`Step::RecipientNamed`]: the recipient joins the envelope.
    pub fn accept_recipient(&mut self) {
        if let Some((mut transaction, recipient)) = self.take_recipient() {
            transaction.envelope.recipients.push(recipient);
            self.say(&Reply::recipient_accepted(), Letters::Ascii);
            self.state = State::Commands(Phase::Open(transaction));
        }
    }

    /// Answers [`Step::RecipientNamed`]; the others stay.
    pub fn refuse_recipient(&mut self, refusal: Refusal) {
        let Some((transaction, _)) = self.take_recipient() else {
            return;
        };
        self.counts.refused_recipients = self.counts.refused_recipients.saturating_add(1);
        let letters = transaction.letters;
        let too_many = self.limits.refused_recipients_max;
        if too_many.is_some_and(|max| self.counts.refused_recipients > max) {
            return self.enough("refused recipients");
        }
        self.refuse_by_driver(refusal, letters, State::Commands(Phase::Open(transaction)));
    }

    /// Answers [`Step::ContentRequested`]: [`Step::Content`] will follow.
    pub fn accept_content(&mut self) {
        if let Some((transaction, extent)) = self.take_content_asked() {
            self.begin_content(transaction, extent);
        }
    }

    /// Answers [`Step::ContentRequested`]; the transaction is over.
    pub fn refuse_content(&mut self, refusal: Refusal) {
        let Some((transaction, extent)) = self.take_content_asked() else {
            return;
        };
        match extent {
            Extent::Chunk { left, .. } if refusal.code() != 421 => {
                self.state = State::Skipping {
                    left,
                    answer: refusal,
                };
            }
            _ => self.refuse_by_driver(refusal, transaction.letters, State::default()),
        }
    }

    /// Answers [`Step::ContentComplete`]: the message is in the store, as the
    /// receipt proves. The only place that promises to keep a message.
    pub fn stored(&mut self, receipt: &Receipt) {
        if self.take_committing().is_some() {
            let text = format!("kept as {}", receipt.queue_id());
            self.say(&Reply::coded(250, 0, 0, text), Letters::Ascii);
            self.state = State::default();
        }
    }

    /// Answers [`Step::ContentComplete`]: the message is not kept.
    pub fn refused(&mut self, refusal: Refusal) {
        if let Some(transaction) = self.take_committing() {
            self.refuse_by_driver(refusal, transaction.letters, State::default());
        }
    }

    /// What the peer called itself by HELO or EHLO; untrusted, and empty
    /// before it did.
    pub fn helo(&self) -> &str {
        self.helo.as_ref().map_or("", |helo| &helo.text)
    }

    /// How the message of the open transaction comes.
    pub fn transmission(&self) -> Transmission {
        Transmission {
            extended: self.helo.as_ref().is_some_and(|helo| helo.extended),
            utf8: self
                .state
                .transaction()
                .is_some_and(|transaction| transaction.letters == Letters::Utf8),
            tls: self.tls.clone(),
        }
    }

    /// The envelope of the open transaction, with the recipients that were
    /// accepted so far.
    pub fn envelope(&self) -> Option<&Envelope> {
        let transaction = self.state.transaction();
        transaction.map(|transaction| &transaction.envelope)
    }
}

impl Session {
    /// Octets of input that are not used yet.
    pub(super) fn held_octets(&self) -> usize {
        self.input.content().len()
    }

    /// One move of the machine.
    fn advance(&mut self) -> Progress {
        match std::mem::take(&mut self.state) {
            State::Greeting => {
                let greeting = Reply::greeting(&self.settings.hostname);
                self.say(&greeting, Letters::Ascii);
                Progress::Again
            }
            state @ (State::Commands(_) | State::Receiving { .. } | State::Skipping { .. })
                if self.shutting_down =>
            {
                self.state = state;
                let farewell = Refusal::shutting_down(&self.settings.hostname);
                self.close(farewell, Ending::ShuttingDown);
                Progress::Again
            }
            State::Commands(phase) => self.take_command(phase),
            State::Receiving {
                transaction,
                content,
                extent,
            } => self.take_content(transaction, content, extent),
            State::Arrived {
                transaction,
                content,
                part,
            } => self.judge_content(transaction, content, part),
            State::Skipping { left, answer } => self.skip(left, answer),
            State::Discarding { why, then } => {
                self.state = *then;
                Progress::Discarded(why)
            }
            State::StartingTls if !self.input.is_empty() => {
                self.input.clear();
                self.state = State::Closing(Ending::PlaintextBehindStartTls);
                Progress::Again
            }
            asking => {
                self.state = asking;
                Progress::Ask
            }
        }
    }

    /// The step of a state that the driver has to act on.
    fn ask(&mut self) -> Step<'_> {
        let before_all_is_said = matches!(self.state, State::StartingTls | State::Closing(_));
        if before_all_is_said && !self.output.is_empty() {
            return self.send();
        }
        match &self.state {
            State::SenderAsked(transaction) => Step::SenderNamed {
                reverse_path: &transaction.envelope.reverse_path,
                declared_size: transaction.declared_size,
            },
            State::RecipientAsked(_, recipient) => Step::RecipientNamed(recipient),
            State::ContentAsked(..) => Step::ContentRequested,
            State::Committing(_) => Step::ContentComplete,
            State::StartingTls => Step::StartTls,
            State::Closing(ending) => Step::Close(*ending),
            // `advance` moves on from every other state by itself.
            _ => Step::Close(Ending::Quit),
        }
    }

    fn send(&mut self) -> Step<'_> {
        self.sending.clear();
        std::mem::swap(&mut self.sending, &mut self.output);
        Step::Send(&self.sending)
    }

    pub(super) fn say(&mut self, reply: &Reply, letters: Letters) {
        reply.write(&mut self.output, letters);
    }

    /// Says a last word and ends, calling back what content is out.
    pub(super) fn close(&mut self, farewell: impl Into<Reply>, ending: Ending) {
        self.say(&farewell.into(), Letters::Ascii);
        self.leave_for(State::Closing(ending));
    }

    pub(super) fn enough(&mut self, of_what: &'static str) {
        let farewell = Refusal::enough(&self.settings.hostname, of_what);
        self.close(farewell, Ending::LimitReached);
    }

    /// Goes from the present state to another one that has no content.
    pub(super) fn leave_for(&mut self, state: State) {
        self.state = if self.state.holds_content() {
            State::Discarding {
                why: Discard::Abandoned,
                then: Box::new(state),
            }
        } else {
            state
        };
    }

    /// A refusal with 421 ends the session (RFC 5321 §3.8).
    fn refuse_by_driver(&mut self, refusal: Refusal, letters: Letters, then: State) {
        self.state = match refusal.code() {
            421 => State::Closing(Ending::Busy),
            _ => then,
        };
        self.say(&refusal.into(), letters);
    }

    /// Takes the state's data if it is the one asked about, else leaves it.
    fn take_asked<T>(&mut self, pick: impl FnOnce(State) -> Result<T, State>) -> Option<T> {
        match pick(std::mem::take(&mut self.state)) {
            Ok(data) => Some(data),
            Err(other) => {
                self.state = other;
                None
            }
        }
    }

    fn take_recipient(&mut self) -> Option<(Transaction, Recipient)> {
        self.take_asked(|state| match state {
            State::RecipientAsked(transaction, recipient) => Ok((transaction, recipient)),
            other => Err(other),
        })
    }

    fn take_content_asked(&mut self) -> Option<(Transaction, Extent)> {
        self.take_asked(|state| match state {
            State::ContentAsked(transaction, extent) => Ok((transaction, extent)),
            other => Err(other),
        })
    }

    fn take_committing(&mut self) -> Option<Transaction> {
        self.take_asked(|state| match state {
            State::Committing(transaction) => Ok(transaction),
            other => Err(other),
        })
    }
}
