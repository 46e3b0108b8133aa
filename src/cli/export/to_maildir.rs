//! An export into a Maildir.

use std::path::Path;
use std::time::SystemTime;

use super::{Taken, Target};
use crate::cli::Failure;
use crate::control::{ExportEntry, Exporting, seconds};
use crate::formats::maildir::{LineEnds, MaildirWriter, Name, Seen};

pub struct ToMaildir {
    maildir: MaildirWriter,
    hostname: String,
    /// Of each message the key, and the unique-id that PCs know it by; in the order
    /// of the mailbox, which a server keeps.
    unique_ids: Vec<(String, String)>,
}

impl ToMaildir {
    pub fn open(path: &Path, hostname: String) -> Result<ToMaildir, Failure> {
        Ok(ToMaildir {
            maildir: MaildirWriter::open(path)?,
            hostname,
            unique_ids: Vec::new(),
        })
    }
}

/// Stays the same when the message was restored, and so has a new unique-id.
fn key(entry: &ExportEntry) -> String {
    format!("{}V{}", entry.id, entry.mailbox)
}

impl Target for ToMaildir {
    fn wants(&mut self, entry: &ExportEntry) -> Result<bool, Failure> {
        let key = key(entry);
        let is_there = self.maildir.base(&key).is_some();
        if is_there && entry.is_collected {
            self.maildir.note_seen(&key)?;
        }
        self.unique_ids.push((key, entry.unique_id.clone()));
        Ok(!is_there)
    }

    fn take(
        &mut self,
        exporting: &mut Exporting,
        entry: &ExportEntry,
        ends: LineEnds,
    ) -> Result<Taken, Failure> {
        let name = Name {
            at: entry.received_at,
            key: key(entry),
            host: self.hostname.clone(),
        };
        let mut file = self.maildir.begin(name, ends)?;
        let ended = exporting.content(|octets| file.write(octets).map_err(Failure::from))?;
        let taken = Taken::of(ended, file.is_ambiguous());
        if let Taken::Written = taken {
            let seen = match entry.is_collected {
                true => Seen::Yes,
                false => Seen::No,
            };
            self.maildir.add(file, seen)?;
        }
        Ok(taken)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        Ok(self.maildir.settle()?)
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        Ok(self
            .maildir
            .finish(&self.unique_ids, seconds(SystemTime::now()))?)
    }
}
