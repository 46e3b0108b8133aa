//! What the driver answers to the session's questions. An answer that was not
//! asked for ends the session without QUIT: nothing is removed by that.

use super::super::error::Error;
use super::super::step::{Arrived, Ending, Removal, Task};
use super::super::transfer::{NotAsked, Transfer};
use super::{Session, State, When};
use crate::store::Receipt;
use crate::wire::Secret;

impl Session {
    /// The TLS handshake is done, and the certificate is the right one.
    pub fn tls_started(&mut self) {
        if !matches!(self.state, State::TlsRequested) {
            return self.misdriven();
        }
        self.input.clear();
        self.ask_capabilities(When::BeforeLogin);
    }

    /// The access token that [`Step::TokenRequested`](super::super::Step::TokenRequested)
    /// asks for.
    pub fn token(&mut self, token: &Secret) {
        if !matches!(self.state, State::TokenRequested) {
            return self.misdriven();
        }
        if let Err(error) = self.log_in(Some(token)) {
            self.fail(error);
        }
    }

    /// There is no access token.
    pub fn token_failed(&mut self) {
        match self.state {
            State::TokenRequested => self.fail(Error::NoToken),
            _ => self.misdriven(),
        }
    }

    /// What to do with the messages of the listing, in this order; a message
    /// that no task names is left alone. With no task the session ends.
    pub fn plan(&mut self, tasks: Vec<Task>) {
        match self.state {
            State::PlanAwaited(pace) => self.state = State::Transfer(Transfer::new(pace, tasks)),
            _ => self.misdriven(),
        }
    }

    /// The message is committed, so the receipt says: it is removed at the
    /// provider.
    pub fn stored(&mut self, arrived: Arrived, receipt: &Receipt) {
        let removal = Removal::of_committed(arrived.number, receipt);
        self.answer(|transfer| transfer.remove(removal));
    }

    /// The message stays at the provider, whether it is committed here
    /// (`leave_on_server`) or could not be.
    pub fn leave(&mut self, arrived: Arrived) {
        drop(arrived);
        self.answer(Transfer::answered);
    }

    /// No further task is begun: the session takes what is on its way, removes
    /// what is committed and says QUIT. Before [`Session::plan`] it does
    /// nothing: an empty plan, or dropping the session, loses nothing.
    pub fn stop(&mut self) {
        if let State::Transfer(transfer) = &mut self.state {
            transfer.stop();
        }
    }

    /// Messages may be answered when the session is over already: too late, and
    /// no fault of the driver.
    fn answer(&mut self, answer: impl FnOnce(&mut Transfer) -> Result<(), NotAsked>) {
        let answered = match &mut self.state {
            State::Transfer(transfer) => answer(transfer),
            State::Discarding { .. } | State::Closed(_) => Ok(()),
            _ => Err(NotAsked),
        };
        if answered.is_err() {
            self.misdriven();
        }
    }

    fn misdriven(&mut self) {
        if !matches!(self.state, State::Closed(_) | State::Discarding { .. }) {
            self.end(Ending::Failed(Error::Misdriven));
        }
    }
}
