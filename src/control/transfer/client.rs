//! The command's end of an export or import.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::line::BROKEN;
use super::{
    ExportEntry, ExportRequest, ExportStep, Gone, ImportHead, ImportReply, ImportStep, Known,
    Wanted,
};
use crate::config::Configuration;
use crate::control::alone::Substitute;
use crate::control::client::{AskError, Joined, in_words, join};
use crate::control::messages::{Answer, Request};
use crate::formats::LikenessDigest;
use crate::store::CHUNK_OCTETS;

/// Longer than the other end is silent while it works.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);
/// Sooner than the other end believes a command gone that sends nothing: it may be
/// reading what is known.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// A connection to the running hub, or to the store itself where none runs.
#[derive(Debug)]
pub struct Transfer {
    input: BufReader<UnixStream>,
    output: BufWriter<UnixStream>,
    /// Who works on the store where no hub runs.
    alone: Option<Substitute>,
}

impl Transfer {
    /// Connects.
    ///
    /// # Errors
    /// A hub runs and cannot be spoken to; or the store does not open.
    pub fn open(configuration: &Configuration) -> Result<Transfer, AskError> {
        let Joined { stream, alone } = join(configuration)?;
        Transfer::over(stream, alone, ANSWER_LIMIT).map_err(AskError::broken)
    }

    fn over(
        stream: UnixStream,
        alone: Option<Substitute>,
        limit: Duration,
    ) -> io::Result<Transfer> {
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        Ok(Transfer {
            input: BufReader::with_capacity(CHUNK_OCTETS, stream.try_clone()?),
            output: BufWriter::with_capacity(CHUNK_OCTETS, stream),
            alone,
        })
    }

    /// Asks for mail. What comes back is the beginning of it, or another answer.
    ///
    /// # Errors
    /// The connection broke off, as with all that follows.
    pub fn export(mut self, asked: ExportRequest) -> Result<Result<Exporting, Answer>, AskError> {
        match self.ask(&Request::Export(asked))? {
            Answer::Exporting { messages, octets } => Ok(Ok(Exporting {
                transfer: self,
                messages,
                octets,
            })),
            other => Ok(Err(other)),
        }
    }

    /// Begins to bring mail into a user's mailbox. `known` is told of each message
    /// that is there, and then of each that was brought before.
    ///
    /// # Errors
    /// See [`Transfer::export`].
    pub fn import(
        mut self,
        user: &str,
        gone: Gone,
        mut known: impl FnMut(LikenessDigest, Known),
    ) -> Result<Result<Importing, Answer>, AskError> {
        let user = user.to_string();
        match self.ask(&Request::Import { user, gone })? {
            Answer::Importing => {}
            other => return Ok(Err(other)),
        }
        let mut chunk = Vec::new();
        for by in [Known::Here, Known::Before] {
            while self.chunk(&mut chunk).map_err(AskError::broken)? != Chunk::End {
                for digest in chunk.chunks_exact(32) {
                    known(digest.try_into().unwrap_or_default(), by);
                }
            }
        }
        Importing::begin(self).map(Ok).map_err(AskError::broken)
    }

    fn ask(&mut self, request: &Request) -> Result<Answer, AskError> {
        let exchange = self.write(request).and_then(|()| self.flush());
        let answer = exchange.and_then(|()| self.read());
        answer.map_err(AskError::broken)
    }

    fn write(&mut self, step: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(step)?;
        line.push(b'\n');
        self.output.write_all(&line).map_err(in_words)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush().map_err(in_words)
    }

    fn read<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        read(&mut self.input)
    }

    fn chunk(&mut self, chunk: &mut Vec<u8>) -> io::Result<Chunk> {
        let mut count = [0; 4];
        self.input.read_exact(&mut count).map_err(in_words)?;
        let count = u32::from_be_bytes(count);
        if count == BROKEN {
            return Ok(Chunk::Broken);
        }
        if count as usize > CHUNK_OCTETS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        chunk.resize(count as usize, 0);
        self.input.read_exact(chunk).map_err(in_words)?;
        Ok(match count {
            0 => Chunk::End,
            _ => Chunk::Octets,
        })
    }

    fn write_chunk(&mut self, octets: &[u8]) -> io::Result<()> {
        let count = u32::try_from(octets.len()).map_err(io::Error::other)?;
        let written = self.output.write_all(&count.to_be_bytes());
        let written = written.and_then(|()| self.output.write_all(octets));
        written.map_err(in_words)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        // The other end hears that it is over; its store must close before the
        // command ends.
        let _ = self.output.get_ref().shutdown(Shutdown::Both);
        if let Some(alone) = self.alone.take() {
            alone.wait();
        }
    }
}

fn read<T: DeserializeOwned>(input: &mut impl BufRead) -> io::Result<T> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(in_words)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}

#[derive(Debug, PartialEq, Eq)]
enum Chunk {
    Octets,
    End,
    Broken,
}

/// An export under way.
#[derive(Debug)]
pub struct Exporting {
    transfer: Transfer,
    /// Messages in the mailboxes, of the part that was asked for.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
}

/// How the content of one message ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it came.
    Whole,
    /// It cannot be read; why.
    Lost(String),
}

impl Exporting {
    /// The next entries; none at the end. Before the next page of them
    /// [`Exporting::turn`] must be called.
    ///
    /// # Errors
    /// The connection broke off, or the hub tells why it cannot go on.
    pub fn page(&mut self) -> io::Result<Vec<ExportEntry>> {
        match self.transfer.read()? {
            ExportStep::Page { entries } => Ok(entries),
            ExportStep::End => Ok(Vec::new()),
            ExportStep::Failed { why } => Err(io::Error::other(why)),
            ExportStep::Content | ExportStep::Lost { .. } => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Asks for the entries at these places of the page; [`Exporting::content`]
    /// then gives them in this order.
    ///
    /// # Errors
    /// The connection broke off.
    pub fn want(&mut self, places: Vec<usize>) -> io::Result<()> {
        self.transfer.write(&Wanted { places })?;
        self.transfer.flush()
    }

    /// The page is done.
    ///
    /// # Errors
    /// The connection broke off.
    pub fn turn(&mut self) -> io::Result<()> {
        self.want(Vec::new())
    }

    /// The content of one entry that is wanted, with CRLF, piece by piece.
    ///
    /// # Errors
    /// The connection broke off, or what `take` says.
    pub fn content<E: From<io::Error>>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Ended, E> {
        match self.transfer.read()? {
            ExportStep::Content => {}
            ExportStep::Lost { why } => return Ok(Ended::Lost(why)),
            _ => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
        let mut chunk = Vec::new();
        loop {
            match self.transfer.chunk(&mut chunk)? {
                Chunk::Octets => take(&chunk)?,
                Chunk::End => return Ok(Ended::Whole),
                Chunk::Broken => match self.transfer.read()? {
                    ExportStep::Lost { why } => return Ok(Ended::Lost(why)),
                    _ => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
                },
            }
        }
    }
}

/// An import under way. Messages are sent without waiting for what becomes of
/// those before them; a thread of its own hears that, or both ends would wait for
/// each other.
#[derive(Debug)]
pub struct Importing {
    transfer: Transfer,
    replies: Receiver<io::Result<ImportReply>>,
    hears: Option<JoinHandle<()>>,
    /// When the hub last got something.
    sent_at: Instant,
}

impl Importing {
    fn begin(transfer: Transfer) -> io::Result<Importing> {
        // Nothing is in the buffer: the other end speaks only when it is spoken to,
        // and says nothing while all that is read is known. Whoever waits for a reply
        // keeps a limit; a hub that is gone ends the connection.
        let stream = transfer.input.get_ref().try_clone()?;
        stream.set_read_timeout(None)?;
        let (heard, replies) = channel();
        let hears = thread::Builder::new().spawn(move || {
            let mut input = BufReader::new(stream);
            loop {
                let reply = read(&mut input);
                let is_over = matches!(
                    reply,
                    Err(_) | Ok(ImportReply::Done | ImportReply::Stopped { .. })
                );
                // Nobody listens any more when the command gives up.
                if heard.send(reply).is_err() || is_over {
                    return;
                }
            }
        })?;
        Ok(Importing {
            transfer,
            replies,
            hears: Some(hears),
            sent_at: Instant::now(),
        })
    }

    /// A message begins.
    ///
    /// # Errors
    /// The connection broke off, as with the others: [`Importing::reply`] may know
    /// why.
    pub fn message(&mut self) -> io::Result<()> {
        self.transfer.write(&ImportStep::Message)
    }

    /// Its next octets, with CRLF.
    ///
    /// # Errors
    /// See [`Importing::message`].
    pub fn content(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut chunks = octets.chunks(CHUNK_OCTETS);
        chunks.try_for_each(|chunk| self.transfer.write_chunk(chunk))
    }

    /// All of it came, and it is to be kept. One reply is for this message.
    ///
    /// # Errors
    /// See [`Importing::message`].
    pub fn keep(&mut self, head: ImportHead) -> io::Result<()> {
        self.transfer.write_chunk(b"")?;
        self.transfer.write(&ImportStep::Keep(head))
    }

    /// It is not to be kept; no reply is for it.
    ///
    /// # Errors
    /// See [`Importing::message`].
    pub fn drop_message(&mut self) -> io::Result<()> {
        self.transfer.write_chunk(b"")?;
        self.transfer.write(&ImportStep::Drop)
    }

    /// Another message was looked at, and nothing of it is to be sent. Now and then
    /// the hub hears that the command is still at work.
    ///
    /// # Errors
    /// See [`Importing::message`].
    pub fn passed_over(&mut self) -> io::Result<()> {
        self.still_here(SILENT_MAX)
    }

    fn still_here(&mut self, silent_max: Duration) -> io::Result<()> {
        if self.sent_at.elapsed() < silent_max {
            return Ok(());
        }
        self.transfer.write(&ImportStep::StillHere)?;
        self.flush()
    }

    /// There are no more messages; the replies that are left come now.
    ///
    /// # Errors
    /// See [`Importing::message`].
    pub fn end(&mut self) -> io::Result<()> {
        self.transfer.write(&ImportStep::End)?;
        self.flush()
    }

    /// Has everything go that was written.
    ///
    /// # Errors
    /// See [`Importing::message`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.sent_at = Instant::now();
        self.transfer.flush()
    }

    /// A reply that has come.
    pub fn try_reply(&mut self) -> Option<io::Result<ImportReply>> {
        self.replies.try_recv().ok()
    }

    /// Waits for a reply.
    ///
    /// # Errors
    /// The connection broke off, or nothing came for five minutes.
    pub fn reply(&mut self) -> io::Result<ImportReply> {
        let none = |why| {
            Err(match why {
                RecvTimeoutError::Timeout => in_words(io::ErrorKind::TimedOut.into()),
                RecvTimeoutError::Disconnected => io::ErrorKind::UnexpectedEof.into(),
            })
        };
        self.replies.recv_timeout(ANSWER_LIMIT).unwrap_or_else(none)
    }
}

impl Drop for Importing {
    fn drop(&mut self) {
        let _ = self.transfer.output.get_ref().shutdown(Shutdown::Both);
        if let Some(hears) = self.hears.take() {
            let _ = hears.join();
        }
    }
}

#[cfg(test)]
mod tests;
