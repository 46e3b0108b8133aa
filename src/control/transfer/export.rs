//! The hub's end of an export.

use std::io;

use super::super::messages::{Answer, seconds};
use super::super::perform::LIST_STEP;
use super::{ExportEntry, ExportPart, ExportRequest, ExportStep, Line, Mailboxes, Wanted};
use crate::store::{EntryId, MailRow, MailboxSummary, MessageReader, Part, Store, StoreError};

/// Hands out what is asked for.
pub async fn export(line: &mut Line, store: &Store, asked: &ExportRequest) -> io::Result<()> {
    let mailboxes = match store.mailboxes().await {
        Ok(mailboxes) => chosen(mailboxes, asked),
        Err(why) => {
            let why = why.to_string();
            return line.answer(&Answer::Failed { why }).await;
        }
    };
    if mailboxes.is_empty() {
        return line.answer(&Answer::NoMailbox).await;
    }
    line.answer(&exporting(&mailboxes, asked.part)).await?;
    for mailbox in &mailboxes {
        let mut after = None;
        loop {
            let part = part(asked.part);
            let rows = match store.mail_in(mailbox.id, part, after, LIST_STEP).await {
                Ok(rows) => rows,
                Err(why) => {
                    let why = why.to_string();
                    line.write(&ExportStep::Failed { why }).await?;
                    return line.flush().await;
                }
            };
            let Some(last) = rows.last() else {
                break;
            };
            after = Some(last.entry);
            let is_asked_for = |row: &MailRow| {
                asked
                    .since
                    .is_none_or(|since| seconds(row.received_at) >= since)
            };
            let rows: Vec<MailRow> = rows.into_iter().filter(is_asked_for).collect();
            if !rows.is_empty() {
                page(line, store, mailbox, rows).await?;
            }
        }
    }
    line.write(&ExportStep::End).await?;
    line.flush().await
}

fn chosen(mut mailboxes: Vec<MailboxSummary>, asked: &ExportRequest) -> Vec<MailboxSummary> {
    mailboxes.retain(|mailbox| mailbox.user == asked.user);
    let (open, sealed): (Vec<_>, Vec<_>) = mailboxes
        .into_iter()
        .partition(|mailbox| mailbox.sealed_at.is_none());
    match asked.mailboxes {
        Mailboxes::Present if !open.is_empty() => open,
        Mailboxes::Present | Mailboxes::Sealed => sealed,
    }
}

fn part(asked: ExportPart) -> Part {
    match asked {
        ExportPart::Waiting => Part::Waiting,
        ExportPart::Collected => Part::Collected,
        ExportPart::Both => Part::Both,
    }
}

fn exporting(mailboxes: &[MailboxSummary], asked: ExportPart) -> Answer {
    let (mut messages, mut octets) = (0, 0);
    for mailbox in mailboxes {
        if asked != ExportPart::Collected {
            messages += mailbox.messages;
            octets += mailbox.octets;
        }
        if asked != ExportPart::Waiting {
            messages += mailbox.collected_messages;
            octets += mailbox.collected_octets;
        }
    }
    Answer::Exporting { messages, octets }
}

/// A page, and what is wanted of it.
async fn page(
    line: &mut Line,
    store: &Store,
    mailbox: &MailboxSummary,
    rows: Vec<MailRow>,
) -> io::Result<()> {
    let (ids, entries): (Vec<EntryId>, Vec<ExportEntry>) = rows
        .into_iter()
        .map(|row| (row.entry, entry(row, mailbox)))
        .unzip();
    line.write(&ExportStep::Page { entries }).await?;
    line.flush().await?;
    loop {
        let Wanted { places } = line.read().await?;
        if places.is_empty() {
            return Ok(());
        }
        for place in places {
            let opened = match ids.get(place) {
                Some(entry) => store.open_message(*entry).await,
                None => Err(StoreError::NoEntry),
            };
            match opened {
                Ok(reader) => content(line, reader).await?,
                Err(why) => lost(line, &why).await?,
            }
        }
        line.flush().await?;
    }
}

fn entry(row: MailRow, mailbox: &MailboxSummary) -> ExportEntry {
    ExportEntry {
        id: row.id.to_string(),
        mailbox: mailbox.id.to_string(),
        unique_id: row.unique_id.to_string(),
        received_at: seconds(row.received_at),
        is_collected: row.collected_at.is_some(),
        reverse_path: row.reverse_path,
        octets: row.octets,
    }
}

/// As RETR sends it.
async fn content(line: &mut Line, mut reader: MessageReader) -> io::Result<()> {
    line.write(&ExportStep::Content).await?;
    let mut left = reader.octets();
    loop {
        match reader.next_chunk().await {
            Ok(Some(chunk)) => {
                left = left.saturating_sub(chunk.len() as u64);
                line.write_chunk(&chunk).await?;
            }
            Ok(None) => break,
            Err(why) => {
                line.write_broken().await?;
                return lost(line, &why).await;
            }
        }
    }
    if left > 0 {
        // The line end that the last line lacks.
        line.write_chunk(b"\r\n").await?;
    }
    line.write_chunk(b"").await
}

async fn lost(line: &mut Line, why: &StoreError) -> io::Result<()> {
    let why = why.to_string();
    line.write(&ExportStep::Lost { why }).await
}
