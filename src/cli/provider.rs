//! How a command itself visits a provider, beside a hub that may be doing so at
//! the same time.

use std::thread;
use std::time::Duration;

use crate::fetch::{Error, Pipelining, Remedy, Security};
use crate::net::fetcher::{PollError, Provider};
use crate::net::tls::ConnectError;

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
    matches!(why, PollError::Session(Error::MailboxLocked(_)))
}

/// What else helps, where the settings show more than the error knows.
pub fn mend(why: &PollError, provider: &Provider) -> Option<String> {
    match (why, provider.security, provider.port) {
        (
            PollError::Tls(ConnectError::Failed { .. } | ConnectError::TimedOut { .. }),
            Security::Tls,
            port,
        ) => Some(match port {
            110 => "port 110 begins without TLS: set port = 995, or tls = \"starttls\"".to_string(),
            port => format!(
                "if port {port} begins without TLS, set tls = \"starttls\"; POP3 with TLS has port 995"
            ),
        }),
        (PollError::Tls(ConnectError::NotTrusted { .. }), _, _) => Some(
            "set host to a name that the certificate has, or ca to the file of the provider's own CA, or \
             fingerprint to this one certificate's; and see that the clock of this machine is right"
                .to_string(),
        ),
        (PollError::NoConnection { .. }, Security::StlsRequired | Security::Clear, 995) => Some(
            "port 995 is for TLS from the first octet: set tls = \"implicit\", or port = 110"
                .to_string(),
        ),
        _ => None,
    }
}
