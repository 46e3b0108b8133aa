//! The driver's answers to the steps that ask. An answer to what was not asked
//! changes nothing, and the question is asked again.

use std::mem;

use crate::store::Receipt;

use super::refusal::Refusal;
use super::reply::{Letters, Reply};
use super::session::Session;
use super::state::{Extent, Phase, State};
use super::step::Ending;

impl Session {
    /// Answers [`Step::StartTls`](super::Step::StartTls): the handshake is done,
    /// with this version and cipher. All that is known of the peer is forgotten
    /// (RFC 3207 §4.2).
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

    /// Answers [`Step::SenderNamed`](super::Step::SenderNamed): the transaction
    /// is open.
    pub fn accept_sender(&mut self) {
        match mem::take(&mut self.state) {
            State::SenderAsked(transaction) => {
                self.counts.transactions += 1;
                self.say(&Reply::sender_accepted(), Letters::Ascii);
                self.state = State::Commands(Phase::Open(transaction));
            }
            other => self.state = other,
        }
    }

    /// Answers [`Step::SenderNamed`](super::Step::SenderNamed).
    pub fn refuse_sender(&mut self, refusal: Refusal) {
        match mem::take(&mut self.state) {
            State::SenderAsked(transaction) => {
                self.refuse(refusal, transaction.letters, State::default());
            }
            other => self.state = other,
        }
    }

    /// Answers [`Step::RecipientNamed`](super::Step::RecipientNamed): the
    /// recipient joins the envelope.
    pub fn accept_recipient(&mut self) {
        match mem::take(&mut self.state) {
            State::RecipientAsked(mut transaction, recipient) => {
                transaction.envelope.recipients.push(recipient);
                self.say(&Reply::recipient_accepted(), Letters::Ascii);
                self.state = State::Commands(Phase::Open(transaction));
            }
            other => self.state = other,
        }
    }

    /// Answers [`Step::RecipientNamed`](super::Step::RecipientNamed); the
    /// recipients before it stay.
    pub fn refuse_recipient(&mut self, refusal: Refusal) {
        let transaction = match mem::take(&mut self.state) {
            State::RecipientAsked(transaction, _) => transaction,
            other => return self.state = other,
        };
        self.counts.refused_recipients = self.counts.refused_recipients.saturating_add(1);
        let letters = transaction.letters;
        self.state = State::Commands(Phase::Open(transaction));
        match self.limits.refused_recipients_max {
            Some(max) if self.counts.refused_recipients > max => {
                self.enough("refused recipients");
            }
            _ => {
                let open = mem::take(&mut self.state);
                self.refuse(refusal, letters, open);
            }
        }
    }

    /// Answers [`Step::ContentRequested`](super::Step::ContentRequested):
    /// [`Step::Content`](super::Step::Content) will follow.
    pub fn accept_content(&mut self) {
        match mem::take(&mut self.state) {
            State::ContentAsked(transaction, extent) => self.begin_content(transaction, extent),
            other => self.state = other,
        }
    }

    /// Answers [`Step::ContentRequested`](super::Step::ContentRequested); the
    /// transaction is over.
    pub fn refuse_content(&mut self, refusal: Refusal) {
        match mem::take(&mut self.state) {
            State::ContentAsked(_, Extent::Chunk { left, .. }) if refusal.code() != 421 => {
                self.state = State::Skipping {
                    left,
                    answer: refusal,
                };
            }
            State::ContentAsked(transaction, _) => {
                self.refuse(refusal, transaction.letters, State::default());
            }
            other => self.state = other,
        }
    }

    /// Answers [`Step::ContentComplete`](super::Step::ContentComplete): the
    /// message is in the store, as the receipt proves. The only place that
    /// promises to keep a message.
    pub fn stored(&mut self, receipt: &Receipt) {
        match mem::take(&mut self.state) {
            State::Committing(_) => {
                let text = format!("kept as {}", receipt.queue_id());
                self.say(&Reply::coded(250, 0, 0, text), Letters::Ascii);
            }
            other => self.state = other,
        }
    }

    /// Answers [`Step::ContentComplete`](super::Step::ContentComplete): the
    /// message is not kept.
    pub fn refused(&mut self, refusal: Refusal) {
        match mem::take(&mut self.state) {
            State::Committing(transaction) => {
                self.refuse(refusal, transaction.letters, State::default());
            }
            other => self.state = other,
        }
    }

    /// A refusal with 421 ends the session (RFC 5321 §3.8).
    fn refuse(&mut self, refusal: Refusal, letters: Letters, then: State) {
        self.state = match refusal.code() {
            421 => State::Closing(Ending::Busy),
            _ => then,
        };
        self.say(&refusal.into(), letters);
    }
}
