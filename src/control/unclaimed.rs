//! What a command must know of unclaimed mail before it writes a rule.

use std::fmt::Display;

use data_encoding::BASE64;

use super::messages::{Answer, MailLine};
use super::perform::{LIST_STEP, line};
use crate::mail::{HEADER_OCTETS_MAX, HeaderBlock, QueueId};
use crate::route::multidrop::{Rule, catches, rules_are_asked};
use crate::store::{EntryId, HEAD_OCTETS, MailRow, MailboxId, Part, Store};

/// How the source of a fetched message begins: rules decide about no other.
const FETCHED: &str = "fetch ";

/// The evidence of a message in the unclaimed tray, and its header block.
pub(super) async fn evidence(store: &Store, id: QueueId) -> Result<Answer, String> {
    let record = store.record(id).await.map_err(text)?;
    let record = record.ok_or_else(|| format!("there is no message {id}"))?;
    let waits = record
        .entries
        .iter()
        .find(|entry| entry.user.is_none() && entry.collected_at.is_none());
    let entry = waits.ok_or_else(|| format!("message {id} is not unclaimed"))?;
    let headers = headers(store, entry.entry, entry.trace.len()).await?;
    Ok(Answer::Evidence {
        fetched: record.source.starts_with(FETCHED),
        source: record.source,
        why: entry.why.clone(),
        headers: BASE64.encode(headers.octets()),
    })
}

/// The unclaimed mail that this rule would have given to somebody.
pub(super) async fn caught(store: &Store, rule: &Rule) -> Result<Answer, String> {
    let mut lines: Vec<MailLine> = Vec::new();
    let Some(tray) = tray(store).await? else {
        return Ok(Answer::Mail { lines });
    };
    let mut after = None;
    loop {
        let step = store.mail_in(tray, Part::Waiting, after, LIST_STEP).await;
        let rows = step.map_err(text)?;
        let Some(last) = rows.last() else {
            return Ok(Answer::Mail { lines });
        };
        after = Some(last.entry);
        for row in rows {
            if !row.source.starts_with(FETCHED) || !rules_are_asked(&row.why) {
                continue;
            }
            if catches(rule, &headers_of_row(store, &row).await?) {
                lines.push(line(row, false));
            }
        }
    }
}

async fn tray(store: &Store) -> Result<Option<MailboxId>, String> {
    let mailboxes = store.mailboxes().await.map_err(text)?;
    let mut mailboxes = mailboxes.iter();
    let tray = mailboxes.find(|mailbox| mailbox.user.is_none() && mailbox.sealed_at.is_none());
    Ok(tray.map(|tray| tray.id))
}

/// From the head of the row, where that is not cut off within the block.
async fn headers_of_row(store: &Store, row: &MailRow) -> Result<HeaderBlock, String> {
    if let Ok(head) = &row.head {
        let block = HeaderBlock::read(head);
        if head.len() < HEAD_OCTETS || block.octets().len() < head.len() {
            return Ok(block);
        }
    }
    let record = store.record(row.id).await.map_err(text)?;
    let entries = record.map(|record| record.entries).unwrap_or_default();
    let mut entries = entries.iter();
    let entry = entries.find(|entry| entry.entry == row.entry);
    headers(store, row.entry, entry.map_or(0, |entry| entry.trace.len())).await
}

/// The header block as it came, without our trace lines.
async fn headers(store: &Store, entry: EntryId, trace: usize) -> Result<HeaderBlock, String> {
    let mut reader = store.open_message(entry).await.map_err(text)?;
    let mut head = Vec::new();
    while head.len() < trace + HEADER_OCTETS_MAX {
        match reader.next_chunk().await.map_err(text)? {
            Some(chunk) => head.extend(chunk),
            None => break,
        }
    }
    Ok(HeaderBlock::read(head.get(trace..).unwrap_or_default()))
}

fn text(why: impl Display) -> String {
    why.to_string()
}
