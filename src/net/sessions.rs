//! The sessions that are open, and the locks that they hold on maildrops.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use smol::channel::{self, Receiver, Sender};
use smol::{Timer, future};

use super::current::lock;

/// A session that has been silent for so long gives way to a new log-in of the
/// same user: a laptop that fell asleep sends no FIN, and its owner would find
/// the maildrop in use when it wakes.
pub const SILENT_AFTER: Duration = Duration::from_secs(30);
/// How long a log-in waits for a silent session to let go.
const RELEASE_WAIT: Duration = Duration::from_secs(5);

/// Why a session is to end before its peer ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// The hub stops.
    Shutdown,
    /// The same user logged in anew.
    Replaced,
    /// The user is removed or renamed, or has another password.
    Revoked,
}

/// When octets last moved on a connection.
#[derive(Debug)]
pub struct Activity {
    opened: Instant,
    last_millis: AtomicU64,
}

impl Activity {
    fn new() -> Arc<Activity> {
        Arc::new(Activity {
            opened: Instant::now(),
            last_millis: AtomicU64::new(0),
        })
    }

    /// Octets moved just now.
    pub fn note(&self) {
        let millis = self.opened.elapsed().as_millis() as u64;
        self.last_millis.store(millis, Ordering::Relaxed);
    }

    /// How long none have.
    pub fn silent_for(&self) -> Duration {
        let last = Duration::from_millis(self.last_millis.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(last)
    }
}

/// A session as `status` shows it.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    /// `smtp` or `pop3`.
    pub protocol: &'static str,
    /// The other end.
    pub peer: IpAddr,
    /// Who is logged in.
    pub user: Option<String>,
    /// When it began.
    pub since: SystemTime,
}

/// All open sessions.
#[derive(Debug, Clone, Default)]
pub struct Sessions(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    last_number: u64,
    open: HashMap<u64, Open>,
    /// By user's name: the number of the session that holds the maildrop, and
    /// a channel that closes when it lets go.
    maildrops: HashMap<String, (u64, Receiver<()>)>,
    stopping: bool,
}

#[derive(Debug)]
struct Open {
    facts: SessionFacts,
    activity: Arc<Activity>,
    interrupt: Sender<Interruption>,
}

/// An open session; ends with its drop.
#[derive(Debug)]
pub struct Session {
    sessions: Sessions,
    number: u64,
    /// Says when octets moved.
    pub activity: Arc<Activity>,
    /// Says when to end.
    pub interrupted: Receiver<Interruption>,
}

/// A user's maildrop, held for one session (RFC 1939 §4).
#[derive(Debug)]
pub struct MaildropLock {
    sessions: Sessions,
    user: String,
    number: u64,
    _released: Sender<()>,
}

impl Sessions {
    /// A session begins.
    pub fn open(&self, protocol: &'static str, peer: IpAddr) -> Session {
        let (interrupt, interrupted) = channel::bounded(1);
        let activity = Activity::new();
        let mut table = self.table();
        table.last_number += 1;
        let number = table.last_number;
        if table.stopping {
            // The channel is new, and has room for one.
            let _ = interrupt.try_send(Interruption::Shutdown);
        }
        let open = Open {
            facts: SessionFacts {
                protocol,
                peer,
                user: None,
                since: SystemTime::now(),
            },
            activity: Arc::clone(&activity),
            interrupt,
        };
        table.open.insert(number, open);
        drop(table);
        Session {
            sessions: self.clone(),
            number,
            activity,
            interrupted,
        }
    }

    /// The open sessions, oldest first.
    pub fn facts(&self) -> Vec<SessionFacts> {
        let table = self.table();
        let mut numbered: Vec<_> = table.open.iter().collect();
        numbered.sort_by_key(|(number, _)| **number);
        numbered
            .into_iter()
            .map(|(_, open)| open.facts.clone())
            .collect()
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.table().open.len()
    }

    /// Tells all sessions to end, now and those that still open.
    pub fn shut_down(&self) {
        let mut table = self.table();
        table.stopping = true;
        for open in table.open.values() {
            // A full channel holds an earlier interruption: it ends anyway.
            let _ = open.interrupt.try_send(Interruption::Shutdown);
        }
    }

    /// Ends the session that holds the maildrop of `user`, if any: what it was
    /// let in by holds no more.
    pub fn revoke(&self, user: &str) {
        let table = self.table();
        let holder = table.maildrops.get(user);
        if let Some(open) = holder.and_then(|(number, _)| table.open.get(number)) {
            // A full channel holds an earlier interruption: it ends anyway.
            let _ = open.interrupt.try_send(Interruption::Revoked);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.0)
    }
}

impl Session {
    /// Takes the user's maildrop. A session that holds it and has been silent
    /// for [`SILENT_AFTER`] is ended first. `None`: it is in use.
    pub async fn lock_maildrop(&self, user: &str) -> Option<MaildropLock> {
        let (released, interrupt) = match self.try_lock(user) {
            Ok(lock) => return Some(lock),
            Err(holder) => holder?,
        };
        // A full channel holds an earlier interruption: it ends anyway.
        let _ = interrupt.try_send(Interruption::Replaced);
        let let_go = async {
            // Ends with an error when the holder drops its end.
            let _ = released.recv().await;
        };
        let too_long = async {
            Timer::after(RELEASE_WAIT).await;
        };
        future::or(let_go, too_long).await;
        self.try_lock(user).ok()
    }

    /// The lock; or, where the holder is silent, how to end it and to know when
    /// it has.
    #[expect(
        clippy::type_complexity,
        reason = "private, and named where it is used"
    )]
    fn try_lock(
        &self,
        user: &str,
    ) -> Result<MaildropLock, Option<(Receiver<()>, Sender<Interruption>)>> {
        let mut table = self.sessions.table();
        if let Some((number, released)) = table.maildrops.get(user)
            && let Some(holder) = table.open.get(number)
        {
            let silent = holder.activity.silent_for() >= SILENT_AFTER;
            return Err(silent.then(|| (released.clone(), holder.interrupt.clone())));
        }
        let (released_sender, released) = channel::bounded(1);
        table
            .maildrops
            .insert(user.to_string(), (self.number, released));
        if let Some(open) = table.open.get_mut(&self.number) {
            open.facts.user = Some(user.to_string());
        }
        drop(table);
        Ok(MaildropLock {
            sessions: self.sessions.clone(),
            user: user.to_string(),
            number: self.number,
            _released: released_sender,
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sessions.table().open.remove(&self.number);
    }
}

impl Drop for MaildropLock {
    fn drop(&mut self) {
        let mut table = self.sessions.table();
        if table
            .maildrops
            .get(&self.user)
            .is_some_and(|(number, _)| *number == self.number)
        {
            table.maildrops.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn session(sessions: &Sessions) -> Session {
        sessions.open("pop3", IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    #[test]
    fn a_maildrop_in_use_is_not_given_twice() {
        let sessions = Sessions::default();
        let (first, second) = (session(&sessions), session(&sessions));
        let lock = smol::block_on(first.lock_maildrop("anna")).unwrap();
        assert!(smol::block_on(second.lock_maildrop("anna")).is_none());
        assert!(smol::block_on(second.lock_maildrop("bob")).is_some());
        drop(lock);
        assert!(smol::block_on(second.lock_maildrop("anna")).is_some());
        assert!(first.interrupted.try_recv().is_err());
    }

    #[test]
    fn a_silent_session_is_ended_by_a_new_log_in() {
        let sessions = Sessions::default();
        let (first, second) = (session(&sessions), session(&sessions));
        let lock = smol::block_on(first.lock_maildrop("anna")).unwrap();
        let long_ago = Instant::now().checked_sub(SILENT_AFTER).unwrap();
        let silent = Arc::new(Activity {
            opened: long_ago,
            last_millis: AtomicU64::new(0),
        });
        sessions
            .table()
            .open
            .get_mut(&first.number)
            .unwrap()
            .activity = silent;
        let taken = smol::block_on(future::zip(second.lock_maildrop("anna"), async {
            assert_eq!(first.interrupted.recv().await, Ok(Interruption::Replaced));
            drop(lock);
        }));
        assert!(taken.0.is_some());
    }

    #[test]
    fn all_sessions_end_when_the_hub_stops_also_late_ones() {
        let sessions = Sessions::default();
        let early = session(&sessions);
        sessions.shut_down();
        let late = session(&sessions);
        assert_eq!(early.interrupted.try_recv(), Ok(Interruption::Shutdown));
        assert_eq!(late.interrupted.try_recv(), Ok(Interruption::Shutdown));
        assert_eq!(sessions.count(), 2);
    }
}
