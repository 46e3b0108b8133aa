//! What the works ask of either side.

use std::net::SocketAddr;

use crate::Outcome;
use crate::office::Hub;
use crate::process::Process;

/// A running mail server: postroom, or a peer.
pub trait Side {
    /// Where it takes mail.
    fn smtp(&self) -> Outcome<SocketAddr>;

    /// Where it gives mail out.
    fn pop3(&self) -> Outcome<SocketAddr>;

    /// The first of its processes; those that they started belong to them.
    fn masters(&self) -> Vec<Process>;

    /// Waits until what was acknowledged is in the mailboxes.
    fn wait_until_kept(&self) -> Outcome<()>;

    /// Messages in all mailboxes together.
    fn kept(&self) -> Outcome<usize>;

    /// Processor seconds so far.
    fn cpu_s(&self) -> Outcome<f64> {
        let masters = self.masters().into_iter();
        masters.map(Process::cpu_of_family).sum()
    }

    /// Proportional set size in octets.
    fn pss(&self) -> Outcome<f64> {
        let masters = self.masters().into_iter();
        masters.map(Process::pss_of_family).sum()
    }
}

impl Side for Hub {
    fn smtp(&self) -> Outcome<SocketAddr> {
        self.address("smtp")
    }

    fn pop3(&self) -> Outcome<SocketAddr> {
        self.address("pop3")
    }

    fn masters(&self) -> Vec<Process> {
        vec![self.process()]
    }

    /// The acknowledgement itself says so.
    fn wait_until_kept(&self) -> Outcome<()> {
        Ok(())
    }

    fn kept(&self) -> Outcome<usize> {
        let mailboxes = self.status()?.mailboxes.into_iter();
        let messages: u64 = mailboxes.map(|mailbox| mailbox.messages).sum();
        Ok(usize::try_from(messages)?)
    }
}
