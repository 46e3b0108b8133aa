//! The daily summary of unclaimed mail: one message to the postmaster, so that
//! nobody has to look whether there is any.

use std::time::{Duration, SystemTime};

mod text;

use super::Hub;
use crate::journal;
use crate::mail::{
    Address, Domain, LocalPart, Notice, QueueId, Recipient, ReversePath, Summary, delivered_to,
    return_path,
};
use crate::route::{Directory, Route};
use crate::store::{MailRow, MailboxName, Moment, NewEntry, NewMessage, StoreError, UnclaimedNews};

use text::Item;

/// The way in, as `postroom why` shows it.
const SOURCE: &str = "hub";
const WHY: &str = "the daily summary of unclaimed mail";

/// What was said already.
#[derive(Debug, Default)]
pub struct Said {
    nobody_is_postmaster: bool,
}

/// What the store does here, in words for the log.
const TELLING: &str = "writing the summary of unclaimed mail";

/// Tells the postmaster of what has come to the unclaimed tray, at most once
/// in 24 hours of running time.
pub async fn tell(hub: &Hub, said: &mut Said) {
    let now = Moment::now();
    let outcome = match hub.office.store.unclaimed_since_told(now).await {
        Ok(None) => return,
        Ok(Some(news)) => deliver(hub, &news, now, said).await,
        Err(why) => Err(why),
    };
    match outcome {
        // That the disk is full is said already; the next look is as good.
        Err(StoreError::Full) => {}
        Ok(()) => hub.office.troubles.succeeded(TELLING),
        Err(why) => hub.office.troubles.failed(TELLING, &why),
    }
}

async fn deliver(
    hub: &Hub,
    news: &UnclaimedNews,
    now: Moment,
    said: &mut Said,
) -> Result<(), StoreError> {
    let directory = hub.office.directory.now();
    let users = postmasters(&directory);
    let Some(domain) = directory.domains().first().filter(|_| !users.is_empty()) else {
        if !said.nobody_is_postmaster {
            log::warn!(
                "unclaimed mail has come, and nobody is told: say who is postmaster (postroom alias set \
                 postmaster NAME), or look with postroom unclaimed list"
            );
        }
        said.nobody_is_postmaster = true;
        return Ok(());
    };
    said.nobody_is_postmaster = false;
    let store = &hub.office.store;
    let id = store.next_id(now.wall);
    let hostname = hub.office.settings.now().hostname.clone();
    let mut body = store.new_body();
    let octets = message(id, &hostname, domain, now.wall, news);
    body.write(&octets).await?;
    let trace = trace(domain);
    let entry = |user: &String| NewEntry {
        mailbox: MailboxName::User(user.clone()),
        trace: trace.clone(),
        why: WHY.to_string(),
    };
    let summary = NewMessage {
        id,
        received_at: now.wall,
        source: SOURCE.to_string(),
        reverse_path: ReversePath::Null.to_string(),
        body: body.finish().await?,
        entries: users.iter().map(entry).collect(),
    };
    let receipt = match store.deliver_summary(summary, news.up_to, now).await {
        // Added to directory.toml a moment ago: the next look finds a mailbox.
        Err(StoreError::NoMailbox(_)) => return Ok(()),
        other => other?,
    };
    for user in &users {
        if !receipt.without_mailbox().contains(user) {
            journal::delivered(id, user, WHY);
        }
    }
    Ok(())
}

fn postmasters(directory: &Directory) -> Vec<String> {
    // Whether it has just gone does not matter here, and so the time does not.
    match directory.route(&Recipient::Postmaster, Duration::ZERO) {
        Route::Deliver(targets) => targets.into_iter().map(|target| target.user).collect(),
        Route::Unclaimed { .. } | Route::Refused(_) => Vec::new(),
    }
}

fn trace(domain: &Domain) -> Vec<u8> {
    let mut trace = return_path(&ReversePath::Null);
    if let Some(address) = postmaster(domain) {
        trace.push_str(&delivered_to(&Recipient::Address(address)));
    }
    trace.into_bytes()
}

fn postmaster(domain: &Domain) -> Option<Address> {
    let local_part = LocalPart::parse("postmaster").ok()?;
    Some(Address {
        local_part,
        domain: domain.clone(),
    })
}

/// The message as the mailbox keeps it, without trace lines.
fn message(
    id: QueueId,
    hostname: &str,
    domain: &Domain,
    at: SystemTime,
    news: &UnclaimedNews,
) -> Vec<u8> {
    let items = news.newest.iter().map(item).collect::<Vec<_>>();
    let to: Vec<Address> = postmaster(domain).into_iter().collect();
    Notice {
        id,
        hostname,
        domain,
        to: &to,
        at,
        subject: &text::subject(news.new),
        text: &text::text(&items, news.new, news.all),
    }
    .to_octets()
}

fn item(row: &MailRow) -> Item {
    let summary = row.head.as_ref().map(|head| Summary::of(head));
    let (from, subject) = match summary {
        Ok(summary) => (summary.from, summary.subject),
        Err(why) => (String::new(), format!("[{why}]")),
    };
    Item {
        id: row.id,
        received_at: row.received_at,
        from: match from.is_empty() {
            true => row.reverse_path.clone(),
            false => from,
        },
        subject,
        why: row.why.clone(),
    }
}
