//! The work of the commands that need the store alone.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::messages::{Answer, MailLine, Request, Story, StoryEntry, seconds};
use super::status::{Disk, MailboxState, Status};
use super::unclaimed;
use crate::journal;
use crate::mail::{QueueId, Summary};
use crate::store::{
    MailRow, MessageReader, Moment, Part, Record, RecordEntry, SpaceState, Store, StoreError,
    Unclaimed,
};

/// Rows read at once: each holds the head of its message.
pub(super) const LIST_STEP: usize = 200;

/// What a request came to.
pub enum Outcome {
    /// An answer.
    Answer(Answer),
    /// So many octets of content, to be read from here.
    Content(u64, MessageReader),
}

/// Does what is asked, as far as the store alone can.
pub async fn perform(store: &Store, request: Request) -> Outcome {
    match attempt(store, request).await {
        Ok(outcome) => outcome,
        Err(why) => Outcome::Answer(Answer::Failed { why }),
    }
}

async fn attempt(store: &Store, request: Request) -> Result<Outcome, String> {
    let answer = match request {
        Request::Status => return Ok(status(store, Vec::new()).await),
        Request::Reload => {
            return Err("no hub runs; it reads its files when it starts".to_string());
        }
        // Fetching needs far more than the store; without a hub its command does it.
        Request::Fetch { .. } => return Err("no hub runs that could fetch".to_string()),
        // A conversation of their own.
        Request::Export(_) | Request::Import { .. } => {
            return Err("many messages need a connection of their own".to_string());
        }
        Request::MailList { user } => list(store, Some(&user), Part::Both).await?,
        Request::MailShow { id } => return show(store, id_of(&id)?).await,
        Request::MailWhy { id } => Answer::Story(story(store, id_of(&id)?).await?),
        Request::MailRestore { user, since } => restore(store, &user, since).await?,
        Request::MailErase { id } => erase(store, id_of(&id)?).await?,
        Request::UnclaimedList => list(store, None, Part::Waiting).await?,
        Request::UnclaimedEvidence { id } => unclaimed::evidence(store, id_of(&id)?).await?,
        Request::UnclaimedCaught { rule } => unclaimed::caught(store, &rule.into()).await?,
        Request::UnclaimedGive { id, user } => give(store, id_of(&id)?, &user).await?,
        Request::UnclaimedDelete { id } => delete(store, Unclaimed::Message(id_of(&id)?)).await?,
        Request::UnclaimedDeleteBefore { before } => {
            delete(store, Unclaimed::Before(time(before))).await?
        }
        Request::UserRemoved { name } | Request::UserReplaced { name } => {
            removed(store, &name).await?
        }
        Request::UserReturns {
            old,
            new,
            fingerprint,
        } => returns(store, &old, &new, &fingerprint).await?,
        Request::UserErased { name } => erase_sealed(store, &name).await?,
        Request::UserRenamed { old, new } => renamed(store, &old, &new).await?,
        Request::UserRenamedBefore {
            old,
            new,
            fingerprint,
        } => renamed_before(store, &old, &new, &fingerprint).await?,
    };
    Ok(Outcome::Answer(answer))
}

/// The mail of everybody who has, or had, this name; none for the tray.
async fn list(store: &Store, user: Option<&str>, part: Part) -> Result<Answer, String> {
    let mut mailboxes = store.mailboxes().await.map_err(text)?;
    mailboxes.retain(|mailbox| mailbox.user.as_deref() == user);
    if mailboxes.is_empty() {
        return Ok(Answer::NoMailbox);
    }
    let mut lines: Vec<MailLine> = Vec::new();
    for mailbox in mailboxes {
        let mut after = None;
        loop {
            let step = store.mail_in(mailbox.id, part, after, LIST_STEP).await;
            let rows = step.map_err(text)?;
            let Some(last) = rows.last() else {
                break;
            };
            after = Some(last.entry);
            let sealed = mailbox.sealed_at.is_some();
            lines.extend(rows.into_iter().map(|row| line(row, sealed)));
        }
    }
    Ok(Answer::Mail { lines })
}

async fn record(store: &Store, id: QueueId) -> Result<Record, String> {
    let record = store.record(id).await.map_err(text)?;
    record.ok_or_else(|| text(StoreError::NoMessage(id)))
}

async fn show(store: &Store, id: QueueId) -> Result<Outcome, String> {
    let record = record(store, id).await?;
    let Some(entry) = record.entries.first() else {
        return Err(format!("message {id} is in no mailbox any more"));
    };
    let octets = entry.trace.len() as u64 + record.octets;
    let reader = store.open_message(entry.entry).await.map_err(text)?;
    Ok(Outcome::Content(octets, reader))
}

async fn story(store: &Store, id: QueueId) -> Result<Story, String> {
    let record = record(store, id).await?;
    Ok(Story {
        id: record.id.to_string(),
        received_at: seconds(record.received_at),
        source: record.source,
        reverse_path: record.reverse_path,
        octets: record.octets,
        entries: record.entries.into_iter().map(story_entry).collect(),
    })
}

fn story_entry(entry: RecordEntry) -> StoryEntry {
    let trace = String::from_utf8_lossy(&entry.trace);
    let delivered_to = trace
        .lines()
        .filter_map(|line| line.strip_prefix("Delivered-To: "))
        .map(str::to_string);
    StoryEntry {
        delivered_to: delivered_to.collect(),
        user: entry.user,
        sealed: entry.sealed,
        why: entry.why,
        unique_id: entry.unique_id.to_string(),
        delivered_at: seconds(entry.delivered_at),
        collected_at: entry.collected_at.map(seconds),
    }
}

async fn restore(store: &Store, user: &str, since: i64) -> Result<Answer, String> {
    let restored = store
        .restore(user, time(since), SystemTime::now())
        .await
        .map_err(text)?;
    for id in &restored {
        journal::restored(*id, user);
    }
    Ok(done(match restored.len() {
        0 => format!("{user} has collected nothing since then that is still kept"),
        1 => format!(
            "1 message is back in the mailbox of {user}; the PC fetches it at its next poll"
        ),
        n => format!(
            "{n} messages are back in the mailbox of {user}; the PC fetches them at its next poll"
        ),
    }))
}

async fn erase(store: &Store, id: QueueId) -> Result<Answer, String> {
    store.erase(id).await.map_err(text)?;
    journal::erased(id);
    Ok(done(format!("message {id} is erased")))
}

async fn give(store: &Store, id: QueueId, user: &str) -> Result<Answer, String> {
    store
        .give(id, user, "given by hand", Moment::now())
        .await
        .map_err(text)?;
    journal::given(id, user);
    Ok(done(format!(
        "message {id} is in the mailbox of {user} now"
    )))
}

async fn delete(store: &Store, which: Unclaimed) -> Result<Answer, String> {
    let deleted = store.delete_unclaimed(which).await.map_err(text)?;
    for id in &deleted {
        journal::erased(*id);
    }
    Ok(done(format!(
        "unclaimed messages deleted: {}",
        deleted.len()
    )))
}

async fn removed(store: &Store, name: &str) -> Result<Answer, String> {
    let sealed = match store.seal(name, SystemTime::now()).await {
        Ok(sealed) => sealed,
        Err(StoreError::NoMailbox(_)) => return Ok(done(format!("{name} had no mailbox yet"))),
        Err(why) => return Err(text(why)),
    };
    journal::user_removed(name);
    let mut mailboxes = store.mailboxes().await.map_err(text)?;
    mailboxes.retain(|mailbox| mailbox.id == sealed);
    let (messages, octets) = mailboxes.first().map_or((0, 0), |mailbox| {
        (
            mailbox.messages + mailbox.collected_messages,
            mailbox.octets + mailbox.collected_octets,
        )
    });
    Ok(done(format!(
        "the mailbox of {name} is sealed, with {messages} messages, {}; a new user {name} starts empty\n\
         look at it:       postroom mail list {name}\n\
         into files:       postroom export {name} --maildir DIR\n\
         to another user:  postroom unclaimed give ID USER\n\
         for good:         postroom user erase {name}",
        journal::Size(octets)
    )))
}

async fn returns(store: &Store, old: &str, new: &str, fingerprint: &str) -> Result<Answer, String> {
    let returns = store.expect_back(old, new, fingerprint).await;
    returns.map_err(text)?;
    Ok(done(format!("the mailbox is {new}'s again")))
}

async fn erase_sealed(store: &Store, name: &str) -> Result<Answer, String> {
    let (entries, messages) = match store.erase_sealed(name).await {
        Ok(removed) => removed,
        Err(StoreError::NoMailbox(_)) => return Ok(Answer::NoMailbox),
        Err(why) => return Err(text(why)),
    };
    for id in &messages {
        journal::erased(*id);
    }
    Ok(done(format!(
        "what removed users {name} left is erased: {entries} messages, {} of which nobody else has",
        messages.len()
    )))
}

async fn renamed(store: &Store, old: &str, new: &str) -> Result<Answer, String> {
    match store.rename(old, new, SystemTime::now()).await {
        Ok(_) => Ok(now_called(old, new)),
        // Added since the hub last ran.
        Err(StoreError::NoMailbox(_)) => Ok(done(format!("{old} had no mailbox yet"))),
        Err(why) => Err(text(why)),
    }
}

async fn renamed_before(
    store: &Store,
    old: &str,
    new: &str,
    fingerprint: &str,
) -> Result<Answer, String> {
    let now = SystemTime::now();
    match store.rename_person(old, new, fingerprint, now).await {
        Ok(_) => Ok(now_called(old, new)),
        Err(StoreError::NoMailbox(_)) => Ok(Answer::NoMailbox),
        Err(why) => Err(text(why)),
    }
}

fn now_called(old: &str, new: &str) -> Answer {
    journal::user_renamed(old, new);
    done(format!("the mailbox of {old} is now that of {new}"))
}

pub(super) fn line(row: MailRow, sealed: bool) -> MailLine {
    let (from, subject) = match &row.head {
        Ok(head) => {
            let summary = Summary::of(head);
            (summary.from, summary.subject)
        }
        Err(why) => (String::new(), format!("[{why}]")),
    };
    MailLine {
        id: row.id.to_string(),
        received_at: seconds(row.received_at),
        collected_at: row.collected_at.map(seconds),
        sealed,
        octets: row.octets,
        reverse_path: row.reverse_path,
        from,
        subject,
        why: row.why,
    }
}

fn done(text: String) -> Answer {
    Answer::Done { text }
}

fn id_of(text: &str) -> Result<QueueId, String> {
    text.parse::<QueueId>().map_err(|why| why.to_string())
}

fn text(why: StoreError) -> String {
    why.to_string()
}

fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// What the store can tell, beside the users of a directory, each with the fingerprint of
/// the password entry.
pub async fn status(store: &Store, users: Vec<(String, String)>) -> Outcome {
    Outcome::Answer(match store_status(store, users).await {
        Ok(status) => Answer::Status(Box::new(status)),
        Err(why) => Answer::Failed { why: text(why) },
    })
}

async fn store_status(store: &Store, users: Vec<(String, String)>) -> Result<Status, StoreError> {
    let mut renamed: HashMap<String, String> = store.renamed(users).await?.into_iter().collect();
    let mailboxes = store
        .mailboxes()
        .await?
        .into_iter()
        .map(|mailbox| MailboxState {
            now_called: match (&mailbox.user, mailbox.sealed_at) {
                (Some(user), None) => renamed.remove(user),
                _ => None,
            },
            user: mailbox.user,
            messages: mailbox.messages,
            octets: mailbox.octets,
            collected_messages: mailbox.collected_messages,
            collected_octets: mailbox.collected_octets,
            missing_since: mailbox.missing_since.map(seconds),
            sealed_at: mailbox.sealed_at.map(seconds),
            last_login: mailbox.last_login.map(seconds),
            waiting_since: mailbox.waiting_since.map(seconds),
        });
    let mailboxes = mailboxes.collect();
    let space = store.space()?;
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_string(),
        hub: None,
        providers: Vec::new(),
        mailboxes,
        disk: Disk {
            free: space.free,
            total: space.total,
            short: space.state == SpaceState::Short,
        },
    })
}
