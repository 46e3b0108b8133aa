//! Fetches the mailbox of a provider: drives the machine of [`crate::fetch`] on
//! a connection that the hub opens, asks [`crate::route::multidrop`] whose each
//! message is, and has it committed before it is removed there.
//!
//! ```text
//! poll, look, dry_run ──▶ visit: one session ──▶ errand: polling | preview
//!                                                   │
//!                         plan: which messages to read, to remove, to leave
//! ```
//! [`Timetable`] says when, [`Health`] what a person must know of it.

mod plan;
mod polling;
mod preview;
mod report;
mod settings;
mod token;
mod untrusted;
mod visit;
mod schedule;
mod health;

pub use health::{Health, News};
pub use report::{Hint, PollError, Report};
pub use schedule::{Chance, Timetable, local_time};
pub use settings::{Caps, Login, OfficeHours, Provider, Schedule};

use std::sync::Arc;

use super::current::Current;
use super::message_memory::MessageMemory;
use super::sessions::Sessions;
use crate::delivery::Origin;
use crate::fetch::{Pipelining, Remedy, Security, WithoutUniqueIds};
use crate::route::Directory;
use crate::route::multidrop::Decision;
use crate::store::{Moment, SpaceState, Store};
use polling::Polling;
use preview::{Look, Reader};
use visit::Visit;

/// What a poll works with: a hub's inside, or what a command has without one.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where mail goes.
    pub store: &'a Store,
    /// Who is ours.
    pub directory: &'a Current<Directory>,
    /// Shows the session, and ends it.
    pub sessions: &'a Sessions,
    /// Memory for messages under way.
    pub memory: &'a MessageMemory,
    /// Runs commits beside the session.
    pub tasks: &'a Arc<smol::Executor<'static>>,
}

/// What a poll came to.
#[derive(Debug)]
pub struct Poll {
    /// What was done, also if the poll failed half-way.
    pub report: Report,
    /// Whether it came to its end.
    pub outcome: Result<(), PollError>,
}

/// One poll: fetches what is new, removes what is to be removed, in as many
/// sessions as that takes. Two polls of one account at the same time are the
/// caller's to prevent.
pub async fn poll(provider: &Provider, around: Surroundings<'_>) -> Poll {
    let mut poll = Poll {
        report: Report::default(),
        outcome: Ok(()),
    };
    let mut pace = Pace::AsSet;
    loop {
        let mut part = Report::default();
        let outcome = session(provider, around, pace, &mut part).await;
        let goes_on = part.continues();
        poll.report.add(part);
        match outcome {
            Err(why) if why.remedy() == Remedy::LockStep && pace == Pace::AsSet => {
                pace = Pace::LockStep;
            }
            Ok(()) if goes_on => {}
            outcome => {
                poll.outcome = untrusted::shown(outcome, provider, around.sessions).await;
                return poll;
            }
        }
    }
}

/// How fast a session goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As the settings and what is remembered of the server say.
    AsSet,
    /// One command after the other, for the session before has failed.
    LockStep,
}

async fn session(
    provider: &Provider,
    around: Surroundings<'_>,
    pace: Pace,
    report: &mut Report,
) -> Result<(), PollError> {
    if around.store.space()?.state != SpaceState::Enough {
        return Err(PollError::DiskShort);
    }
    let account = around
        .store
        .provider(&provider.host, &provider.user, Moment::now())
        .await?;
    let pipelining = match pace {
        Pace::AsSet if !account.lock_step => provider.pipelining,
        Pace::AsSet | Pace::LockStep => Pipelining::Off,
    };
    let without_unique_ids = match provider.leave_on_server.is_zero() {
        true => WithoutUniqueIds::Proceed,
        false => WithoutUniqueIds::Refuse,
    };
    let visit = Visit::begin(provider, around.sessions).await?;
    let origin = Origin {
        account: provider.name.clone(),
        peer: visit.peer(),
        is_secured: provider.security != Security::Clear,
        routing: provider.routing.clone(),
    };
    let mut polling = Polling::new(provider, around, account, origin);
    let ended = visit
        .run(pipelining, without_unique_ids, &mut polling)
        .await;
    polling.finish(ended.outcome.is_ok()).await;
    // A line that is dead looks like a server that forgets commands, until the
    // server answers them one by one.
    if pace == Pace::LockStep && ended.outcome.is_ok() {
        let noted = around.store.set_lock_step(account.id, Moment::now());
        noted.await?;
    }
    *report = polling.report;
    report.certificate_days_left = ended.certificate_days_left;
    match polling.failed {
        Some(why) => Err(why.into()),
        None => ended.outcome,
    }
}

/// What a log-in alone shows; nothing is read or changed.
#[derive(Debug)]
pub struct Found {
    /// Messages in the mailbox.
    pub messages: u64,
    /// Their octets, as LIST tells them.
    pub octets: u64,
    /// Whether they can be told apart (UIDL).
    pub has_unique_ids: bool,
    /// Whether commands may be sent together.
    pub pipelining: bool,
    /// The server's program, where it says.
    pub implementation: Option<String>,
    /// Days until its certificate expires; none without TLS.
    pub certificate_days_left: Option<i64>,
}

/// Logs in and out again, for `check`.
///
/// # Errors
/// What would keep a poll from its work.
pub async fn look(provider: &Provider, sessions: &Sessions) -> Result<Found, PollError> {
    let looked = look_once(provider, sessions).await;
    untrusted::shown(looked, provider, sessions).await
}

async fn look_once(provider: &Provider, sessions: &Sessions) -> Result<Found, PollError> {
    let visit = Visit::begin(provider, sessions).await?.watched();
    let mut look = Look::default();
    let without = WithoutUniqueIds::Proceed;
    let ended = visit.run(provider.pipelining, without, &mut look).await;
    ended.outcome?;
    let found = look.found.ok_or(PollError::Interrupted)?;
    Ok(Found {
        certificate_days_left: ended.certificate_days_left,
        ..found
    })
}

/// How a dry run reads headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// By TOP alone.
    Top,
    /// By RETR, which marks messages as read at some providers.
    Retrieve,
}

/// One message of a dry run.
#[derive(Debug)]
pub struct Preview {
    /// Its message-number at the provider.
    pub number: u32,
    /// Its size by LIST.
    pub octets: Option<u64>,
    /// From, as the message shows it.
    pub from: String,
    /// Subject, as the message shows it.
    pub subject: String,
    /// Who would get it, and why.
    pub decision: Decision,
}

/// What a dry run found.
#[derive(Debug)]
pub struct DryRun {
    /// Messages in the mailbox.
    pub listed: u64,
    /// The newest of them, oldest first.
    pub previews: Vec<Preview>,
    /// The settings that explain most of them.
    pub advice: Option<crate::route::multidrop::Advice>,
    /// Messages whose headers the server did not give: the message-number, and
    /// what it says.
    pub refused: Vec<(u32, crate::fetch::Refusal)>,
}

/// Reads the headers of the newest messages, `most` at most, and says who would
/// get them. Nothing changes anywhere.
///
/// # Errors
/// [`PollError::NoTop`] where the server needs [`Reading::Retrieve`]; else what
/// would keep a poll from its work.
pub async fn dry_run(
    provider: &Provider,
    directory: &Directory,
    sessions: &Sessions,
    reading: Reading,
    most: usize,
) -> Result<DryRun, PollError> {
    let read = async {
        let visit = Visit::begin(provider, sessions).await?.watched();
        let mut reader = Reader::new(provider, directory, reading, most);
        let without = WithoutUniqueIds::Proceed;
        let ended = visit.run(provider.pipelining, without, &mut reader).await;
        ended.outcome?;
        reader.finish()
    };
    untrusted::shown(read.await, provider, sessions).await
}
