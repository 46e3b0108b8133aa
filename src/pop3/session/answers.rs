//! What the driver answers to the session's questions. An answer that was not
//! asked for closes the session: nothing is removed by that.

use super::super::limits::Security;
use super::super::maildrop::ScanListing;
use super::super::reply::{Output, ResponseCode};
use super::super::step::{Ending, LoginRefusal};
use super::super::transaction::{NotAsked, Transaction};
use super::{Authorization, Session, State};

impl Session {
    /// The TLS handshake is done: the session begins anew, and nothing that was
    /// said before counts (RFC 2595 §4).
    pub fn tls_started(&mut self) {
        if !matches!(self.state, State::TlsRequested) {
            return self.misdriven();
        }
        self.input.clear();
        self.policy.security = Security::Tls;
        self.state = State::Authorization(Authorization::default());
    }

    /// The credentials are right and the maildrop is locked. It holds
    /// `messages`, of `octets` in all.
    pub fn maildrop_opened(&mut self, messages: u64, octets: u64) {
        if !matches!(self.state, State::LoginAwaited) {
            return self.misdriven();
        }
        self.output
            .ok(format_args!("{messages} messages, {octets} octets"));
        self.state = State::Transaction(Transaction::new(messages, octets));
    }

    /// There is no log-in with these credentials, or not now.
    pub fn login_refused(&mut self, refusal: LoginRefusal) {
        if !matches!(self.state, State::LoginAwaited) {
            return self.misdriven();
        }
        self.refuse_login(refusal);
    }

    /// The scan listing of the maildrop, as it was at log-in.
    pub fn listing(&mut self, listing: ScanListing) {
        self.answer(|transaction, output| transaction.listing(listing, output));
    }

    /// The scan listing cannot be read.
    pub fn listing_failed(&mut self) {
        self.answer(Transaction::listing_failed);
    }

    /// The message is open.
    pub fn message_opened(&mut self) {
        self.answer(Transaction::message_opened);
    }

    /// The message cannot be opened.
    pub fn message_failed(&mut self) {
        self.answer(Transaction::message_failed);
    }

    /// The next piece of the message, cut anywhere; 64 KiB at most keep the
    /// session within its memory.
    pub fn content(&mut self, content: &[u8]) {
        self.answer(|transaction, output| transaction.content(content, output));
    }

    /// The message has been read to its end. If that is less than its size in
    /// the scan listing, the session is closed as by
    /// [`Session::content_failed`].
    pub fn content_complete(&mut self) {
        let mut whole = Ok(());
        self.answer(|transaction, output| {
            whole = transaction.content_complete(output)?;
            Ok(())
        });
        if whole.is_err() {
            self.close(Ending::ContentBroken);
        }
    }

    /// Reading broke off. The first line of the reply was +OK, so that only a
    /// closed connection without the final dot can tell the client.
    pub fn content_failed(&mut self) {
        match self.state {
            State::Transaction(_) => self.close(Ending::ContentBroken),
            _ => self.misdriven(),
        }
    }

    /// The messages are removed and the maildrop is released.
    pub fn updated(&mut self) {
        if !matches!(self.state, State::Update(_)) {
            return self.misdriven();
        }
        self.output.ok("goodbye");
        self.close(Ending::Quit);
    }

    /// No message was removed; the maildrop is released (RFC 1939 §6).
    pub fn update_failed(&mut self) {
        if !matches!(self.state, State::Update(_)) {
            return self.misdriven();
        }
        self.output.error(
            Some(ResponseCode::SysTemp),
            "some deleted messages not removed; they will be there next time",
        );
        self.close(Ending::UpdateFailed);
    }

    fn answer(
        &mut self,
        answer: impl FnOnce(&mut Transaction, &mut Output) -> Result<(), NotAsked>,
    ) {
        let answered = match &mut self.state {
            State::Transaction(transaction) => answer(transaction, &mut self.output),
            _ => Err(NotAsked),
        };
        if answered.is_err() {
            self.misdriven();
        }
    }
}
