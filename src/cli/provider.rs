//! How a command itself visits a provider, beside a hub that may be doing so at
//! the same time.

use std::thread;
use std::time::Duration;

use crate::fetch::{Error, Pipelining, Remedy};
use crate::net::fetcher::{PollError, Provider};

/// How often a locked mailbox is tried again, and after which time: a poll of the
/// hub takes seconds.
const ATTEMPTS_MAX: usize = 3;
const LOCKED_WAIT: Duration = Duration::from_secs(10);

/// Visits; again where the mailbox is in use, and where the server turns out not
/// to take several commands at once.
pub fn visit<T>(
    provider: &Provider,
    attempt: impl AsyncFn(&Provider) -> Result<T, PollError>,
) -> Result<T, PollError> {
    let mut provider = provider.clone();
    let mut attempts = 1;
    loop {
        let why = match smol::block_on(attempt(&provider)) {
            Err(why) => why,
            found => return found,
        };
        if why.remedy() == Remedy::LockStep && provider.pipelining != Pipelining::Off {
            provider.pipelining = Pipelining::Off;
        } else if is_locked(&why) && attempts < ATTEMPTS_MAX {
            attempts += 1;
            eprintln!(
                "{}: the mailbox is in use, perhaps by the hub; trying again in {} s",
                provider.name,
                LOCKED_WAIT.as_secs()
            );
            thread::sleep(LOCKED_WAIT);
        } else {
            return Err(why);
        }
    }
}

fn is_locked(why: &PollError) -> bool {
    matches!(why, PollError::Session(Error::MailboxLocked(_), _))
}
