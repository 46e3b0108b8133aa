//! The mail log: one function for each event of a message's life and of a
//! session's.
//!
//! The log is an interface: people grep it and fail2ban reads it, so that each
//! line begins with its event, then the message's id, then `name=value`. A grep
//! for an id tells that message's story in order. Text from outside passes
//! [`Outside`], so that no peer can write a line of its own, and what a stranger
//! can cause without end is counted by a [`Flood`].
//!
//! `info` is what an administrator reads: mail that came, went and was refused,
//! failed log-ins, changes. `debug` adds each session and each poll that found
//! nothing. The pure rooms return events and do not log.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use log::{debug, error, info, warn};

use crate::mail::{QueueId, ReversePath, is_direction_mark};

mod flood;

pub use flood::{AndBefore, Flood};

/// Refusals of one kind that are logged in a minute. More than an office sees on
/// its worst day; at 200 octets a line, 300 MB a day of each kind at most.
const REFUSALS_MAX: u32 = 1000;
static RECIPIENTS_REFUSED: Flood = Flood::of(REFUSALS_MAX);
static MESSAGES_REFUSED: Flood = Flood::of(REFUSALS_MAX);
static MESSAGES_DEFERRED: Flood = Flood::of(REFUSALS_MAX);
static HANDSHAKES_FAILED: Flood = Flood::of(REFUSALS_MAX);

/// Text that somebody else wrote: quoted, control characters escaped, cut off
/// at 200 characters.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a>(pub &'a str);

const OUTSIDE_CHARACTERS_MAX: usize = 200;

impl Display for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars().take(OUTSIDE_CHARACTERS_MAX) {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() || is_direction_mark(c) => write!(f, "{}", c.escape_unicode())?,
                c => write!(f, "{c}")?,
            }
        }
        if self.0.chars().nth(OUTSIDE_CHARACTERS_MAX).is_some() {
            f.write_str("…")?;
        }
        f.write_str("\"")
    }
}

/// A sentence of ours with a server's words in it: control characters escaped,
/// cut off at 1000 characters.
struct OneLine<'a>(&'a dyn Display);

const ONE_LINE_CHARACTERS_MAX: usize = 1000;

impl Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        for c in text.chars().take(ONE_LINE_CHARACTERS_MAX) {
            match c {
                c if c.is_control() || is_direction_mark(c) => write!(f, "{}", c.escape_unicode())?,
                c => write!(f, "{c}")?,
            }
        }
        match text.chars().nth(ONE_LINE_CHARACTERS_MAX) {
            Some(_) => f.write_str("…"),
            None => Ok(()),
        }
    }
}

/// Octets as people read them, `12.3 MB`: decimal units, as disks are sold.
#[derive(Debug, Clone, Copy)]
pub struct Size(pub u64);

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1000.0;
        let mut unit = "kB";
        for next in ["MB", "GB", "TB"] {
            if value < 999.5 {
                break;
            }
            value /= 1000.0;
            unit = next;
        }
        match value < 10.0 {
            true => write!(f, "{value:.1} {unit}"),
            false => write!(f, "{value:.0} {unit}"),
        }
    }
}

/// A message is committed. Written before its sender is told.
pub fn received(id: QueueId, peer: IpAddr, reverse_path: &ReversePath, octets: u64) {
    let from = reverse_path.to_string();
    info!(
        "received {id} peer={peer} from={} octets={octets}",
        Outside(&from)
    );
}

/// An entry of the message is in a mailbox.
pub fn delivered(id: QueueId, mailbox: &str, why: &str) {
    info!("delivered {id} to={mailbox} why={}", Outside(why));
}

/// A message of a provider is committed. Written before it is removed there.
pub fn fetched(id: QueueId, account: &str, peer: IpAddr, octets: u64) {
    info!("fetched {id} account={account} peer={peer} octets={octets}");
}

/// A message is too large and stays at the provider; this one tells of it.
pub fn too_large(id: QueueId, account: &str, octets: u64) {
    warn!("too large {id} account={account} octets={octets}: it stays at the provider");
}

/// A message out of a file is in a user's mailbox.
pub fn imported(id: QueueId, user: &str, octets: u64, why: &str) {
    info!(
        "imported {id} for={user} octets={octets} why={}",
        Outside(why)
    );
}

/// A message that had lost its content has it again, out of a file.
pub fn mended(id: QueueId, user: &str, octets: u64, why: &str) {
    info!(
        "mended {id} for={user} octets={octets} why={}",
        Outside(why)
    );
}

/// A copy of a message came, and everybody who is meant by it has one already.
pub fn duplicate(account: &str, octets: u64, of: QueueId) {
    info!("duplicate of {of} account={account} octets={octets}");
}

/// A poll of a provider came to its end and did something.
pub fn polled(account: &str, what: &dyn Display) {
    info!("fetch {account}: {}", OneLine(what));
}

/// A poll of a provider came to its end, and there was nothing to do.
pub fn polled_in_vain(account: &str, what: &dyn Display) {
    debug!("fetch {account}: {}", OneLine(what));
}

/// A poll of a provider failed. What was committed until then stays.
pub fn poll_failed(account: &str, what: &dyn Display) {
    warn!("fetch {account}: {}", OneLine(what));
}

/// The same for the same reason as the last one, or for one that is told as
/// trouble.
pub fn poll_failed_again(account: &str, what: &dyn Display) {
    info!("fetch {account}: {}", OneLine(what));
}

/// Something is wrong with an account at a provider. Said once.
pub fn account_in_trouble(account: &str, what: &dyn Display) {
    warn!("fetch {account}: trouble: {}", OneLine(what));
}

/// It is right again. Said once.
pub fn account_recovered(account: &str, what: &dyn Display) {
    info!("fetch {account}: over: {}", OneLine(what));
}

/// A peculiarity of a provider's server. Said once.
pub fn account_remark(account: &str, what: &dyn Display) {
    info!("fetch {account}: note: {}", OneLine(what));
}

/// The content was taken to its end and refused.
pub fn content_refused(peer: IpAddr, reverse_path: &ReversePath, reply: &str) {
    let Some(before) = MESSAGES_REFUSED.next(Instant::now()) else {
        return;
    };
    let from = reverse_path.to_string();
    info!(
        "refused message peer={peer}{before} from={} reply={}",
        Outside(&from),
        Outside(reply)
    );
}

/// RCPT was refused.
pub fn recipient_refused(peer: IpAddr, recipient: &str, reply: &str) {
    let Some(before) = RECIPIENTS_REFUSED.next(Instant::now()) else {
        return;
    };
    info!(
        "refused recipient={} peer={peer}{before} reply={}",
        Outside(recipient),
        Outside(reply)
    );
}

/// A recipient is refused for now, since its address has just left the
/// directory.
pub fn recipient_just_gone(peer: IpAddr, recipient: &str) {
    let Some(before) = RECIPIENTS_REFUSED.next(Instant::now()) else {
        return;
    };
    warn!(
        "refused for now recipient={} peer={peer}{before}: this address left directory.toml less than an hour \
         ago; if that was a slip, put it back",
        Outside(recipient)
    );
}

/// MAIL was refused because the disk is full, of which the log has a line of
/// its own: the sender comes again.
pub fn no_room(peer: IpAddr, reply: &str) {
    if let Some(before) = MESSAGES_DEFERRED.next(Instant::now()) {
        let reply = Outside(reply);
        info!("refused for now peer={peer}{before} reply={reply}");
    }
}

/// The content was refused for now: the sender comes again.
pub fn deferred(peer: IpAddr, reply: &str) {
    if let Some(before) = MESSAGES_DEFERRED.next(Instant::now()) {
        let reply = Outside(reply);
        warn!("refused for now peer={peer}{before} reply={reply}");
    }
}

/// A PC has read a message (RETR).
pub fn retrieved(id: QueueId, user: &str, peer: IpAddr) {
    info!("retrieved {id} by={user} peer={peer}");
}

/// A PC has removed a message (DELE and QUIT). It stays restorable.
pub fn collected(id: QueueId, user: &str, peer: IpAddr) {
    info!("collected {id} by={user} peer={peer}");
}

/// A collected message has come back by `mail restore`.
pub fn restored(id: QueueId, user: &str) {
    info!("restored {id} to={user}");
}

/// A person gave a message to a user.
pub fn given(id: QueueId, user: &str) {
    info!("delivered {id} to={user} why=\"given by hand\"");
}

/// A person erased a message, wherever it was.
pub fn erased(id: QueueId) {
    info!("erased {id} by hand");
}

/// A command has removed a user.
pub fn user_removed(user: &str) {
    info!("user removed user={user}: the mailbox is sealed");
}

/// A command has given a user another name.
pub fn user_renamed(old: &str, new: &str) {
    info!("user renamed from={old} to={new}");
}

/// A PC asked for a message that was erased since its session began.
pub fn erased_meanwhile(id: QueueId) {
    info!("not retrieved {id}: it was erased since the session began");
}

/// The sweep took the message out for good: it was collected longer ago than
/// `keep_collected`, or in the way of newer mail.
pub fn swept(id: QueueId) {
    info!("swept {id}");
}

/// A log-in worked.
pub fn logged_in(user: &str, peer: IpAddr, messages: u64) {
    debug!("logged in user={user} peer={peer} messages={messages}");
}

/// A log-in failed: wrong name or password. fail2ban may read this line.
pub fn login_failed(name: &str, peer: IpAddr, delay: Duration) {
    let delay = delay.as_secs_f32();
    warn!(
        "log-in failed peer={peer} user={} answered-after={delay:.1}s",
        Outside(name)
    );
}

/// A log-in had the right password, and the user is disabled.
pub fn login_disabled(user: &str, peer: IpAddr) {
    info!("log-in refused user={user} peer={peer}: the user is disabled (postroom user enable)");
}

/// A log-in found the maildrop in use.
pub fn maildrop_in_use(user: &str, peer: IpAddr) {
    info!("maildrop in use user={user} peer={peer}: another session of this user is at work");
}

/// A silent session gave way to a new log-in of the same user.
pub fn session_replaced(user: &str, peer: IpAddr) {
    info!(
        "session replaced user={user} peer={peer}: it was silent, and the same user logged in anew"
    );
}

/// A session ended because its user was removed, renamed or disabled, or has
/// another password.
pub fn session_revoked(user: &str, peer: IpAddr) {
    info!(
        "session revoked user={user} peer={peer}: the user was removed, renamed or disabled, or has another \
         password"
    );
}

/// A POP3 session ended.
pub fn pop3_ended(peer: IpAddr, user: Option<&str>, retrieved: u64, collected: u64, how: &str) {
    let user = user.unwrap_or("-");
    debug!(
        "pop3 session ended user={user} peer={peer} retrieved={retrieved} collected={collected} {how}"
    );
}

/// An SMTP session ended.
pub fn smtp_ended(peer: IpAddr, messages: u64, refusals: u64, how: &str) {
    debug!("smtp session ended peer={peer} messages={messages} refusals={refusals} {how}");
}

/// A connection was turned away before a session.
pub fn turned_away(peer: IpAddr, listener: &str, why: &str, before: AndBefore) {
    warn!("turned away peer={peer} listener={listener}{before}: {why}");
}

/// The system lets a listener accept nothing. It goes on trying.
pub fn accepting_nothing(listener: &str, why: &dyn Display) {
    error!("accepting nothing listener={listener}: {why}; it is tried on and on");
}

/// The listener accepts again.
pub fn accepting_again(listener: &str, after: Duration) {
    let after_s = after.as_secs();
    info!("accepting again listener={listener} after={after_s}s");
}

/// A TLS handshake did not come to its end.
pub fn handshake_failed(peer: IpAddr, why: &dyn Display) {
    if let Some(before) = HANDSHAKES_FAILED.next(Instant::now()) {
        let why = why.to_string();
        let why = Outside(&why);
        info!("tls handshake failed peer={peer}{before}: {why}");
    }
}

/// How the errors begin whose end is logged, too: as long as one lasts, the status says so.
const LASTING: [&str; 3] = [
    "store failed while ",
    "not reloaded, ",
    "the disk has less room ",
];

/// Whether an error of the log, without its time and level, is of those that last and end.
pub fn has_an_end(text: &str) -> bool {
    LASTING.iter().any(|beginning| text.starts_with(beginning))
}

/// The store could not do what was asked; the peer was told to come again.
pub fn store_failed(doing: &str, why: &dyn Display) {
    error!("store failed while {doing}: {why}");
}

/// The same, which the log has already.
pub fn store_failed_again(doing: &str, why: &dyn Display) {
    debug!("store failed again while {doing}: {why}");
}

/// What the store could not do it does again.
pub fn store_recovered(doing: &str) {
    info!("store works again: {doing}");
}

/// Files were read anew.
pub fn reloaded(file: &Path) {
    info!("reloaded {}", file.display());
}

/// Files were read anew and are not good: the last good ones stay in force.
pub fn reload_refused(why: &dyn Display) {
    error!("not reloaded, the last good settings stay in force: {why}");
}

#[cfg(test)]
mod tests {
    use super::{OneLine, Outside, Size};

    #[test]
    fn no_peer_writes_a_log_line_of_its_own() {
        let forged = Outside("a\"\r\n2026 received \u{1b}[2J\u{202e}x").to_string();
        assert_eq!(
            forged,
            "\"a\\\"\\u{d}\\u{a}2026 received \\u{1b}[2J\\u{202e}x\""
        );
    }

    #[test]
    fn a_long_text_is_cut_off() {
        let long = Outside(&"x".repeat(10_000)).to_string();
        assert_eq!(long.chars().count(), 203);
    }

    #[test]
    fn a_servers_words_do_not_end_the_line_they_stand_in() {
        let forged = OneLine(&"failed: \"no\r\n2026 delivered\u{202e}\"").to_string();
        assert_eq!(forged, "failed: \"no\\u{d}\\u{a}2026 delivered\\u{202e}\"");
        let long = OneLine(&"x".repeat(10_000)).to_string();
        assert_eq!(long.chars().count(), 1001);
    }

    #[test]
    fn sizes_are_short_and_right() {
        for (octets, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (128_000, "128 kB"),
            (999_600, "1.0 MB"),
            (52_428_800, "52 MB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(Size(octets).to_string(), expected);
        }
    }
}
